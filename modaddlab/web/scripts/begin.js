// Every figure that can be moved on this page, and the words that set one.
"use strict";

if (!document.querySelector(`link[href$="interactive/web.css"]`)) document.head.append(Web.element("link", { rel: "stylesheet", href: `${Web.root}web.css` }));
const roots = [...document.querySelectorAll(".moving")];
for (const root of roots) {
  const { figure, shows } = root.dataset;
  root.classList.add("web", figure, ...(shows ? [shows] : []));
  root.figure = new Web.figures[figure](root, root.id || figure);
}
for (const root of roots) root.figure.start();
for (const words of document.querySelectorAll(".sets[data-to]")) words.replaceChildren(Web.element("a", { href: `#${words.dataset.to}` }, ...words.childNodes));
