// What a dashboard adds to its panels: asking again in time, a marked range as the range of all, marks that lead somewhere, and
// saying of what time numbers are when no newer ones can be had.
import { make } from "./dom.js";
import { failure, signIn } from "./parts.js";

const form = document.querySelector("[data-board-form]");
const line = document.querySelector("[data-board-refresh]");

const go = (change) => {
  const address = new URL(location.href);
  change(address.searchParams);
  location.assign(address);
};

// A choice is in force at once; what is written, when the field is left.
form?.addEventListener("change", () => form.requestSubmit());
form?.addEventListener("submit", () => {
  const from = form.elements.namedItem("from");
  const to = form.querySelector("[data-to]");
  // Another range than the one that has an end goes up to now.
  if (to && from.selectedIndex > 0) to.disabled = true;
  for (const field of form.elements) if (field.value === "") field.disabled = true;
});
// Going back shows the form as it can be used.
addEventListener("pageshow", () => {
  for (const field of form?.elements ?? []) field.disabled = false;
});

document.addEventListener("weir:zoom", ({ detail }) => {
  const instant = (millis) => new Date(millis).toISOString();
  go((params) => {
    params.set("from", instant(detail.from));
    params.set("to", instant(detail.to));
  });
});

const linkOf = (figure) => {
  const block = figure.querySelector('script[type="application/json"]');
  return block && JSON.parse(block.textContent).link;
};

document.addEventListener("weir:pick", ({ target, detail }) => {
  const link = linkOf(target);
  if (!link) return;
  const known = { [link.x]: detail.x, [link.series]: detail.series };
  let missing = false;
  const to = link.to.replace(/\{(\w+)\}/g, (_, name) => {
    if (known[name] === undefined || String(known[name]).startsWith("Other (")) missing = true;
    return encodeURIComponent(known[name]);
  });
  if (!missing) location.assign(to);
});

// Asking again: only what was asked once, can be seen, and is not being read.
let paused = false;

const isSeen = (panel) => {
  const { top, bottom } = panel.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
};

const refresh = () => {
  if (paused || document.hidden) return;
  for (const panel of document.querySelectorAll("[data-board-panel]:not([aria-busy])")) {
    const isRead = panel.contains(document.activeElement) || panel.querySelector("details[open]");
    if (isSeen(panel) && !isRead) panel.dispatchEvent(new CustomEvent("weir:refresh"));
  }
};

if (line) {
  const text = line.querySelector("[data-live-text]");
  const button = line.querySelector("[data-live-button]");
  const usual = text.textContent;
  line.hidden = false;
  line.dataset.live = "on";
  setInterval(refresh, Number(line.dataset.boardRefresh) * 1_000);
  button.addEventListener("click", () => {
    paused = !paused;
    line.dataset.live = paused ? "off" : "on";
    text.textContent = paused ? "Paused" : usual;
    button.textContent = paused ? "Resume" : "Pause";
    button.setAttribute("aria-pressed", String(paused));
    refresh();
  });
}

// A panel that has an answer keeps it when no newer one comes.
const stale = (event) => {
  const panel = event.target;
  if (!panel.matches?.("[data-board-panel]:not([data-part])")) return;
  const why = failure(event);
  panel.classList.add("is-stale");
  panel.querySelector("[data-board-stale]")?.remove();
  const notice = make("div", "notice notice-stale");
  notice.dataset.boardStale = "";
  notice.setAttribute("role", "alert");
  const asOf = panel.querySelector("[data-as-of]")?.textContent ?? "before";
  const words = make("p", "", `${why} These numbers are as of ${asOf}. `);
  if (why.startsWith("Your session")) words.append(signIn());
  notice.append(words);
  panel.querySelector(".panel-head").after(notice);
};
document.addEventListener("htmx:response:error", stale);
document.addEventListener("htmx:error", stale);

// A panel that failed can be asked again by itself.
const offerRetry = () => {
  for (const button of document.querySelectorAll("[data-board-retry]")) button.hidden = false;
};
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-board-retry]");
  button?.closest("[data-board-panel]").dispatchEvent(new CustomEvent("weir:retry"));
});
document.addEventListener("htmx:after:swap", offerRetry);
offerRetry();
