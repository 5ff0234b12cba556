// Shows an answer of POST /v1/sql as a table of any length: only the rows in view are in the document.
//
//   const grid = drawGrid(element, {answer, label, onRow});   grid.dispose()
//
// The page loads css/answer.css and the library's style sheet. `onRow` gets the place of a row that was clicked; those
// who use no pointer are shown rows by rowDialog(answer).open(place). Everything shown is set as text, never as HTML.
import { kindOf, timeText, toText } from "./answer.js";
import { make, makeButton } from "./dom.js";
import {
  FormatModule,
  InteractionModule,
  ResizeColumnsModule,
  ResizeTableModule,
  SortModule,
  Tabulator,
} from "../vendor/tabulator.js";

Tabulator.registerModule([FormatModule, InteractionModule, ResizeColumnsModule, ResizeTableModule, SortModule]);

const ROW_PX = 28;
const HEAD_PX = 46;
/** Letters of a cell; the whole value is in the row's dialog. */
const CELL_MAX = 300;

const shown = (value, kind) => {
  if (value === null || value === undefined) return make("span", "muted", "null");
  if (value === "") return make("span", "muted", "(empty)");
  const text = kind === "time" ? timeText(value) : toText(value);
  return document.createTextNode(text.length > CELL_MAX ? `${text.slice(0, CELL_MAX)}…` : text);
};

const compare = (kind) => (a, b) => {
  if (kind === "number") return Number(a) - Number(b);
  const [one, other] = [toText(a), toText(b)];
  return one < other ? -1 : one > other ? 1 : 0;
};

/** Nulls stay at the end in both directions. */
const sorter = (kind) => {
  const order = compare(kind);
  return (a, b, _rowA, _rowB, _column, direction) => {
    const end = direction === "asc" ? 1 : -1;
    if (a === null || b === null) return a === b ? 0 : a === null ? end : -end;
    return order(a, b);
  };
};

const columnOf = (column, place) => {
  const kind = kindOf(column);
  return {
    field: `c${place}`,
    title: column.name,
    cssClass: `grid-${kind}`,
    hozAlign: kind === "number" ? "right" : "left",
    headerHozAlign: kind === "number" ? "right" : "left",
    maxInitialWidth: 360,
    minWidth: 64,
    sorter: sorter(kind),
    titleFormatter: () => {
      const button = make("button", "grid-head");
      button.type = "button";
      button.append(make("span", "grid-name", column.name), make("span", "grid-type", column.type));
      return button;
    },
    formatter: (cell) => shown(cell.getValue(), kind),
  };
};

/** Shows an answer in an element, which it fills. */
export const drawGrid = (host, { answer, label, onRow, heightMax = 480 }) => {
  const fields = answer.columns.map((_, place) => `c${place}`);
  const data = answer.rows.map((row, place) => {
    const named = { place };
    for (let at = 0; at < fields.length; at += 1) named[fields[at]] = row[at];
    return named;
  });
  const box = make("div", "grid");
  host.replaceChildren(box);
  const table = new Tabulator(box, {
    data,
    columns: answer.columns.map(columnOf),
    // Room for a scroll bar below the last row.
    height: Math.min(heightMax, HEAD_PX + data.length * ROW_PX + 18),
    rowHeight: ROW_PX,
    layout: "fitDataFill",
    nestedFieldSeparator: false,
    columnHeaderSortMulti: false,
    headerSortElement: "<span class='grid-arrow'></span>",
    placeholder: "",
  });
  table.on("tableBuilt", () => {
    box.setAttribute("aria-label", label);
    box.setAttribute("aria-rowcount", String(data.length + 1));
    // The library leaves the part that scrolls without a role, between the grid and its rows.
    box.querySelector(".tabulator-tableholder")?.setAttribute("role", "rowgroup");
    box.querySelector(".tabulator-table")?.setAttribute("role", "presentation");
  });
  if (onRow) table.on("rowClick", (_, row) => onRow(row.getData().place));
  return { dispose: () => table.destroy() };
};

/** One row at a time with every value in full: for wide rows, long texts, and those who use no pointer. */
export const rowDialog = (answer) => {
  const dialog = make("dialog", "row-dialog");
  const title = make("h2");
  const list = make("dl", "row-values");
  let place = 0;
  const show = (next) => {
    place = Math.min(Math.max(next, 0), answer.rows.length - 1);
    title.textContent = `Row ${(place + 1).toLocaleString("en-US")} of ${answer.rows.length.toLocaleString("en-US")}`;
    list.replaceChildren(
      ...answer.columns.map((column, at) => {
        const value = answer.rows[place][at];
        const entry = make("div");
        const text = value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : null;
        const told = make("dd", "mono");
        told.append(text ? make("pre", "", text) : value === null ? make("span", "muted", "null") : toText(value));
        entry.append(make("dt", "", column.name), told);
        return entry;
      }),
    );
    list.scrollTop = 0;
    back.disabled = place === 0;
    forth.disabled = place === answer.rows.length - 1;
  };
  const back = makeButton("Previous", () => show(place - 1));
  const forth = makeButton("Next", () => show(place + 1));
  const head = make("div", "row-head");
  head.append(
    title,
    back,
    forth,
    makeButton("Close", () => dialog.close()),
  );
  list.tabIndex = 0;
  dialog.setAttribute("aria-label", "Row");
  dialog.append(head, list);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(place - 1);
    else if (event.key === "ArrowRight") show(place + 1);
  });
  dialog.addEventListener("close", () => dialog.remove());
  return {
    open: (at) => {
      document.body.append(dialog);
      show(at);
      dialog.showModal();
    },
  };
};
