// @sentry/node, unmodified, sends to Weir as a server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { ADMIN_KEY } from "../server.mjs";
import { node } from "./child.mjs";
import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/api\/1\/envelope/ });
});

after(() => house?.close());

/** Returns the value of the metric that has all of these in its line. */
const metric = async (...parts) => {
  const response = await fetch(`${house.server.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const lines = (await response.text()).split("\n");
  return Number(lines.find((line) => parts.every((part) => line.includes(part)))?.split(" ").pop() ?? 0);
};

test("errors, messages, sessions, logs, transactions and feedback arrive once each", async () => {
  const id = (await node("sentry_events.mjs", [house.dsn, "all"])).match(/[0-9a-f]{32}/)?.[0];
  await house.expect(
    "select type, message, level, handled, account_id, release, environment, ip_prefix, trust, source from errors order by type nulls last",
    [
      ["TypeError", "outer for [email]", "error", true, "acct_1", "studio@1.2.3", "production", "203.0.113.0/24", "server", "sentry"],
      [null, "hello there", "warning", null, "acct_1", "studio@1.2.3", "production", "203.0.113.0/24", "server", "sentry"],
    ],
  );
  await house.expect("select event_id, culprit like '%sentry_events.mjs', frames[1]['in_app'] from errors where type = 'TypeError'", [[id, true, true]]);
  const [[told, crumbs]] = await house.rows("select properties, breadcrumbs from errors where type = 'TypeError'");
  assert.deepEqual(JSON.parse(crumbs).map(({ category, message }) => [category, message]), [["ui", "clicked"], ["cause", "RangeError: inner"]]);
  const { tags, extra } = JSON.parse(told);
  assert.deepEqual({ tags, extra }, { tags: { feature: "gallery" }, extra: { attempt: 2 } });
  await house.expect("select count(*), sum(events) from issues", [[2, 2]]);
  await house.expect("select split_part(grouping_reason, ',', 1) from errors where type = 'TypeError'", [["fingerprint of the client"]]);
  await house.expect("select level, message, account_id, trace_id is not null from logs where logger is null order by 2", [
    ["info", "a log line", "acct_1", true],
    ["error", "failed x and 3", "acct_1", true],
  ]);
  await house.expect("select message, account_id, properties->>'event_id' from logs where logger = 'feedback'", [["it is broken", "acct_1", id]]);
  await house.expect("select name, status, duration_ms is not null, route, account_id from usage", [["GET /gallery", "ok", true, "/gallery", "acct_1"]]);
  // One of the process, which ended when ours began; and ours, in two states.
  await house.expect("select count(distinct session_id), count(*) filter (where status = 'exited') from sessions where account_id = 'acct_1'", [[2, 2]]);
  const everything = JSON.stringify(
    await house.rows("select properties, breadcrumbs from errors union all select properties, message from logs union all select properties, name from usage"),
  );
  for (const gone of ["jane@", "Jane", "203.0.113.7", house.key]) assert.ok(!everything.includes(gone), `${gone} in ${everything}`);
  assert.equal(await metric("weir_sdk_skipped_total", "child_span"), 1);
  assert.equal(await metric("weir_sdk_skipped_total", "check_in"), 1);
  assert.deepEqual((await house.droppedByClient()).error, { before_send: 1 }, "what the app did not want");
  await house.expectDelivered({ duplicates: 0 });
});

test("what meets a server that is away is lost, and the SDK tells what it held back", async () => {
  house.proxy.only = /lost in a 503/;
  house.proxy.faults.push("refused");
  await node("sentry_events.mjs", [house.dsn, "away"]);
  await house.expect("select message from errors where message in ('lost in a 503', 'held back', 'back')", [["back"]]);
  // No report speaks of what the 503 answered: this SDK does not count it.
  assert.deepEqual((await house.droppedByClient()).error, { before_send: 1, ratelimit_backoff: 1 });
  await house.expectDelivered({ duplicates: 0 });
});

test("what was taken and answered with an error is there once", async () => {
  house.proxy.only = /answered with a lost 200/;
  house.proxy.faults.push("lost");
  const id = (await node("sentry_events.mjs", [house.dsn, "one"])).match(/[0-9a-f]{32}/)?.[0];
  await house.expect(`select count(*) from errors where event_id = '${id}'`, [[1]]);
});
