// The SQL page as a person meets it: writing a statement with completion, its mistakes, its parameters, tabs, saved queries, a
// question that is cancelled, an ended session, no JavaScript. What becomes of answers is in answers.test.mjs.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { FUNCTIONS } from "../../dashboards/static/js/sql-functions.js";
import { ADMIN_KEY } from "../server.mjs";
import { findBarriers, pictures } from "./page.mjs";
import { REFUSED, SOON, address, begin, cells, editor, end, open, run, server, summary, write } from "./sql.mjs";

before(begin);
after(end);

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
    await page.waitForFunction(
      () => document.querySelector("#sql-editor").shadowRoot.querySelector(".cm-completionInfo") !== null,
      null,
      SOON,
    );
    await page.keyboard.press("Enter");
  };
  await complete("select cou", /^count/);
  await page.keyboard.type("*");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.type(" from usage where acc", { delay: 20 });
  await page
    .locator(".cm-tooltip-autocomplete li", { hasText: /^account_id/ })
    .first()
    .waitFor(SOON);
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
  assert.deepEqual(
    faults.filter((fault) => !REFUSED.test(fault)),
    [],
  );
  await context.close();
});

test("parameters become a form, their values go into the address", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await run(page, "select count(*) as n from usage where status = $status and duration_ms >= $least");
  await page.getByText("This statement needs a value for $status.").waitFor();
  assert.equal(
    await page.evaluate(() => document.activeElement.id),
    "p.status",
    "the field that lacks a value has the focus",
  );
  await page.keyboard.type("ok");
  await page.getByLabel("Type of $least").selectOption("int");
  await page.keyboard.type("2000");
  await page.keyboard.press("Enter");
  await summary(page, "1 row in");
  const [count] = await cells(page);
  assert.ok(Number(count) > 0 && Number(count) < 240, count);
  const { searchParams } = new URL(page.url());
  assert.deepEqual(
    ["p.status", "p.least", "t.least"].map((name) => searchParams.get(name)),
    ["ok", "2000", "int"],
  );
  await page.reload();
  await summary(page, "1 row in");
  assert.deepEqual(await cells(page), [count]);
  await page.locator("#sql-params").getByLabel("$least", { exact: false }).first().fill("many");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("alert").getByText("a whole number is wanted").waitFor(SOON);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(
    faults.filter((fault) => !REFUSED.test(fault)),
    [],
  );
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
  assert.deepEqual(
    await page.evaluate(() => [document.activeElement.getAttribute("role"), document.activeElement.textContent]),
    ["tab", "New query"],
  );
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
  assert.deepEqual(
    faults.filter((fault) => !REFUSED.test(fault)),
    [],
  );
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

/** Returns how much of the next half second the threads of the query engine work, all together. */
const shareOfQueries = async (pid) => {
  const ticks = async () => {
    let sum = 0;
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      const read = (name) => readFile(`/proc/${pid}/task/${thread}/${name}`, "utf8").catch(() => "");
      if ((await read("comm")).trim() !== "weir-query") continue;
      // Fields 14 and 15 of proc(5): user and system time in hundredths of a second.
      sum += (await read("stat"))
        .split(" ")
        .slice(13, 15)
        .reduce((all, part) => all + Number(part), 0);
    }
    return sum;
  };
  const [before, since] = [await ticks(), Date.now()];
  await new Promise((resolve) => setTimeout(resolve, 500));
  return (((await ticks()) - before) * 10) / (Date.now() - since);
};

test("a question that takes long can be cancelled, and the server stops working on it", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`);
  await page.locator("#sql-tables summary").first().waitFor(SOON);
  await run(page, "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b");
  await page.getByText("Running …").waitFor(SOON);
  assert.ok(await page.getByRole("button", { name: "Cancel" }).isHidden(), "not before three seconds");
  await page.getByRole("button", { name: "Cancel" }).waitFor(SOON);
  const { pid } = server.child;
  assert.ok((await shareOfQueries(pid)) > 0.1, "the server works on it");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. The server has stopped working on it.").waitFor();
  const end = Date.now() + SOON.timeout;
  while ((await shareOfQueries(pid)) > 0.05)
    assert.ok(Date.now() < end, "the server still works on what nobody waits for");
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
  assert.deepEqual(
    faults.filter((fault) => !REFUSED.test(fault)),
    [],
  );
  await context.close();
});

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
  await page
    .getByLabel("SQL", { exact: true })
    .fill("select name, count(*) as n\nfrom usage where status = $status group by name order by name");
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
  for (const name of ["Explain", "Save …", "New tab"])
    assert.equal(await page.getByRole("button", { name }).count(), 0, `${name} would do nothing`);
  await page.screenshot({ path: join(pictures, "sql-no-javascript.png"), fullPage: true });
  await page.getByLabel("SQL", { exact: true }).fill("select count(*)\nfrom nowhere");
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByText("Line 2, column 6.").waitFor();
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
    if (missing.test(await told(`select ${name}()`)) && missing.test(await told(`select ${name}() over ()`)))
      unknown.push(name);
  }
  assert.deepEqual(unknown, []);
});
