// Going through a list of issues by keyboard: j and k move, x selects, and what is pressed with nothing selected is meant for
// the issue one is at. Without this file the checkboxes and buttons do the same.
import { addKeys } from "./keys.js";

const form = document.querySelector("[data-triage]");
const rows = [...document.querySelectorAll("[data-issue]")];
const boxes = rows.map((row) => row.querySelector("input[name=issue]")).filter(Boolean);
const told = document.querySelector("[data-selected]");
const all = document.querySelector("[data-all]");

const current = () => rows.findIndex((row) => row.contains(document.activeElement));

const move = (step) => {
  const at = current();
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + step, 0), rows.length - 1);
  const row = rows[next];
  row?.querySelector("[data-open]").focus();
  row?.scrollIntoView({ block: "nearest" });
};

const tell = () => {
  const selected = boxes.filter((box) => box.checked).length;
  if (told) told.textContent = selected === 0 ? "None selected" : `${selected} selected`;
  for (const box of boxes) box.closest("tr").classList.toggle("is-selected", box.checked);
  const whole = all?.querySelector("input");
  if (whole) {
    whole.checked = selected === boxes.length;
    whole.indeterminate = selected > 0 && selected < boxes.length;
  }
};

addKeys("Issues", [
  ["j", "Next issue", () => move(1)],
  ["k", "Previous issue", () => move(-1)],
  ["x", "Select this issue, or not", () => rows[current()]?.querySelector("input[name=issue]")?.click()],
  ["Enter", "Open this issue"],
]);

form?.addEventListener("submit", (event) => {
  if (boxes.some((box) => box.checked)) return;
  const box = rows[current()]?.querySelector("input[name=issue]");
  if (box) {
    box.checked = true;
    return;
  }
  event.preventDefault();
  told.textContent = "Select an issue first";
});

// A click on a button takes the focus from the row; a press of its key leaves it there.
form?.addEventListener("change", tell);

if (all) {
  all.hidden = false;
  all.addEventListener("change", (event) => {
    for (const box of boxes) box.checked = event.target.checked;
    tell();
  });
}
if (boxes.length > 0) tell();
