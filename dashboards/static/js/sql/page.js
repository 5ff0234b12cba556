// The SQL page: what is open, what was asked, and what the address says about it. The parts are in the files beside this.
import { addKeys } from "../keys.js";
import { mountEditor } from "../sql-editor.js";
import { FUNCTIONS } from "../sql-functions.js";
import * as server from "./ask.js";
import { addressOf, newTab, noteHistory, readAddress, readDrafts, writeDrafts } from "./drafts.js";
import { ParamForm, paramsOf, typedOf } from "./params.js";
import { Results } from "./results.js";
import { boardDialog } from "./board.js";
import { deleteDialog, saveDialog } from "./saved.js";
import { Side } from "./side.js";
import { Tabs, nameOf } from "./tabs.js";

/** Rows that are asked for at first; the reader may ask for more. */
const ROWS_FIRST = 10_000;
const TABS_MAX = 20;

const at = (id) => document.getElementById(id);
const handed = JSON.parse(at("sql-data").textContent);

let { tabs, active } = readDrafts();
/** What cannot be kept: by tab, its answer, its refusal, its question under way. */
const states = new Map();
/** The stored queries, once they are known. */
let known = [];

const tab = () => tabs[active];
const state = (of = tab()) => states.get(of.id) ?? states.set(of.id, {}).get(of.id);

const keep = () => writeDrafts(tabs, tab());

/** Says in the address what is shown, so that it can be passed on. */
const setAddress = (push = false) => {
  const next = addressOf(
    state().asked ? { ...tab(), ...state().asked } : { ...tab(), sql: "", name: null, values: {}, types: {} },
  );
  if (next === location.pathname + location.search) return;
  history[push ? "pushState" : "replaceState"](null, "", next);
};

const results = new Results(at("sql-result"), {
  onShow(view, spec) {
    Object.assign(tab(), { view, spec: spec ?? tab().spec });
    keep();
    setAddress();
  },
  onMore: () => run({ limit: handed.rows_max }),
  onRetry: () => run(),
  onCancel: () => state().abort?.abort(),
  async onDownload(form) {
    const { asked } = state();
    try {
      await server.download({ ...asked, limit: handed.rows_max }, form, asked.name ?? "weir");
    } catch (error) {
      results.refusedBeside(error);
    }
  },
  async onBoard(view, spec, answer) {
    try {
      const done = await boardDialog({ tab: tab(), view, spec, answer }, known);
      if (!done) return;
      if (done.saved) await becameSaved(done.saved);
      results.savedTo(done.board);
    } catch (error) {
      results.refusedBeside(error);
    }
  },
});

const show = () => {
  const { answer, problem, plan, abort, hint } = state();
  editor.showProblem(problem?.line ? problem : null);
  if (abort) results.running();
  else if (problem) results.refused(problem);
  else if (plan) results.plan(plan);
  else if (answer)
    results.answered(answer, {
      view: tab().view,
      spec: tab().spec,
      label: `Answer of ${nameOf(tab())}`,
      rowsMax: handed.rows_max,
    });
  else results.nothing(hint);
};

/** Asks the server for the active tab; the answer is shown if the tab is still the active one. */
const work = async (question, put) => {
  const of = tab();
  const mine = state(of);
  mine.abort?.abort();
  const abort = new AbortController();
  Object.assign(mine, { abort, problem: null, plan: null, hint: undefined });
  show();
  try {
    const found = await question(abort.signal);
    if (mine.abort !== abort) return;
    put(mine, found);
  } catch (error) {
    if (mine.abort !== abort) return;
    if (error.name === "AbortError") mine.hint = "Cancelled. The server has stopped working on it.";
    else mine.problem = error;
    mine.answer = null;
  }
  mine.abort = null;
  if (of === tab()) show();
};

const wants = ({ name }) => `This statement needs a value for $${name}. Fill it in and run it.`;

/** Returns what the active tab asks, or null once the reader was told what it lacks. */
const question = () => {
  const { sql, values, types, name } = tab();
  if (sql.trim() === "") {
    editor.focus();
    return null;
  }
  const { typed, wanting } = typedOf(paramsOf(sql), { values, types });
  if (wanting) {
    Object.assign(state(), { problem: null, answer: null, plan: null, hint: wants(wanting) });
    show();
    at(`p.${wanting.name}`)?.focus();
    return null;
  }
  return { sql, typed, name, values: { ...values }, types: { ...types } };
};

const run = ({ limit = Math.min(ROWS_FIRST, handed.rows_max), push = true } = {}) => {
  const asked = question();
  if (!asked) return;
  state().asked = asked;
  setAddress(push);
  noteHistory(asked);
  side.showHistory();
  return work(
    (signal) => server.ask({ ...asked, limit, signal }),
    (mine, answer) => (mine.answer = answer),
  );
};

const explain = () => {
  const asked = question();
  if (asked)
    work(
      (signal) => server.explain({ ...asked, signal }),
      (mine, plan) => (mine.plan = plan),
    );
};

const params = new ParamForm(at("sql-params"), () => {
  keep();
  showParams();
});
const showParams = () => params.show(paramsOf(tab().sql), tab().values, tab().types);

const showName = () => {
  const query = known.find(({ name }) => name === tab().name);
  at("sql-name").textContent = tab().name ? `saved as ${tab().name}` : "";
  at("sql-delete").hidden = !query?.own;
};

/** A text that is no longer the stored one is a text of one's own. */
const onWritten = (sql) => {
  tab().sql = sql;
  const query = known.find(({ name }) => name === tab().name);
  if (query && query.sql !== sql) Object.assign(tab(), { name: null, from: query.name });
  keep();
  showParams();
  showName();
  tabList.rename(tab());
};

const choose = (index, { push = false } = {}) => {
  active = index;
  keep();
  tabList.show(tabs, active);
  editor.setText(tab().sql);
  showParams();
  showName();
  show();
  setAddress(push);
};

const open = (given) => {
  // An empty tab is used up; beyond so many the oldest is closed.
  const isUsed = tabs.length > 0 && tab()?.sql === "" && !state().answer;
  const opened = newTab(given);
  if (isUsed) tabs[active] = opened;
  else tabs.push(opened);
  if (tabs.length > TABS_MAX) tabs.shift();
  choose(tabs.indexOf(opened));
};

const openStored = (name) => {
  const query = known.find((query) => query.name === name);
  if (!query) {
    location.assign(`/sql?name=${encodeURIComponent(name)}`);
    return;
  }
  const there = tabs.findIndex((tab) => tab.name === name && tab.sql === query.sql);
  if (there >= 0) choose(there);
  else open({ sql: query.sql, name });
  if (!state().answer) run();
};

const editor = mountEditor(at("sql-editor"), {
  label: "SQL",
  hint: at("sql-text").placeholder,
  onChange: onWritten,
  onRun: () => run(),
});
const tabList = new Tabs(at("sql-tabs"), {
  onChoose: (index) => choose(index, { push: true }),
  onAdd() {
    open({});
    editor.focus();
  },
  onClose(index) {
    const [closed] = tabs.splice(index, 1);
    state(closed).abort?.abort();
    states.delete(closed.id);
    if (tabs.length === 0) tabs.push(newTab());
    choose(Math.min(index, tabs.length - 1));
  },
});
const side = new Side({
  onInsert: (text) => editor.insert(text),
  onAsk(sql) {
    open({ sql });
    run();
  },
  onOpen: openStored,
  onRecall(entry) {
    open({ ...entry, name: null });
    editor.focus();
  },
});

const loadKnown = async () => {
  known = await server.queries();
  side.showSaved(known);
  showName();
};

at("sql-form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
at("sql-plan").addEventListener("click", explain);
const becameSaved = async (saved) => {
  Object.assign(tab(), { sql: saved.sql, name: saved.name });
  editor.setText(saved.sql);
  keep();
  await loadKnown();
  tabList.show(tabs, active);
  showParams();
};
at("sql-save").addEventListener("click", async () => {
  const saved = await saveDialog(tab(), known);
  if (saved) await becameSaved(saved);
});
at("sql-delete").addEventListener("click", async () => {
  const query = known.find(({ name }) => name === tab().name);
  if (!query || !(await deleteDialog(query))) return;
  tab().name = null;
  keep();
  await loadKnown();
});

/** Shows what an address says: in the tab that has it, else in a new one. */
const arrive = (given) => {
  const there = tabs.find(({ sql }) => sql === given.sql && sql !== "");
  if (!there) return open(given);
  Object.assign(there, { ...given, spec: given.spec ?? there.spec });
  choose(tabs.indexOf(there));
};

/** What was written into the plain field before this script was there goes on in the editor. */
const takeOver = () => {
  const plain = at("sql-text");
  const isWriting = document.activeElement === plain;
  if (plain.value !== handed.sql) {
    open({ sql: plain.value });
    keep();
  }
  plain.hidden = true;
  at("sql-editor").hidden = false;
  if (isWriting) editor.focus();
};

const begin = () => {
  const given = { ...readAddress(location.search), sql: handed.sql, name: handed.name };
  const { answer, problem } = handed;
  if (tabs.length === 0) tabs.push(newTab());
  active = Math.max(active, 0);
  for (const part of document.querySelectorAll("[data-scripted]")) part.hidden = false;
  if (given.sql === "" && !problem) return choose(active);
  arrive(given);
  const { typed, wanting } = typedOf(paramsOf(given.sql), given);
  const asked =
    given.sql === ""
      ? undefined
      : { sql: given.sql, name: given.name, typed, values: given.values, types: given.types };
  const isKnown = answer || problem || wanting;
  Object.assign(state(), { asked, answer, problem, hint: wanting && wants(wanting) });
  show();
  setAddress();
  if (!isKnown) return run({ push: false });
  if (answer) {
    noteHistory(asked);
    side.showHistory();
  }
};

window.addEventListener("popstate", () => {
  const given = readAddress(location.search);
  const sql = given.name ? (known.find(({ name }) => name === given.name)?.sql ?? "") : given.sql;
  if (sql === "") return;
  arrive({ ...given, sql });
  if (!state().answer) run({ push: false });
});

addKeys("SQL", [
  ["Ctrl Enter", "Run the statement, inside the editor"],
  ["Ctrl Space", "Complete, inside the editor"],
  ["e", "Go to the editor", () => editor.focus()],
  ["n", "New tab", () => open({})],
]);

begin();
takeOver();
editor.complete({}, FUNCTIONS);
loadKnown().catch(() => {}); // The list that came with the page stays.
server.tables().then(
  (catalogue) => {
    side.showTables(catalogue);
    const seen = [...catalogue.tables, ...catalogue.views.filter(({ visible }) => visible)];
    editor.complete(
      Object.fromEntries(seen.map(({ name, columns }) => [name, columns.filter(({ visible }) => visible)])),
      FUNCTIONS,
    );
  },
  () => {}, // As above.
);
