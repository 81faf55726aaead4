"""What the digits of the loss do to a network without decay: float64, float32, float32 from the leads (log1p), StableMax."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.stability import sudden_rises
from modaddlab.findings.networks import TEST_PAIRS, for_networks
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Group, Value, count, loss, pooled, share, steps
from modaddlab.study import Study

LEAST = 1e-17
"""Smaller losses are recorded as 0."""

LOSSES = ("float64", "float32", "log1p", "stablemax")


@dataclass(frozen=True, kw_only=True)
class Digits(Group):
    """One network."""

    train_loss: Value
    """The cross-entropy at the end, in float64 however it was trained."""
    test_accuracy: Value
    rises: Value
    """Sudden rises of the train loss after the first thousand steps."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Networks that differ in how their loss is computed, over seeds."""

    float64: Digits
    float32: Digits
    log1p: Digits
    stablemax: Digits
    n_seeds: Value
    trained_for: Value
    apart: Value
    """The first recorded step at which the train loss in float32 is a tenth away from that in float64,"""
    apart_loss: Value
    """and the loss there; of the first seed."""
    distance: Value
    """How far the train loss by log1p is ever from that in float64, relative; the most of all seeds."""
    curves: dict[str, Curve] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The train losses of the first seed as a figure's data."""
        return curve_columns(self.curves, every=1, what="train loss")


@for_networks(TEST_PAIRS)
def of(study: Study) -> Digits:
    """What one network's loss came to."""
    step_T, loss_T = study.curve("step"), study.curve("train_loss")
    return Digits(
        train_loss=loss(max(float(loss_T[-1]), LEAST)),
        test_accuracy=share(float(study.curve("test_accuracy")[-1])),
        rises=count(sudden_rises(step_T, loss_T)),
    )


def measure() -> Losses:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    runs = {name: Study.seeds(f"mlp-digits-{name}") for name in LOSSES}
    exact, single = runs["float64"][0], runs["float32"][0]
    step_T, exact_T, single_T = exact.curve("step"), exact.curve("train_loss"), single.curve("train_loss")
    apart = int(np.argmax(np.abs(single_T / exact_T - 1) > 0.1))
    pairs = zip(runs["float64"], runs["log1p"], strict=True)
    return Losses(
        **{name: pooled([of(study) for study in studies]) for name, studies in runs.items()},
        n_seeds=count(len(runs["log1p"])),
        trained_for=steps(step_T[-1]),
        apart=steps(step_T[apart]),
        apart_loss=loss(exact_T[apart]),
        distance=share(max(float(np.abs(b.curve("train_loss") / a.curve("train_loss") - 1).max()) for a, b in pairs)),
        curves={name: (step_T, np.maximum(runs[name][0].curve("train_loss"), LEAST)) for name in LOSSES},
    )
