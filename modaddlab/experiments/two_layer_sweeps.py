"""The runs of the two-layer network's sweeps: mlp-grokking with one number changed, for intervals over ten seeds at every point.

Their records are light: about 125 rows of metrics, no weights. What is known to be over early has fewer steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from modaddlab.experiments.spec import LossDtype, OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.experiments.two_layer import CONFIGURATIONS

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


def _run(name: str, steps: int, *, task: TaskSpec = BASE.task, optim: OptimSpec = BASE.optim) -> RunSpec:
    record = RecordSpec(metrics_every=max(100, steps // ROWS), energies=False, weights="none")
    return dataclasses.replace(BASE, name=name, task=task, optim=optim, record=record, steps=steps)


def _short(number: float) -> str:
    return f"{number:.5f}".rstrip("0").rstrip(".")


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
]

VARIATIONS: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for spec, _ in _RUNS})
"""Every variation of mlp-grokking that a sweep has, with its seed 42."""

PURPOSES: Mapping[str, str] = MappingProxyType({spec.name: purpose for spec, purpose in _RUNS})
