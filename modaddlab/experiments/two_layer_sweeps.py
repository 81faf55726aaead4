"""The runs of the two-layer network's sweeps: mlp-grokking with one number changed, for intervals over ten seeds at every point.

Their records are light: about 125 rows of metrics, no weights. What is known to be over early has fewer steps. Networks whose
complexity is measured keep their weights.
"""

from __future__ import annotations

import base64
import dataclasses
import random
from collections.abc import Mapping
from types import MappingProxyType

from modaddlab.experiments.spec import LossDtype, OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.experiments.two_layer import CONFIGURATIONS
from modaddlab.tasks import Operation

BASE = CONFIGURATIONS["mlp-grokking"]
"""What is varied: weight decay 2, 75 % of the pairs, learning rate 0.0001."""

ROWS = 125
"""Rows of metrics of a run, besides the first; 100 of the shortest."""

DECAYS = {0.0: 50_000, 0.25: 50_000, 0.5: 50_000, 1.0: 50_000, 4.0: 25_000, 8.0: 25_000}
FRACTIONS = {0.4: 50_000, 0.5: 50_000, 0.6: 50_000, 0.7: 50_000, 0.8: 25_000, 0.9: 25_000}
RATES = {3e-5: 50_000, 3e-4: 25_000, 1e-3: 10_000}
"""The values besides the base's, and their steps."""


DIGITS: tuple[LossDtype, ...] = ("float64", "float32", "log1p", "stablemax")
"""How the loss is computed of a network of 64 neurons without decay, which at a rate of 0.003 is soon sure of its pairs."""


COMPLEXITY: Mapping[Operation, str] = {"add": "to be sampled", "random": "with answers drawn at random"}
COMPLEXITY_P, COMPLEXITY_MODULI = 23, (29, 37, 47)
"""The modulus of the networks whose complexity is followed along the way, and those at whose end it is measured."""


def _run(name: str, steps: int, *, task: TaskSpec = BASE.task, optim: OptimSpec = BASE.optim) -> RunSpec:
    record = RecordSpec(metrics_every=max(100, steps // ROWS), energies=False, weights="none")
    return dataclasses.replace(BASE, name=name, task=task, optim=optim, record=record, steps=steps)


def _short(number: float) -> str:
    return f"{number:.5f}".rstrip("0").rstrip(".")


def _one_order(task: TaskSpec) -> TaskSpec:
    """As many questions, each in one order: random answers to (a, b) and (b, a) would differ, and the network's cannot."""
    p = task.p
    places = [a * p + b for a in range(p) for b in range(a, p)]
    n = int(task.train_frac * len(places))
    bits = bytearray(-(-p * p // 8))
    for place in random.Random(p).sample(places, n):
        bits[place // 8] |= 128 >> place % 8
    pairs = base64.b64encode(bits).decode()
    return dataclasses.replace(task, unordered=False, train_frac=(n + 0.5) / p**2, train_pairs=pairs)


def _complexity(operation: Operation, p: int) -> RunSpec:
    """A network small enough to be sampled, which groks when its training loss stands still; or memorizes answers at random."""
    task = TaskSpec(operation=operation, p=p, train_frac=0.55, unordered=True)
    return RunSpec(
        name=f"mlp-complexity-{operation}-{p}",
        task=_one_order(task) if operation == "random" else task,
        model=dataclasses.replace(BASE.model, d_mlp=128, activation="quad"),
        record=RecordSpec(metrics_every=100, energies=False, snapshots=12 if p == COMPLEXITY_P else 0),
        steps=12_000,
        seed=BASE.seed,
    )


_RUNS: list[tuple[RunSpec, str]] = [
    *(
        (
            _run(f"mlp-decay-{_short(decay)}", steps, optim=dataclasses.replace(BASE.optim, weight_decay=decay)),
            f"mlp-grokking with weight decay {_short(decay)}",
        )
        for decay, steps in DECAYS.items()
    ),
    *(
        (
            _run(f"mlp-fraction-{_short(fraction)}", steps, task=dataclasses.replace(BASE.task, train_frac=fraction)),
            f"mlp-grokking trained on {fraction:.0%} of the pairs",
        )
        for fraction, steps in FRACTIONS.items()
    ),
    *(
        (
            _run(f"mlp-rate-{_short(rate)}", steps, optim=dataclasses.replace(BASE.optim, lr=rate)),
            f"mlp-grokking with learning rate {_short(rate)}",
        )
        for rate, steps in RATES.items()
    ),
    *(
        (
            dataclasses.replace(
                _run(f"mlp-digits-{loss}", 4_000, optim=dataclasses.replace(BASE.optim, lr=3e-3, weight_decay=0.0)),
                model=dataclasses.replace(BASE.model, d_mlp=64),
                record=RecordSpec(metrics_every=50, energies=False, weights="none"),
                loss_dtype=loss,
            ),
            f"64 neurons without decay, the loss by {loss}",
        )
        for loss in DIGITS
    ),
    (
        _run("mlp-unordered-23", 50_000, task=dataclasses.replace(BASE.task, unordered=True)),
        "mlp-grokking, no test pair the mirror image of a training pair",
    ),
    *(
        (_complexity(operation, p), f"128 neurons that square, modulo {p}, {what}")
        for operation, what in COMPLEXITY.items()
        for p in (COMPLEXITY_P, *COMPLEXITY_MODULI)
    ),
]

VARIATIONS: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for spec, _ in _RUNS})
"""Every variation of mlp-grokking that a sweep has, with its seed 42."""

PURPOSES: Mapping[str, str] = MappingProxyType({spec.name: purpose for spec, purpose in _RUNS})
