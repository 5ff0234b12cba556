// Every page, against the demo as a newcomer starts it: it loads in both themes and on a phone without a fault or a violation of the
// content policy, axe finds nothing serious, its HTML, scripts and styles stay small, and the first minute leads from the Overview to
// both stories that are planted.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";

import axe from "axe-core";

import { within } from "../server.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures, SOON } from "./page.mjs";

/** The history is made, imported and looked through by the rules. */
const DEMO_MS = 300_000;
const KEY = "wk_demo_thisKeyOpensTheDemoAndNothingElse";
const HTML_BYTES_MAX = 60 << 10;
const ASSET_BYTES_MAX = 60 << 10;

const target = process.env.CARGO_TARGET_DIR ?? process.env.WEIR_TARGET_DIR ?? join(homedir(), ".cache/weir-target");
const program = process.env.WEIR_BINARY ?? join(target, "debug/weir");

let demo;
let url;
let browser;

const api = async (path, body, { method = body === undefined ? "GET" : "POST" } = {}) => {
  const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/json" };
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
};

const rows = async (sql) => (await api("/v1/sql", { sql })).rows;

before(async () => {
  browser = await openBrowser();
  demo = spawn(program, ["demo", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const told = new Promise((resolve, reject) => {
    createInterface({ input: demo.stderr }).on("line", (line) => {
      log += `${line}\n`;
      url ??= /(http:\/\/127\.0\.0\.1:\d+)\//.exec(line)?.[1];
      if (line.includes("Ctrl-C ends it")) resolve();
    });
    demo.once("exit", (code) => reject(new Error(`the demo ended with ${code}:\n${log}`)));
  });
  demo.stdout.resume();
  await within(told, DEMO_MS, "the demo did not tell its story");
  // Scheduled rules find the ring within a minute or two.
  const found = async () => {
    while ((await rows("select count(*) from hits where rule = 'linked_accounts' and component is not null"))[0][0] === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };
  await within(found(), DEMO_MS, "no rule found the ring");
});

after(async () => {
  await browser?.close();
  if (demo && demo.exitCode === null) {
    demo.kill("SIGINT");
    await new Promise((resolve) => demo.once("exit", resolve));
  }
  console.log(`pictures: ${pictures}`);
});

const open = async (options) => {
  const opened = await openPage(browser, options);
  await opened.page.goto(`${url}/`);
  await opened.page.getByLabel("API key").fill(KEY);
  await opened.page.getByRole("button", { name: "Sign in" }).click();
  await opened.page.getByRole("navigation", { name: "Pages" }).waitFor();
  return opened;
};

/** Looks at the whole page, and waits until every part has settled. */
const settle = async (page) => {
  await page.evaluate(async () => {
    for (let at = 0; at < document.body.scrollHeight; at += 500) {
      scrollTo(0, at);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    scrollTo(0, 0);
  });
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"), null, SOON);
};

/** The pages, with what leads to those of one thing. */
const pages = async () => {
  const [[issue]] = await rows("select issue_id from issues order by events desc limit 1");
  const [[session]] = await rows("select session_id from errors where session_id is not null and not handled limit 1");
  const [[component]] = await rows(
    "select component from hits where component is not null group by component order by count(*) desc limit 1",
  );
  const [[decision]] = await rows("select event_id from verdicts limit 1");
  return {
    overview: "/",
    dashboards: "/d",
    usage: "/d/usage",
    credits: "/d/credits",
    panel: "/d/reliability/errors_over_time",
    issues: "/issues",
    issue: `/issues/${issue}`,
    session: `/sessions/${session}`,
    verdicts: "/verdicts",
    review: "/verdicts/review",
    decision: `/verdicts/${decision}`,
    device: `/e/device/${(await rows("select entity from hits where rule = 'device_many_guests' order by observed desc limit 1"))[0][0]}`,
    component: `/e/component/${component}`,
    restrictions: "/restrictions",
    rules: "/rules",
    rule: "/rules/device_many_guests",
    "new-rule": "/rules/new",
    sql: "/sql?name=releases",
    data: "/data",
    fields: "/data?tab=fields",
    access: "/data?tab=access",
    pipeline: "/pipeline",
    settings: "/settings",
  };
};

/** Pages whose scripts draw or edit, which the budget of the others does not hold for. */
const HEAVY = new Set(["usage", "credits", "panel", "rule", "new-rule", "sql"]);

for (const [colorScheme, width] of [["light", 1440], ["dark", 1440], ["light", 360], ["dark", 360]]) {
  test(`every page holds in ${colorScheme} at ${width} px`, { timeout: 900_000 }, async (t) => {
    const { page, context, faults } = await open({ colorScheme, viewport: { width, height: 900 } });
    for (const [name, path] of Object.entries(await pages())) {
      await t.test(name, async () => {
        faults.length = 0;
        const assets = new Map();
        const note = (response) => {
          if (/\/static\/.*\.(js|css)$/.test(response.url())) assets.set(response.url(), response);
        };
        page.on("response", note);
        const response = await page.goto(url + path);
        assert.equal(response.status(), 200);
        const html = await response.body();
        await settle(page);
        page.off("response", note);
        assert.ok(html.length <= HTML_BYTES_MAX, `${html.length} bytes of HTML`);
        if (!HEAVY.has(name)) {
          let bytes = 0;
          for (const asset of assets.values()) bytes += gzipSync(await asset.body()).length;
          assert.ok(bytes <= ASSET_BYTES_MAX, `${bytes} bytes of scripts and styles`);
        }
        // As a debugger runs it: the pages' own policy lets no text become a script.
        await page.evaluate(`${axe.source}; undefined`);
        const found = await page.evaluate(async () => {
          const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
          return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target }) => target.join(" ")).join(" | ")}`);
        });
        await page.screenshot({ path: join(pictures, `page-${name}-${colorScheme}-${width}.png`), fullPage: true });
        assert.deepEqual(found, [], "axe finds nothing serious");
        assert.deepEqual(await findBarriers(page), []);
        assert.equal(await overhang(page), 0, "nothing is wider than the window");
        assert.deepEqual(faults, []);
      });
    }
    await context.close();
  });
}

test("the first minute leads to both stories", { timeout: 300_000 }, async () => {
  const { page, context, faults } = await open({ viewport: { width: 1440, height: 900 } });
  await page.getByText("This is demo data").waitFor();
  const changes = page.locator("#panel-changes");
  const crash = changes.locator("li", { hasText: "crashes on Safari" });
  await crash.waitFor();
  await crash.getByRole("link", { name: "Open the issue" }).click();
  await page.getByRole("heading", { name: "TypeError", exact: false, level: 1 }).waitFor();
  await page.goBack();
  const ring = changes.locator("li", { hasText: "hang together" });
  await ring.getByRole("link", { name: "See why" }).click();
  await page.waitForURL(/\/e\/account\//);
  await settle(page);
  await page.getByRole("region", { name: "Links", exact: true }).getByText("component", { exact: false }).first().waitFor();
  assert.deepEqual(faults, []);
  await context.close();
});
