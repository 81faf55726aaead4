"""Quantities of claims about sweeps that compare runs, or ask for two things at once."""

from __future__ import annotations

import functools
import math

from modaddlab.analysis.scaling import power_law
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import Measure
from modaddlab.findings import outcomes
from modaddlab.study import Study

STEADY = 0.9
"""A network that has had 95 % of the test right and falls below this share again counts as unstable."""


def unsteady(study: Study) -> float:
    """1 if it does not grok, or falls below 90 % of the test pairs again after it had 95 %; otherwise 0."""
    return float(not q.finding("curves.lowest_after")(study) >= STEADY)


def times_as_fast_as(name: str) -> Measure:
    """How many times as fast as another run it groks.

    NaN if it does not; where only the other does not, at least as many times as the other's steps allow.
    """

    def measure(study: Study) -> float:
        other = q.reference(name)
        slower, faster = map(q.finding("curves.grokked"), (other, study))
        return (other.spec.steps if math.isnan(slower) else slower) / faster if faster else math.inf

    return measure


def exponent_of_seed(study: Study) -> float:
    """The exponent of time to grok over the modulus, from 59 on, among the runs of the sweep "prime" with this seed that grok.

    NaN for fewer than three moduli.
    """
    return exponents().get(study.spec.seed, math.nan)


@functools.cache
def exponents() -> dict[int, float]:
    """The exponent for each seed that has three moduli."""
    points: dict[int, list[tuple[int, float]]] = {}
    for row in outcomes.sweep("prime").rows:
        if row.spec.task.p >= 59 and math.isfinite(row.grokked):
            points.setdefault(row.spec.seed, []).append((row.spec.task.p, row.grokked))
    laws = {seed: power_law(*zip(*found, strict=True)) for seed, found in points.items()}
    return {seed: law.exponent for seed, law in laws.items() if law is not None}
