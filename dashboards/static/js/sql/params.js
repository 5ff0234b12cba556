// The `$name` parameters of a statement: found in its text, read from its `--! param:` headers, shown as a form.
// The rules are those of the server's catalogue of stored queries.
import { make, makeSelect } from "../dom.js";

/** Types that can be chosen where no header states one. */
const TYPES = ["text", "int", "float", "timestamp", "interval", "bool"];

const PLACEHOLDERS = { timestamp: "now, -24h, 2026-11-22T10:00Z", interval: "30s, 5m, 1h, 7d" };

/** Comments, texts and quoted names, in which a `$` means nothing; and else a parameter. */
const TOKENS = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|\$(\w*)\$[\s\S]*?\$\1\$|\$(\w+)/g;

const HEADER =
  /^\s*--!\s*param\s*:\s*([a-z][a-z0-9_]*)\s+((?:enum|entity)\([^)]*\)|\w+)(\?)?(?:[ \t]*=[ \t]*('[^']*'|\S+))?[^\n]*?(?:\s--\s+(.*))?$/gm;

/**
 * Returns the parameters that a statement uses, in the order of their first use:
 * {name, type, isOptional, default, doc, isDeclared}.
 */
export const paramsOf = (sql) => {
  const declared = new Map();
  for (const [, name, type, optional, value, doc] of sql.matchAll(HEADER)) {
    declared.set(name, {
      name,
      type,
      isOptional: Boolean(optional),
      default: (value ?? "").replace(/^'(.*)'$/, "$1"),
      doc: doc ?? "",
      isDeclared: true,
    });
  }
  const names = new Set([...sql.matchAll(TOKENS)].map((found) => found[2]).filter(Boolean));
  return [...names].map(
    (name) => declared.get(name) ?? { name, type: "text", isOptional: false, default: "", doc: "", isDeclared: false },
  );
};

/** Returns the type that is in force: the header's, else the chosen one. */
const typeOf = (param, types) => (param.isDeclared ? param.type : (types[param.name] ?? param.type));

/** Returns what `POST /v1/sql` takes as `typed`, and the first parameter that still wants a value. */
export const typedOf = (params, { values, types }) => {
  const typed = {};
  let wanting = null;
  for (const param of params) {
    const value = values[param.name] || param.default;
    if (!value && !param.isOptional) wanting ??= param;
    typed[param.name] = { type: typeOf(param, types), value: value || null };
  }
  return { typed, wanting };
};

const words = (type) =>
  type === "bool"
    ? ["true", "false"]
    : (/^enum\((.*)\)$/
        .exec(type)?.[1]
        .split(/[|,]/)
        .map((word) => word.trim()) ?? []);

/** Shows the parameters as a form. Fields write into `values` and `types`; `onChange` hears of it. */
export class ParamForm {
  constructor(host, onChange) {
    this.host = host;
    this.legend = host.querySelector("legend");
    this.onChange = onChange;
  }

  /** Fields that still fit stay as they are, so that writing the statement takes nobody's focus. */
  show(params, values, types) {
    Object.assign(this, { values, types });
    const shape = JSON.stringify([params, params.map((param) => typeOf(param, types))]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.host.replaceChildren(this.legend, ...params.map((param) => this.entry(param)));
      this.host.hidden = params.length === 0;
    }
    for (const field of this.host.querySelectorAll("[data-value]")) field.value = values[field.dataset.value] ?? "";
  }

  entry(param) {
    const { name } = param;
    const type = typeOf(param, this.types);
    const id = `p.${name}`;
    const label = make("label");
    label.htmlFor = id;
    label.append(make("span", "mono", `$${name}`));
    if (param.isDeclared) label.append(" ", make("span", "muted", type));
    const choices = words(type);
    const none = param.default ? `${param.default} (default)` : param.isOptional ? "any" : "choose";
    const field = choices.length > 0 ? makeSelect([["", none], ...choices.map((word) => [word])], "") : make("input");
    field.id = id;
    field.dataset.value = name;
    if (field instanceof HTMLInputElement) {
      field.placeholder = param.default || PLACEHOLDERS[type] || (param.isOptional ? "any" : "");
      field.autocomplete = "off";
      field.spellcheck = false;
      if (type === "int" || type === "float") field.inputMode = "decimal";
    }
    field.addEventListener("input", () => {
      this.values[name] = field.value;
      this.onChange();
    });
    const entry = make("div");
    entry.append(label, field);
    if (!param.isDeclared) {
      const chosen = makeSelect(
        TYPES.map((word) => [word]),
        type,
      );
      chosen.className = "sql-type";
      chosen.setAttribute("aria-label", `Type of $${name}`);
      chosen.addEventListener("change", () => {
        this.types[name] = chosen.value;
        this.values[name] = "";
        this.onChange();
        this.host.querySelector(`[data-value="${CSS.escape(name)}"]`)?.focus();
      });
      entry.append(chosen);
    }
    if (param.doc) entry.append(make("p", "muted", param.doc));
    return entry;
  }
}
