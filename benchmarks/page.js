// What `python -m benchmarks.page` runs in the browser: both sides, in turn.
"use strict";

// Steps a second, compiled and in plain JavaScript, of the two-layer network on three quarters of the pairs.
window.trainBoth = ([p, H, seconds]) => {
  const core = new WebAssembly.Instance(new WebAssembly.Module(Web.bytes(CORE)), {}).exports;
  const pairs = [], width = (p + 3) & ~3;
  for (let a = 0; a < p; a++) for (let b = a; b < p; b++) if ((a * 7 + b * 13) % 4) pairs.push([a, b]);
  const n = pairs.length, lab = core.lab_new(p, H, n, n, 0), words = new Int32Array(core.memory.buffer, lab, 13);
  const w = new Float32Array(core.memory.buffer, words[6], H * (p + width)), bytes = new Uint8Array(core.memory.buffer);
  pairs.forEach(([a, b], i) => { bytes[words[10] + i] = a; bytes[words[11] + i] = b; bytes[words[12] + i] = 1; });
  const plain = { w: new Float32Array(2 * p * H), g: new Float32Array(2 * p * H), m: new Float32Array(2 * p * H), v: new Float32Array(2 * p * H) };
  for (let i = 0; i < w.length; i++) w[i] = Math.sin(i * 12.9898) * 0.03;
  for (let i = 0; i < plain.w.length; i++) plain.w[i] = Math.sin(i * 12.9898) * 0.03;
  const compiled = () => { core.lab_gradient(lab, n); core.lab_adamw(lab, 1e-3, 2, 0.9, 0.98, 1e-3, 1); };
  const row = new Float32Array(p), value = new Float32Array(H), index = new Int32Array(H);
  const literal = () => {
    const { w, g, m, v } = plain, xi = p * H;
    g.fill(0);
    for (const [a, b] of pairs) {
      let on = 0;
      row.fill(0);
      for (let i = 0; i < H; i++) { const x = w[a * H + i] + w[b * H + i]; if (x > 0) { value[on] = x; index[on++] = i; } }
      for (let i = 0; i < on; i++) for (let c = 0, x = value[i], at = xi + index[i] * p; c < p; c++) row[c] += x * w[at + c];
      let most = -Infinity, total = 0;
      for (let c = 0; c < p; c++) most = Math.max(most, row[c]);
      for (let c = 0; c < p; c++) total += row[c] = Math.exp(row[c] - most);
      for (let c = 0; c < p; c++) row[c] /= total * n;
      row[(a + b) % p] -= 1 / n;
      for (let i = 0; i < on; i++) {
        let back = 0;
        for (let c = 0, x = value[i], at = xi + index[i] * p; c < p; c++) { back += row[c] * w[at + c]; g[at + c] += x * row[c]; }
        g[a * H + index[i]] += back;
        g[b * H + index[i]] += back;
      }
    }
    for (let i = 0; i < w.length; i++) {
      m[i] += 0.1 * (g[i] - m[i]);
      v[i] = 0.98 * v[i] + 0.02 * g[i] * g[i];
      w[i] = w[i] * (1 - 2e-3) - 1e-3 * m[i] / (Math.sqrt(v[i]) + 1e-8);
    }
  };
  const speed = (step) => {
    for (let i = 0; i < 5; i++) step();
    const begun = performance.now();
    let steps = 0;
    while (performance.now() - begun < 1000 * seconds) { step(); steps++; }
    return (1000 * steps) / (performance.now() - begun);
  };
  return [speed(compiled), speed(literal)];
};

// Milliseconds for all pairs, compiled and in plain JavaScript (every fourth row, times four).
window.allPairsBoth = async () => {
  const { explorer } = document.querySelector(".explorer"), { run } = explorer.view;
  const { network } = await explorer.networks.at(run, run.steps[run.steps.length - 1]);
  network.arrange(Web.untouched());
  const pairs = new Web.AllPairs(network).load(network), { p } = network;
  const best = (f) => Math.min(...Array.from({ length: 5 }, () => { const begun = performance.now(); f(); return performance.now() - begun; }));
  return [best(() => pairs.rows(0, p)), best(() => { for (let a = 0; a < p; a += 4) for (let b = 0; b < p; b++) network.question(a, b); }) * p / Math.ceil(p / 4)];
};
