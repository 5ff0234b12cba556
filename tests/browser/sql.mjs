// The SQL page for tests: a server with some events, a browser, and what a reader does on the page.
import { ADMIN_KEY, Server } from "../server.mjs";
import { openBrowser, openPage, pictures } from "./page.mjs";

/** Longer than anything takes on a busy machine. */
export const SOON = { timeout: 20_000 };

export const HOSTILE = `"'><img src=x onerror="window.hit=1"><script>window.hit=1</script></script>{a|b}`;

/** What a refusal of ours leaves in the console: the browser tells of each answer that is an error. */
export const REFUSED = /status of (400|401|403|409)/;

export let server;
export let browser;

/** Starts server and browser. */
export const begin = async () => {
  server = await Server.start();
  browser = await openBrowser();
  const day = 86_400_000;
  const events = Array.from({ length: 240 }, (_, index) => ({
    kind: "usage",
    name: ["image.generate", "page.view", "ui.undo"][index % 3],
    status: index % 7 ? "ok" : "error",
    account_id: `acct_${index % 9}`,
    duration_ms: index * 10,
    model: `model-${index % 8}`,
    ts: new Date(Date.now() - (index % 10) * day).toISOString(),
    properties: { index },
  }));
  await server.call("/v1/events", events);
};

/** Ends them. */
export const end = async () => {
  await browser?.close();
  await server?.remove();
  console.log(`pictures: ${pictures}`);
};

export const address = (sql, more = {}) => `${server.url}/sql?${new URLSearchParams({ q: sql, ...more })}`;

/** Opens a page of a signed-in reader; signing in leads to where it was asked for. */
export const open = async (url, options) => {
  const opened = await openPage(browser, options);
  await opened.page.goto(url);
  await opened.page.getByLabel("API key").fill(ADMIN_KEY);
  await opened.page.getByRole("button", { name: "Sign in" }).click();
  await opened.page.getByRole("heading", { name: "SQL", level: 1 }).waitFor();
  return opened;
};

/** The editor, which takes the place of the plain field once its script is there. */
export const editor = (page) =>
  page.locator("#sql-editor:not([hidden])").getByRole("textbox", { name: "SQL", exact: true });

/** Replaces what is written. */
export const write = async (page, sql) => {
  await editor(page).click();
  await page.keyboard.press("ControlOrMeta+A");
  // Typed as one: completion would otherwise finish the words of a quick typist.
  await page.keyboard.insertText(sql);
};

export const run = async (page, sql) => {
  await write(page, sql);
  await page.keyboard.press("Control+Enter");
};

export const summary = (page, words) => page.locator(".sql-summary", { hasText: words }).waitFor(SOON);

export const cells = async (page) => {
  await page.locator(".grid .tabulator-cell").first().waitFor(SOON);
  return page.locator(".grid .tabulator-cell").allTextContents();
};
