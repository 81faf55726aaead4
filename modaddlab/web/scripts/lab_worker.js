// Training in a thread of its own. The text of this function becomes a worker, which knows nothing else: its messages are below.
//   in:  { start: settings, core: bytes }, { run: steps a second or Infinity }, { pause }, { step: n }, { set: { lr, decay } }, { back: step }
//   out: { split }, { state: step, row, weights, right, speed }
"use strict";

Web.labWorker = function labWorker() {
  const EVERY = 10, KEPT_EVERY = 100; // steps between measurements, and between states that one can go back to

  // Python's random.Random(seed).shuffle(list(range(n))), so that the split is the package's: the Mersenne Twister, seeded by init_by_array.
  const shuffled = (n, seed) => {
    const N = 624, state = new Uint32Array(N);
    state[0] = 19650218;
    for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    let i = 1;
    const turn = (factor, extra) => {
      state[i] = (state[i] ^ Math.imul(state[i - 1] ^ (state[i - 1] >>> 30), factor)) + extra(i);
      if (++i >= N) { state[0] = state[N - 1]; i = 1; }
    };
    for (let k = N; k; k--) turn(1664525, () => seed);
    for (let k = N - 1; k; k--) turn(1566083941, (at) => -at);
    state[0] = 0x80000000;
    let at = N;
    const next = () => {
      if (at >= N) {
        for (let k = 0; k < N; k++) {
          const y = (state[k] & 0x80000000) | (state[(k + 1) % N] & 0x7fffffff);
          state[k] = state[(k + 397) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
        }
        at = 0;
      }
      let y = state[at++];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      return (y ^ (y >>> 18)) >>> 0;
    };
    const order = Array.from({ length: n }, (_, index) => index);
    for (let last = n - 1; last > 0; last--) {
      const bits = 32 - Math.clz32(last + 1);
      let index;
      do index = next() >>> (32 - bits); while (index > last);
      [order[last], order[index]] = [order[index], order[last]];
    }
    return order;
  };

  // Normal numbers from a small generator: the weights are not those that the package draws for the same seed.
  const normals = (seed) => {
    let state = Math.imul(seed + 1, 0x9e3779b9) >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  };

  let lab = null;
  class Lab {
    constructor(core, { p, H, activation, share, lr, decay, seed }) {
      Object.assign(this, { p, H, lr, decay, t: 0, speed: NaN });
      this.core = new WebAssembly.Instance(new WebAssembly.Module(core), {}).exports;
      const order = shuffled(p * p, seed), mask = (this.mask = new Uint8Array(p * p)), n = (this.n = Math.floor(share * p * p));
      for (const pair of order.slice(0, n)) mask[pair] = 1;
      const pairs = [];
      for (let a = 0; a < p; a++) for (let b = a; b < p; b++) pairs.push([a, b, mask[a * p + b] + (a === b ? 0 : mask[b * p + a])]);
      this.pairs = pairs.sort((x, y) => (y[2] > 0) - (x[2] > 0));
      this.at = this.core.lab_new(p, H, pairs.length, pairs.filter((pair) => pair[2]).length, activation === "quad" ? 1 : 0);
      const names = "p width H n_pairs n_trained activation weights gradient mean square a b count is_right loss".split(" ");
      const words = new Int32Array(this.memory, this.at, names.length);
      this.of = Object.fromEntries(names.map((name, i) => [name, words[i]]));
      ["a", "b", "count"].forEach((name, place) => new Uint8Array(this.memory, this.of[name], pairs.length).set(pairs.map((pair) => pair[place])));
      const draw = normals(seed), weights = this.array("weights"), scale = 0.1 / Math.sqrt(p), width = this.of.width;
      for (let i = 0; i < p * H; i++) weights[i] = scale * draw();
      for (let m = 0; m < H; m++) for (let c = 0; c < p; c++) weights[p * H + m * width + c] = scale * draw();
      this.rows = [];
      this.states = new Map();
      this.measure();
    }
    get memory() { return this.core.memory.buffer; }
    array(name) { return new Float32Array(this.memory, this.of[name], this.H * (this.p + this.of.width)); }
    step() {
      const lr = this.lr * Math.min(this.t / 10, 1), t = ++this.t; // the warm-up is the package's: the first step has rate 0
      this.core.lab_gradient(this.at, this.n);
      this.core.lab_adamw(this.at, lr, this.decay, 0.9, 0.98, lr / (1 - 0.9 ** t), 1 / Math.sqrt(1 - 0.98 ** t));
      if (t % EVERY === 0) this.measure();
    }
    // Trained; mirror image trained; never seen in either order: the network cannot tell (a, b) from (b, a).
    measure() {
      const { pairs, p } = this, n = pairs.length;
      this.core.lab_evaluate(this.at, 0, n);
      const right = new Uint8Array(this.memory, this.of.is_right, n), losses = new Float32Array(this.memory, this.of.loss, n);
      const count = [0, 0, 0], sum = [0, 0, 0], loss = [0, 0];
      this.right = new Uint8Array(p * p);
      pairs.forEach(([a, b, trained], i) => {
        this.right[a * p + b] = this.right[b * p + a] = right[i];
        const others = (a === b ? 1 : 2) - trained, kind = trained ? 1 : 2;
        count[0] += trained; sum[0] += trained * right[i]; loss[0] += trained * losses[i];
        count[kind] += others; sum[kind] += others * right[i]; loss[1] += others * losses[i];
      });
      const row = { step: this.t, shares: sum.map((value, i) => (count[i] ? value / count[i] : NaN)), loss: [loss[0] / count[0], loss[1] / (count[1] + count[2])], lr: this.lr, decay: this.decay };
      row.test = (sum[1] + sum[2]) / (count[1] + count[2]);
      if (!this.rows.length || this.rows[this.rows.length - 1].step < this.t) this.rows.push(row);
      if (this.t % KEPT_EVERY === 0 && !this.states.has(this.t)) this.states.set(this.t, ["weights", "mean", "square"].map((name) => this.array(name).slice()));
      if (this.states.size > 60) for (const step of [...this.states.keys()].filter((_, i) => i % 2)) this.states.delete(step); // every second goes
      this.row = row;
    }
    back(step) {
      const nearest = [...this.states.keys()].reduce((best, kept) => (Math.abs(kept - step) < Math.abs(best - step) ? kept : best), 0);
      ["weights", "mean", "square"].forEach((name, i) => this.array(name).set(this.states.get(nearest)[i]));
      this.t = nearest;
      this.rows = this.rows.filter((row) => row.step <= nearest);
      for (const kept of [...this.states.keys()]) if (kept > nearest) this.states.delete(kept);
      this.measure();
    }
    get weights() {
      const { p, H } = this, width = this.of.width, flat = this.array("weights"), out = new Float32Array(2 * p * H);
      out.set(flat.subarray(0, p * H));
      for (let m = 0; m < H; m++) out.set(flat.subarray(p * H + m * width, p * H + m * width + p), p * H + m * p);
      return out;
    }
  }

  let seen = 0; // when the page had drawn what it was told last: until then it is told nothing, however slow it is
  const post = () => {
    seen = Infinity;
    const weights = lab.weights;
    self.postMessage({ state: lab.t, rows: lab.rows, row: lab.row, right: lab.right, weights, speed: lab.speed }, [weights.buffer]);
  };

  let pace = 0, begun = 0, done = 0, since = 0, before = 0; // since when, and from which step, the speed is measured
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    if (!pace) return;
    const start = performance.now();
    let n = 0;
    while (performance.now() - start < 30 && done + n < ((performance.now() - begun) / 1000) * pace) { lab.step(); n++; }
    done += n;
    const now = performance.now();
    if (now - since > 500) { lab.speed = (done - before) / ((now - since) / 1000); [since, before] = [now, done]; }
    if (n && now - seen > 50) post();
    if (n) channel.port2.postMessage(0); else setTimeout(() => channel.port2.postMessage(0), 4);
  };

  self.onmessage = ({ data }) => {
    if (data.start) { lab = new Lab(data.core, data.start); self.postMessage({ split: lab.mask }); post(); }
    if (data.seen) seen = performance.now();
    if (data.set) Object.assign(lab, data.set);
    if (data.back !== undefined) { lab.back(data.back); post(); }
    if (data.step) { for (let i = 0; i < data.step; i++) lab.step(); lab.measure(); post(); }
    if (data.run) { const resumed = !pace; [pace, begun, done, since, before] = [data.run, performance.now(), 0, performance.now(), 0]; if (resumed) channel.port2.postMessage(0); }
    if (data.pause) { pace = 0; post(); }
  };
};
