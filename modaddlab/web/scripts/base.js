// What every part of the interactive pages uses: numbers as text, elements, bytes, colours of the page's theme.
"use strict";
const Web = (window.Web = {});

// ---- numbers as the book writes them ------------------------------------------------------------------------------------------
Web.whole = (n) => n.toLocaleString("en-US");
// A share: nothing that is short of all of it reads 100 %.
Web.percent = (x) => (x === 1 ? "100" : (Math.min(99.9, Math.max(x > 0 ? 0.1 : 0, 100 * x))).toFixed(1)) + "\u202f%";
Web.number = (x) => {
  if (!Number.isFinite(x)) return "–";
  if (x === 0 || (Math.abs(x) >= 0.01 && Math.abs(x) < 1e4)) return String(+x.toPrecision(3)).replace("-", "−");
  const [digits, power] = x.toExponential(2).split("e");
  const raised = String(+power).replace(/[-\d]/g, (mark) => (mark === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[mark]));
  return `${digits.replace("-", "−")}\u00a0×\u00a010${raised}`;
};
Web.list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`);

// ---- elements -------------------------------------------------------------------------------------------------------------------
const SVG = new Set(["svg", "g", "path", "rect", "circle", "text", "line", "title"]);
// Web.element("button", { class: "chip", "aria-pressed": true, onclick: f }, "text", other)
Web.element = (name, attributes = {}, ...children) => {
  const made = SVG.has(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};

// A drawing that fills the width of its place; what it shows is said in words beside it.
Web.drawing = (width, height, ...children) => Web.element("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": true }, ...children);
Web.label = (x, y, words, name = "tick", anchor = "middle") => Web.element("text", { x, y, class: name, "text-anchor": anchor }, words);

// New buttons in the place of old ones; the one that had the keyboard keeps it.
Web.replaceKeepingFocus = (holder, ...children) => {
  const key = holder.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  holder.replaceChildren(...children);
  if (key) holder.querySelector(`[data-key="${key}"]`)?.focus();
};

// A view is drawn anew when its place on the page has changed its width, or the page its theme.
Web.redrawn = (element, draw) => {
  let width = element.clientWidth;
  new ResizeObserver(() => {
    if (element.clientWidth !== width) { width = element.clientWidth; draw(); }
  }).observe(element);
  const themes = new MutationObserver(draw);
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
  themes.observe(document.body, { attributes: true, attributeFilter: ["class"] });
};

// ---- bytes ----------------------------------------------------------------------------------------------------------------------
Web.bytes = (base64) => {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
};
Web.bits = (base64, n) => {
  const bytes = Web.bytes(base64), bits = new Uint8Array(n);
  for (let i = 0; i < n; i++) bits[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  return bits;
};
// An array of 32-bit numbers as `modaddlab.web.moving` writes it: its shape and its bytes.
Web.array = ([, text]) => Web.floats(text, 4);
let HALVES = null; // what each of the 65,536 numbers of 16 bits is; Float16Array is younger than many phones
Web.floats = (base64, size) => {
  const bytes = Web.bytes(base64);
  if (size === 4) return new Float32Array(bytes.buffer);
  if (size === 3) return Float32Array.from({ length: bytes.length / 3 }, (_, i) => ((bytes[3 * i] << 8) | (bytes[3 * i + 1] << 16) | (bytes[3 * i + 2] << 24)) >> 8);
  if (!HALVES) {
    HALVES = new Float32Array(65536);
    for (let half = 0; half < 65536; half++) {
      const power = (half >> 10) & 31, digits = half & 1023, sign = half & 32768 ? -1 : 1;
      HALVES[half] = power === 0 ? sign * digits * 2 ** -24 : power === 31 ? (digits ? NaN : sign * Infinity) : sign * (1 + digits / 1024) * 2 ** (power - 15);
    }
  }
  return Float32Array.from(new Uint16Array(bytes.buffer), (half) => HALVES[half]);
};

// ---- files of data: scripts that are loaded when they are asked for, which works from a disk as well as from a server ------------
const wanted = new Map();
Web.root = new URL(".", document.currentScript.src).href;
Web.bring = (path) => {
  if (!wanted.has(path)) {
    const entry = {};
    entry.promise = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    wanted.set(path, entry);
    const failed = () => { wanted.delete(path); entry.reject(new Error(`${path} could not be loaded`)); };
    document.head.append(Web.element("script", { src: Web.root + path, onerror: failed }));
  }
  return wanted.get(path).promise;
};
Web.arrived = (path, content) => wanted.get(path)?.resolve(content); // each file of data calls this

// A run by its id, or by its name where it is the first of a name.
Web.named = async (name) => (await Web.bring("data/runs.js")).named[name] ?? [name];
Web.run = async (name) => Web.runOf((await Web.named(name))[0]);
Web.runOf = async (id) => {
  const run = await Web.bring(`data/${id}/run.js`);
  if (typeof run.mask === "string") run.mask = Web.bits(run.mask, run.shape.p ** 2);
  return run;
};
// Which answers are right at each of its steps, which then stands in `rights`.
Web.rightsOf = async (run) => (run.rights ??= (await Web.bring(`data/${run.id}/right.js`)).map((bits) => Web.bits(bits, run.mask.length)));
Web.modulus = async (name) => (await Web.named(name))[1] ?? (await Web.run(name)).shape.p;

// ---- colours --------------------------------------------------------------------------------------------------------------------
let pen = null;
// A colour of the theme, such as "train", as [red, green, blue].
Web.rgb = (element, name) => {
  const value = getComputedStyle(element).getPropertyValue(`--${name}`).trim();
  pen ??= Web.element("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  pen.fillStyle = value;
  pen.fillRect(0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
};
Web.mix = (front, back, share) => front.map((value, i) => share * value + (1 - share) * back[i]);
// A ramp of 128 colours through the anchors that the theme names in --ramp.
Web.ramp = (element, name = "ramp") => {
  const anchors = getComputedStyle(element).getPropertyValue(`--${name}`).trim().split(/\s+/);
  const colours = anchors.map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return Array.from({ length: 128 }, (_, i) => {
    const at = (i / 127) * (colours.length - 1), from = Math.min(Math.floor(at), colours.length - 2);
    return Web.mix(colours[from + 1], colours[from], at - from);
  });
};

// A square table, (p, p), with its rows and columns in the order of axis times their residue, in the ramp's colours from `least` to `most`.
Web.ordered = (canvas, table, p, axis, least, most) => {
  const ramp = Web.ramp(canvas), at = new Array(p); // row i shows the residue a with axis * a = i
  for (let a = 0; a < p; a++) at[(a * axis) % p] = a;
  for (let i = 0; i < p; i++) at[i] ??= i; // an axis that divides a composite p does not reach every row
  Web.paint(canvas, p, (i) => ramp[Math.round(((table[at[Math.floor(i / p)] * p + at[i % p]] - least) / (most - least)) * 127)]);
};

// A square picture of p x p cells; colour(i) gives [red, green, blue] of the cell i = row * p + column.
Web.paint = (canvas, p, colour) => {
  if (canvas.width !== p) canvas.width = canvas.height = p;
  const context = canvas.getContext("2d"), image = context.createImageData(p, p);
  for (let i = 0; i < p * p; i++) {
    const [red, green, blue] = colour(i);
    image.data[4 * i] = red; image.data[4 * i + 1] = green; image.data[4 * i + 2] = blue; image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
};
