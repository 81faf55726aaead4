// The two hands of a clock: a sum as two turns of a circle.
"use strict";

Web.figures.hands = class extends Web.Figure {
  static names = ["a", "b", "k"];
  async load() {
    const p = (this.p = await Web.modulus("mainline"));
    this.controls = { a: Web.slider("a", 0, p - 1, 20 % p), b: Web.slider("b", 0, p - 1, 30 % p), k: Web.slider("frequency k", 1, (p - 1) / 2, 1) };
  }
  build() {
    this.stage = element("div", { class: "dial" });
    const turns = (x, y) => (Math.atan2(x - 200, 200 - y) / (2 * Math.PI) + 1) % 1;
    const begin = (x, y) => { // the nearer hand, if it is near enough for a thumb
      const { a, end } = this.result, far = (place) => Math.hypot(...this.place(place / this.p).map((value, i) => value - [x, y][i]));
      return Math.min(far(a), far(end)) > 40 ? undefined : far(a) < far(end) ? "a" : "b";
    };
    Web.dragged(this.stage, 400, begin, (held, x, y) => {
      const { p, state } = this, place = Math.round(turns(x, y) * p) % p, residue = this.at.indexOf(place);
      this.set({ [held]: held === "a" ? residue : (residue - state.a + p) % p });
    });
    return [this.stage];
  }
  place(turns, r = 165) { return [200 + r * Math.sin(2 * Math.PI * turns), 200 - r * Math.cos(2 * Math.PI * turns)]; }
  draw({ a, b, k }) {
    const { p } = this, at = (this.at = Array.from({ length: p }, (_, residue) => (k * residue) % p)), sum = (a + b) % p;
    this.result = { sum, a: at[a], end: at[sum] };
    const arc = (r, from, turn, name) => {
      const points = Array.from({ length: 61 }, (_, i) => this.place(from + (turn * i) / 60, r).map((x) => x.toFixed(1)).join(" "));
      return element("path", { class: name, d: `M${points.join("L")}` });
    };
    const hand = (place, name) => { const [x, y] = this.place(place / p); return element("path", { class: `hand ${name}`, d: `M200 200L${x} ${y}` }); };
    const end = (place, words, name) => {
      const [x, y] = this.place(place / p), [u, v] = this.place(place / p, 187);
      return element("g", { class: `end ${name}` }, element("circle", { class: "hit", cx: x, cy: y, r: 24 }), element("circle", { cx: x, cy: y, r: 8 }), label(u, v + 4, words, "of"));
    };
    const dots = at.map((place, residue) => { const [x, y] = this.place(place / p); return element("circle", { cx: x, cy: y, r: 3, class: `hue-${Math.floor((residue / p) * 12)}` }); });
    this.stage.replaceChildren(drawing(400, 400, ...dots, hand(0, "zero"), hand(at[a], "first"), hand(at[sum], "second"),
      arc(120, 0, at[a] / p, "turn first"), arc(80, at[a] / p, ((k * b) % p) / p, "turn second"), end(at[a], String(a), "first"), end(at[sum], String(sum), "second")));
    this.says.replaceChildren(element("b", {}, `${a} + ${b} = ${a + b}`), a + b >= p ? `, which is ${sum} modulo ${p}` : "",
      `. With the frequency ${k} the hand of ${a} stands at place ${at[a]} of the circle. Turned on by ${(k * b) % p} places it stands at place ${at[sum]}, and the residue that lives there is ${sum}.`);
  }
};
