"""How near networks that square come to the largest normalized margin that there is (`modaddlab.analysis.margin`).

That largest margin is known for networks with a table of input vectors for each number; the book's have one table for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.margin import largest_margin, normalized_margin, waves
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, ODD_MODULUS, SQUARES, TWO_LAYER, for_networks
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Value, change, number, over, steps
from modaddlab.models.two_layer import theta_of
from modaddlab.study import Study

SEEDS = range(42, 47)
"""Of the network trained by plain descent from random weights."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """One network's normalized margin over the largest."""

    reached: Value
    """At the end; its null is that of the initial weights."""


@for_networks(TWO_LAYER, SQUARES, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def of(study: Study) -> Margin:
    """The margin of one network."""
    return Margin(reached=change(_part(study, study.record.final), null=_part(study, study.initial)))


@dataclass(frozen=True, kw_only=True)
class Margins:
    """The margins of the book's networks modulo 23."""

    largest: Value
    """The largest normalized margin itself."""
    two_tables: Value
    one_table: Value
    """Of pure waves, with two tables and with one."""
    random: Margin
    """By Adam from random weights; and by plain descent from one wave a neuron."""
    one_wave: Margin
    right: Value
    """The step from which on the first of them has every pair right."""
    descent: Value
    """By plain descent from random weights, over seeds."""
    others: tuple[float, ...]
    """By Adam from random weights, for the other moduli."""
    curves: dict[str, Curve] = field(repr=False)
    """Over the steps, of the first two."""

    @property
    def levels(self) -> dict[str, float]:
        """The two networks of pure waves, as a figure names them."""
        return {"pure waves, two tables": self.two_tables.value, "pure waves, one table": self.one_table.value}

    @property
    def columns(self) -> Columns:
        """The curves as a figure's data."""
        return curve_columns(self.curves, every=1, what="margin over the largest")


def measure() -> Margins:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    random, one_wave = Study.open("mlp-quad-random"), Study.open("mlp-quad-single-freq")
    p = random.p
    curves = {"Adam, random start": _curve(random), "plain descent, one wave each": _curve(one_wave)}
    step_T, part_T = curves["Adam, random start"]
    wrong_T = np.flatnonzero(part_T <= 0)
    pure = {n: change(round(normalized_margin(*waves(p, tables=n)) / largest_margin(p), 9)) for n in (1, 2)}
    descent = [Study.open("mlp-quad-descent", seed=seed) for seed in SEEDS]
    return Margins(
        largest=number(largest_margin(p)),
        two_tables=pure[2],
        one_table=pure[1],
        random=of(random),
        one_wave=of(one_wave),
        right=steps(float(step_T[wrong_T[-1] + 1])),
        descent=over([of(study).reached for study in descent]),
        others=tuple(of(Study.open("mlp-quad-random", p=other)).reached.value for other in (29, 31)),
        curves=curves,
    )


def _part(study: Study, weights: Mapping[str, np.ndarray]) -> float:
    theta_HP = theta_of(weights).T
    return normalized_margin(theta_HP, theta_HP, weights["mlp.W_out"]) / largest_margin(study.p)


def _curve(study: Study) -> Curve:
    """The margin over the largest at every snapshot."""
    step_T = np.array(study.record.snapshot_steps)
    return step_T, np.array([_part(study, study.record.snapshot(int(step))) for step in step_T])
