// A figure of a chapter that a reader can move. Under the still form stands, in the chapter,
//
//   ::: {.moving figure="hands" hidden="hidden"}
//   What to try, and what one will see.
//   :::
//
// It becomes one of `Web.figures`, at once where it says at="once", else behind one quiet button. What its controls set is in the
// address, as #hands.a=5&hands.k=3, and words of the text set it: [three times round]{.sets to="hands.k=3"}.
"use strict";
const { drawing, label } = Web;
Web.figures = {};

// Kinds of controls. Each has an element (or none), reads what an address says and writes what it is set to; `usual` is how it begins.
Web.slider = (words, least, most, usual, { step = 1, shown = String } = {}) => ({
  words, usual, top: most, // `top` is how far the slider goes at present
  read(text) { const value = Number(text); return Number.isFinite(value) && value >= least && value <= most ? least + Math.round((value - least) / step) * step : undefined; },
  write: (value) => String(+value.toFixed(3)),
  build(set) {
    this.input = element("input", { type: "range", min: least, max: most, step, "aria-label": words, oninput: () => set(this.input.value) });
    this.output = element("output");
    return element("label", { class: "row" }, element("span", {}, words), this.input, this.output);
  },
  sync(value) { this.input.max = this.top; this.input.value = value; this.output.textContent = shown(value); this.input.setAttribute("aria-valuetext", shown(value)); },
});
Web.typed = (words, least, most, usual) => ({
  words, usual,
  read: (text) => (/^\d{1,4}$/.test(text) && +text >= least && +text <= most ? +text : undefined),
  write: String,
  build(set) {
    this.input = element("input", { type: "number", min: least, max: most, "aria-label": words, oninput: () => set(this.input.value) });
    return element("label", { class: "row" }, element("span", {}, words), this.input);
  },
  sync(value) { if (document.activeElement !== this.input) this.input.value = value; },
});
Web.choice = (words, choices, usual = choices[0][0]) => ({
  words, usual,
  read: (text) => choices.find(([value]) => value === text)?.[0],
  write: String,
  build(set) {
    this.input = element("select", { "aria-label": words, onchange: () => set(this.input.value) }, ...choices.map(([value, name]) => element("option", { value }, name)));
    return element("label", { class: "row" }, element("span", {}, words), this.input);
  },
  sync(value) { this.input.value = value; },
});

Web.Figure = class {
  static invites = "Move it yourself";
  constructor(root, name) {
    Object.assign(this, { root, name, state: {} });
    const field = { read: (text) => text, write: (value) => value ?? "" };
    this.words = element("div", { class: "note", hidden: "" }, ...root.childNodes);
    this.opener = element("button", { type: "button", class: "quiet", onclick: () => { this.pressed = true; this.open(); } }, this.constructor.invites);
    root.replaceChildren(this.opener, this.words);
    root.hidden = false;
    this.address = new Web.Address(Object.fromEntries(this.constructor.names.map((one) => [one, field])), (said) => this.told(said), `${name}.`);
  }
  // Once all figures of the page are made.
  start() {
    if (this.root.dataset.at === "once") this.open();
    this.told(this.address.read());
  }

  // Loads what it shows and builds it, once. A figure gives load(), which sets `controls`; build(), its elements; and draw(state), which also
  // leaves the numbers that it shows in `result`.
  open() { return (this.opened ??= this.begin()); }
  async begin() {
    this.opener.disabled = true;
    try { await this.load(); } catch { this.opener.textContent = "The data of this figure could not be loaded."; return; }
    const rows = Object.entries(this.controls).map(([name, control]) => control.build?.((value) => this.set({ [name]: value })));
    this.says = element("p", { class: "says", "aria-live": "polite" });
    this.words.hidden = false;
    this.rows = element("div", { class: "controls" }, ...rows.filter(Boolean)); // below, unless build() gives them another place
    this.root.replaceChildren(this.words, ...this.build(), this.says);
    if (!this.rows.parentNode) this.root.append(this.rows);
    this.set(Object.fromEntries(Object.entries(this.controls).filter(([name]) => !(name in this.state)).map(([name, { usual, write }]) => [name, write(usual)])));
    if (this.pressed) this.root.querySelector("input, select, button")?.focus({ preventScroll: true });
    Web.redrawn(this.root, () => this.soon());
  }
  async told(said) {
    if (!Object.keys(said).length) return;
    await this.open();
    this.set(said);
    this.root.scrollIntoView({ block: "nearest" });
  }

  // What is said wrongly stays as it was.
  set(change) {
    for (const [name, text] of Object.entries(change)) {
      const value = this.controls[name].read(text);
      if (value !== undefined) this.state[name] = value;
    }
    this.changed?.(this.state);
    this.sync();
    const said = {};
    for (const [name, control] of Object.entries(this.controls)) {
      const text = control.write(this.state[name]);
      if (text !== control.write(control.usual)) said[name] = text;
    }
    if (this.drawn || Object.keys(said).length) this.address.write(said);
    this.soon();
  }
  sync() { for (const [name, control] of Object.entries(this.controls)) control.sync?.(this.state[name]); }
  // How wide a drawing across the whole figure is in its own units, so that its letters stay legible.
  get width() { return this.root.clientWidth < 560 ? 380 : 640; }
  // At most once a frame, however fast a finger moves.
  soon() { this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.drawn = true; this.draw(this.state); }); }
};

// A place on which something can be dragged: begin(x, y) says what is held (nothing: undefined), move(held, x, y) what follows; x and y in the
// drawing's own units.
Web.dragged = (holder, width, begin, move) => {
  let held;
  const at = (event) => { const box = holder.getBoundingClientRect(), unit = width / box.width; return [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit]; };
  holder.addEventListener("pointerdown", (event) => { held = begin(...at(event)); if (held !== undefined) holder.setPointerCapture(event.pointerId); });
  // The finger that holds something does not scroll the page; elsewhere it does. (touch-action does not reach into a drawing that is made anew.)
  holder.addEventListener("touchstart", (event) => { if (held !== undefined) event.preventDefault(); }, { passive: false });
  holder.addEventListener("pointermove", (event) => { if (held !== undefined) move(held, ...at(event)); });
  for (const name of ["pointerup", "pointercancel"]) holder.addEventListener(name, () => { held = undefined; });
};
