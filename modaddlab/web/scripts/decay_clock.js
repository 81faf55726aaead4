// Test accuracy by setting, with an axis that slides from steps to decay times: curves that fall on one another differ in their clock alone.
"use strict";

Web.figures.clock = class extends Web.Figure {
  static names = ["sweep", "axis"];
  async load() {
    this.sweeps = await Web.bring("data/sweeps.js");
    const usual = this.root.dataset.shows ?? "decay";
    this.controls = { sweep: Web.choice("what is varied", [["decay", "weight decay"], ["rate", "learning rate"]], usual), axis: Web.slider("axis", 0, 100, 0, { shown: (at) => (at === 0 ? "steps" : at === 100 ? "decay times" : "between") }) };
  }
  build() {
    this.stage = element("div", { role: "img", "aria-label": "Test accuracy by setting" });
    const slide = () => { // to the other end, in view
      const { axis } = this.state, to = axis < 100 ? 100 : 0, still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const go = () => { const at = this.state.axis; if (at === to) return; this.set({ axis: still ? to : at + Math.sign(to - at) * Math.min(4, Math.abs(to - at)) }); requestAnimationFrame(go); };
      go();
    };
    return [this.stage, element("div", { class: "row" }, element("button", { type: "button", onclick: slide }, "change the clock"))];
  }
  draw({ sweep, axis }) {
    const rows = this.sweeps[sweep].filter(({ fade }) => fade > 0), t = axis / 100, { width } = this, height = 250;
    // Each curve moves by the logarithm of its own decay time, all by the mean of it back, so that they stay in view.
    const mean = rows.reduce((sum, { fade }) => sum + Math.log(fade) / rows.length, 0), at = (step, fade) => Math.log(step) + t * (Math.log(fade) - mean);
    const ends = rows.flatMap(({ step, fade }) => [at(step[0], fade), at(step[step.length - 1], fade)]), from = Math.max(Math.min(...ends), Math.log(30)), to = Math.max(...ends);
    const x = (value) => 46 + ((value - from) / (to - from)) * (width - 112), y = (share) => 200 - 180 * share, waits = rows.filter(({ grokked }) => grokked);
    const wait = waits.map(({ grokked, fade }) => grokked * fade ** t);
    this.result = { apart: Math.max(...wait) / Math.min(...wait) };
    const ramp = Web.ramp(this.stage), parts = [];
    for (const share of [0, 0.5, 1]) parts.push(element("path", { d: `M46 ${y(share)}H${width - 66}`, class: "rule" }), label(40, y(share) + 4, `${100 * share}\u202f%`, "tick", "end"));
    const unit = Math.log(10); // powers of ten, of steps or of decay times
    if (t === 0 || t === 1) for (let power = Math.ceil((from + t * mean) / unit); power * unit - t * mean <= to; power++) {
      parts.push(label(x(power * unit - t * mean), 218, power < 0 ? `0.${"0".repeat(-power - 1)}1` : Web.whole(10 ** power)));
    }
    parts.push(label((width - 20) / 2, 238, t === 0 ? "steps" : t === 1 ? "decay times" : "from steps to decay times"));
    const names = [];
    rows.forEach(({ name, step, test, fade }, i) => {
      const points = step.map((one, j) => [x(at(one, fade)), y(test[j])]).filter(([px]) => px >= 46), [red, green, blue] = ramp[Math.round(28 + (i / Math.max(rows.length - 1, 1)) * 99)];
      const path = element("path", { class: "line", d: "M" + points.map(([px, py]) => `${px.toFixed(1)} ${py.toFixed(1)}`).join("L") });
      path.style.stroke = `rgb(${[red, green, blue].map(Math.round)})`;
      parts.push(path);
      const half = points.find(([, py]) => py < y(0.5));
      if (half) names.push([half[0], name]);
    });
    names.sort(([one], [other]) => one - other).forEach(([px, name], i) => parts.push(label(px, i % 2 ? 100 : 124, name, "of")));
    this.stage.replaceChildren(drawing(width, height, ...parts));
    const words = { decay: "weight decay", rate: "learning rate" }[sweep];
    this.says.replaceChildren(t === 0 ? "In steps" : t === 1 ? "In decay times" : "Between the two", `, the slowest ${words} needs `, element("b", {}, `${Web.number(this.result.apart)} times`), " as long as the fastest to answer 95\u202f% of the questions that it never saw.");
  }
};
