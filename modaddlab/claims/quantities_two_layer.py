"""The quantities that claims about the two-layer network are about, each from one study."""

from __future__ import annotations

import numpy as np

from modaddlab.analysis import activations, indicator
from modaddlab.claims.claim import Measure
from modaddlab.findings import mechanism, stages
from modaddlab.measurements import dynamics
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


def equations_off(study: Study) -> float:
    """Median relative error of the solved amplitudes where the loss has fallen by 5 %."""
    run = dynamics.single_frequency(study)
    return float(run.error_T[run.until(0.05)])


def no_motion_off(study: Study) -> float:
    """The same for a theory in which nothing moves."""
    run = dynamics.single_frequency(study)
    return float(run.motion_T[run.until(0.05)])


def drift(index: int) -> Measure:
    """The largest relative change of a quantity while the equations hold; 0 and 1 are conserved by them, 3 and 4 are nulls."""

    def measure(study: Study) -> float:
        run = dynamics.single_frequency(study)
        return float(list(run.drifts().values())[index][: run.until(0.05) + 1].max())

    return measure


def energy_elsewhere(study: Study) -> float:
    """Mean share of the input's energy outside a neuron's own frequency where the equations stop to hold."""
    run = dynamics.single_frequency(study)
    return float(1 - run.input_share_TH[run.until(0.05)].mean())


def final_misalignment(study: Study) -> float:
    """Mean |D| at the end of a run from single frequencies."""
    return float(np.abs(dynamics.single_frequency(study).D_TH[-1]).mean())


def initial_misalignment(study: Study) -> float:
    """Mean |D| at its start."""
    return float(np.abs(dynamics.single_frequency(study).D_TH[0]).mean())


def input_overtone(order: int) -> Measure:
    """Median over neurons of the input's amplitude at a multiple of its frequency, over that at the frequency, at the end."""

    def measure(study: Study) -> float:
        ratio_RH = dynamics.single_frequency(study).input_ratio_TRH[-1]
        return float(np.nanmedian(ratio_RH[dynamics.ORDERS.index(order)]))

    return measure


def plateau(study: Study) -> float:
    """The test accuracy on which the pause lies; NaN without one."""
    return stages.plateau(study).flat.value
