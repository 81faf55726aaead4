// A head or a neuron on all questions, with the residues in the order of k times themselves: at its own frequency the noise is a wave.
"use strict";

Web.figures.order = class extends Web.Figure {
  static names = ["part", "n", "k"];
  async load() {
    const run = await Web.run("mainline");
    this.network = await Web.networkOf(run, "final");
    const { p, H, heads } = this.network;
    Object.assign(this, { p, most: { head: heads.length - 1, neuron: H - 1 }, tables: new Map() });
    this.own = { neuron: this.network.frequencies(), head: heads.map(({ score }) => Web.strongest(score.subarray(0, p))) };
    const part = this.root.dataset.shows ?? "head";
    this.controls = { part: Web.choice("part", [["head", "a head's attention to a"], ["neuron", "what a neuron puts out"]], part), n: Web.slider("number", 0, H - 1, 0), k: Web.slider("order of k·a, k =", 1, (p - 1) / 2, 5) };
  }
  changed(state) {
    this.controls.n.top = this.most[state.part];
    state.n = Math.min(state.n, this.most[state.part]);
  }
  build() {
    this.canvas = element("canvas", { class: "square map", role: "img" });
    this.snap = element("button", { type: "button", onclick: () => this.set({ k: this.own[this.state.part][this.state.n] }) });
    return [this.canvas, element("div", { class: "row" }, this.snap)];
  }
  // The part on all questions, (p, p): computed once.
  table(part, n) {
    const key = part + n, { p, network } = this;
    if (!this.tables.has(key)) this.tables.set(key, part === "neuron" ? network.neuron(n) : Float64Array.from({ length: p * p }, (_, i) => network.weights(n, Math.floor(i / p), i % p)[0]));
    return this.tables.get(key);
  }
  draw({ part, n, k }) {
    const { p } = this, table = this.table(part, n), own = this.own[part][n], next = new Array(p); // the residue one place further on
    for (let a = 0; a < p; a++) for (let other = 0; other < p; other++) if ((k * other) % p === (k * a + 1) % p) { next[a] = other; break; }
    let mean = 0, variance = 0, change = 0;
    for (const value of table) mean += value / (p * p);
    for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) {
      const value = table[a * p + b];
      variance += (value - mean) ** 2;
      change += ((table[next[a] * p + b] - value) ** 2 + (table[a * p + next[b]] - value) ** 2) / 2;
    }
    this.result = { alike: variance ? 1 - change / (2 * variance) : NaN, own };
    const [least, most] = part === "head" ? [0, 1] : [0, Math.max(...table, 1e-9)];
    Web.ordered(this.canvas, table, p, k, least, most);
    const what = part === "head" ? `Head ${n}: its attention to a` : `Neuron ${n}: what it puts out`;
    this.canvas.setAttribute("aria-label", `${what} on all ${Web.whole(p * p)} questions, in the order of ${k}·a down and ${k}·b across`);
    this.snap.textContent = `its own frequency, ${own}`;
    const alike = this.result.alike;
    this.says.replaceChildren(element("b", {}, what), `, for ${k}·a downwards and ${k}·b across. Neighbouring cells are `, element("b", {}, alike > 0 ? `${Math.round(100 * alike)}\u202f% alike` : "not alike"), k === own ? ": this is its own wave." : ".");
  }
};

// The frequency with the most energy in a list of numbers.
Web.strongest = (values) => {
  const p = values.length;
  let best = 0, at = 1;
  for (let k = 1; k <= (p - 1) / 2; k++) {
    let cosine = 0, sine = 0;
    for (let a = 0; a < p; a++) { cosine += values[a] * Math.cos((2 * Math.PI * k * a) / p); sine += values[a] * Math.sin((2 * Math.PI * k * a) / p); }
    if (cosine ** 2 + sine ** 2 > best) { best = cosine ** 2 + sine ** 2; at = k; }
  }
  return at;
};
