// The lab: the two-layer network, trained in the page. <div class="web lab"></div> becomes one.
"use strict";
const { element } = Web;

const SETTINGS = {
  p: { words: "modulus", usual: 31, least: 5, most: 59, step: 2 },
  H: { words: "neurons", usual: 512, least: 16, most: 1024, step: 16 },
  share: { words: "trained on, %", usual: 50, least: 10, most: 95, step: 5 },
  decay: { words: "weight decay", usual: 2, least: 0, most: 10, step: 0.25 },
  lr: { words: "learning rate, thousandths", usual: 1, least: 0.1, most: 5, step: 0.1 },
  seed: { words: "seed", usual: 0, least: 0, most: 9999, step: 1 },
};
const PACES = [["slow", 100], ["as the eye follows", 400], ["as fast as it goes", 1e9]];

// Stations of the tour: what to set, how far to run, and what to look at. When things happen is measured on recorded runs of these settings.
const STATIONS = ({ memorized, understood, steps }) => [
  ["1. Learn by heart", {}, hundreds(1.4 * memorized), `The network is trained on half of the questions. After some ${Web.whole(memorized)} steps it knows all of them, and none of those that it has seen in neither order.`],
  ["2. Understand", {}, hundreds(1.3 * understood), `Nothing seems to happen for a while. Then, at about step ${Web.whole(understood)}, the third curve is up: the network answers questions that it has never seen. Look at the ring: the neurons have found their waves.`],
  ["3. Without decay", { decay: 0 }, steps, "The same network, but large weights cost nothing. It keeps its list, and the third curve stays far below."],
  ["4. A quarter of the questions", { share: 25 }, steps, "Here the list is too short. It is learned as before, and nothing follows."],
  ["5. Mirror images", { share: 75 }, hundreds(understood), "The second curve rises with the first: this network cannot tell a + b from b + a, so it knows the mirror image of whatever it was trained on. Count those as unseen, and there is no plateau."],
];
const hundreds = (step) => 100 * Math.ceil(step / 100);

// The two challenges: who takes one starts anew, and a line says how far the run has got. It understands when nearly all of what it saw in neither
// order is right; the fewer questions it was trained on, the better. `keeps` says what must not be changed.
const usualModulus = ({ p }) => (p === SETTINGS.p.usual ? null : `the modulus has to stay ${SETTINGS.p.usual}.`);
const CHALLENGES = [
  { words: "Challenge: the shortest list", start: { share: 40 }, keeps: usualModulus,
    told: "How short can the list be? Everything may be changed but the modulus. It counts when 95\u202f% of the questions that were seen in neither order are answered." },
  { words: "Challenge: no decay", start: { decay: 0, share: 75 }, keeps: (settings) => (settings.decay === 0 ? usualModulus(settings) : "the weight decay has to stay 0 all the while."),
    told: "Without any weight decay, which share of the questions do you have to give away before it understands all the same? It counts when 95\u202f% of the questions that were seen in neither order are answered." },
];

Web.Lab = class {
  constructor(root) {
    this.root = root;
    root.replaceChildren();
    this.settings = Object.fromEntries(Object.entries(SETTINGS).map(([name, { usual }]) => [name, usual]));
    this.settings.activation = "relu";
    this.pace = PACES[1][1];
    this.running = false;
    const f = Web.field, number = (usual) => ({ read: (text) => (/^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined), write: (value) => (value === usual ? "" : String(value)) });
    const fields = Object.fromEntries(Object.entries(SETTINGS).map(([name, { usual }]) => [name, number(usual)]));
    this.address = new Web.Address({ ...fields, activation: f.word("relu") }, (said) => this.open(said));
    this.begin();
  }

  async begin() {
    try {
      this.measured = await Web.bring("data/lab.js");
    } catch {
      this.root.textContent = "The data of this page could not be loaded.";
      return;
    }
    this.build();
    this.open(this.address.read());
    Web.redrawn(this.root, () => this.draw());
  }

  build() {
    const button = (words, onclick, label) => element("button", { type: "button", onclick, ...(label ? { "aria-label": label } : {}) }, words);
    this.inputs = {};
    const field = (name) => {
      const { words, least, most, step } = SETTINGS[name];
      this.inputs[name] = element("input", { type: "number", min: least, max: most, step, "aria-label": words, onchange: () => this.change(name) });
      return element("label", {}, `${words} `, this.inputs[name]);
    };
    this.activation = element("select", { "aria-label": "activation", onchange: () => { this.settings.activation = this.activation.value; this.start(); } },
      element("option", { value: "relu" }, "ReLU"), element("option", { value: "quad" }, "squares"));
    this.go = button("train", () => this.toggle());
    this.paces = element("select", { "aria-label": "pace", onchange: () => { this.pace = +this.paces.value; if (this.running) this.worker.postMessage({ run: this.pace }); } },
      ...PACES.map(([words, pace]) => element("option", { value: pace }, words)));
    this.paces.value = this.pace;
    this.stations = element("div", { class: "row" }, ...STATIONS(this.measured).map((station) => button(station[0], () => this.visit(station))),
      ...CHALLENGES.map((challenge) => button(challenge.words, () => this.take(challenge))));
    this.words = element("p", { class: "lede", "aria-live": "polite" }, "Press “train”, or take one of the five stations or of the two challenges.");
    this.verdict = element("p", { class: "says", hidden: "" });
    this.curve = element("div", { class: "curve", tabindex: 0, role: "slider", "aria-label": "Go back along the training" });
    this.curve.addEventListener("click", (event) => this.back((event.clientX - this.curve.getBoundingClientRect().left - 46) / (this.curve.clientWidth - 62)));
    this.curve.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -100, ArrowDown: -100, PageDown: -500, Home: -1e9 }[event.key];
      if (move && this.state) { event.preventDefault(); this.worker.postMessage({ back: Math.max(0, this.state.state + move) }); }
    });
    this.line = element("p", {});
    this.grid = element("canvas", { class: "square", role: "img" });
    this.ring = element("div", { class: "ring", role: "img" });
    this.spectrum = element("div", { class: "spectrum", role: "img" });
    this.command = element("code", {});
    this.reading = element("code", {});
    this.file = element("a", { download: "lab.safetensors", class: "button" }, "download this network");
    const panel = (title, words, ...content) => element("section", { class: "panel" }, element("h2", {}, title), element("p", { class: "note" }, ...words), ...content);
    const square = (name) => element("span", { class: `swatch ${name}`, "aria-hidden": true });
    this.root.replaceChildren(
      this.stations, this.words, this.verdict,
      element("div", { class: "row" }, this.go, button("one step", () => this.worker.postMessage({ step: 1 })), button("start again", () => this.start()), this.paces),
      this.curve, element("p", { class: "note" }, "Press on the curve, or use the left arrow key on it, to go back to an earlier step."),
      element("div", { class: "verdict" }, this.line),
      element("div", { class: "row settings" }, ...Object.keys(SETTINGS).map(field), this.activation),
      element("div", { class: "panels" },
        panel("Which answers are right", [square("train"), " trained on; ", square("restricted"), " its mirror image was; ", square("test"), " never seen; empty: wrong."], this.grid),
        panel("The neurons' waves", ["Each dot is a neuron: how strong the wave of its main frequency is, and with which phase. The colour is the frequency."], this.ring),
        panel("Frequencies in the weights", ["How much of what the residues give to the neurons is in each frequency."], this.spectrum),
        panel("The same with the package", ["The same pairs, the same steps, other initial weights; all figures and measurements of the book for it."], element("p", {}, this.command), element("p", {}, this.file, ", and read it:"), element("p", {}, this.reading))));
  }

  open(said) {
    for (const [name, { least, most, step }] of Object.entries(SETTINGS)) {
      if (said[name] === undefined) continue;
      const value = Math.min(most, Math.max(least, said[name]));
      this.settings[name] = name === "p" ? Math.floor((value - 1) / 2) * 2 + 1 : step >= 1 ? Math.round(value / step) * step : value;
    }
    if (said.activation === "quad" || said.activation === "relu") this.settings.activation = said.activation;
    this.start();
  }

  // Decay and rate change while it runs; everything else begins anew.
  change(name) {
    const { least, most } = SETTINGS[name], value = Number(this.inputs[name].value);
    if (this.inputs[name].value === "" || !(value >= least && value <= most)) { this.inputs[name].value = this.settings[name]; return; }
    if (name === "decay" || name === "lr") {
      this.settings[name] = value;
      this.worker.postMessage({ set: { decay: this.settings.decay, lr: this.settings.lr / 1000 } });
      this.say();
    } else this.open({ [name]: value });
  }

  start() {
    this.worker?.terminate();
    this.running = false;
    this.until = null;
    this.state = null;
    const source = URL.createObjectURL(new Blob([`(${Web.labWorker.toString()})()`], { type: "text/javascript" }));
    this.worker = new Worker(source);
    URL.revokeObjectURL(source);
    this.worker.onmessage = ({ data }) => this.hear(data);
    const { p, H, share, decay, lr, seed, activation } = this.settings;
    this.worker.postMessage({ core: Web.bytes(CORE), start: { p, H, activation, share: share / 100, lr: lr / 1000, decay, seed } });
    for (const name of Object.keys(SETTINGS)) this.inputs[name].value = this.settings[name];
    this.activation.value = activation;
    this.say();
  }

  // The address, the package's command and the buttons for the present settings.
  say() {
    const { p, H, share, decay, lr, seed, activation } = this.settings;
    this.address.write(this.settings);
    this.go.textContent = this.running ? "pause" : "train";
    const fields = [`model.d_mlp=${H}`, `task.train_frac=${share / 100}`, `optim.lr=${+(lr / 1000).toFixed(6)}`, `optim.weight_decay=${decay}`, "steps=5000"];
    if (activation === "quad") fields.push("model.activation=quad");
    const line = (code, words) => code.replaceChildren(...words.split(" ").flatMap((word) => [element("span", {}, word), " "])); // it ends between words alone
    line(this.command, `python -m modaddlab.train mlp-grokking --p ${p} --seed ${seed} ${fields.map((text) => `--set ${text}`).join(" ")} --set name=my-lab`);
    line(this.reading, `python -m modaddlab.read lab.safetensors --activation ${activation} --split seed:${seed} --train-frac ${share / 100}`);
  }

  toggle(run = !this.running) {
    this.running = run;
    this.worker.postMessage(run ? { run: this.pace } : { pause: true });
    this.go.textContent = run ? "pause" : "train";
  }

  visit([, changes, until, words]) {
    this.reset(changes, words);
    this.until = until;
    this.toggle(true);
  }

  take(challenge) {
    this.reset(challenge.start, challenge.told);
    Object.assign(this, { challenge, best: null });
    this.judge();
  }

  reset(changes, words) {
    this.challenge = null;
    this.verdict.hidden = true;
    Object.assign(this.settings, Object.fromEntries(Object.entries(SETTINGS).map(([name, { usual }]) => [name, usual])), { activation: "relu" }, changes);
    this.start();
    this.words.textContent = words;
  }

  // How far a challenge has got: this run, in words and number, and the best so far.
  judge() {
    const { challenge, state, settings } = this;
    if (!challenge) return;
    const fresh = state?.row.shares[2], { share } = settings, broken = [settings, ...(state?.rows ?? []).map(({ decay }) => ({ ...settings, decay }))].map(challenge.keeps).find(Boolean);
    const won = !broken && fresh >= 0.95, right = `${Web.percent(fresh)} of those seen in neither order are right.`;
    if (won) this.best = Math.min(this.best ?? share, share);
    const now = broken ? ["It does not count: ", broken] : won ? ["Understood: ", `with ${share}\u202f% of the questions, at step ${Web.whole(state.row.step)}, ${right}`]
      : ["Not yet: ", state?.row.step ? `with ${share}\u202f% of the questions, at step ${Web.whole(state.row.step)}, ${right}` : "press “train”."];
    this.verdict.hidden = false;
    this.verdict.replaceChildren(element("b", {}, now[0]), now[1], this.best === null ? "" : ` Your best so far: ${this.best}\u202f%.`);
  }

  back(part) {
    if (!this.state?.rows.length) return;
    this.worker.postMessage({ back: Math.max(0, Math.min(1, part)) * this.state.rows[this.state.rows.length - 1].step });
  }

  hear(data) {
    if (data.split) { this.split = data.split; return; }
    this.state = data;
    if (this.running && this.until && data.state >= this.until) { this.until = null; this.toggle(false); }
    this.draw();
    this.worker.postMessage({ seen: true });
  }

  draw() {
    if (!this.state) return;
    const { rows, row, right, weights, speed } = this.state, { p, H } = this.settings;
    this.drawCurve(rows, row);
    this.judge();
    const shares = row.shares.map((share) => (Number.isFinite(share) ? Web.percent(share) : "none")), norm = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0));
    this.line.replaceChildren(element("b", {}, `Step ${Web.whole(row.step)}`), `: right of those trained on ${shares[0]}, of their mirror images ${shares[1]}, never seen in either order ${shares[2]}. Loss ${Web.number(row.loss[0])} on the list and ${Web.number(row.loss[1])} on all others, length of all weights ${Web.number(norm)}${Number.isFinite(speed) ? `, ${Web.whole(Math.round(speed))} steps a second` : ""}.`);
    const page = Web.rgb(this.root, "page"), inks = ["test", "train", "restricted"].map((name) => Web.mix(Web.rgb(this.root, name), page, 0.75));
    Web.paint(this.grid, p, (i) => {
      if (!right[i]) return page;
      const mirror = (i % p) * p + Math.floor(i / p);
      return this.split[i] ? inks[1] : this.split[mirror] ? inks[2] : inks[0];
    });
    this.grid.setAttribute("aria-label", `Which of the ${Web.whole(p * p)} questions are answered right`);
    const waves = Web.waves(weights, p, H);
    this.drawRing(waves, p);
    this.drawSpectrum(waves.energy);
    if (this.file.href) URL.revokeObjectURL(this.file.href);
    this.file.href = URL.createObjectURL(new Blob([Web.safetensors({ "mlp.W_in": [[H, p], transposed(weights.subarray(0, p * H), p, H)], "mlp.W_out": [[p, H], transposed(weights.subarray(p * H), H, p)] })]));
  }

  drawCurve(rows, row) {
    const width = this.curve.clientWidth || 700, height = 170, last = Math.max(rows[rows.length - 1].step, 100), x = (step) => 46 + (step / last) * (width - 62), y = (share) => 148 - 130 * share;
    const drawing = element("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": true });
    for (const share of [0, 0.5, 1]) drawing.append(element("path", { d: `M46 ${y(share)}H${width - 16}`, class: "rule" }), element("text", { x: 40, y: y(share) + 4, class: "tick", "text-anchor": "end" }, `${100 * share}\u202f%`));
    for (const part of [0, 0.5, 1]) drawing.append(element("text", { x: x(part * last), y: 166, class: "tick", "text-anchor": part === 1 ? "end" : "middle" }, Web.whole(Math.round(part * last))));
    ["train", "restricted", "test"].forEach((name, i) => {
      const shown = rows.filter(({ shares }) => Number.isFinite(shares[i]));
      if (shown.length) drawing.append(element("path", { class: `line ${name}`, d: "M" + shown.map(({ step, shares }) => `${x(step).toFixed(1)} ${y(shares[i]).toFixed(1)}`).join("L") }));
    });
    drawing.append(element("path", { d: `M${x(row.step)} 8V150`, class: "now" }));
    [["trained on", 0.9], ["mirror image trained on", 0.5], ["never seen", 0.1]].forEach(([words, share], i) => {
      const name = ["train", "restricted", "test"][i];
      drawing.append(element("path", { d: `M${width - 178} ${y(share) - 4}h18`, class: `line ${name}` }), element("text", { x: width - 154, y: y(share), class: "of" }, words));
    });
    this.curve.replaceChildren(drawing);
    for (const [name, value] of Object.entries({ "aria-valuemin": 0, "aria-valuemax": last, "aria-valuenow": row.step, "aria-valuetext": `step ${Web.whole(row.step)}` })) this.curve.setAttribute(name, value);
  }

  drawRing({ neurons }, p) {
    const size = 260, most = Math.max(...neurons.map(({ size: length }) => length), 1e-9), drawing = element("svg", { viewBox: `0 0 ${size} ${size}`, "aria-hidden": true });
    drawing.append(element("circle", { cx: size / 2, cy: size / 2, r: 120, class: "rule" }));
    for (const { k, size: length, phase } of neurons) {
      const r = (length / most) * 120;
      drawing.append(element("circle", { cx: size / 2 + r * Math.cos(phase), cy: size / 2 - r * Math.sin(phase), r: 2.4, class: `neuron hue-${Math.round(((k - 1) / Math.floor(p / 2)) * 11)}` }));
    }
    this.ring.replaceChildren(drawing);
    this.ring.setAttribute("aria-label", "Strength and phase of every neuron's main wave");
  }

  drawSpectrum(energy) {
    const width = 400, height = 180, unit = (width - 16) / energy.length, most = Math.max(...energy, 1e-12), drawing = element("svg", { viewBox: `0 0 ${width} ${height + 36}`, "aria-hidden": true });
    energy.forEach((value, i) => {
      const h = (value / most) * height;
      drawing.append(element("rect", { class: `neuron hue-${Math.round((i / energy.length) * 11)}`, x: 8 + (i + 0.1) * unit, y: height - h, width: unit * 0.8, height: Math.max(h, 0.5) }));
    });
    for (const k of [1, Math.ceil(energy.length / 2), energy.length]) drawing.append(element("text", { x: 8 + (k - 0.5) * unit, y: height + 16, class: "tick", "text-anchor": "middle" }, String(k)));
    drawing.append(element("text", { x: width / 2, y: height + 32, class: "tick", "text-anchor": "middle" }, "frequency"));
    this.spectrum.replaceChildren(drawing);
    this.spectrum.setAttribute("aria-label", `Energy of theta at frequencies 1 to ${energy.length}`);
  }
};

// The main wave of every neuron in theta, (p, H), and the energy of each frequency over all neurons.
Web.waves = (weights, p, H) => {
  const K = Math.floor(p / 2), energy = new Float64Array(K), neurons = Array.from({ length: H }, () => ({ k: 1, size: 0, phase: 0 }));
  for (let k = 1; k <= K; k++) {
    const cosine = new Float64Array(H), sine = new Float64Array(H);
    for (let a = 0; a < p; a++) {
      const c = Math.cos((2 * Math.PI * k * a) / p), s = Math.sin((2 * Math.PI * k * a) / p);
      for (let m = 0, row = a * H; m < H; m++) { cosine[m] += c * weights[row + m]; sine[m] += s * weights[row + m]; }
    }
    for (let m = 0; m < H; m++) {
      const length = (2 / p) * Math.hypot(cosine[m], sine[m]);
      energy[k - 1] += length ** 2;
      if (length > neurons[m].size) neurons[m] = { k, size: length, phase: Math.atan2(-sine[m], cosine[m]) };
    }
  }
  return { neurons, energy: [...energy] };
};

const transposed = (flat, rows, columns) => Float32Array.from({ length: rows * columns }, (_, i) => flat[(i % rows) * columns + Math.floor(i / rows)]);

// Arrays as the bytes of a safetensors file: the length of the header, the header as JSON, the numbers.
Web.safetensors = (arrays) => {
  let at = 0;
  const entries = Object.entries(arrays).map(([name, [shape, values]]) => [name, { dtype: "F32", shape, data_offsets: [at, (at += values.byteLength)] }]);
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries))), length = Math.ceil(header.length / 8) * 8, out = new Uint8Array(8 + length + at).fill(32);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(header, 8);
  at = 8 + length;
  for (const [, values] of Object.values(arrays)) { out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at); at += values.byteLength; }
  return out;
};

for (const root of document.querySelectorAll(".web.lab")) root.lab = new Web.Lab(root);
