"""Quantities of claims about sweeps that compare runs, or ask for two things at once."""

from __future__ import annotations

import math

from modaddlab.claims import quantities as q
from modaddlab.claims.claim import Measure
from modaddlab.findings import outcomes, size
from modaddlab.findings.sweep import Law
from modaddlab.findings.value import Value
from modaddlab.study import Study

STEADY = 0.9
"""A network that has had 95 % of the test right and falls below this share again counts as unstable."""


def unsteady(study: Study) -> float:
    """1 if it does not grok, or falls below 90 % of the test pairs again after it had 95 %; otherwise 0."""
    return float(not q.finding("curves.lowest_after")(study) >= STEADY)


def times_as_fast_as(name: str) -> Measure:
    """How many times as fast as another run it groks; as the mainline of the same seed.

    NaN if it does not; where only the other does not, at least as many times as the other's steps allow.
    """

    def measure(study: Study) -> float:
        seed = study.spec.seed
        other = q.reference("mainline-25k", seed) if name == q.MAINLINE and seed else q.reference(name)
        slower, faster = map(q.finding("curves.grokked"), (other, study))
        return (other.spec.steps if math.isnan(slower) else slower) / faster if faster else math.inf

    return measure


def exponent_over_moduli() -> tuple[Value, int]:
    """The exponent of the time to grok over the modulus, from 59 on, and how many runs it is through."""
    rows = [row for row in outcomes.sweep("prime").rows if row.spec.task.p >= size.BEGINS]
    law = Law.through(rows, lambda row: row.spec.task.p)
    return law.exponent, int(law.n.value)
