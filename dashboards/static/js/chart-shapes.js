// The drawings without a common axis: heatmap, funnel, flows and links. Pure, as chart-option.js.
import { inUnit, numberText, timeText } from "./answer.js";
import { CannotDraw, MARKS_MAX, axis, columnsOf, frame, label, number, short, toolbox } from "./chart-parts.js";

export const heatmap = (answer, spec, theme, read) => {
  const [x, y, value] = [read(spec.x, "across"), read(spec.series, "down"), read(columnsOf(spec)[0], "value")];
  const written = ({ kind }, cell) => (kind === "time" ? timeText(label(cell)).replace(" 00:00:00", "") : label(cell));
  const ordered = (column) => {
    const kept = [...new Map(answer.rows.map((row) => [written(column, row[column.place]), row[column.place]]))];
    if (column.kind === "number") kept.sort(([, a], [, b]) => Number(a) - Number(b));
    else if (column.kind === "time") kept.sort();
    return kept.map(([text]) => text);
  };
  const data = answer.rows.map((row) => [written(x, row[x.place]), written(y, row[y.place]), number(row[value.place])]);
  if (data.length > MARKS_MAX)
    throw new CannotDraw(`${numberText(data.length)} cells cannot be told apart; group them.`);
  const sizes = data.map(([, , size]) => size ?? 0);
  const base = { ...axis(theme), type: "category", splitLine: { show: false } };
  const cut = { ...base.axisLabel, formatter: (text) => short(text) };
  return {
    grid: { left: 4, right: 12, top: 32, bottom: 48, containLabel: true },
    toolbox: toolbox(theme, spec, false),
    tooltip: {
      ...frame(theme).tooltip,
      formatter: ({ value: [a, b, size] }) => `${a}\n${b}\n${value.name}: ${size === null ? "null" : inUnit(size, spec.unit)}`,
    },
    xAxis: { ...base, data: ordered(x), axisLabel: cut },
    yAxis: { ...base, data: ordered(y).reverse(), axisLabel: cut },
    visualMap: {
      min: Math.min(0, ...sizes),
      max: Math.max(1, ...sizes),
      calculable: false,
      orient: "horizontal",
      left: 0,
      bottom: 0,
      itemHeight: 120,
      itemWidth: 10,
      inRange: { color: [theme.sunken, theme.series[0]] },
      textStyle: { color: theme.muted },
      text: [inUnit(Math.max(1, ...sizes), spec.unit), inUnit(Math.min(0, ...sizes), spec.unit)],
    },
    series: [
      {
        type: "heatmap",
        data,
        itemStyle: { borderColor: theme.surface, borderWidth: 1 },
        emphasis: { itemStyle: { borderColor: theme.text } },
      },
    ],
  };
};

export const funnel = (answer, spec, theme, read) => {
  const [step, value] = [read(spec.x, "step"), read(columnsOf(spec)[0], "value")];
  const data = answer.rows.slice(0, 12).map((row, index) => ({
    name: label(row[step.place]),
    value: number(row[value.place]) ?? 0,
    itemStyle: {
      color: theme.series[0],
      opacity: 1 - Math.min(index, 6) * 0.11,
      borderColor: theme.surface,
      borderWidth: 1,
    },
  }));
  const most = Math.max(1, ...data.map((part) => part.value));
  const share = (part) => `${((100 * part) / most).toFixed(1)}%`;
  return {
    toolbox: toolbox(theme, spec, false),
    tooltip: {
      ...frame(theme).tooltip,
      trigger: "item",
      formatter: ({ name, value: size }) => `${name}\n${numberText(size)}, ${share(size)} of the largest`,
    },
    series: [
      {
        type: "funnel",
        data,
        sort: "none",
        left: 8,
        right: "35%",
        top: 24,
        bottom: 8,
        gap: 2,
        minSize: "2%",
        min: 0,
        max: most,
        label: {
          position: "right",
          color: theme.text,
          formatter: ({ name, value: size }) => `${short(name)}  ${numberText(size)}  ${share(size)}`,
        },
        labelLine: { lineStyle: { color: theme.control } },
      },
    ],
  };
};

const links = (answer, spec, read) => {
  const [from, to] = [read(spec.x, "from"), read(spec.series, "to")];
  const weight = columnsOf(spec)[0] ? read(columnsOf(spec)[0], "value") : null;
  const edges = answer.rows.map((row) => ({
    source: label(row[from.place]),
    target: label(row[to.place]),
    value: weight ? (number(row[weight.place]) ?? 0) : 1,
  }));
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
  [...new Set(edges.flatMap(({ source, target }) => [source, target]))].map((name, index) => ({
    name,
    itemStyle: { color: theme.series[index % theme.series.length] },
  }));

export const sankey = (answer, spec, theme, read) => {
  const edges = links(answer, spec, read).filter(({ value }) => value > 0);
  if (edges.length === 0) throw new CannotDraw("No flow is above nothing.");
  if (hasCycle(edges))
    throw new CannotDraw(
      "These flows lead back to where they began, which this drawing cannot show; draw them as links.",
    );
  return {
    toolbox: toolbox(theme, spec, false),
    tooltip: {
      ...frame(theme).tooltip,
      formatter: ({ name, value: size, data }) =>
        (data.source ? `${data.source} → ${data.target}` : name) + `\n${numberText(size)}`,
    },
    series: [
      {
        type: "sankey",
        data: coloured(edges, theme),
        links: edges,
        left: 4,
        right: 120,
        top: 32,
        bottom: 8,
        nodeWidth: 12,
        nodeGap: 10,
        draggable: false,
        label: { color: theme.text, formatter: ({ name }) => short(name) },
        lineStyle: { color: "gradient", opacity: 0.35 },
        emphasis: { focus: "adjacency" },
      },
    ],
  };
};

export const graph = (answer, spec, theme, read) => {
  const edges = links(answer, spec, read);
  const degree = new Map();
  for (const { source, target } of edges)
    for (const name of [source, target]) degree.set(name, (degree.get(name) ?? 0) + 1);
  const data = [...degree].map(([name, count]) => ({
    name,
    value: count,
    symbolSize: 8 + Math.min(24, 3 * Math.sqrt(count)),
    itemStyle: { color: theme.series[0] },
  }));
  return {
    toolbox: toolbox(theme, spec, false),
    tooltip: {
      ...frame(theme).tooltip,
      formatter: ({ name, value: size, data: part }) =>
        part.source
          ? `${part.source} → ${part.target}\n${numberText(part.value)}`
          : `${name}\n${numberText(size)} links`,
    },
    series: [
      {
        type: "graph",
        layout: "circular",
        circular: { rotateLabel: true },
        roam: false,
        data,
        links: edges,
        top: 88,
        bottom: 88,
        label: { show: data.length <= 60, color: theme.text, formatter: ({ name }) => short(name, 14) },
        lineStyle: { color: theme.control, curveness: 0.2, opacity: 0.7 },
        emphasis: { focus: "adjacency" },
      },
    ],
  };
};
