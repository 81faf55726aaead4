// Before anything is drawn: light or dark, as the reader chose, else as the system has it.
document.documentElement.classList.add("js");
(function () {
  var choice = null;
  try { choice = localStorage.getItem("theme"); } catch (error) { /* a page opened as a file may have no storage */ }
  var dark = choice ? choice === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
