// Light or dark: what the person chose here before, else what the system prefers.
(() => {
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const current = () => localStorage.getItem("theme") || (dark.matches ? "dark" : "light");
  const show = () => {
    root.dataset.bsTheme = current();
    const button = document.getElementById("theme");
    if (button) {
      button.hidden = false;
      button.textContent = current() === "dark" ? "Light" : "Dark";
      button.setAttribute("aria-label", `Switch to ${button.textContent.toLowerCase()} colours`);
    }
  };
  show();
  // What only a script can use is shown before the page is drawn: nothing jumps.
  root.classList.add("js");
  dark.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      localStorage.setItem("theme", current() === "dark" ? "light" : "dark");
      show();
    });
  });
})();
