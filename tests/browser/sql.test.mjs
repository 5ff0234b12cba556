// The SQL page as a person meets it: writing a statement with completion, running it, its mistakes, parameters, tabs,
// drawings, saved queries, downloads, a question that is cancelled, hostile text, a phone, no JavaScript.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";

import { FUNCTIONS } from "../../dashboards/static/js/sql-functions.js";
import { ADMIN_KEY, Server } from "../server.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures } from "./page.mjs";

const SOON = { timeout: 20_000 };

const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script></script>{a|b}`;

/** What a refusal of ours leaves in the console: the browser tells of each answer that is an error. */
const REFUSED = /status of (400|401|403|409)/;

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await openBrowser();
  const day = 86_400_000;
  const events = Array.from({ length: 240 }, (_, index) => ({
    kind: "usage", name: ["image.generate", "page.view", "ui.undo"][index % 3], status: index % 7 ? "ok" : "error", account_id: `acct_${index % 9}`,
    duration_ms: index * 10, model: `model-${index % 8}`, ts: new Date(Date.now() - (index % 10) * day).toISOString(), properties: { index },
  }));
  await server.call("/v1/events", events);
});

after(async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
});

const address = (sql, more = {}) => `${server.url}/sql?${new URLSearchParams({ q: sql, ...more })}`;

/** Opens a page of a signed-in reader; signing in leads to where it was asked for. */
const open = async (url, options) => {
  const opened = await openPage(browser, options);
  await opened.page.goto(url);
  await opened.page.getByLabel("API key").fill(ADMIN_KEY);
  await opened.page.getByRole("button", { name: "Sign in" }).click();
  await opened.page.getByRole("heading", { name: "SQL", level: 1 }).waitFor();
  return opened;
};

/** The editor, which takes the place of the plain field once its script is there. */
const editor = (page) => page.locator("#sql-editor:not([hidden])").getByRole("textbox", { name: "SQL", exact: true });

/** Replaces what is written. */
const write = async (page, sql) => {
  await editor(page).click();
  await page.keyboard.press("ControlOrMeta+A");
  // Typed as one: completion would otherwise finish the words of a quick typist.
  await page.keyboard.insertText(sql);
};

const run = async (page, sql) => {
  await write(page, sql);
  await page.keyboard.press("Control+Enter");
};

const summary = (page, words) => page.locator(".sql-summary", { hasText: words }).waitFor(SOON);

const cells = async (page) => {
  await page.locator(".grid .tabulator-cell").first().waitFor(SOON);
  return page.locator(".grid .tabulator-cell").allTextContents();
};

test("signing in leads back to the question, whose answer came with the page", async () => {
  const sql = "select name, count(*) as n from usage group by name order by name";
  const { page, context, faults } = await open(address(sql));
  let asked = 0;
  page.on("request", (request) => (asked += request.url().endsWith("/v1/sql") ? 1 : 0));
  assert.equal(new URL(page.url()).searchParams.get("q"), sql, "the address is kept");
  await summary(page, "3 rows in");
  assert.deepEqual(await cells(page), ["image.generate", "80", "page.view", "80", "ui.undo", "80"]);
  assert.equal(asked, 0, "the answer of the page itself is shown");
  await page.reload();
  await summary(page, "3 rows in");
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

test("tables, columns and functions are completed, and a statement is run from the editor", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await page.locator("#sql-tables summary").first().waitFor(SOON);
  await editor(page).click();
  const complete = async (words, label) => {
    await page.keyboard.type(words, { delay: 20 });
    await page.locator(".cm-tooltip-autocomplete li", { hasText: label }).first().waitFor(SOON);
    assert.match(await page.locator(".cm-tooltip-autocomplete li[aria-selected]").textContent(), label);
    // A list that has just opened takes no key for a moment, so that nobody accepts what was not yet seen.
    await page.waitForFunction(() => document.querySelector("#sql-editor").shadowRoot.querySelector(".cm-completionInfo") !== null, null, SOON);
    await page.keyboard.press("Enter");
  };
  await complete("select cou", /^count/);
  await page.keyboard.type("*");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.type(" from usage where acc", { delay: 20 });
  await page.locator(".cm-tooltip-autocomplete li", { hasText: /^account_id/ }).first().waitFor(SOON);
  await page.screenshot({ path: join(pictures, "sql-completion.png") });
  await page.keyboard.press("Escape");
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("select count(*) as n from usage", { delay: 5 });
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  await summary(page, "1 row in");
  assert.deepEqual(await cells(page), ["240"]);
  assert.equal(new URL(page.url()).searchParams.get("q"), "select count(*) as n from usage");
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, [], "typing over styled text leaves no inline style");
  await context.close();
});

test("a mistake is marked where it is, and said in words", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await run(page, "select count(*)\nfrom usage\nwhere 'ä😀' = 'x' or staus = 'ok'");
  const notice = page.getByRole("alert");
  await notice.getByText("Line 3, column 21.").waitFor(SOON);
  await notice.getByText("did you mean `status`?").waitFor();
  assert.equal(await page.locator(".cm-lintRange-error").textContent(), "staus", "the very word is underlined");
  await page.screenshot({ path: join(pictures, "sql-mistake.png"), fullPage: true });
  assert.deepEqual(await findBarriers(page), []);
  await run(page, "select 1 as one");
  await summary(page, "1 row in");
  assert.equal(await page.locator(".cm-lintRange-error").count(), 0);
  await run(page, "drop table usage");
  await notice.getByText("DROP is not allowed").waitFor(SOON);
  await page.getByRole("button", { name: "Explain" }).click();
  await write(page, "select bad from usage");
  await page.getByRole("button", { name: "Explain" }).click();
  await notice.getByText("Line 1, column 8.").waitFor(SOON);
  await write(page, "select name from usage");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByRole("heading", { name: "physical plan" }).waitFor(SOON);
  assert.match(await page.locator(".sql-plan pre").first().textContent(), /TableScan: usage/);
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});

test("parameters become a form, their values go into the address", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await run(page, "select count(*) as n from usage where status = $status and duration_ms >= $least");
  await page.getByText("This statement needs a value for $status.").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "p.status", "the field that lacks a value has the focus");
  await page.keyboard.type("ok");
  await page.getByLabel("Type of $least").selectOption("int");
  await page.keyboard.type("2000");
  await page.keyboard.press("Enter");
  await summary(page, "1 row in");
  const [count] = await cells(page);
  assert.ok(Number(count) > 0 && Number(count) < 240, count);
  const { searchParams } = new URL(page.url());
  assert.deepEqual(["p.status", "p.least", "t.least"].map((name) => searchParams.get(name)), ["ok", "2000", "int"]);
  await page.reload();
  await summary(page, "1 row in");
  assert.deepEqual(await cells(page), [count]);
  await page.locator("#sql-params").getByLabel("$least", { exact: false }).first().fill("many");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("alert").getByText("a whole number is wanted").waitFor(SOON);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});

test("tabs keep what is written, also from one visit to the next, and nothing but that is kept", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await run(page, "select 1 as first_one");
  await summary(page, "1 row in");
  await page.getByRole("button", { name: "New tab" }).click();
  await run(page, "select 2 as second_one from usage limit 1");
  await summary(page, "1 row in");
  const tabs = page.getByRole("tab");
  assert.equal(await tabs.count(), 2);
  await tabs.nth(1).focus();
  await page.keyboard.press("ArrowLeft");
  await page.locator(".grid-name", { hasText: "first_one" }).waitFor();
  assert.match(page.url(), /first_one/);
  assert.deepEqual(await page.evaluate(() => [document.activeElement.getAttribute("role"), document.activeElement.textContent]), ["tab", "New query"]);
  await page.goto(`${server.url}/sql`);
  await tabs.nth(1).waitFor();
  assert.match(await editor(page).textContent(), /first_one/);
  await page.getByRole("button", { name: /select 2 as second_one/ }).waitFor();
  const kept = await page.evaluate(() => Object.entries(localStorage));
  assert.deepEqual(kept.map(([name]) => name).sort(), ["weir.sql.drafts", "weir.sql.history"]);
  assert.ok(!JSON.stringify(kept).includes("rows"), "no answer is kept");
  await page.getByRole("button", { name: "Close tab" }).click();
  assert.equal(await tabs.count(), 1);
  await page.getByRole("button", { name: "Clear the history" }).click();
  await page.getByRole("button", { name: /select 2 as second_one/ }).waitFor({ state: "hidden" });
  await page.goto(address("select 3 as third_one"));
  await page.locator(".grid-name", { hasText: "third_one" }).waitFor(SOON);
  await run(page, "select 4 as fourth_one");
  await page.locator(".grid-name", { hasText: "fourth_one" }).waitFor(SOON);
  await page.goBack();
  await page.locator(".grid-name", { hasText: "third_one" }).waitFor(SOON);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

/** Tells how many colours a drawing has, so that an empty one is found out. */
const colours = (page) =>
  page.locator(".drawing canvas").first().evaluate((canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const seen = new Set();
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 200) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
    return [...seen];
  });

const DRAWINGS = {
  line: ["select date_trunc('day', ts) as day, model, count(*) as n from usage group by 1, 2 order by 1", { x: "day", y: "n", series: "model" }],
  stacked_bar: ["select date_trunc('day', ts) as day, name, count(*) as n from usage group by 1, 2 order by 1", { x: "day", y: "n", series: "name" }],
  area: ["select date_trunc('day', ts) as day, name, count(*) as n from usage group by 1, 2 order by 1", { x: "day", y: "n", series: "name" }],
  bar: ["select name, count(*) as n from usage group by 1", { x: "name", y: "n" }],
  heatmap: ["select model, name, count(*) as n from usage group by 1, 2", { x: "model", y: "n", series: "name" }],
  funnel: ["select 'guests' as step, 800 as people union all select 'accounts', 310", { x: "step", y: "people" }],
  sankey: ["select name, status, count(*) as n from usage group by 1, 2", { x: "name", y: "n", series: "status" }],
  graph: ["select account_id, model, count(*) as n from usage group by 1, 2", { x: "account_id", y: "n", series: "model" }],
};

test("every kind of drawing is drawn from its address, and follows the theme", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`, { colorScheme: "light", viewport: { width: 1200, height: 900 } });
  for (const [kind, [sql, spec]] of Object.entries(DRAWINGS)) {
    await page.goto(address(sql, { view: "chart", chart: kind, ...spec }));
    await page.locator(".drawing canvas").first().waitFor(SOON);
    await page.waitForFunction(() => document.querySelector(".drawing-canvas").getAttribute("aria-label"), null, SOON);
    await page.locator("#sql-result").screenshot({ path: join(pictures, `sql-${kind}.png`) });
    const drawn = await colours(page);
    assert.ok(drawn.length > 8, `${kind} has ${drawn.length} colours`);
    assert.equal(new URL(page.url()).searchParams.get("chart"), kind);
    assert.match(await page.locator(".drawing-canvas").getAttribute("aria-label"), /The numbers are in the table\.$/);
    assert.deepEqual(await findBarriers(page), [], kind);
  }
  await page.goto(address(...[DRAWINGS.bar[0], { view: "chart", chart: "bar", ...DRAWINGS.bar[1] }]));
  await page.locator(".drawing canvas").first().waitFor(SOON);
  const blue = (0x1f << 16) | (0x5f << 8) | 0xbf;
  const paleBlue = (0x6f << 16) | (0xa8 << 8) | 0xff;
  assert.ok((await colours(page)).includes(blue), "the first series has its colour");
  await page.getByRole("button", { name: "Theme: system" }).click();
  await page.getByRole("button", { name: "Theme: light" }).click();
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  await page.waitForTimeout(400); // The colours change within a fifth of a second.
  const dark = await colours(page);
  assert.ok(dark.includes(paleBlue) && !dark.includes(blue), "the drawing is dark now");
  assert.deepEqual(faults, []);
  await context.close();
});

test("a drawing is changed by its fields, and what cannot be drawn is explained", async () => {
  const { page, context, faults } = await open(address("select name, status, count(*) as n, sum(duration_ms) as ms from usage group by 1, 2"));
  await page.getByRole("button", { name: "Chart" }).click();
  await page.locator(".drawing canvas").first().waitFor(SOON);
  await page.getByLabel("One colour each").selectOption("");
  await page.getByRole("checkbox", { name: "ms" }).check();
  await page.getByRole("checkbox", { name: "n", exact: true }).uncheck();
  const { searchParams } = new URL(page.url());
  assert.deepEqual([searchParams.getAll("y"), searchParams.get("series")], [["ms"], null]);
  await page.getByRole("checkbox", { name: "ms" }).uncheck();
  await page.getByText("Choose at least one column of values.").waitFor();
  await page.getByLabel("Drawing").selectOption("heatmap");
  await page.getByText("Choose a column for “down”.").waitFor();
  await page.getByLabel("Down").selectOption("status");
  await page.getByLabel("Value", { exact: true }).selectOption("n");
  await page.locator(".drawing canvas").first().waitFor(SOON);
  assert.deepEqual(await findBarriers(page), []);
  await page.reload();
  await page.locator(".drawing canvas").first().waitFor(SOON);
  assert.equal(await page.getByLabel("Drawing").inputValue(), "heatmap");
  await page.getByRole("button", { name: "Table" }).click();
  await page.locator(".grid").waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("a statement is saved, found, changed and deleted; what comes with Weir is not replaced", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await write(page, "select count(*) as n from usage where name = $name");
  await page.locator("[id='p.name']").fill("ui.undo");
  await page.getByRole("button", { name: "Save …" }).click();
  const dialog = page.getByRole("dialog", { name: "Save this query" });
  await dialog.getByLabel("Title").fill("Events of one name");
  await dialog.getByLabel("What $name means").fill("the event's name");
  await dialog.getByLabel("Name", { exact: true }).fill("top_errors");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("top_errors is built in").waitFor(SOON);
  await dialog.getByLabel("Name", { exact: true }).fill("events_of_name");
  await page.screenshot({ path: join(pictures, "sql-save.png") });
  assert.deepEqual(await findBarriers(page), []);
  await dialog.getByRole("button", { name: "Save" }).click();
  const link = page.getByRole("link", { name: "Events of one name" });
  await link.waitFor(SOON);
  await page.getByText("saved as events_of_name").waitFor();

  await page.getByRole("button", { name: "Close tab" }).click();
  await link.click();
  await summary(page, "1 row in");
  assert.deepEqual(await cells(page), ["80"], "its default is what it was saved with");
  assert.equal(new URL(page.url()).search, "?name=events_of_name");
  await page.getByRole("tab", { name: "Events of one name" }).waitFor();
  const answer = await server.call("/v1/queries/events_of_name?name=page.view");
  assert.deepEqual(answer.rows, [[80]], "programs ask it by its name");

  await page.getByRole("button", { name: "Delete …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await link.waitFor({ state: "detached" });
  assert.match(await editor(page).textContent(), /the event's name/, "the text stays open");
  await page.getByRole("link", { name: "Top errors by type" }).click();
  await page.getByText("saved as top_errors").waitFor();
  assert.ok(await page.getByRole("button", { name: "Delete …" }).isHidden());
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});

test("tables are browsed and searched", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await page.locator("#sql-tables summary", { hasText: "usage" }).waitFor(SOON);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "sql-find");
  await page.keyboard.type("duration_ms");
  await page.locator("#sql-tables > li:visible").first().waitFor();
  assert.ok((await page.locator("#sql-tables > li:visible").count()) < 5, "only tables with the column are left");
  const usage = page.locator("[data-table=usage]");
  await usage.locator("summary").press("Enter");
  await usage.getByText("how long it took").or(usage.locator("li p:visible")).first().waitFor();
  await usage.getByRole("button", { name: "duration_ms" }).click();
  assert.match(await editor(page).textContent(), /^duration_ms/);
  await page.getByRole("button", { name: "First rows of usage" }).click();
  await summary(page, "100 rows in");
  await page.locator("#sql-find").fill("top errors");
  assert.equal(await page.locator("#sql-saved li:visible").count(), 1);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

test("a long answer is cut and says so, more of it can be shown, and only what is in view is in the document", async () => {
  const { page, context, faults } = await open(address("select value as n, 'x' || value as word, 9007199254740993 as big from generate_series(1, 150000) order by 1"));
  await page.getByText("Only the first 10,000 rows are here").waitFor();
  await page.getByRole("button", { name: "Show up to 100,000" }).click();
  await summary(page, "100,000 rows in");
  assert.ok((await page.locator(".grid .tabulator-row").count()) < 100);
  assert.ok((await cells(page)).includes("9007199254740993"), "large numbers keep every digit");
  const head = page.getByRole("button", { name: "n bigint" });
  await head.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.locator(".tabulator-col[aria-sort=descending]").waitFor(SOON);
  await page.waitForFunction(() => document.querySelector(".grid .tabulator-cell").textContent === "100000", null, SOON);
  await page.getByRole("button", { name: "Row by row" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Row 1 of 100,000").waitFor();
  await dialog.getByRole("button", { name: "Next" }).click();
  await dialog.getByText("Row 2 of 100,000").waitFor();
  await dialog.getByText("9007199254740993").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.keyboard.press("Escape");
  assert.deepEqual(faults, []);
  await context.close();
});

test("answers are downloaded whole in every form", async () => {
  const { page, context, faults } = await open(address("select value as n from generate_series(1, 12000) order by 1"));
  await summary(page, "10,000 rows in");
  const download = async (name) => {
    await page.getByText("Download", { exact: true }).click();
    const [file] = await Promise.all([page.waitForEvent("download", SOON), page.getByRole("button", { name, exact: true }).click()]);
    return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
  };
  const csv = await download("CSV");
  assert.deepEqual([csv.name, csv.bytes.toString().trim().split("\n").length], ["weir.csv", 12_001]);
  assert.equal(JSON.parse((await download("JSON")).bytes).row_count, 12_000);
  assert.equal((await download("JSON lines")).bytes.toString().trim().split("\n").length, 12_000);
  const parquet = await download("Parquet");
  assert.deepEqual([parquet.name, parquet.bytes.subarray(0, 4).toString()], ["weir.parquet", "PAR1"]);
  assert.deepEqual(faults, []);
  await context.close();
});

/** Returns how much of the next half second a process works, all threads together. */
const shareOfWork = async (pid) => {
  // Fields 14 and 15 of proc(5): user and system time in hundredths of a second.
  const ticks = async () => (await readFile(`/proc/${pid}/stat`, "utf8")).split(" ").slice(13, 15).reduce((sum, part) => sum + Number(part), 0);
  const [before, since] = [await ticks(), Date.now()];
  await new Promise((resolve) => setTimeout(resolve, 500));
  return ((await ticks()) - before) * 10 / (Date.now() - since);
};

test("a question that takes long can be cancelled, and the server stops working on it", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await page.locator("#sql-tables summary").first().waitFor(SOON);
  await run(page, "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b");
  await page.getByText("Running …").waitFor(SOON);
  assert.ok(await page.getByRole("button", { name: "Cancel" }).isHidden(), "not before three seconds");
  await page.getByRole("button", { name: "Cancel" }).waitFor(SOON);
  const { pid } = server.child;
  assert.ok((await shareOfWork(pid)) > 0.2, "the server works on it");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. The server has stopped working on it.").waitFor();
  const end = Date.now() + SOON.timeout;
  while ((await shareOfWork(pid)) > 0.1) assert.ok(Date.now() < end, "the server still works on what nobody waits for");
  await run(page, "select 1 as one");
  await summary(page, "1 row in");
  assert.deepEqual(faults, []);
  await context.close();
});

test("an ended session says so, keeps what was written, and leads back", async () => {
  const { page, context, faults } = await open(address("select 5 as five"));
  await summary(page, "1 row in");
  await context.clearCookies();
  await run(page, "select 6 as six");
  await page.getByText("Your session has ended.").waitFor(SOON);
  assert.deepEqual(await findBarriers(page), []);
  await page.getByRole("link", { name: "Sign in again" }).click();
  await page.getByLabel("API key").fill(ADMIN_KEY);
  await page.getByLabel("API key").press("Enter");
  await page.locator(".grid-name", { hasText: "six" }).waitFor(SOON);
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});

test("hostile text runs nothing, wherever it ends up", async () => {
  const text = HOSTILE.replaceAll("'", "''");
  const name = HOSTILE.replaceAll('"', '""');
  const sql = `select '${text}' as "${name}", '${text}' as "b", 3 as "n${name}", $x as x`;
  await server.call("/v1/queries/hostile", { sql: `--! title: ${HOSTILE}\n--! param: x text = 'a' -- ${HOSTILE}\nselect $x as x` }, { method: "PUT" });
  const { page, context, faults } = await open(address(sql, { "p.x": HOSTILE }));
  await summary(page, "1 row in");
  const clean = async (where) => {
    const made = page.locator("main img:not(.cm-widgetBuffer), main script:not([type='application/json']), dialog img");
    assert.deepEqual(await made.evaluateAll((found) => found.map((element) => element.outerHTML)), [], where);
    assert.equal(await page.evaluate(() => window.hit), undefined, where);
    assert.deepEqual(faults, [], where);
  };
  assert.ok((await cells(page)).includes(HOSTILE));
  await clean("the grid");
  await page.locator(".grid .tabulator-row").first().click();
  await page.getByRole("dialog").getByText(HOSTILE, { exact: true }).first().waitFor();
  await clean("the row");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Chart" }).click();
  for (const kind of ["bar", "heatmap", "sankey", "graph", "funnel"]) {
    await page.getByLabel("Drawing").selectOption(kind);
    if (await page.getByLabel(/^(Down|To)$/).count()) await page.getByLabel(/^(Down|To)$/).selectOption("x");
    await page.locator(".drawing-canvas > *").first().waitFor();
    const box = await page.locator(".drawing-canvas").boundingBox();
    await page.mouse.move(box.x + box.width / 3, box.y + box.height / 2);
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 5 });
    await clean(kind);
  }
  await run(page, `select "${name}" from usage`);
  await page.getByRole("alert").waitFor(SOON);
  assert.match(await page.getByRole("alert").textContent(), /onerror/);
  faults.splice(0, faults.length, ...faults.filter((fault) => !REFUSED.test(fault)));
  await clean("a refusal");
  await page.getByRole("link", { name: HOSTILE }).click();
  await summary(page, "1 row in");
  await clean("a saved query, its tab and its parameters");
  await page.goto(`${server.url}/sql?${new URLSearchParams({ name: HOSTILE, table: HOSTILE, chart: HOSTILE, view: "chart", x: HOSTILE })}`);
  await page.getByText("There is no saved query named").waitFor(SOON);
  faults.splice(0, faults.length, ...faults.filter((fault) => !REFUSED.test(fault)));
  await clean("the address");
  await server.call("/v1/queries/hostile", undefined, { method: "DELETE" });
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`reads well at ${width} px in ${colorScheme}`, async () => {
      const { page, context, faults } = await open(address("select * from usage order by ts limit 150"), { colorScheme, viewport: { width, height: 900 } });
      await cells(page);
      const look = async (name) => {
        assert.equal(await overhang(page), 0, name);
        assert.deepEqual(await findBarriers(page), [], name);
        await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      };
      await look("sql-table");
      await page.goto(address(DRAWINGS.line[0], { view: "chart", chart: "line", ...DRAWINGS.line[1] }));
      await page.locator(".drawing canvas").first().waitFor(SOON);
      await page.waitForTimeout(400); // Drawings move for a fifth of a second.
      await look("sql-chart");
      await page.goto(`${server.url}/sql?name=top_errors`);
      await page.locator("#sql-result .result-bar").waitFor(SOON);
      await page.locator("#sql-tables summary").first().waitFor({ state: "attached", ...SOON });
      if (width < 960) await page.getByText("Tables and saved queries").click();
      await page.locator("[data-table=usage] summary").click();
      await look("sql-saved");
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test("the keyboard reaches every page and tells its keys", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await page.locator("#sql-tables summary").first().waitFor(SOON);
  await page.locator("h1").click();
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keys" });
  await help.getByText("Go to the editor").waitFor();
  await page.screenshot({ path: join(pictures, "keys.png") });
  assert.deepEqual(await findBarriers(page), []);
  await page.keyboard.press("Escape");
  await page.keyboard.press("e");
  await page.keyboard.type("?g/");
  assert.equal(await editor(page).textContent(), "?g/", "inside a field keys are letters");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.notEqual(await page.evaluate(() => document.activeElement.id), "sql-editor", "Tab leaves the editor");
  await page.locator("h1").click();
  await page.keyboard.press("g");
  await page.keyboard.press("o");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "SQL", level: 1 }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("without JavaScript a plain form asks, and the first rows are a table", async () => {
  const { page, context } = await open(`${server.url}/sql`, { javaScriptEnabled: false });
  await page.getByLabel("SQL", { exact: true }).fill("select name, count(*) as n\nfrom usage where status = $status group by name order by name");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("This statement needs a value for $status.").waitFor();
  await page.getByLabel("$status").fill("ok");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("cell", { name: "image.generate" }).waitFor();
  await page.getByText("Tables and saved queries").click();
  await page.getByRole("link", { name: "usage", exact: true }).click();
  await page.getByText("Tables and saved queries").click();
  assert.ok(await page.getByText("duration_ms").isVisible());
  assert.ok(await page.getByRole("cell", { name: "image.generate" }).isVisible(), "the answer stays");
  for (const name of ["Explain", "Save …", "New tab"]) assert.equal(await page.getByRole("button", { name }).count(), 0, `${name} would do nothing`);
  await page.screenshot({ path: join(pictures, "sql-no-javascript.png"), fullPage: true });
  await page.getByLabel("SQL", { exact: true }).fill("select count(*)\nfrom nowhere");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("Line 2, column 6.").waitFor();
  await context.close();
});

test("pages stay light: large libraries come only where they are used", async () => {
  const { page, context } = await open(address("select * from usage"));
  const weigh = async (path) => {
    const seen = new Set();
    const note = (request) => request.url().includes("/static/") && seen.add(request.url());
    page.on("request", note);
    const html = await (await page.goto(server.url + path, { waitUntil: "networkidle" })).body();
    page.off("request", note);
    let bytes = 0;
    for (const url of seen) {
      const answer = await fetch(url);
      assert.match(answer.headers.get("cache-control"), /immutable/, url);
      bytes += gzipSync(Buffer.from(await answer.arrayBuffer())).length;
    }
    return { bytes, seen: [...seen], html: html.length };
  };
  await context.newCDPSession(page).then((session) => session.send("Network.setCacheDisabled", { cacheDisabled: true }));
  const overview = await weigh("/");
  assert.ok(overview.seen.length >= 4 && overview.bytes < 60_000, `${overview.bytes} bytes: ${overview.seen.join(" ")}`);
  assert.ok(!overview.seen.some((url) => /echarts|codemirror|tabulator/.test(url)));
  const sql = await weigh(`/sql?${new URLSearchParams({ q: "select * from usage" })}`);
  assert.ok(sql.html < 60_000, `${sql.html} bytes of HTML`);
  assert.ok(sql.bytes < 520_000, `${sql.bytes} bytes`);
  console.log(`gzip: overview ${overview.bytes}, SQL page ${sql.bytes} bytes of scripts and styles; its HTML ${sql.html} bytes`);
  await context.close();
});

test("every function that is offered is one that the engine has", async () => {
  const unknown = [];
  for (const { name } of FUNCTIONS) {
    const told = async (sql) => {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      const answer = await fetch(`${server.url}/v1/sql`, { method: "POST", headers, body: JSON.stringify({ sql }) });
      return (await answer.json()).error?.message ?? "";
    };
    const missing = /there is no function/;
    if (missing.test(await told(`select ${name}()`)) && missing.test(await told(`select ${name}() over ()`))) unknown.push(name);
  }
  assert.deepEqual(unknown, []);
});
