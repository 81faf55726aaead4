// One sum followed by hand, for any question: the network's own numbers at every step, and beside them what the formulae of
// `modaddlab.analysis.by_hand` say. The parts stand under the chapter's figures and all show one question.
"use strict";

// The mainline with its formulae, on any question.
Web.Walk = class {
  static async load() {
    const [run, formula] = await Promise.all([Web.run("mainline"), Web.bring("data/formula.js")]);
    return new Web.Walk(await Web.networkOf(run, "final"), Object.fromEntries(Object.entries(formula).map(([name, one]) => [name, Web.array(one)])), run.mask);
  }
  constructor(network, formula, mask) {
    const { p, H, width, W } = network;
    Object.assign(this, { network, formula, p, H, keys: [...formula.keys], mask });
    // What the neurons' outputs add up to along the cosine and the sine of every key, per neuron: (H, 2 K).
    this.read = new Float64Array(2 * this.keys.length * H);
    this.keys.forEach((k, i) => { for (let m = 0; m < H; m++) for (let c = 0; c < p; c++) {
      const angle = this.angle(k, c), w = (2 / p) * W[m * width + c];
      this.read[2 * (i * H + m)] += w * Math.cos(angle); this.read[2 * (i * H + m) + 1] += w * Math.sin(angle);
    } });
    // The network whose residues have nothing but their circles, and these rows.
    const others = Array.from({ length: Math.floor(p / 2) }, (_, i) => i + 1).filter((k) => !this.keys.includes(k)), onCircles = { ...Web.untouched(), gain: new Map(others.map((k) => [k, 0])) };
    this.circled = Object.assign(Object.create(Web.Network.prototype), network).arrange(onCircles);
    this.rows = network.waved(network.embedding, network.D, onCircles);
    this.mean = Float64Array.from({ length: network.D }, (_, i) => { let sum = 0; for (let a = 0; a < p; a++) sum += network.embedding[a * network.D + i]; return sum / p; });
    this.meanLogits = network.logits(formula.mean, new Float64Array(width));
    this.members = this.keys.map((k) => [...formula.fve.keys()].filter((m) => formula.frequency[m] === k && formula.fve[m] > 0.85));
  }
  angle(k, residue) { return (2 * Math.PI * k * residue) / this.p; }

  // The terms of a neuron's polynomial at (a, b): constant, a, b, a + b, a - b.
  terms(m, a, b) {
    const { p, formula } = this, c = formula.coefficients.subarray(9 * m, 9 * m + 9), k = formula.frequency[m], half = Math.SQRT2 / p;
    const wave = (one, at) => half * (c[one[0]] * Math.cos(this.angle(k, at)) + c[one[1]] * Math.sin(this.angle(k, at)));
    const both = (cosine, sine, at) => (cosine * Math.cos(this.angle(k, at)) + sine * Math.sin(this.angle(k, at))) / p;
    return [c[0] / p, wave([3, 6], a), wave([1, 2], b), both(c[4] - c[8], c[7] + c[5], a + b), both(c[4] + c[8], c[7] - c[5], a - b)];
  }

  at(a, b) {
    if (this.last?.a === a && this.last.b === b) return this.last;
    const { p, H, network, formula, keys } = this, heads = network.heads, n = heads.length, answer = (a + b) % p, found = network.question(a, b);
    const circles = keys.map((k, i) => ({ k, radius: formula.radius[i], points: Array.from({ length: p }, (_, r) => [...formula.circle.subarray(2 * (i * p + r), 2 * (i * p + r) + 2)]) }));
    const shares = heads.map((_, h) => {
      const scores = [formula.scores[h * p + a], formula.scores[(n + h) * p + b], formula.own[h]], most = Math.max(...scores), terms = scores.map((score) => Math.exp(score - most)), total = terms.reduce((x, y) => x + y);
      return terms.map((term) => term / total);
    });
    const brings = (h, m) => {
      const { hidden } = heads[h], row = (r) => hidden[r * H + m], [x, y, z] = found.attention[h];
      return x * (row(a) + row(p)) + y * (row(b) + row(p + 1)) + z * row(p + 2);
    };
    const polynomial = Float64Array.from({ length: H }, (_, m) => this.terms(m, a, b).reduce((x, y) => x + y));
    const chosen = this.members.map((members) => members.reduce((best, m) => (found.post[m] * network.W[m * network.width + answer] > found.post[best] * network.W[best * network.width + answer] ? m : best), members[0])).filter((m) => m !== undefined);
    const neurons = chosen.map((m) => ({ m, k: formula.frequency[m], parts: [network.base[m], ...heads.map((_, h) => brings(h, m))], input: found.pre[m], output: found.post[m], terms: this.terms(m, a, b), formula: polynomial[m] }));
    const sums = keys.map((k, i) => {
      let x = 0, y = 0;
      for (let m = 0; m < H; m++) { const out = found.post[m] - formula.mean[m]; x += out * this.read[2 * (i * H + m)]; y += out * this.read[2 * (i * H + m) + 1]; }
      const off = ((Math.atan2(y, x) / (2 * Math.PI)) * p - k * answer + 1000.5 * p) % p - p / 2;
      return { k, point: [x, y], alpha: formula.alpha[i], off };
    });
    const mean = found.logits.reduce((sum, logit) => sum + logit / p, 0), logits = [...found.logits].map((logit) => logit - mean);
    const waves = Array.from({ length: p }, (_, c) => keys.reduce((sum, k, i) => sum + formula.height[i] * Math.cos(this.angle(k, answer - c)), 0));
    const steps = this.steps(a, b, { found, shares, polynomial, sums, waves });
    return (this.last = { a, b, answer, circles, attention: found.attention, shares, neurons, polynomial, post: found.post, sums, logits, waves, steps });
  }

  // What each step's formula explains of the network's numbers, and the lead of the right answer when it stands in for them.
  steps(a, b, { found, shares, polynomial, sums, waves }) {
    const { p, network, formula, keys } = this, { heads, D, width } = network, n = heads.length, answer = (a + b) % p;
    const both = (table) => [...table.subarray(a * D, (a + 1) * D), ...table.subarray(b * D, (b + 1) * D)];
    const written = heads.flatMap(({ out }, h) => {
      const [x, y, z] = found.attention[h];
      return Array.from({ length: D }, (_, i) => x * (out[a * D + i] + out[p * D + i]) + y * (out[b * D + i] + out[(p + 1) * D + i]) + z * out[(p + 2) * D + i]);
    });
    const half = Math.SQRT2 / p, brought = Float64Array.from(formula.heads_mean), N = n * D; // in the order of `modaddlab.web.moving.polynomial`
    keys.forEach((k, i) => {
      const [ca, sa, cb, sb] = [Math.cos(this.angle(k, a)), Math.sin(this.angle(k, a)), Math.cos(this.angle(k, b)), Math.sin(this.angle(k, b))];
      [half * cb, half * sb, half * ca, half * sa, (2 / p) * ca * cb, (2 / p) * ca * sb, (2 / p) * sa * cb, (2 / p) * sa * sb].forEach((wave, term) => {
        for (let j = 0; j < N; j++) brought[j] += wave * formula.heads[(8 * i + term) * N + j];
      });
    });
    const stream = Float64Array.from({ length: D }, (_, i) => heads.reduce((sum, _, h) => sum + brought[h * D + i], 0));
    const into = (W, m, base) => Float64Array.from({ length: m }, (_, j) => { let sum = base[j]; for (let i = 0; i < D; i++) sum += stream[i] * W[i * m + j]; return sum; });
    const point = sums.flatMap(({ point }) => point), place = sums.flatMap(({ k, alpha }) => [alpha * Math.cos(this.angle(k, answer)), alpha * Math.sin(this.angle(k, answer))]);
    const read = Array.from({ length: p }, (_, c) => this.meanLogits[c] + found.past[c] + keys.reduce((sum, k, i) => sum + place[2 * i] * Math.cos(this.angle(k, c)) + place[2 * i + 1] * Math.sin(this.angle(k, c)), 0));
    const lead = (logits) => logits[answer] - Math.max(...[...logits].filter((_, c) => c !== answer)), expected = waves.map((wave, c) => wave + formula.logits_mean[c]);
    const all = [
      [both(network.embedding), both(this.rows), [...this.mean, ...this.mean], this.circled.question(a, b).logits],
      [found.attention.flat(), shares.flat(), formula.attention_mean, network.question(a, b, shares).logits],
      [written, brought, formula.heads_mean, network.logits(into(network.W_in, this.H, network.base).map((x) => network.activate(x)), into(network.W_U, width, network.rbase))],
      [found.post, polynomial, formula.mean, network.logits(polynomial, found.past)],
      [point, place, null, read],
      [found.logits, expected, formula.logits_mean, waves],
    ].map(([values, said, mean, logits], i) => {
      let left = 0, total = 0;
      for (let j = 0; j < values.length; j++) { left += (values[j] - said[j]) ** 2; total += (values[j] - (mean?.[j] ?? 0)) ** 2; }
      return { name: STEPS[i], explained: 1 - left / total, everywhere: formula.explained[i], untrained: formula.untrained[i], lead: lead(logits) };
    });
    return { all, own: lead(found.logits) };
  }
};
const STEPS = ["embedding", "attention", "heads", "neurons", "sum", "logits"];

Web.highest = (values, n = 5) => [...values.keys()].sort((i, j) => values[j] - values[i]).slice(0, n);

// Each part draws a question, (walk, what `at` gives, how wide): its drawings, and its words.
const around = (angle, r) => [80 + r * Math.cos(angle), 80 - r * Math.sin(angle)];
const rankOf = (walk, k) => `key-${Math.max(0, walk.keys.indexOf(k)) % 6}`;
const dial = (name, title, reach, points, hands, below) => {
  const place = ([x, y]) => [80 + (x / reach) * 66, 80 - (y / reach) * 66];
  const made = drawing(160, below ? 196 : 178, ...points.map((point) => { const [x, y] = place(point); return element("circle", { class: "residue", cx: x, cy: y, r: 1.3 }); }));
  for (const { at, formula, words } of hands) {
    const [x, y] = place(at), [u, v] = place(formula), right = x >= 80;
    made.append(element("path", { class: "wave", d: `M80 80L${x} ${y}` }), element("circle", { class: "wave", cx: u, cy: v, r: 6 }), element("circle", { class: "spot", cx: x, cy: y, r: 3.6 }), label(x + (right ? 9 : -9), y - 5, words, "of", right ? "start" : "end"));
  }
  made.append(label(80, 174, title));
  if (below) made.append(label(80, 192, below));
  made.classList.add(name);
  return made;
};
const PARTS = {
  circles(walk, { a, b, circles }) {
    const dials = circles.map(({ k, radius, points }) => dial(rankOf(walk, k), `k = ${k}`, Math.max(...points.map(([x, y]) => Math.hypot(x, y))) * 1.1, points,
      [...new Set([a, b])].map((r) => ({ at: points[r], formula: [Math.cos(walk.angle(k, r)) * radius, Math.sin(walk.angle(k, r)) * radius], words: String(r) }))));
    return [dials, `The hands of ${a} and ${b} on the ${circles.length} clocks. Dot: the network; ring: the formula.`];
  },
  attention(walk, { a, b, attention, shares }, width) {
    const names = [String(a), String(b), "="], made = drawing(width, 34 * attention.length + 8), span = width - 90;
    attention.forEach((weights, h) => {
      let from = 0;
      made.append(label(66, 24 + 34 * h, `head ${h}`, "tick", "end"));
      weights.forEach((weight, i) => {
        made.append(element("rect", { class: `share-${i} ${rankOf(walk, walk.formula.head_frequency[h])}`, x: 76 + from * span, y: 6 + 34 * h, width: weight * span, height: 26 }));
        if (weight > 0.08) made.append(label(76 + (from + weight / 2) * span, 24 + 34 * h, names[i], i ? "" : "on"));
        from += weight;
      });
      for (const at of [shares[h][0], shares[h][0] + shares[h][1]]) made.append(element("path", { class: "mark", d: `M${76 + at * span} ${3 + 34 * h}v32` }));
    });
    return [[made], "How each head divides its look. The marks are where the formula divides it."];
  },
  neurons(walk, { neurons }) {
    const drawings = neurons.map(({ m, k, parts, input, output, terms, formula }) => {
      const rows = [["=", parts[0]], ...parts.slice(1).map((part, h) => [`head ${h}`, part]), ["input", input, "sum"], ["output", output, "sum"], ...["constant", "a", "b", "a + b", "a − b"].map((name, i) => [name, terms[i], "formula"]), ["formula", formula, "formula"]];
      const reach = Math.max(...rows.map(([, value]) => Math.abs(value))), x = (value) => 165 + (value / reach) * 85, made = drawing(260, rows.length * 17 + 24, label(165, 13, `neuron ${m}, k = ${k}`, "of"));
      rows.forEach(([name, value, kind], i) => made.append(label(72, 32 + 17 * i, name, "tick", "end"), element("rect", { class: `${kind ?? "part"} ${rankOf(walk, k)}`, x: Math.min(x(0), x(value)), y: 21 + 17 * i, width: Math.max(Math.abs(x(value) - x(0)), 0.5), height: 13 })));
      made.append(element("path", { class: "rule", d: `M165 20V${rows.length * 17 + 20}` }));
      return made;
    });
    return [drawings, "The neuron of each frequency that speaks most for this answer. Filled: the network; outlined: the formula and its terms."];
  },
  cluster(walk, { polynomial, post }) {
    const drawings = walk.members.map((members, i) => [members, i]).filter(([members]) => members.length).map(([members, i]) => {
      const reach = Math.max(...members.map((m) => Math.max(post[m], Math.abs(polynomial[m]))), 1e-9), x = (value) => 40 + (value / reach) * 110, y = (value) => 146 - (value / reach) * 116;
      return element("svg", { viewBox: "0 0 160 178", "aria-hidden": true, class: `key-${i % 6}` }, element("path", { class: "rule", d: `M${x(0)} ${y(0)}L${x(1 * reach)} ${y(reach)}` }),
        ...members.map((m) => element("circle", { class: "spot", cx: x(polynomial[m]), cy: y(post[m]), r: 2 })), label(80, 174, `k = ${walk.keys[i]}`), label(95, 160, "formula →"), label(14, 90, "↑", "tick"));
    });
    const all = walk.members.flat(), silent = all.filter((m) => post[m] === 0).length;
    return [drawings, `Every neuron that follows a frequency: the formula across, the network upwards. ${silent} of ${all.length} are silent for this question.`];
  },
  reading(walk, { answer, sums }) {
    const dials = sums.map(({ k, point, alpha, off }) => dial(rankOf(walk, k), `k = ${k}`, Math.max(alpha, Math.hypot(...point)) * 1.1, Array.from({ length: walk.p }, (_, r) => [alpha * Math.cos(walk.angle(k, r)), alpha * Math.sin(walk.angle(k, r))]),
      [{ at: point, formula: [alpha * Math.cos(walk.angle(k, answer)), alpha * Math.sin(walk.angle(k, answer))], words: String(answer) }], `${Web.number(Math.abs(off))} places off`));
    const worst = sums.reduce((most, one) => (Math.abs(one.off) > Math.abs(most.off) ? one : most));
    return [dials, `The sum as a third hand. The worst clock, k = ${worst.k}, is off by ${Web.number(Math.abs(worst.off))} of ${walk.p} places.`];
  },
  answer(walk, { answer, logits, waves }, width) {
    const { p } = walk, unit = (width - 20) / p, most = Math.max(...logits, ...waves), least = Math.min(...logits, ...waves), y = (value) => 16 + ((most - value) / (most - least)) * 160, top = Web.highest(logits);
    const made = drawing(width, 206, ...logits.map((value, c) => element("rect", { class: `bar ${c === answer ? "right" : c === top[0] ? "best" : ""}`, x: 10 + c * unit, width: unit * 0.8, y: Math.min(y(value), y(0)), height: Math.max(Math.abs(y(value) - y(0)), 0.5) })),
      ...waves.map((value, c) => element("circle", { class: "ring", cx: 10 + (c + 0.4) * unit, cy: y(value), r: 2.4 })), label(10, 200, "0", "tick", "start"), label(width / 2, 200, "score of every possible answer"), label(width - 10, 200, String(p - 1), "tick", "end"), label(Math.min(width - 16, 10 + (top[0] + 0.4) * unit), 11, String(top[0]), "of"));
    return [[made], `The network's five highest answers are ${Web.list(top.map(String))}, those of the formula ${Web.list(Web.highest(waves).map(String))}. Its first is ahead by ${Web.number(logits[top[0]] - logits[top[1]])}.`];
  },
  steps(walk, { steps: { all, own } }) {
    const left = drawing(320, 232, label(196, 226, "the formula explains")), right = drawing(320, 232, label(196, 226, "lead of the right answer (logits)"));
    const low = Math.min(0, ...all.map(({ lead }) => lead)), high = Math.max(own, ...all.map(({ lead }) => lead)) * 1.05, share = (value) => 86 + Math.max(0, value) * 220, x = (value) => 86 + ((value - low) / (high - low)) * 220;
    for (const at of [0, 0.5, 1]) left.append(element("path", { class: "rule", d: `M${share(at)} 4V190` }), label(share(at), 206, `${100 * at}\u202f%`));
    for (const at of new Set([low, 0, high].map(Math.round))) right.append(element("path", { class: "rule", d: `M${x(at)} 4V190` }), label(x(at), 206, String(at).replace("-", "−")));
    all.forEach(({ name, explained, everywhere, untrained, lead }, i) => {
      const y = 22 + 31 * i, cross = share(untrained);
      for (const made of [left, right]) made.append(label(78, y + 4, name, "tick", "end"));
      left.append(element("rect", { class: "step", x: 86, y: y - 9, width: Math.max(share(explained) - 86, 0.5), height: 18 }), element("circle", { class: "ring", cx: share(everywhere), cy: y, r: 5 }), element("path", { class: "mark", d: `M${cross - 4} ${y - 4}l8 8m0 -8l-8 8` }));
      right.append(element("rect", { class: lead > 0 ? "step" : "step wrong", x: Math.min(x(0), x(lead)), y: y - 9, width: Math.max(Math.abs(x(lead) - x(0)), 0.5), height: 18 }));
    });
    right.append(element("path", { class: "now", d: `M${x(own)} 4V190` }));
    const worst = all.reduce((one, other) => (other.explained < one.explained ? other : one)), fails = all.filter(({ lead }) => lead <= 0).map(({ name }) => name);
    return [[left, right], `Left: this question (bar), all questions (ring), all questions in the untrained network (cross). Right: the lead with the formula in place of the network’s numbers, and the network’s own (dashed). ${Web.percent(Math.max(0, worst.explained))} is explained of the ${worst.name}, the least of the six. ${fails.length ? `With the formula for the ${Web.list(fails)} in its place, the answer is wrong.` : "With any one formula in its place, the answer stays right."}`];
  },
};

const everyPart = [];
const question = {};
Web.figures.sum = class extends Web.Figure {
  static names = ["a", "b"];
  static invites = "Ask another question";
  constructor(root, name) {
    super(root, name);
    this.state = question;
    this.part = root.dataset.shows;
    everyPart.push(this);
  }
  async load() {
    this.walk = await (Web.Walk.loaded ??= Web.Walk.load());
    const [a, b] = this.walk.formula.question, most = this.walk.p - 1;
    this.controls = { a: Web.typed("a", 0, most, a), b: Web.typed("b", 0, most, b) };
  }
  // All open together; one of them listens to the address.
  open() {
    const first = !this.opened, done = super.open();
    if (first) for (const one of everyPart) one.open();
    return done;
  }
  async told(said) { if (everyPart[0] === this) await super.told(said); }
  set(change) {
    super.set(change);
    for (const one of everyPart) if (one !== this && one.stage) { one.sync(); one.soon(); }
  }
  build() { return [(this.stage = element("div", { class: "dials", role: "img" }))]; }
  draw({ a, b }) {
    const { walk } = this, found = walk.at(a, b), [drawings, words] = PARTS[this.part](walk, found, this.width), best = Web.highest(found.logits, 1)[0];
    this.result = found;
    this.stage.replaceChildren(...drawings);
    this.stage.setAttribute("aria-label", words);
    this.says.replaceChildren(element("b", {}, `${a} + ${b} = ${found.answer} modulo ${walk.p}`), `, ${walk.mask[a * walk.p + b] ? "a question that it was trained on" : "a question that it never saw"}; the network says ${best}. ${words}`);
  }
};
