// Draws any answer by a small spec, on canvas, with the numbers as a table beside it.
//
// In a page or a fragment of one:
//
//   <figure class="drawing" data-chart>
//     <script type="application/json">{"spec": {…}, "answer": {"columns": […], "rows": […]}}</script>
//   </figure>
//
// `answer` is what POST /v1/sql answers. The spec, which fits into an address as well:
//
//   kind    line | area | bar | stacked_bar | heatmap | funnel | sankey | graph
//   x       the column along the axis; the step of a funnel; where a flow or a link begins
//   y       the column of values, or a list of them
//   series  the column that divides the values; the rows of a heatmap; where a flow or a link ends
//   title   what the drawing shows, in words, for those who cannot see it
//   unit    of the values: ms, s, percent, bytes, money
//   goal    a value that a dashed line marks
//   group   drawings of one group share their crosshair
//
// At most six series are drawn, the rest added up in grey. Colours follow the theme. What the reader does is told by
// events that bubble: `weir:pick` {x, series, value} for a mark that was clicked, `weir:zoom` {from, to} in milliseconds
// for a range of time that was marked.
//
// From a script: `const chart = drawChart(figure, {spec, answer})`, then `chart.update({spec, answer})`, `chart.dispose()`.
import { timeText, toText } from "./answer.js";
import { CannotDraw, toOption } from "./chart-option.js";
import { make } from "./dom.js";
import { connect, init } from "../vendor/echarts.js";

export { KINDS } from "./chart-option.js";

/** Rows of the table beside a drawing. */
const TABLE_ROWS_MAX = 500;

const TOKENS = ["text", "muted", "surface", "sunken", "control", "hairline", "accent"];

/** Reads the colours of the theme as they are now; the tokens themselves hold both themes. */
const readTheme = () => {
  const probe = document.createElement("span");
  document.body.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const theme = Object.fromEntries(TOKENS.map((name) => [name, read(name)]));
  theme.series = [1, 2, 3, 4, 5, 6].map((index) => read(`series-${index}`));
  theme.verdicts = Object.fromEntries(["allow", "throttle", "block"].map((name) => [name, read(name)]));
  theme.font = getComputedStyle(document.body).fontFamily;
  probe.remove();
  return theme;
};

/** Every chart of the page, so that a change of theme reaches them. */
const charts = new Set();

const repaint = () => {
  for (const chart of charts) chart.repaint();
};
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

const tableOf = ({ columns, rows }) => {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const { name } of columns) {
    const cell = make("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const row of rows.slice(0, TABLE_ROWS_MAX)) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      cell.textContent = typeof value === "string" ? timeText(value) : toText(value);
      if (typeof value === "number") cell.className = "number";
    }
  }
  return table;
};

/** The table beside a drawing; its rows are made when it is first opened. */
const tableBeside = (answer) => {
  const details = make("details");
  const cut = answer.rows.length > TABLE_ROWS_MAX ? ` (the first ${TABLE_ROWS_MAX} of ${answer.rows.length} rows)` : "";
  details.append(make("summary", "", `Show as a table${cut}`));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    const scroll = make("div", "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "The drawing as a table");
    scroll.append(tableOf(answer));
    details.append(scroll);
  });
  return details;
};

class Chart {
  constructor(figure, { table = true } = {}) {
    this.figure = figure;
    this.hasTable = table;
    this.canvas = make("div", "drawing-canvas");
    this.canvas.setAttribute("role", "img");
    this.beside = make("div");
    figure.append(this.canvas, this.beside);
    charts.add(this);
  }

  update({ spec, answer }) {
    Object.assign(this, { spec, answer });
    this.repaint();
    this.beside.replaceChildren(...(this.hasTable && answer.rows.length > 0 ? [tableBeside(answer)] : []));
  }

  repaint() {
    if (!this.figure.isConnected) return this.dispose();
    let option;
    try {
      option = toOption(this.answer, this.spec, readTheme());
    } catch (error) {
      if (!(error instanceof CannotDraw)) throw error;
      this.clear();
      this.canvas.removeAttribute("role");
      this.canvas.removeAttribute("aria-label");
      this.canvas.replaceChildren(make("p", "empty", error.message));
      return;
    }
    if (!this.drawing) this.begin();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.drawing.setOption(
      { ...option, animation: !still, animationDuration: 200, animationDurationUpdate: 200 },
      { notMerge: true },
    );
    if (this.spec.group) {
      this.drawing.group = this.spec.group;
      connect(this.spec.group);
    }
  }

  begin() {
    this.canvas.replaceChildren();
    this.canvas.setAttribute("role", "img");
    this.drawing = init(this.canvas, null, { renderer: "canvas" });
    this.sizes = new ResizeObserver(() => this.drawing?.resize());
    this.sizes.observe(this.canvas);
    this.drawing.on("click", ({ name, value, seriesName }) => {
      const [x, y] = Array.isArray(value) ? value : [name, value];
      this.tell("weir:pick", { x, series: seriesName, value: y });
    });
    this.drawing.on("datazoom", ({ batch }) => {
      const [{ startValue, endValue } = {}] = batch ?? [];
      if (this.drawing.getOption().xAxis?.[0]?.type === "time" && Number.isFinite(startValue)) {
        this.tell("weir:zoom", { from: startValue, to: endValue });
      }
    });
  }

  tell(name, detail) {
    this.figure.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  clear() {
    this.sizes?.disconnect();
    this.drawing?.dispose();
    this.drawing = null;
  }

  dispose() {
    this.clear();
    charts.delete(this);
    this.canvas.remove();
    this.beside.remove();
  }
}

/** Draws into a figure. `table: false` where the numbers stand elsewhere. */
export const drawChart = (figure, { spec, answer, table }) => {
  const chart = new Chart(figure, { table });
  chart.update({ spec, answer });
  return chart;
};

/** Draws every `[data-chart]` below `root` that is not drawn yet. */
export const drawAll = (root = document) => {
  for (const figure of root.querySelectorAll("[data-chart]:not([data-drawn])")) {
    const block = figure.querySelector('script[type="application/json"]');
    if (!block) continue;
    figure.dataset.drawn = "";
    drawChart(figure, JSON.parse(block.textContent));
  }
};

drawAll();
// Charts that a fragment brought, and those that went with the one before it.
document.addEventListener("htmx:after:swap", () => {
  for (const chart of charts) if (!chart.figure.isConnected) chart.dispose();
  drawAll();
});
