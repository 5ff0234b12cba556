// Buttons that copy a piece of text. One listener on the document, because parts of a page are replaced while it is open.
const reveal = () => {
  if (!navigator.clipboard) return; // Without a secure context the text can still be selected.
  for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2000);
});

document.addEventListener("htmx:after:swap", reveal);
reveal();
