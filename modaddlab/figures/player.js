// The story of a training run, frame by frame: six panels that move together under one slider.
//
// The numbers lie beside this script as JSON (see modaddlab/figures/animation.py). Each panel is drawn once as SVG; a frame only moves
// what depends on the step. Colours are custom properties, so that the page's theme decides them.
(() => {
  "use strict";
  const root = document.currentScript.closest(".story");
  const data = JSON.parse(root.querySelector(".story-data").textContent);
  const frames = data.step.length;
  const play = root.querySelector(".story-play");
  const slider = root.querySelector("input");
  const readout = root.querySelector("output");
  const slow = matchMedia("(prefers-reduced-motion: reduce)");

  const width = 240, height = 190, left = 40, right = 8, top = 26, bottom = 26;
  const number = (value) => value.toLocaleString("en-US");
  const short = (value) => (value >= 1000 ? `${value / 1000}k` : String(value));
  const text = (x, y, words, name = "", anchor = "middle") =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" class="${name}">${words}</text>`;

  // panels ------------------------------------------------------------------------------------------------------------
  const updates = [];
  const panel = (title, drawing) => {
    const holder = document.createElement("div");
    holder.innerHTML = `<svg viewBox="0 0 ${width} ${height}" aria-hidden="true">${text(0, 13, title, "", "start")}${drawing}</svg>`;
    root.querySelector(".story-panels").append(holder);
    return holder.firstChild;
  };
  const scale = (low, high, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);
  const last = data.step[frames - 1];
  const along = (step) => left + Math.sqrt(step / last) * (width - left - right); // snapshots are about evenly spaced in sqrt(step)

  const stepAxis = () => {
    const ticks = [0, 0.025, 0.125, 0.25, 0.5, 1].map((part) => Math.round(part * last));
    return ticks.map((step) => text(along(step), height - 9, short(step), "tick", step === last ? "end" : "middle")).join("");
  };
  const curves = (title, series, y, ticks) => {
    const bands = data.phases.map(([, start, end], n) => n % 2 ? "" :
      `<rect class="shade" x="${along(start)}" y="${top}" width="${along(end) - along(start)}" height="${height - top - bottom}"/>`);
    const lines = ticks.map(([value, words]) =>
      `<path class="rule" d="M${left} ${y(value)}H${width - right}"/>${text(left - 4, y(value) + 4, words, "tick", "end")}`);
    const paths = Object.entries(series).map(([name, values]) => {
      const points = values.map((value, n) => (value === null ? null : `${along(data.step[n]).toFixed(1)} ${y(value).toFixed(1)}`));
      return `<path class="curve ${name}" d="M${points.filter(Boolean).join("L")}"/>`;
    });
    const dots = Object.keys(series).map((name) => `<circle class="dot ${name}" r="3.4"/>`);
    const svg = panel(title, bands.join("") + lines.join("") + stepAxis() + '<path class="cursor"/>' + paths.join("") + dots.join(""));
    const cursor = svg.querySelector(".cursor"), marks = [...svg.querySelectorAll(".dot")], values = Object.values(series);
    updates.push((frame) => {
      const x = along(data.step[frame]);
      cursor.setAttribute("d", `M${x} ${top}V${height - bottom}`);
      marks.forEach((mark, n) => {
        const value = values[n][frame];
        mark.setAttribute("cx", x);
        mark.setAttribute("cy", value === null ? -9 : y(value));
      });
    });
  };
  const base = `<path class="rule" d="M${left} ${height - bottom + 0.5}H${width - right}"/>`;
  const bars = (title, values, high, colour, drawing) => {
    const count = values[0].length, gap = (width - left - right) / count;
    const y = scale(0, high, height - bottom, top);
    const boxes = values[0].map((_, n) => `<rect class="${colour(n)}" x="${(left + n * gap).toFixed(2)}" width="${Math.max(0.84 * gap, 2).toFixed(2)}"/>`);
    const svg = panel(title, base + boxes.join("") + drawing(gap));
    const rects = [...svg.querySelectorAll("rect")];
    updates.push((frame) => rects.forEach((rect, n) => {
      const at = y(values[frame][n]);
      rect.setAttribute("y", at);
      rect.setAttribute("height", Math.max(height - bottom - at, 0));
    }));
    return svg;
  };
  const dots = (title, count, place, positions, drawing) => {
    const wheel = (n) => Math.floor((place(n) / data.p) * data.wheel);
    const circles = Array.from({ length: count }, (_, n) => `<circle r="2.6" fill="var(--wheel-${wheel(n)})"/>`);
    const svg = panel(title, drawing + circles.join(""));
    const marks = [...svg.querySelectorAll("circle")];
    updates.push((frame) => marks.forEach((mark, n) => {
      const [x, y] = positions(frame, n);
      mark.setAttribute("cx", x.toFixed(1));
      mark.setAttribute("cy", y.toFixed(1));
    }));
  };
  const names = (words) => words.map((word) => `<tspan class="${word}">${word}</tspan>`).join(" ");

  const all = Object.values(data.loss).flat().filter((value) => value > 0);
  const logarithmic = scale(Math.log10(Math.min(...all)) - 0.2, Math.log10(Math.max(...all)) + 0.2, height - bottom, top);
  const loss = (value) => logarithmic(Math.log10(value));
  const decades = [-9, -6, -3, 0].filter((power) => 10 ** power > Math.min(...all));
  curves(`loss: ${names(Object.keys(data.loss))}`, data.loss, loss,
    decades.map((power) => [10 ** power, power ? `10<tspan dy="-4" class="power">${power}</tspan>` : "1"]));
  curves(`accuracy: ${names(Object.keys(data.accuracy))}`, data.accuracy, scale(0, 1, height - bottom, top),
    [[0, "0"], [0.5, "50%"], [1, "100%"]]);

  const centre = [left + (width - left - right) / 2, top + (height - top - bottom) / 2 + 8];
  const radius = (height - top - bottom) / 2 + 8;
  dots(`residues on the circle of k = ${data.key}`, data.p, (n) => (n * data.key) % data.p, (frame, n) => [
    centre[0] + radius * data.point[frame][2 * n], centre[1] - radius * data.point[frame][2 * n + 1],
  ], `<path class="rule" d="M${centre[0] - radius} ${centre[1]}h${2 * radius}M${centre[0]} ${centre[1] - radius}v${2 * radius}"/>`);

  const rank = new Map(data.keys.map((key, n) => [key, n]));
  bars("spectrum of the embedding", data.norm, Math.max(...data.norm.flat()), (n) => (rank.has(n + 1) ? `key-${rank.get(n + 1)}` : "other"), (gap) => {
    let taken = -Infinity;
    return data.keys.map((key) => {
      const x = Math.max(left + (key - 0.58) * gap, taken + 13);
      taken = x + 3 * (String(key).length - 1);
      return text(x, height - 9, key, `tick key-${rank.get(key)}`);
    }).join("");
  });

  const attended = (n) => (n * data.headKey) % data.p;
  const angle = scale(0, data.p - 1, left, width - right);
  const share = scale(0, 1, height - bottom, top);
  dots(`attention of head ${data.head} to a`, data.p, attended, (frame, n) => [angle(attended(n)), share(data.attention[frame][n])],
    [[0, "0"], [0.5, "50%"], [1, "100%"]].map(([value, words]) =>
      `<path class="rule" d="M${left} ${share(value)}H${width - right}"/>${text(left - 4, share(value) + 4, words, "tick", "end")}`).join("") +
    text((left + width - right) / 2, height - 9, `a, in the order of k = ${data.headKey}`, "tick"));

  const answer = (data.pair[0] + data.pair[1]) % data.p;
  const asked = bars(`${data.pair[0]} + ${data.pair[1]} = ? (never trained on)`, data.probability, 1, (n) => (n === answer ? "answer" : "other"),
    (gap) => text(left + (answer + 0.42) * gap, height - 9, answer, "tick strong") + text(left, top + 12, "", "says", "start"));
  updates.push((frame) => {
    const given = data.probability[frame].indexOf(Math.max(...data.probability[frame]));
    asked.querySelector(".says").textContent = given === answer ? `${given}: right` : `${given}: wrong`;
  });

  // frames --------------------------------------------------------------------------------------------------------------
  const phase = (step) => (data.phases.find(([, start, end]) => step >= start && step <= end) || [""])[0];
  let frame = 0, timer = 0;
  const show = (wanted) => {
    frame = wanted;
    updates.forEach((update) => update(frame));
    const step = data.step[frame];
    const words = [`step ${number(step)}`, phase(step), `test accuracy ${(100 * data.accuracy.test[frame]).toFixed(0)}\u00a0%`].filter(Boolean);
    readout.textContent = words.join(" · ");
    slider.value = frame;
    slider.setAttribute("aria-valuetext", words.join(", "));
    root.dataset.frame = frame;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  const advance = () => {
    show(frame + 1);
    if (frame === frames - 1) stop();
  };
  const start = () => {
    if (frame === frames - 1) show(0);
    timer = setInterval(advance, slow.matches ? 900 : 180);
    play.textContent = "Pause";
  };
  play.addEventListener("click", () => (timer ? stop() : start()));
  slider.addEventListener("input", () => {
    stop();
    show(Number(slider.value));
  });
  root.hidden = false;
  show(0);
})();
