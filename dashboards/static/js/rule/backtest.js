// Backtests of a rule's page: asked for, told of line by line as they go, cancelled, and shown by a fragment of the server's
// when they end. Whom one found is in its last line alone: the server does not keep it.
import { drawAll } from "../chart.js";
import { timeText } from "../answer.js";
import { call } from "../call.js";
import { make } from "../dom.js";

/** Entities that are shown of those a backtest found. */
const SAMPLES_MAX = 20;
const DAY_MS = 86_400_000;

const at = (id) => document.getElementById(id);

/** Reads a stream of JSON lines. */
async function* linesOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
  }
}

const cell = (row, ...parts) => {
  const made = row.insertCell();
  made.append(...parts);
  return made;
};

/** The first entities of a result, each with a link to its page. */
const samplesOf = ({ entities, entity_count: count }) => {
  const part = document.createDocumentFragment();
  part.append(make("h3", "", entities.length > SAMPLES_MAX ? `The first ${SAMPLES_MAX} of ${count}` : "Whom it found"));
  const table = make("table", "samples-found");
  const head = table.createTHead().insertRow();
  for (const title of ["Entity", "First", "Last", "Observed", "Asks for"]) {
    const heading = make("th", title === "Observed" ? "number" : "", title);
    heading.scope = "col";
    head.append(heading);
  }
  const body = table.createTBody();
  for (const found of entities.slice(0, SAMPLES_MAX)) {
    const row = body.insertRow();
    const link = make("a", "mono", found.entity);
    link.href = `/e/${encodeURIComponent(found.entity_kind)}/${encodeURIComponent(found.entity)}`;
    cell(row, make("span", "muted", found.entity_kind), " ", link).className = "breaks";
    for (const time of [found.first_at, found.last_at]) cell(row, timeText(time).slice(0, 19));
    cell(row, `${found.observed} `, make("span", "muted", `of ${found.threshold}`)).className = "number";
    cell(row, found.verdict);
  }
  part.append(table);
  return part;
};

/** `acts`: {path() of the rule, fragment(id), draft() or undefined, keepsAddress}. */
export class Backtests {
  constructor(acts) {
    this.acts = acts;
    this.form = at("backtest-form");
    this.progress = at("backtest-progress");
    this.told = this.progress.querySelector("[data-told]");
    this.bar = at("backtest-bar");
    this.refused = at("backtest-refused");
    this.result = at("backtest-result");
    this.range = at("backtest-range");
    this.form.hidden = false;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    this.range.addEventListener("change", () => this.showDates());
    this.progress.querySelector("[data-stop]").addEventListener("click", () => this.abort?.abort());
    this.showDates();
  }

  showDates() {
    for (const field of this.form.querySelectorAll("[data-dates]")) field.hidden = this.range.value !== "0";
    const day = (ago) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10);
    at("backtest-from").value ||= day(30);
    at("backtest-to").value ||= day(0);
  }

  /** Says what would be tested. */
  tell() {
    const isDraft = this.acts.draft() !== undefined;
    this.form.querySelector("[data-what]").textContent = isDraft ? "Tests the text as it is written above, unsaved." : "Tests the text in force.";
  }

  /** The range as the server reads it. */
  wanted() {
    const days = Number(this.range.value);
    const sql = this.acts.draft();
    if (days > 0) return { from: Date.now() - days * DAY_MS, sql };
    return { from: `${at("backtest-from").value}T00:00:00Z`, to: `${at("backtest-to").value}T00:00:00Z`, sql };
  }

  async run() {
    if (this.abort) return;
    this.abort = new AbortController();
    this.begin();
    try {
      const body = this.wanted();
      const response = await call(`${this.acts.path()}/backtest`, {
        method: "POST", body, accept: "application/x-ndjson", signal: this.abort.signal,
      });
      for await (const line of linesOf(response)) {
        if (line.progress) this.advance(line.progress);
        else if (line.error) throw new Error(line.error);
        else if (line.result) return await this.show(line.result);
      }
      throw new Error("The answer broke off.");
    } catch (error) {
      this.fail(error);
    } finally {
      this.abort = null;
      this.progress.hidden = true;
      this.form.querySelector("[data-run]").disabled = false;
    }
  }

  begin() {
    this.refused.replaceChildren();
    this.told.textContent = "Beginning …";
    this.bar.removeAttribute("value");
    this.progress.hidden = false;
    this.form.querySelector("[data-run]").disabled = true;
    this.progress.scrollIntoView({ block: "nearest" });
  }

  advance({ done, total }) {
    const percent = Math.floor((100 * done) / Math.max(total, 1));
    this.bar.value = percent;
    this.told.textContent = percent < 100 ? `Going through the past: ${percent}%` : "Holding what it found against decisions and labels …";
  }

  async show(result) {
    const response = await call(this.acts.fragment(result.backtest_id), { accept: "text/html" });
    this.result.innerHTML = await response.text(); // A page of ours, escaped there.
    const samples = this.result.querySelector("[data-samples]");
    if (result.entities.length > 0) samples.replaceChildren(samplesOf(result));
    else samples.replaceChildren();
    drawAll(this.result);
    this.result.scrollIntoView({ block: "nearest" });
    if (!this.acts.keepsAddress) return;
    const address = new URL(location.href);
    address.searchParams.set("backtest", result.backtest_id);
    history.replaceState(history.state, "", address);
    await this.refresh();
  }

  /** Brings what a backtest changes elsewhere on the page: what going live needs, the list, what was done. */
  async refresh() {
    const response = await call(location.pathname + location.search, { accept: "text/html" }).catch(() => null);
    if (!response) return; // The result is there; the rest comes with the next visit.
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const id of ["decision", "backtests-past", "story"]) {
      const next = page.getElementById(id);
      if (next) at(id)?.replaceWith(document.adoptNode(next));
    }
  }

  fail(error) {
    const notice = make("div", "notice notice-failed");
    const words = make("p");
    if (error.name === "AbortError") words.append("Cancelled. The server has stopped working on it.");
    else {
      const line = error.line ? `Line ${error.line}: ` : "";
      words.append(make("strong", "", "No result. "), `${line}${error.message}${error.hint ? ` ${error.hint}` : ""}`);
      if (error.status === 401) {
        const link = make("a", "", " Sign in again");
        link.href = location.pathname;
        words.append(link);
      }
    }
    notice.append(words);
    this.refused.replaceChildren(notice);
  }
}
