// The page works without this script; it adds the theme switch, the menu, tabs, the current section, and the search.
"use strict";

const root = document.currentScript.dataset.root;

// theme -------------------------------------------------------------------------------------------------------------
document.querySelector("button.theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* no storage: the choice lasts for this page */ }
});

// menu (narrow screens) ------------------------------------------------------------------------------------------------
const menu = document.querySelector("button.menu");
menu.addEventListener("click", () => {
  const open = document.getElementById("sidebar").classList.toggle("open");
  menu.setAttribute("aria-expanded", String(open));
  if (open) window.scrollTo({ top: 0 });
});

// The entry of this chapter is in sight, however long the list; the page itself does not move.
const sidebar = document.getElementById("sidebar");
const entry = sidebar.querySelector("[aria-current]");
if (entry && getComputedStyle(sidebar).position === "sticky") {
  const below = entry.getBoundingClientRect().bottom - sidebar.getBoundingClientRect().bottom;
  if (below > 0) sidebar.scrollTop = below + sidebar.clientHeight / 2;
}

// narrow screens: a tap shows a figure as large as it was drawn, to be moved about; formulas that scroll do so by keyboard too
for (const image of document.querySelectorAll("figure img")) {
  image.addEventListener("click", () => {
    const figure = image.closest("figure");
    if (image.naturalWidth > figure.clientWidth || figure.classList.contains("large")) figure.classList.toggle("large");
  });
}
for (const formula of document.querySelectorAll("math[display=block]")) {
  if (formula.scrollWidth > formula.clientWidth) formula.setAttribute("tabindex", "0");
}

// tabs ---------------------------------------------------------------------------------------------------------------
for (const tabset of document.querySelectorAll(".tabset")) {
  const tabs = [...tabset.querySelectorAll(":scope > .tabs > [role=tab]")];
  const select = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
  };
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      select(next);
      next.focus();
    });
  });
  if (tabs.length) select(tabs[0]);
}
// A link to something inside a hidden tab or a folded block opens it.
const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const panel = target.closest("[role=tabpanel][hidden]");
  if (panel) document.getElementById(panel.getAttribute("aria-labelledby")).click();
  for (let block = target.closest("details"); block; block = block.parentElement.closest("details")) block.open = true;
  if (panel) target.scrollIntoView();
};
window.addEventListener("hashchange", reveal);
reveal();

// current section ------------------------------------------------------------------------------------------------------
const entries = new Map([...document.querySelectorAll(".contents a")].map((a) => [decodeURIComponent(a.hash.slice(1)), a]));
if (entries.size && "IntersectionObserver" in window) {
  const headings = [...entries.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const mark = () => {
    const passed = headings.filter((heading) => heading.getBoundingClientRect().top < 120);
    const here = passed[passed.length - 1];
    for (const [id, link] of entries) link.classList.toggle("here", Boolean(here) && id === here.id);
  };
  const observer = new IntersectionObserver(mark, { rootMargin: "-100px 0px 0px 0px", threshold: [0, 1] });
  headings.forEach((heading) => observer.observe(heading));
}

// search ---------------------------------------------------------------------------------------------------------------
const dialog = document.querySelector("dialog.search");
const input = dialog.querySelector("input");
const results = dialog.querySelector(".results");

// The index is a script and not JSON, so that it also loads from a page that was opened as a file.
const loadIndex = () => new Promise((resolve, reject) => {
  if (window.SEARCH_INDEX) { resolve(window.SEARCH_INDEX); return; }
  const script = document.createElement("script");
  script.src = `${root}/search-index.js`;
  script.onload = () => resolve(window.SEARCH_INDEX);
  script.onerror = () => reject(new Error("the search index did not load"));
  document.head.append(script);
});
const openSearch = () => { dialog.showModal(); input.select(); loadIndex().then(search, (error) => show([], error.message)); };
document.querySelector(".search-open").addEventListener("click", openSearch);
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); openSearch(); }
});
dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("a")) dialog.close(); });
dialog.querySelector("button").addEventListener("click", () => dialog.close());
dialog.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  (results.querySelector("[aria-selected=true]") || results.querySelector("a"))?.click();
});
input.addEventListener("input", () => search());
// Up and down go through what was found; the cursor stays in the field, and Enter opens the chosen one.
input.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...results.querySelectorAll("a")];
  if (!step || !links.length) return;
  event.preventDefault();
  const last = links.findIndex((link) => link.getAttribute("aria-selected") === "true");
  const chosen = links[last < 0 ? (step > 0 ? 0 : links.length - 1) : (last + step + links.length) % links.length];
  for (const link of links) link.setAttribute("aria-selected", String(link === chosen));
  input.setAttribute("aria-activedescendant", chosen.id);
  chosen.scrollIntoView({ block: "nearest" });
});

// Every word must occur; a heading counts ten times as much as the text, the beginning of a word twice.
function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length || !window.SEARCH_INDEX) { results.replaceChildren(); return; }
  const found = [];
  for (const entry of window.SEARCH_INDEX) {
    const title = `${entry.title} ${entry.section}`.toLowerCase();
    const text = entry.text.toLowerCase();
    let score = 0;
    for (const word of words) {
      const here = 10 * weight(title, word) + weight(text, word);
      if (!here) { score = 0; break; }
      score += here;
    }
    if (score) found.push([score, entry]);
  }
  found.sort((a, b) => b[0] - a[0]);
  show(found.slice(0, 20).map(([, entry]) => entry), "Nothing found.", words);
}
function weight(text, word) {
  const at = text.indexOf(word);
  return at < 0 ? 0 : at === 0 || /\W/.test(text[at - 1]) ? 2 : 1;
}
function show(found, message, words = []) {
  input.removeAttribute("aria-activedescendant");
  if (!found.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.setAttribute("role", "presentation");
    none.textContent = message;
    results.replaceChildren(none);
    return;
  }
  results.replaceChildren(...found.map((entry, number) => {
    const item = document.createElement("li");
    item.setAttribute("role", "presentation");
    const link = document.createElement("a");
    const excerpt = document.createElement("small");
    link.id = `result-${number}`;
    link.setAttribute("role", "option");
    link.href = `${root}/${entry.address}`;
    link.append(entry.section ? `${entry.title}: ${entry.section}` : entry.title, excerpt);
    const first = Math.max(0, Math.min(...words.map((word) => entry.text.toLowerCase().indexOf(word)).filter((at) => at >= 0)) - 40);
    const start = Number.isFinite(first) ? first : 0;
    const text = entry.text.slice(start, start + 160);
    const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
    excerpt.append(...text.split(pattern).map((piece, n) => {
      if (n % 2 === 0) return piece;
      const mark = document.createElement("mark");
      mark.textContent = piece;
      return mark;
    }));
    item.append(link);
    return item;
  }));
}
