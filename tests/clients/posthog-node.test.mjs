// posthog-node, unmodified, sends to Weir as a server, on its old paths and on the new one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PostHog } from "posthog-node";

import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/(batch|i\/v1)/ });
});

after(() => house?.close());

for (const captureMode of ["v0", "v1"]) {
  test(`events of mode ${captureMode} arrive once each, through an answer that got lost and a server that was away`, async () => {
    const account = `acct_${captureMode}`;
    const path = captureMode === "v0" ? "POST /batch/" : "POST /i/v1/analytics/events";
    process.env.POSTHOG_CAPTURE_MODE = captureMode;
    const client = new PostHog(house.key, { host: house.url, flushAt: 4, flushInterval: 100, fetchRetryDelay: 200 });
    const failed = [];
    client.on("error", (error) => failed.push(error));
    house.proxy.faults.push("lost", "refused");
    client.capture({ distinctId: account, event: "image.generate", properties: { model: "xl", duration_ms: 812, $ip: "203.0.113.7" } });
    client.identify({ distinctId: account, properties: { email: "jane@example.com" } });
    client.alias({ distinctId: account, alias: `anon-${captureMode}` });
    client.alias({ distinctId: account, alias: "undefined" });
    client.groupIdentify({ groupType: "studio", groupKey: "s1" });
    client.captureException(new TypeError(`boom in ${captureMode}`), account, { where: "render" });
    for (let number = 0; number < 20; number += 1) client.capture({ distinctId: account, event: "chat.send", properties: { number } });
    await client.shutdown();
    assert.deepEqual(failed, []);
    assert.ok(house.proxy.paths.includes(path), house.proxy.paths.join(", "));
    const of = `where account_id = '${account}'`;
    await house.expect(`select name, trust, source, count(*) from usage ${of} group by 1, 2, 3 order by 1`, [
      ["chat.send", "server", "posthog", 20],
      ["image.generate", "server", "posthog", 1],
    ]);
    await house.expect(`select op, guest_id, account_id, trust from identities ${of}`, [["bind", `anon-${captureMode}`, account, "server"]]);
    await house.expect(`select type, message, level, handled, culprit is not null, frames is not null from errors ${of}`, [
      ["TypeError", `boom in ${captureMode}`, "error", true, true, true],
    ]);
    await house.expect(`select model, duration_ms, ip_prefix from usage ${of} and name = 'image.generate'`, [["xl", 812, "203.0.113.0/24"]]);
    await house.expectDelivered();
  });
}

test("an exception is one issue in both capture modes", async () => {
  await house.expect("select count(distinct issue_id), count(*) from errors", [[1, 2]]);
});
