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
    const { id } = await analytics.user().then((user) => ({ id: user.anonymousId() }));
    await analytics.identify("acct_1", { email: "jane@example.com" });
    await analytics.track("image.generate", { model: "xl" });
    await analytics.alias("acct_1", "anon-old");
    await analytics.group("studio");
    return id;
  }, { writeKey: house.key, cdnURL: house.url });
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
