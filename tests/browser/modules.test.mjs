// The pages' modules that need no browser: parameters of a statement, answers, and what a chart's option is made of.
import assert from "node:assert/strict";
import { test } from "node:test";

import { guessSpec, kindOf, numberText, parseAnswer, timeText, toTsv } from "../../dashboards/static/js/answer.js";
import { CannotDraw, KINDS, toOption } from "../../dashboards/static/js/chart-option.js";
import { addressOf, readAddress } from "../../dashboards/static/js/sql/drafts.js";
import { paramsOf, typedOf } from "../../dashboards/static/js/sql/params.js";
import { withHeaders } from "../../dashboards/static/js/sql/saved.js";

const THEME = {
  text: "#111",
  muted: "#222",
  surface: "#fff",
  sunken: "#eee",
  control: "#333",
  hairline: "#444",
  accent: "#555",
  font: "sans",
  series: ["#1", "#2", "#3", "#4", "#5", "#6"],
};

const answer = (columns, rows) => ({ columns: columns.map(([name, type]) => ({ name, type })), rows });

test("parameters are found outside of texts and comments, with what their headers say", () => {
  const sql = `--! title: T
--! param: from timestamp = -24h -- start of the range
--! param: sort enum(a|b)? -- how
--! param: word text = 'two words' -- what
--! param: limit int = 20 count -- at most
select '$no', "$neither", $from, $sort, $word, $limit, $own, $$ $quoted $$ -- $comment
/* $more */ where x = $own`;
  const told = paramsOf(sql).map((param) => [
    param.name,
    param.type,
    param.isOptional,
    param.default,
    param.doc,
    param.isDeclared,
  ]);
  assert.deepEqual(told, [
    ["from", "timestamp", false, "-24h", "start of the range", true],
    ["sort", "enum(a|b)", true, "", "how", true],
    ["word", "text", false, "two words", "what", true],
    ["limit", "int", false, "20", "at most", true],
    ["own", "text", false, "", "", false],
  ]);
  const { typed, wanting } = typedOf(paramsOf(sql), { values: { limit: "5" }, types: { own: "int", limit: "text" } });
  assert.equal(wanting.name, "own");
  assert.deepEqual(typed.limit, { type: "int", value: "5" }, "a header's type stands");
  assert.deepEqual(
    [typed.sort, typed.word],
    [
      { type: "enum(a|b)", value: null },
      { type: "text", value: "two words" },
    ],
  );
  assert.equal(typed.own.type, "int");
});

test("an address says again what it was made of", () => {
  const tab = {
    sql: "select $a\n+ 1 & 2",
    name: null,
    values: { a: "1&2=3" },
    types: { a: "int" },
    view: "chart",
    spec: { kind: "bar", x: "x", y: ["p", "q"], series: "s" },
  };
  assert.deepEqual(readAddress(new URL(addressOf(tab), "http://weir").search), tab);
  assert.equal(
    addressOf({ ...tab, sql: "x".repeat(20_000) }),
    "/sql",
    "a text too long for an address is only a draft",
  );
  assert.equal(addressOf({ ...tab, name: "top_errors", values: {}, types: {}, view: "table" }), "/sql?name=top_errors");
});

test("a saved statement begins with its title and the parameters that had no header", () => {
  const params = [
    { name: "who", type: "text", value: "it's", doc: "whom -- or what\nelse" },
    { name: "n", type: "int", value: "5", doc: "how many" },
  ];
  assert.equal(
    withHeaders("--! title: Old\nselect $who, $n", "New\ntitle", params),
    "--! title: New title\n--! param: who text -- whom – or what else\n--! param: n int = 5 -- how many\nselect $who, $n",
  );
});

test("values keep what they are", () => {
  assert.deepEqual(parseAnswer('{"rows":[[5,1.5,"12345678901234567890"]]}').rows[0], [5, 1.5, "12345678901234567890"]);
  assert.equal(timeText("2026-11-22T10:00:00.120000Z"), "2026-11-22 10:00:00.12");
  assert.equal(timeText("2026-11-22"), "2026-11-22");
  assert.equal(numberText(1234567.891), "1,234,567.89");
  assert.deepEqual(
    ["bigint", "numeric(10,2)", "timestamptz", "text[]", "boolean", "json"].map((type) => kindOf({ type })),
    ["number", "number", "time", "json", "bool", "json"],
  );
  const tsv = toTsv(
    answer(
      [
        ["a", "text"],
        ["b", "bigint"],
      ],
      [
        ["=cmd()\tx\ny", -5],
        [null, 1],
      ],
    ),
  );
  assert.equal(tsv, "a\tb\n'=cmd() x y\t-5\n\t1", "no formula, no stray tab");
});

test("a drawing is guessed from the columns", () => {
  const of = (...columns) => guessSpec(answer(columns, []));
  assert.deepEqual(of(["t", "timestamptz"], ["release", "text"], ["n", "bigint"]), {
    kind: "line",
    x: "t",
    y: ["n"],
    series: "release",
  });
  assert.deepEqual(of(["t", "date"], ["a", "bigint"], ["b", "double"]), {
    kind: "line",
    x: "t",
    y: ["a", "b"],
    series: undefined,
  });
  assert.equal(of(["name", "text"], ["n", "bigint"]).kind, "bar");
  assert.equal(of(["name", "text"]), null);
});

test("more than six series become six and the rest in grey", () => {
  const rows = Array.from({ length: 20 }, (_, index) => [
    ["2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"][index % 2],
    `s${index >> 1}`,
    index,
  ]);
  const columns = [
    ["t", "timestamptz"],
    ["s", "text"],
    ["n", "bigint"],
  ];
  const { series, legend } = toOption(answer(columns, rows), { kind: "line", x: "t", y: "n", series: "s" }, THEME);
  assert.equal(series.length, 7);
  assert.deepEqual([series[6].name, series[6].color], ["Other (4, added up)", THEME.muted]);
  assert.equal(legend.show, true);
  const all = (list) => list.flatMap(({ data }) => data).reduce((sum, [, y]) => sum + y, 0);
  assert.equal(all(series), 190, "nothing is lost");
});

test("stacked parts stand on each other also where one is missing", () => {
  const rows = [
    ["a", "x", 1],
    ["b", "y", 2],
  ];
  const { series } = toOption(
    answer(
      [
        ["k", "text"],
        ["s", "text"],
        ["n", "bigint"],
      ],
      rows,
    ),
    { kind: "stacked_bar", x: "k", y: ["n"], series: "s" },
    THEME,
  );
  assert.deepEqual(
    series.map(({ data }) => data),
    [
      [
        ["a", 1],
        ["b", 0],
      ],
      [
        ["a", 0],
        ["b", 2],
      ],
    ],
  );
});

test("every kind draws, and says in words why it cannot", () => {
  const columns = [
    ["from", "text"],
    ["to", "text"],
    ["n", "bigint"],
  ];
  const rows = [
    ["a", "b", 3],
    ["b", "c", null],
    ["c", null, 2],
  ];
  for (const kind of Object.keys(KINDS)) {
    const option = toOption(answer(columns, rows), { kind, x: "from", y: ["n"], series: "to" }, THEME);
    assert.equal(option.tooltip.renderMode, "richText", `${kind}: no tooltip of HTML`);
    assert.ok(option.series.length > 0 && option.aria.enabled, kind);
  }
  const refuses = (spec, data, words) =>
    assert.throws(
      () => toOption(data, spec, THEME),
      (error) => error instanceof CannotDraw && words.test(error.message),
    );
  refuses({ kind: "line", x: "from", y: ["n"] }, answer(columns, []), /no rows/);
  refuses({ kind: "line", x: "nowhere", y: ["n"] }, answer(columns, rows), /no column nowhere/);
  refuses({ kind: "line", x: "from", y: ["to"] }, answer(columns, rows), /not a number/);
  refuses({ kind: "line", x: "from", y: [] }, answer(columns, rows), /at least one/);
  refuses({ kind: "pie", x: "from", y: ["n"] }, answer(columns, rows), /no drawing pie/);
  refuses({ kind: "__proto__", x: "from", y: ["n"] }, answer(columns, rows), /no drawing/);
  refuses(
    { kind: "sankey", x: "from", y: ["n"], series: "to" },
    answer(columns, [
      ["a", "b", 1],
      ["b", "a", 1],
    ]),
    /lead back/,
  );
});
