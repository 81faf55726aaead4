// The lottery of one neuron that squares: every frequency starts with a magnitude and a misalignment and grows by the equations of
// `modaddlab.analysis.dynamics`, each on its own. Set the start, bet on one, and play the race.
"use strict";

Web.figures.lottery = class extends Web.Figure {
  static names = ["draw", "which", "bet", "time"];
  static invites = "Draw your own tickets";
  async load() {
    const p = (this.p = await Web.modulus("mlp-quad-random")), K = (this.K = (p - 1) / 2), numbers = Array.from({ length: K }, (_, i) => String(i + 1));
    this.tally = { races: 0, you: 0, bets: 0, D: 0, size: 0, start: 0 };
    this.controls = {
      draw: { // magnitude in hundredths x misalignment in degrees, for each frequency
        usual: Web.tickets(K, 9), write: (draw) => draw.map(([size, D]) => `${size}x${D}`).join("_"),
        read: (text) => { const draw = text.split("_").map((one) => (/^\d{1,3}x\d{1,3}$/.test(one) ? one.split("x").map(Number) : [])); return draw.length === K && draw.every(([size, D]) => size >= 20 && size <= 500 && D <= 179) ? draw : undefined; },
      },
      bet: Web.choice("your bet", [["none", "none yet"], ...numbers.map((k) => [k, `frequency ${k}`])]),
      time: Web.slider("time", 0, 100, 0, { shown: (at) => `${at}\u202f%` }),
      which: Web.slider("frequency to set", 1, K, 1),
    };
  }
  changed() { // a race is solved once for a draw
    const text = this.controls.draw.write(this.state.draw);
    if (text !== this.solved) { this.solved = text; this.race = this.state.draw.map(([size, D]) => Web.grow(size / 100, (D * Math.PI) / 180, this.p)); }
  }
  put(i, size, D) {
    const clip = (value, least, most) => Math.max(least, Math.min(most, Math.round(value)));
    this.set({ draw: this.controls.draw.write(this.state.draw.map((one, j) => (j === i ? [clip(size, 20, 500), clip(D, 0, 179)] : one))), which: String(i + 1), time: "0" });
  }
  build() {
    const button = (words, onclick) => element("button", { type: "button", onclick }, words), begin = (draw) => { this.running = null; this.set({ draw: this.controls.draw.write(draw), time: "0", bet: "none" }); };
    this.map = element("div", { role: "img" });
    this.curves = element("div", { role: "img" });
    Web.dragged(this.map, 300, (x, y) => {
      const near = this.state.draw.map(([size, D], i) => [Math.hypot(this.x(D) - x, this.y(size / 100) - y), i]).sort(([one], [other]) => one - other)[0];
      return this.state.time === 0 && near[0] < 22 ? near[1] : undefined;
    }, (i, x, y) => this.put(i, 100 * 0.2 * 25 ** ((214 - y) / 200), ((x - 40) / 248) * 180));
    const slide = (words, least, most, set) => { const input = element("input", { type: "range", min: least, max: most, "aria-label": words, oninput: () => set(+input.value) }), output = element("output"); return { input, output, row: element("label", { class: "row" }, element("span", {}, words), input, output) }; };
    const own = () => this.state.draw[this.state.which - 1];
    this.size = slide("its magnitude", 20, 500, (size) => this.put(this.state.which - 1, size, own()[1]));
    this.turn = slide("its misalignment", 0, 179, (D) => this.put(this.state.which - 1, own()[0], D));
    this.play = button("play the race", () => this.run());
    this.rows.append(this.size.row, this.turn.row);
    return [element("div", { class: "panels" }, this.map, this.curves), element("div", { class: "row" }, this.play, button("draw again", () => begin(Web.tickets(this.K, Math.floor(Math.random() * 1e9)))),
      button("equal magnitudes", () => begin(this.state.draw.map(([, D]) => [100, D]))))];
  }
  sync() {
    super.sync();
    const [size, D] = this.state.draw[this.state.which - 1];
    Object.assign(this.size.input, { value: size });
    Object.assign(this.turn.input, { value: D });
    this.size.output.textContent = (size / 100).toFixed(2);
    this.turn.output.textContent = `${D}°`;
  }
  run() {
    const begun = performance.now(), still = matchMedia("(prefers-reduced-motion: reduce)").matches, mine = (this.running = {});
    this.says.setAttribute("aria-live", "off");
    const go = (now) => {
      if (mine !== this.running) return;
      const time = still ? 100 : Math.min(100, Math.round((now - begun) / 40));
      if (time === 100) this.says.setAttribute("aria-live", "polite");
      this.set({ time: String(time) });
      if (time < 100) requestAnimationFrame(go);
    };
    requestAnimationFrame(go);
  }
  x(degrees) { return 40 + (degrees / 180) * 248; }
  y(size) { return 214 - (Math.log(size / 0.2) / Math.log(25)) * 200; }
  // The frequency that each rule names.
  named() {
    const best = (score) => this.state.draw.reduce((first, one, i, all) => (score(...one) > score(...all[first]) ? i : first), 0) + 1;
    return { D: best((_, D) => -D), size: best((size) => size), start: best((size, D) => size ** 3 * Math.cos((D * Math.PI) / 180)) };
  }
  draw({ draw, bet, time, which }) {
    const { race, K } = this, times = race.map(({ ends }) => ends), end = Math.min(...times), winner = times.indexOf(end) + 1, now = (time / 100) * end, mine = Number(bet);
    const at = race.map(({ t, size, D }) => { let i = t.findIndex((one) => one >= now); if (i < 0) i = t.length - 1; return [size[i], D[i]]; });
    const leader = at.reduce((best, [size], i) => (size > at[best][0] ? i : best), 0) + 1, kind = (k) => (k === mine ? "second" : time && k === leader ? "first" : "other");
    this.result = { winner, times, named: this.named() };

    const map = drawing(300, 256);
    for (const size of [0.2, 0.5, 1, 2, 5]) map.append(element("path", { class: "rule", d: `M40 ${this.y(size)}H288` }), label(34, this.y(size) + 4, String(size), "tick", "end"));
    for (const D of [0, 90, 180]) map.append(label(this.x(D), 232, `${D}°`));
    map.append(label(164, 252, "misalignment"), label(288, 10, "magnitude", "tick", "end"));
    at.forEach(([size, D], i) => {
      const x = this.x((D * 180) / Math.PI), y = this.y(Math.min(5, Math.max(0.2, size)));
      map.append(element("g", { class: `ticket ${kind(i + 1)}` }, element("circle", { class: "hit", cx: x, cy: y, r: 18 }), element("circle", { cx: x, cy: y, r: i + 1 === which && !time ? 8 : 6 }), label(x, y - 11, String(i + 1), "of")));
    });
    this.map.replaceChildren(map);
    this.map.setAttribute("aria-label", `Magnitude and misalignment of ${K} frequencies, ${time ? `after ${time} % of the race` : "at the start"}`);

    const most = 6, x = (t) => 34 + (t / end) * 242, y = (size) => 214 - (Math.min(size, most) / most) * 200, curves = drawing(300, 256);
    for (const size of [0, 2, 4, 6]) curves.append(element("path", { class: "rule", d: `M34 ${y(size)}H276` }), label(28, y(size) + 4, String(size), "tick", "end"));
    curves.append(label(155, 252, "time"), label(34, 10, "magnitude", "tick", "start"));
    const order = [...race.keys()].sort((i, j) => (kind(i + 1) === "other" ? 0 : 1) - (kind(j + 1) === "other" ? 0 : 1));
    for (const i of order) {
      const { t, size } = race[i], points = [];
      for (let j = 0; j < t.length && t[j] <= now && (j === 0 || size[j - 1] < most); j++) points.push(`${x(t[j]).toFixed(1)} ${y(size[j]).toFixed(1)}`);
      if (points.length > 1) curves.append(element("path", { class: `racer ${kind(i + 1)}`, d: `M${points.join("L")}` }));
      if (kind(i + 1) !== "other" && points.length) { const [px, py] = points[points.length - 1].split(" ").map(Number); curves.append(label(Math.min(px + 5, 280), py + 4, String(i + 1), "of", "start")); }
    }
    this.curves.replaceChildren(curves);
    this.curves.setAttribute("aria-label", `Magnitudes over the time of the race; ${time ? `frequency ${leader} is the largest` : "it has not begun"}`);
    this.tell({ mine, time, winner, leader, times });
  }
  tell({ mine, time, winner, leader, times }) {
    const { tally, K } = this, { D, size, start } = this.named();
    if (!time) { this.says.textContent = mine ? `You bet on frequency ${mine}. Play the race.` : `${K} frequencies wait in one neuron. Bet on one of them, and play the race.`; return; }
    if (time < 100) { this.says.textContent = `Frequency ${leader} is the largest now.`; return; }
    if (this.counted !== this.solved) { // each draw counts once
      this.counted = this.solved;
      Object.assign(tally, { races: tally.races + 1, bets: tally.bets + (mine > 0), you: tally.you + (mine === winner), D: tally.D + (D === winner), size: tally.size + (size === winner), start: tally.start + (start === winner) });
    }
    const yours = !mine ? "" : mine === winner ? " You named it." : ` Yours, ${mine}, needs ${Web.number(times[mine - 1] / times[winner - 1])} times as long.`;
    this.says.replaceChildren(element("b", {}, `Frequency ${winner} wins.`), `${yours} The smallest misalignment is that of ${D}, the largest magnitude that of ${size}, the quickest start that of ${start}. After ${tally.races} race${tally.races > 1 ? "s" : ""}: smallest misalignment ${tally.D} right, largest magnitude ${tally.size}, quickest start ${tally.start}${tally.bets ? `, you ${tally.you} of ${tally.bets}` : ""}.`);
  }
};

// K tickets as random weights draw them: the magnitude is the cube root of alpha^2 beta over its geometric mean, in hundredths; degrees.
Web.tickets = (K, seed) => {
  let state = seed >>> 0;
  const uniform = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return (state + 0.5) / 2 ** 32; };
  for (let i = 0; i < 8; i++) uniform();
  const rayleigh = () => Math.sqrt(-2 * Math.log(uniform())), sizes = Array.from({ length: K }, () => Math.cbrt(rayleigh() ** 2 * rayleigh())), mean = Math.exp(sizes.reduce((sum, size) => sum + Math.log(size) / K, 0));
  return sizes.map((size) => [Math.max(20, Math.min(500, Math.round((100 * size) / mean))), Math.floor(180 * uniform())]);
};

// One frequency from alpha = beta = size and a misalignment: a' = (2/p) conj(a) b, b' = a^2 / p, by Runge and Kutta with steps in proportion to 1 / size.
// Gives the times, alpha and |D| there, and when it outgrows every bound.
Web.grow = (size, D, p) => {
  const slope = ([ax, ay, bx, by]) => [(2 / p) * (ax * bx + ay * by), (2 / p) * (ax * by - ay * bx), (ax * ax - ay * ay) / p, (2 * ax * ay) / p];
  const moved = (s, d, by) => s.map((value, i) => value + by * d[i]), found = { t: [], size: [], D: [], ends: 0 };
  let s = [size, 0, size * Math.cos(D), -size * Math.sin(D)], t = 0;
  for (;;) {
    const alpha = Math.hypot(s[0], s[1]), off = 2 * Math.atan2(s[1], s[0]) - Math.atan2(s[3], s[2]);
    found.t.push(t); found.size.push(alpha); found.D.push(Math.abs(Math.atan2(Math.sin(off), Math.cos(off))));
    if (alpha > 300 * size) { found.ends = t + p / (Math.SQRT2 * alpha); return found; } // from here on alpha' = sqrt(2) alpha^2 / p
    const dt = (0.03 * p) / Math.max(alpha, Math.hypot(s[2], s[3])), k1 = slope(s), k2 = slope(moved(s, k1, dt / 2)), k3 = slope(moved(s, k2, dt / 2)), k4 = slope(moved(s, k3, dt));
    s = s.map((value, j) => value + (dt / 6) * (k1[j] + 2 * k2[j] + 2 * k3[j] + k4[j]));
    t += dt;
  }
};
