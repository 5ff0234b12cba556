// Dashboards as their readers and writers meet them: the five that come with Weir, choices in the address, a panel alone, its
// exports and its SQL, files of one's own and their mistakes, saving from the SQL page, what is told when answers stop coming.
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server } from "../server.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures, SOON } from "./page.mjs";

const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script></script>${"wide".repeat(20)}`;
const HOUR_MS = 3_600_000;
const SHIPPED = ["Abuse", "Credits", "Pipeline", "Reliability", "Usage"];

let server;
let browser;

const own = (name) => join(server.dir, "dashboards", `${name}.toml`);
const writeBoard = (name, text) => writeFile(own(name), text);

before(async () => {
  server = await Server.start();
  browser = await openBrowser();
  await mkdir(join(server.dir, "dashboards"), { recursive: true });
  const ago = (hours) => new Date(Date.now() - hours * HOUR_MS).toISOString();
  const usage = Array.from({ length: 120 }, (_, index) => ({
    kind: "usage",
    name: "image.generate",
    status: index % 9 ? "ok" : "error",
    guest_id: `guest_${index % 12}`,
    session_id: `s_${index % 12}`,
    duration_ms: 400 + index * 10,
    model: index % 2 ? "studio-xl" : HOSTILE,
    route: "/api/images",
    release: index % 3 ? "2.4.0" : HOSTILE,
    country: index % 4 ? "DE" : "US",
    ts: ago(0.1),
  }));
  const errors = Array.from({ length: 40 }, (_, index) => ({
    kind: "error",
    type: index % 2 ? "TypeError" : HOSTILE,
    message: HOSTILE,
    level: "error",
    release: index % 3 ? "2.4.0" : HOSTILE,
    environment: "production",
    guest_id: `guest_${index % 12}`,
    session_id: `s_${index % 12}`,
    ts: ago(0.1),
  }));
  const credits = Array.from({ length: 24 }, (_, index) => ({
    kind: "credit",
    op: index % 2 ? "spend" : "grant",
    amount: index % 2 ? 5 : 50,
    reason: index % 2 ? "image" : HOSTILE,
    guest_id: `guest_${index % 12}`,
    ref: `ref_${index}`,
    ts: ago(0.1),
  }));
  await server.call("/v1/events", [...usage, ...errors, ...credits]);
});

after(async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
});

const open = async (path, options) => {
  const opened = await openPage(browser, { viewport: { width: 1440, height: 900 }, ...options });
  await opened.page.goto(server.url + path);
  await opened.page.getByLabel("API key").fill(ADMIN_KEY);
  await opened.page.getByRole("button", { name: "Sign in" }).click();
  await opened.page.getByRole("navigation", { name: "Pages" }).waitFor();
  return opened;
};

/** Looks at every panel, and waits until each has settled. */
const settle = async (page) => {
  for (const panel of await page.locator("[data-board-panel]").all()) {
    const id = await panel.getAttribute("id");
    // A panel that is replaced while one scrolls to it is there again at once.
    await page.locator(`#${id}`).evaluate((element) => element.scrollIntoView({ block: "center" }));
    await page.locator(`#${id}:not([aria-busy])`).waitFor(SOON);
  }
};

const panel = (page, slug) => page.locator(`#panel-${slug}`);

for (const title of SHIPPED) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${title} answers in ${colorScheme}, and no text of an event runs`, async () => {
      const name = title.toLowerCase();
      const { page, context, faults } = await open(`/d/${name}`, { colorScheme });
      await page.getByRole("heading", { name: title, level: 1 }).waitFor();
      await settle(page);
      assert.deepEqual(await page.locator(".board .notice-failed").allTextContents(), [], "every panel has an answer");
      assert.equal(await page.evaluate(() => window.hit), undefined);
      assert.deepEqual(await findBarriers(page), []);
      await page.screenshot({ path: join(pictures, `board-${name}-${colorScheme}.png`), fullPage: true });
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test("the list leads to each, and tells of files with mistakes", async () => {
  await writeBoard("broken", `title = "Broken"\n\n[[panel]]\nquery = "releases"\nchart = "pie"\n`);
  const { page, context, faults } = await open("/d");
  const broken = page.locator(".boards li", { hasText: "Broken" });
  await broken.getByText("broken.toml:5").waitFor();
  for (const title of SHIPPED) await page.locator(".boards").getByRole("link", { name: title, exact: true }).waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.setViewportSize({ width: 360, height: 800 });
  assert.equal(await overhang(page), 0);
  await rm(own("broken"));
  await page.reload();
  assert.equal(await broken.count(), 0, "a change is there at the next look");
  assert.deepEqual(faults, []);
  await context.close();
});

test("a bad panel shows its file and line, one whose query fails its reason, and the others answer", async () => {
  const runs = `--! title: Never a number\n--! column: n count -- n\nselect cast(name as bigint) as n from usage`;
  await server.call("/v1/queries/never_a_number", { sql: runs }, { method: "PUT" });
  const head = `title = "Mine ${"<b>"}"\nrefresh = "5s"\n`;
  const good = `\n[[panel]]\nquery = "errors_over_time"\nchart = "stacked_bar"\n`;
  const fails = `\n[[panel]]\nquery = "never_a_number"\n`;
  await writeBoard("mine", `${head}${good}\n[[panel]]\nquery = "errors_over_tim"\n${fails}\n[[panel]]\nchart = "text"\ntext = "Read <this>."\n`);
  const { page, context, faults } = await open("/d/mine");
  await settle(page);
  await panel(page, "errors_over_time").locator("canvas").waitFor();
  const bad = page.locator(".board-panel", { hasText: "mine.toml:8" });
  await bad.getByText("there is no stored query named `errors_over_tim`", { exact: false }).waitFor();
  await bad.getByText("did you mean `errors_over_time`", { exact: false }).waitFor();
  const failed = panel(page, "never_a_number");
  await failed.locator(".notice-failed").waitFor();
  await failed.getByRole("link", { name: "Open as SQL" }).waitFor();
  await page.getByText("Read <this>.").waitFor();
  // The query is mended, and only its panel asks again.
  await server.call("/v1/queries/never_a_number", { sql: runs.replace("cast(name as bigint)", "count(*)") }, { method: "PUT" });
  await failed.getByRole("button", { name: "Retry" }).click();
  await failed.getByRole("cell", { name: "120" }).waitFor();
  await writeBoard("mine", `title = "Mine\n`);
  await page.reload();
  await page.getByText("This dashboard's file cannot be read.", { exact: false }).waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});

test("choices are in the address, and lead to the panel alone, its exports and its SQL", async () => {
  const { page, context, faults } = await open("/d/reliability");
  await page.getByLabel("Range").selectOption({ label: "Last 7 days" });
  await page.waitForURL(/from=-7d/);
  await page.getByLabel("Country").fill("US");
  await page.getByLabel("Country").press("Enter");
  await page.waitForURL(/country=US/);
  assert.match(page.url(), /from=-7d/);
  const models = panel(page, "failing_models");
  await settle(page);
  await models.getByRole("cell", { name: "30", exact: true }).waitFor();
  const csv = page.waitForEvent("download");
  await models.getByRole("link", { name: "as CSV" }).click();
  const text = await (await (await csv).createReadStream()).toArray();
  assert.match(Buffer.concat(text).toString(), /^model,generations,failed/);
  await models.getByRole("link", { name: "Failing models", exact: true }).click();
  await page.waitForURL(/\/d\/reliability\/failing_models\?from=-7d&country=US$/);
  await panel(page, "failing_models").getByRole("cell", { name: "30", exact: true }).waitFor();
  await page.getByRole("link", { name: "Open Failing models as SQL" }).click();
  await page.getByRole("heading", { name: "SQL", level: 1 }).waitFor();
  assert.equal(await page.locator("[name='p.country']").inputValue(), "US");
  assert.deepEqual(faults, []);
  await context.close();
});

test("what the address asks for wrongly is answered with what is wanted", async () => {
  const { page, context } = await open("/d/reliability?from=soon");
  await settle(page);
  await panel(page, "error_rate").getByText("a time is wanted", { exact: false }).waitFor();
  await page.goto(`${server.url}/d/reliability?colour=red`);
  await page.getByText("has no control `colour`", { exact: false }).waitFor();
  await page.goto(`${server.url}/d/nobody`);
  await page.getByText('There is no dashboard named "nobody"', { exact: false }).waitFor();
  await page.goto(`${server.url}/d/usage/nobody`);
  await page.getByText('has no panel "nobody"', { exact: false }).waitFor();
  await context.close();
});

test("an answer of the SQL page is saved to a new dashboard, chart and all", async () => {
  const sql = "select model, count(*) as generations from usage group by model order by 2 desc limit 10";
  const { page, context, faults } = await open(`/sql?${new URLSearchParams({ q: sql })}`);
  await page.locator(".sql-summary").waitFor(SOON);
  await page.getByRole("button", { name: "Chart", exact: true }).click();
  await page.getByRole("button", { name: "To dashboard …" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Title", { exact: true }).fill("Generations by model");
  await dialog.getByLabel("Name", { exact: true }).fill("by_model");
  await dialog.getByLabel("Dashboard").selectOption({ label: "A new one …" });
  await dialog.getByLabel("Its name").fill("team");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved to the dashboard").getByRole("link").click();
  await page.waitForURL(/\/d\/team$/);
  const saved = panel(page, "by_model");
  await saved.locator("canvas").waitFor();
  await saved.getByText("Generations by model").waitFor();
  // A second panel of one that comes with Weir makes a copy of one's own, and leaves the rest as it was.
  await server.call("/v1/dashboards/pipeline/panels", { query: "by_model", chart: "table" });
  const { dashboards } = await server.call("/v1/dashboards");
  const pipeline = dashboards.find(({ name }) => name === "pipeline");
  assert.deepEqual([pipeline.origin, pipeline.panels, pipeline.problems], ["own", 7, []]);
  assert.deepEqual(faults, []);
  await context.close();
});

test("numbers that get no newer say of when they are, and why", async () => {
  await writeBoard("quick", `title = "Quick"\nrefresh = "5s"\n\n[[panel]]\nquery = "table_rows"\n`);
  const { page, context } = await open("/d/quick");
  await settle(page);
  const rows = panel(page, "table_rows");
  await context.setOffline(true);
  await rows.getByText(/The server cannot be reached. These numbers are as of \d\d:/).waitFor();
  assert.ok(await rows.getByRole("cell", { name: "usage", exact: true }).isVisible(), "the numbers stay");
  await context.setOffline(false);
  await page.locator("#panel-table_rows:not(.is-stale)").waitFor();
  await context.clearCookies();
  await rows.getByText("Your session has ended.", { exact: false }).waitFor();
  await rows.getByRole("link", { name: "Sign in again" }).waitFor();
  await context.close();
});

test("a panel reads without JavaScript", async () => {
  const { page, context } = await open("/d/usage/model_mix_over_time?from=-24h", { javaScriptEnabled: false });
  await page.getByRole("region", { name: "Generations over time, by model" }).getByText("studio-xl").first().waitFor();
  await page.goto(`${server.url}/d/usage`);
  await page.getByRole("link", { name: "Which models people use", exact: true }).click();
  await page.getByRole("cell", { name: "studio-xl" }).waitFor();
  await context.close();
});

test("a dashboard fits a phone", async () => {
  const { page, context, faults } = await open("/d/reliability", { viewport: { width: 360, height: 800 } });
  await settle(page);
  assert.equal(await overhang(page), 0);
  await page.screenshot({ path: join(pictures, "board-reliability-360.png"), fullPage: true });
  assert.deepEqual(faults, []);
  await context.close();
});
