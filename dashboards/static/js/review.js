// Going through the queue by keyboard: j and k move, and a letter presses that button of the entity one is at (of the first one,
// where one is at none). Without this file the buttons do the same.
import { addKeys } from "./keys.js";

const rows = [...document.querySelectorAll("[data-waiting-row]")];

const current = () => rows.findIndex((row) => row.contains(document.activeElement));

const go = (place) => {
  const row = rows[Math.min(Math.max(place, 0), rows.length - 1)];
  row?.querySelector("[data-open]").focus();
  row?.scrollIntoView({ block: "nearest" });
};

const move = (step) => go(current() < 0 ? (step > 0 ? 0 : rows.length - 1) : current() + step);

const act = (letter) => rows[Math.max(current(), 0)]?.querySelector(`[data-act="${letter}"]`)?.click();

addKeys("Needs review", [
  ["j", "Next entity", () => move(1)],
  ["k", "Previous entity", () => move(-1)],
  ["Enter", "Open this entity"],
  ["a", "Allow it", () => act("a")],
  ["b", "Block it", () => act("b")],
  ["l", "Label it legitimate", () => act("l")],
  ["f", "Label it abusive", () => act("f")],
  ["u", "Undo the last decision"],
]);
