// What an answer of POST /v1/sql is made of: the kinds of its columns, its values as text, and which drawing suits it.
// Pure; chart.js, grid.js and the SQL page share it.

/**
 * @typedef {{columns: {name: string, type: string}[], rows: unknown[][], row_count?: number, truncated?: boolean}} Answer
 */

const NUMBERS = /^(smallint|integer|bigint|real|double|numeric)/;

/** Returns the kind of a column by its SQL type: number, time, bool, json or text. */
export const kindOf = ({ type }) => {
  if (type.endsWith("[]") || type === "record" || type === "json") return "json";
  if (NUMBERS.test(type)) return "number";
  if (type === "timestamptz" || type === "timestamp" || type === "date") return "time";
  return type === "boolean" ? "bool" : "text";
};

/** Reads JSON; whole numbers that a double cannot hold stay as their digits, so that no id is changed. */
export const parseAnswer = (text) => {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? context.source
      : value,
  );
};

/** Writes a value as text: nothing for null, JSON for lists and records. */
export const toText = (value) => {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
};

/** Writes an instant without what every instant has: `2026-11-22 10:00:00`. Dates stay as they are. */
export const timeText = (value) => {
  const found = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z?$/.exec(value);
  if (!found) return value;
  const fraction = (found[3] ?? "").replace(/\.?0+$/, "");
  return `${found[1]} ${found[2]}${fraction}`;
};

/** Writes a number for people: grouped, at most two decimals once it is above ten. */
export const numberText = (value) => {
  const number = Number(value);
  if (!Number.isFinite(number)) return toText(value);
  const digits = Math.abs(number) >= 10 || Number.isInteger(number) ? 2 : 4;
  return number.toLocaleString("en-US", { maximumFractionDigits: digits });
};

/** Writes a number with its unit, where one is known: ms, s, percent, bytes, money (hundredths). */
export const inUnit = (value, unit) => {
  const number = Number(value);
  if (!Number.isFinite(number)) return toText(value);
  const size = Math.abs(number);
  if (unit === "ms") return size >= 1_000 ? `${numberText(number / 1_000)} s` : `${numberText(number)} ms`;
  if (unit === "s") return size >= 120 ? `${numberText(number / 60)} min` : `${numberText(number)} s`;
  if (unit === "percent") return `${numberText(number)}%`;
  if (unit === "money") return numberText(number / 100);
  if (unit === "bytes" && size >= 1_000_000) return `${numberText(number / 1_000_000)} MB`;
  return numberText(number);
};

/** Writes rows as tab-separated text, which spreadsheets paste as a table. */
export const toTsv = ({ columns, rows }) => {
  const cell = (value) => {
    const text = toText(value).replace(/[\t\r\n]+/g, " ");
    // A text that a spreadsheet would run as a formula is made a text for it, too.
    return typeof value === "string" && /^[=+\-@]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  };
  return [columns.map(({ name }) => name), ...rows].map((row) => row.map(cell).join("\t")).join("\n");
};

/** Returns the drawing that suits an answer, or null if nothing of it is a number. */
export const guessSpec = (answer) => {
  const columns = answer.columns.map((column) => ({ name: column.name, kind: kindOf(column) }));
  const numbers = columns.filter(({ kind }) => kind === "number");
  const time = columns.find(({ kind }) => kind === "time");
  const words = columns.filter(({ kind }) => kind === "text" || kind === "bool");
  if (numbers.length === 0) return null;
  if (time) {
    const series = words[0]?.name;
    return {
      kind: "line",
      x: time.name,
      y: series ? [numbers[0].name] : numbers.slice(0, 6).map(({ name }) => name),
      series,
    };
  }
  if (words.length > 0) return { kind: "bar", x: words[0].name, y: [numbers[0].name], series: words[1]?.name };
  if (numbers.length === 1) return null;
  return { kind: "line", x: numbers[0].name, y: numbers.slice(1, 7).map(({ name }) => name) };
};
