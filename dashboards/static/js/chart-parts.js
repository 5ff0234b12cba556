// What the options of all drawings are made of: values as they are drawn, colours, the frame around. Pure.
import { toText } from "./answer.js";

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

/** Points of a drawing that is not thinned out; beyond them it could not be read, nor drawn in time. */
export const MARKS_MAX = 5_000;

/** Says why a spec cannot be drawn; the message is for people. */
export class CannotDraw extends Error {}

export const number = (value) => {
  const read = value === null || value === "" ? NaN : Number(value);
  return Number.isFinite(read) ? read : null;
};

export const instant = (value) =>
  value === null ? null : Date.parse(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z` : value);

export const label = (value) =>
  value === null || value === undefined ? "null" : value === "" ? "(empty)" : toText(value);

export const frame = (theme) => ({
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

export const toolbox = (theme, spec, canZoom) => ({
  right: 0,
  top: -4,
  itemSize: 13,
  iconStyle: { borderColor: theme.muted },
  emphasis: {
    iconStyle: {
      borderColor: theme.accent,
      textFill: theme.text,
      textBackgroundColor: theme.surface,
      textPadding: [2, 6],
    },
  },
  feature: {
    ...(canZoom && {
      dataZoom: {
        yAxisIndex: "none",
        title: { zoom: "Zoom", back: "Zoom back" },
        brushStyle: { color: theme.accent, opacity: 0.15 },
      },
    }),
    saveAsImage: {
      name: (spec.title ?? "weir").replace(/[^\w-]+/g, "-").slice(0, 60) || "weir",
      title: "Save image",
      backgroundColor: theme.surface,
      pixelRatio: 2,
    },
  },
});

export const axis = (theme) => ({
  axisLine: { lineStyle: { color: theme.control } },
  axisTick: { lineStyle: { color: theme.control } },
  axisLabel: { color: theme.muted, fontSize: 12, hideOverlap: true },
  splitLine: { lineStyle: { color: theme.hairline } },
});

/** Shortens mid-way, so that ids stay apart. */
export const short = (text, most = 24) =>
  text.length > most ? `${text.slice(0, Math.ceil(most * 0.6))}…${text.slice(-Math.floor(most * 0.3))}` : text;

export const columnsOf = (spec) => [spec.y ?? []].flat().filter(Boolean);
