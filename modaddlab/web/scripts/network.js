// A network of the book in the page: its weights as tables over the residues, what is done to it, and its answers.
//
// A network of one layer reads p tokens at two places. What a residue gives to every neuron (through each head) and to every answer
// (past the neurons) is a row of a table. So taking waves out of the embedding, scaling them or turning them is done in the tables along the
// residues, and nothing runs through the weights again. See core.c for the sums over pairs.
"use strict";

// ---- the compiled core ----------------------------------------------------------------------------------------------------------
Web.Core = class {
  constructor() {
    this.exports = new WebAssembly.Instance(Web.Core.module(), {}).exports;
  }
  static module() {
    return (Web.Core.compiled ??= new WebAssembly.Module(Web.bytes(CORE)));
  }
  floats(at, n) { return new Float32Array(this.exports.memory.buffer, at, n); }
  bytes(at, n) { return new Uint8Array(this.exports.memory.buffer, at, n); }
  put(at, values) { this.floats(at, values.length).set(values); }
  // The fields of a struct of 32-bit numbers, by name.
  fields(at, names) {
    const words = new Int32Array(this.exports.memory.buffer, at, names.length);
    return Object.fromEntries(names.map((name, i) => [name, words[i]]));
  }
};

let TABLES = null; // a core for products, whose memory is given back after each
// (n, k) times (k, m); m a multiple of 4
function product(A, n, k, B, m) {
  TABLES ??= new Web.Core();
  const { exports } = TABLES;
  exports.reset();
  const [a, b, out] = [4 * n * k, 4 * k * m, 4 * n * m].map((bytes) => exports.alloc(bytes));
  exports.alloc(4 * k + 64); // so that the memory has grown before its views are made
  TABLES.put(a, A);
  TABLES.put(b, B);
  exports.product(a, n, k, b, m, out);
  return TABLES.floats(out, n * m).slice();
}
const padded = (n) => (n + 3) & ~3;
// (n, from) as (n, to), filled up with zeros
function widened(rows, n, from, to) {
  const out = new Float32Array(n * to);
  for (let i = 0; i < n; i++) out.set(rows.subarray(i * from, i * from + Math.min(from, to)), i * to);
  return out;
}

// ---- tables -----------------------------------------------------------------------------------------------------------------------
// Each kind of network gives: heads (each with score, hidden and past: a row for every residue, then "at a", "at b", and "="), base, rbase, W.
const KINDS = {
  // logits = xi act(theta[a] + theta[b]): one "head" that gives all of both
  "two-layer"(weights, { p, H, activation }) {
    const width = padded(p), Hp = padded(H), theta = widened(weights["mlp.W_in"], p, H, Hp);
    const hidden = new Float32Array((p + 3) * Hp);
    hidden.set(theta);
    const heads = [{ score: new Float32Array(p + 3), hidden, past: new Float32Array((p + 3) * width) }];
    const W = new Float32Array(Hp * width);
    W.set(widened(weights["mlp.W_out"], H, p, width));
    return { p, H: Hp, width, heads, base: new Float32Array(Hp), rbase: new Float32Array(width), W, activation, rate: 0, hasEquals: false, queries: 1, embedding: weights["mlp.W_in"], D: H };
  },
  // one layer, read at "=": the query is the same for every pair
  transformer: (weights, shape) => oneLayer(weights, shape),
  // the same without "=", read at b: each b has a query of its own, and b itself goes on past the heads
  "attention-rate": (weights, shape) => oneLayer(weights, shape),
};

function oneLayer(weights, { p, H, heads: n, D, d, outputs, activation, rate }) {
  const hasEquals = rate === undefined;
  const width = padded(p), of = (name) => weights[name] ?? weights[`blocks.0.${name}`];
  const E = of("embed.W_E"), position = of("pos_embed.W_pos");
  const W_U = new Float32Array(D * width);
  for (let i = 0; i < D; i++) for (let c = 0; c < p; c++) W_U[i * width + c] = of("unembed.W_U")[i * outputs + c];
  const atEquals = new Float32Array(D);
  if (hasEquals) for (let i = 0; i < D; i++) atEquals[i] = E[p * D + i] + position[2 * D + i];
  const streams = new Float32Array((p + 3) * D); // the residues, what the two places add, and "="
  streams.set(E.subarray(0, p * D));
  streams.set(position.subarray(0, 2 * D), p * D);
  streams.set(atEquals, (p + 2) * D);
  const heads = Array.from({ length: n }, (_, h) => {
    const W = (name) => of(`attn.W_${name}`).subarray(h * D * d, (h + 1) * D * d);
    const asked = hasEquals ? {} : { query: product(streams, p + 3, D, W("Q"), d), key: product(streams, p + 3, D, W("K"), d), d };
    const query = product(atEquals, 1, D, W("Q"), d), keys = W("K"), score = new Float32Array(p + 3);
    if (hasEquals) for (let row = 0; row < p + 3; row++) {
      let sum = 0;
      for (let i = 0; i < D; i++) {
        let key = 0;
        for (let j = 0; j < d; j++) key += keys[i * d + j] * query[j];
        sum += streams[row * D + i] * key;
      }
      score[row] = sum / Math.sqrt(d);
    }
    const out = product(product(streams, p + 3, D, W("V"), d), p + 3, d, W("O"), D);
    return { score, ...asked, out, hidden: product(out, p + 3, D, of("mlp.W_in"), H), past: product(out, p + 3, D, W_U, width) };
  });
  if (!hasEquals) heads.push({ through: true, hidden: product(streams, p + 3, D, of("mlp.W_in"), H), past: product(streams, p + 3, D, W_U, width) });
  const base = product(atEquals, 1, D, of("mlp.W_in"), H), passing = atEquals.slice(), b_in = of("mlp.b_in"), b_out = of("mlp.b_out");
  if (b_in) for (let m = 0; m < H; m++) base[m] += b_in[m];
  if (b_out) for (let i = 0; i < D; i++) passing[i] += b_out[i];
  const W = product(of("mlp.W_out"), H, D, W_U, width);
  return { p, H, width, heads, base, rbase: product(passing, 1, D, W_U, width), W, activation, rate: rate ?? 1, hasEquals, queries: hasEquals ? 1 : p, embedding: E, D, W_in: of("mlp.W_in"), W_U };
}

// What is done to a network. gain: frequency -> factor of its waves in the embedding (0 takes it out); turn: by how many residues the
// waves of `turned` are moved on; heads and neurons that are taken out, to zero or to their mean over all pairs.
Web.untouched = () => ({ gain: new Map(), turn: 0, turned: [], heads: new Set(), neurons: new Set(), toMean: false });

const ALONG = new WeakMap();
Web.Network = class {
  // weights: name -> Float32Array in C order; shape: { kind, p, H, ... }
  constructor(weights, shape) {
    Object.assign(this, KINDS[shape.kind](weights, shape));
    this.shape = shape;
    this.arrange(Web.untouched());
  }

  // The waves of the residues' rows, changed: gain times P_k X, moved on by `turn` where k is turned.
  waved(X, m, { gain, turn, turned }) {
    const { p } = this, moved = turn ? turned : [], touched = [...new Set([...gain.keys(), ...moved])];
    if (!touched.length) return X;
    const Y = X.slice();
    for (const k of touched) {
      const factor = gain.get(k) ?? 1, shift = moved.includes(k) ? turn : 0;
      for (const sine of 2 * k === p ? [0] : [0, 1]) {
        const wave = (a) => (sine ? Math.sin : Math.cos)((2 * Math.PI * k * a) / p), part = this.along(X, m, k, sine, wave);
        for (let a = 0; a < p; a++) {
          const w = factor * wave(a + shift) - wave(a);
          for (let j = 0, row = a * m; j < m; j++) Y[row + j] += w * part[j];
        }
      }
    }
    return Y;
  }

  // What rows have along a wave: it is asked for again at every turn of a clock, and kept as long as they are.
  along(X, m, k, sine, wave) {
    const { p } = this, kept = ALONG.get(X) ?? new Map(), key = 2 * k + sine;
    if (!kept.has(key)) {
      const part = new Float64Array(m), norm = 2 * k === p ? 1 / p : 2 / p;
      for (let a = 0; a < p; a++) for (let j = 0, w = norm * wave(a), row = a * m; j < m; j++) part[j] += w * X[row + j];
      kept.set(key, part);
    }
    ALONG.set(X, kept);
    return kept.get(key);
  }

  // Lay the tables out for what is done to the network.
  arrange(changes) {
    const { p, H, width, heads, hasEquals, queries } = this, n = heads.length;
    this.changes = changes;
    const t = (this.tables = {
      score_a: new Float32Array(n * queries * p), score_b: new Float32Array(n * p), score_equals: new Float32Array(n),
      A: new Float32Array(p * n * H), B: new Float32Array(p * n * H), base: Float32Array.from(this.base),
      RA: new Float32Array(p * n * width), RB: new Float32Array(p * n * width), rbase: Float32Array.from(this.rbase),
      W: this.W, scale: new Float32Array(H).fill(1), head_on: new Float32Array(n).fill(1),
    });
    heads.forEach((head, h) => {
      if (queries > 1) this.scores(head, t.score_a.subarray(h * p * p, (h + 1) * p * p));
      else {
        const score = this.waved(head.score, 1, changes);
        for (let a = 0; a < p; a++) {
          t.score_a[h * p + a] = score[a] + score[p];
          t.score_b[h * p + a] = score[a] + score[p + 1];
        }
        t.score_equals[h] = score[p + 2];
      }
      const lay = (rows, m, first, second, base) => { // the weights of a, b and "=" sum to 1: "=" goes into the base
        const X = this.waved(rows, m, changes), equals = (p + 2) * m;
        if (hasEquals && !changes.heads.has(h)) for (let j = 0; j < m; j++) base[j] += X[equals + j];
        for (let a = 0; a < p; a++) for (let j = 0, at = (a * n + h) * m; j < m; j++) {
          const own = X[a * m + j] - (hasEquals ? X[equals + j] : 0);
          if (!head.through) first[at + j] = own + X[p * m + j];
          second[at + j] = own + X[(p + 1) * m + j];
        }
      };
      lay(head.hidden, H, t.A, t.B, t.base);
      lay(head.past, width, t.RA, t.RB, t.rbase);
    });
    if (changes.toMean) this.replaceByMeans(changes);
    for (const h of changes.heads) t.head_on[h] = 0;
    for (const m of changes.neurons) t.scale[m] = 0;
    return this;
  }

  // By how much b's query likes what stands at a better than what stands at b, (p, p) with b first; what goes past the heads is b's alone.
  scores(head, out) {
    if (head.through) { out.fill(-1e30); return; }
    const { p } = this, { d } = head, query = this.waved(head.query, d, this.changes), key = this.waved(head.key, d, this.changes);
    for (let b = 0; b < p; b++) for (let a = 0; a < p; a++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += (query[b * d + j] + query[(p + 1) * d + j]) * (key[a * d + j] + key[p * d + j] - key[b * d + j] - key[(p + 1) * d + j]);
      out[b * p + a] = sum / Math.sqrt(d);
    }
  }

  // Heads and neurons that are taken out leave behind their mean over all pairs.
  replaceByMeans({ heads, neurons }) {
    const { p, H, width, tables: t } = this, n = this.heads.length;
    for (const h of heads) {
      const ofA = new Float64Array(p), ofB = new Float64Array(p); // the mean weight that each residue gets, over the other one
      for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) {
        const [x, y] = this.weights(h, a, b);
        ofA[a] += x / (p * p); ofB[b] += y / (p * p);
      }
      const mean = (first, second, base, X, m) => {
        // "=" was folded into a and b: put its whole row back, then what a and b give beyond it
        if (this.hasEquals) for (let j = 0; j < m; j++) base[j] += X[(p + 2) * m + j];
        for (let a = 0; a < p; a++) for (let j = 0, at = (a * n + h) * m; j < m; j++) base[j] += ofA[a] * first[at + j] + ofB[a] * second[at + j];
      };
      mean(t.A, t.B, t.base, this.waved(this.heads[h].hidden, H, this.changes), H);
      mean(t.RA, t.RB, t.rbase, this.waved(this.heads[h].past, width, this.changes), width);
    }
    for (const h of heads) t.head_on[h] = 0;
    for (const m of neurons) {
      const map = this.neuron(m);
      let mean = 0;
      for (const value of map) mean += value / (p * p);
      for (let c = 0; c < width; c++) t.rbase[c] += mean * this.W[m * width + c];
    }
  }

  // What a head gives of a, of b: as in core.c.
  weights(h, a, b) {
    const { p, rate, hasEquals, queries, tables: t } = this, x = t.score_a[(h * queries + (queries > 1 ? b : 0)) * p + a], y = t.score_b[h * p + b], z = hasEquals ? t.score_equals[h] : -Infinity;
    const most = Math.max(x, y, z), terms = [x, y, z].map((score) => Math.exp(score - most)), total = terms[0] + terms[1] + terms[2];
    return [rate * terms[0] / total + 1 - rate, rate * terms[1] / total + 1 - rate];
  }

  activate(x) { return this.activation === "quad" ? x * x : Math.max(x, 0); }

  // One question: attention (to a, b and "=", per head), neurons before and after the activation, what passes them by, logits. With `looks` the
  // heads look as they are told.
  question(a, b, looks = null) {
    const { p, H, width, tables: t } = this, n = this.heads.length, pre = Float64Array.from(t.base), past = Float64Array.from(t.rbase), attention = [];
    for (let h = 0; h < n; h++) {
      const [x, y] = looks ? looks[h] : this.weights(h, a, b);
      if (!this.heads[h].through) attention.push(this.hasEquals ? [x, y, 1 - x - y] : [x, y]);
      if (!t.head_on[h]) continue;
      const i = a * n + h, j = b * n + h;
      for (let m = 0; m < H; m++) pre[m] += x * t.A[i * H + m] + y * t.B[j * H + m];
      for (let c = 0; c < width; c++) past[c] += x * t.RA[i * width + c] + y * t.RB[j * width + c];
    }
    const post = pre.map((x, m) => this.activate(x) * t.scale[m]);
    return { attention, pre, post, past, logits: this.logits(post, past) };
  }
  logits(post, past) {
    const { p, H, width, tables: t } = this, row = past.slice();
    for (let m = 0; m < H; m++) if (post[m]) for (let c = 0; c < width; c++) row[c] += post[m] * t.W[m * width + c];
    return row.slice(0, p);
  }

  // One neuron after the activation, on all pairs, (p, p): one exponential for each residue and head.
  neuron(m) {
    const { p, H, rate, tables: t } = this, n = this.heads.length, out = new Float64Array(p * p).fill(t.base[m]);
    for (let h = 0; h < n; h++) {
      if (!t.head_on[h]) continue;
      if (this.queries > 1) {
        for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) {
          const [x, y] = this.weights(h, a, b);
          out[a * p + b] += x * t.A[(a * n + h) * H + m] + y * t.B[(b * n + h) * H + m];
        }
        continue;
      }
      const scoreA = t.score_a.subarray(h * p, h * p + p), scoreB = t.score_b.subarray(h * p, h * p + p);
      const most = Math.max(...scoreA, ...scoreB, this.hasEquals ? t.score_equals[h] : -Infinity), power = (score) => Math.exp(score - most);
      const [ofA, ofB] = [Array.from(scoreA, power), Array.from(scoreB, power)], ofEquals = this.hasEquals ? power(t.score_equals[h]) : 0;
      for (let a = 0; a < p; a++) for (let b = 0; b < p; b++) {
        const total = ofA[a] + ofB[b] + ofEquals, x = rate * ofA[a] / total + 1 - rate, y = rate * ofB[b] / total + 1 - rate;
        out[a * p + b] += x * t.A[(a * n + h) * H + m] + y * t.B[(b * n + h) * H + m];
      }
    }
    return out.map((x) => this.activate(x) * t.scale[m]);
  }
};

// The network of a run with the weights of a saved step.
Web.networkOf = async (run, name) => {
  const { size, units, weights } = await Web.bring(`data/${run.id}/step-${name}.js`), flat = Web.floats(weights, size), named = {};
  let at = 0;
  run.parameters.forEach(([parameter, shape], i) => {
    const part = flat.subarray(at, (at += shape.reduce((x, y) => x * y, 1)));
    named[parameter] = units ? part.map((whole) => whole * units[i]) : part;
  });
  return new Web.Network(named, run.shape);
};

// Networks of saved steps: a page has the weights of some of them, and takes those of the nearest; the last eight stay.
Web.Kept = class {
  constructor() { this.found = new Map(); }
  nearest(run, wanted) {
    const last = run.steps[run.steps.length - 1], stepOf = (name) => (name === "final" ? last : name);
    const name = run.shipped.reduce((best, other) => (Math.abs(stepOf(other) - wanted) < Math.abs(stepOf(best) - wanted) ? other : best), "final");
    return { name, step: stepOf(name), key: `${run.id}/${name}` };
  }
  // { step, network }, once it is there.
  at(run, wanted) {
    const { name, step, key } = this.nearest(run, wanted);
    if (!this.found.has(key)) {
      const entry = { step, network: null };
      entry.ready = Web.networkOf(run, name).then((network) => Object.assign(entry, { network }));
      entry.ready.catch(() => this.found.delete(key));
      this.found.set(key, entry);
      if (this.found.size > 8) this.found.delete(this.found.keys().next().value);
    }
    return this.found.get(key).ready;
  }
};

// ---- all pairs, compiled ----------------------------------------------------------------------------------------------------------
const NET = "p width H n_heads activation has_equals queries rate score_a score_b score_equals A B base RA RB rbase W scale head_on logits loss best".split(" ");
Web.AllPairs = class {
  constructor(network, keepLogits = false) {
    const { p, H, heads, activation, rate, hasEquals, queries } = network;
    this.core = new Web.Core();
    this.net = this.core.exports.net_new(p, H, heads.length, activation === "quad" ? 1 : 0, hasEquals ? 1 : 0, rate, keepLogits ? 1 : 0, queries);
    this.at = this.core.fields(this.net, NET);
    Object.assign(this, { p, H, width: network.width });
  }
  fits(network) { return network.p === this.p && network.H === this.H && this.of === network.shape; }
  load(network) {
    this.of = network.shape;
    for (const [name, values] of Object.entries(network.tables)) this.core.put(this.at[name], values);
    return this;
  }
  rows(from, to) { return this.core.exports.net_rows(this.net, from, to); }
  get best() { return this.core.bytes(this.at.best, this.p ** 2); }
  get losses() { return this.core.floats(this.at.loss, this.p ** 2); }
  get logits() { return this.core.floats(this.at.logits, this.p ** 2 * this.width); }
};

// Slices of about 12 ms, so that the page answers meanwhile; a newer call ends an older one. (A timer would wait 4 ms in between.)
const channel = new MessageChannel();
let next = null;
channel.port1.onmessage = () => next?.();
Web.inSlices = (n, each, done) => {
  let at = 0, busy = 0;
  const slice = () => {
    if (next !== slice) return;
    const begun = performance.now();
    while (at < n && performance.now() - begun < 12) { each(at, Math.min(at + 4, n)); at = Math.min(at + 4, n); }
    busy += performance.now() - begun;
    if (at < n) channel.port2.postMessage(0);
    else { next = null; done(busy); }
  };
  next = slice;
  channel.port2.postMessage(0);
};

// ---- what can be read off a network -----------------------------------------------------------------------------------------------
// The residues in the plane of one frequency of the embedding, as [x, y]: along the cosine's direction and what of the sine's is at right angles.
Web.Network.prototype.circle = function (k, turn = 0) {
  const { p, embedding, D } = this, parts = [Math.cos, Math.sin].map((wave) => {
    const part = new Float64Array(D);
    for (let a = 0; a < p; a++) for (let j = 0, w = wave((2 * Math.PI * k * a) / p); j < D; j++) part[j] += w * embedding[a * D + j];
    return part;
  });
  const dot = (x, y, at = 0) => { let sum = 0; for (let j = 0; j < D; j++) sum += x[at + j] * y[j]; return sum; };
  const unit = (x) => { const length = Math.sqrt(dot(x, x)) || 1; return x.map((value) => value / length); };
  const first = unit(parts[0]), along = dot(parts[1], first), second = unit(parts[1].map((value, j) => value - along * first[j]));
  return Array.from({ length: p }, (_, a) => { const row = ((a + turn) % p) * D; return [dot(embedding, first, row), dot(embedding, second, row)]; });
};

// How much of each frequency is in what neurons give to the answers (the neuron-logit map): norms over all neurons.
Web.Network.prototype.given = function () {
  const { p, H, width, W } = this;
  return (this.answered ??= Array.from({ length: Math.floor(p / 2) }, (_, i) => {
    const cosine = new Float64Array(p), sine = new Float64Array(p);
    for (let c = 0; c < p; c++) { const angle = (2 * Math.PI * (i + 1) * c) / p; cosine[c] = Math.cos(angle); sine[c] = Math.sin(angle); }
    let energy = 0;
    for (let m = 0; m < H; m++) {
      let x = 0, y = 0;
      for (let c = 0, row = m * width; c < p; c++) { x += W[row + c] * cosine[c]; y += W[row + c] * sine[c]; }
      energy += x * x + y * y;
    }
    return Math.sqrt((2 / p) * energy);
  }));
};

// The frequency that each neuron follows most in what it gets of a; `received` then has the norm of each frequency over all neurons.
Web.Network.prototype.frequencies = function () {
  this.received = [];
  const { p, H, heads } = this, n = heads.length, K = Math.floor(p / 2), given = new Float64Array(p * H), best = new Float64Array(H), at = new Array(H).fill(1);
  for (const head of heads) for (let i = 0; i < p * H; i++) given[i] += head.hidden[i] / n;
  for (let k = 1; k <= K; k++) {
    const cosine = new Float64Array(H), sine = new Float64Array(H);
    for (let a = 0; a < p; a++) {
      const c = Math.cos((2 * Math.PI * k * a) / p), s = Math.sin((2 * Math.PI * k * a) / p);
      for (let m = 0, row = a * H; m < H; m++) { cosine[m] += c * given[row + m]; sine[m] += s * given[row + m]; }
    }
    let sum = 0;
    for (let m = 0; m < H; m++) { const energy = cosine[m] ** 2 + sine[m] ** 2; sum += energy; if (energy > best[m]) { best[m] = energy; at[m] = k; } }
    this.received.push(Math.sqrt((2 / p) * sum));
  }
  return at;
};
