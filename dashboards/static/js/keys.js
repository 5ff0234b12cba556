// Keys that work on every page: `?` shows them all, `/` goes to the search, `g` and a letter to a page. Off while a
// field has the focus and while a modifier is held.
//
// A page adds its own: addKeys("Issues", [["j", "Next issue", () => …], …]). A pair without a function is only listed:
// it is handled elsewhere, as the editor's are. A button or link may claim a key as well (data-key), which presses it.

import { make } from "./dom.js";

const GO = {
  "/": "o",
  "/d": "d",
  "/issues": "i",
  "/verdicts": "v",
  "/restrictions": "t",
  "/rules": "r",
  "/sql": "s",
  "/data": "p",
  "/pipeline": "l",
  "/settings": "e",
};

/** How long `g` waits for its letter, in milliseconds. */
const LETTER_WAIT_MS = 1_500;

const places = [...document.querySelectorAll("header nav a")]
  .filter((link) => Object.hasOwn(GO, link.getAttribute("href")))
  .map((link) => ({ letter: GO[link.getAttribute("href")], link }));

const sections = new Map();
const actions = new Map();
let waitsUntil = 0;

/** Adds keys of this page, each [key, what it does, function?]. */
export const addKeys = (title, keys) => {
  sections.set(title, [...(sections.get(title) ?? []), ...keys]);
  for (const [key, , act] of keys) if (act) actions.set(key, act);
};

const search = () => {
  const fields = [...document.querySelectorAll("input[type=search]")];
  return fields.find((field) => field.checkVisibility());
};

const help = () => {
  if (document.querySelector("dialog[open]")) return;
  const dialog = make("dialog", "keys");
  dialog.setAttribute("aria-labelledby", "keys-title");
  const title = make("h2", "", "Keys");
  title.id = "keys-title";
  dialog.append(title);
  const claimed = [...document.querySelectorAll("[data-key]")].filter((element) => element.checkVisibility());
  const claims = claimed.map((element) => [element.dataset.key, element.textContent.trim()]);
  for (const [name, keys] of [...sections, ...(claims.length > 0 ? [["On this page", claims]] : [])]) {
    const list = make("dl");
    for (const [key, does] of keys) {
      const entry = make("div");
      const term = make("dt");
      key.split(" ").forEach((part, at) => term.append(...(at > 0 ? [" "] : []), make("kbd", "", part)));
      entry.append(term, make("dd", "", does));
      list.append(entry);
    }
    dialog.append(make("h3", "", name), list);
  }
  const form = make("form");
  form.method = "dialog";
  form.append(make("button", "", "Close"));
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
};

/** Tells whether keys belong to what has the focus; the editor's is inside a shadow root. */
const isTyping = (event) => {
  const [target] = event.composedPath();
  return (
    target instanceof Element &&
    target.matches(
      "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], [contenteditable] *, [role=tab]",
    )
  );
};

const claimant = (key) => document.querySelector(`[data-key="${CSS.escape(key)}"]`);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  if (document.querySelector("dialog[open]")) return;
  const goes = event.timeStamp < waitsUntil;
  waitsUntil = 0;
  const place = goes && places.find(({ letter }) => letter === event.key);
  if (place) place.link.click();
  else if (event.key === "g") waitsUntil = event.timeStamp + LETTER_WAIT_MS;
  else if (event.key === "?") help();
  else if (event.key === "/" && search()) search().focus();
  else if (actions.has(event.key)) actions.get(event.key)();
  else if (claimant(event.key)) claimant(event.key).click();
  else return;
  event.preventDefault();
});

addKeys("Everywhere", [
  ["?", "This list"],
  ["/", "Search"],
  ...places.map(({ letter, link }) => [`g ${letter}`, link.textContent]),
]);

const button = document.querySelector("[data-keys-button]");
if (button) {
  button.hidden = false;
  button.addEventListener("click", help);
}
