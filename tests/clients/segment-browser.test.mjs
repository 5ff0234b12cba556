// @segment/analytics-next, unmodified, sends to Weir from a page of another site.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { House, Page } from "./sdk.mjs";

let house, page;

before(async () => {
  page = await Page.open("@segment/analytics-next/dist/umd/index.js");
  house = await House.open({ scope: "ingest_public", origins: [page.origin], counts: /^\/v1\/[a-z]+$/ });
});

after(async () => {
  await page?.close();
  await house?.close();
});

test("calls of a page arrive once each, through an answer that got lost and a server that was away", async () => {
  const tab = await page.load();
  house.proxy.faults.push("lost", "refused");
  const anonymous = await tab.evaluate(async ({ writeKey, cdnURL }) => {
    const analytics = window.AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL });
    window.analytics = analytics;
    await analytics.track("image.generate", { model: "xl" });
    await analytics.page("Gallery");
    return (await analytics.user()).anonymousId();
  }, { writeKey: house.key, cdnURL: house.url });
  // A call that waits for its retry is sent as whoever is signed in by then, so they are waited for.
  await house.expect("select count(*) from usage", [[2]]);
  await tab.evaluate(async () => {
    await window.analytics.identify("acct_1", { email: "jane@example.com" });
    await window.analytics.track("image.generate", { model: "xl" });
    await window.analytics.alias("acct_1", "anon-old");
    await window.analytics.group("studio");
  });
  await house.expect("select name, account_id, guest_id, route, trust, count(*) from usage group by 1, 2, 3, 4, 5 order by 1, 2", [
    ["image.generate", "acct_1", anonymous, "/gallery", "public", 1],
    ["image.generate", null, anonymous, "/gallery", "public", 1],
    ["page.view", null, anonymous, "/gallery", "public", 1],
  ]);
  await house.expect("select op, guest_id, account_id, trust from identities order by ts", [
    ["bind", anonymous, "acct_1", "public"],
    ["bind", "anon-old", "acct_1", "public"],
  ]);
  await house.expect("select count(*) from usage where ip_prefix = '127.0.0.0/24' and browser is not null and os = 'Linux'", [[3]]);
  const told = JSON.stringify(await house.rows("select properties from usage"));
  for (const gone of ["private title", "a+cat", "jane"]) assert.ok(!told.includes(gone), `${gone} in ${told}`);
  await house.expectDelivered();
});

test("calls that are sent in batches arrive once each, too", async () => {
  const tab = await page.load();
  house.proxy.faults.push("lost");
  await tab.evaluate(({ writeKey, cdnURL }) => {
    const batching = { strategy: "batching", config: { size: 5, timeout: 300 } };
    const analytics = window.AnalyticsNext.AnalyticsBrowser.load({ writeKey, cdnURL }, { integrations: { "Segment.io": { deliveryStrategy: batching } } });
    for (let number = 0; number < 12; number += 1) analytics.track("chat.send", { number });
  }, { writeKey: house.key, cdnURL: house.url });
  await house.expect("select count(*), count(distinct event_id), count(distinct guest_id) from usage where name = 'chat.send'", [[12, 12, 1]]);
  assert.ok(house.proxy.paths.includes("POST /v1/b"), house.proxy.paths.join(", "));
  await house.expectDelivered({ duplicates: 2 });
});
