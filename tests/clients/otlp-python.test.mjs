// OpenTelemetry's SDK for Python with its OTLP exporter, unmodified, sends to Weir as a server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { python } from "./python.mjs";
import { House } from "./sdk.mjs";

let house;

before(async () => {
  house = await House.open({ scope: "ingest", counts: /^\/v1\/(logs|traces)$/ });
});

after(() => house?.close());

for (const compression of ["none", "gzip", "deflate"]) {
  test(`logs and spans (compression ${compression}) arrive once each, through answers that got lost and a server that was away`, async () => {
    const account = `acct_${compression}`;
    const of = `where account_id = '${account}'`;
    // The logs' request meets the first two, that of the spans the third.
    house.proxy.faults.push("lost", "refused", "lost");
    await python("otlp_events.py", [house.url, house.key, compression]);
    const about = "logger, session_id, release, environment, trust, source";
    const told = ["app.draw", "s_1", "2.4.1", "production", "server", "otlp"];
    await house.expect(`select level, ${about}, count(*), count(distinct message) from logs ${of} group by 1, 2, 3, 4, 5, 6, 7 order by 1`, [
      ["error", ...told, 1, 1],
      ["info", ...told, 20, 20],
      ["warn", ...told, 2, 1],
    ]);
    await house.expect(`select name, status, route, duration_ms is not null, release, properties->>'kind' from usage ${of} order by 1`, [
      ["GET /gallery", "ok", "/gallery", true, "2.4.1", "server"],
      ["POST /boards", "ok", null, true, "2.4.1", "server"],
      ["render", "error", null, true, "2.4.1", "internal"],
    ]);
    // Logged once, and recorded by two spans that it left, of which the inner one names nobody.
    const ofScript = `where release = '2.4.1' and (account_id = '${account}' or properties->>'trace_id' in
      (select properties->>'trace_id' from usage ${of}))`;
    await house.expect(`select type, message, level, properties->>'logger', properties->>'span' from errors ${ofScript} order by 4`, [
      ["KeyError", "sky", "error", "app.draw", null],
      ["KeyError", "'sky'", "error", null, "draw"],
    ]);
    const stacks = await house.rows(`select culprit, frames is not null from errors ${ofScript}`);
    for (const [culprit, hasFrames] of stacks) {
      assert.match(culprit, /^draw in .*otlp_events\.py$/);
      assert.ok(hasFrames);
    }
    await house.expect(`select count(*) from logs l join usage u on l.trace_id = u.properties->>'trace_id'
      where u.name = 'GET /gallery' and l.account_id = '${account}' and u.account_id = '${account}'`, [[22]]);
    await house.expectDelivered();
  });
}

test("nobody is let in without a key, and metrics have no path", async () => {
  const headers = { "content-type": "application/json" };
  const post = (path, more) => fetch(house.server.url + path, { method: "POST", body: "{}", headers: { ...headers, ...more } });
  const refused = await post("/v1/logs", {});
  assert.deepEqual([refused.status, (await refused.json()).code], [401, 16]);
  const known = { authorization: `Bearer ${house.key}` };
  const taken = await post("/v1/traces", known);
  assert.deepEqual([taken.status, await taken.text()], [200, "{}"]);
  assert.equal((await post("/v1/logs", { ...known, "content-type": "text/plain" })).status, 415);
  assert.equal((await post("/v1/metrics", known)).status, 404);
});
