// Abuse as the person who judges it meets it: the feed that goes on by itself, the queue by keyboard, one entity from its score to
// its links, an override that the API obeys and its undoing, restrictions; hostile text, a phone, no JavaScript, keys that may less.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { ADMIN_KEY, Server } from "../server.mjs";
import { findBarriers, openBrowser, openPage, overhang, pictures } from "./page.mjs";

const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script>`;
const RING = "dev_ring_0123456789abcdef";

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

/** Guests that come to one device, each for its free credits, and bind to accounts. */
const ring = (device, guests) =>
  Array.from({ length: guests }, (_, number) => {
    const named = { guest_id: `gst_${device}_${number}`, device_id: device, ip: "203.0.113.7", workspace_id: `ws_${device}_${number}` };
    return [
      { kind: "identity", op: "guest_created", ...named },
      { kind: "credit", op: "grant", amount: 50, reason: "guest_grant", ref: `g-${device}-${number}`, ...named },
      { kind: "credit", op: "spend", amount: 48, reason: "generation", ref: `s-${device}-${number}`, ...named },
      { kind: "identity", op: "bind", account_id: `acct_${device}_${Math.floor(number / 2)}`, ...named },
    ];
  }).flat();

const ask = (fields) => server.call("/v1/verdict", { action: "grant", ...fields });

const seed = async () => {
  await server.call("/v1/events", [...ring(RING, 6), ...ring("dev_other", 5), ...ring("dev_third", 9), ...ring("dev_fourth", 4)]);
  // Rules that are warming up after the start find what came meanwhile a moment later.
  while (!(await server.call("/v1/verdict", { action: "grant", device_id: RING, dry_run: true })).shadow.length) await new Promise((go) => setTimeout(go, 200));
  for (let number = 0; number < 3; number += 1) await ask({ device_id: RING, guest_id: `gst_${RING}_${number}` });
  await ask({ account_id: "acct_good", action: "generate" });
};

const signIn = async (page, path = "/verdicts", { url = server.url, key = ADMIN_KEY } = {}) => {
  await page.goto(url + path);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("h1").waitFor();
};

const waiting = (page, id) => page.locator("[data-waiting-row]", { has: page.locator(`[title="${id}"]`) });
const order = (page) => page.locator("[data-waiting-row] [data-open]").evaluateAll((links) => links.map((link) => link.title));

test("before the first verdict the page says how to ask for one, and nothing is restrained", async () => {
  const own = await Server.start();
  try {
    const { page, context, faults } = await openPage(browser);
    await signIn(page, "/verdicts", { url: own.url });
    await page.getByText("No verdict was ever asked for.").waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await page.screenshot({ path: join(pictures, "verdicts-never-asked.png"), fullPage: true });
    await own.call("/v1/verdict", { action: "generate", account_id: "acct_1" });
    await page.getByText("Nothing against it").waitFor();
    await page.goto(`${own.url}/restrictions`);
    await page.getByText("Nothing is restrained.").waitFor();
    assert.deepEqual(await findBarriers(page), []);
    await page.screenshot({ path: join(pictures, "restrictions-none.png"), fullPage: true });
    await page.goto(`${own.url}/verdicts/review`);
    await page.getByText("Nobody waits:").waitFor();
    assert.deepEqual(await findBarriers(page), []);
    assert.deepEqual(faults, []);
    await context.close();
  } finally {
    await own.remove();
  }
});

test("the feed goes on by itself, can be paused, and says so when it is old", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page);
  await page.locator(".feed tbody tr").first().waitFor();
  const rows = page.locator(".feed tbody tr");
  await ask({ device_id: "dev_fresh", action: "login" });
  await page.locator(".feed", { hasText: "dev_fresh" }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  const before = await rows.count();
  await ask({ device_id: "dev_unseen", action: "login" });
  await page.waitForTimeout(3_000);
  assert.equal(await rows.count(), before);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator(".feed", { hasText: "dev_unseen" }).waitFor();
  await context.setOffline(true);
  await page.getByText("The verdicts below are as of").waitFor();
  await page.screenshot({ path: join(pictures, "verdicts-stale.png"), fullPage: true });
  await context.setOffline(false);
  await page.getByText("The verdicts below are as of").waitFor({ state: "hidden" });
  await page.getByLabel("Action").fill("grant");
  await page.getByLabel("Action").press("Enter");
  await page.locator(".feed tbody tr").first().waitFor();
  assert.equal(new URL(page.url()).searchParams.get("action"), "grant");
  assert.ok((await page.locator(".feed td.action").allTextContents()).every((action) => action.trim() === "grant"));
  await page.getByLabel("Rule").fill("no_such_rule");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("No verdict matches in this range").waitFor();
  await page.getByRole("link", { name: "Clear the filters" }).click();
  await page.locator(".feed tbody tr", { hasText: /guests .* threshold/ }).first().locator(".when a").click();
  await page.getByRole("heading", { name: "What rules in shadow would have asked for" }).waitFor();
  assert.match(await page.locator("main").textContent(), /6 guests given free credits in 24h, threshold 4.*credits.*server/s);
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "decision.png"), fullPage: true });
  assert.deepEqual(faults.filter((fault) => !/ERR_INTERNET_DISCONNECTED|Failed to fetch/.test(fault)), []);
  await context.close();
});

test("the ring is read, one account is overridden with an expiry, the API obeys, and the undoing is obeyed, too", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/verdicts/review");
  await waiting(page, RING).locator("[data-open]").click();
  const score = page.locator("#score");
  await score.waitFor();
  assert.match(await score.textContent(), /Many guest workspaces on one device.*shadow.*6 guests given free credits in 24h, threshold 4/s);
  assert.match(await score.textContent(), /100 × \(1 − (0\.\d\d × )*0\.60.*\) = \d+/s);
  assert.match(await page.locator(".issue-facts").first().textContent(), /allow.*in shadow/s);
  assert.equal(await page.locator("#decision .scope").textContent(), "Affects 3 accounts and 6 guests, by the last 30 days.");
  assert.match(await page.locator("#credits").textContent(), /Balance12.*Granted300.*Of these free300.*Spent288/s);
  assert.ok((await page.locator("#links svg .node").count()) >= 10);
  await page.locator("#part-evidence").scrollIntoViewIfNeeded();
  await page.locator("#part-evidence:not([aria-busy]) .events").first().waitFor();
  assert.match(await page.locator("#timeline").textContent(), /credits.*grant/s);
  await page.getByRole("navigation", { name: "Tables of the timeline" }).getByRole("link", { name: "verdicts" }).click();
  await page.locator("#timeline tbody tr", { hasText: "why" }).first().waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "entity-device.png"), fullPage: true });

  const account = `acct_${RING}_0`;
  await page.locator("#links .linked", { hasText: "account" }).getByRole("link", { name: /acct_/ }).first().waitFor();
  await page.locator(`#links .linked a[title="${account}"]`).click();
  await page.getByRole("heading", { level: 1, name: account }).waitFor();
  assert.equal((await ask({ account_id: account })).verdict, "allow");
  await page.locator("#reason").fill("Six guests on one device, all bound");
  await page.locator("#for").selectOption("24h");
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.locator("[data-done]").getByText(/is blocked until/).waitFor();
  assert.equal(new URL(page.url()).search, "", "the address forgets what was done");
  const blocked = await ask({ account_id: account });
  assert.deepEqual([blocked.verdict, blocked.reasons[0].rule], ["block", "override"]);
  const { overrides } = await server.call("/v1/overrides");
  const hours = (Date.parse(overrides[0].expires_at) - Date.now()) / 3_600_000;
  assert.ok(hours > 23.8 && hours <= 24, String(hours));
  assert.match(await page.locator(".issue-facts").first().textContent(), /block.*tester decided so/s);
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "entity-blocked.png"), fullPage: true });
  await page.keyboard.press("u");
  await page.locator("[data-done]").getByText(/^Undone\./).waitFor();
  assert.equal((await ask({ account_id: account })).verdict, "allow");

  await page.goto(`${server.url}/e/device/${RING}`);
  await page.getByText("Snooze this rule here").first().click();
  await page.locator(".snooze input[name=reason]").first().fill("a kiosk");
  await page.locator(".snooze").first().getByRole("button", { name: "Snooze" }).click();
  await page.getByText("is snoozed by").waitFor();
  await page.locator("[data-done]").getByRole("button", { name: "Undo" }).click();
  await page.getByText("is snoozed by").waitFor({ state: "detached" });
  await page.locator("#label").selectOption("false_positive");
  await page.locator("#note").fill("an office");
  await page.getByRole("button", { name: "Label", exact: true }).click();
  await page.locator(".issue-facts").getByText("labelled legitimate").waitFor();
  await page.keyboard.press("u");
  await page.locator("[data-done]").getByText(/^Undone\./).waitFor();
  assert.equal(await page.locator(".issue-facts .level").count(), 0);

  const known = await (await context.request.get(`${server.url}/e/device/${RING}.json`)).json();
  assert.equal(known.entity, RING);
  const actions = (await server.call("/v1/audit")).audit?.map((line) => line.action) ?? [];
  assert.ok(actions.length === 0 || actions.includes("entity.read"), actions.join());
  await page.goto(`${server.url}/e/device/nobody_knows_it`);
  await page.getByText(/Nothing is known of the device nobody_knows_it/).waitFor();
  assert.deepEqual(faults.filter((fault) => !/404/.test(fault)), []);
  await context.close();
});

test("the queue is gone through by keyboard, and the last decision is undone", async () => {
  const { page, context, faults } = await openPage(browser);
  await signIn(page, "/verdicts/review?kind=device");
  const before = await order(page);
  assert.ok(before.length >= 3, before.join());
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await page.evaluate(() => document.activeElement.title), before[1]);
  await page.keyboard.press("b");
  await page.locator("[data-done]").getByText(/is blocked until/).waitFor();
  assert.ok(!(await order(page)).includes(before[1]));
  assert.equal((await ask({ device_id: before[1] })).verdict, "block");
  const { overrides } = await server.call("/v1/overrides");
  assert.match(overrides[0].reason, /^Reviewed: \d+ guests /);
  await page.screenshot({ path: join(pictures, "review-done.png"), fullPage: true });

  await page.goto(`${server.url}/restrictions`);
  await page.locator(".restrictions", { hasText: "tester" }).waitFor();
  assert.deepEqual(await findBarriers(page), []);
  await page.screenshot({ path: join(pictures, "restrictions.png"), fullPage: true });
  await page.getByRole("button", { name: `Revoke for ${before[1]}` }).click();
  await page.locator("[data-done]").getByText(/overridden by nobody/).waitFor();
  assert.notEqual((await ask({ device_id: before[1] })).verdict, "block");
  await page.locator("[data-done]").getByRole("button", { name: "Undo" }).click();
  await page.locator("[data-done]").getByText(/^Undone\./).waitFor();
  assert.equal((await ask({ device_id: before[1] })).verdict, "block");
  await page.getByRole("button", { name: `Revoke for ${before[1]}` }).click();
  await page.getByText("Nothing is restrained.").waitFor();

  await page.goto(`${server.url}/verdicts/review?kind=device`);
  assert.deepEqual(await order(page), before);
  await page.keyboard.press("l");
  await page.locator("[data-done]").getByText(/is labelled legitimate/).waitFor();
  assert.ok(!(await order(page)).includes(before[0]));
  await page.reload();
  await page.keyboard.press("u");
  await page.locator("[data-done]").getByText(/^Undone\./).waitFor();
  assert.deepEqual(await order(page), before);
  await page.keyboard.press("?");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("Reason, kept with each decision").fill("a press of Enter decides nothing");
  await page.getByLabel("Reason, kept with each decision").press("Enter");
  assert.deepEqual(await order(page), before);
  assert.deepEqual(faults, []);
  await context.close();
});

test("hostile text is shown as it is", async () => {
  await server.call("/v1/events", ring(HOSTILE, 5));
  await ask({ device_id: HOSTILE });
  await server.call("/v1/overrides", { entity_kind: "account", entity: HOSTILE, verdict: "block", reason: HOSTILE, expires_at: new Date(Date.now() + 3_600_000).toISOString() }, { method: "PUT" });
  await server.call("/v1/labels", { entity_kind: "account", entity: HOSTILE, label: "refund", note: HOSTILE });
  const { page, context, faults } = await openPage(browser);
  const text = encodeURIComponent(HOSTILE);
  await signIn(page);
  for (const path of ["/verdicts", `/verdicts?entity=${text}&rule=${text}&action=${text}`, `/verdicts?since=${text}`, "/verdicts/review", `/e/device/${text}?parts=all`, `/e/account/${text}`, "/restrictions", `/restrictions?kind=${text}&rule=${text}`]) {
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(server.url + path);
      assert.equal(await page.locator("main img, main script").count(), 0, path);
      assert.equal(await page.evaluate(() => window.hit), undefined, path);
      assert.equal(await overhang(page), 0, `${path} at ${width}`);
      assert.deepEqual(await findBarriers(page), [], path);
    }
  }
  await page.goto(`${server.url}/e/device/${text}`);
  await page.screenshot({ path: join(pictures, "entity-hostile-360.png"), fullPage: true });
  const form = new URLSearchParams({ verdict: "block", reason: "x", for: "24h" });
  const foreign = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site", cookie: (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join() };
  for (const path of [`/e/device/${RING}/override`, "/verdicts/decide", "/restrictions/revoke", "/undo"]) {
    const answer = await fetch(server.url + path, { method: "POST", body: form, headers: foreign, redirect: "manual" });
    assert.equal(answer.status, 403, `another site decides nothing at ${path}`);
  }
  await server.call(`/v1/overrides?entity_kind=account&entity=${text}`, undefined, { method: "DELETE" });
  assert.deepEqual(faults, []);
  await context.close();
});

test("a key that lacks a scope is told what is needed, and is offered no decision", async () => {
  const { key: reads } = await server.call("/v1/keys", { name: "reads", scopes: ["query"], purposes: ["operate", "product", "abuse"] });
  const { key: blind } = await server.call("/v1/keys", { name: "blind", scopes: ["query"] });
  const first = await openPage(browser);
  await signIn(first.page, "/verdicts", { key: reads });
  await first.page.locator(".feed tbody tr").first().waitFor();
  assert.equal(await first.page.getByRole("link", { name: /Needs review/ }).count(), 0);
  for (const path of ["/verdicts/review", `/e/device/${RING}`]) {
    await first.page.goto(server.url + path);
    await first.page.getByText("The page needs a key with the scope review.").waitFor();
  }
  await first.context.close();
  const second = await openPage(browser);
  await signIn(second.page, "/verdicts", { key: blind });
  await second.page.getByText("query and the purpose abuse").waitFor();
  await second.context.close();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [360, 900, 1440]) {
    test(`reads well at ${width} px in ${colorScheme}`, async () => {
      const { page, context, faults } = await openPage(browser, { colorScheme, viewport: { width, height: 900 } });
      await signIn(page);
      for (const [name, path] of [["verdicts", "/verdicts"], ["review", "/verdicts/review"], ["entity", `/e/device/${RING}`], ["restrictions", "/restrictions"]]) {
        await page.goto(server.url + path);
        if (name === "entity") {
          await page.evaluate(() => document.getElementById("part-evidence").scrollIntoView());
          await page.locator("#part-evidence:not([aria-busy])").waitFor();
        }
        assert.equal(await overhang(page), 0, `${name} fits`);
        assert.deepEqual(await findBarriers(page), [], name);
        await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      }
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

test("without JavaScript one can read everything and decide", async () => {
  const { page, context } = await openPage(browser, { javaScriptEnabled: false });
  await signIn(page, `/e/device/${RING}`);
  await page.getByRole("link", { name: "Show the evidence" }).click();
  assert.ok((await page.locator("#part-evidence .events").count()) > 0);
  await page.getByRole("button", { name: "Throttle" }).click();
  await page.getByText(/is throttled until/).waitFor();
  await page.getByRole("button", { name: "Undo", exact: true }).click();
  await page.getByText(/Undone\./).waitFor();
  assert.notEqual((await ask({ device_id: RING })).verdict, "throttle");
  await context.close();
});
