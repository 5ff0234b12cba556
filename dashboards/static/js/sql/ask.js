// Questions to the server, with the session of the page.
import { parseAnswer } from "../answer.js";
import { Refused, call } from "../call.js";

export { Refused } from "../call.js";

/** How often, and after how many milliseconds, a question is asked again that found no turn. */
const TURNS = 3;
const TURN_WAIT_MS = 1_000;

/** Runs a statement that may have to wait for its turn: what the page itself has just given up may still be ending. */
const run = async (options, tries = TURNS) => {
  try {
    return await call("/v1/sql", options);
  } catch (error) {
    if (error.status !== 429 || tries <= 1) throw error;
  }
  await new Promise((resolve) => setTimeout(resolve, TURN_WAIT_MS));
  return run(options, tries - 1);
};

/** Runs a statement; resolves to its answer. */
export const ask = async ({ sql, typed, limit, signal }) => {
  const response = await run({ method: "POST", body: { sql, typed, limit }, signal });
  try {
    return parseAnswer(await response.text());
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ status: 0, message: "The answer broke off.", hint: "Run the statement again." });
  }
};

/** The forms an answer can be downloaded in. JSON is cut like what is shown, the others are whole. */
export const FORMS = {
  csv: { name: "CSV", accept: "text/csv" },
  json: { name: "JSON", accept: "application/json" },
  ndjson: { name: "JSON lines", accept: "application/x-ndjson" },
  parquet: { name: "Parquet", accept: "application/vnd.apache.parquet" },
};

/** Runs a statement again and hands its answer to the browser as a file. */
export const download = async ({ sql, typed, limit, signal }, form, name) => {
  const body = { sql, typed, ...(form === "json" && { limit }) };
  const response = await run({ method: "POST", body, accept: FORMS[form].accept, signal });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${name}.${form}`;
  link.click();
  // The browser has taken the file once the click is over.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};

/** Plans a statement; places of mistakes are those of the statement itself. */
export const explain = async (question) => {
  const words = "explain ";
  try {
    return await ask({ ...question, sql: words + question.sql });
  } catch (error) {
    if (error.line === 1 && error.column > words.length) error.column -= words.length;
    throw error;
  }
};

const json = async (path, options) => (await call(path, options)).json();

export const tables = () => json("/v1/tables");
export const queries = async () => (await json("/v1/queries")).queries;
export const save = async (name, sql) =>
  (await json(`/v1/queries/${encodeURIComponent(name)}`, { method: "PUT", body: { sql } })).query;
export const boards = async () => (await json("/v1/dashboards")).dashboards;
export const addPanel = async (board, panel) =>
  (await json(`/v1/dashboards/${encodeURIComponent(board)}/panels`, { method: "POST", body: panel })).dashboard;
export const remove = (name) => call(`/v1/queries/${encodeURIComponent(name)}`, { method: "DELETE" });
