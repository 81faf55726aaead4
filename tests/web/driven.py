"""What tests of the pages need of a driven browser: the figures, what a page said, when it has settled, what a figure shows."""

from __future__ import annotations

import json
from typing import Any

PATIENCE = 300_000
"""Milliseconds that a page may take for anything, on a machine that is busy with something else."""

PARTS = ("circles", "attention", "neurons", "cluster", "reading", "answer", "steps")
FIGURES = ("hands", "order", "keys", "clock", "phases", "turn", "film", "lottery", *(f"sum.{part}" for part in PARTS))

LOGITS = """async ([id, changes]) => {
  const explorer = document.querySelector(".explorer").explorer;
  await explorer.open({ run: id });
  const { run } = explorer.view, { network } = await explorer.networks.at(run, run.steps[run.steps.length - 1]);
  network.arrange({ gain: new Map(changes.gain), turn: changes.turn, turned: changes.turned, heads: new Set(changes.heads),
                    neurons: new Set(changes.neurons), toMean: changes.toMean });
  const pairs = new Web.AllPairs(network, true).load(network), { p, width } = network;
  const right = pairs.rows(0, p);
  let loss = 0;
  for (const value of pairs.losses) loss += value / (p * p);
  const logits = new Float32Array(p ** 3), plain = [];
  for (let i = 0; i < p * p; i++) logits.set(pairs.logits.subarray(i * width, i * width + p), i * p);
  for (let i = 0; i < p * p; i += 97) plain.push(...network.question(Math.floor(i / p), i % p).logits);
  const bytes = new Uint8Array(logits.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return { logits: btoa(text), plain, right, loss };
}"""
"""A script that gives all logits of a network of the explorer, after changes."""

NOTHING: dict[str, Any] = {"gain": [], "turn": 0, "turned": [], "heads": [], "neurons": [], "toMean": False}


class Told:
    """What a page said to the console, and the addresses that it asked for."""

    def __init__(self, page: Any) -> None:
        self.lines: list[str] = []
        self.addresses: list[str] = []
        page.on("console", lambda message: self.lines.append(message.text))
        page.on("pageerror", lambda error: self.lines.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))


def settled(page: Any) -> None:
    """Wait until the line below the answers says what all questions gave, and its control where it has one."""
    page.wait_for_function(
        """() => {
          const { taken, result, turn } = document.querySelector(".explorer").explorer.view ?? {};
          if (!result) return false;
          const controlled = Boolean(taken.k.size) !== Boolean(taken.n.size) && !taken.h.size && !turn;
          return !controlled || Boolean(result.control);
        }"""
    )


def shown(page: Any, name: str, state: dict[str, Any] | None = None) -> dict[str, Any]:
    """The numbers that a figure shows, once it shows this state."""
    said = json.dumps(state or {})
    page.wait_for_function(
        f"""() => {{ const f = document.querySelector('.moving.{name}').figure;
                  return f.drawn && !f.waiting && Object.entries({said}).every(([name, value]) => f.state[name] === value); }}"""
    )
    return page.evaluate(f"document.querySelector('.moving.{name}').figure.result")
