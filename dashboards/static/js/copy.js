// Buttons that copy a piece of text. One listener on the document, because parts of a page are replaced while it is open.
document.addEventListener("click", async (event) => {
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
