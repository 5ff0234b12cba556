// The first page as a person meets it: signing in, the first event, numbers that change by themselves, hostile text,
// a phone, no JavaScript, a lost connection. Each page also reports what must never happen: policy violations,
// script and console errors, dialogs, requests to other hosts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server } from "../server.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures } from "./page.mjs";

/** Longer than the page's own interval of 2 s, with room for a busy machine. */
const SOON = { timeout: 15_000 };

const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script>${"wide".repeat(40)}`;

let server;
let browser;

before(async () => {
  server = await Server.start();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
});

const signIn = async (page, url = server.url) => {
  await page.goto(url);
  await page.getByLabel("API key").fill(ADMIN_KEY);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
};

/** Waits until an element shows this text. */
const shows = (page, selector, text) =>
  page.waitForFunction(([at, words]) => document.querySelector(at)?.textContent.trim() === words, [selector, text], SOON);

const numberIn = async (page, selector) => Number((await page.locator(selector).textContent()).replaceAll(",", ""));

const usage = (count) => Array.from({ length: count }, () => ({ kind: "usage", name: "image.generate", account_id: "acct_1" }));

test("a wrong key is refused with what to do next, and nothing is shown without one", async () => {
  const { page, context, faults } = await openPage(browser);
  await page.goto(server.url);
  assert.deepEqual(await findBarriers(page), []);
  assert.equal(await page.locator("#overview").count(), 0, "no numbers before signing in");
  await page.getByLabel("API key").fill("wk_nobody_0000000000000000000000");
  await page.getByLabel("API key").press("Enter");
  await page.getByRole("alert").getByText("This key is not known here").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  assert.equal((await context.cookies()).length, 0);
  await page.screenshot({ path: join(pictures, "sign-in-refused.png"), fullPage: true });
  const others = faults.filter((fault) => !fault.includes("status of 401"));
  assert.deepEqual(others, [], "the refusal itself is the only thing the console tells");
  await context.close();
});

test("before the first event the page says so, and its command sends one that appears without a reload", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page);
  const [cookie] = await context.cookies();
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict", "the session cookie is strict");
  await page.getByText("Weir has never received an event.").waitFor();
  assert.equal(await page.locator("#stat-events").textContent(), "0");
  assert.equal(await page.locator("#stat-error-rate").textContent(), "no events");
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "never-received.png"), fullPage: true });

  await page.evaluate(() => (window.sameDocument = true));
  const command = await page.locator("#first-event-command").textContent();
  const answer = execFileSync("bash", ["-c", command], { env: { ...process.env, WEIR_KEY: ADMIN_KEY }, encoding: "utf8" });
  assert.equal(JSON.parse(answer).stored, 1);
  await shows(page, "#stat-events", "1");
  await page.locator("#first-event").waitFor({ state: "detached" });
  assert.ok(await page.evaluate(() => window.sameDocument), "the page was not loaded again");
  assert.deepEqual(faults, []);
  await context.close();
});

test("events, errors and verdicts change the numbers, and an opened table stays open", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page);
  const [events, errors] = [await numberIn(page, "#stat-events"), await numberIn(page, "#stat-errors")];
  await page.getByText("Show as a table").click();
  await page.evaluate(() => (window.sameDocument = true));

  const error = { kind: "error", type: "TypeError", message: "x is undefined", account_id: "acct_1", release: "2.4.1" };
  await server.call("/v1/events", [...usage(7), error]);
  for (let index = 0; index < 3; index += 1) {
    await server.call("/v1/verdict", { action: "generate", account_id: "acct_1", device_id: "dev_1" });
  }
  await shows(page, "#stat-events", String(events + 8));
  await shows(page, "#stat-errors", String(errors + 1));
  await page.locator("#verdict-allow .number").first().waitFor(SOON);
  await shows(page, "#verdict-allow .number", "3");
  await shows(page, "#panel-verdicts tfoot .number", "3");

  assert.ok(await page.locator("#minutes-table").evaluate((table) => table.open), "the table is still open");
  const rows = page.locator("#minutes-table tbody tr");
  assert.equal(await rows.count(), 60);
  const listed = await rows.locator("td:nth-child(2)").allTextContents();
  const sum = listed.reduce((total, text) => total + Number(text.replaceAll(",", "")), 0);
  assert.equal(sum, await numberIn(page, "#stat-events"), "the table adds up to the number above");
  assert.ok((await page.locator("#panel-minutes svg rect.sound").count()) > 0, "a bar is drawn");
  assert.ok((await page.locator("#panel-minutes svg rect.errors").count()) > 0, "its errors are drawn");
  assert.match(await page.locator("#overview time[data-as-of]").textContent(), /^\d\d:\d\d:\d\d UTC$/);
  assert.ok(await page.evaluate(() => window.sameDocument));
  assert.deepEqual(faults, []);
  await context.close();
});

test("hostile text in events runs nothing, wherever it ends up", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page);
  const hostile = [
    { kind: HOSTILE, name: HOSTILE, account_id: "acct_1" },
    { kind: "credit", op: HOSTILE, amount: 1, account_id: HOSTILE, reason: HOSTILE },
    { kind: "usage", name: HOSTILE, account_id: HOSTILE, route: HOSTILE, release: HOSTILE, properties: { [HOSTILE]: HOSTILE } },
    { kind: "error", type: HOSTILE, message: HOSTILE, account_id: HOSTILE, stack: [{ file: HOSTILE, function: HOSTILE }] },
  ];
  const answer = await server.call("/v1/events", hostile);
  assert.ok(answer.rejected >= 2, JSON.stringify(answer));
  await page.locator("#panel-rejects td.why").first().waitFor(SOON);
  await page.waitForFunction((count) => document.querySelectorAll("#panel-rejects td.why").length >= count, answer.rejected, SOON);
  const shown = (await page.locator("#panel-rejects").textContent()).toLowerCase();
  assert.match(shown, /unknown_kind/);
  assert.equal(await page.locator("#overview img, #overview script").count(), 0);
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`reads well at ${width} px in ${colorScheme}`, async () => {
      const { page, context, faults } = await openPage(browser, { colorScheme, viewport: { width, height: 900 } });
      await page.goto(server.url);
      assert.equal(await overhang(page), 0, "the sign-in page fits");
      await page.screenshot({ path: join(pictures, `sign-in-${width}-${colorScheme}.png`), fullPage: true });
      await signIn(page);
      await page.locator("#panel-rejects td.why").first().waitFor(SOON);
      assert.equal(await overhang(page), 0, "the overview fits");
      assert.deepEqual(await findBarriers(page), []);
      await page.screenshot({ path: join(pictures, `overview-${width}-${colorScheme}.png`), fullPage: true });
      await page.getByText("Show as a table").click();
      assert.equal(await overhang(page), 0, "the opened table fits");
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test("without JavaScript one can sign in, read, and sign out", async () => {
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  await signIn(page);
  assert.ok((await numberIn(page, "#stat-events")) > 0);
  assert.ok(await page.locator("noscript p").isVisible(), "the page says that its numbers stand still");
  assert.equal(await page.getByRole("button", { name: "Pause" }).isVisible(), false, "no control that does nothing");
  await page.screenshot({ path: join(pictures, "no-javascript.png"), fullPage: true });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  await page.goto(server.url);
  assert.equal(await page.locator("#overview").count(), 0, "signed out");
  await context.close();
});

test("the keyboard alone is enough", async () => {
  const { page, context, faults } = await openPage(browser);
  await page.goto(server.url);
  assert.equal(await page.evaluate(() => document.activeElement.id), "key", "the field has the focus");
  await page.keyboard.type(ADMIN_KEY);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  assert.ok(await page.getByText("Skip to the content").isVisible());
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  assert.deepEqual(faults, []);
  await context.close();
});

test("a paused page asks for nothing until it is resumed", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page);
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().endsWith("/fragments/overview")) asked += 1;
  });
  await page.getByRole("button", { name: "Pause" }).click();
  await page.locator("[data-live-text]", { hasText: "Paused" }).waitFor();
  const before = await numberIn(page, "#stat-events");
  await server.call("/v1/events", usage(2));
  asked = 0;
  // Two of the page's own ticks pass, counted by its own trigger, before the silence means something.
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        let ticks = 0;
        document.querySelector("#overview").addEventListener("htmx:before:request", () => {
          ticks += 1;
          if (ticks === 2) resolve();
        });
      }),
  );
  assert.equal(asked, 0);
  assert.equal(await numberIn(page, "#stat-events"), before);
  await page.getByRole("button", { name: "Resume" }).click();
  await shows(page, "#stat-events", String(before + 2));
  assert.deepEqual(faults, []);
  await context.close();
});

test("the theme is kept from page to page", async () => {
  const { page, context, faults } = await openPage(browser, { colorScheme: "light" });
  await signIn(page);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByRole("button", { name: "Theme: system" }).click();
  assert.equal(await ground(), light);
  await page.getByRole("button", { name: "Theme: light" }).click();
  await page.getByRole("button", { name: "Theme: dark" }).waitFor();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  assert.equal(await ground(), dark);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), ["weir.theme"], "nothing else is kept");
  assert.deepEqual(faults, []);
  await context.close();
});

test("every answer carries the policy, and static files are kept for ever", async () => {
  const page = await fetch(server.url);
  const policy = page.headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /unsafe|\*|nonce|https?:/);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.equal(page.headers.get("referrer-policy"), "no-referrer");
  const files = [...(await page.text()).matchAll(/(?:src|href)="(\/static\/[^"]+)"/g)].map((found) => found[1]);
  assert.ok(files.length >= 3, files.join());
  for (const file of files) {
    const answer = await fetch(server.url + file);
    assert.equal(answer.status, 200, file);
    assert.match(answer.headers.get("cache-control"), /immutable/, file);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", file);
  }
});

test("a write from another site is refused", async () => {
  const body = new URLSearchParams({ key: ADMIN_KEY, next: "/" });
  const headers = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" };
  const answer = await fetch(`${server.url}/signin`, { method: "POST", body, headers, redirect: "manual" });
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.get("set-cookie"), null);
});

/** Waits until the page says that its session has ended, and follows its way back. */
const signInAgain = async (page) => {
  await page.locator("[data-live-notice]", { hasText: /Your session has ended\. These numbers are as of/ }).waitFor(SOON);
  await page.getByRole("link", { name: "Sign in again" }).click();
  await page.getByLabel("API key").fill(ADMIN_KEY);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("[data-live=on]").waitFor(SOON);
};

test("when the session ends elsewhere the page keeps its numbers and leads to signing in again", async () => {
  const { page, context } = await openPage(browser);
  await signIn(page);
  const events = await page.locator("#stat-events").textContent();
  const other = await context.newPage();
  await other.goto(server.url);
  await other.getByRole("button", { name: "Sign out" }).click();
  await other.getByLabel("API key").waitFor();
  await page.bringToFront();
  await signInAgain(page);
  assert.equal(await page.locator("#stat-events").textContent(), events);
  await context.close();
});

test("a lost connection leaves the last numbers, says as of when, and recovers by itself", async () => {
  const own = await Server.start();
  try {
    const { page, context } = await openPage(browser);
    await own.call("/v1/events", usage(5));
    await signIn(page, own.url);
    await shows(page, "#stat-events", "5");
    assert.equal(await own.stop(), 0, "SIGTERM ends it cleanly");
    const notice = page.locator("[data-live-notice]");
    await notice.getByText(/The server cannot be reached.*as of \d\d:\d\d:\d\d UTC/).waitFor(SOON);
    assert.equal(await page.locator("#stat-events").textContent(), "5", "the last numbers stay");
    assert.deepEqual(await findBarriers(page), [], "stale numbers can still be read");
    await page.screenshot({ path: join(pictures, "stale.png"), fullPage: true });

    const again = await Server.start({ dir: own.dir, listen: new URL(own.url).host });
    try {
      // A restart ends the sessions, so the page that finds its server again asks to sign in, and then shows the same.
      await signInAgain(page);
      await shows(page, "#stat-events", "5");
    } finally {
      await again.stop();
    }
    await context.close();
  } finally {
    await own.remove();
  }
});
