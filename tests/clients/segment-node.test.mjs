// @segment/analytics-node, unmodified, sends to Weir as a server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Analytics } from "@segment/analytics-node";

import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/v1\/batch/ });
});

after(() => house?.close());

test("calls arrive once each, through an answer that got lost and a server that was away", async () => {
  const analytics = new Analytics({ writeKey: house.key, host: house.url, maxEventsInBatch: 3, flushInterval: 100 });
  const failed = [];
  analytics.on("error", (error) => failed.push(error));
  house.proxy.faults.push("lost", "refused");
  analytics.track({ anonymousId: "anon-1", event: "image.generate", properties: { model: "xl", duration_ms: 812 }, context: { ip: "203.0.113.7" } });
  analytics.identify({ userId: "acct_1", anonymousId: "anon-1", traits: { email: "jane@example.com", plan: "pro" } });
  analytics.track({ userId: "acct_1", event: "image.generate", properties: { model: "xl" } });
  analytics.page({ userId: "acct_1", name: "Home", properties: { path: "/home", url: "https://app.example/home?token=t" } });
  analytics.screen({ userId: "acct_1", name: "Board" });
  analytics.alias({ userId: "acct_2", previousId: "anon-2" });
  analytics.identify({ userId: "null", anonymousId: "anon-1" });
  analytics.group({ userId: "acct_1", groupId: "studio" });
  for (let number = 0; number < 20; number += 1) analytics.track({ userId: "acct_3", event: "chat.send", properties: { number } });
  await analytics.closeAndFlush();
  assert.deepEqual(failed, []);
  await house.expect("select name, account_id, guest_id, count(*) from usage group by 1, 2, 3 order by 1, 2", [
    ["chat.send", "acct_3", null, 20],
    ["image.generate", "acct_1", null, 1],
    ["image.generate", null, "anon-1", 1],
    ["page.view", "acct_1", null, 2],
  ]);
  await house.expect("select op, guest_id, account_id, trust, source from identities order by 2", [
    ["bind", "anon-1", "acct_1", "server", "segment"],
    ["bind", "anon-2", "acct_2", "server", "segment"],
  ]);
  await house.expect("select model, duration_ms, ip_prefix from usage where guest_id = 'anon-1'", [["xl", 812, "203.0.113.0/24"]]);
  await house.expect("select count(*) from usage where abs(extract(epoch from (received_at - ts))) > 30", [[0]]);
  await house.expectDelivered({ duplicates: 3 });
});
