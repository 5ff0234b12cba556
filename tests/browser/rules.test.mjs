// Rules as the person who keeps them meets them: finding one in the list, writing a new one with what the compiler says of it,
// testing it on the past, letting it go live, and undoing each step; hostile text, a phone, no JavaScript, keys that lack a scope.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server } from "../server.mjs";
import { findBarriers, openBrowser, openPage as open, overhang, pictures } from "./page.mjs";

/** Longer than a backtest takes on a busy machine. */
const SOON = { timeout: 60_000 };
const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script>`;
const REFUSED = /status of (400|403|404|409)/;
const HOUR_MS = 3_600_000;

const TEXT = `--! title: Many spends on one device
--! entity: device
--! on: credit
--! window: 1h
--! mode: shadow
--! verdict: throttle
--! points: 40
--! ttl: 6h
--! actions: generate
--! max_block_rate: 0.5%
select device_id as entity, count(*) as observed, 5 as threshold
from credits
where op = 'spend' and device_id is not null and in_window(received_at)
group by device_id
having count(*) >= 5
`;

let server;
let browser;

const openPage = async (options) => {
  const opened = await open(browser, options);
  opened.context.setDefaultTimeout(SOON.timeout);
  return opened;
};

const spends = (device, count, hours) =>
  Array.from({ length: count }, (_, number) => ({
    kind: "credit", op: "spend", amount: 4, reason: "generation", ref: `${device}-${hours}-${number}`,
    guest_id: `gst_${device}`, device_id: device,
    ...(hours && { ts: new Date(Date.now() - hours * HOUR_MS + number * 1000).toISOString() }),
  }));

before(async () => {
  server = await Server.start();
  browser = await openBrowser();
  // Three weeks of devices of which every third spends a lot, as history: backtests look at when things were received.
  const past = Array.from({ length: 60 }, (_, number) => spends(`dev_${number}`, number % 3 ? 2 : 7, 8 * number + 3));
  await server.call("/v1/events", past.flat());
  await server.call("/v1/events", { kind: "payment", op: "succeeded", amount_minor: 1900, currency: "EUR", device_id: "dev_3", account_id: "acct_3" });
  const label = (entity, label) => server.call("/v1/labels", { entity_kind: "device", entity, label, effective_at: new Date().toISOString() });
  for (const number of [0, 6, 9, 12]) await label(`dev_${number}`, "confirmed_abuse");
  await label("dev_15", "false_positive");
});

after(async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
});

const signIn = async (page, path = "/rules", key = ADMIN_KEY) => {
  await page.goto(server.url + path);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("h1").waitFor();
};

const save = (name, sql = TEXT) => server.call(`/v1/rules/${name}`, { sql }, { method: "PUT" });
const ruleOf = async (name) => (await server.call(`/v1/rules/${name}`)).rule;

/** The editor, which takes the place of the plain field once its script is there. */
const editor = (page) => page.locator("#rule-editor:not([hidden])").getByRole("textbox", { name: "Text of the rule" });

const write = async (page, sql) => {
  await editor(page).click();
  await page.keyboard.press("ControlOrMeta+A");
  // Typed as one: completion would otherwise finish the words of a quick typist.
  await page.keyboard.insertText(sql);
};

/** Opens a page at both widths and in both themes, and holds it against what every page must keep. */
const holds = async (name, path) => {
  for (const [width, colorScheme] of [[1440, "light"], [1440, "dark"], [360, "light"], [360, "dark"]]) {
    const { page, context, faults } = await openPage({ viewport: { width, height: 900 }, colorScheme });
    await signIn(page, path);
    await page.waitForLoadState("networkidle");
    assert.equal(await overhang(page), 0, `${name} at ${width}`);
    assert.deepEqual(await findBarriers(page), [], `${name} at ${width} ${colorScheme}`);
    await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    assert.deepEqual(faults, []);
    await context.close();
  }
};

test("the list shows every rule with its mode, how it runs and what it found; what narrows it is in the URL", async () => {
  const { page, context, faults } = await openPage();
  await signIn(page);
  const rows = page.locator("table.rules tbody tr");
  const count = (await server.call("/v1/rules")).rules.length;
  assert.equal(await rows.count(), count);
  const guests = rows.filter({ hasText: "device_many_guests" });
  assert.match(await guests.textContent(), /Many guest workspaces on one device.*judges device.*shadow.*live/s);
  assert.match(await rows.filter({ hasText: "bind_farm" }).locator("td.runs").getAttribute("title"), /^Runs as a query: /);
  await page.getByLabel("Judges").selectOption("api_key");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/entity=api_key/);
  assert.equal(await rows.count(), 1);
  assert.equal(new URL(page.url()).searchParams.get("entity"), "api_key");
  await page.getByRole("link", { name: /^Live/ }).click();
  await page.waitForURL(/mode=live/);
  await page.getByText("No rule matches.").waitFor();
  await page.getByRole("link", { name: /^Show all/ }).click();
  await page.waitForURL(`${server.url}/rules`);
  await page.keyboard.press("/");
  await page.keyboard.type("CARD");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=CARD/);
  assert.equal(await rows.count(), 3);
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.waitForURL(`${server.url}/rules`);
  assert.deepEqual(faults, []);
  await context.close();
  await holds("rules", "/rules");
});

test("a rule is written, refused at its line, tested, saved, set live, and answers the next verdict", async () => {
  const { page, context, faults } = await openPage();
  await signIn(page);
  await page.keyboard.press("n");
  await page.getByRole("heading", { name: "New rule" }).waitFor();
  await page.getByLabel("Name").fill("too_many_spends");

  const wrong = TEXT.replace("device_id as entity", "devise_id as entity");
  await write(page, wrong);
  await page.locator("[data-check]", { hasText: "Line 11" }).waitFor();
  await page.getByRole("button", { name: "Save in shadow" }).click();
  await page.getByText("Not saved. Line 11:").waitFor();
  assert.match(await page.locator("[data-wrong]").textContent(), /devise_id.*device_id/s, "what is wrong, and what is meant");
  assert.equal(await page.locator("#rule-sql").inputValue(), wrong, "the text stays");
  assert.equal(await page.getByLabel("Name").inputValue(), "too_many_spends");
  await page.screenshot({ path: join(pictures, "rule-refused.png"), fullPage: true });
  await write(page, TEXT.replace("--! on:", "--! onn:"));
  await page.locator("[data-check]", { hasText: "Line 3" }).waitFor();

  await write(page, TEXT);
  await page.locator("[data-check]", { hasText: "Compiles; runs live" }).waitFor();
  await page.getByRole("button", { name: "Run backtest" }).click();
  await page.locator(".backtest-sentence").waitFor();
  assert.match(await page.locator("#backtest-result").textContent(), /Would have hit 20: 4 known bad, 1 paying, 1 known good, 14 unknown\./);
  await page.getByRole("button", { name: "Save in shadow" }).click();
  await page.getByText(/Saved as version \w{8}; it is in shadow\./).waitFor();
  assert.equal(new URL(page.url()).search, "", "the address forgets what was done");

  // The backtest of the draft is one of this very text.
  await page.locator("#decision").getByText("Ground: the backtest of").waitFor();
  const changed = TEXT.replaceAll("5", "6").replace("0.6%", "0.5%");
  await write(page, changed);
  await page.getByText("Tests the text as it is written above, unsaved.").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator("[data-done]").getByText("Saved as version").waitFor();
  await page.locator("#decision").getByText("none was run yet").waitFor();
  assert.equal(await page.getByRole("button", { name: "Go live", exact: true }).count(), 0);
  const version = (await ruleOf("too_many_spends")).version;

  await page.locator("h1").click();
  await page.keyboard.press("b");
  await page.locator(".backtest-sentence").waitFor();
  const found = await page.locator("#backtest-result").textContent();
  assert.match(found, /Would have hit 20.*Precision80\.0%.*Recall.*Credits saved.*Neighbouring thresholds.*Whom it found|The first 20/s);
  await page.locator("#backtest-result [data-chart] canvas").waitFor();
  assert.match(await page.locator(".samples-found a").first().getAttribute("href"), /^\/e\/device\/dev_\d+$/);
  assert.match(page.url(), /backtest=bt_/);
  await page.locator("#decision").getByText("Ground: the backtest of").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "rule-backtested.png"), fullPage: true });

  await page.getByRole("button", { name: "Go live", exact: true }).click();
  await page.getByText("The rule is live: its hits restrain from now on.").waitFor();
  assert.deepEqual([(await ruleOf("too_many_spends")).mode, (await ruleOf("too_many_spends")).version], ["live", version]);
  await server.call("/v1/events", spends("dev_now", 7));
  const answer = await server.call("/v1/verdict", { action: "generate", device_id: "dev_now" });
  assert.equal(answer.verdict, "throttle");
  assert.equal(answer.reasons[0].rule, "too_many_spends");

  await page.getByRole("link", { name: "Reload" }).click();
  await page.locator("#hits").getByText("dev_now").waitFor();
  assert.match(await page.locator("#story").textContent(), /set it from shadow to live, by the backtest bt_.*ran the backtest.*saved a text/s);
  await page.getByRole("button", { name: "Set to shadow" }).click();
  await page.getByText("The rule is in shadow").waitFor();
  await page.getByRole("button", { name: "Back to live" }).click();
  await page.getByText("The rule is live").waitFor();

  const lines = page.locator("#versions");
  await lines.getByRole("link", { name: "Compare with the present" }).click();
  await lines.getByText("2 lines added, 2 removed.").waitFor();
  assert.match(await lines.locator(".diff .added").first().textContent(), /6 as threshold/);
  assert.deepEqual(await findBarriers(page), []);
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
  await holds("rule", "/rules/too_many_spends");
});

test("a backtest is cancelled, and the server stops working on it", async () => {
  await save("slow_rule");
  const { page, context, faults } = await openPage();
  await signIn(page, "/rules/slow_rule");
  // The answer stands still after its first line, as that of a long backtest does.
  await page.route("**/v1/rules/slow_rule/backtest", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    await route.continue().catch(() => {});
  });
  await page.getByRole("button", { name: "Run backtest" }).click();
  await page.locator("#backtest-progress").getByText("Beginning …").waitFor();
  assert.ok(await page.getByRole("button", { name: "Run backtest" }).isDisabled());
  assert.deepEqual(await findBarriers(page), []);
  await page.locator("#backtest-progress").getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. The server has stopped working on it.").waitFor();
  assert.equal(await page.locator("#backtest-progress").isVisible(), false);
  assert.equal((await server.call("/v1/sql", { sql: "select 1" })).row_count, 1);
  await page.unrouteAll({ behavior: "ignoreErrors" });

  await page.getByLabel("Range").selectOption("0");
  await page.getByLabel("From").fill("2026-02-01");
  await page.getByLabel("To, not included").fill("2026-01-01");
  await page.getByRole("button", { name: "Run backtest" }).click();
  await page.getByText("`from` must not be after `to`").waitFor();
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});

test("a rule is changed by two, snoozed, and deleted; each can be undone", async () => {
  await save("passing_rule");
  const { page, context, faults } = await openPage();
  await signIn(page, "/rules/passing_rule");
  await save("passing_rule", `${TEXT}-- changed meanwhile\n`);
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("was changed meanwhile").waitFor();
  await page.goto(`${server.url}/rules/passing_rule`);

  const snoozes = page.locator("#snoozes");
  await snoozes.getByLabel("Entity").fill("dev_test");
  await snoozes.getByLabel("For").selectOption("180d");
  await snoozes.getByLabel("Why").fill("our own device");
  await snoozes.getByRole("button", { name: "Snooze" }).click();
  await page.locator("[data-done]").getByText("Snoozed").waitFor();
  assert.match(await snoozes.textContent(), /dev_test.*our own device.*tester/s);
  await snoozes.getByRole("button", { name: "End" }).click();
  await page.getByText("The snooze has ended").waitFor();

  await page.locator("#versions").getByRole("button", { name: "Save it again" }).click();
  await page.locator("[data-done]").getByText("Saved as version").waitFor();
  assert.equal((await server.call("/v1/rules/passing_rule")).text, TEXT);
  await page.getByRole("button", { name: /^Back to version/ }).click();
  await page.locator("[data-done]").getByText("Saved as version").waitFor();
  assert.match((await server.call("/v1/rules/passing_rule")).text, /changed meanwhile/);

  await page.getByText("Delete this rule").click();
  await page.getByRole("button", { name: "Delete passing_rule" }).click();
  await page.getByText("The rule passing_rule is deleted.").waitFor();
  assert.deepEqual(await findBarriers(page), []);
  assert.ok(!(await server.call("/v1/rules")).rules.some(({ name }) => name === "passing_rule"));
  await page.getByRole("button", { name: "Save it again" }).click();
  await page.getByRole("heading", { level: 1, name: "Many spends on one device" }).waitFor();
  assert.match((await server.call("/v1/rules/passing_rule")).text, /changed meanwhile/);
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});

test("hostile text is shown as it is", async () => {
  await save("hostile_rule", TEXT.replace("Many spends on one device", HOSTILE).replace("--! points", `--! owner: ${HOSTILE}\n--! points`).replace("device_id is not null", "device_id like '%onerror%'"));
  await server.call("/v1/events", spends(HOSTILE, 7));
  const { page, context, faults } = await openPage();
  await signIn(page, "/rules/hostile_rule");
  assert.ok((await page.locator("h1").textContent()).includes(HOSTILE));
  await page.locator("#hits").getByText(HOSTILE).waitFor();
  await page.locator("#snoozes").getByLabel("Entity").fill("dev_1");
  await page.locator("#snoozes").getByLabel("Why").fill(HOSTILE);
  await page.getByRole("button", { name: "Snooze" }).click();
  await page.locator("#snoozes").getByText(HOSTILE).waitFor();
  await page.getByRole("button", { name: "Run backtest" }).click();
  await page.locator(".samples-found").getByText(HOSTILE).waitFor();
  await page.goto(`${server.url}/rules/hostile_rule?backtest=${encodeURIComponent(HOSTILE)}&old=${encodeURIComponent(HOSTILE)}&new=x`);
  await page.getByText("One of these versions is not kept any longer.").waitFor();
  await page.goto(`${server.url}/rules?q=${encodeURIComponent(HOSTILE)}&entity=${encodeURIComponent(HOSTILE)}`);
  await page.getByText("No rule matches.").waitFor();
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(faults, []);
  await context.close();
});

test("without JavaScript a rule reads, its mode is set and its text is saved", async () => {
  await save("plain_rule");
  const { page, context } = await openPage({ javaScriptEnabled: false });
  await signIn(page, "/rules/plain_rule");
  assert.equal(await page.locator("#rule-sql").inputValue(), TEXT);
  assert.ok(await page.locator("#rule-sql").isVisible());
  assert.equal(await page.locator("#backtest-form").isVisible(), false);
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("The rule is off").waitFor();
  await page.locator("#rule-sql").fill(TEXT.replace("count(*) as", "cont(*) as"));
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Not saved.").waitFor();
  assert.match(await page.locator("#rule-sql").inputValue(), /cont\(\*\) as/);
  await context.close();
});

test("a key sees what its scopes let it", async () => {
  const made = async (name, scopes) => (await server.call("/v1/keys", { name, scopes })).key;
  const asks = await openPage();
  await signIn(asks.page, "/rules", await made("asks", ["query"]));
  await asks.page.getByText(/scope review/).waitFor();
  assert.equal(await asks.page.getByRole("navigation", { name: "Pages" }).getByText("Rules").count(), 0);
  await asks.context.close();
  const { page, context, faults } = await openPage();
  await signIn(page, "/rules/card_testing", await made("reviews", ["review"]));
  assert.equal(await page.getByRole("button", { name: "Go live without a backtest" }).count(), 0, "only an admin may force");
  assert.equal(await page.getByRole("link", { name: "Hits as SQL" }).count(), 0);
  await editor(page).waitFor();
  await page.goto(`${server.url}/rules/nobody`);
  await page.getByText('There is no rule named "nobody".').waitFor();
  assert.deepEqual(faults.filter((fault) => !REFUSED.test(fault)), []);
  await context.close();
});
