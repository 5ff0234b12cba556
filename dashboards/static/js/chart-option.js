// An answer and a spec in, an ECharts option out. Pure: no document, no library; chart.js draws what comes out of here.
import { kindOf, numberText, timeText, toText } from "./answer.js";

/** What can be drawn, and what each role means there. */
export const KINDS = {
  line: { name: "Line", x: "Along", y: "Values", series: "One line each" },
  area: { name: "Area", x: "Along", y: "Values", series: "One area each" },
  bar: { name: "Bars", x: "Along", y: "Values", series: "One colour each" },
  stacked_bar: { name: "Stacked bars", x: "Along", y: "Values", series: "One colour each" },
  heatmap: { name: "Heatmap", x: "Across", y: "Value", series: "Down" },
  funnel: { name: "Funnel", x: "Step", y: "Value" },
  sankey: { name: "Flow", x: "From", y: "Value", series: "To" },
  graph: { name: "Links", x: "From", y: "Weight", series: "To" },
};

const SERIES_MAX = 6;
/** Points of a drawing that is not thinned out; beyond them it could not be read, nor drawn in time. */
const MARKS_MAX = 5_000;

/** Says why a spec cannot be drawn; the message is for people. */
export class CannotDraw extends Error {}

const reader = ({ columns }) => (name, role) => {
  if (!name) throw new CannotDraw(`Choose a column for “${role}”.`);
  const place = columns.findIndex((column) => column.name === name);
  if (place < 0) throw new CannotDraw(`The answer has no column ${name}; it has ${columns.map((column) => column.name).join(", ")}.`);
  return { place, name, kind: kindOf(columns[place]) };
};

const number = (value) => {
  const read = value === null || value === "" ? NaN : Number(value);
  return Number.isFinite(read) ? read : null;
};

const instant = (value) => (value === null ? null : Date.parse(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : value));

const label = (value) => (value === null || value === undefined ? "null" : value === "" ? "(empty)" : toText(value));

/** Splits rows into named lists of [x, y]: one a series value, or one a column of values. */
const split = (rows, x, ys, series) => {
  const found = new Map();
  const put = (name, point) => (found.get(name) ?? found.set(name, []).get(name)).push(point);
  for (const row of rows) {
    const at = x.kind === "time" ? instant(row[x.place]) : x.kind === "number" ? number(row[x.place]) : label(row[x.place]);
    if (at === null || Number.isNaN(at)) continue;
    for (const y of ys) put(series ? label(row[series.place]) : y.name, [at, number(row[y.place])]);
  }
  return found;
};

/** Keeps the six largest series and adds up the rest as “Other”. */
const fold = (found) => {
  const size = (points) => points.reduce((sum, [, y]) => sum + Math.abs(y ?? 0), 0);
  const sorted = [...found].map(([name, points]) => ({ name, points, size: size(points) })).sort((a, b) => b.size - a.size);
  if (sorted.length <= SERIES_MAX) {
    // As many as fit keep the order in which the answer has them.
    return [...found].map(([name, points]) => ({ name, points }));
  }
  const sums = new Map();
  for (const { points } of sorted.slice(SERIES_MAX)) for (const [x, y] of points) sums.set(x, (sums.get(x) ?? 0) + (y ?? 0));
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

const frame = (theme) => ({
  useUTC: true,
  textStyle: { fontFamily: theme.font, color: theme.text, fontSize: 12 },
  tooltip: {
    renderMode: "richText",
    confine: true,
    backgroundColor: theme.surface,
    borderColor: theme.control,
    borderWidth: 1,
    textStyle: { color: theme.text, fontSize: 12, fontFamily: theme.font },
  },
});

const toolbox = (theme, spec, canZoom) => ({
  right: 0,
  top: -4,
  itemSize: 13,
  iconStyle: { borderColor: theme.muted },
  emphasis: { iconStyle: { borderColor: theme.accent, textFill: theme.text, textBackgroundColor: theme.surface, textPadding: [2, 6] } },
  feature: {
    ...(canZoom && { dataZoom: { yAxisIndex: "none", title: { zoom: "Zoom", back: "Zoom back" }, brushStyle: { color: theme.accent, opacity: 0.15 } } }),
    saveAsImage: { name: (spec.title ?? "weir").replace(/[^\w-]+/g, "-").slice(0, 60) || "weir", title: "Save image", backgroundColor: theme.surface, pixelRatio: 2 },
  },
});

const axis = (theme) => ({
  axisLine: { lineStyle: { color: theme.control } },
  axisTick: { lineStyle: { color: theme.control } },
  axisLabel: { color: theme.muted, fontSize: 12, hideOverlap: true },
  splitLine: { lineStyle: { color: theme.hairline } },
});

/** Labels of a time axis: each says of which day or hour it is, read alone. */
const TIMES = { year: "{yyyy}", month: "{MMM} {yyyy}", day: "{d} {MMM}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}", millisecond: "{ss}.{SSS}", none: "{HH}:{mm}" };

/** Shortens mid-way, so that ids stay apart. */
const short = (text, most = 24) => (text.length > most ? `${text.slice(0, Math.ceil(most * 0.6))}…${text.slice(-Math.floor(most * 0.3))}` : text);

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

const columnsOf = (spec) => [spec.y ?? []].flat().filter(Boolean);

/** Line, area, bar and stacked bar. */
const along = (answer, spec, theme, read) => {
  const x = read(spec.x, "along");
  const ys = columnsOf(spec).map((name) => read(name, "values"));
  if (ys.length === 0) throw new CannotDraw("Choose at least one column of values.");
  for (const y of ys) if (y.kind !== "number") throw new CannotDraw(`The column ${y.name} is not a number.`);
  const series = spec.series ? read(spec.series, "series") : null;
  if (series && ys.length > 1) throw new CannotDraw("Choose one column of values when a column divides them into series.");
  const isBar = spec.kind === "bar" || spec.kind === "stacked_bar";
  const isStacked = spec.kind === "stacked_bar" || spec.kind === "area";
  const parts = fold(split(answer.rows, x, ys, series));
  const along = places(parts, x.kind);
  if (along.length === 0) throw new CannotDraw(`No row has a value in ${x.name}.`);
  const isCategory = !(x.kind === "time" || x.kind === "number") || (isBar && x.kind === "number");
  if (isBar && along.length > MARKS_MAX) throw new CannotDraw(`${numberText(along.length)} bars cannot be told apart; group them, or draw a line.`);
  const drawn = parts.map(({ name, points, isOther }, index) => {
    const at = new Map(points);
    // Points of one place add up to what is drawn on top of each other, so those that lack one count as nothing there.
    const data = isStacked || isCategory ? along.map((place) => [isCategory ? String(place) : place, at.get(place) ?? (isStacked ? 0 : null)]) : [...points].sort(([a], [b]) => order(a, b));
    const color = isOther ? theme.muted : theme.series[index % theme.series.length];
    return {
      name,
      type: isBar ? "bar" : "line",
      data,
      color,
      stack: isStacked ? "all" : undefined,
      itemStyle: { color },
      ...(isBar ? { barMaxWidth: 48, large: along.length > 500 } : { sampling: "lttb", symbol: "circle", symbolSize: 5, showSymbol: data.length <= 30, lineStyle: { width: 1.5, color }, connectNulls: false }),
      ...(spec.kind === "area" && { areaStyle: { color, opacity: 0.25 } }),
      ...(index === 0 && goalLine(spec, theme)),
      emphasis: { focus: "series" },
    };
  });
  const names = drawn.map(({ name }) => name);
  const value = { type: "value", ...axis(theme), axisLabel: { ...axis(theme).axisLabel, formatter: (value) => numberText(value) } };
  const base = { ...axis(theme), splitLine: { show: false } };
  const xAxis = isCategory
    ? { type: "category", data: along.map(String), ...base, axisLabel: { ...base.axisLabel, formatter: (text) => short(text) } }
    : { type: x.kind === "time" ? "time" : "value", scale: true, ...base, ...(x.kind === "time" && { axisLabel: { ...base.axisLabel, formatter: TIMES } }) };
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
        const lines = points.filter(({ value: [, y] }) => y !== null).map(({ marker, seriesName, value: [, y] }) => `${marker} ${short(seriesName)}  ${numberText(y)}`);
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
      label: { formatter: `goal ${numberText(spec.goal)}`, color: theme.muted, position: "insideEndTop" },
    },
  };

const heatmap = (answer, spec, theme, read) => {
  const [x, y, value] = [read(spec.x, "across"), read(spec.series, "down"), read(columnsOf(spec)[0], "value")];
  const written = ({ kind }, cell) => (kind === "time" ? timeText(label(cell)) : label(cell));
  const ordered = (column) => {
    const kept = [...new Map(answer.rows.map((row) => [written(column, row[column.place]), row[column.place]]))];
    if (column.kind === "number") kept.sort(([, a], [, b]) => Number(a) - Number(b));
    else if (column.kind === "time") kept.sort();
    return kept.map(([text]) => text);
  };
  const data = answer.rows.map((row) => [written(x, row[x.place]), written(y, row[y.place]), number(row[value.place])]);
  if (data.length > MARKS_MAX) throw new CannotDraw(`${numberText(data.length)} cells cannot be told apart; group them.`);
  const sizes = data.map(([, , size]) => size ?? 0);
  const base = { ...axis(theme), type: "category", splitLine: { show: false } };
  const cut = { ...base.axisLabel, formatter: (text) => short(text) };
  return {
    grid: { left: 4, right: 12, top: 32, bottom: 48, containLabel: true },
    toolbox: toolbox(theme, spec, false),
    tooltip: { ...frame(theme).tooltip, formatter: ({ value: [a, b, size] }) => `${a}\n${b}\n${value.name}: ${size === null ? "null" : numberText(size)}` },
    xAxis: { ...base, data: ordered(x), axisLabel: cut },
    yAxis: { ...base, data: ordered(y).reverse(), axisLabel: cut },
    visualMap: {
      min: Math.min(0, ...sizes), max: Math.max(1, ...sizes), calculable: false, orient: "horizontal", left: 0, bottom: 0, itemHeight: 120, itemWidth: 10,
      inRange: { color: [theme.sunken, theme.series[0]] }, textStyle: { color: theme.muted }, text: [numberText(Math.max(1, ...sizes)), numberText(Math.min(0, ...sizes))],
    },
    series: [{ type: "heatmap", data, itemStyle: { borderColor: theme.surface, borderWidth: 1 }, emphasis: { itemStyle: { borderColor: theme.text } } }],
  };
};

const funnel = (answer, spec, theme, read) => {
  const [step, value] = [read(spec.x, "step"), read(columnsOf(spec)[0], "value")];
  const data = answer.rows.slice(0, 12).map((row, index) => ({
    name: label(row[step.place]),
    value: number(row[value.place]) ?? 0,
    itemStyle: { color: theme.series[0], opacity: 1 - Math.min(index, 6) * 0.11, borderColor: theme.surface, borderWidth: 1 },
  }));
  const most = Math.max(1, ...data.map((part) => part.value));
  const share = (part) => `${((100 * part) / most).toFixed(1)}%`;
  return {
    toolbox: toolbox(theme, spec, false),
    tooltip: { ...frame(theme).tooltip, trigger: "item", formatter: ({ name, value: size }) => `${name}\n${numberText(size)}, ${share(size)} of the largest` },
    series: [{
      type: "funnel", data, sort: "none", left: 8, right: "35%", top: 24, bottom: 8, gap: 2, minSize: "2%", min: 0, max: most,
      label: { position: "right", color: theme.text, formatter: ({ name, value: size }) => `${short(name)}  ${numberText(size)}  ${share(size)}` },
      labelLine: { lineStyle: { color: theme.control } },
    }],
  };
};

const links = (answer, spec, read) => {
  const [from, to] = [read(spec.x, "from"), read(spec.series, "to")];
  const weight = columnsOf(spec)[0] ? read(columnsOf(spec)[0], "value") : null;
  const edges = answer.rows.map((row) => ({ source: label(row[from.place]), target: label(row[to.place]), value: weight ? (number(row[weight.place]) ?? 0) : 1 }));
  if (edges.length > 500) throw new CannotDraw(`${numberText(edges.length)} links cannot be told apart; group them.`);
  return edges;
};

/** Tells whether following the links ever leads back. */
const hasCycle = (edges) => {
  const next = new Map();
  for (const edge of edges) next.set(edge.source, [...(next.get(edge.source) ?? []), edge]);
  const state = new Map();
  const visit = (name) => {
    if (state.get(name) === "open") return true;
    if (state.has(name)) return false;
    state.set(name, "open");
    const found = (next.get(name) ?? []).some(({ target }) => visit(target));
    state.set(name, "done");
    return found;
  };
  return [...next.keys()].some(visit);
};

const coloured = (edges, theme) =>
  [...new Set(edges.flatMap(({ source, target }) => [source, target]))].map((name, index) => ({ name, itemStyle: { color: theme.series[index % theme.series.length] } }));

const sankey = (answer, spec, theme, read) => {
  const edges = links(answer, spec, read).filter(({ value }) => value > 0);
  if (edges.length === 0) throw new CannotDraw("No flow is above nothing.");
  if (hasCycle(edges)) throw new CannotDraw("These flows lead back to where they began, which this drawing cannot show; draw them as links.");
  return {
    toolbox: toolbox(theme, spec, false),
    tooltip: { ...frame(theme).tooltip, formatter: ({ name, value: size, data }) => (data.source ? `${data.source} → ${data.target}` : name) + `\n${numberText(size)}` },
    series: [{
      type: "sankey", data: coloured(edges, theme), links: edges, left: 4, right: 120, top: 32, bottom: 8, nodeWidth: 12, nodeGap: 10, draggable: false,
      label: { color: theme.text, formatter: ({ name }) => short(name) }, lineStyle: { color: "gradient", opacity: 0.35 }, emphasis: { focus: "adjacency" },
    }],
  };
};

const graph = (answer, spec, theme, read) => {
  const edges = links(answer, spec, read);
  const degree = new Map();
  for (const { source, target } of edges) for (const name of [source, target]) degree.set(name, (degree.get(name) ?? 0) + 1);
  const data = [...degree].map(([name, count]) => ({ name, value: count, symbolSize: 8 + Math.min(24, 3 * Math.sqrt(count)), itemStyle: { color: theme.series[0] } }));
  return {
    toolbox: toolbox(theme, spec, false),
    tooltip: { ...frame(theme).tooltip, formatter: ({ name, value: size, data: part }) => (part.source ? `${part.source} → ${part.target}\n${numberText(part.value)}` : `${name}\n${numberText(size)} links`) },
    series: [{
      type: "graph", layout: "circular", circular: { rotateLabel: true }, roam: false, data, links: edges, top: 88, bottom: 88,
      label: { show: data.length <= 60, color: theme.text, formatter: ({ name }) => short(name, 14) }, lineStyle: { color: theme.control, curveness: 0.2, opacity: 0.7 }, emphasis: { focus: "adjacency" },
    }],
  };
};

const DRAWINGS = { line: along, area: along, bar: along, stacked_bar: along, heatmap, funnel, sankey, graph };

/**
 * Returns the option that draws an answer. `theme`: {text, muted, surface, sunken, control, hairline, accent, font,
 * series: six colours}.
 * Throws CannotDraw with a message for people.
 */
export const toOption = (answer, spec, theme) => {
  const draw = Object.hasOwn(DRAWINGS, spec.kind) ? DRAWINGS[spec.kind] : null;
  if (!draw) throw new CannotDraw(`There is no drawing ${toText(spec.kind)}; there are ${Object.keys(KINDS).join(", ")}.`);
  if (answer.rows.length === 0) throw new CannotDraw("Nothing to draw: the answer has no rows.");
  const drawn = draw(answer, spec, theme, reader(answer));
  const names = drawn.legend?.data ?? [];
  return { ...frame(theme), ...drawn, aria: { enabled: true, label: { description: description(spec, names) } } };
};
