// What polling with htmx leaves open: pausing, a hidden tab, and saying so when the numbers stop being today's.
const line = document.querySelector("[data-live]");
const text = document.querySelector("[data-live-text]");
const button = document.querySelector("[data-live-button]");
const notice = document.querySelector("[data-live-notice]");
const content = document.querySelector("[hx-trigger*='weir:refresh']");

let paused = false;
let ended = false;

const asOf = () => content.querySelector("[data-as-of]")?.textContent ?? "an unknown time";

const show = (state, words) => {
  line.dataset.live = state;
  if (text.textContent !== words) text.textContent = words;
};

const stale = (words, link) => {
  content.classList.add("is-stale");
  const message = `${words} These numbers are as of ${asOf()}.`;
  if (notice.dataset.message === message) return;
  notice.dataset.message = message;
  notice.replaceChildren(message);
  if (link) notice.append(" ", link);
  notice.hidden = false;
};

const fresh = () => {
  content.classList.remove("is-stale");
  delete notice.dataset.message;
  notice.hidden = true;
  if (!paused) show("on", "Live");
};

const signInLink = () => {
  const link = document.createElement("a");
  link.href = location.pathname + location.search; // Who is not signed in is shown the form there.
  link.textContent = "Sign in again";
  return link;
};

content.addEventListener("htmx:before:request", (event) => {
  if (paused || ended || document.hidden) event.preventDefault();
});

content.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx.response.status < 400) fresh(); // An error swaps nothing, but htmx calls that a swap, too.
});

content.addEventListener("htmx:response:error", (event) => {
  const status = event.detail.ctx.response.status;
  if (status === 401) {
    ended = true;
    show("off", "Signed out");
    stale("Your session has ended.", signInLink());
    return;
  }
  show("off", "Stale");
  stale(`The server answered ${status}; the next try is in 2 s.`);
});

content.addEventListener("htmx:error", () => {
  if (ended) return;
  show("off", "Stale");
  stale("The server cannot be reached; the next try is in 2 s.");
});

button.addEventListener("click", () => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Resume" : "Pause";
  if (paused) show("paused", "Paused");
  else {
    show("on", "Live");
    refresh();
  }
});

const refresh = () => content.dispatchEvent(new CustomEvent("weir:refresh"));

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused && !ended) refresh();
});

line.hidden = false;
show("on", "Live");
