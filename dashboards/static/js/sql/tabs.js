// The tabs above the editor: a list of them, moved through by arrow keys.
import { make, makeButton } from "../dom.js";
import { titleOf } from "./saved.js";

/** Names a tab after what it asks. */
export const nameOf = ({ name, sql }) => {
  const title = titleOf(sql) || name;
  if (title) return title;
  const table = /\bfrom\s+("[^"]+"|\w+)/i.exec(sql.replace(/--.*$/gm, ""))?.[1];
  return table ? `from ${table}` : "New query";
};

/** `acts`: {onChoose(index), onAdd(), onClose(index)}. */
export class Tabs {
  constructor(host, acts) {
    this.acts = acts;
    this.list = make("div", "tab-list");
    this.list.setAttribute("role", "tablist");
    this.list.setAttribute("aria-label", "Open statements");
    this.close = makeButton("Close tab", () => acts.onClose(this.active), "quiet");
    host.append(
      this.list,
      makeButton("New tab", () => acts.onAdd(), "quiet"),
      this.close,
    );
    host.hidden = false;
    this.list.addEventListener("keydown", (event) => this.move(event));
  }

  move(event) {
    const last = this.list.childElementCount - 1;
    const places = { ArrowLeft: this.active - 1, ArrowRight: this.active + 1, Home: 0, End: last };
    if (event.key === "Delete") this.acts.onClose(this.active);
    else if (event.key in places) this.acts.onChoose(Math.min(Math.max(places[event.key], 0), last));
    else return;
    event.preventDefault();
    this.list.children[this.active]?.focus();
  }

  show(tabs, active) {
    this.active = active;
    this.list.replaceChildren(
      ...tabs.map((tab, index) => {
        const button = makeButton(nameOf(tab), () => this.acts.onChoose(index), "tab");
        button.setAttribute("role", "tab");
        button.setAttribute("aria-selected", String(index === active));
        button.setAttribute("aria-controls", "sql-form");
        button.tabIndex = index === active ? 0 : -1;
        return button;
      }),
    );
    this.close.hidden = tabs.length === 1 && tabs[0].sql === "";
    this.list.children[active].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Writes the name of the active tab anew. */
  rename(tab) {
    const button = this.list.children[this.active];
    if (button.textContent !== nameOf(tab)) button.textContent = nameOf(tab);
  }
}
