// Those who run Weir: a key is made and its very lines send the first event, the pipeline adds up and goes stale when its
// server goes away, what is stored is found field by field, who did what is on record, and a session is told in its order.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server } from "../server.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures, SOON } from "./page.mjs";

const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script>${"wide".repeat(40)}`;
const SESSION = "s_story";

let server;
let browser;

before(async () => {
  server = await Server.start({ env: { WEIR_SQL_ROWS_MAX: "50000" } });
  browser = await openBrowser();
  await seed();
});

after(async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
});

const seconds = (ago) => new Date(Date.now() - ago * 1_000).toISOString();

/** A session with one of everything, some events of others, repeats, and refused ones. */
const seed = async () => {
  const who = { session_id: SESSION, guest_id: "gst_9", device_id: "dev_3", user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0", release: "2.4.1", environment: "production" };
  await server.call("/v1/events", [
    { kind: "session", status: "ok", started: seconds(95), ...who, ts: seconds(94) },
    { kind: "usage", name: "page.view", route: "/gallery", status: "ok", ...who, ts: seconds(90) },
    { kind: "credit", op: "spend", amount: 4, balance_after: 46, reason: "generation", ref: "c-1", ...who, ts: seconds(61) },
    { kind: "usage", name: "image.generate", status: "error", duration_ms: 812, model: "studio-xl", ...who, ts: seconds(60) },
    { kind: "error", type: "TypeError", message: "no pen", handled: false, stack: [{ file: "paint.ts", function: "paint", line: 3, in_app: true }], ...who, ts: seconds(59) },
    { kind: "identity", op: "bind", ...who, account_id: "acct_7", ts: seconds(40) },
    { kind: "usage", id: "again", name: "image.generate", status: "ok", account_id: "acct_8", session_id: "s_other" },
    { kind: "usage", name: HOSTILE, route: HOSTILE, status: "ok", session_id: HOSTILE.slice(0, 120), account_id: "acct_9" },
    { kind: "error", type: HOSTILE, message: HOSTILE, session_id: HOSTILE.slice(0, 120), account_id: "acct_9" },
  ]);
  await server.call("/v1/events", [
    { kind: "usage", id: "again", name: "image.generate", status: "ok", account_id: "acct_8", session_id: "s_other" },
    { kind: "usage", account_id: "acct_8" },
    { kind: HOSTILE, account_id: "acct_8", name: HOSTILE },
  ]);
  await server.call("/v1/verdict", { action: "generate", session_id: SESSION, guest_id: "gst_9", device_id: "dev_3" });
};

const signIn = async (page, path, { url = server.url, key = ADMIN_KEY } = {}) => {
  await page.goto(url + path);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("h1").waitFor();
};

const makeKey = (spec) => server.call("/v1/keys", spec).then(({ key }) => key);
const number = async (page, selector) => Number((await page.locator(selector).textContent()).replaceAll(",", ""));

test("the first key comes with a curl line, which sends an event that the Overview shows", async () => {
  const own = await Server.start();
  try {
    const { page, context, faults } = await openPage(browser);
    await signIn(page, "/settings", { url: own.url });
    await page.getByRole("heading", { name: "Make a first key for your app" }).waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await page.getByLabel("Name").fill("app");
    await page.getByRole("button", { name: "Make the key" }).click();
    await page.getByRole("heading", { level: 1, name: "Key app" }).waitFor();
    const key = await page.locator("#new-key").textContent();
    assert.match(key, /^wk_app_\w{32}$/);
    assert.deepEqual(await findBarriers(page), []);
    await page.screenshot({ path: join(pictures, "settings-key-made.png"), fullPage: true });
    assert.equal(await page.locator("#sentry-js").textContent(), `Sentry.init({ dsn: "http://${key}@${new URL(own.url).host}/1" });`);
    assert.match(await page.locator("#otlp").textContent(), new RegExp(`ENDPOINT=${own.url} .*Bearer%20${key}`, "s"));
    const command = await page.locator("#try-command").textContent();
    const answer = execFileSync("bash", ["-c", command], { encoding: "utf8" });
    assert.equal(JSON.parse(answer).stored, 1, "the very text that is shown works");
    await page.locator("main").getByRole("link", { name: "Overview" }).click();
    await page.waitForFunction(() => document.querySelector("#stat-events")?.textContent.trim() === "1", undefined, SOON);
    await page.goto(`${own.url}/settings`);
    assert.ok(!(await page.content()).includes(key), "the secret is shown once");
    await page.getByRole("heading", { name: "Make a key", exact: true }).waitFor();
    assert.match(await page.locator(".keys-list tr", { hasText: "app" }).textContent(), /ingest.*(just now|ago)/s, "it was used");
    assert.deepEqual(faults, []);
    await context.close();
  } finally {
    await own.remove();
  }
});

test("a key is made with origins, rate and end, refused with what is wrong, and revoked after a question", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/settings");
  await page.getByText("Pages, rate, end, and what it reads").click();
  await page.getByLabel("Name").fill("web");
  await page.getByLabel("Requests of events").fill("fast");
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByRole("alert").getByText(/The key was not made\..*rate "fast"/i).waitFor();
  assert.equal(await page.getByLabel("Name").inputValue(), "web", "what was filled in is kept");
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "settings-refused.png"), fullPage: true });
  await page.getByLabel("Requests of events").fill("1000/min");
  await page.getByLabel(/Pages that may use it/).fill("https://app.example https://shop.example");
  await page.getByLabel("It ends").selectOption("30");
  await page.getByRole("checkbox", { name: /^ingest send/ }).uncheck();
  await page.getByRole("checkbox", { name: /^ingest_public/ }).check();
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByRole("heading", { level: 1, name: "Key web" }).waitFor();
  const key = await page.locator("#new-key").textContent();
  assert.equal(await page.locator("#otlp").count(), 0, "a page's key is for pages");
  await page.getByRole("main").getByRole("link", { name: "Settings" }).click();
  const row = page.locator(".keys-list tr", { hasText: "web" });
  assert.match(await row.textContent(), /ingest_public.*https:\/\/app\.example.*https:\/\/shop\.example.*1000\/min.*never.*ends \d{4}-/s);
  await row.getByRole("link", { name: "Revoke web" }).click();
  await page.getByText("This cannot be undone").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "settings-revoke.png"), fullPage: true });
  const listed = await server.call("/v1/keys");
  assert.ok(listed.keys.some(({ name }) => name === "web"), "the question alone changes nothing");
  await page.getByRole("button", { name: "Revoke web" }).click();
  await page.getByText("The key web is revoked").waitFor();
  assert.equal(new URL(page.url()).search, "", "the address forgets what was done");
  const answer = await fetch(`${server.url}/v1/events`, { method: "POST", body: "{}", headers: { authorization: `Bearer ${key}` } });
  assert.equal(answer.status, 401);
  assert.deepEqual(faults.filter((fault) => !fault.includes("status of 400")), []);
  await context.close();
});

test("what is configured says where it comes from, and the policy is told in words", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/settings");
  const rows = page.locator("#config tr");
  assert.match(await rows.filter({ hasText: "rows_max" }).textContent(), /50000.*WEIR_SQL_ROWS_MAX/s);
  assert.match(await rows.filter({ hasText: "listen" }).first().textContent(), /command line/);
  await page.getByText("[ingest]").click();
  assert.match(await rows.filter({ hasText: "body_bytes_max" }).first().textContent(), /10485760 bytes 10 MiB.*default.*A body as sent/s);
  assert.ok(!(await page.content()).includes(ADMIN_KEY), "keys are no part of it");
  const generate = page.locator("#policy tr", { hasText: "generate" });
  assert.match(await generate.textContent(), /throttle from 50, block from 80.*30\/min.*60\/min by guest, burst 60/s);
  assert.match(await page.locator("#retention").textContent(), /errors30 days/);
  assert.deepEqual(faults, []);
  await context.close();
});

test("outcomes add up key by key, each gauge has its limit, and refused events show their latest", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/pipeline");
  await page.waitForFunction(() => document.querySelector("#stat-rate")?.textContent.trim() !== "no", undefined, SOON);
  const { outcomes } = await server.call("/v1/status");
  const sum = (field) => Object.values(outcomes).reduce((total, key) => total + key[field], 0);
  const words = `${sum("stored")} accepted + ${sum("duplicate")} duplicate + ${sum("rejected")} rejected = ${sum("received")} received.`;
  assert.equal(await page.locator("#ledger-sum").textContent(), words);
  assert.equal(sum("stored") + sum("duplicate") + sum("rejected"), sum("received"));
  assert.ok(sum("duplicate") >= 1 && sum("rejected") >= 2);
  assert.ok((await page.locator("#panel-gauges tbody tr").count()) >= 12);
  assert.match(await page.locator("#panel-tables tr", { hasText: "rejects" }).textContent(), /rejects2/);
  assert.match(await page.locator("#pipeline .headline").textContent(), /Everything that was looked at is fine|Fix|rule/);

  await page.evaluate(() => (window.sameDocument = true));
  await server.call("/v1/verdict", { action: "generate", account_id: "acct_1" });
  await page.locator("#stat-verdict", { hasText: "ms" }).waitFor(SOON);
  const before = await number(page, "#ledger-total td:nth-child(5)");
  await server.call("/v1/events", { kind: "usage", name: "x", account_id: "acct_1" });
  await page.waitForFunction((count) => Number(document.querySelector("#ledger-total td:nth-child(5)").textContent.replaceAll(",", "")) > count, before, SOON);
  assert.ok(await page.evaluate(() => window.sameDocument), "the page was not loaded again");

  await page.reload();
  const refused = page.locator(".refused li", { hasText: "missing_field" });
  await refused.locator("summary").click();
  assert.match(await refused.textContent(), /The latest:.*name.*"kind": "usage".*Fix: Mend the field/s);
  await page.getByRole("link", { name: "7 days" }).click();
  assert.equal(new URL(page.url()).search, "?since=-7d");
  await page.locator(".refused li").first().waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(await findBarriers(page), []);
  await page.goto(`${server.url}/pipeline?since=yesterday`);
  await page.locator("#panel-refused").getByText("No answer.").waitFor();
  assert.equal(await page.locator("#panel-keys").count(), 1, "the other panels show what they know");
  assert.deepEqual(faults, []);
  await context.close();
});

test("when its server goes away the pipeline keeps its numbers and says as of when", async () => {
  const own = await Server.start();
  try {
    const { page, context } = await openPage(browser);
    await own.call("/v1/events", { kind: "usage", name: "x", account_id: "acct_1" });
    await signIn(page, "/pipeline", { url: own.url });
    await page.locator("#ledger-sum").waitFor();
    assert.equal(await own.stop(), 0);
    await page.locator("[data-live-notice]").getByText(/The server cannot be reached.*as of \d\d:\d\d:\d\d UTC/).waitFor(SOON);
    assert.match(await page.locator("#ledger-sum").textContent(), /= 1 received/);
    assert.deepEqual(await findBarriers(page), [], "stale numbers can still be read");
    await page.screenshot({ path: join(pictures, "pipeline-stale.png"), fullPage: true });
    await context.close();
  } finally {
    await own.remove();
  }
});

test("every field is found by name, meaning, table and purpose, and tells who reads it", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/data");
  assert.match(await page.locator(".stored tr", { hasText: "rejects" }).textContent(), /one event that was refused.*30 days/s);
  await page.getByRole("link", { name: "usage", exact: true }).click();
  await page.getByText("Only in usage").waitFor();
  assert.equal(new URL(page.url()).search, "?tab=fields&table=usage");
  await page.getByLabel("Search").fill("NETWORK");
  await page.getByLabel("Search").press("Enter");
  await page.waitForURL(/q=NETWORK/);
  const names = () => page.locator(".catalogue th[scope=row]").allTextContents();
  assert.deepEqual(await names(), ["ip_prefix", "asn", "as_org"]);
  await page.getByLabel("Search").fill("nothing like it");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("No field matches.").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.goto(`${server.url}/data?tab=fields&purpose=billing`);
  assert.ok((await names()).includes("balance_after") && !(await names()).includes("device_id"));
  await context.close();

  const narrow = await makeKey({ name: "narrow", scopes: ["query"] });
  const other = await openPage(browser);
  await signIn(other.page, "/data?tab=fields&q=device_id", { key: narrow });
  assert.match(await other.page.locator(".catalogue tr", { hasText: "device_id" }).textContent(), /does not/);
  await other.page.getByRole("link", { name: "Access log" }).click();
  await other.page.getByText("is shown to keys with the scope admin").waitFor();
  assert.deepEqual([...faults, ...other.faults], []);
  await other.context.close();
});

test("who did what to whom is on record, narrowed by the URL, page by page", async () => {
  await server.call("/v1/labels", { entity_kind: "account", entity: "acct_77", label: "refund" });
  await server.call("/v1/entities/account/acct_77");
  for (let count = 0; count < 55; count += 1) await server.call("/v1/entities/device/dev_3");
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/data?tab=access");
  assert.match(await page.locator("#verified").textContent(), /Whole: \d+ lines/);
  assert.equal(await page.locator(".access tbody tr").count(), 50);
  const newest = await page.locator(".access tbody tr").first().textContent();
  await page.getByRole("link", { name: "Older lines" }).click();
  await page.waitForURL(/before=\d+/);
  assert.notEqual(await page.locator(".access tbody tr").first().textContent(), newest);
  await page.getByRole("link", { name: "Newest" }).click();
  await page.getByLabel("To whom or what").fill("acct_77");
  await page.getByLabel("To whom or what").press("Enter");
  await page.waitForURL(/entity=acct_77/);
  assert.deepEqual(await page.locator(".access th[scope=row]").allTextContents(), ["entity.read", "label.set"]);
  await page.getByLabel("Did what").fill("label.set");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/action=label.set/);
  assert.equal(await page.locator(".access tbody tr").count(), 1);
  await page.goto(`${server.url}/data?tab=access&actor=${encodeURIComponent(HOSTILE)}`);
  await page.getByText("No line matches.").waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults, []);
  await context.close();
});

test("a session is told in its order, and its rows lead on", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, `/sessions/${SESSION}`);
  const facts = await page.locator("#facts").textContent();
  assert.match(facts, /acct_7.*gst_9.*dev_3.*Firefox 141.*2\.4\.1/s);
  const kinds = await page.locator(".timeline tbody td:nth-child(3)").allTextContents();
  assert.deepEqual(kinds, ["session", "usage", "credit", "usage", "error", "identity", "verdict"]);
  const error = page.locator(".timeline tr.kind-error");
  assert.match(await error.textContent(), /TypeError.*no pen.*unhandled/s);
  assert.match(await page.locator(".timeline tr.kind-credit").textContent(), /spend 4 credits.*generation.*balance 46/s);
  await page.getByRole("link", { name: /^Errors/ }).click();
  assert.equal(new URL(page.url()).search, "?kind=error");
  assert.equal(await page.locator(".timeline tbody tr").count(), 1);
  assert.deepEqual(await findBarriers(page), []);
  await error.getByRole("link").click();
  await page.getByRole("heading", { level: 1, name: "TypeError" }).waitFor();
  await page.locator("#event .facts").getByRole("link", { name: SESSION }).click();
  await page.locator(".timeline").waitFor();
  assert.equal(await page.getByRole("link", { name: "Open as SQL" }).getAttribute("href"), `/sql?name=session_timeline&p.session=${SESSION}`);
  await page.getByRole("link", { name: "Open as SQL" }).click();
  await page.locator(".sql-result").getByText("image.generate").first().waitFor(SOON);

  await page.goto(`${server.url}/sessions/s_nobody`);
  await page.getByText("Nothing names this session").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.goto(`${server.url}/sessions/${encodeURIComponent(HOSTILE.slice(0, 120))}`);
  await page.locator(".timeline").waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
});

test("a key sees of a session what its purposes allow, and is told of the rest", async () => {
  const key = await makeKey({ name: "product", scopes: ["query"], purposes: ["product", "reliability"] });
  const { page, context, faults } = await openPage(browser);
  await signIn(page, `/sessions/${SESSION}`, { key });
  const kinds = await page.locator(".timeline tbody td:nth-child(3)").allTextContents();
  assert.deepEqual(kinds, ["session", "usage", "usage", "error", "identity"]);
  await page.getByText("does not carry the purpose billing").waitFor();
  await page.getByText("does not carry the purpose abuse").waitFor();
  assert.ok(!(await page.locator("#facts").textContent()).includes("dev_3"));
  assert.equal(await page.locator("a[href^='/e/']").count(), 0);
  assert.deepEqual(faults, []);
  await context.close();
});

test("with too small a scope every page says which is needed and how to get it", async () => {
  const [reviewer, reader] = [await makeKey({ name: "reviewer", scopes: ["review"] }), await makeKey({ name: "reader", scopes: ["query"] })];
  for (const [key, pages] of [[reviewer, { "/pipeline": "query", "/data": "query", [`/sessions/${SESSION}`]: "query", "/settings": "admin" }], [reader, { "/settings": "admin" }]]) {
    const { page, context, faults } = await openPage(browser);
    await signIn(page, "/", { key });
    for (const [path, scope] of Object.entries(pages)) {
      assert.equal((await page.goto(server.url + path)).status(), 403, path);
      const words = await page.locator("main").textContent();
      assert.match(words, new RegExp(`needs a key with the scope ${scope}`), path);
      assert.match(words, /scope admin makes one under Settings, or with weir keys create/, path);
      assert.equal(await page.locator(`header a[href="${path}"]`).count(), 0, "it is not offered what it may not see");
      assert.deepEqual(await findBarriers(page), []);
    }
    assert.deepEqual(faults.filter((fault) => !fault.includes("status of 403")), []);
    await context.close();
  }
});

test("without JavaScript one can read everything, make a key and revoke it", async () => {
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  await signIn(page, "/pipeline");
  assert.match(await page.locator("#ledger-sum").textContent(), /received/);
  assert.ok(await page.locator("noscript p").isVisible());
  await page.goto(`${server.url}/sessions/${SESSION}`);
  assert.ok((await page.locator(".timeline tbody tr").count()) >= 7);
  await page.goto(`${server.url}/settings`);
  await page.getByLabel("Name").fill("plain");
  await page.getByRole("button", { name: "Make the key" }).click();
  assert.match(await page.locator("#new-key").textContent(), /^wk_plain_/);
  await page.goto(`${server.url}/settings`);
  await page.getByRole("link", { name: "Revoke plain" }).click();
  await page.getByRole("button", { name: "Revoke plain" }).click();
  await page.getByText("The key plain is revoked").waitFor();
  await context.close();
});

test("the keyboard leads to each page", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/");
  for (const [letter, heading] of [["l", "Pipeline"], ["p", "Data and privacy"], ["e", "Settings"]]) {
    await page.keyboard.press("g");
    await page.keyboard.press(letter);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  }
  assert.deepEqual(faults, []);
  await context.close();
});

const PAGES = { pipeline: "/pipeline", data: "/data", fields: "/data?tab=fields", access: "/data?tab=access", settings: "/settings", session: `/sessions/${SESSION}` };

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`every page reads well at ${width} px in ${colorScheme}`, async () => {
      const { page, context, faults } = await openPage(browser, { colorScheme, viewport: { width, height: 900 } });
      await signIn(page, "/");
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(server.url + path);
        await page.locator("h1").waitFor();
        assert.equal(await overhang(page), 0, `${name} fits`);
        assert.deepEqual(await findBarriers(page), [], name);
        await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      }
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}
