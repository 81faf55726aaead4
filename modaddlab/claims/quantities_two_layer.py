"""The quantities that claims about the two-layer network are about, each from one study."""

from __future__ import annotations

import numpy as np

from modaddlab.analysis import activations, indicator
from modaddlab.claims.claim import Measure
from modaddlab.findings import mechanism, stages
from modaddlab.study import Study

EXAMPLE = (-4, 3, -4, 10, -4, 3, -4)
"""The published logits of the idealised network for p = 7, 8 neurons a frequency and (x, y) = (4, 6)."""


def swapped(name: str) -> Measure:
    """The accuracy with another function in place of the network's own."""
    return lambda study: mechanism.swaps(study).accuracy[list(activations.SWAPS).index(name)].value


def example_error(_: Study) -> float:
    """The largest distance from the published example in a network written down by hand."""
    return float(np.abs(mechanism.example_logits()[4, 6] - np.array(EXAMPLE)).max())


def bound_margin(_: Study) -> float:
    """By how much the smallest probability of a right answer exceeds the published bound in that network."""
    return indicator.certainty(mechanism.example_logits()).least - indicator.softmax_bound(7, 8.0)


def loss_with_frequencies(n: int) -> Measure:
    """Mean loss of the closed form with n of the 11 frequencies."""
    return lambda _: next(row.mean for row in mechanism.thinned().fewer if row.n_frequencies == n)


def loss_with_phases(index: int) -> Measure:
    """Mean loss of the closed form with phases on a part of the circle, one of the five published parts."""
    return lambda _: mechanism.thinned().ranges[index].mean


def plateau(study: Study) -> float:
    """The test accuracy on which the pause lies; NaN without one."""
    return stages.plateau(study).flat.value
