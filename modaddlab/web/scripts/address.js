// The state of a page in its address, so that a view can be sent: #step=6600&ask=37.95&off=k9.h3. What the address does not say, or says
// wrongly, is as it was; old views stay readable.
"use strict";

Web.Address = class {
  // fields: name -> { read(text): value or undefined, write(value): text or "" when it need not be said }. Several figures of a page share its
  // address: each has a prefix of its own, as in #hands.a=5&order.k=3, and leaves the others' words alone.
  constructor(fields, changed, prefix = "") {
    Object.assign(this, { fields, prefix });
    addEventListener("hashchange", () => { if (location.hash !== this.written) changed(this.read()); });
  }
  read() {
    const found = {};
    for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
      if (!name.startsWith(this.prefix)) continue;
      const own = name.slice(this.prefix.length), value = this.fields[own]?.read(text);
      if (value !== undefined) found[own] = value;
    }
    return found;
  }
  // A quarter of a second of rest: some browsers limit how often an address may change.
  write(state) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const own = Object.entries(this.fields).map(([name, field]) => [this.prefix + name, field.write(state[name])]);
      const others = [...new URLSearchParams(location.hash.slice(1))].filter(([name]) => !name.startsWith(this.prefix));
      const said = [...others, ...own].filter(([, text]) => text !== "");
      this.written = "#" + said.map(([name, text]) => `${name}=${encodeURIComponent(text)}`).join("&");
      history.replaceState(null, "", this.written);
    }, 250);
  }
};

const whole = (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined);
Web.field = {
  whole: (usual) => ({ read: whole, write: (value) => (value === usual ? "" : String(value)) }),
  word: (usual) => ({ read: (text) => (/^[\w.-]+$/.test(text) ? text : undefined), write: (value) => (value === usual ? "" : value) }),
  pair: () => ({
    read: (text) => { const two = text.split(".").map(whole); return two.length === 2 && !two.includes(undefined) ? two : undefined; },
    write: (value) => value.join("."),
  }),
  // k9.h3.n100-149: frequencies, heads, neurons
  taken: () => ({
    read: (text) => {
      const taken = { k: new Set(), h: new Set(), n: new Set() };
      for (const part of text.split(".")) {
        const found = /^([khn])(\d{1,4})(?:-(\d{1,4}))?$/.exec(part);
        if (!found) return undefined;
        for (let i = +found[2]; i <= +(found[3] ?? found[2]); i++) taken[found[1]].add(i);
      }
      return taken;
    },
    write: (taken) => Object.entries(taken).flatMap(([kind, members]) => {
      const sorted = [...members].sort((x, y) => x - y), spans = [];
      for (const i of sorted) {
        const last = spans[spans.length - 1];
        if (last && last[1] === i - 1) last[1] = i; else spans.push([i, i]);
      }
      return spans.map(([from, to]) => kind + (from === to ? from : `${from}-${to}`));
    }).join("."),
  }),
};
