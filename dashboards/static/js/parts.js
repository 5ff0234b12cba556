// What htmx leaves open about parts that are asked for when they are looked at: saying why one did not come, trying again, and
// closing what a button opened.
/** Says why an answer did not come. */
export const failure = (event) => {
  const status = event.detail.ctx?.response?.status;
  if (status === 401) return "Your session has ended.";
  return status ? `The server answered ${status}.` : "The server cannot be reached.";
};

/** Makes a link to the form to sign in, which leads back here. */
export const signIn = () => {
  const link = document.createElement("a");
  link.href = location.pathname + location.search; // Who is not signed in is shown the form there.
  link.textContent = "Sign in again";
  return link;
};

const retry = (part) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Retry";
  button.addEventListener("click", () => {
    part.querySelector("[data-part-text]").textContent = "Asking …";
    part.dispatchEvent(new CustomEvent("weir:retry"));
  });
  return button;
};

const CANCEL_AFTER_MS = 3_000;
const waiting = new WeakMap();

const rest = (part) => {
  clearTimeout(waiting.get(part));
  waiting.delete(part);
  part.querySelector("[data-part-cancel]")?.remove();
};

// What takes long can be given up: the server then stops working on it, too.
document.addEventListener("htmx:before:request", ({ target: part }) => {
  if (!part.matches?.("[data-part]")) return;
  rest(part);
  const offer = () => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Cancel";
    button.dataset.partCancel = "";
    button.addEventListener("click", () => {
      part.dispatchEvent(new CustomEvent("htmx:abort"));
      part.querySelector("[data-part-text]").replaceChildren("You cancelled it. ", retry(part));
    });
    part.querySelector("[data-part-text]")?.append(" ", button);
  };
  waiting.set(part, setTimeout(offer, CANCEL_AFTER_MS));
});

const failed = (event) => {
  const asked = event.target;
  if (asked.matches?.("[data-part]")) rest(asked);
  const words = failure(event);
  const ended = words.startsWith("Your session");
  if (asked.matches?.("[data-part]")) {
    const text = asked.querySelector("[data-part-text]");
    text.replaceChildren(`No answer. ${words} `, ended ? signIn() : retry(asked));
    text.setAttribute("role", "alert");
  } else if (asked.matches?.("[data-part-button]")) {
    document.getElementById(asked.getAttribute("aria-controls")).replaceChildren(`No answer. ${words} `, ended ? signIn() : "");
  }
};

document.addEventListener("htmx:response:error", failed);
document.addEventListener("htmx:error", failed);

const opened = (button) => document.getElementById(button.getAttribute("aria-controls"));

for (const button of document.querySelectorAll("[data-part-button]")) {
  button.hidden = false;
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("htmx:before:request", (event) => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    if (!isOpen) return;
    event.preventDefault();
    opened(button).replaceChildren();
    button.setAttribute("aria-expanded", "false");
    button.textContent = "Stack";
  });
}

document.addEventListener("htmx:after:swap", (event) => {
  const { sourceElement: source, response } = event.detail.ctx ?? {};
  if (!source?.matches?.("[data-part-button]") || response.status >= 400) return;
  source.setAttribute("aria-expanded", "true");
  source.textContent = "Close";
});

// A release is written only where one is to be named.
const how = document.querySelector("#resolve-how");
const named = document.querySelector("[data-named]");
if (how && named) {
  const show = () => {
    named.hidden = how.value !== "named";
    named.required = !named.hidden;
  };
  how.addEventListener("change", () => {
    show();
    if (!named.hidden) named.focus();
  });
  show();
}
