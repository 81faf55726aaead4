"""The lottery: which of its frequencies a neuron of the two-layer network ends up with, and what foretells it.

From random weights every neuron holds all K = (p - 1) / 2 frequencies, each with an input magnitude alpha, an output magnitude
beta and a misalignment D. The equations of `modaddlab.analysis.dynamics` let each grow on its own, the faster the larger it is,
so that one of them outgrows the others: the winner. With equal magnitudes it is the frequency with the smallest |D| (He et al.
2026, arXiv 2602.16849, section 5). Magnitudes of random weights are not equal, though, and they count as well. The rules here
name a winner from the initial weights alone; how often each is right is measured, beside chance:

    misalignment    smallest |D|
    input           largest alpha
    output          largest beta
    product         largest alpha^2 beta, the size of the wave in the logits
    start           largest alpha^2 beta cos D, to which alpha' alpha and beta' beta are proportional: the quickest start
    race            smallest time until the equations have it outgrow every bound (`dynamics.growth_time`)

Chance is 1/K; a rule that only knew how often each frequency wins would be right in `sum_k share_k^2` of the cases. The equations
hold for plain gradient descent and the activation u^2; for Adam and max(u, 0) the race is a guess like the other rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.dynamics import growth_time, misalignment, waves
from modaddlab.shapes import require_shape

RULES = ("misalignment", "input", "output", "product", "start", "race")
"""The names of the rules, as in the header."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What every neuron has drawn: the four numbers of each of its frequencies.

    Attributes:
        p: the modulus.
        alpha_HK, beta_HK: magnitudes of input and output at the frequencies 1..K.
        D_HK: misalignments in (-pi, pi].
    """

    p: int
    alpha_HK: np.ndarray
    beta_HK: np.ndarray
    D_HK: np.ndarray

    @property
    def growth_time_HK(self) -> np.ndarray:
        """How long each frequency would take on its own to outgrow every bound, in the units of `dynamics.flow_time`."""
        return growth_time(self.alpha_HK, self.beta_HK, self.D_HK, self.p)


def draw(theta_HP: np.ndarray, xi_HP: np.ndarray) -> Draw:
    """Read the four numbers of every neuron and frequency from weights.

    Args:
        theta_HP: input vectors, (H, P), p odd.
        xi_HP: output vectors, (H, P).
    """
    sizes = require_shape("theta_HP", theta_HP, "H P")
    require_shape("xi_HP", xi_HP, "H P", **sizes)
    a_HK, b_HK = waves(theta_HP), waves(xi_HP)
    return Draw(p=sizes["P"], alpha_HK=np.abs(a_HK), beta_HK=np.abs(b_HK), D_HK=misalignment(a_HK, b_HK))


def winners(theta_HP: np.ndarray) -> np.ndarray:
    """The frequency that holds most of each input vector's energy, (H,) in 1..K."""
    return np.abs(waves(theta_HP)).argmax(axis=1) + 1


def predictions(drawn: Draw) -> dict[str, np.ndarray]:
    """The winner that each rule names, (H,) frequencies in 1..K, in the order of `RULES`."""
    size_HK = drawn.alpha_HK**2 * drawn.beta_HK
    scores = {
        "misalignment": -np.abs(drawn.D_HK),
        "input": drawn.alpha_HK,
        "output": drawn.beta_HK,
        "product": size_HK,
        "start": size_HK * np.cos(drawn.D_HK),
        "race": -drawn.growth_time_HK,
    }
    return {rule: scores[rule].argmax(axis=1) + 1 for rule in RULES}


def hit_rates(drawn: Draw, winner_H: np.ndarray) -> dict[str, float]:
    """The share of neurons whose winner each rule has named.

    Args:
        drawn: the initial weights.
        winner_H: (H,) the frequencies that won.
    """
    require_shape("winner_H", winner_H, "H", H=len(drawn.alpha_HK))
    return {rule: float(np.mean(named_H == winner_H)) for rule, named_H in predictions(drawn).items()}


def chance(n_frequencies: int) -> float:
    """How often a frequency drawn at random is the winner, 1 / K."""
    return 1 / n_frequencies


def matched_chance(winner_H: np.ndarray) -> float:
    """How often a frequency drawn as often as it wins is the winner: the sum of the squared shares."""
    counts = np.unique(winner_H, return_counts=True)[1]
    return float(np.sum((counts / len(winner_H)) ** 2))


def place(score_HK: np.ndarray, winner_H: np.ndarray) -> np.ndarray:
    """The winner's place in an order, 1 for the largest score: (H,).

    Args:
        score_HK: (H, K) what the frequencies are ordered by.
        winner_H: (H,) frequencies in 1..K.
    """
    sizes = require_shape("score_HK", score_HK, "H K")
    require_shape("winner_H", winner_H, "H", H=sizes["H"])
    own_H = score_HK[np.arange(sizes["H"]), winner_H - 1]
    return 1 + (score_HK > own_H[:, None]).sum(axis=1)


def outcome(D: np.ndarray, ratio: np.ndarray, p: int, rival_D: float = np.pi / 2) -> np.ndarray:
    """How a frequency fares against one rival in the same neuron: the logarithm of the ratio of their growth times.

    Args:
        D: the frequency's misalignments, broadcast with `ratio`.
        ratio: its magnitudes alpha = beta over the rival's alpha = beta.
        p: the modulus; the outcome does not depend on it.
        rival_D: the rival's misalignment; pi/2 is the median of random phases.

    Returns:
        log10(time of the rival / time of the frequency): positive where the frequency wins.
    """
    rival = growth_time(1.0, 1.0, rival_D, p)
    return np.log10(rival / growth_time(ratio, ratio, D, p))
