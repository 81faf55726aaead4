// Filtering and sorting for the tables of claims. Without it they are complete, folded by subject, in the order of the ledger.
// The filter stands in the address: #verdict=open&words=decay
(() => {
  const block = document.querySelector(".scorecard");
  if (!block) return;
  const groups = [...block.querySelectorAll("details")];
  const rows = groups.flatMap((group) => [...group.querySelectorAll("tbody tr")]);
  if (!rows.length) return;
  const verdict = (row) => row.querySelector(".verdict").textContent;
  const add = (parent, tag, properties) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const controls = document.createElement("div");
  controls.className = "scorecard-controls";
  block.insertBefore(controls, block.firstChild);

  const state = { verdict: "", words: "" };
  const show = () => {
    let n = 0;
    for (const row of rows) {
      const hidden = (state.verdict && verdict(row) !== state.verdict) || !row.textContent.toLowerCase().includes(state.words);
      row.hidden = Boolean(hidden);
      row.style.display = hidden ? "none" : "";
      n += hidden ? 0 : 1;
    }
    const filtered = state.verdict || state.words;
    for (const group of groups) {
      const matches = [...group.querySelectorAll("tbody tr")].some((row) => !row.hidden);
      group.hidden = !matches;
      if (filtered) group.open = matches;
    }
    buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.name === state.verdict)));
    if (words.value.toLowerCase() !== state.words) words.value = state.words;
    status.textContent = `${n} of ${rows.length} claims`;
  };
  const choose = (change) => {
    Object.assign(state, change);
    show();
    const said = Object.entries(state).filter(([, text]) => text);
    const hash = said.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join("&");
    history.replaceState(null, "", `#${hash}`);
  };
  const read = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!said.has("verdict") && !said.has("words")) return;
    const known = buttons.some((button) => button.name === said.get("verdict"));
    Object.assign(state, { verdict: known ? said.get("verdict") : "", words: (said.get("words") || "").toLowerCase() });
    show();
  };

  const buttons = ["", ...new Set(rows.map(verdict))].map((name) => {
    const n = rows.filter((row) => !name || verdict(row) === name).length;
    const button = add(controls, "button", { type: "button", name, textContent: `${name || "all"} (${n})` });
    button.addEventListener("click", () => choose({ verdict: name }));
    return button;
  });
  const words = add(controls, "input", { type: "search", placeholder: "search" });
  words.setAttribute("aria-label", "search the claims");
  words.addEventListener("input", () => choose({ words: words.value.toLowerCase() }));
  const all = add(controls, "button", { type: "button", textContent: "unfold all" });
  all.addEventListener("click", () => {
    const open = groups.some((group) => !group.open);
    groups.forEach((group) => { group.open = open; });
    all.textContent = open ? "fold all" : "unfold all";
  });
  const status = add(controls, "span", {});
  status.setAttribute("aria-live", "polite");
  addEventListener("hashchange", read);
  addEventListener("beforeprint", () => block.querySelectorAll("details").forEach((group) => { group.open = true; }));

  const powers = { "⁻": "-", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9" };
  const value = (cell) => {
    const written = cell.replace(/\s*\[[^\]]*\]/, "").replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1")
      .replace(/\s*×\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)/, (_, digits) => "e" + [...digits].map((digit) => powers[digit]).join(""));
    const number = parseFloat(written.replace(/^[<>]\s*/, ""));
    return Number.isNaN(number) ? null : number;
  };
  for (const group of groups) {
    const body = group.querySelector("tbody");
    const headings = [...group.querySelectorAll("thead th")];
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
        body.append(...[...body.rows].sort((first, second) => (up ? 1 : -1) * compare(first, second)));
      });
    });
  }
  show();
  read();
})();
