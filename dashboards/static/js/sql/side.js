// The column beside the editor: tables with their columns, saved queries, what was asked before; and the search in them.
import { make, makeButton } from "../dom.js";
import { clearHistory, readHistory } from "./drafts.js";

const item = (...parts) => {
  const made = make("li");
  made.append(...parts);
  return made;
};

/** `acts`: {onInsert(text), onAsk(sql), onOpen(name), onRecall(entry)}. */
export class Side {
  constructor(acts) {
    this.acts = acts;
    this.tables = document.querySelector("#sql-tables");
    this.saved = document.querySelector("#sql-saved");
    this.history = document.querySelector("#sql-history");
    this.find = document.querySelector("#sql-find");
    this.find.parentElement.hidden = false;
    this.find.addEventListener("input", () => this.filter());
    this.find.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.find.value = "";
      this.filter();
    });
    this.history.querySelector(":scope > button").addEventListener("click", () => {
      clearHistory();
      this.showHistory();
    });
    this.saved.addEventListener("click", (event) => {
      const link = event.target.closest?.("[data-query]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      acts.onOpen(link.dataset.query);
    });
    const side = document.querySelector("#sql-side");
    const isWide = matchMedia("(min-width: 960px)");
    const fit = () => (side.open = isWide.matches);
    isWide.addEventListener("change", fit);
    fit();
    this.showHistory();
  }

  /** Shows what GET /v1/tables answers. */
  showTables({ tables, views }) {
    const entries = [
      ...tables.map((table) => ({ ...table, isSeen: true })),
      ...views.map((view) => ({ ...view, isSeen: view.visible })),
    ].filter(({ isSeen }) => isSeen);
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.tables.replaceChildren(...entries.map((entry) => this.table(entry)));
    this.filter();
  }

  table({ name, title, columns }) {
    const details = make("details");
    details.append(make("summary", "mono", name));
    const fill = () => {
      if (details.childElementCount > 1) return;
      const list = make("ul", "columns");
      list.append(...columns.map((column) => this.column(column)));
      const first = makeButton(
        `First rows of ${name}`,
        () => this.acts.onAsk(`select *\nfrom ${name}\nlimit 100`),
        "quiet",
      );
      details.append(...(title ? [make("p", "muted", title)] : []), first, list);
    };
    details.addEventListener("toggle", () => details.open && fill());
    const made = item(details);
    made.dataset.find = [name, ...columns.map((column) => column.name)].join(" ");
    made.dataset.table = name;
    return made;
  }

  column({ name, type, doc, visible, purpose }) {
    const made = item();
    made.dataset.find = name;
    if (visible) made.append(makeButton(name, () => this.acts.onInsert(name), "mono column"));
    else made.append(make("span", "mono muted", name));
    made.append(
      " ",
      make("span", "muted", type),
      make("p", "muted", visible ? doc : `Not for this key: it is kept for ${purpose ?? "another purpose"}.`),
    );
    return made;
  }

  /** Shows what GET /v1/queries answers, those that can be changed first. */
  showSaved(queries) {
    const own = queries.filter((query) => query.own);
    const areas = Map.groupBy([...own, ...queries.filter((query) => !query.own)], ({ area }) => area);
    const parts = [...areas].flatMap(([area, list]) => {
      const entries = make("ul", "tree");
      entries.append(
        ...list.map(({ name, title }) => {
          const link = make("a", "", title);
          link.href = `/sql?name=${encodeURIComponent(name)}`;
          link.dataset.query = name;
          const made = item(link);
          made.dataset.find = `${name} ${title}`;
          return made;
        }),
      );
      return [make("h3", "", area), entries];
    });
    this.saved.replaceChildren(...parts);
    this.filter();
  }

  showHistory() {
    const entries = readHistory();
    this.history.hidden = entries.length === 0;
    this.history.querySelector("ul").replaceChildren(
      ...entries.map((entry) => {
        const words =
          entry.sql
            .replace(/^\s*--.*$/gm, "")
            .replace(/\s+/g, " ")
            .trim() || entry.sql;
        const button = makeButton(words.slice(0, 120), () => this.acts.onRecall(entry), "history-entry mono");
        button.title = `${String(entry.at).slice(0, 16).replace("T", " ")} UTC`;
        const made = item(button);
        made.dataset.find = words;
        return made;
      }),
    );
    this.filter();
  }

  filter() {
    const words = this.find.value.trim().toLowerCase();
    const matches = (entry) => entry.dataset.find.toLowerCase().includes(words);
    for (const entry of document.querySelectorAll("#sql-side li[data-find]")) {
      const inTable = entry.closest("[data-table]");
      // A column stays with the table whose name is looked for.
      const byTable = inTable && inTable !== entry && inTable.dataset.table.toLowerCase().includes(words);
      entry.hidden = words !== "" && !byTable && !matches(entry);
    }
    for (const heading of this.saved.querySelectorAll("h3")) {
      heading.hidden = [...heading.nextElementSibling.children].every(({ hidden }) => hidden);
    }
  }
}
