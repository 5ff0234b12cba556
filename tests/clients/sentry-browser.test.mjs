// @sentry/browser, unmodified, sends to Weir from a page of another site.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { House, Page } from "./sdk.mjs";

const NEEDED = [
  "@sentry/core", "@sentry/core/browser", "@sentry/browser-utils", "@sentry/feedback", "@sentry/replay", "@sentry/replay-canvas",
  "@sentry/conventions", "@sentry/conventions/attributes", "@sentry/conventions/op", "@sentry/conventions/metrics", "web-vitals",
];

let house, page;

before(async () => {
  page = await Page.openModules("@sentry/browser", ...NEEDED);
  house = await House.open({ scope: "ingest_public", origins: [page.origin], counts: /^\/api\/1\/envelope/ });
});

after(async () => {
  await page?.close();
  await house?.close();
});

const begin = (tab, options = {}) =>
  tab.evaluate(({ dsn, options }) => {
    window.sdk.init({ dsn, release: "web@1", environment: "production", tracesSampleRate: 1, enableLogs: true, ...options });
    window.sdk.setUser({ id: "acct_1", email: "jane@example.com" });
    window.sdk.setTag("feature", "gallery");
  }, { dsn: house.dsn, options });

test("errors, messages, sessions, logs and spans of a page arrive once each", async () => {
  const tab = await page.load();
  await begin(tab);
  const id = await tab.evaluate(async () => {
    const { sdk } = window;
    sdk.addBreadcrumb({ category: "ui", message: "clicked" });
    const id = sdk.captureException(new TypeError("outer", { cause: new RangeError("inner") }));
    sdk.captureMessage("hello", "warning");
    sdk.logger.info("a log line", { n: 7 });
    sdk.startSpan({ name: "render", op: "ui.render" }, () => {});
    sdk.captureFeedback({ message: "it is broken", name: "Jane Doe", email: "jane@example.com", associatedEventId: id });
    setTimeout(() => {
      throw new RangeError("nobody caught this");
    }, 10);
    await new Promise((resolve) => window.addEventListener("error", () => setTimeout(resolve, 10)));
    await sdk.flush(5000);
    return id;
  });
  await house.expect("select type, message, level, handled, account_id, release, trust, browser is not null, os from errors order by type nulls last", [
    ["RangeError", "nobody caught this", "error", false, "acct_1", "web@1", "public", true, "Linux"],
    ["TypeError", "outer", "error", true, "acct_1", "web@1", "public", true, "Linux"],
    [null, "hello", "warning", null, "acct_1", "web@1", "public", true, "Linux"],
  ]);
  await house.expect("select count(*), sum(events), max(people) from issues", [[3, 3, 1]]);
  const [[crumbs, told]] = await house.rows(`select breadcrumbs, properties from errors where event_id = '${id}'`);
  assert.ok(JSON.parse(crumbs).some(({ message }) => message === "clicked"));
  assert.equal(JSON.parse(crumbs).at(-1).message, "RangeError: inner");
  assert.equal(JSON.parse(told).url, `${page.origin}/gallery`);
  for (const gone of ["prompt", "cat", "jane", "Mozilla", house.key]) assert.ok(!told.includes(gone), `${gone} in ${told}`);
  await house.expect("select level, message, account_id from logs where logger is null", [["info", "a log line", "acct_1"]]);
  await house.expect("select message, properties->>'event_id' from logs where logger = 'feedback'", [["it is broken", id]]);
  await house.expect("select name, status, account_id, properties->>'op' from usage", [["render", "ok", "acct_1", "ui.render"]]);
  // What became of the session is what its latest update says.
  const latest = "select status, account_id, errors from sessions where session_id = (select min(session_id) from sessions) order by ts desc, seq desc limit 1";
  await house.expect("select count(distinct session_id) from sessions", [[1]]);
  await house.expect(latest, [["unhandled", "acct_1", 1]]);
  await house.expectDelivered({ duplicates: 0 });
});

test("a page tells at its end what it held back while the server was away", async () => {
  const tab = await page.load();
  await begin(tab, { autoSessionTracking: false });
  house.proxy.only = /lost in a 503/;
  house.proxy.faults.push("refused");
  await tab.evaluate(async () => {
    const { sdk } = window;
    sdk.captureException(new Error("lost in a 503"));
    await sdk.flush(5000);
    sdk.captureException(new Error("held back"));
    await sdk.flush(5000);
  });
  const isBack = async () => (await house.rows("select count(*) from errors where message like 'back %'"))[0][0] > 0;
  await house.until(isBack, () => tab.evaluate(async () => {
    window.sdk.captureException(new Error(`back ${Math.random()}`));
    await window.sdk.flush(5000);
  }), "the SDK sends again once Retry-After is over");
  await tab.goto("about:blank");
  await house.until(async () => (await house.droppedByClient()).error?.ratelimit_backoff > 0, async () => {}, "the report arrives");
  await house.expect("select count(*) from errors where message in ('lost in a 503', 'held back')", [[0]]);
  await house.expectDelivered({ duplicates: 0 });
});
