// segment-analytics-python, unmodified, sends to Weir as a server.
import { after, before, test } from "node:test";

import { python } from "./python.mjs";
import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/v1\/batch/ });
});

after(() => house?.close());

test("calls arrive once each, compressed or not, through an answer that got lost and a server that was away", async () => {
  house.proxy.faults.push("lost", "refused");
  await python("segment_calls.py", [house.key, house.url]);
  await house.expect("select name, account_id, guest_id, count(*) from usage group by 1, 2, 3 order by 1, 2", [
    ["chat.send", "acct_3", null, 20],
    ["image.generate", "acct_1", "anon-1", 2],
    ["page.view", "acct_1", null, 2],
  ]);
  await house.expect("select op, guest_id, account_id, trust from identities order by 2", [
    ["bind", "anon-1", "acct_1", "server"],
    ["bind", "anon-2", "acct_2", "server"],
  ]);
  await house.expectDelivered();
});
