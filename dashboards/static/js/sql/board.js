// Saving an answer as it is shown, as a panel of a dashboard. The statement is saved first, if it is not yet: a panel names a
// stored query.
import { kindOf } from "../answer.js";
import { makeSelect } from "../dom.js";
import { addPanel, boards, save } from "./ask.js";
import { field, openDialog, saveFields, textInput } from "./saved.js";

const NEW = "";
const WIDTHS = [
  [3, "a quarter"],
  [4, "a third"],
  [6, "a half"],
  [8, "two thirds"],
  [12, "all of it"],
];
const UNITS = { number: "count", time: "time", bool: "bool", text: "text", json: "text" };

/** Adds what the columns of an answer are, for a text that does not say it: panels choose by it. */
export const withColumns = (sql, { columns }) => {
  if (/^\s*--!\s*column\s*:/m.test(sql)) return sql;
  const plain = columns.filter(({ name }) => /^[a-z0-9_]+$/.test(name));
  const heads = plain.map((column) => `--! column: ${column.name} ${UNITS[kindOf(column)]}? -- ${column.name.replaceAll("_", " ")}`);
  const lines = sql.split("\n");
  const after = lines.findLastIndex((line) => line.startsWith("--!")) + 1;
  return [...lines.slice(0, after), ...heads, ...lines.slice(after)].join("\n");
};

const chooser = (name, options, chosen) => {
  const select = makeSelect(options, chosen);
  select.name = name;
  return select;
};

/** Asks which dashboard, and saves. Resolves to {saved?, board}, or null when it is left. */
export const boardDialog = async ({ tab, view, spec, answer }, known) => {
  const there = (await boards()).filter(({ origin }) => origin !== "operator");
  const stored = known.find(({ name }) => name === tab.name);
  const query = saveFields(tab, known);
  const choice = chooser("board", [...there.map(({ name, title }) => [name, title]), [NEW, "A new one …"]], there[0]?.name ?? NEW);
  const newName = textInput("new", "");
  Object.assign(newName, { pattern: "[a-z0-9_]{1,64}", title: "Small letters, digits and _", className: "mono", required: false });
  const fresh = field("Its name", newName, "Small letters, digits and _. It is found at /d/NAME.");
  const show = () => {
    fresh.hidden = choice.value !== NEW;
    newName.required = !fresh.hidden;
  };
  choice.addEventListener("change", show);
  show();
  const title = textInput("panel", stored?.title ?? "");
  title.required = false;
  const parts = [
    ...(stored ? [] : query.parts),
    field("Dashboard", choice),
    fresh,
    field("Title of the panel", title, "Empty: that of the query."),
    field("Width", chooser("width", WIDTHS.map(([width, words]) => [String(width), words]), "6")),
  ];
  return openDialog("Save to a dashboard", parts, "Save", async (data) => {
    const more = (text) => withColumns(text, answer);
    let saved = stored;
    if (!stored) saved = await query.act(data, more);
    else if (stored.own && stored.columns.length === 0) saved = await save(stored.name, more(stored.sql));
    const isChart = view === "chart" && spec;
    const board = await addPanel(data.get("board") || data.get("new"), {
      query: saved.name,
      chart: isChart ? spec.kind : "table",
      title: data.get("panel") === saved.title ? "" : data.get("panel"),
      width: Number(data.get("width")),
      ...(isChart && { x: spec.x || null, y: [spec.y ?? []].flat().filter(Boolean), series: spec.series || null }),
    });
    return { saved: saved === stored ? null : saved, board };
  });
};
