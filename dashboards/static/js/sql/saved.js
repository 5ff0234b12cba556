// Saving a statement under a name, and deleting it: dialogs, and the headers that a stored query begins with.
import { make, makeButton } from "../dom.js";
import { remove, save } from "./ask.js";
import { paramsOf } from "./params.js";

const line = (text) => text.replace(/\s+/g, " ").replaceAll("--", "–").trim();

/** Returns the title in a text's headers. */
export const titleOf = (sql) => /^\s*--!\s*title\s*:\s*(.*?)(?:\s--\s.*)?$/m.exec(sql)?.[1] ?? "";

/** Puts the title and the parameters that have no header yet on top of a statement. */
export const withHeaders = (sql, title, params) => {
  const bare = sql.replace(/^\s*--!\s*title\s*:.*\n?/m, "");
  const heads = params.map(({ name, type, value, doc }) => {
    const fallback = value && !value.includes("'") ? ` = ${/\s/.test(value) ? `'${value}'` : value}` : "";
    return `--! param: ${name} ${type}${fallback} -- ${line(doc)}`;
  });
  return [`--! title: ${line(title)}`, ...heads, bare].join("\n");
};

export const field = (labelText, input, hint) => {
  const label = make("label", "", labelText);
  const entry = make("div", "field");
  label.append(input);
  entry.append(label);
  if (hint) entry.append(make("p", "muted", hint));
  return entry;
};

export const textInput = (name, value) => {
  const input = make("input");
  Object.assign(input, { name, value, required: true, autocomplete: "off" });
  return input;
};

/** A modal dialog with a form; resolves to what `act` returns, or null when it is left. Refusals are shown inside. */
export const openDialog = (title, parts, action, act) =>
  new Promise((resolve) => {
    const dialog = make("dialog", "form-dialog");
    const heading = make("h2", "", title);
    heading.id = "dialog-title";
    dialog.setAttribute("aria-labelledby", "dialog-title");
    const form = make("form");
    const problem = make("p", "notice notice-failed");
    problem.setAttribute("role", "alert");
    problem.hidden = true;
    const go = make("button", "main", action);
    const actions = make("div", "dialog-actions");
    actions.append(
      go,
      makeButton("Cancel", () => dialog.close()),
    );
    form.append(...parts, problem, actions);
    dialog.append(heading, form);
    let result = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      try {
        result = await act(new FormData(form));
        dialog.close();
      } catch (error) {
        problem.textContent = [error.line && `Line ${error.line}:`, error.message, error.hint]
          .filter(Boolean)
          .join(" ");
        problem.hidden = false;
        go.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });

/** The fields that a statement is saved with, and what makes the stored query of them. */
export const saveFields = ({ sql, name, from, values, types }, known) => {
  const current = known.find((query) => query.name === (name ?? from) && query.own);
  const missing = paramsOf(sql).filter(({ isDeclared }) => !isDeclared);
  const nameInput = textInput("name", current?.name ?? "");
  Object.assign(nameInput, {
    pattern: "[a-z0-9_]{1,64}",
    title: "Small letters, digits and _",
    className: "mono",
    spellcheck: false,
  });
  const parts = [
    field("Title", textInput("title", titleOf(sql)), "What it answers, in a few words."),
    field("Name", nameInput, "Small letters, digits and _. It is asked for as /v1/queries/NAME."),
    ...missing.map((param) => field(`What $${param.name} means`, textInput(`doc.${param.name}`, ""))),
  ];
  const act = (data, more = (text) => text) => {
    const params = missing.map((param) => ({
      name: param.name,
      type: types[param.name] ?? param.type,
      value: values[param.name] ?? "",
      doc: data.get(`doc.${param.name}`),
    }));
    return save(data.get("name"), more(withHeaders(sql, data.get("title"), params)));
  };
  return { parts, act };
};

/** Asks for name and title, and saves; resolves to the stored query. `known` are those that are there. */
export const saveDialog = (tab, known) => {
  const { parts, act } = saveFields(tab, known);
  return openDialog("Save this query", parts, "Save", (data) => act(data));
};

/** Asks whether to delete, and does; resolves to true when it is gone. */
export const deleteDialog = async ({ name, title }) => {
  const told = make(
    "p",
    "",
    `“${title}” is deleted for everybody. What is open in your tabs stays, and can be saved again.`,
  );
  const gone = await openDialog(`Delete ${name}?`, [told], "Delete", async () => {
    await remove(name);
    return true;
  });
  return gone === true;
};
