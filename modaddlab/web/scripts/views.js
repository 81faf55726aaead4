// The pictures of the explorer. Each is a class with an `element` and a `draw(view)`; what a reader does is told to the `act` functions that
// it was made with. A view has: run, step (its place in run.steps), network, ask, neuron, axis, taken, result.
"use strict";
const { element } = Web;

const seriesOf = { train: "trained on", test: "never seen" };

// ---- the curve, which is the slider -----------------------------------------------------------------------------------------------
Web.Curve = class {
  constructor(act) {
    this.act = act;
    this.element = element("div", { class: "curve", tabindex: 0, role: "slider", "aria-label": "Training step" });
    const to = (event) => this.run && act.step(this.nearest(event.clientX));
    this.element.addEventListener("pointerdown", (event) => { this.element.setPointerCapture(event.pointerId); this.held = true; to(event); });
    this.element.addEventListener("pointermove", (event) => this.held && to(event));
    for (const name of ["pointerup", "pointercancel"]) this.element.addEventListener(name, () => { this.held = false; });
    this.element.addEventListener("keydown", (event) => {
      const last = this.run?.steps.length - 1, at = this.at;
      const target = { ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1, PageUp: at + 5, PageDown: at - 5, Home: 0, End: last }[event.key];
      if (target === undefined || !this.run) return;
      event.preventDefault();
      act.step(Math.max(0, Math.min(last, target)));
    });
  }
  x(step) { return 46 + Math.sqrt(step / Math.max(this.last, 1)) * (this.width - 62); }
  nearest(clientX) {
    const box = this.element.getBoundingClientRect(), steps = this.run.steps, distance = (i) => Math.abs(this.x(steps[i]) - (clientX - box.left));
    return steps.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
  }
  // What stays where it is, and the marks that move.
  lay(run) {
    const height = 170, { width } = this, { curve } = run, y = (this.y = (share) => 148 - 130 * share), drawing = element("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": true });
    const path = (values) => "M" + values.map((value, i) => `${this.x(curve.step[i]).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
    for (const share of [0, 0.5, 1]) {
      drawing.append(element("path", { d: `M46 ${y(share)}H${width - 16}`, class: "rule" }), Web.label(40, y(share) + 4, `${100 * share}\u202f%`, "tick", "end"));
    }
    const ticks = [0, 0.025, 0.125, 0.25, 0.5, 1].map((part) => Math.round(part * this.last));
    for (const tick of width < 560 ? ticks.filter((_, i) => i !== 1 && i !== 3) : ticks) {
      drawing.append(Web.label(this.x(tick), 166, Web.whole(tick), "tick", tick === this.last ? "end" : "middle"));
    }
    this.names = ["train", "test"].filter((name) => curve[name].some(Number.isFinite)); // of a run on all pairs there is no other curve
    this.dots = this.names.map((name) => element("circle", { r: 6, class: `dot ${name}` }));
    this.now = element("path", { d: "M0 8V150", class: "now" });
    this.names.forEach((name, i) => drawing.append(element("path", { d: path(curve[name]), class: `line ${name}` }), this.dots[i]));
    drawing.append(this.now);
    for (const [name, share, words] of [["train", 0.9, "trained on"], ["test", 0.12, "never seen"]]) {
      if (this.names.includes(name)) drawing.append(Web.label(this.x(this.last * 0.045), y(share), words, `of ${name}`));
    }
    this.element.replaceChildren(drawing);
    this.laid = [run, width];
  }
  draw({ run, step }) {
    Object.assign(this, { run, at: step, last: run.steps[run.steps.length - 1], width: this.element.clientWidth || 800 });
    if (this.laid?.[0] !== run || this.laid[1] !== this.width) this.lay(run);
    const { curve } = run, x = this.x(run.steps[step]), here = curve.step.reduce((best, value, i) => (Math.abs(value - run.steps[step]) < Math.abs(curve.step[best] - run.steps[step]) ? i : best), 0);
    this.names.forEach((name, i) => { this.dots[i].setAttribute("cx", x); this.dots[i].setAttribute("cy", this.y(curve[name][here])); });
    this.now.setAttribute("transform", `translate(${x})`);
    const [train, test] = run.accuracy[step];
    const values = { "aria-valuemin": 0, "aria-valuemax": this.last, "aria-valuenow": run.steps[step] };
    for (const [name, value] of Object.entries(values)) this.element.setAttribute(name, value);
    const words = `step ${Web.whole(run.steps[step])}: ${Web.percent(train)} of the pairs it was trained on${Number.isFinite(test) ? `, ${Web.percent(test)} of the others` : ""}`;
    this.element.setAttribute("aria-valuetext", words);
  }
};

// Shares of the trained and of the other pairs that are right.
Web.shares = (run, right) => {
  const n = [0, 0], all = [0, 0];
  for (let i = 0; i < run.mask.length; i++) { const other = 1 - run.mask[i]; all[other]++; n[other] += right[i]; }
  return [n[0] / all[0], all[1] ? n[1] / all[1] : NaN];
};

// ---- which answers are right ------------------------------------------------------------------------------------------------------
Web.Grid = class {
  constructor(act) {
    this.canvas = element("canvas", { role: "img", class: "square" });
    this.small = element("canvas", { class: "small", "aria-hidden": true });
    this.canvas.addEventListener("click", (event) => {
      if (!this.p) return;
      const box = this.canvas.getBoundingClientRect(), cell = (offset, size) => Math.max(0, Math.min(this.p - 1, Math.floor((offset / size) * this.p)));
      act.ask(cell(event.clientY - box.top, box.height), cell(event.clientX - box.left, box.width));
    });
    this.shows = element("select", { "aria-label": "what the cells show", onchange: () => act.grid(this.shows.value) }, element("option", { value: "right" }, "right or wrong"), element("option", { value: "loss" }, "how large the loss is"));
    this.words = element("p", { class: "note" });
    this.element = element("div", {}, this.words, this.canvas, element("div", { class: "row" }, this.shows));
  }
  draw({ run, step, ask, result, grid }) {
    const { p } = run.shape, right = result?.right ?? run.rights?.[step] ?? (this.run === run ? this.right : new Uint8Array(p * p)), page = Web.rgb(this.canvas, "page");
    Object.assign(this, { p, run, right });
    const inks = ["test", "train"].map((name, i) => Web.mix(Web.rgb(this.canvas, name), page, i ? 0.55 : 0.78)); // full colours side by side would flicker
    const square = (name) => element("span", { class: `swatch ${name}`, "aria-hidden": true }), answered = (i) => (right[i] ? inks[run.mask[i]] : page), ramp = Web.ramp(this.canvas), losses = grid === "loss" && result?.losses;
    this.shows.value = grid;
    Web.paint(this.small, p, answered);
    if (losses) { // from one millionth to ten, in powers of ten
      Web.paint(this.canvas, p, (i) => ramp[Math.round(Math.max(0, Math.min(1, (Math.log10(losses[i]) + 6) / 7)) * 127)]);
      this.words.replaceChildren("Light: the right answer is as good as certain, a loss of a millionth or less; dark: the network is sure of a wrong one.");
    } else {
      Web.paint(this.canvas, p, answered);
      this.words.replaceChildren(square("train"), " right, it was trained on; ", square("test"), " right, never seen; empty: wrong. Press a cell to ask its question.");
    }
    const pen = this.canvas.getContext("2d"), [a, b] = ask, size = p > 60 ? 6 : 2, from = (x) => x - (size - 1) / 2;
    for (const [width, name] of [[3, "page"], [1, "ink"]]) {
      pen.lineWidth = width;
      pen.strokeStyle = `rgb(${Web.rgb(this.canvas, name)})`;
      pen.strokeRect(from(b), from(a), size, size);
    }
    const count = right.reduce((sum, value) => sum + value, 0);
    this.canvas.setAttribute("aria-label", `One cell for each of ${Web.whole(p * p)} questions; ${Web.whole(count)} are answered right`);
  }
};

// ---- the score of every answer ----------------------------------------------------------------------------------------------------
Web.Scores = class {
  constructor() { this.element = element("div", { class: "scores", role: "img", "aria-label": "Scores of the possible answers" }); }
  draw({ run, ask, answer }) {
    const { p } = run.shape, right = (ask[0] + ask[1]) % p, width = Math.max(300, this.element.clientWidth), step = (width - 20) / p;
    const mean = answer.logits.reduce((sum, logit) => sum + logit / p, 0), logits = answer.logits.map((logit) => logit - mean); // what all have alike decides nothing
    const most = Math.max(...logits), span = Math.max(most - Math.min(...logits), 1e-6), height = (value) => (value / span) * 64;
    const zero = 14 + height(most), drawing = element("svg", { viewBox: `0 0 ${width} 104`, "aria-hidden": true });
    for (let c = 0; c < p; c++) {
      const h = height(logits[c]), name = c === right ? "right" : c === answer.best ? "best" : "";
      drawing.append(element("rect", { x: 10 + c * step, y: h > 0 ? zero - h : zero, width: step * 0.8, height: Math.max(Math.abs(h), 0.5), class: `bar ${name}` }));
    }
    const x = Math.max(16, Math.min(width - 16, 10 + (answer.best + 0.4) * step));
    drawing.append(element("text", { x, y: 10, "text-anchor": "middle" }, String(answer.best)));
    for (const [at, words, anchor] of [[10, "0", "start"], [width / 2, "score of every possible answer", "middle"], [width - 10, String(p - 1), "end"]]) {
      drawing.append(element("text", { x: at, y: 101, class: "tick", "text-anchor": anchor }, words));
    }
    this.element.replaceChildren(drawing);
    this.element.setAttribute("aria-label", `Scores of the ${p} possible answers; ${answer.best} has the largest`);
  }
};

// ---- where each head looks --------------------------------------------------------------------------------------------------------
Web.Attention = class {
  constructor(act) { this.act = act; this.element = element("div", { class: "attention" }); }
  draw({ run, ask, answer, taken }) {
    this.element.hidden = !run.shape.heads;
    if (this.element.hidden) return;
    const rows = answer.attention.map((weights, h) => {
      const names = [String(ask[0]), String(ask[1]), "="], bar = element("span", { class: "bar" });
      weights.forEach((weight, i) => {
        const part = element("span", { class: `part part-${i}` }, weight > 0.12 ? names[i] : "");
        part.style.flexGrow = Math.max(weight, 0.001);
        bar.append(part);
      });
      const words = weights.map((weight, i) => `${Math.round(100 * weight)}\u202f% to ${names[i]}`).join(", ");
      const button = element("button", { type: "button", class: "chip", "aria-pressed": taken.h.has(h), "aria-label": `take out head ${h}`, "data-key": `h${h}`, onclick: () => this.act.take("h", [h]) }, `head ${h}`);
      return element("div", { class: "head", title: words }, button, bar);
    });
    Web.replaceKeepingFocus(this.element, element("span", { class: "note" }, "Where each head looks; press one to take it out."), ...rows);
  }
};

// ---- the waves of the embedding ---------------------------------------------------------------------------------------------------
Web.Spectrum = class {
  constructor(act) {
    this.act = act;
    this.cursor = 1;
    this.bars = element("div", { class: "spectrum", tabindex: 0, role: "listbox", "aria-multiselectable": true, "aria-label": "Frequencies of the embedding; Enter takes one out or puts it back" });
    this.chips = element("div", { class: "row chips" });
    this.of = element("select", { "aria-label": "whose waves", onchange: () => act.spectrum(this.of.value) },
      element("option", { value: "embedding" }, "in the embedding"), element("option", { value: "neurons" }, "in what the neurons get of a"), element("option", { value: "answers" }, "in what the neurons give to the answers"));
    this.element = element("div", {}, element("div", { class: "row" }, this.of), this.bars, this.chips);
    this.bars.addEventListener("click", (event) => { const k = event.target.closest("[data-k]")?.dataset.k; if (k) { this.cursor = +k; act.take("k", [+k]); } });
    this.bars.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1, Home: -999, End: 999 }[event.key];
      if (move) { event.preventDefault(); this.cursor = Math.max(1, Math.min(this.n, this.cursor + move)); this.draw(this.view); }
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act.take("k", [this.cursor]); }
    });
  }
  draw(view) {
    const { run, step, taken, network } = (this.view = view), { spectrum } = view, other = spectrum === "neurons" ? network?.received : spectrum === "answers" ? network?.given() : null;
    const norms = other ?? run.norms[step], n = (this.n = norms.length), width = 400, height = 220;
    this.of.value = spectrum;
    this.cursor = Math.min(this.cursor, n);
    const unit = (width - 16) / n, most = Math.max(...norms, ...(other ? [] : run.norms[run.norms.length - 1]), 1e-9), shown = Web.largest(norms, 5);
    const drawing = element("svg", { viewBox: `0 0 ${width} ${height + 40}` });
    norms.forEach((norm, i) => {
      const k = i + 1, out = taken.k.has(k), h = (norm / most) * (height - 24), x = 8 + i * unit, special = shown.includes(k);
      const bar = element("g", { class: `frequency${out ? " out" : special ? " key" : ""}`, id: `frequency-${k}`, role: "option", "aria-selected": out, "aria-label": `frequency ${k}${out ? ", taken out" : ""}`, "data-k": k },
        element("rect", { class: "hit", x, y: 0, width: unit, height: height + 38 }), element("rect", { class: "value", x: x + unit * 0.1, y: height - h, width: unit * 0.8, height: Math.max(h, 0.5) }));
      if (special || (out && taken.k.size < 8)) bar.append(element("text", { x: x + unit / 2, y: height - h - 6, "text-anchor": shown.includes(k + 1) ? "end" : shown.includes(k - 1) ? "start" : "middle" }, String(k)));
      if (k === this.cursor) bar.append(element("path", { class: "cursor", d: `M${x + unit / 2 - 5} ${height + 10}l5 -8l5 8z` }));
      drawing.append(bar);
    });
    drawing.append(element("path", { d: `M8 ${height}H${width - 8}`, class: "rule" }));
    for (const k of [1, ...[10, 20, 30, 40].filter((tick) => tick < n - 4), n]) drawing.append(element("text", { x: 8 + (k - 0.5) * unit, y: height + 22, class: "tick", "text-anchor": "middle" }, String(k)));
    drawing.append(element("text", { x: width / 2, y: height + 37, class: "tick", "text-anchor": "middle" }, "frequency"));
    this.bars.replaceChildren(drawing);
    this.bars.setAttribute("aria-activedescendant", `frequency-${this.cursor}`);
    const listed = [...new Set([...shown, ...(taken.k.size < 8 ? taken.k : [])])].sort((x, y) => x - y);
    const chip = (k) => element("button", { type: "button", class: "chip", "data-key": `k${k}`, "aria-pressed": taken.k.has(k), "aria-label": `take out frequency ${k}`, onclick: () => this.act.take("k", [k]) }, String(k));
    Web.replaceKeepingFocus(this.chips, element("span", {}, "Take out: "), ...listed.map(chip));
  }
};
// The n largest of an array, as numbers counted from 1, in order.
Web.largest = (values, n) => [...values].map((value, i) => [value, i + 1]).sort((x, y) => y[0] - x[0]).slice(0, n).map(([, k]) => k).sort((x, y) => x - y);

// ---- one neuron -------------------------------------------------------------------------------------------------------------------
Web.NeuronMap = class {
  constructor(act) {
    this.act = act;
    this.canvas = element("canvas", { role: "img", class: "square" });
    this.words = element("p", { class: "note" });
    this.axis = element("input", { type: "range", min: 1, "aria-label": "by what the axes are multiplied", oninput: () => act.axis(+this.axis.value) });
    this.factor = element("output");
    this.number = element("input", { type: "number", min: 0, "aria-label": "neuron", oninput: () => { const m = +this.number.value; if (this.number.value !== "" && Number.isInteger(m) && m >= 0 && m < this.H) act.neuron(m); } });
    const button = (words, act_, label) => element("button", { type: "button", onclick: act_, ...(label ? { "aria-label": label } : {}) }, words);
    this.out = button("take it out", () => act.take("n", [this.m]));
    this.outAll = button("take out all of its frequency", () => act.take("n", this.family));
    this.element = element("div", {}, this.words, this.canvas,
      element("div", { class: "row" }, element("span", {}, "axes × ", this.factor), this.axis, button("snap to its own wave", () => act.snap(this.own))),
      element("div", { class: "row" }, button("‹", () => act.neuron((this.m + this.H - 1) % this.H), "previous neuron"), element("label", {}, "neuron ", this.number), button("›", () => act.neuron((this.m + 1) % this.H), "next neuron")),
      element("div", { class: "row" }, this.out, this.outAll));
  }
  draw({ run, network, neuron, axis, taken, frequencies }) {
    const { p, H } = run.shape, map = network.neuron(neuron), most = Math.max(...map, 1e-9);
    Object.assign(this, { m: neuron, H, own: frequencies[neuron], family: [...frequencies.keys()].filter((m) => m < H && frequencies[m] === frequencies[neuron]) });
    Web.ordered(this.canvas, map, p, axis, 0, most);
    this.axis.max = Math.floor(p / 2);
    this.axis.value = axis;
    this.factor.textContent = axis;
    if (document.activeElement !== this.number) this.number.value = neuron;
    this.number.max = H - 1;
    this.out.textContent = taken.n.has(neuron) ? "put it back" : "take it out";
    this.outAll.textContent = `take out all ${this.family.length} of frequency ${this.own}`;
    const own = axis === this.own ? ": its own wave" : "";
    this.words.textContent = `How strongly neuron ${neuron} fires, with questions in the order of ${axis}·a and ${axis}·b${own}.`;
    this.canvas.setAttribute("aria-label", `Neuron ${neuron} on all questions, axes multiplied by ${axis}; it follows frequency ${this.own}`);
  }
};

// ---- the residues on the circle of one frequency ----------------------------------------------------------------------------------
Web.Circle = class {
  constructor(act) {
    this.words = element("p", { class: "note" });
    this.figure = element("div", { class: "circle", role: "img" });
    this.turn = element("input", { type: "range", min: 0, value: 0, "aria-label": "by how many residues the clocks are turned", oninput: () => act.turn(+this.turn.value) });
    this.by = element("output");
    this.axis = element("input", { type: "range", min: 1, "aria-label": "frequency of the clock", oninput: () => act.axis(+this.axis.value) });
    this.k = element("output");
    this.element = element("div", {}, this.words, this.figure, element("div", { class: "row" }, element("span", {}, "frequency ", this.k), this.axis), element("div", { class: "row" }, element("span", {}, "turn the clocks by ", this.by), this.turn));
  }
  draw({ run, network, ask, axis, turn }) {
    const { p } = run.shape, points = network.circle(axis, turn), reach = Math.max(...points.map(([x, y]) => Math.hypot(x, y)), 1e-9), size = 240;
    const place = ([x, y]) => [size / 2 + (x / reach) * 108, size / 2 - (y / reach) * 108], drawing = element("svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": true });
    for (const point of points) { const [x, y] = place(point); drawing.append(element("circle", { cx: x, cy: y, r: 2.6, class: "residue" })); }
    for (const residue of new Set(ask)) {
      const [x, y] = place(points[residue]), right = x > size / 2;
      drawing.append(element("circle", { cx: x, cy: y, r: 5.5, class: "residue asked" }), element("text", { x: x + (right ? 9 : -9), y: y + 4, "text-anchor": right ? "start" : "end" }, String(residue)));
    }
    this.figure.replaceChildren(drawing);
    this.axis.max = Math.floor(p / 2);
    this.axis.value = axis;
    this.k.textContent = axis;
    this.turn.max = p - 1;
    this.turn.value = turn;
    this.by.textContent = turn;
    this.words.textContent = `The ${p} residues in the plane of frequency ${axis}; a and b are marked. Where it is a key of the network they lie on a circle.`;
    this.figure.setAttribute("aria-label", `The residues in the plane of frequency ${axis}`);
  }
};
