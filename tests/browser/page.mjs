// A Chromium for tests: every page watches for what must never happen, and can be measured for how well it reads.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** Longer than the server lets a query run: a busy machine makes a page late, not wrong. */
export const SOON = { timeout: 40_000 };

/** Starts the Chromium of the system. */
export const openBrowser = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: ARGS, headless: true });

/** Where the pictures of this run go: a place to look at, never compared. */
export const pictures = process.env.WEIR_SCREENSHOT_DIR ?? (await mkdtemp(join(tmpdir(), "weir-pages-")));

/** Opens a page that notes policy violations, script errors, console errors, dialogs and requests to other hosts. */
export const openPage = async (browser, options = {}) => {
  const context = await browser.newContext({ locale: "en-US", ...options });
  context.setDefaultTimeout(SOON.timeout);
  const page = await context.newPage();
  const faults = [];
  await context.exposeBinding("weirNoteViolation", (_, text) => faults.push(`policy: ${text}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.weirNoteViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("dialog", async (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => {
    const host = new URL(request.url()).hostname;
    if (host !== "127.0.0.1") faults.push(`request to ${host}`);
  });
  return { page, context, faults };
};

/** Measures what a reader with other needs depends on; returns a list of what is wrong, empty if nothing is. */
export const findBarriers = (page) =>
  page.evaluate(() => {
    const wrong = [];
    const name = (element) => {
      const labelled = element.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id));
      if (labelled?.includes(null)) wrong.push(`aria-labelledby of ${element.tagName} points nowhere`);
      const text = labelled?.map((label) => label?.textContent).join(" ") ?? element.getAttribute("aria-label");
      return (text ?? element.textContent).trim();
    };

    if (document.documentElement.lang !== "en") wrong.push("the page has no language");
    if (document.title.trim() === "") wrong.push("the page has no title");
    if (document.querySelectorAll("h1").length !== 1) wrong.push("there is not exactly one h1");
    if (document.querySelectorAll("main").length !== 1) wrong.push("there is not exactly one main");
    for (const input of document.querySelectorAll("input:not([type=hidden])")) {
      if (!input.labels?.length) wrong.push(`input ${input.name} has no label`);
      for (const id of (input.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean)) {
        if (!document.getElementById(id)) wrong.push(`input ${input.name} is described by a missing #${id}`);
      }
    }
    for (const control of document.querySelectorAll("button, a[href], summary")) {
      if (name(control) === "") wrong.push(`a ${control.tagName} has no name`);
    }
    for (const picture of document.querySelectorAll("svg")) {
      const told = ["img", "group"].includes(picture.getAttribute("role")) ? name(picture) !== "" : picture.ariaHidden === "true";
      if (!told) wrong.push("a drawing has neither a name nor aria-hidden");
    }
    for (const table of document.querySelectorAll("table")) {
      for (const head of table.querySelectorAll("th")) if (!head.scope) wrong.push(`th ${head.textContent} has no scope`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`#${id} occurs twice`);

    // WCAG 2.2: relative luminance and contrast ratio, over the colours as they are painted.
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const paint = (colours) => {
      canvas.clearRect(0, 0, 1, 1);
      for (const colour of colours) {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (rgb) => {
      const [red, green, blue] = rgb.slice(0, 3).map((part) => {
        const value = part / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let measured = 0;
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() === "" || element.closest("svg, script, noscript") || !element.checkVisibility()) continue;
      const grounds = [];
      for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
      const ink = getComputedStyle(element).color;
      const [one, other] = [luminance(paint([...grounds, ink])), luminance(paint(grounds))];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      measured += 1;
      if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: "${walker.currentNode.data.trim().slice(0, 40)}"`);
    }
    if (measured < 5) wrong.push(`only ${measured} pieces of text were measured`);
    return wrong;
  });

/** Returns how many pixels the page is wider than its window. */
export const overhang = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
