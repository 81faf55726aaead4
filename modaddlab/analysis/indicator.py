"""Why waves with psi = 2 phi answer right, and what their sum gets wrong: the flawed indicator of He et al. 2026.

One neuron with the quadratic activation, input wave alpha cos(omega x + phi) and output wave beta cos(omega j + psi), writes

    alpha^2 beta cos^2(omega (x - y) / 2) [ cos(omega (x + y - j) + D)        the answer: largest at j = x + y where D = 0
                                            + 2 cos(omega j + psi)            says nothing about x + y
                                            + cos(omega (x + y + j) + 2 phi + psi) ]

(`neuron_terms`, an identity; D = 2 phi - psi). The first term is the same for all aligned neurons of a frequency. The other two
turn with the neuron's phase, by 2 phi and 4 phi, and cancel in the sum over neurons whose phases are balanced. The factor in
front depends on x - y and cannot cancel. Summed over all frequencies with N neurons each, of equal size a = alpha^2 beta,

    f(x, y)[j] = (a N / 2) ( -1 + (p/2) 1{j = x + y} + (p/4) (1{j = 2x} + 1{j = 2y}) )            (section 4, as reported)

This is the indicator of the right answer with two flaws, "ghosts" at 2x and 2y, half as high. Its softmax gives the right answer
at least 1 - (p - 1) exp(-a N p / 8).

With another activation sigma only the harmonic cos 2t of sigma(A cos t), A = 2 alpha |cos(omega (x - y) / 2)|, survives the sum
over balanced phases; odd harmonics, and with them odd activations, contribute nothing. On the rays j = x + y + u (x - y) the
logits are then (beta N / 2) sum_k c_2(2 alpha |cos(pi k / p)|) cos(2 pi k u / p) (`ray_profile`): the answer is u = 0, the ghosts
are u = +-1. For the quadratic activation their ratio is 1/2. For ReLU c_2(A) = 2 A / (3 pi), and since |cos(v / 2)| has the
Fourier coefficients 2/pi and 4 / (3 pi), the ratio tends to 1/3 for large p. An overtone c cos(3 (omega j + phi)) in the input
waves changes it: with the quadratic activation the ghosts stand at 1/2 + c / alpha of the answer, the rays u = +-2 at c / alpha.
Neither is in the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modaddlab.analysis.progress import accuracy, cross_entropy
from modaddlab.analysis.two_layer import Activation, CosineNeurons, n_frequencies
from modaddlab.shapes import require_shape

Indices = Sequence[int] | np.ndarray


@dataclass(frozen=True)
class NeuronTerms:
    """What one quadratic neuron, or several, write: three terms over x, y and j, (P, P, C) each."""

    answer_PPC: np.ndarray
    """cos(omega (x + y - j) + D): largest at the right answer."""
    output_PPC: np.ndarray
    """2 cos(omega j + psi): does not know x + y; turns by 2 phi."""
    total_PPC: np.ndarray
    """cos(omega (x + y + j) + 2 phi + psi): largest at the wrong place; turns by 4 phi."""

    @property
    def sum_PPC(self) -> np.ndarray:
        """All terms together."""
        return self.answer_PPC + self.output_PPC + self.total_PPC


def neuron_terms(neurons: CosineNeurons, which: Indices) -> NeuronTerms:
    """The three terms of the identity, summed over some neurons.

    Args:
        neurons: the waves.
        which: indices of neurons.
    """
    p = neurons.p
    j_P = np.arange(p)
    sum_PP1, difference_PP1 = (j_P[:, None] + j_P)[:, :, None], (j_P[:, None] - j_P)[:, :, None]
    answer, output, total = (np.zeros((p, p, p)) for _ in range(3))
    for k in np.unique(neurons.frequency_H[list(which)]):
        of_k = [m for m in which if neurons.frequency_H[m] == k]
        answer_c, output_c, total_c = phasors(neurons, of_k).sum(axis=0)
        omega = 2 * np.pi * k / p
        factor_PP1 = np.cos(omega * difference_PP1 / 2) ** 2
        answer += factor_PP1 * np.real(answer_c * np.exp(1j * omega * (sum_PP1 - j_P)))
        output += factor_PP1 * np.real(output_c * np.exp(1j * omega * j_P))
        total += factor_PP1 * np.real(total_c * np.exp(1j * omega * (sum_PP1 + j_P)))
    return NeuronTerms(answer, output, total)


def phasors(neurons: CosineNeurons, which: Indices) -> np.ndarray:
    """Size and phase of each neuron's three terms as complex numbers, (N, 3): answer, output (with its factor 2), total."""
    of = list(which)
    size_N = neurons.alpha_H[of] ** 2 * neurons.beta_H[of]
    phi_N, psi_N = neurons.phi_H[of], neurons.psi_H[of]
    phase_N3 = np.stack([2 * phi_N - psi_N, psi_N, 2 * phi_N + psi_N], axis=1)
    return size_N[:, None] * np.array([1.0, 2.0, 1.0]) * np.exp(1j * phase_N3)


def cancellation(neurons: CosineNeurons, frequency: int, order: Indices | None = None) -> np.ndarray:
    """How the three terms of one frequency add up over its first n neurons.

    Args:
        neurons: the waves.
        frequency: which frequency.
        order: an order of its neurons; by index when left out.

    Returns:
        (N, 3) for n = 1..N: |sum of the term's phasors| over the sum of their sizes: 1 when all agree, about
        sqrt(pi / 4n) for random phases, 0 when they cancel.
    """
    of = neurons.of_frequency(frequency)
    terms_N3 = phasors(neurons, of if order is None else of[np.asarray(order)])
    return np.abs(np.cumsum(terms_N3, axis=0)) / np.cumsum(np.abs(terms_N3), axis=0)


def indicator(p: int, main: float, ghost: float) -> np.ndarray:
    """main 1{j = x + y} + ghost (1{j = 2x} + 1{j = 2y}), less its mean over j: (P, P, C)."""
    right_PPC, ghosts_PPC = _features(p)
    return main * right_PPC + ghost * ghosts_PPC


def flawed_indicator(p: int, strength: float) -> np.ndarray:
    """The formula of the idealised quadratic network, (P, P, C).

    Args:
        p: the modulus, odd.
        strength: a N, the size alpha^2 beta of a neuron times the number of neurons a frequency.
    """
    n_frequencies(p)
    return indicator(p, strength * p / 4, strength * p / 8)


@dataclass(frozen=True, kw_only=True)
class IndicatorFit:
    """Logits as main 1{j = x + y} + ghost (1{j = 2x} + 1{j = 2y}) by least squares, the mean over j left out of both.

    Attributes:
        main: height of the right answer above the background, in logits.
        ghost: height of each ghost.
        fve: fraction of the logits' variance over j that both explain.
        main_fve: what the right answer alone explains.
    """

    main: float
    ghost: float
    fve: float
    main_fve: float

    @property
    def ratio(self) -> float:
        """Ghost over main: 1/2 by the formula, about 1/3 for pure waves through ReLU; NaN without a main diagonal."""
        return self.ghost / self.main if self.main else float("nan")

    def strength(self, p: int) -> float:
        """The a N with which the formula has this main diagonal, 4 main / p."""
        return 4 * self.main / p


def fit_indicator(logits_PPC: np.ndarray) -> IndicatorFit:
    """How much of the logits is the answer, and how much its ghosts.

    Args:
        logits_PPC: (P, P, C=P).
    """
    p = require_shape("logits_PPC", logits_PPC, "P P P")["P"]
    centred = _centred(logits_PPC).ravel()
    features_N2 = np.stack([feature.ravel() for feature in _features(p)], axis=1)
    (main, ghost), *_ = np.linalg.lstsq(features_N2, centred, rcond=None)
    alone = (features_N2[:, 0] @ centred) / (features_N2[:, 0] @ features_N2[:, 0])
    energy = centred @ centred or np.nan
    left, left_alone = centred - features_N2 @ [main, ghost], centred - alone * features_N2[:, 0]
    return IndicatorFit(
        main=float(main),
        ghost=float(ghost),
        fve=float(1 - left @ left / energy),
        main_fve=float(1 - left_alone @ left_alone / energy),
    )


def by_ray(logits_PPC: np.ndarray) -> np.ndarray:
    """The mean logit on each ray j = x + y + u (x - y), over the pairs whose difference has an inverse mod p: (P,) over u.

    Each pair's logits are taken less their mean. Entry 0 is the right answer, 1 and p - 1 are the ghosts 2x and 2y.
    """
    p = require_shape("logits_PPC", logits_PPC, "P P P")["P"]
    x_PP, y_PP = np.indices((p, p))
    x_B, y_B = (table[np.gcd(x_PP - y_PP, p) == 1] for table in (x_PP, y_PP))
    j_BP = (x_B + y_B)[:, None] + np.arange(p) * (x_B - y_B)[:, None]
    return _centred(logits_PPC)[x_B[:, None], y_B[:, None], j_BP % p].mean(axis=0)


def harmonic(activation: Activation, amplitude: np.ndarray, order: int = 2, n_points: int = 4096) -> np.ndarray:
    """The coefficient of cos(order t) in sigma(A cos t), for each amplitude A: the same shape as the amplitudes."""
    t_N = 2 * np.pi * (np.arange(n_points) + 0.5) / n_points
    values = activation(np.asarray(amplitude, dtype=np.float64)[..., None] * np.cos(t_N))
    return (1 if order == 0 else 2) * (values * np.cos(order * t_N)).mean(axis=-1)


def ray_profile(p: int, activation: Activation, alpha: float = 1.0) -> np.ndarray:
    """The logits of evenly spread pure waves on the rays of `by_ray`, for beta N / 2 = 1: (P,) over u."""
    k_K = np.arange(1, n_frequencies(p) + 1)
    second_K = harmonic(activation, 2 * alpha * np.abs(np.cos(np.pi * k_K / p)))
    return np.cos(2 * np.pi / p * (np.outer(np.arange(p), k_K) % p)) @ second_K


def ghost_ratio(p: int, activation: Activation, alpha: float = 1.0) -> float:
    """Ghost over main in the least-squares sense of `fit_indicator`, for evenly spread pure waves, p prime."""
    profile_P = ray_profile(p, activation, alpha)
    background = profile_P[2:-1].mean()
    return float((profile_P[1] - background) / (profile_P[0] - background))


def answer_logits(neurons: CosineNeurons, activation: Literal["quad", "relu"]) -> np.ndarray:
    """What the waves of a network predict for its logits, without a fit: the answers' terms of all neurons, (P, P, C).

    Everything that balanced phases cancel is left out; what remains is
    beta alpha^2 cos^2(omega d / 2) cos(omega (x + y - j) + D) for "quad" and
    beta alpha (2 / (3 pi)) |cos(omega d / 2)| cos(omega (x + y - j) + D) for "relu", with d = x - y.
    """
    if activation not in ("quad", "relu"):
        raise ValueError(f"activation (={activation!r}) must be 'quad' or 'relu'")
    p = neurons.p
    j_P = np.arange(p)
    sum_PP1, difference_PP1 = (j_P[:, None] + j_P)[:, :, None], (j_P[:, None] - j_P)[:, :, None]
    logits_PPC = np.zeros((p, p, p))
    phasor_H = neurons.beta_H * np.exp(1j * neurons.misalignment_H)
    phasor_H = phasor_H * (neurons.alpha_H**2 if activation == "quad" else neurons.alpha_H * 2 / (3 * np.pi))
    for k in np.unique(neurons.frequency_H):
        omega = 2 * np.pi * k / p
        factor_PP1 = np.abs(np.cos(omega * difference_PP1 / 2)) ** (2 if activation == "quad" else 1)
        phasor = phasor_H[neurons.frequency_H == k].sum()
        logits_PPC += factor_PP1 * np.real(phasor * np.exp(1j * omega * (sum_PP1 - j_P)))
    return logits_PPC


def logits_fve(logits_PPC: np.ndarray, predicted_PPC: np.ndarray) -> float:
    """The fraction of the logits' variance over j that a prediction explains; a pair's mean is left out of both."""
    logits_PPC, left_PPC = _centred(logits_PPC), _centred(logits_PPC) - _centred(predicted_PPC)
    return float(1 - np.sum(left_PPC**2) / np.sum(logits_PPC**2))


def softmax_bound(p: int, strength: float) -> float:
    """The formula's bound on the probability of the right answer, 1 - (p - 1) exp(-a N p / 8); it can be negative."""
    return float(1 - (p - 1) * np.exp(-strength * p / 8))


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How sure a network is of the right answers.

    Attributes:
        accuracy: share of the pairs answered right.
        mean_loss: mean of -ln P(right), nats.
        least: the smallest probability of a right answer over the pairs.
        margin: the smallest lead of a right logit over the best wrong one.
        bound: 1 - (p - 1) exp(-margin), what that lead alone guarantees every pair.
    """

    accuracy: float
    mean_loss: float
    least: float
    margin: float
    bound: float


def certainty(logits_PPC: np.ndarray) -> Certainty:
    """How sure logits are of x + y mod p, over all pairs.

    Losses are computed from the leads over the wrong answers, so that they stay exact far below the rounding of 1.
    """
    p = require_shape("logits_PPC", logits_PPC, "P P P")["P"]
    labels_PP = sums(p)
    loss_PP = pair_losses(logits_PPC)
    right_PP = np.take_along_axis(logits_PPC, labels_PP[:, :, None], axis=2)[..., 0]
    wrong_PPC = np.array(logits_PPC, dtype=np.float64)
    np.put_along_axis(wrong_PPC, labels_PP[:, :, None], -np.inf, axis=2)
    margin = float((right_PP - wrong_PPC.max(axis=2)).min())
    return Certainty(
        accuracy=accuracy(logits_PPC, labels_PP),
        mean_loss=float(loss_PP.mean()),
        least=float(np.exp(-loss_PP.max())),
        margin=margin,
        bound=float(1 - (p - 1) * np.exp(-margin)),
    )


def pair_losses(logits_PPC: np.ndarray) -> np.ndarray:
    """-ln P(right) of each pair, (P, P): ln(1 + sum over wrong j of exp(f[j] - f[right])), exact also where it is tiny."""
    labels_PP = sums(len(logits_PPC))
    lead_PPC = logits_PPC - np.take_along_axis(logits_PPC, labels_PP[:, :, None], axis=2)
    if lead_PPC.max() > 500:  # exp would overflow; losses this large need no such care
        return cross_entropy(logits_PPC, labels_PP)
    others_PP = np.exp(lead_PPC).sum(axis=2, where=np.arange(len(logits_PPC)) != labels_PP[:, :, None])
    return np.log1p(others_PP)


def sums(p: int) -> np.ndarray:
    """x + y mod p, (P, P)."""
    return (np.arange(p)[:, None] + np.arange(p)) % p


def _features(p: int) -> tuple[np.ndarray, np.ndarray]:
    """The indicators of the right answer and of the two ghosts, (P, P, C) each, less their mean over j."""
    j_P = np.arange(p)
    right_PPC = (j_P == sums(p)[:, :, None]) - 1 / p
    ghosts_PC = (j_P == (2 * j_P[:, None]) % p).astype(np.float64)
    return right_PPC, ghosts_PC[:, None, :] + ghosts_PC[None, :, :] - 2 / p


def _centred(logits_PPC: np.ndarray) -> np.ndarray:
    return logits_PPC - logits_PPC.mean(axis=2, keepdims=True)
