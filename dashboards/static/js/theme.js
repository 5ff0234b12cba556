// The choice between the system's theme, light and dark. Loaded before the first paint (not as a module), so that no
// page flashes in the wrong theme. Without this file the system's theme applies.
(() => {
  const names = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const order = Object.keys(names);
  const root = document.documentElement;

  const read = () => {
    try {
      const kept = localStorage.getItem("weir.theme");
      return order.includes(kept) ? kept : "system";
    } catch {
      return "system"; // Storage may be switched off; the choice then lasts for one page.
    }
  };

  const apply = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };

  let theme = read();
  apply(theme);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-button]");
    if (!button) return;
    button.textContent = names[theme];
    button.hidden = false;
    button.addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      apply(theme);
      button.textContent = names[theme];
      try {
        localStorage.setItem("weir.theme", theme);
      } catch {
        // See read().
      }
    });
  });
})();
