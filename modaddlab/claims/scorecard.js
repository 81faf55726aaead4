// Sorting and filtering for the table of claims. Without it the table is complete, in the order of the ledger.
(() => {
  const block = document.querySelector(".scorecard");
  const table = block && block.querySelector("table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headings = [...table.tHead.rows[0].cells];
  const column = Object.fromEntries(headings.map((cell, index) => [cell.textContent.trim(), index]));
  const text = (row, name) => row.cells[column[name]].textContent.trim();
  const verdict = (row) => text(row, "verdict").replace(/^\S+\s+/, "").split(":")[0];
  const source = (row) => text(row, "source").replace(/^[([]|[)\]]$/g, "").replace(/,(?! ?\d{4}).*$/, "").replace(/(\d{4}).*$/, "$1");

  for (const row of rows) [...row.cells].forEach((cell, index) => { cell.dataset.label = headings[index].textContent.trim(); });

  const add = (parent, tag, properties) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const controls = add(document.createElement("div"), "div", { className: "scorecard-controls" });
  block.insertBefore(controls, block.firstChild);
  const status = add(document.createElement("p"), "span", { className: "scorecard-status" });
  status.setAttribute("aria-live", "polite");

  const chosen = { verdict: "", source: "", words: "" };
  const show = () => {
    let n = 0;
    for (const row of rows) {
      const hidden = (chosen.verdict && verdict(row) !== chosen.verdict) || (chosen.source && source(row) !== chosen.source)
        || !row.textContent.toLowerCase().includes(chosen.words);
      row.hidden = Boolean(hidden);
      row.style.display = hidden ? "none" : "";
      n += hidden ? 0 : 1;
    }
    status.textContent = `${n} of ${rows.length} claims`;
  };

  const buttons = ["", ...new Set(rows.map(verdict))].map((name) => {
    const n = rows.filter((row) => !name || verdict(row) === name).length;
    const button = add(controls, "button", { type: "button", textContent: `${name || "all"} (${n})` });
    button.addEventListener("click", () => {
      chosen.verdict = name;
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      show();
    });
    return button;
  });
  buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === 0)));

  const sources = add(controls, "select", {});
  sources.setAttribute("aria-label", "source");
  add(sources, "option", { value: "", textContent: "every source" });
  for (const name of new Set(rows.map(source))) add(sources, "option", { value: name, textContent: name });
  sources.addEventListener("change", () => { chosen.source = sources.value; show(); });

  const words = add(controls, "input", { type: "search", placeholder: "search" });
  words.setAttribute("aria-label", "search the claims");
  words.addEventListener("input", () => { chosen.words = words.value.toLowerCase(); show(); });
  controls.appendChild(status);

  const powers = { "⁻": "-", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9" };
  const value = (cell) => {
    const written = cell.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1")
      .replace(/\s*×\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/, (_, digits) => "e" + [...digits].map((digit) => powers[digit]).join(""));
    const number = parseFloat(written.replace(/^[<>]\s*/, ""));
    return Number.isNaN(number) ? null : number;
  };
  headings.forEach((heading, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[index].textContent.trim();
      const compare = (first, second) => {
        const [a, b] = [value(key(first)), value(key(second))];
        if (a !== null && b !== null) return a - b;
        if ((a === null) !== (b === null)) return a === null ? 1 : -1;
        return key(first).localeCompare(key(second));
      };
      rows.sort((first, second) => (up ? 1 : -1) * compare(first, second));
      body.append(...rows);
    });
  });
  show();
})();
