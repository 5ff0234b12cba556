// Countries out of real data: the program is given a published country table and asked by SQL what it made of addresses.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Server } from "../server.mjs";

// Addresses whose holders have published their place for decades.
const PLACES = { "193.0.6.139": "NL", "133.11.93.0": "JP", "200.160.2.3": "BR", "2001:67c:2e8:22::c100:68b": "NL" };

let server;

before(async () => {
  const table = process.env.WEIR_TEST_COUNTRY_DB;
  assert.ok(table, "WEIR_TEST_COUNTRY_DB names a country table; tests/run.sh sets it");
  server = await Server.start({ env: { WEIR_GEO_COUNTRY_DB: table } });
});

after(() => server?.remove());

test("an event knows the country of its address, and keeps no whole address", async () => {
  const addresses = Object.keys(PLACES);
  const events = addresses.map((ip, index) => ({ kind: "usage", name: "page.view", account_id: `acct_${index}`, ip }));
  const answer = await server.call("/v1/events", [...events, { kind: "usage", name: "page.view", account_id: "local", ip: "127.0.0.1" }]);
  assert.equal(answer.stored, addresses.length + 1, JSON.stringify(answer));
  const sql = "select account_id, country, ip_prefix from usage order by account_id limit 10";
  const { rows } = await server.call("/v1/sql", { sql });
  assert.deepEqual(
    rows.map(([account, country]) => [account, country]),
    [...addresses.map((ip, index) => [`acct_${index}`, PLACES[ip]]), ["local", null]],
  );
  for (const ip of addresses) assert.ok(!JSON.stringify(rows).includes(`"${ip}"`), "the prefix stands for the address");
});
