// The whole run as a film: one slider on the curve, and at every saved step the circle of a frequency, the spectrum, where a head looks, and the
// answer to a question. Scores of answers need the weights, which a page has of some of the steps alone; they are loaded at rest.
"use strict";

Web.figures.film = class extends Web.Figure {
  static names = ["step", "a", "b", "k", "head"];
  static invites = "Play the film";
  async load() {
    const run = (this.run = await Web.run("mainline")), { p, heads } = run.shape, T = run.steps.length;
    const [{ pair, scores }] = await Promise.all([Web.bring("data/film/scores.js"), Web.rightsOf(run)]);
    this.scores = Web.floats(scores, 2);
    Object.assign(this, { p, T, n: heads, networks: new Web.Kept(), circles: new Map(), most: Math.max(...run.norms.flat()) });
    const norms = run.norms[T - 1], first = Math.max(0, run.accuracy.findIndex(([, unseen]) => unseen > 0.5));
    // The frequency that each head comes to follow; that with the tallest bar is shown at first.
    this.own = Array.from({ length: heads }, (_, h) => Web.strongest(this.scores.subarray(((T - 1) * heads + h) * (2 * p + 1)).subarray(0, p)));
    const head = this.own.reduce((best, k, h) => (norms[k - 1] > norms[this.own[best] - 1] ? h : best), 0);
    this.controls = {
      step: {
        usual: first, write: (i) => String(run.steps[i]),
        read: (text) => (/^\d+$/.test(text) ? run.steps.reduce((best, step, i) => (Math.abs(step - text) < Math.abs(run.steps[best] - text) ? i : best), 0) : undefined),
      },
      a: Web.typed("a", 0, p - 1, pair[0]), b: Web.typed("b", 0, p - 1, pair[1]),
      k: Web.slider("frequency", 1, (p - 1) / 2, this.own[head]),
      head: Web.choice("head", Array.from({ length: heads }, (_, h) => [String(h), `head ${h}`]), String(head)),
    };
  }
  build() {
    const at = (i) => this.set({ step: String(this.run.steps[i]) });
    this.curve = new Web.Curve({ step: (i) => { this.halt(); at(i); } });
    this.answers = new Web.Scores();
    this.play = element("button", { type: "button", onclick: () => (this.playing ? this.halt() : this.go()) }, "play");
    this.moment = element("output", {});
    const panel = (name) => { const stage = element("div", { role: "img" }), title = element("p", { class: "note" }); this[name] = { stage, title }; return element("div", {}, title, stage); };
    this.asked = element("p", { class: "note" });
    this.kept = element("div", { class: "strip", role: "img" });
    return [element("div", { class: "sticky" }, this.curve.element, this.kept), element("div", { class: "row" }, this.play, this.moment), this.rows, element("div", { class: "panels" }, panel("circle"), panel("spectrum"), panel("attention"), element("div", {}, this.asked, this.answers.element))];
  }
  go() {
    const last = this.T - 1, wait = matchMedia("(prefers-reduced-motion: reduce)").matches ? 700 : 130;
    this.play.textContent = "pause";
    this.says.setAttribute("aria-live", "off");
    if (this.state.step === last) this.set({ step: String(this.run.steps[0]) });
    this.playing = setInterval(() => { if (this.state.step === last) this.halt(); else this.set({ step: String(this.run.steps[this.state.step + 1]) }); }, wait);
  }
  halt() {
    clearInterval(this.playing);
    this.playing = null;
    this.play.textContent = "play";
    this.says.setAttribute("aria-live", "polite");
  }

  // How head h divides its look at (a, b) at the i-th step: to a, to b, to "=".
  look(i, h, a, b) {
    const { p } = this, from = (i * this.n + h) * (2 * p + 1), scores = [this.scores[from + a], this.scores[from + p + b], this.scores[from + 2 * p]];
    const most = Math.max(...scores), terms = scores.map((score) => Math.exp(score - most)), total = terms[0] + terms[1] + terms[2];
    return terms.map((term) => term / total);
  }
  // Its look at each a, the mean over b.
  looks(i, h) {
    const { p } = this, from = (i * this.n + h) * (2 * p + 1), scores = this.scores.subarray(from, from + 2 * p + 1), most = Math.max(...scores), powers = scores.map((score) => Math.exp(score - most));
    return Array.from({ length: p }, (_, a) => { let sum = 0; for (let b = 0; b < p; b++) sum += powers[a] / (powers[a] + powers[p + b] + powers[2 * p] || 1) / p; return sum; });
  }
  async bringCircle(k) {
    this.circles.set(k, null);
    try {
      this.circles.set(k, new Int8Array(Web.bytes(await Web.bring(`data/film/circle-${k}.js`)).buffer));
      this.soon();
    } catch (error) {
      this.circle.title.textContent = `${error.message}.`;
    }
  }

  draw({ step: i, a, b, k, head }) {
    const { run, p } = this, step = run.steps[i], h = Number(head), answer = (a + b) % p, hue = (r) => `hue-${Math.floor((((r * k) % p) / p) * 12)}`;
    this.curve.draw({ run, step: i });
    const [train, unseen] = run.accuracy[i];
    this.moment.replaceChildren(element("b", {}, `step ${Web.whole(step)}`), ` · trained on ${Web.percent(train)}, never seen ${Web.percent(unseen)}`);

    const size = 330, made = drawing(size, size, element("path", { class: "rule", d: `M8 ${size / 2}H${size - 8}M${size / 2} 8V${size - 8}` })), points = this.circles.get(k);
    if (points === undefined) this.bringCircle(k);
    if (points) {
      const at = (r) => [0, 1].map((axis) => size / 2 + (axis ? -1 : 1) * (points[2 * (i * p + r) + axis] / 127) * (size / 2 - 12));
      for (let r = 0; r < p; r++) { const [x, y] = at(r); made.append(element("circle", { cx: x, cy: y, r: 2.6, class: hue(r) })); }
      for (const r of new Set([a, b])) { const [x, y] = at(r); made.append(element("circle", { class: "ring", cx: x, cy: y, r: 5.5 }), label(x + (x > size / 2 ? 9 : -9), y + 4, String(r), "of", x > size / 2 ? "start" : "end")); }
      this.circle.stage.replaceChildren(made);
    }
    this.circle.title.textContent = `The residues in the plane of frequency ${k}, coloured by where they belong.`;
    this.circle.stage.setAttribute("aria-label", `The residues in the plane of frequency ${k} at step ${step}`);

    const norms = run.norms[i], { most } = this, unit = (size - 16) / norms.length;
    this.spectrum.stage.replaceChildren(drawing(size, size, ...norms.map((norm, j) => element("rect", { class: `bar ${j + 1 === k ? "right" : run.keys.includes(j + 1) ? "best" : ""}`, x: 8 + j * unit, width: unit * 0.8, y: size - 26 - (norm / most) * (size - 44), height: Math.max((norm / most) * (size - 44), 0.5) })),
      element("path", { class: "rule", d: `M8 ${size - 25.5}H${size - 8}` }), ...[1, ...run.keys, norms.length].filter((f, j, all) => all.every((other, l) => l <= j || Math.abs(other - f) > 1)).map((f) => label(8 + (f - 0.6) * unit, size - 10, String(f)))));
    this.spectrum.title.textContent = "How much of each frequency is in the embedding. Dark: those that it ends with; coloured: the one that you chose.";
    this.spectrum.stage.setAttribute("aria-label", `Spectrum of the embedding at step ${step}`);

    const looks = this.looks(i, h), x = (place) => 46 + (place / p) * (size - 54), y = (share) => size - 34 - (size - 50) * share;
    this.attention.stage.replaceChildren(drawing(size, size, ...[0, 0.5, 1].flatMap((share) => [element("path", { class: "rule", d: `M46 ${y(share)}H${size - 8}` }), label(40, y(share) + 4, `${100 * share}\u202f%`, "tick", "end")]),
      ...looks.map((share, r) => element("circle", { cx: x((r * k) % p), cy: y(share), r: 2.6, class: hue(r) })), label((size + 38) / 2, size - 10, `a, in the order of ${k}·a`)));
    const divided = this.look(i, h, a, b);
    const own = this.own[h], follows = own === k ? [`It comes to follow this frequency, ${own}. `] : ["It comes to follow ", element("button", { type: "button", class: "word", "data-key": "own", onclick: () => this.set({ k: String(own) }) }, `frequency ${own}`), ". "];
    Web.replaceKeepingFocus(this.attention.title, `How much head ${h} looks at a, over all b. `, ...follows, `Its look at ${a} + ${b}: ${divided.map((share, j) => `${Math.round(100 * share)}\u202f% at ${[a, b, "“=”"][j]}`).join(", ")}.`);
    this.attention.stage.setAttribute("aria-label", `Attention of head ${h} to every a at step ${step}`);

    const seen = run.mask[a * p + b] ? "trained on" : "never seen", right = run.rights.map((rights) => rights[a * p + b]);
    this.drawKept(right, i);
    this.result = { step, looks, divided, right: right[i], circle: points ? [...points.subarray(2 * i * p, 2 * (i + 1) * p)] : null, answered: this.result?.answered };
    this.drawAnswer(i, a, b, seen, right[i]);
    const since = right.lastIndexOf(0) + 1;
    Web.replaceKeepingFocus(this.says, element("b", {}, `${a} + ${b} = ${answer} modulo ${p}`), `, ${seen === "trained on" ? "a question of its training list" : "a question that it was never trained on"}. `,
      ...(since < right.length ? ["From ", element("button", { type: "button", class: "word", "data-key": "since", onclick: () => { this.halt(); this.set({ step: String(run.steps[since]) }); } }, `step ${Web.whole(run.steps[since])}`), " on it is always answered right."] : ["It is wrong at the last step."]));
  }
  // Under the curve, a mark for each saved step at which the question is answered right.
  drawKept(right, i) {
    const { curve, run } = this, made = element("svg", { viewBox: `0 0 ${curve.width} 14`, height: 14, "aria-hidden": true }, label(40, 11, "right", "tick", "end"));
    const wide = curve.width < 560 ? 2.4 : 5;
    right.forEach((one, j) => { if (one) made.append(element("rect", { class: j === i ? "bar right" : "bar", x: curve.x(run.steps[j]) - wide / 2, y: 2, width: wide, height: 9 })); });
    this.kept.replaceChildren(made);
    this.kept.setAttribute("aria-label", `Answered right at ${right.filter(Boolean).length} of ${right.length} saved steps`);
  }
  drawAnswer(i, a, b, seen, right) {
    const { run, networks } = this, wanted = run.steps[i], { step, key } = networks.nearest(run, wanted), found = networks.found.get(key)?.network;
    this.asked.textContent = `${a} + ${b}, ${seen}: ${right === undefined ? "" : right ? "right here" : "wrong here"}${right === undefined || step === wanted ? "" : `; the scores are those of step ${Web.whole(step)}, the nearest with weights`}.`;
    clearTimeout(this.resting);
    if (!found) {
      this.resting = setTimeout(() => networks.at(run, wanted).then(() => this.soon(), (error) => { this.asked.textContent = `${error.message}.`; }), this.playing ? 0 : 150);
      return;
    }
    const { logits } = found.question(a, b), best = logits.indexOf(Math.max(...logits));
    this.answers.draw({ run, ask: [a, b], answer: { logits, best } });
    this.result.answered = { step, best };
  }
};
