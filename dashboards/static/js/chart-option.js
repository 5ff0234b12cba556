// An answer and a spec in, an ECharts option out. Pure: no document, no library; chart.js draws what comes out of here.
import { inUnit, kindOf, numberText, timeText, toText } from "./answer.js";
import {
  CannotDraw,
  KINDS,
  MARKS_MAX,
  axis,
  columnsOf,
  frame,
  instant,
  label,
  number,
  short,
  toolbox,
} from "./chart-parts.js";
import { funnel, graph, heatmap, sankey } from "./chart-shapes.js";

export { CannotDraw, KINDS } from "./chart-parts.js";

const SERIES_MAX = 6;

const reader =
  ({ columns }) =>
  (name, role) => {
    if (!name) throw new CannotDraw(`Choose a column for “${role}”.`);
    const place = columns.findIndex((column) => column.name === name);
    if (place < 0)
      throw new CannotDraw(
        `The answer has no column ${name}; it has ${columns.map((column) => column.name).join(", ")}.`,
      );
    return { place, name, kind: kindOf(columns[place]) };
  };

/** Splits rows into named lists of [x, y]: one a series value, or one a column of values. */
const split = (rows, x, ys, series) => {
  const found = new Map();
  const put = (name, point) => (found.get(name) ?? found.set(name, []).get(name)).push(point);
  for (const row of rows) {
    const at =
      x.kind === "time" ? instant(row[x.place]) : x.kind === "number" ? number(row[x.place]) : label(row[x.place]);
    if (at === null || Number.isNaN(at)) continue;
    for (const y of ys) put(series ? label(row[series.place]) : y.name, [at, number(row[y.place])]);
  }
  return found;
};

/** Keeps the six largest series and adds up the rest as “Other”. */
const fold = (found) => {
  const size = (points) => points.reduce((sum, [, y]) => sum + Math.abs(y ?? 0), 0);
  const sorted = [...found]
    .map(([name, points]) => ({ name, points, size: size(points) }))
    .sort((a, b) => b.size - a.size);
  if (sorted.length <= SERIES_MAX) {
    // As many as fit keep the order in which the answer has them.
    return [...found].map(([name, points]) => ({ name, points }));
  }
  const sums = new Map();
  for (const { points } of sorted.slice(SERIES_MAX))
    for (const [x, y] of points) sums.set(x, (sums.get(x) ?? 0) + (y ?? 0));
  const rest = { name: `Other (${sorted.length - SERIES_MAX}, added up)`, points: [...sums], isOther: true };
  return [...sorted.slice(0, SERIES_MAX), rest];
};

const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : 0);

/** Returns all places along x, in order; texts stay as the answer has them. */
const places = (series, kind) => {
  const all = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))];
  return kind === "text" || kind === "bool" || kind === "json" ? all : all.sort(order);
};

/** What is told to those who cannot see the drawing; the library's own words would read out every point, times as numbers. */
const description = ({ title, kind }, names) => {
  const told = names.length > 1 ? ` ${names.length} series: ${names.map((name) => short(name)).join(", ")}.` : "";
  return `${title ?? KINDS[kind].name}.${told} The numbers are in the table.`;
};

/** Labels of a time axis: each says of which day or hour it is, read alone. */
const TIMES = {
  year: "{yyyy}",
  month: "{MMM} {yyyy}",
  day: "{d} {MMM}",
  hour: "{HH}:{mm}",
  minute: "{HH}:{mm}",
  second: "{HH}:{mm}:{ss}",
  millisecond: "{ss}.{SSS}",
  none: "{HH}:{mm}",
};

const legend = (theme, names) => ({
  show: names.length > 1,
  type: "scroll",
  left: 0,
  right: 0,
  top: 22,
  icon: "roundRect",
  itemWidth: 10,
  itemHeight: 10,
  textStyle: { color: theme.text, fontSize: 12 },
  pageTextStyle: { color: theme.muted },
  pageIconColor: theme.accent,
  pageIconInactiveColor: theme.hairline,
  data: names,
  formatter: (name) => short(name),
});

/** Line, area, bar and stacked bar. */
const along = (answer, spec, theme, read) => {
  const x = read(spec.x, "along");
  const ys = columnsOf(spec).map((name) => read(name, "values"));
  if (ys.length === 0) throw new CannotDraw("Choose at least one column of values.");
  for (const y of ys) if (y.kind !== "number") throw new CannotDraw(`The column ${y.name} is not a number.`);
  const series = spec.series ? read(spec.series, "series") : null;
  if (series && ys.length > 1)
    throw new CannotDraw("Choose one column of values when a column divides them into series.");
  const isBar = spec.kind === "bar" || spec.kind === "stacked_bar";
  const isStacked = spec.kind === "stacked_bar" || spec.kind === "area";
  const parts = fold(split(answer.rows, x, ys, series));
  const along = places(parts, x.kind);
  if (along.length === 0) throw new CannotDraw(`No row has a value in ${x.name}.`);
  const isCategory = !(x.kind === "time" || x.kind === "number") || (isBar && x.kind === "number");
  if (isBar && along.length > MARKS_MAX)
    throw new CannotDraw(`${numberText(along.length)} bars cannot be told apart; group them, or draw a line.`);
  const drawn = parts.map(({ name, points, isOther }, index) => {
    const at = new Map(points);
    // Points of one place add up to what is drawn on top of each other, so those that lack one count as nothing there.
    const data =
      isStacked || isCategory
        ? along.map((place) => [isCategory ? String(place) : place, at.get(place) ?? (isStacked ? 0 : null)])
        : [...points].sort(([a], [b]) => order(a, b));
    const own = theme.verdicts?.[name] ?? theme.series[index % theme.series.length];
    const color = isOther ? theme.muted : own;
    return {
      name,
      type: isBar ? "bar" : "line",
      data,
      color,
      stack: isStacked ? "all" : undefined,
      itemStyle: { color },
      ...(isBar
        ? { barMaxWidth: 48, large: along.length > 500 }
        : {
            sampling: "lttb",
            symbol: "circle",
            symbolSize: 5,
            showSymbol: data.length <= 30,
            lineStyle: { width: 1.5, color },
            connectNulls: false,
          }),
      ...(spec.kind === "area" && { areaStyle: { color, opacity: 0.25 } }),
      ...(index === 0 && goalLine(spec, theme)),
      emphasis: { focus: "series" },
    };
  });
  const names = drawn.map(({ name }) => name);
  const value = {
    type: "value",
    ...axis(theme),
    axisLabel: { ...axis(theme).axisLabel, formatter: (value) => inUnit(value, spec.unit) },
  };
  const base = { ...axis(theme), splitLine: { show: false } };
  const xAxis = isCategory
    ? {
        type: "category",
        data: along.map(String),
        ...base,
        axisLabel: { ...base.axisLabel, formatter: (text) => short(text) },
      }
    : {
        type: x.kind === "time" ? "time" : "value",
        scale: true,
        ...base,
        ...(x.kind === "time" && { axisLabel: { ...base.axisLabel, formatter: TIMES } }),
      };
  return {
    grid: { left: 4, right: 12, top: names.length > 1 ? 56 : 32, bottom: 4, containLabel: true },
    legend: legend(theme, names),
    toolbox: toolbox(theme, spec, true),
    tooltip: {
      ...frame(theme).tooltip,
      trigger: "axis",
      axisPointer: { type: isBar ? "shadow" : "line", lineStyle: { color: theme.control }, label: { show: false } },
      formatter: (points) => {
        const [first] = points;
        const head = x.kind === "time" ? timeText(new Date(first.value[0]).toISOString()) : String(first.value[0]);
        const lines = points
          .filter(({ value: [, y] }) => y !== null)
          .map(({ marker, seriesName, value: [, y] }) => `${marker} ${short(seriesName)}  ${inUnit(y, spec.unit)}`);
        return [head, ...lines].join("\n");
      },
    },
    xAxis,
    yAxis: value,
    series: drawn,
  };
};

const goalLine = (spec, theme) =>
  Number.isFinite(spec.goal) && {
    markLine: {
      silent: true,
      symbol: "none",
      data: [{ yAxis: spec.goal, name: "Goal" }],
      lineStyle: { color: theme.control, type: "dashed" },
      label: { formatter: `goal ${inUnit(spec.goal, spec.unit)}`, color: theme.muted, position: "insideEndTop" },
    },
  };

const DRAWINGS = { line: along, area: along, bar: along, stacked_bar: along, heatmap, funnel, sankey, graph };

/**
 * Returns the option that draws an answer. `theme`: {text, muted, surface, sunken, control, hairline, accent, font,
 * series: six colours, verdicts?: a colour for each of allow, throttle, block}.
 * Throws CannotDraw with a message for people.
 */
export const toOption = (answer, spec, theme) => {
  const draw = Object.hasOwn(DRAWINGS, spec.kind) ? DRAWINGS[spec.kind] : null;
  if (!draw)
    throw new CannotDraw(`There is no drawing ${toText(spec.kind)}; there are ${Object.keys(KINDS).join(", ")}.`);
  if (answer.rows.length === 0) throw new CannotDraw("Nothing to draw: the answer has no rows.");
  const drawn = draw(answer, spec, theme, reader(answer));
  const names = drawn.legend?.data ?? [];
  return { ...frame(theme), ...drawn, aria: { enabled: true, label: { description: description(spec, names) } } };
};
