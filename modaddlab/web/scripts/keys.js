// Key frequencies: the score of an answer that is off by d is a sum of waves in d; switch them, scale them, choose others.
"use strict";

Web.figures.keys = class extends Web.Figure {
  static names = ["mix"];
  async load() {
    const [p, formula] = await Promise.all([Web.modulus("mainline"), Web.bring("data/formula.js")]);
    this.p = p;
    const own = [...Web.array(formula.keys)], heights = Web.array(formula.height);
    this.usual = new Map(own.map((k, i) => [k, Math.round(10 * heights[i]) / 10]));
    this.total = [...this.usual.values()].reduce((x, y) => x + y);
    this.most = Math.ceil(this.total / 2);
    const K = (p - 1) / 2, most = this.most;
    this.controls = { mix: { // frequency x height, as in 9x12.5_14x0
      usual: this.usual,
      read(text) {
        const mix = new Map();
        for (const part of text.split("_")) {
          const found = /^(\d{1,3})x(\d{1,3}(?:\.\d)?)$/.exec(part), k = Number(found?.[1]), height = Number(found?.[2]);
          if (!found || k < 1 || k > K || height > most) return undefined;
          mix.set(k, height);
        }
        return mix.size <= 8 ? mix : undefined;
      },
      write: (mix) => [...mix].map(([k, height]) => `${k}x${height}`).join("_"),
    } };
  }
  put(changes) { this.set({ mix: this.controls.mix.write(new Map([...this.state.mix, ...changes])) }); }
  build() {
    const button = (words, onclick) => element("button", { type: "button", onclick }, words), write = this.controls.mix.write, K = (this.p - 1) / 2;
    this.stage = element("div", { role: "img" });
    this.waves = element("div", { class: "controls" });
    this.more = element("input", { type: "number", min: 1, max: K, value: 1, "aria-label": "a frequency to add" });
    const add = button("add this frequency", () => { const k = Number(this.more.value); if (Number.isInteger(k) && k >= 1 && k <= K && !this.state.mix.has(k)) this.put([[k, Math.min(this.most, 10)]]); });
    const three = (ks) => this.set({ mix: write(new Map(ks.map((k) => [k, Math.round((10 * this.total) / 3) / 10]))) });
    const random = () => { const ks = new Set(); while (ks.size < 3) ks.add(1 + Math.floor(Math.random() * K)); return [...ks]; };
    return [this.stage, this.waves, element("div", { class: "row" }, element("span", {}, this.more, " ", add), button("the network's own", () => this.set({ mix: write(this.usual) })), button("three at random", () => three(random())), button("the best three", () => three(this.bestThree().ks)))];
  }
  // How far the right answer is ahead of the best other one, and by how much that one is off.
  lead(mix) {
    const { p } = this, score = (d) => { let sum = 0; for (const [k, height] of mix) sum += height * Math.cos((2 * Math.PI * k * d) / p); return sum; };
    let least = Infinity, off = 1;
    for (let d = 1; d <= (p - 1) / 2; d++) { const lead = score(0) - score(d); if (lead < least) [least, off] = [lead, d]; }
    return { least, off, score };
  }
  // Of three waves of equal height; to multiply all frequencies by one number changes nothing, so that the first can be 1.
  bestThree() {
    if (this.found) return this.found;
    const { p } = this, wave = Array.from({ length: p }, (_, i) => 1 - Math.cos((2 * Math.PI * i) / p)), K = (p - 1) / 2;
    let best = { least: 0 };
    for (let j = 2; j <= K; j++) for (let k = j + 1; k <= K; k++) {
      let least = Infinity;
      for (let d = 1; d <= K && least > best.least; d++) least = Math.min(least, wave[d] + wave[(j * d) % p] + wave[(k * d) % p]);
      if (least > best.least) best = { least, ks: [1, j, k] };
    }
    return (this.found = { ks: best.ks, least: (best.least * this.total) / 3 });
  }
  draw({ mix }) {
    const { p } = this, on = [...mix].filter(([, height]) => height > 0), { least, off, score } = this.lead(on), best = this.bestThree();
    const total = on.reduce((sum, [, height]) => sum + height, 0);
    this.result = { least: on.length ? least : 0, off, best: best.least, total };
    const half = (p - 1) / 2, { width } = this, x = (d) => width / 2 + (d / half) * (width / 2 - 14), most = Math.max(this.total, total), y = (value) => 118 - (value / most) * 100;
    const curve = (height, k) => "M" + Array.from({ length: 4 * half + 1 }, (_, i) => { const d = i / 2 - half; return `${x(d).toFixed(1)} ${y(height * Math.cos((2 * Math.PI * k * d) / p)).toFixed(1)}`; }).join("L");
    const order = [...mix.keys()].sort((i, j) => i - j), rank = (k) => `key-${order.indexOf(k) % 6}`, unit = (width / 2 - 14) / half;
    if (this.laid !== width) {
      this.laid = width;
      const marks = [-half, -half / 2, 0, half / 2, half].map((d) => label(x(d), 234, d ? String(Math.round(d)).replace("-", "−") : "right", "tick", d === half ? "end" : d === -half ? "start" : "middle"));
      this.bars = Array.from({ length: p }, (_, i) => element("rect", { x: x(i - half) - unit * 0.4, width: unit * 0.8 }));
      this.curves = element("g");
      this.stage.replaceChildren(drawing(width, 252, ...this.bars, this.curves, ...marks, label(width / 2, 250, "by how much the answer is off")));
    }
    this.bars.forEach((bar, i) => {
      const d = i - half, value = score(d), at = { class: `bar ${d === 0 ? "right" : Math.abs(d) === off && on.length ? "rival" : ""}`, y: Math.min(y(value), y(0)), height: Math.max(Math.abs(y(value) - y(0)), 0.5) };
      for (const [name, set] of Object.entries(at)) bar.setAttribute(name, set);
    });
    this.curves.replaceChildren(...on.map(([k, height]) => element("path", { class: `wave ${rank(k)}`, d: curve(height, k) })));
    this.stage.setAttribute("aria-label", `Scores of all answers, made of ${on.length} waves`);
    const row = ([k, height]) => {
      const slide = element("input", { type: "range", min: 0, max: this.most, step: 0.1, value: height, "data-key": `s${k}`, "aria-label": `height of frequency ${k}`, oninput: (event) => this.put([[k, event.target.value]]) });
      const chip = element("button", { type: "button", class: `chip ${rank(k)}`, "data-key": `k${k}`, "aria-label": `frequency ${k}`, "aria-pressed": !height, onclick: () => this.put([[k, height ? 0 : this.usual.get(k) ?? Math.min(this.most, 10)]]) }, String(k));
      return element("div", { class: "row" }, chip, slide, element("output", {}, height.toFixed(1)));
    };
    const held = document.activeElement?.dataset.key, shown = [...this.waves.children];
    if (shown.length === mix.size && held?.[0] === "s") [...mix].forEach(([k, height], i) => { shown[i].querySelector("output").textContent = height.toFixed(1); shown[i].querySelector(".chip").setAttribute("aria-pressed", !height); });
    else Web.replaceKeepingFocus(this.waves, ...[...mix].map(row));
    if (!on.length) { this.says.textContent = "Without a wave all answers have the same score."; return; }
    const words = on.length === 3 ? ` Three equal waves of this height together can be ahead by ${Web.number((best.least / this.total) * total)} at best: yours reach ${Math.round((100 * least * this.total) / (best.least * total))}\u202f% of it.` : "";
    this.says.replaceChildren("The right answer is ahead of the next best by ", element("b", {}, Web.number(least)), `, which is off by ${off}. The ${on.length > 1 ? `${on.length} waves are` : "wave is"} ${Web.number(total)} high together.${words}`);
  }
};
