"""Why several frequencies, and why phases all round: networks written down with fewer of them (He et al. 2026, section 4).

The published ablation is a closed form: neurons that are pure waves with psi = 2 phi through the quadratic activation, of size
alpha^2 beta = 1, a budget of 128 neurons dealt out evenly to all (p - 1) / 2 frequencies. It keeps the neurons of n frequencies
only, for every choice of n, or spaces the phases over [0, R) with R below 2 pi. Its number is the cross-entropy over all pairs.

Keeping fewer frequencies there also keeps fewer neurons. `subset_losses(..., redeal=True)` is the control: the whole budget goes
to the frequencies that are kept, so that only their number changes.

Losses are computed from the leads over the wrong answers, which keeps them exact where they lie below the rounding of 1
(some 1e-16, and more for larger logits): the smallest published value, 7.4e-15, is such a rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from modaddlab.analysis.activations import QUAD
from modaddlab.analysis.indicator import pair_losses, sums
from modaddlab.analysis.progress import accuracy
from modaddlab.analysis.two_layer import even_neurons, n_frequencies, network_logits


@dataclass(frozen=True, kw_only=True)
class SubsetLoss:
    """The losses of networks with n of the frequencies.

    Attributes:
        n_frequencies: n.
        n_neurons: the mean number of neurons that are left.
        loss_N: mean loss over all pairs, in nats, of each choice of n frequencies.
        accuracy: share of the pairs answered right, mean over the choices.
    """

    n_frequencies: int
    n_neurons: float
    loss_N: np.ndarray
    accuracy: float

    @property
    def mean(self) -> float:
        """Over all choices."""
        return float(self.loss_N.mean())

    @property
    def median(self) -> float:
        """Over all choices."""
        return float(np.median(self.loss_N))


def dealt(n_neurons: int, frequencies: Sequence[int]) -> dict[int, int]:
    """A budget of neurons dealt out evenly: frequency -> neurons; the first ones get what is left over."""
    each, left = divmod(n_neurons, len(frequencies))
    return {k: each + (i < left) for i, k in enumerate(frequencies)}


def frequency_logits(p: int, neurons_per_frequency: dict[int, int], phase_range: float = 2 * np.pi) -> dict[int, np.ndarray]:
    """What each frequency of the closed form adds to the logits: frequency -> (P, P, C).

    Args:
        p: the modulus, odd.
        neurons_per_frequency: frequency -> how many neurons it has.
        phase_range: the angle over which their phases are spread.
    """
    parts = {}
    for k, n in neurons_per_frequency.items():
        neurons = even_neurons(p, {k: n}, phase_range=phase_range)
        parts[k] = network_logits(neurons.theta_HP, neurons.xi_HP, QUAD)
    return parts


def subset_losses(
    p: int = 23, n_neurons: int = 128, counts: Sequence[int] = (1, 2, 4, 8, 11), *, redeal: bool = False
) -> tuple[SubsetLoss, ...]:
    """The loss with n of the frequencies, over every choice of n.

    Args:
        p: the modulus, odd.
        n_neurons: the budget for all frequencies.
        counts: the numbers n, each at most (p - 1) / 2.
        redeal: give the whole budget to the frequencies that are kept; otherwise the others' neurons are gone.

    Raises:
        ValueError: there are not that many frequencies.
    """
    every = tuple(range(1, n_frequencies(p) + 1))
    if not all(1 <= n <= len(every) for n in counts):
        raise ValueError(f"counts (={tuple(counts)}) must lie in 1..{len(every)} for p={p}")
    shares = dealt(n_neurons, every)
    unit = frequency_logits(p, dict.fromkeys(every, 12)) if redeal else frequency_logits(p, shares)
    rows = []
    for n in counts:
        losses, right, kept = [], [], []
        for chosen in combinations(every, n):
            dealt_to = dealt(n_neurons, chosen) if redeal else {k: shares[k] for k in chosen}
            logits_PPC = sum(unit[k] * (dealt_to[k] / 12 if redeal else 1.0) for k in chosen)
            assert isinstance(logits_PPC, np.ndarray)
            loss_PP = pair_losses(logits_PPC)
            losses.append(loss_PP.mean())
            right.append(accuracy(logits_PPC, sums(p)))
            kept.append(sum(dealt_to.values()))
        rows.append(
            SubsetLoss(n_frequencies=n, n_neurons=float(np.mean(kept)), loss_N=np.array(losses), accuracy=float(np.mean(right)))
        )
    return tuple(rows)


@dataclass(frozen=True, kw_only=True)
class PhaseRangeLoss:
    """The loss of a network whose phases cover a part of the circle.

    Attributes:
        phase_range: R, radians: the phases are evenly spaced in [0, R).
        mean: mean loss over all pairs, nats.
        median: median over the pairs.
        accuracy: share of the pairs answered right.
    """

    phase_range: float
    mean: float
    median: float
    accuracy: float


def phase_range_losses(
    p: int = 23, n_neurons: int = 128, ranges: Sequence[float] = tuple(np.pi * np.array([0.4, 0.8, 1.2, 1.6, 2.0]))
) -> tuple[PhaseRangeLoss, ...]:
    """The loss with all frequencies and phases in [0, R) only.

    Args:
        p: the modulus, odd.
        n_neurons: the budget for all frequencies.
        ranges: the values of R, radians.
    """
    shares = dealt(n_neurons, range(1, n_frequencies(p) + 1))
    rows = []
    for phase_range in ranges:
        logits_PPC = np.sum(list(frequency_logits(p, shares, phase_range).values()), axis=0)
        loss_PP = pair_losses(logits_PPC)
        rows.append(
            PhaseRangeLoss(
                phase_range=float(phase_range),
                mean=float(loss_PP.mean()),
                median=float(np.median(loss_PP)),
                accuracy=accuracy(logits_PPC, sums(p)),
            )
        )
    return tuple(rows)
