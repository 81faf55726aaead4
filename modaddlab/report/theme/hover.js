// What a link leads to, shown beside it: figures, tables, equations, sections, sources and terms. The mouse or the focus on a link
// shows it; a finger's first tap shows it, the second follows the link. Escape takes it away. Without this script links are links.
"use strict";

(() => {
  const root = document.currentScript.dataset.root;
  const LINKS = "a.reference, a.term, .citation a";
  const box = document.createElement("div");
  Object.assign(box, { className: "preview", id: "preview", hidden: true });
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  for (const term of document.querySelectorAll("a.term")) term.removeAttribute("title"); // the box says it
  let link = null, timer = 0, finger = false;

  const bring = () => new Promise((resolve, reject) => {
    if (window.PREVIEWS) { resolve(window.PREVIEWS); return; }
    const script = document.createElement("script");
    script.src = `${root}/previews.js`;
    script.onload = () => resolve(window.PREVIEWS);
    script.onerror = reject;
    document.head.append(script);
  });

  function hide() {
    clearTimeout(timer);
    box.hidden = true;
    link?.removeAttribute("aria-describedby");
    link = null;
  }

  async function show(target) {
    const previews = await bring();
    const html = previews[decodeURIComponent(target.hash.slice(1))];
    if (!html || link !== target) return;
    box.innerHTML = html;
    for (const image of box.querySelectorAll("img")) image.src = `${root}/${image.getAttribute("src")}`;
    box.hidden = false;
    target.setAttribute("aria-describedby", box.id);
    place(target);
    for (const image of box.querySelectorAll("img")) image.addEventListener("load", () => { if (link === target) place(target); });
  }

  // Below the link's first line, or above it where there is more room; inside the window's width.
  function place(target) {
    const line = target.getClientRects()[0], margin = 12, width = box.offsetWidth, height = box.offsetHeight;
    const left = Math.max(margin, Math.min(line.left, document.documentElement.clientWidth - width - margin));
    const below = line.bottom + height + margin < innerHeight || line.top < innerHeight - line.bottom;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(below ? line.bottom + 6 : line.top - height - 6) + scrollY}px`;
  }

  function soon(target, delay) {
    if (target === link) { clearTimeout(timer); return; }
    hide();
    link = target;
    timer = setTimeout(() => show(target).catch(hide), delay);
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const target = event.target.closest(LINKS);
    if (target && !box.contains(target)) soon(target, 150);
    else if (box.contains(event.target)) clearTimeout(timer);
    else if (link && document.activeElement !== link) { clearTimeout(timer); timer = setTimeout(hide, 250); }
  });
  document.addEventListener("focusin", (event) => {
    const target = event.target.closest(LINKS);
    if (target && target.matches(":focus-visible")) soon(target, 0);
    else if (link && !box.contains(event.target)) hide();
  });
  document.addEventListener("pointerdown", (event) => {
    finger = event.pointerType === "touch";
    if (!box.contains(event.target) && event.target.closest(LINKS) !== link) hide();
  });
  document.addEventListener("click", (event) => {
    const target = event.target.closest(LINKS);
    if (!target || !finger || (target === link && !box.hidden)) return;
    event.preventDefault();
    soon(target, 0);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
