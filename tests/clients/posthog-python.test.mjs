// posthog for Python, unmodified, sends to Weir as a server, on its old paths and on the new one.
import { after, before, test } from "node:test";

import { python } from "./python.mjs";
import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/(batch|i\/v1)/ });
});

after(() => house?.close());

for (const mode of ["v0", "v1"]) {
  test(`events of mode ${mode} arrive once each, through an answer that got lost and a server that was away`, async () => {
    const account = `acct_${mode}`;
    house.proxy.faults.push("lost", "refused");
    await python("posthog_events.py", [house.key, house.url, mode]);
    const of = `where account_id = '${account}'`;
    await house.expect(`select name, trust, source, count(*) from usage ${of} group by 1, 2, 3 order by 1`, [
      ["chat.send", "server", "posthog", 20],
      ["image.generate", "server", "posthog", 1],
    ]);
    await house.expect(`select op, guest_id, account_id, trust from identities ${of}`, [["bind", `anon-${mode}`, account, "server"]]);
    await house.expect(`select type, message, handled, culprit is not null, frames is not null from errors ${of}`, [
      ["ZeroDivisionError", "division by zero", true, true, true],
    ]);
    await house.expect("select count(*) from usage where name = 'nobody' and guest_id is not null and account_id is null", [[mode === "v0" ? 1 : 2]]);
    await house.expectDelivered();
  });
}

test("an exception is one issue in both capture modes", async () => {
  await house.expect("select count(distinct issue_id), count(*) from errors", [[1, 2]]);
});
