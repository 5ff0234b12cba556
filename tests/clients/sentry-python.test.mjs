// sentry-sdk for Python, unmodified, sends to Weir as a server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { python } from "./python.mjs";
import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/api\/1\/envelope/ });
});

after(() => house?.close());

test("errors, messages, sessions, logs and transactions arrive once each", async () => {
  const id = (await python("sentry_events.py", [house.dsn, "all"])).match(/[0-9a-f]{32}/)?.[0];
  await house.expect("select type, message, level, handled, account_id, release, environment, source from errors order by message", [
    [null, "hello", "warning", null, "acct_1", "studio@1.2.3", "production", "sentry"],
    [null, "logged x", "error", null, "acct_1", "studio@1.2.3", "production", "sentry"],
    ["ValueError", "outer", "error", true, "acct_1", "studio@1.2.3", "production", "sentry"],
  ]);
  await house.expect("select count(*), sum(events) from issues", [[3, 3]]);
  const [[told, crumbs, culprit]] = await house.rows(`select properties, breadcrumbs, culprit from errors where event_id = '${id}'`);
  assert.deepEqual(JSON.parse(crumbs).map(({ category, message }) => [category, message]), [["ui", "clicked"], ["cause", "KeyError: 'x'"]]);
  assert.match(culprit, /everything in .*sentry_events\.py/);
  assert.deepEqual(JSON.parse(told).tags, { feature: "gallery" });
  for (const gone of ["jane", "Jane", "argv", house.key]) assert.ok(!told.includes(gone), `${gone} in ${told}`);
  await house.expect("select level, logger, message from logs order by message", [
    ["info", null, "a log line 7"],
    ["error", "app", "logged x"],
  ]);
  await house.expect("select name, duration_ms is not null, account_id, properties->>'op' from usage", [["render", true, "acct_1", "task"]]);
  await house.expect("select status, quantity, account_id from sessions order by quantity nulls first", [
    ["exited", null, "acct_1"],
    ["exited", 3, null],
  ]);
  await house.expectDelivered({ duplicates: 0 });
});

test("what meets a server that is away is lost, and the SDK says so", async () => {
  house.proxy.faults.push("refused");
  await python("sentry_events.py", [house.dsn, "away"]);
  await house.expect("select message from errors where message in ('lost in a 503', 'next')", [["next"]]);
  // This SDK does not wait for Retry-After of a 503, and counts what it answered.
  await house.until(async () => (await house.droppedByClient()).error?.network_error === 1, async () => {}, "the report arrives");
  assert.deepEqual(await house.droppedByClient(), { error: { network_error: 1 } });
  await house.expectDelivered({ duplicates: 0 });
});
