// What stands below the editor: nothing yet, a question under way, a refusal, or an answer as table, drawing or plan.
import { guessSpec, kindOf, numberText, toTsv } from "../answer.js";
import { KINDS, drawChart } from "../chart.js";
import { make, makeButton, makeSelect } from "../dom.js";
import { drawGrid, rowDialog } from "../grid.js";
import { FORMS } from "./ask.js";

/** After so long a question can be cancelled, in milliseconds. */
const CANCEL_AFTER_MS = 3_000;

const counted = (count, word) => `${numberText(count)} ${word}${count === 1 ? "" : "s"}`;

const bytesText = (bytes) => {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${numberText(Math.round((bytes / 1_000 ** power) * 10) / 10)} ${units[power]}`;
};

const msText = (ms) => (ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`);

const group = (label, ...parts) => {
  const made = make("div", "button-group");
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", label);
  made.append(...parts);
  return made;
};

/** A line of buttons behind a word; it closes when something in it was chosen, or by Escape. */
const menu = (word, buttons) => {
  const details = make("details", "menu");
  const list = make("div", "menu-list");
  list.append(...buttons);
  details.append(make("summary", "", word), list);
  list.addEventListener("click", () => (details.open = false));
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    details.open = false;
    details.querySelector("summary").focus();
  });
  details.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !details.contains(relatedTarget)) details.open = false;
  });
  return details;
};

const chooser = (name, words, options, value, onChange) => {
  const field = makeSelect(options, value ?? "");
  field.id = `chart-${name}`;
  field.addEventListener("change", () => onChange(field.value));
  const label = make("label", "", words);
  label.htmlFor = field.id;
  const made = make("div");
  made.append(label, field);
  return made;
};

/** `acts`: {onShow(view, spec), onMore(), onRetry(), onCancel(), onDownload(form)}, what the reader asks for. */
export class Results {
  constructor(section, acts) {
    this.section = section;
    this.acts = acts;
    this.heading = section.querySelector("h2");
    this.drawn = null;
    /** What came with the page stays until there is something else to show. */
    this.isUntouched = true;
  }

  fill(...parts) {
    this.isUntouched = false;
    clearInterval(this.clock);
    this.drawn?.dispose();
    this.drawn = null;
    this.section.replaceChildren(this.heading, ...parts);
  }

  nothing(words) {
    if (this.isUntouched && !words) return;
    this.fill(
      make("p", "empty", words ?? "Nothing was asked yet. Write a statement and run it, or take a saved query."),
    );
  }

  running() {
    const since = performance.now();
    const words = make("p", "loading", "Running … ");
    words.setAttribute("role", "status");
    const time = make("span", "number");
    time.ariaHidden = "true";
    const cancel = makeButton("Cancel", () => this.acts.onCancel());
    cancel.hidden = true;
    const line = make("div", "sql-running");
    line.append(words, time, cancel);
    const rest = this.isUntouched ? this.section.querySelectorAll(":scope > :not(h2, .loading, .empty)") : [];
    this.fill(line, ...rest);
    this.clock = setInterval(() => {
      const passed = performance.now() - since;
      time.textContent = `${(passed / 1_000).toFixed(1)} s`;
      cancel.hidden = passed < CANCEL_AFTER_MS;
    }, 100);
  }

  refused(problem) {
    this.fill(this.notice(problem));
  }

  /** Tells of something that failed beside an answer, which stays. */
  refusedBeside(problem) {
    this.beside?.remove();
    this.beside = this.notice(problem);
    this.heading.after(this.beside);
  }

  /** Tells where a panel now is. */
  savedTo({ name, title }) {
    this.beside?.remove();
    this.beside = make("div", "notice notice-done");
    this.beside.setAttribute("role", "status");
    const link = make("a", "", title);
    link.href = `/d/${name}`;
    const words = make("p", "", "Saved to the dashboard ");
    words.append(link, ".");
    this.beside.append(words);
    this.heading.after(this.beside);
  }

  notice(problem) {
    const notice = make("div", "notice notice-failed");
    notice.setAttribute("role", "alert");
    const place = problem.line
      ? `Line ${problem.line}${problem.column ? `, column ${problem.column}` : ""}. `
      : "No answer. ";
    const words = make("p", "breaks");
    words.append(make("strong", "", place), problem.message);
    const told = make("div", "notice-words");
    told.append(words);
    if (problem.hint && problem.status !== 401) told.append(make("p", "breaks", problem.hint));
    notice.append(told);
    if (problem.status === 401) {
      words.replaceChildren(make("strong", "", "Your session has ended. "), "What you wrote is kept in this browser. ");
      const link = make("a", "", "Sign in again");
      link.href = location.pathname + location.search; // Who is not signed in is shown the form there.
      words.append(link);
    } else if (problem.status !== 403 && !problem.line) {
      notice.append(makeButton("Run again", () => this.acts.onRetry()));
    }
    return notice;
  }

  plan({ rows }) {
    const parts = rows.map(([kind, text]) => {
      const part = make("section", "sql-plan");
      const pre = make("pre", "mono", text);
      pre.tabIndex = 0;
      part.append(make("h3", "", String(kind).replaceAll("_", " ")), pre);
      return part;
    });
    this.fill(
      make("p", "muted", "How the statement would be worked on, the last step first. It was not run."),
      ...parts,
    );
  }

  /** Shows an answer. `rowsMax`: how many rows can be asked for at most. */
  answered(answer, { view, spec, label, rowsMax }) {
    Object.assign(this, { answer, label });
    if (answer.rows.length === 0) {
      this.fill(
        this.bar(view, false),
        make("p", "empty", "No rows. The statement is right, and nothing in the tables matches it."),
      );
      return;
    }
    this.body = make("div", "result-body");
    this.fill(this.bar(view, true), ...this.cut(rowsMax), this.body);
    this.show(view, spec);
  }

  bar(view, hasRows) {
    const { answer } = this;
    const words = `${counted(answer.rows.length, "row")} in ${msText(answer.elapsed_ms)}, ${bytesText(answer.scanned_bytes)} read`;
    const summary = make("p", "sql-summary", words);
    summary.setAttribute("role", "status");
    const bar = make("div", "result-bar");
    bar.append(summary);
    if (!hasRows) return bar;
    this.buttons = ["table", "chart"].map((name) => {
      const button = makeButton(name === "table" ? "Table" : "Chart", () => this.show(name, this.spec));
      button.dataset.view = name;
      return button;
    });
    const copy = makeButton(
      "Copy",
      async () => {
        try {
          await navigator.clipboard.writeText(toTsv(answer));
          copy.textContent = "Copied";
        } catch {
          copy.textContent = "Cannot copy"; // Without a secure context there is no clipboard.
        }
      },
      "quiet",
    );
    copy.title = "Copies the rows shown, for a spreadsheet";
    const single = makeButton("Row by row", () => rowDialog(answer).open(0), "quiet");
    const forms = Object.entries(FORMS).map(([form, { name }]) =>
      makeButton(name, () => this.acts.onDownload(form), "quiet"),
    );
    const tools = make("div", "result-tools");
    const toBoard = makeButton("To dashboard …", () => this.acts.onBoard(this.view, this.spec, answer), "quiet");
    tools.append(single, copy, toBoard, menu("Download", forms));
    bar.append(group("Show as", ...this.buttons), tools);
    return bar;
  }

  cut(rowsMax) {
    const { answer } = this;
    if (!answer.truncated) return [];
    const notice = make("div", "notice notice-stale");
    const words = `Only the first ${counted(answer.rows.length, "row")} are here; the answer has more. Downloads as CSV, JSON lines and Parquet have all of them.`;
    notice.append(make("p", "", words));
    if (answer.rows.length < rowsMax)
      notice.append(makeButton(`Show up to ${numberText(rowsMax)}`, () => this.acts.onMore()));
    return [notice];
  }

  show(view, spec) {
    const { answer } = this;
    Object.assign(this, { view, spec });
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    this.drawn?.dispose();
    if (view === "table") {
      this.drawn = drawGrid(this.body, { answer, label: this.label, onRow: (place) => rowDialog(answer).open(place) });
    } else {
      this.spec = spec ?? guessSpec(answer) ?? { kind: "bar", x: answer.columns[0].name, y: [] };
      this.chart();
    }
    this.acts.onShow(view, this.spec);
  }

  chart() {
    const figure = make("figure", "drawing");
    const controls = make("div", "chart-controls");
    this.body.replaceChildren(controls, figure);
    const title = () =>
      `${KINDS[this.spec.kind]?.name ?? "Drawing"} of ${[this.spec.y].flat().join(", ")} by ${this.spec.x}`;
    this.drawn = drawChart(figure, { spec: { ...this.spec, title: title() }, answer: this.answer, table: false });
    const change = (part) => {
      this.spec = { ...this.spec, ...part };
      this.drawn.update({ spec: { ...this.spec, title: title() }, answer: this.answer });
      this.acts.onShow("chart", this.spec);
    };
    this.controls(controls, change);
  }

  controls(host, change) {
    const { spec, answer } = this;
    const roles = KINDS[spec.kind] ?? KINDS.line;
    const all = answer.columns.map(({ name }) => [name]);
    const numbers = answer.columns.filter((column) => kindOf(column) === "number").map(({ name }) => [name]);
    const kinds = Object.entries(KINDS).map(([kind, { name }]) => [kind, name]);
    const again = (part) => {
      change(part);
      this.controls(host, change);
      host.querySelector("select")?.focus();
    };
    const parts = [
      chooser("kind", "Drawing", kinds, spec.kind, (kind) => again({ kind })),
      chooser("x", roles.x, all, spec.x, (x) => change({ x })),
    ];
    const ys = [spec.y ?? []].flat();
    if (["line", "area", "bar", "stacked_bar"].includes(spec.kind)) {
      const values = make("fieldset", "chart-values");
      values.append(make("legend", "", roles.y));
      for (const [name] of numbers) {
        const box = make("input");
        Object.assign(box, { type: "checkbox", checked: ys.includes(name) });
        box.addEventListener("change", () => {
          const chosen = [this.spec.y ?? []].flat();
          change({ y: box.checked ? [...chosen, name] : chosen.filter((other) => other !== name) });
        });
        const label = make("label");
        label.append(box, " ", name);
        values.append(label);
      }
      parts.push(values);
    } else {
      parts.push(
        chooser("y", roles.y, [["", "each row counts one"], ...numbers], ys[0], (y) => change({ y: y ? [y] : [] })),
      );
    }
    if (roles.series) {
      parts.push(
        chooser("series", roles.series, [["", "none"], ...all], spec.series, (series) =>
          change({ series: series || undefined }),
        ),
      );
    }
    host.replaceChildren(...parts);
  }
}
