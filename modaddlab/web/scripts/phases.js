// How waves add up: neurons of every frequency, with phases that can be dragged, and what they say of every answer.
"use strict";

const BENDS = { quad: (x) => x * x, relu: (x) => Math.max(x, 0), abs: Math.abs, cube: (x) => x ** 3 };

Web.figures.phases = class extends Web.Figure {
  static names = ["phases", "x", "y", "bend", "which"];
  async load() {
    const p = (this.p = await Web.modulus("mlp-quad-random"));
    this.controls = {
      x: Web.slider("x", 0, p - 1, 4), y: Web.slider("y", 0, p - 1, 9),
      bend: Web.choice("bend", [["quad", "square"], ["relu", "ReLU"], ["abs", "absolute value"], ["cube", "cube"]]),
      which: Web.slider("neuron to turn by hand", 1, 24, 1),
      phases: { usual: [20], read: (text) => { const phases = text.split(".").map(Number); return phases.length <= 24 && phases.every((one) => Number.isInteger(one) && one >= 0 && one < 360) ? phases : undefined; }, write: (phases) => phases.join(".") },
    };
  }
  changed(state) {
    this.controls.which.top = state.phases.length;
    state.which = Math.min(state.which, state.phases.length);
  }
  put(phases) { this.set({ phases: phases.map((one) => ((Math.round(one) % 360) + 360) % 360).join(".") }); }
  build() {
    this.ring = element("div", { class: "dial" });
    this.bars = element("div", { role: "img" });
    Web.dragged(this.ring, 220, (x, y) => {
      const near = this.state.phases.map((phase, i) => [Math.hypot(x - this.place(phase)[0], y - this.place(phase)[1]), i]).sort(([one], [other]) => one - other)[0];
      return near[0] < 26 ? near[1] : undefined;
    }, (i, x, y) => { this.set({ which: i + 1 }); this.put(this.state.phases.map((phase, j) => (j === i ? (Math.atan2(110 - y, x - 110) * 180) / Math.PI : phase))); });
    const button = (words, onclick) => element("button", { type: "button", onclick }, words), all = () => this.state.phases;
    const turn = (by) => this.put(all().map((phase, i) => (i === this.state.which - 1 ? phase + by : phase)));
    return [element("div", { class: "panels" }, this.ring, this.bars), element("div", { class: "row" },
      button("one more neuron", () => all().length < 24 && this.put([...all(), Math.random() * 360])), button("one less", () => all().length > 1 && this.put(all().slice(0, -1))),
      button("spread them evenly", () => this.put(all().map((_, i) => all()[0] + (i * 360) / all().length))), button("eight at random", () => this.put(Array.from({ length: 8 }, () => Math.random() * 360))),
      button("turn it −15°", () => turn(-15)), button("turn it +15°", () => turn(15)))];
  }
  place(phase) { return [110 + 84 * Math.cos((phase * Math.PI) / 180), 110 - 84 * Math.sin((phase * Math.PI) / 180)]; }
  // The logits: every frequency has a neuron of every phase, and its output has twice its phase.
  logits({ phases, x, y, bend }) {
    const { p } = this, out = new Float64Array(p), act = BENDS[bend];
    for (let k = 1; k <= (p - 1) / 2; k++) for (const phase of phases) {
      const omega = (2 * Math.PI * k) / p, phi = (phase * Math.PI) / 180, value = act(Math.cos(omega * x + phi) + Math.cos(omega * y + phi));
      for (let j = 0; j < p; j++) out[j] += value * Math.cos(omega * j + 2 * phi);
    }
    return out.map((sum) => sum / phases.length);
  }
  draw(state) {
    const { p } = this, { phases, x, y, which } = state, logits = this.logits(state), right = (x + y) % p, ghosts = [(2 * x) % p, (2 * y) % p];
    const others = [...logits.keys()].filter((j) => j !== right && !ghosts.includes(j)), best = logits.indexOf(Math.max(...logits)), noise = others.reduce((worst, j) => (logits[j] > logits[worst] ? j : worst), others[0]);
    this.result = { logits: [...logits], best, right };
    const dots = phases.map((phase, i) => { const [px, py] = this.place(phase); return element("g", { class: "end" + (i === which - 1 ? " second" : " first") }, element("circle", { class: "hit", cx: px, cy: py, r: 18 }), element("circle", { cx: px, cy: py, r: 7 })); });
    this.ring.replaceChildren(drawing(220, 220, element("circle", { class: "rule", cx: 110, cy: 110, r: 84 }), label(110, 114, "phases"), ...dots));
    const most = Math.max(...logits), least = Math.min(...logits, 0), span = Math.max(most - least, 1e-9), width = 420, unit = (width - 16) / p, top = (value) => 16 + ((most - value) / span) * 170;
    const bars = [...logits].map((value, j) => element("rect", { class: `bar ${j === right ? "right" : ghosts.includes(j) ? "ghost" : ""}`, x: 8 + (j + 0.1) * unit, width: unit * 0.8, y: Math.min(top(value), top(0)), height: Math.max(Math.abs(top(value) - top(0)), 0.5) }));
    const marks = [...new Set([right, ...ghosts])].map((j) => label(8 + (j + 0.5) * unit, 204, String(j), "of"));
    this.bars.replaceChildren(drawing(width, 222, ...bars, ...marks, label(width / 2, 220, "score of every answer")));
    this.bars.setAttribute("aria-label", `Scores of all ${p} answers to ${x} + ${y}; ${best} has the largest`);
    const value = (j) => `${Web.number(logits[j])} for ${j}`;
    this.says.replaceChildren(element("b", {}, best === right ? "Right" : "Wrong"), `: ${Web.whole(phases.length)} neuron${phases.length > 1 ? "s" : ""} a frequency give ${value(right)}, which is ${x} + ${y}; `, ...(x === y ? ["both ghosts fall on the answer"] : [`their ghosts ${value(ghosts[0])} and ${value(ghosts[1])}`]), `; of all the others at most ${value(noise)}.`);
  }
};
