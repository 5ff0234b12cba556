// What this browser keeps of the SQL page: the open tabs with what is written in them, and what was asked before. Nothing
// of any answer. Without storage both last for one page.

const read = (name) => {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
};

const write = (name, value) => {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage may be switched off, or full.
  }
};

const DRAFTS = "weir.sql.drafts";
const HISTORY = "weir.sql.history";
const HISTORY_MAX = 50;

const isRecord = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/**
 * A tab as it is kept: the statement, the stored query that it is (`name`) or was before it was changed (`from`), values
 * and types of parameters, how the answer is shown.
 */
export const newTab = (given = {}) => ({
  id: given.id ?? crypto.randomUUID?.() ?? String(Math.random()),
  sql: typeof given.sql === "string" ? given.sql : "",
  name: typeof given.name === "string" ? given.name : null,
  from: typeof given.from === "string" ? given.from : null,
  values: isRecord(given.values) ? { ...given.values } : {},
  types: isRecord(given.types) ? { ...given.types } : {},
  view: given.view === "chart" ? "chart" : "table",
  spec: isRecord(given.spec) ? given.spec : null,
});

export const readDrafts = () => {
  const kept = read(DRAFTS);
  const tabs = Array.isArray(kept?.tabs) ? kept.tabs.filter(isRecord).map(newTab) : [];
  return { tabs, active: tabs.findIndex(({ id }) => id === kept?.active) };
};

export const writeDrafts = (tabs, active) => write(DRAFTS, { active: active.id, tabs: tabs.map(newTab) });

export const readHistory = () => {
  const kept = read(HISTORY);
  return Array.isArray(kept) ? kept.filter((entry) => isRecord(entry) && typeof entry.sql === "string") : [];
};

/** Puts a question first; one that was asked before is not listed twice. */
export const noteHistory = ({ sql, name, values, types }) => {
  const others = readHistory().filter((entry) => entry.sql !== sql);
  write(HISTORY, [{ sql, name, values, types, at: new Date().toISOString() }, ...others].slice(0, HISTORY_MAX));
};

export const clearHistory = () => write(HISTORY, []);

/** Letters of an address; longer statements are only drafts. */
const ADDRESS_MAX = 16_000;

/** Returns the address that shows a tab's question again. */
export const addressOf = ({ sql, name, values, types, view, spec }) => {
  const pairs = new URLSearchParams();
  if (name) pairs.set("name", name);
  else if (sql) pairs.set("q", sql);
  for (const [param, value] of Object.entries(values)) if (value) pairs.set(`p.${param}`, value);
  for (const [param, type] of Object.entries(types)) if (type !== "text") pairs.set(`t.${param}`, type);
  if (view === "chart") pairs.set("view", "chart");
  if (view === "chart" && spec) {
    pairs.set("chart", spec.kind);
    if (spec.x) pairs.set("x", spec.x);
    for (const y of [spec.y ?? []].flat()) pairs.append("y", y);
    if (spec.series) pairs.set("series", spec.series);
  }
  const query = pairs.toString();
  return query === "" || query.length > ADDRESS_MAX ? "/sql" : `/sql?${query}`;
};

/** Reads what `addressOf` wrote, but for the statement, which the server hands over. */
export const readAddress = (search) => {
  const pairs = new URLSearchParams(search);
  const under = (prefix) =>
    Object.fromEntries(
      [...pairs].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]),
    );
  const kind = pairs.get("chart");
  return {
    sql: pairs.get("q")?.replaceAll("\r\n", "\n") ?? "",
    name: pairs.has("q") ? null : pairs.get("name"),
    values: under("p."),
    types: under("t."),
    view: pairs.get("view") === "chart" ? "chart" : "table",
    spec: kind ? { kind, x: pairs.get("x"), y: pairs.getAll("y"), series: pairs.get("series") ?? undefined } : null,
  };
};
