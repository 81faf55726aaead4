// The explorer: a network of the book, to look at, to question and to take apart.
//
// <div class="web explorer" data-run="ID" data-step="6600"></div> becomes one. Everything that can be set is in `view`; `show` changes it, draws
// what depends on the change, and writes the address.
"use strict";

Web.Explorer = class {
  constructor(root) {
    this.root = root;
    const act = {
      step: (step) => this.move(step),
      ask: (a, b) => this.show({ ask: [a, b] }),
      neuron: (neuron) => this.show({ neuron }),
      axis: (axis) => this.show({ axis }),
      turn: (turn) => this.show({ turn }),
      grid: (grid) => this.show({ grid }),
      spectrum: (spectrum) => this.show({ spectrum }),
      take: (kind, members) => this.take(kind, members),
      snap: (to) => this.snap(to),
    };
    this.parts = { curve: new Web.Curve(act), grid: new Web.Grid(act), scores: new Web.Scores(), attention: new Web.Attention(act), spectrum: new Web.Spectrum(act), neuron: new Web.NeuronMap(act), circle: new Web.Circle(act) };
    this.build(act);
    this.networks = new Web.Kept();
    this.patience = 150; // milliseconds
    this.begin();
    Web.redrawn(root, () => this.view && this.draw());
  }

  async begin() {
    const { root } = this, f = Web.field;
    try {
      [this.home] = await Web.named(root.dataset.run);
    } catch {
      this.lede.textContent = "The data of this page could not be loaded.";
      return;
    }
    const fields = { run: f.word(this.home), step: f.whole(-1), ask: f.pair(), neuron: f.whole(0), axis: f.whole(-1), turn: f.whole(0), out: f.taken(), mean: f.whole(0), grid: f.word("right"), spectrum: f.word("embedding") };
    this.address = new Web.Address(fields, (said) => this.open(said));
    this.open(this.address.read());
  }

  // ---- the page -------------------------------------------------------------------------------------------------------------------
  build(act) {
    const { parts } = this, button = (words, onclick) => element("button", { type: "button", onclick }, words);
    const panel = (title, words, ...content) => element("section", { class: "panel" }, element("h2", {}, title), ...(words ? [element("p", { class: "note" }, ...words)] : []), ...content);
    this.lede = element("p", { class: "lede", "aria-live": "polite" });
    this.choice = element("select", { "aria-label": "which network", onchange: () => this.open({ run: this.choice.value }) });
    this.inputs = ["a", "b"].map((name, i) => element("input", { type: "number", min: 0, "aria-label": name, oninput: () => this.asked(i) }));
    this.says = element("output");
    this.modulus = element("span");
    this.byHand = element("a", { class: "note", hidden: "" }, "this sum by hand");
    this.verdict = element("p", { "aria-live": "polite" });
    this.mean = element("input", { type: "checkbox", onchange: () => this.show({ mean: +this.mean.checked, result: null }) });
    this.root.replaceChildren(
      element("div", { class: "row" }, element("label", {}, "The network: ", this.choice)),
      this.lede,
      element("div", { class: "sticky" }, parts.curve.element),
      element("div", { class: "row ask" }, this.inputs[0], " + ", this.inputs[1], this.modulus, this.says, this.byHand),
      parts.scores.element, parts.attention.element,
      element("div", { class: "verdict" }, parts.grid.small, this.verdict),
      element("div", { class: "panels" },
        panel("All questions", null, parts.grid.element),
        panel("Waves, by frequency", ["Press one to take it out of the embedding."], parts.spectrum.element,
          element("div", { class: "row" }, button("take out five random ones", () => this.takeRandom(5)), button("as many random parts instead", () => this.swapForRandom()), button("keep the keys alone", () => this.keepKeys()), button("put everything back", () => this.show({ taken: none(), turn: 0, result: null }))),
          element("label", { class: "row" }, this.mean, "heads and neurons leave their mean behind, not zero")),
        panel("One neuron, all questions", null, parts.neuron.element),
        panel("The clock of one frequency", null, parts.circle.element)));
  }

  asked(i) {
    const input = this.inputs[i], value = Number(input.value), ask = [...this.view.ask];
    if (input.value === "" || !Number.isInteger(value) || value < 0 || value >= this.view.run.shape.p) return;
    ask[i] = value;
    this.show({ ask });
  }

  // ---- which run ------------------------------------------------------------------------------------------------------------------
  async open(said) {
    const id = said.run ?? this.view?.run.id ?? this.home, mine = (this.opening = {});
    let run;
    try {
      [run] = await Promise.all([Web.runOf(id), this.list()]);
    } catch {
      if (this.view) return;
      if (id !== this.home) { this.open({ ...said, run: this.home }); return; } // an address that names no run
      this.lede.textContent = "The data of this network could not be loaded.";
      return;
    }
    if (mine !== this.opening) return;
    const { p, H } = run.shape, within = (value, most, usual) => (Number.isInteger(value) && value >= 0 && value < most ? value : usual);
    const step = said.step ?? (id === this.home ? Number(this.root.dataset.step ?? run.steps[run.steps.length - 1]) : run.steps[run.steps.length - 1]);
    const nearest = run.steps.reduce((best, value, i) => (Math.abs(value - step) < Math.abs(run.steps[best] - step) ? i : best), 0);
    const axis = within(said.axis, Math.floor(p / 2) + 1, 0) || run.keys[0] || 1, taken = said.out ?? none();
    for (const [kind, most] of [["k", Math.floor(p / 2) + 1], ["h", run.shape.heads ?? 1], ["n", H]]) taken[kind] = new Set([...taken[kind]].filter((i) => i < most && (kind !== "k" || i > 0)));
    const ask = (said.ask ?? [37, 95]).map((residue) => residue % p);
    this.view = { run, ask, axis, taken, step: nearest, neuron: within(said.neuron, H, 0), turn: within(said.turn, p, 0), mean: said.mean ? 1 : 0, grid: said.grid === "loss" ? "loss" : "right", spectrum: ["neurons", "answers"].includes(said.spectrum) ? said.spectrum : "embedding", result: null, network: null };
    this.choice.value = id;
    this.modulus.textContent = ` mod ${p} = `;
    this.inputs.forEach((input) => { input.max = p - 1; });
    this.draw();
    this.compute();
    this.address.write(this.said());
  }

  async list() {
    if (this.choice.options.length) return;
    for (const { title, runs } of (await Web.bring("data/runs.js")).groups) {
      this.choice.append(element("optgroup", { label: title }, ...runs.map(([id, words]) => element("option", { value: id }, words))));
    }
  }

  said() {
    const { run, step, ask, neuron, axis, turn, taken, mean, grid, spectrum } = this.view;
    return { run: run.id, step: run.steps[step], ask, neuron, axis, turn, out: taken, mean, grid, spectrum };
  }

  // ---- what is done to it ---------------------------------------------------------------------------------------------------------
  show(change) {
    Object.assign(this.view, change);
    const { taken, turn, mean, step, ...only } = change;
    this.address.write(this.said());
    if (taken || turn !== undefined || mean !== undefined || step !== undefined) { this.draw(); this.later(); } else this.draw(Object.keys(only));
  }

  // The curve runs ahead of the weights: what is right is known of every step, and loaded when it is first moved.
  move(step) {
    const { run } = this.view;
    this.show({ step, result: null });
    if (!run.rights) Web.rightsOf(run).then(() => run === this.view.run && this.draw(["result"]), () => {}); // without it the weights tell
  }

  take(kind, members) {
    const taken = Object.fromEntries(Object.entries(this.view.taken).map(([name, set]) => [name, new Set(set)]));
    const all = members.every((i) => taken[kind].has(i));
    for (const i of members) taken[kind][all ? "delete" : "add"](i);
    this.show({ taken, result: null });
  }

  takeRandom(n) {
    this.show({ taken: { ...this.view.taken, k: new Set(Web.draw(n, this.view.run.norms[0].length, [])) }, result: null });
  }

  // As many random parts of a kind as are out: others, or any where there are too few others.
  random(kind) {
    const { taken, run } = this.view, size = taken[kind].size, most = { k: run.norms[0].length, h: run.shape.heads ?? 0, n: run.shape.H }[kind];
    return Web.draw(size, most, 2 * size <= most ? [...taken[kind]] : [], kind === "k" ? 1 : 0);
  }

  swapForRandom() {
    this.show({ taken: Object.fromEntries(Object.keys(none()).map((kind) => [kind, new Set(this.random(kind))])), result: null });
  }

  keepKeys() {
    const { run, taken } = this.view;
    this.show({ taken: { ...taken, k: new Set(run.norms[0].map((_, i) => i + 1).filter((k) => !run.keys.includes(k))) }, result: null });
  }

  // The axes run to the neuron's own frequency, and noise becomes a wave.
  snap(to) {
    const run = () => {
      if (this.view.axis === to) return;
      this.show({ axis: this.view.axis + Math.sign(to - this.view.axis) });
      setTimeout(run, matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 40);
    };
    run();
  }

  changes(taken = this.view.taken) {
    const { run, turn, mean } = this.view;
    return { gain: new Map([...taken.k].map((k) => [k, 0])), turn, turned: run.keys, heads: taken.h, neurons: taken.n, toMean: !!mean };
  }

  // ---- the network at this step ---------------------------------------------------------------------------------------------------
  later() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.compute(), this.view.network ? 60 : 0);
  }

  async compute() {
    const { run, step } = this.view, mine = (this.running = {});
    let found;
    try {
      found = await this.networks.at(run, run.steps[step]);
    } catch (error) {
      this.verdict.textContent = `${error.message}.`;
      return;
    }
    if (mine !== this.running || run !== this.view.run) return;
    found.network.arrange(this.changes());
    Object.assign(this.view, { network: found.network, frequencies: (found.frequencies ??= found.network.frequencies()), weightsOf: found.step });
    this.draw(["network"]);
    const begun = performance.now();
    const partly = (accuracy) => { // on a slow machine a third of the questions is told first
      if (mine !== this.running || performance.now() - begun < this.patience) return;
      this.view.partly = accuracy;
      this.draw(["result"]);
    };
    this.all(found.network, (result) => {
      if (mine !== this.running) return;
      Object.assign(this.view, { result, partly: null });
      this.root.dataset.milliseconds = result.busy.toFixed(1);
      this.draw(["result"]);
      this.control(found.network, mine);
    }, partly);
  }

  // Every question, every third a first: then partly(the share that is right) is called, and done(everything) at the end.
  all(network, done, partly = () => {}) {
    if (!this.pairs?.fits(network)) this.pairs = new Web.AllPairs(network);
    const { p } = network, { turn, run } = this.view, pairs = this.pairs.load(network);
    const order = [0, 1, 2].flatMap((rest) => Array.from({ length: Math.ceil((p - rest) / 3) }, (_, i) => rest + 3 * i)), third = Math.ceil(p / 3);
    let rightSoFar = 0;
    Web.inSlices(p, (from, to) => {
      for (let i = from; i < to; i++) {
        rightSoFar += pairs.rows(order[i], order[i] + 1);
        if (i + 1 === third) partly(rightSoFar / (third * p));
      }
    }, (busy) => {
      const { best, losses } = pairs, right = new Uint8Array(p * p);
      let loss = 0, count = 0, turned = 0;
      for (let i = 0; i < p * p; i++) {
        const a = Math.floor(i / p), sum = a + (i % p);
        right[i] = best[i] === sum % p;
        turned += best[i] === (sum + 2 * turn) % p;
        count += right[i];
        loss += losses[i];
      }
      const [train, test] = Web.shares(run, right);
      done({ right, losses: losses.slice(), busy, accuracy: count / (p * p), loss: loss / (p * p), turned: turned / (p * p), train, test });
    });
  }

  // The same with as many random frequencies or neurons taken out instead: what removing just anything does.
  control(network, mine) {
    const { taken, turn, result } = this.view, kind = taken.k.size && !taken.n.size ? "k" : taken.n.size && !taken.k.size ? "n" : null;
    if (!kind || turn || taken.h.size) return;
    const members = this.random(kind);
    network.arrange(this.changes({ ...none(), [kind]: new Set(members) }));
    this.all(network, ({ accuracy }) => {
      network.arrange(this.changes());
      if (mine !== this.running) return;
      result.control = { kind, n: members.length, accuracy };
      this.draw(["control"]);
    });
  }

  // ---- drawing --------------------------------------------------------------------------------------------------------------------
  draw(what = ["all"]) {
    const { view, parts } = this, is = (...names) => what.includes("all") || names.some((name) => what.includes(name));
    const { ask, network } = view;
    if (is()) { parts.curve.draw(view); this.drawLede(); this.mean.checked = !!view.mean; }
    if (is("spectrum") || (is("network") && view.spectrum !== "embedding")) parts.spectrum.draw(view);
    if (is("ask")) this.inputs.forEach((input, i) => { if (document.activeElement !== input) input.value = ask[i]; });
    if (network && is("ask", "network")) {
      const answer = network.question(...ask), { logits } = answer;
      answer.best = logits.indexOf(Math.max(...logits));
      view.answer = answer;
      parts.scores.draw(view);
      parts.attention.draw(view);
      this.drawAnswer(answer);
    }
    if (is("ask", "result", "grid")) parts.grid.draw(view);
    if (network && is("neuron", "axis", "network")) parts.neuron.draw(view);
    if (network && is("ask", "axis", "network")) parts.circle.draw(view);
    if (is("result", "control", "step")) this.drawVerdict();
  }

  drawLede() {
    const { run, step } = this.view, [train, test] = run.accuracy[step], strong = (words, name) => element("b", name ? { class: name } : {}, words);
    const to = (words, target) => run.steps.length < 2 ? words : element("button", { type: "button", class: "word", onclick: () => this.move(run.steps.reduce((best, value, i) => (Math.abs(value - target) < Math.abs(run.steps[best] - target) ? i : best), 0)) }, words);
    const words = ["After ", strong(Web.whole(run.steps[step])), " steps the network answers ", strong(Web.percent(train), "train"), " of the questions that it was trained on"];
    if (Number.isFinite(test)) words.push(" and ", strong(Web.percent(test), "test"), " of those that it never saw");
    words.push(". ");
    if (run.memorized && run.grokked) words.push("It had ", to(`learned its list by heart at step ${Web.whole(run.memorized)}`, run.memorized), ", and ", to(`understood at step ${Web.whole(run.grokked)}`, run.grokked), ".");
    else if (run.memorized) words.push("It has ", to(`learned its list by heart at step ${Web.whole(run.memorized)}`, run.memorized), " and nothing else.");
    this.lede.replaceChildren(...words);
  }

  drawAnswer({ best, logits }) {
    const { ask, run } = this.view, { p } = run.shape, right = (ask[0] + ask[1]) % p, most = logits[best];
    const sure = 1 / logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0), seen = run.mask[ask[0] * p + ask[1]] ? seriesOf.train : seriesOf.test;
    this.says.replaceChildren(element("b", {}, String(best)), element("span", { class: "note" }, ` ${best === right ? "right" : `wrong: it is ${right}`} · ${Web.percent(sure)} sure · ${seen}`));
    this.byHand.hidden = run.id !== this.home;
    this.byHand.href = new URL(`../chapters/transformer/by-hand.html#sum.a=${ask[0]}&sum.b=${ask[1]}`, Web.root).href;
  }

  drawVerdict() {
    const { taken, result, partly, turn, run, step, weightsOf, mean } = this.view;
    const parts = [["k", "frequency", "frequencies"], ["h", "head", "heads"], ["n", "neuron", "neurons"]].filter(([kind]) => taken[kind].size).map(([kind, one, many]) => {
      const members = [...taken[kind]].sort((x, y) => x - y), left = kind === "k" ? run.norms[0].map((_, i) => i + 1).filter((k) => !taken.k.has(k)) : [];
      if (left.length && left.length < 7 && members.length > 6) return `all frequencies but ${Web.list(left.map(String))}`;
      return members.length > 6 ? `${members.length} ${many}` : `${members.length > 1 ? many : one} ${Web.list(members.map(String))}`;
    });
    if (!result) { this.verdict.textContent = partly ? `About ${Web.percent(partly)} of all questions right, by a third of them …` : "…"; return; }
    const words = [parts.length ? `Without ${Web.list(parts)}${mean && (taken.h.size || taken.n.size) ? " (their mean is left)" : ""}: ` : turn ? "" : "Nothing is taken out: "];
    if (turn) words.push(element("b", {}, Web.percent(result.turned)), ` of all questions answered a + b + ${2 * turn}, as turned clocks ask; `);
    words.push(element("b", {}, Web.percent(result.accuracy)), ` of all ${Web.whole(run.mask.length)} questions right, loss ${Web.number(result.loss)}.`);
    if (result.control) words.push(` With ${result.control.n > 1 ? `${result.control.n} random ${result.control.kind === "k" ? "frequencies" : "neurons"}` : `a random ${result.control.kind === "k" ? "frequency" : "neuron"}`} out instead: ${Web.percent(result.control.accuracy)}.`);
    if (weightsOf !== run.steps[step]) words.push(` (Weights of step ${Web.whole(weightsOf)}, the nearest kept here.)`);
    this.verdict.replaceChildren(...words);
  }
};

const none = () => ({ k: new Set(), h: new Set(), n: new Set() });

// n different numbers from first to most, none of `without`.
Web.draw = (n, most, without, first = 1) => {
  const free = Array.from({ length: most }, (_, i) => i + first).filter((i) => !without.includes(i));
  for (let i = free.length - 1; i > 0; i--) { const j = Math.floor(Math.random() * (i + 1)); [free[i], free[j]] = [free[j], free[i]]; }
  return free.slice(0, n);
};

for (const root of document.querySelectorAll(".web.explorer")) root.explorer = new Web.Explorer(root);
