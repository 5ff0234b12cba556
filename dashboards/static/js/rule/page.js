// The page of a rule, and of a new one: the editor in the place of the field, what the compiler says of the text while it
// is written, and backtests (backtest.js). Without this file the field, saving and everything else work the same.
import { addKeys } from "../keys.js";
import { mountEditor } from "../sql-editor.js";
import { FUNCTIONS } from "../sql-functions.js";
import { call } from "../call.js";
import { Backtests } from "./backtest.js";

/** How long nobody writes before the text is checked, in milliseconds. */
const CHECK_AFTER_MS = 500;

/** What only rules may call. */
const WINDOW = {
  name: "in_window",
  signature: "(received_at)",
  doc: "True for events of the rule's window, as of the moment it judges.",
};

const at = (id) => document.getElementById(id);
const handed = JSON.parse(at("rule-data").textContent);
const form = document.querySelector("[data-rule-form]");
const nameField = at("rule-new-name");

/** The name that a draft is checked and tested under; any will do before there is one. */
const name = () => handed.name || nameField?.value.trim() || "draft";
const path = () => `/v1/rules/${encodeURIComponent(name())}`;

/** Follows the text of the form; without a form (a rule of the operator's) there is only what is in force. */
const begin = () => {
  if (!form) return { draft: () => undefined };
  const field = at("rule-sql");
  const told = form.querySelector("[data-check]");
  const revert = form.querySelector("[data-revert]");
  const host = at("rule-editor");
  let timer;
  let asked = 0;

  const isDraft = () => handed.saved === null || field.value !== handed.saved;

  const show = ({ rule, problem }) => {
    editor.showProblem(problem?.line ? problem : null, { moves: false });
    form.classList.toggle("is-wrong", Boolean(problem));
    if (problem) {
      told.textContent = `${problem.line ? `Line ${problem.line}: ` : ""}${problem.message}${problem.hint ? ` – ${problem.hint}` : ""}`;
    } else {
      const how = rule.way === "live" ? "runs live" : `runs every ${rule.every}, because ${rule.reason}`;
      told.textContent = `${isDraft() ? "Compiles" : "In force"}; ${how}`;
    }
  };

  const check = async () => {
    asked += 1;
    const mine = asked;
    try {
      const response = await call(`${path()}/check`, { method: "POST", body: { sql: field.value } });
      const answer = await response.json();
      if (mine === asked) show(answer);
    } catch (error) {
      if (mine === asked) told.textContent = `Not checked: ${error.message}`;
    }
  };

  const changed = (text) => {
    field.value = text;
    if (revert) revert.hidden = !isDraft();
    backtests.tell();
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_AFTER_MS);
  };

  host.hidden = false;
  field.hidden = true;
  // The field is filled by the editor; a browser cannot point at a hidden one.
  field.required = false;
  const editor = mountEditor(host, {
    text: field.value,
    label: "Text of the rule",
    onChange: changed,
    onRun: () => backtests.run(),
  });
  if (handed.wrong) {
    const { line, message, remedy } = handed.wrong;
    editor.showProblem(line ? { line, message: remedy ? `${message} – ${remedy}` : message } : null);
  }
  // A page that the browser brings back has the text that was in its field.
  window.addEventListener("pageshow", () => {
    if (field.value !== editor.text()) editor.setText(field.value);
  });
  revert?.addEventListener("click", () => {
    editor.setText(handed.saved);
    changed(handed.saved);
  });
  if (revert) revert.hidden = !isDraft();
  if (handed.saved !== null && isDraft()) check();
  const functions = [...FUNCTIONS, WINDOW];
  editor.complete({}, functions);
  const learnTables = async () => {
    const { tables, views } = await (await call("/v1/tables")).json();
    const seen = [...tables, ...views.filter(({ visible }) => visible)];
    editor.complete(Object.fromEntries(seen.map(({ name: table, columns }) => [table, columns])), functions);
  };
  // Who may not query completes functions alone.
  if (handed.may_query) learnTables().catch(() => {});

  let sends = false;
  form.addEventListener("submit", () => (sends = true));
  window.addEventListener("beforeunload", (event) => {
    if (!sends && handed.saved !== null && isDraft()) event.preventDefault();
  });
  addKeys("Rule", [
    ["e", "Go to the text", () => (host.scrollIntoView({ block: "center" }), editor.focus())],
    ["Ctrl Enter", "Run a backtest, inside the text"],
    ["Ctrl Space", "Complete, inside the text"],
  ]);
  return { draft: () => (isDraft() ? field.value : undefined) };
};

let text = { draft: () => undefined };
const backtests = new Backtests({
  path,
  fragment: (id) => `/fragments/rules/${encodeURIComponent(name())}/backtests/${encodeURIComponent(id)}`,
  draft: () => text.draft(),
  keepsAddress: handed.name !== "",
});
text = begin();
backtests.tell();
addKeys("Rule", [["b", "Run a backtest", () => backtests.run()]]);
