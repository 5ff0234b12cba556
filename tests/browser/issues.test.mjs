// Error reports as the person who mends them meets them: finding what matters in the list, deciding by keyboard, reading one
// issue to its source, merging and splitting; hostile text, a phone, no JavaScript, a key that only reads.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server } from "../server.mjs";
import { COLUMN, SERVED, uploadMap } from "./maps.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures, SOON } from "./page.mjs";

const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script>${"wide".repeat(40)}`;
const HOUR_MS = 3_600_000;

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await openBrowser();
  await seed();
});

after(async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
});

/** One error, so many hours ago. */
const error = (hours, fields) => ({
  kind: "error",
  ts: new Date(Date.now() - hours * HOUR_MS).toISOString(),
  level: "error",
  environment: "production",
  release: "2.4.0",
  ...fields,
});

const frame = (name, file, fields) => ({ function: name, file, line: 3, in_app: true, ...fields });
const library = (name) => frame(name, "node_modules/react-dom/cjs/react-dom.production.js", { line: 1187, in_app: false });

const CLIENTS = [
  { browser: "Firefox", browser_version: "141", os: "Windows", country: "DE" },
  { browser: "Chrome", browser_version: "139", os: "macOS", country: "US" },
];

/** A month of errors, as an app with a few bugs has them, and the last ones by Sentry's own path. */
const seed = async () => {
  const past = [];
  for (let number = 0; number < 90; number += 1) {
    const hours = 600 * ((number * 37) % 90) / 90 + 2;
    past.push(error(hours, {
      type: "TypeError", message: "Cannot read properties of undefined (reading 'left')", handled: number % 3 > 0,
      release: hours > 300 ? "2.3.9" : hours > 100 ? "2.4.0" : "2.4.1",
      account_id: `acct_${number % 17}`, workspace_id: `ws_${number % 5}`, session_id: `s_${number}`,
      stack: [library("invokeGuardedCallback"), library("commitRoot"), frame("measure", "src/gallery/layout.ts"), frame("Gallery", "src/gallery/index.tsx", { line: 88 }), library("renderWithHooks")],
      properties: { tags: { feature: number % 4 ? "gallery" : "board" } },
      ...CLIENTS[number % 9 === 0 ? 1 : 0],
    }));
  }
  for (let number = 0; number < 24; number += 1) {
    past.push(error(1 + number * 26, { type: "TimeoutError", message: "upstream model did not answer within 30 s", account_id: `acct_${number}`, stack: [frame("generate", "src/models/upstream.ts")], ...CLIENTS[1] }));
  }
  for (let number = 0; number < 9; number += 1) {
    past.push(error(1 + number * 2, { type: "RangeError", message: "Maximum call stack size exceeded", level: "fatal", handled: false, release: "2.4.1", guest_id: `gst_${number}`, stack: [frame("walk", "src/boards/tree.ts")], ...CLIENTS[0] }));
  }
  past.push(error(30, { type: "SyntaxError", message: "Unexpected end of JSON input", environment: "staging", session_id: "s_1", stack: [frame("load", "src/prefs.ts")] }));
  past.push(error(480, { message: "a message without a type", level: "warning", session_id: "s_2" }));
  await server.call("/v1/events?historical=true", past);
  await server.call("/v1/events", [
    { kind: "payment", op: "subscribed", plan: "pro", amount_minor: 1900, currency: "EUR", account_id: "acct_7" },
    { kind: "credit", op: "spend", amount: 4, reason: "generation", ref: "c-1", account_id: "acct_7", workspace_id: "ws_7" },
  ]);
  await uploadMap(server);
  await sendSentry("0".repeat(31) + "7");
  await server.call("/v1/events", [{ kind: "credit", op: "refund", amount: 4, reason: "failed_generation", ref: "c-2", account_id: "acct_7", workspace_id: "ws_7" }]);
};

/** Sends an error of a served file by Sentry's path, with causes, breadcrumbs, tags, and what a person wrote about it. */
const sendSentry = async (id) => {
  const stacktrace = { frames: [{ filename: "node_modules/lib.js", function: "run", lineno: 5, in_app: false }, { filename: SERVED, function: "p", lineno: 1, colno: COLUMN, in_app: true }] };
  const event = {
    event_id: id, release: "2.4.1", environment: "production", user: { id: "acct_7" }, tags: { feature: "canvas", "workspace_id": "ws_7" },
    exception: { values: [{ type: "RangeError", value: "the pen is out of ink", stacktrace: { frames: [{ filename: "src/ink.ts", function: "fill", lineno: 12, in_app: true }] } }, { type: "TypeError", value: "no pen", mechanism: { handled: false, type: "onerror" }, stacktrace }] },
    breadcrumbs: [{ timestamp: Date.now() / 1000 - 9, category: "navigation", message: "/boards/7", data: { from: "/gallery" } }, { timestamp: Date.now() / 1000 - 4, category: "ui.click", message: "button.paint" }, { timestamp: Date.now() / 1000 - 1, category: "fetch", level: "error", data: { url: "/api/pen", status_code: 503 } }],
    contexts: { browser: { name: "Firefox", version: "141.0" }, os: { name: "Windows" } },
  };
  const feedback = { event_id: id.replace(/.$/, "f"), contexts: { feedback: { message: "I clicked paint and everything went white.", associated_event_id: id } }, user: { id: "acct_7" } };
  const lines = [{}, { type: "event" }, event, { type: "feedback" }, feedback];
  const answer = await fetch(`${server.url}/api/1/envelope/?sentry_key=${ADMIN_KEY}`, { method: "POST", body: lines.map((line) => JSON.stringify(line)).join("\n") });
  assert.equal(answer.status, 200, await answer.text());
};

const signIn = async (page, path = "/issues", { url = server.url, key = ADMIN_KEY } = {}) => {
  await page.goto(url + path);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("h1").waitFor();
};

const row = (page, title) => page.locator("tr[data-issue]", { hasText: title });
const titles = (page) => page.locator("tr[data-issue] a[data-open]").allTextContents();

/** Returns the id of the only issue that a search finds. */
const issueOf = async (q) => {
  const { issues } = await server.call(`/v1/issues?q=${encodeURIComponent(q)}`);
  assert.equal(issues.length, 1, JSON.stringify(issues));
  return issues[0].id;
};

const settled = async (page) => {
  for (const part of ["facets", "tags", "impact", "feedback", "grouping"]) {
    // The section is replaced when its answer comes, perhaps while it is scrolled to.
    await page.evaluate((id) => document.getElementById(id).scrollIntoView(), `part-${part}`);
    await page.locator(`#part-${part}:not([aria-busy])`).waitFor(SOON);
  }
  await page.evaluate(() => scrollTo(0, 0));
};

test("before the first error the page says how to send one, and its command does", async () => {
  const own = await Server.start();
  try {
    const { page, context, faults } = await openPage(browser);
    await signIn(page, "/issues", { url: own.url });
    await page.getByText("Weir holds no error report.").waitFor();
    assert.match(await page.locator("#first-dsn").textContent(), new RegExp(`dsn: "http://YOUR_KEY@${new URL(own.url).host}/1"`));
    assert.deepEqual(await findBarriers(page), []);
    await page.screenshot({ path: join(pictures, "issues-never-received.png"), fullPage: true });
    const command = await page.locator("#first-curl").textContent();
    const answer = execFileSync("bash", ["-c", command], { env: { ...process.env, WEIR_KEY: ADMIN_KEY }, encoding: "utf8" });
    assert.equal(JSON.parse(answer).stored, 1);
    await page.getByRole("link", { name: "Reload" }).last().click();
    await row(page, "TypeError").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  } finally {
    await own.remove();
  }
});

test("the list says what is broken, for how many, since which release; tabs and filters are in the URL", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page);
  const layout = row(page, "reading 'left'");
  assert.match(await layout.textContent(), /Cannot read properties.*measure in .*layout\.ts.*2\.3\.9 → 2\.4\.1/s);
  assert.equal(await layout.locator("td.number").first().textContent(), "90");
  assert.match(await layout.locator("svg").getAttribute("aria-label"), /^90 events since .*, at most \d+ per day$/);
  assert.ok((await layout.locator("svg rect").count()) > 10, "the trend is drawn");

  await page.getByRole("link", { name: /^New/ }).click();
  assert.equal(new URL(page.url()).search, "?tab=new");
  assert.deepEqual((await titles(page)).sort(), ["RangeError", "SyntaxError", "TypeError"]);
  await page.getByLabel("Environment").fill("staging");
  await page.getByLabel("Environment").press("Enter");
  assert.deepEqual(await titles(page), ["SyntaxError"]);
  assert.equal(new URL(page.url()).searchParams.get("environment"), "staging");
  assert.match(await page.locator(".tabs [aria-current]").textContent(), /New 1/);

  await page.getByLabel("Search").fill("nothing like it");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("Nothing matches in this range").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "issues-nothing-matches.png"), fullPage: true });
  await page.getByRole("link", { name: "Clear the filters" }).click();
  await page.getByLabel("Order").selectOption("events");
  await page.getByLabel("Search").fill("TREE.TS");
  await page.getByLabel("Search").press("Enter");
  assert.deepEqual(await titles(page), ["RangeError"], "the stack is searched, in any case");
  await page.goto(`${server.url}/issues?since=yesterday`);
  await page.getByText("No answer.").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "issues-failed.png"), fullPage: true });
  assert.deepEqual(faults, []);
  await context.close();
});

test("issues are gone through by keyboard, and what was decided is told once and can be undone", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/issues?sort=events");
  const [first, second, third] = await titles(page);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("j");
  assert.equal(await focused(), first);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  assert.equal(await focused(), second);
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  assert.equal(await page.locator("[data-selected]").textContent(), "2 selected");
  await page.screenshot({ path: join(pictures, "issues-selected.png"), fullPage: true });
  await page.keyboard.press("i");
  await page.getByText("2 issues are ignored").waitFor();
  assert.deepEqual(new URL(page.url()).search, "?sort=events", "the address forgets what was done");
  const left = await titles(page);
  assert.ok(!left.includes(second) && !left.includes(third), left.join());
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "issues-done.png"), fullPage: true });
  await page.getByRole("button", { name: "Open them again" }).click();
  await page.getByText("2 issues are open.").waitFor();
  assert.deepEqual((await titles(page)).slice(0, 3), [first, second, third]);

  await page.keyboard.press("j");
  await page.keyboard.press("r");
  await page.getByText("1 issue is resolved").waitFor();
  await page.getByRole("button", { name: "Open it again" }).click();
  await page.getByText("1 issue is open.").waitFor();

  await page.keyboard.press("/");
  await page.keyboard.type("jkxri?");
  assert.equal(await page.getByLabel("Search").inputValue(), "jkxri?", "keys are off while somebody writes");
  await page.locator("h1").click();
  await page.keyboard.press("?");
  await page.locator("dialog[open]").waitFor();
  await page.screenshot({ path: join(pictures, "issues-keys.png") });
  await page.keyboard.press("Escape");
  await page.locator("dialog[open]").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Resolve", exact: true }).click();
  assert.equal(await page.locator("[data-selected]").textContent(), "Select an issue first");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: first }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("an issue is read down to its source, and its parts come when they are looked at", async () => {
  const { page, context, faults } = await openPage(browser);
  const id = await issueOf("no pen");
  await signIn(page, `/issues/${id}`);
  const stack = page.locator("#event .stack");
  assert.match(await stack.textContent(), /paint.*src\/paint\.ts:3/s, "as its source has it");
  assert.match(await stack.locator("code.hit").textContent(), /3\s*throw new TypeError\('no pen'\)/);
  assert.ok(await stack.getByText("<b>not markup</b>").isVisible(), "a source is shown as it is");
  assert.match(await stack.textContent(), /Sent as p \(https:\/\/app\.example\/app\.js:1:\d+\)/);
  const folded = stack.locator(".library details");
  assert.equal(await folded.getAttribute("open"), null);
  await folded.locator("summary").click();
  assert.ok(await folded.getByText("node_modules/lib.js").isVisible());
  assert.match(await page.locator("#event .causes").textContent(), /RangeError: the pen is out of ink.*fill \(src\/ink\.ts:12\)/s);
  assert.match(await page.locator("#event .crumbs").textContent(), /navigation.*\/boards\/7.*ui\.click.*fetch.*503/s);

  await settled(page);
  assert.match(await page.locator("#part-facets").textContent(), /release 2\.4\.1/);
  assert.match(await page.locator("#part-tags").textContent(), /feature.*canvas/s);
  assert.match(await page.locator("#part-feedback").textContent(), /I clicked paint/);
  const impact = await page.locator("#part-impact").textContent();
  assert.match(impact, /Paying accounts1.*Credits spent4.*Credits refunded4/s);
  assert.match(impact, /pro.*4 credits for generation \(c-1\)/s);
  assert.match(await page.locator("#part-grouping").textContent(), /TypeError in p|TypeError/);
  assert.deepEqual(await findBarriers(page), []);
  assert.match(await page.getByRole("link", { name: "Open as SQL" }).getAttribute("href"), new RegExp(`^/sql\\?q=select.*${id}`));
  assert.deepEqual(faults, []);
  await context.close();
});

test("events are paged, and each has its own stack on demand", async () => {
  const { page, context, faults } = await openPage(browser);
  const id = await issueOf("reading 'left'");
  await signIn(page, `/issues/${id}`);
  const samples = page.locator("#samples tbody tr:not(.opened)");
  assert.equal(await samples.count(), 20);
  const button = samples.nth(1).getByRole("button", { name: "Stack" });
  await button.click();
  const opened = page.locator("#samples tr.opened").nth(1);
  await opened.getByText("measure", { exact: true }).waitFor(SOON);
  assert.equal(await page.locator("#samples [aria-expanded=true]").textContent(), "Close");
  await page.screenshot({ path: join(pictures, "issue-sample-open.png"), fullPage: true });
  await page.locator("#samples [aria-expanded=true]").click();
  assert.equal(await opened.isVisible(), false);
  const newest = await samples.first().textContent();
  await page.getByRole("link", { name: "Older events" }).click();
  await page.waitForURL(/before=/);
  assert.notEqual(await samples.first().textContent(), newest);
  await page.getByRole("link", { name: "Newest", exact: true }).click();
  assert.equal(await samples.first().textContent(), newest);

  await page.locator("#trend .legend a", { hasText: "2.3.9" }).click();
  await page.getByText("Only release").waitFor();
  assert.ok((await samples.allTextContents()).every((text) => text.includes("2.3.9")));
  await samples.nth(2).getByRole("link").first().click();
  await page.getByRole("heading", { name: "Chosen event" }).waitFor();
  assert.match(await page.locator("#event .facts").textContent(), /2\.3\.9/);
  assert.match(await page.locator("#event").textContent(), /2 frames of libraries.*measure.*Gallery.*1 frame of libraries/s);
  assert.deepEqual(faults, []);
  await context.close();
});

test("an issue is resolved in the next release, ignored for a while, and opened again, by whom is told", async () => {
  const { page, context, faults } = await openPage(browser);
  const id = await issueOf("upstream model");
  await signIn(page, `/issues/${id}?since=-14d`);
  const status = page.locator("#decision");
  await status.getByLabel("Resolve").first().selectOption({ label: "in the next release, after 2.4.1" });
  await page.locator("h1").click();
  await page.keyboard.press("r");
  await page.locator("[data-done]").getByText("Resolved in the release after 2.4.1.").waitFor();
  assert.equal(new URL(page.url()).search, "?since=-14d");
  assert.match(await status.textContent(), /by tester/);
  assert.equal((await server.call(`/v1/issues/${id}`)).after_release, "2.4.1");
  assert.deepEqual(await findBarriers(page), []);
  await status.getByLabel("Ignore").selectOption("100");
  await status.getByRole("button", { name: "Ignore" }).click();
  await status.getByText("Ignored until 100 more errors; 0 came so far.").waitFor();
  await status.getByRole("button", { name: "Open again" }).click();
  await status.getByText("Open.", { exact: true }).waitFor();
  const release = status.getByLabel("Release it is resolved in");
  assert.equal(await release.isVisible(), false, "a release is written only where one is to be named");
  await status.getByLabel("Resolve").first().selectOption("named");
  await release.fill("9.9.9");
  await status.getByRole("button", { name: "Resolve" }).click();
  await status.getByText("Resolved in 9.9.9.").waitFor();
  await status.getByRole("button", { name: "Open again" }).click();
  await status.getByText("Open.", { exact: true }).waitFor();
  await page.keyboard.press("u");
  await page.getByRole("heading", { level: 1, name: "Issues" }).waitFor();
  assert.equal(new URL(page.url()).search, "?since=-14d");
  assert.deepEqual(faults, []);
  await context.close();
});

test("an issue is merged into another of its kind, and split off again", async () => {
  const { page, context, faults } = await openPage(browser);
  await server.call("/v1/events", ["mergeOne", "mergeTwo"].map((name) => ({ kind: "error", type: "MergeError", message: name, account_id: "acct_1", stack: [frame(name, "src/merge.ts")] })));
  const [one, two] = [await issueOf("mergeOne"), await issueOf("mergeTwo")];
  await signIn(page, `/issues/${one}`);
  await settled(page);
  await page.locator("#part-grouping").getByRole("radio").check();
  await page.getByRole("button", { name: "Merge" }).click();
  await page.getByText("The other issue's errors belong to this one now.").waitFor();
  assert.ok(page.url().endsWith(`/issues/${two}`), page.url());
  assert.equal(await page.locator("#figures .number").first().textContent(), "2");
  await settled(page);
  await page.screenshot({ path: join(pictures, "issue-merged.png"), fullPage: true });
  await page.locator("#part-grouping tr", { hasText: "mergeOne" }).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Split off the selected" }).click();
  await page.getByText("These errors are an issue of their own now.").waitFor();
  assert.equal(await page.locator("#figures .number").first().textContent(), "1");
  const gone = await page.goto(`${server.url}/issues/iss_none`);
  assert.equal(gone.status(), 404);
  await page.getByRole("link", { name: "Go back" }).waitFor();
  assert.deepEqual(faults.filter((fault) => !fault.includes("status of 404")), []);
  await context.close();
});

test("a part that does not come says why, and comes when it is tried again", async () => {
  const { page, context, faults } = await openPage(browser);
  const id = await issueOf("no pen");
  await page.route("**/fragments/issues/*/tags*", (route) => route.abort());
  await page.route("**/fragments/issues/*/facets*", (route) => route.fulfill({ status: 503, body: "{}" }));
  await signIn(page, `/issues/${id}`);
  for (const [part, words] of [["tags", "No answer. The server cannot be reached."], ["facets", "No answer. The server answered 503."]]) {
    const section = page.locator(`#part-${part}`);
    await section.scrollIntoViewIfNeeded();
    await section.getByText(words).waitFor(SOON);
    assert.deepEqual(await findBarriers(page), []);
    await page.unroute(`**/fragments/issues/*/${part}*`);
    await section.getByRole("button", { name: "Retry" }).click();
    await section.locator("table").waitFor(SOON);
  }
  const expected = /status of 503|ERR_FAILED|Failed to fetch/;
  assert.deepEqual(faults.filter((fault) => !expected.test(fault)), []);
  await context.close();
});

test("a key that only reads sees everything and decides nothing; one without billing sees no bills", async () => {
  const { key } = await server.call("/v1/keys", { name: "reader", scopes: ["query"], purposes: ["product", "reliability"] });
  const id = await issueOf("no pen");
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/issues", { key });
  assert.equal(await page.locator("input[type=checkbox]").count(), 0);
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "issues-reader.png"), fullPage: true });
  await page.goto(`${server.url}/issues/${id}`);
  await settled(page);
  await page.getByText("This key does not see bills.").waitFor();
  assert.equal(await page.getByRole("button", { name: /Resolve|Ignore|Merge|Split/ }).count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
});

test("hostile text in every field runs nothing", async () => {
  const { page, context, faults } = await openPage(browser);
  await server.call("/v1/events", [{
    kind: "error", type: HOSTILE, message: HOSTILE, level: "error", account_id: HOSTILE, session_id: HOSTILE, workspace_id: HOSTILE,
    release: HOSTILE, environment: HOSTILE, culprit: HOSTILE, stack: [{ file: HOSTILE, function: HOSTILE, module: HOSTILE, line: 1, in_app: true }, { file: HOSTILE, in_app: false }],
    breadcrumbs: [{ category: HOSTILE, message: HOSTILE, level: HOSTILE, timestamp: HOSTILE, data: { [HOSTILE]: HOSTILE } }, { category: "cause", message: HOSTILE, data: { file: HOSTILE, function: HOSTILE } }],
    properties: { tags: { [HOSTILE.slice(0, 90)]: HOSTILE }, [HOSTILE.slice(0, 90)]: HOSTILE },
  }]);
  const { issues } = await server.call("/v1/issues?q=window.hit");
  assert.equal(issues.length, 1);
  const query = encodeURIComponent(HOSTILE);
  await signIn(page, "/issues");
  for (const path of ["/issues", `/issues?q=${query}&release=${query}&environment=${query}&since=${query}&sort=${query}`, `/issues?q=${query}&done=resolve&issues=${query}`, `/issues/${issues[0].id}?release=${query}`, `/issues/${issues[0].id}?parts=all`]) {
    await page.goto(server.url + path);
    assert.equal(await page.locator("main img, main script").count(), 0, path);
    assert.equal(await page.evaluate(() => window.hit), undefined, path);
    assert.equal(await overhang(page), 0, path);
    assert.deepEqual(await findBarriers(page), [], path);
  }
  await page.setViewportSize({ width: 360, height: 800 });
  assert.equal(await overhang(page), 0);
  await page.screenshot({ path: join(pictures, "issue-hostile-360.png"), fullPage: true });
  await page.goto(`${server.url}/issues?q=window.hit`);
  assert.equal(await overhang(page), 0);
  assert.deepEqual(faults, []);
  const form = new URLSearchParams({ action: "resolve", issue: issues[0].id });
  const foreign = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site", cookie: (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join() };
  const answer = await fetch(`${server.url}/issues/decide`, { method: "POST", body: form, headers: foreign, redirect: "manual" });
  assert.equal(answer.status, 403, "another site decides nothing");
  await server.call(`/v1/issues/${issues[0].id}`, { status: "ignored" }, { method: "PATCH" });
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 900, 1440]) {
    test(`reads well at ${width} px in ${colorScheme}`, async () => {
      const { page, context, faults } = await openPage(browser, { colorScheme, viewport: { width, height: 900 } });
      await signIn(page, "/issues?sort=events");
      assert.equal(await overhang(page), 0, "the list fits");
      assert.deepEqual(await findBarriers(page), []);
      await page.screenshot({ path: join(pictures, `issues-${width}-${colorScheme}.png`), fullPage: true });
      for (const [name, q] of [["source", "no pen"], ["trend", "reading 'left'"]]) {
        await page.goto(`${server.url}/issues/${await issueOf(q)}`);
        await settled(page);
        assert.equal(await overhang(page), 0, "the issue fits");
        assert.deepEqual(await findBarriers(page), []);
        await page.screenshot({ path: join(pictures, `issue-${name}-${width}-${colorScheme}.png`), fullPage: true });
      }
      for (const summary of await page.locator("summary").all()) await summary.click();
      assert.equal(await overhang(page), 0, "everything opened fits");
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test("without JavaScript one can filter, read everything, and decide", async () => {
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  await signIn(page);
  assert.equal(await page.getByRole("button", { name: "Keys" }).isVisible(), false, "no control that does nothing");
  await page.getByLabel("Search").fill("no pen");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("link", { name: "TypeError" }).click();
  assert.ok(await page.locator("#event .stack").isVisible());
  assert.equal(await page.locator("#samples").getByRole("button").count(), 0);
  await page.getByRole("link", { name: "Show everything" }).click();
  assert.match(await page.locator("#part-feedback").textContent(), /I clicked paint/);
  await page.screenshot({ path: join(pictures, "issue-no-javascript.png"), fullPage: true });
  await page.locator("#decision").getByRole("button", { name: "Resolve" }).click();
  await page.locator("#decision").getByText("Resolved. The next error opens it again.").waitFor();
  await page.locator("#decision").getByRole("button", { name: "Open again" }).click();
  await page.goto(`${server.url}/issues?q=no+pen`);
  await page.getByLabel("Select TypeError").check();
  await page.getByRole("button", { name: "Ignore" }).click();
  await page.getByText("1 issue is ignored").waitFor();
  await page.getByRole("button", { name: "Open it again" }).click();
  await row(page, "no pen").waitFor();
  await context.close();
});
