// Answers on the SQL page: drawings, long answers, downloads, hostile text in every place, on a phone and in the dark.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";

import { findBarriers, openPage, overhang, pictures } from "./page.mjs";
import { HOSTILE, REFUSED, SOON, address, begin, browser, cells, end, open, run, server, summary } from "./sql.mjs";

before(begin);
after(end);

/** Tells how many colours a drawing has, so that an empty one is found out. */
const colours = (page) =>
  page
    .locator(".drawing canvas")
    .first()
    .evaluate((canvas) => {
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let at = 0; at < data.length; at += 4)
        if (data[at + 3] > 200) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
      return [...seen];
    });

const DRAWINGS = {
  line: [
    "select date_trunc('day', ts) as day, model, count(*) as n from usage group by 1, 2 order by 1",
    { x: "day", y: "n", series: "model" },
  ],
  stacked_bar: [
    "select date_trunc('day', ts) as day, name, count(*) as n from usage group by 1, 2 order by 1",
    { x: "day", y: "n", series: "name" },
  ],
  area: [
    "select date_trunc('day', ts) as day, name, count(*) as n from usage group by 1, 2 order by 1",
    { x: "day", y: "n", series: "name" },
  ],
  bar: ["select name, count(*) as n from usage group by 1", { x: "name", y: "n" }],
  heatmap: ["select model, name, count(*) as n from usage group by 1, 2", { x: "model", y: "n", series: "name" }],
  funnel: ["select 'guests' as step, 800 as people union all select 'accounts', 310", { x: "step", y: "people" }],
  sankey: ["select name, status, count(*) as n from usage group by 1, 2", { x: "name", y: "n", series: "status" }],
  graph: [
    "select account_id, model, count(*) as n from usage group by 1, 2",
    { x: "account_id", y: "n", series: "model" },
  ],
};

test("every kind of drawing is drawn from its address, and follows the theme", async () => {
  const { page, context, faults } = await open(`${server.url}/sql`, {
    colorScheme: "light",
    viewport: { width: 1200, height: 900 },
  });
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
  const { page, context, faults } = await open(
    address("select name, status, count(*) as n, sum(duration_ms) as ms from usage group by 1, 2"),
  );
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

test("a drawing that a page declares is drawn, with its numbers beside it, and tells what is clicked", async () => {
  const { page, context, faults } = await openPage(browser);
  const policy = (await fetch(server.url)).headers.get("content-security-policy");
  const answer = {
    columns: [
      { name: "name", type: "text" },
      { name: "n", type: "bigint" },
    ],
    rows: [[HOSTILE, 7]],
  };
  const block = JSON.stringify({
    spec: { kind: "bar", x: "name", y: "n", title: "Events by name", goal: 5 },
    answer,
  }).replaceAll("<", "\\u003c");
  const styles = ["weir", "answer"].map((name) => `<link rel="stylesheet" href="/static/css/${name}.css">`).join("");
  await page.route("**/declared", (route) =>
    route.fulfill({
      contentType: "text/html",
      headers: { "content-security-policy": policy },
      body: `<!doctype html><html lang="en"><title>Declared</title>${styles}<main><h1>Declared</h1><p>Some words, so that there is something to measure.</p>
        <figure class="drawing" data-chart><script type="application/json">${block}</script></figure></main><script type="module" src="/static/js/chart.js"></script>`,
    }),
  );
  await page.goto(`${server.url}/declared`);
  await page.locator(".drawing canvas").first().waitFor(SOON);
  assert.match(await page.locator(".drawing-canvas").getAttribute("aria-label"), /^Events by name\./);
  await page.evaluate(() => document.addEventListener("weir:pick", ({ detail }) => (window.picked = detail)));
  await page.waitForTimeout(400); // Bars grow for a fifth of a second.
  const box = await page.locator(".drawing-canvas").boundingBox();
  await page.mouse.click(box.x + box.width / 2 + 20, box.y + box.height * 0.7);
  await page.waitForFunction(() => window.picked !== undefined, null, SOON);
  assert.deepEqual(await page.evaluate(() => window.picked), { x: HOSTILE, series: "n", value: 7 });
  await page.getByText("Show as a table").click();
  assert.deepEqual(await page.locator(".drawing td").allTextContents(), [HOSTILE, "7"]);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

test("a long answer is cut and says so, more of it can be shown, and only what is in view is in the document", async () => {
  const { page, context, faults } = await open(
    address(
      "select value as n, 'x' || value as word, 9007199254740993 as big from generate_series(1, 150000) order by 1",
    ),
  );
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
  await page.waitForFunction(
    () => document.querySelector(".grid .tabulator-cell").textContent === "100000",
    null,
    SOON,
  );
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
    const [file] = await Promise.all([
      page.waitForEvent("download", SOON),
      page.getByRole("button", { name, exact: true }).click(),
    ]);
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

test("hostile text runs nothing, wherever it ends up", async () => {
  const text = HOSTILE.replaceAll("'", "''");
  const name = HOSTILE.replaceAll('"', '""');
  const sql = `select '${text}' as "${name}", '${text}' as "b", 3 as "n${name}", $x as x`;
  await server.call(
    "/v1/queries/hostile",
    { sql: `--! title: ${HOSTILE}\n--! param: x text = 'a' -- ${HOSTILE}\nselect $x as x` },
    { method: "PUT" },
  );
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
  await page.goto(
    `${server.url}/sql?${new URLSearchParams({ name: HOSTILE, table: HOSTILE, chart: HOSTILE, view: "chart", x: HOSTILE })}`,
  );
  await page.getByText("There is no saved query named").waitFor(SOON);
  faults.splice(0, faults.length, ...faults.filter((fault) => !REFUSED.test(fault)));
  await clean("the address");
  await server.call("/v1/queries/hostile", undefined, { method: "DELETE" });
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`reads well at ${width} px in ${colorScheme}`, async () => {
      const { page, context, faults } = await open(address("select * from usage order by ts limit 150"), {
        colorScheme,
        viewport: { width, height: 900 },
      });
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
      await page
        .locator("#sql-tables summary")
        .first()
        .waitFor({ state: "attached", ...SOON });
      if (width < 960) await page.getByText("Tables and saved queries").click();
      await page.locator("[data-table=usage] summary").click();
      await look("sql-saved");
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test("pages stay light: large libraries come only where they are used", async () => {
  const { page, context } = await open(address("select * from usage"));
  const weigh = async (path) => {
    // What the page before still asks for is not this one's.
    await page.goto("about:blank");
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
  await context
    .newCDPSession(page)
    .then((session) => session.send("Network.setCacheDisabled", { cacheDisabled: true }));
  const overview = await weigh("/");
  assert.ok(
    overview.seen.length >= 4 && overview.bytes < 60_000,
    `${overview.bytes} bytes: ${overview.seen.join(" ")}`,
  );
  assert.ok(!overview.seen.some((url) => /echarts|codemirror|tabulator/.test(url)));
  const sql = await weigh(`/sql?${new URLSearchParams({ q: "select * from usage" })}`);
  assert.ok(sql.html < 60_000, `${sql.html} bytes of HTML`);
  assert.ok(sql.bytes < 520_000, `${sql.bytes} bytes`);
  console.log(
    `gzip: overview ${overview.bytes}, SQL page ${sql.bytes} bytes of scripts and styles; its HTML ${sql.html} bytes`,
  );
  await context.close();
});
