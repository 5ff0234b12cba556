// Buttons that copy a piece of text. One listener on the document, because parts of a page are replaced while it is open.
document.addEventListener("click", async (event) => {
  const named = event.target.closest?.("[data-copy-text]");
  if (named) {
    const told = await navigator.clipboard?.writeText(named.dataset.copyText).then(() => "Copied", () => "Not copied");
    named.title = told ?? "Not copied";
    named.querySelector("[data-copy-state]").textContent = `${named.title} ${named.dataset.copyText}`;
    named.dataset.copied = String(named.title === "Copied");
    return;
  }
  const button = event.target.closest?.("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    // Without a secure context there is no clipboard; the text is then ready for the reader's own shortcut.
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
});
