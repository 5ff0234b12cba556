// While the server works out the next page, the page that is left says so; after three seconds one may stop waiting.
const CANCEL_AFTER_MS = 3_000;

const waiting = document.querySelector("[data-waiting]");
const cancel = document.querySelector("[data-cancel]");
let timer;

const rest = () => {
  clearTimeout(timer);
  waiting.hidden = true;
  cancel.hidden = true;
};

const wait = () => {
  rest();
  waiting.hidden = false;
  timer = setTimeout(() => (cancel.hidden = false), CANCEL_AFTER_MS);
};

document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.closest("[data-patience]")) wait();
});

document.addEventListener("click", (event) => {
  const aside = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
  if (!aside && !event.defaultPrevented && event.target.closest?.("a[data-patience]")) wait();
});

cancel.addEventListener("click", () => {
  window.stop();
  rest();
});

// Going back shows the page as it was left.
window.addEventListener("pageshow", rest);
