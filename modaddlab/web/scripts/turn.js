// The clocks turned: the waves of some key frequencies moved on in the embedding, and what the network then answers.
"use strict";

Web.figures.turn = class extends Web.Figure {
  static names = ["d", "clocks"];
  async load() {
    const run = await Web.run("mainline");
    this.network = await Web.networkOf(run, "final");
    const { p } = this.network, keys = run.keys;
    Object.assign(this, { p, keys });
    this.pairs = new Web.AllPairs(this.network);
    this.controls = {
      d: Web.slider("turn by", 0, p - 1, 5, { shown: (d) => `${d} residues` }),
      clocks: Web.choice("which clocks", [["all", `all of ${Web.list(keys.map(String))}`], ...keys.map((k) => [String(k), `only ${k}`]), ["others", "as many other frequencies"]]),
    };
  }
  build() {
    this.canvas = element("canvas", { class: "square map", role: "img", "aria-label": "Which questions are answered as turned clocks ask" });
    return [this.canvas];
  }
  turned(clocks) {
    const { keys } = this, others = Array.from({ length: (this.p - 1) / 2 }, (_, i) => i + 1).filter((k) => !keys.includes(k));
    return clocks === "all" ? keys : clocks === "others" ? others.filter((_, i) => i % Math.floor(others.length / keys.length) === 0).slice(0, keys.length) : [Number(clocks)];
  }
  draw({ d, clocks }) {
    const { network, p } = this, turned = this.turned(clocks), mine = (this.running = {});
    network.arrange({ ...Web.untouched(), turn: d, turned });
    this.pairs.load(network);
    Web.inSlices(p, (from, to) => this.pairs.rows(from, to), () => {
      if (mine !== this.running) return;
      const { best } = this.pairs, inks = ["page", "test", "restricted"].map((name, i) => Web.mix(Web.rgb(this.canvas, name), Web.rgb(this.canvas, "page"), i ? 0.7 : 1));
      const kind = Uint8Array.from(best, (answer, i) => { const sum = Math.floor(i / p) + (i % p); return answer === (sum + 2 * d) % p ? 2 : answer === sum % p ? 1 : 0; });
      const count = [0, 0, 0];
      for (const one of kind) count[one]++;
      this.result = { d, followed: count[2] / (p * p), stayed: d ? count[1] / (p * p) : 0 };
      Web.paint(this.canvas, p, (i) => inks[kind[i]]);
      const words = `${Web.percent(this.result.followed)} of all questions are answered a + b + ${2 * d}`;
      this.canvas.setAttribute("aria-label", words);
      this.says.replaceChildren(`With the clocks of ${Web.list(turned.map(String))} turned by ${d}, `, element("b", {}, Web.percent(this.result.followed)), ` of all questions are answered a + b + ${2 * d} (green)`, ...(d ? [` and ${Web.percent(this.result.stayed)} still a + b (orange).`] : [", which is the sum."]));
    });
  }
};
