// posthog-js, unmodified, sends to Weir from a page of another site.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { House, Page } from "./sdk.mjs";

let house, page;

before(async () => {
  page = await Page.open("posthog-js/dist/array.full.js");
  house = await House.open({ scope: "ingest_public", origins: [page.origin], counts: /^\/e\// });
});

after(async () => {
  await page?.close();
  await house?.close();
});

test("events of a page arrive once each, through an answer that got lost, a server that was away, and the page's end", async () => {
  const tab = await page.load();
  house.proxy.faults.push("lost", "refused");
  const device = await tab.evaluate(async ({ key, api_host }) => {
    window.posthog.init(key, { api_host, opt_out_useragent_filter: true, person_profiles: "always", capture_exceptions: true });
    window.posthog.capture("image.generate", { model: "xl", duration_ms: 812 });
    await new Promise((resolve) => window.posthog.on("eventCaptured", ({ event }) => event === "$pageview" && resolve()));
    const device = window.posthog.get_distinct_id();
    window.posthog.identify("acct_1", { email: "jane@example.com" });
    window.posthog.capture("image.generate", { model: "xl" });
    window.posthog.captureException(new TypeError("boom"));
    setTimeout(() => {
      throw new RangeError("nobody caught this");
    }, 10);
    return device;
  }, { key: house.key, api_host: house.url });
  await house.expect("select name, account_id, guest_id, device_id, route, trust, count(*) from usage group by 1, 2, 3, 4, 5, 6 order by 1, 2", [
    ["image.generate", "acct_1", null, device, "/gallery", "public", 1],
    ["image.generate", null, device, device, "/gallery", "public", 1],
    ["page.view", null, device, device, "/gallery", "public", 1],
  ]);
  await house.expect("select op, guest_id, account_id, device_id, trust from identities", [["bind", device, "acct_1", device, "public"]]);
  await house.expect("select type, message, handled, account_id from errors order by 1", [
    ["RangeError", "nobody caught this", false, "acct_1"],
    ["TypeError", "boom", true, "acct_1"],
  ]);
  await house.expect("select count(*), sum(events) from issues", [[2, 2]]);
  // The page ends: what is left goes by sendBeacon.
  await tab.evaluate(() => window.posthog.capture("chat.send"));
  await tab.goto("about:blank");
  await house.expect("select name, account_id from usage where name in ('chat.send', 'page.leave') order by 1", [
    ["chat.send", "acct_1"],
    ["page.leave", "acct_1"],
  ]);
  await house.expect("select count(*) from usage where session_id is not null and browser is not null and os = 'Linux'", [[5]]);
  const told = JSON.stringify(await house.rows("select properties from usage"));
  for (const gone of ["private title", "a+cat", "jane", "Mozilla", house.key]) assert.ok(!told.includes(gone), `${gone} in ${told}`);
  const asked = ["GET /array/" + house.key + "/config.js", "POST /flags/"];
  for (const path of asked) assert.ok(house.proxy.paths.includes(path), `${path} in ${house.proxy.paths.join(", ")}`);
  await house.expectDelivered();
});
