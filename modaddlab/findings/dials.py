"""What decides the time to grok, in one view: decay, learning rate, share of the pairs and modulus, each with its law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.scaling import Times
from modaddlab.findings import outcomes
from modaddlab.findings.data import pairs_of
from modaddlab.findings.decay import decay_of
from modaddlab.findings.outcomes import Outcome
from modaddlab.findings.size import BEGINS, modulus_of
from modaddlab.findings.speed import rate_of
from modaddlab.findings.sweep import Columns, Curve, Law, Swept, columns


@dataclass(frozen=True, kw_only=True)
class Dials:
    """The sweeps of the mainline that have a law; the laws' values stand in the findings of the chapters on them."""

    sweeps: Mapping[str, Swept] = field(repr=False)
    """What is varied -> its runs."""
    laws: Mapping[str, Law] = field(repr=False)

    @property
    def panels(self) -> dict[str, tuple[Mapping[float, Times], Curve, str]]:
        """For its figure: what is varied -> time to grok of every seed, the law where networks grok, its exponent."""
        return {
            name: (swept.times, _line(swept, self.laws[name]), self.laws[name].exponent.alone)
            for name, swept in self.sweeps.items()
        }

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        rows = [(name, row) for name, swept in self.sweeps.items() for row in swept.rows]
        return {"varied": [name for name, _ in rows], "modulus": [row.spec.task.p for _, row in rows]} | dict(
            columns(row for _, row in rows)
        )


def measure() -> Dials:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    found = {
        "weight decay": (outcomes.times("weight-decay"), decay_of, 0.0),
        "learning rate": (outcomes.times("learning-rate"), rate_of, 0.0),
        "share of the pairs shown": (outcomes.times("train-fraction"), share_of, 0.0),
        "modulus": (outcomes.sweep("prime"), modulus_of, BEGINS),
    }
    return Dials(
        sweeps={name: Swept(points={x: point for x, point in sweep.points.items() if x}) for name, (sweep, *_) in found.items()},
        laws={
            name: Law.through([row for row in sweep.rows if of(row) > 0 and of(row) >= begins], of)
            for name, (sweep, of, begins) in found.items()
        },
    )


def share_of(row: Outcome) -> float:
    """The share of the pairs shown, by the number of pairs."""
    return pairs_of(row) / row.spec.task.p**2


def _line(swept: Swept, law: Law) -> Curve:
    """The law from the first value at which a network groks to the last."""
    there = [x for x, point in swept.points.items() if point.n_grokked]
    ends = np.array([max(min(there), law.line[0].min()), max(there)])
    return ends, law.found.at(ends)
