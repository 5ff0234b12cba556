// The SQL editor: CodeMirror in a shadow root, because its styles would violate the content policy in the document.
//
//   const editor = mountEditor(element, {text, label, hint, onChange, onRun});
//   editor.text()  editor.setText(text)  editor.insert(text)  editor.focus()
//   editor.complete({usage: [{name, type, doc}], …}, functions)   tables with their columns; functions of sql-functions.js
//   editor.showProblem({message, line, column})   or null for none; lines and columns count from 1. The cursor goes there,
//                                                 unless somebody is writing: showProblem(problem, {moves: false})
//
// Tab leaves the editor, so that the keyboard is not caught in it.
import {
  Compartment,
  EditorState,
  EditorView,
  HighlightStyle,
  Prec,
  SQLDialect,
  basicSetup,
  keymap,
  placeholder,
  setDiagnostics,
  sql,
  syntaxHighlighting,
  tags,
} from "../vendor/codemirror.js";

/** What the engine reads. A dialect of a whole database would offer its hundreds of words that nobody needs here. */
const dialect = SQLDialect.define({
  keywords:
    "all and any as asc at between by case cast cross current desc distinct else end except exists explain extract filter first " +
    "following from full group having ilike in inner intersect interval is join last lateral left like limit natural not null " +
    "nulls offset on or order outer over partition preceding range recursive right row rows select similar some then to " +
    "unbounded union using values when where with within zone false true",
  types:
    "bigint boolean date decimal double integer json numeric real smallint text time timestamp timestamptz varchar",
  operatorChars: "+-*/<>=~!@#%^&|`?:",
  doubleDollarQuotedStrings: true,
  specialVar: "$",
});

const HEIGHTS = { minHeight: "120px", maxHeight: "360px" };

/** All colours are tokens, so both themes are one. */
const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "13px", ...HEIGHTS },
  "&.cm-focused": { outline: "none" }, // The element around it shows the focus.
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px", overflow: "auto", ...HEIGHTS },
  ".cm-content": { caretColor: "var(--text)", padding: "8px 0" },
  "&.cm-focused .cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 25%, var(--surface)) !important",
  },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--accent) 15%, var(--surface))" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--sunken) 60%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--accent) 20%, var(--surface))" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "color-mix(in srgb, var(--block) 20%, var(--surface))" },
  ".cm-foldPlaceholder": {
    backgroundColor: "var(--sunken)",
    border: "1px solid var(--hairline)",
    color: "var(--muted)",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--control)",
    borderRadius: "4px",
    fontSize: "13px",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "260px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": { color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  ".cm-completionIcon": { display: "none" },
  ".cm-tooltip.cm-completionInfo": { padding: "8px 12px", maxWidth: "360px", fontFamily: "var(--sans)" },
  ".cm-diagnostic": { borderLeftColor: "var(--block)", padding: "4px 12px", fontFamily: "var(--sans)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--block)",
    textUnderlineOffset: "3px",
  },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--hairline)" },
  ".cm-textfield": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--control)",
    borderRadius: "4px",
  },
  ".cm-button": {
    backgroundColor: "var(--surface)",
    backgroundImage: "none",
    color: "var(--text)",
    border: "1px solid var(--control)",
    borderRadius: "4px",
  },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--throttle) 35%, var(--surface))" },
});

const inks = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.keyword, tags.operatorKeyword], color: "var(--accent)", fontWeight: "600" },
    { tag: [tags.string, tags.special(tags.string)], color: "var(--sql-string)" },
    { tag: [tags.number, tags.bool, tags.null], color: "var(--sql-number)" },
    { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--muted)", fontStyle: "italic" },
    { tag: [tags.special(tags.name)], color: "var(--sql-number)", fontWeight: "600" },
  ]),
);

/** Returns the word that is being written, unless it is a name behind a dot, a parameter or a text. */
const wordAt = (context) => {
  const word = context.matchBefore(/[a-z_]\w*/i);
  return word && !context.matchBefore(/[.$'"]\w*/) ? word : null;
};

/** Columns of the tables that the statement names, or of all while it names none. */
const columnSource = (tables) => (context) => {
  const word = wordAt(context);
  if (!word) return null;
  const names = [...context.state.doc.toString().matchAll(/\b(?:from|join)\s+(\w+)/gi)].map(([, name]) => name);
  const named = names.filter((name) => Object.hasOwn(tables, name));
  const columns = new Map();
  for (const table of named.length > 0 ? named : Object.keys(tables)) {
    for (const { name, type, doc } of tables[table]) {
      if (!columns.has(name)) columns.set(name, { label: name, type: "property", detail: type, info: doc, boost: 10 });
    }
  }
  return { from: word.from, options: [...columns.values()], validFor: /^\w*$/ };
};

/** Functions are offered anywhere a word is begun. */
const functionSource = (functions) => {
  const options = functions.map(({ name, signature, doc }) => ({
    label: name,
    detail: signature,
    info: doc,
    type: "function",
    boost: -1,
    apply: (view, _, from, to) => {
      const called = `${name}()`;
      view.dispatch({
        changes: { from, to, insert: called },
        selection: { anchor: from + called.length - (signature === "()" ? 0 : 1) },
      });
    },
  }));
  return (context) => {
    const word = wordAt(context);
    return word && { from: word.from, options, validFor: /^\w*$/ };
  };
};

/**
 * Puts what is typed in the place of a selection. Left to itself the browser would keep the look of the first word that
 * is overwritten, by an inline style, which the content policy refuses.
 */
const overwrite = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    if (event.inputType !== "insertText" || !event.data || empty || view.composing) return false;
    event.preventDefault();
    const insert = () =>
      view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    const isHandled = view.state
      .facet(EditorView.inputHandler)
      .some((handle) => handle(view, from, to, event.data, insert));
    if (!isHandled) view.dispatch(insert());
    return true;
  },
});

const schemaOf = (tables) =>
  Object.fromEntries(
    Object.entries(tables).map(([table, columns]) => [
      table,
      columns.map(({ name, type, doc }) => ({ label: name, type: "property", detail: type, info: doc })),
    ]),
  );

/** Mounts an editor into an element, which it fills. */
export const mountEditor = (host, { text = "", label, hint = "", onChange, onRun }) => {
  const root = host.attachShadow({ mode: "open" });
  const box = document.createElement("div");
  root.append(box);
  const language = new Compartment();
  let told = true;
  const view = new EditorView({
    root,
    parent: box,
    state: EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(
          keymap.of([
            { key: "Mod-Enter", run: () => (onRun(), true), preventDefault: true },
            { key: "Ctrl-Enter", run: () => (onRun(), true), preventDefault: true },
          ]),
        ),
        basicSetup,
        overwrite,
        look,
        inks,
        language.of(sql({ dialect })),
        EditorView.lineWrapping,
        placeholder(hint),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged && told) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });

  const problemAt = ({ message, line, column }) => {
    const doc = view.state.doc;
    if (!line || line > doc.lines) return { from: 0, to: 0, severity: "error", message };
    const { from: start, to: end, text: words } = doc.line(line);
    // The server counts characters, the editor UTF-16 units.
    const before = [...words].slice(0, Math.max(0, (column ?? 1) - 1)).join("").length;
    const from = Math.min(start + before, end);
    const word = /^(\$?\w+|"[^"]*"|'[^']*'|\S)/.exec(words.slice(from - start))?.[0].length ?? 0;
    return word > 0
      ? { from, to: from + word, severity: "error", message }
      : { from: Math.max(start, from - 1), to: from, severity: "error", message };
  };

  return {
    text: () => view.state.doc.toString(),
    setText(next) {
      told = false;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
      view.dispatch(setDiagnostics(view.state, []));
      told = true;
    },
    insert(words) {
      const { from, to } = view.state.selection.main;
      const before = view.state.sliceDoc(Math.max(0, from - 1), from);
      const insert = before === "" || /[\s(.,]/.test(before) ? words : ` ${words}`;
      view.dispatch({
        changes: { from, to, insert },
        selection: { anchor: from + insert.length },
        scrollIntoView: true,
      });
      view.focus();
    },
    focus: () => view.focus(),
    complete(tables, functions) {
      const offered = [columnSource(tables), functionSource(functions)].map((autocomplete) =>
        dialect.language.data.of({ autocomplete }),
      );
      view.dispatch({ effects: language.reconfigure([sql({ dialect, schema: schemaOf(tables) }), ...offered]) });
    },
    showProblem(problem, { moves = true } = {}) {
      view.dispatch(setDiagnostics(view.state, problem ? [problemAt(problem)] : []));
      if (problem?.line && moves) view.dispatch({ selection: { anchor: problemAt(problem).from }, scrollIntoView: true });
    },
  };
};
