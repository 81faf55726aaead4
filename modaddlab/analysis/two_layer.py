"""What the weights of a two-layer network look like: one wave a neuron, and how the waves of all neurons fit together.

The network of He et al. 2026 has an input vector theta_m and an output vector xi_m for each of its H neurons:

    f(x, y)[j] = sum_m xi_m[j] sigma(theta_m[x] + theta_m[y])

Their first findings (sections 2 and 3, as reported) are that after training each vector is a cosine, of one frequency a neuron,

    theta_m[j] = alpha cos(omega_k j + phi),   xi_m[j] = beta cos(omega_k j + psi),   omega_k = 2 pi k / p

that psi = 2 phi (mod 2 pi), so that the misalignment D = 2 phi - psi is 0; that the phases of the neurons of one frequency
balance, sum_m exp(i iota phi_m) = 0, for iota = 2 and 4; and that alpha beta^2 is the same for all neurons.

Every one of these is measured beside what chance gives:

    one frequency       the share of a random vector's energy that its best frequency holds is H_K / K on the mean, with
                        H_K = 1 + 1/2 + ... + 1/K and K = (p - 1)/2: the shares of K frequencies are uniform on the simplex
    participation       2 / (K + 1) for frequencies and 3 / (p + 2) for coefficients (`ipr_by_chance`), for the same reason
    alignment           |D| is uniform on [0, pi], mean pi / 2
    overtones           the mean over neurons is 0 within about 1 / sqrt(2 H) of the wave
    balance             the modulus r of the mean of n random unit vectors has E[n r^2] = 1 and for large n a Rayleigh
                        distribution, P(r > t) = exp(-n t^2), of mean sqrt(pi / 4n)

"Inverse participation ratio" (IPR) is two different numbers in the source. By "frequencies" it is
sum_k A_k^4 / (sum_k A_k^2)^2 with A_k^2 = c_k^2 + s_k^2, 1 for a pure wave; this is what the text defines and what the released
pipeline plots. By "coefficients" it is sum_i c_i^4 / (sum_i c_i^2)^2 over the p real Fourier coefficients, the constant among
them, as in the notebooks; a pure wave then has cos^4 + sin^4 of its phase, between 1/2 and 1, 3/4 on the mean.

A vector that is nearly a wave can be bent: an overtone of order r is a part c cos(r (omega_k j + phi)), which goes along with
the neuron's own wave (`overtones`). c / alpha < 0 at r = 3 flattens the crests.

p is odd everywhere: then each frequency 1..K has a cosine and a sine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modaddlab.analysis.fourier import transform_1d
from modaddlab.shapes import require_shape

Activation = Callable[[np.ndarray], np.ndarray]
Participation = Literal["frequencies", "coefficients"]

ALIVE = 0.05
"""A neuron counts as alive when the product of the norms of its two vectors is at least this share of the largest product."""


def wrap(angle: np.ndarray) -> np.ndarray:
    """Angles brought into (-pi, pi] by multiples of 2 pi."""
    return np.pi - np.mod(np.pi - np.asarray(angle, dtype=np.float64), 2 * np.pi)


@dataclass(frozen=True, kw_only=True)
class CosineNeurons:
    """Neurons that are one wave each: a network in closed form, or the waves in a trained one.

    Attributes:
        p: the modulus, odd.
        frequency_H: the frequency k of each neuron, int in 1..(p-1)/2.
        alpha_H: amplitude of the input wave, not negative.
        phi_H: phase of the input wave, radians.
        beta_H: amplitude of the output wave, not negative.
        psi_H: phase of the output wave, radians.
    """

    p: int
    frequency_H: np.ndarray
    alpha_H: np.ndarray
    phi_H: np.ndarray
    beta_H: np.ndarray
    psi_H: np.ndarray

    @property
    def misalignment_H(self) -> np.ndarray:
        """D = 2 phi - psi in (-pi, pi]."""
        return wrap(2 * self.phi_H - self.psi_H)

    @property
    def theta_HP(self) -> np.ndarray:
        """The input waves, (H, P)."""
        return self.alpha_H[:, None] * np.cos(_angles(self.p, self.frequency_H) + self.phi_H[:, None])

    @property
    def xi_HP(self) -> np.ndarray:
        """The output waves, (H, P)."""
        return self.beta_H[:, None] * np.cos(_angles(self.p, self.frequency_H) + self.psi_H[:, None])

    def of_frequency(self, frequency: int) -> np.ndarray:
        """The indices of the neurons of one frequency, ascending."""
        return np.flatnonzero(self.frequency_H == frequency)


@dataclass(frozen=True, kw_only=True)
class CosineFits(CosineNeurons):
    """The best wave of each neuron of a network, and how much of the neuron it is.

    The frequency is the one that holds most of the input vector's energy; the output's wave is taken at the same one.

    Attributes:
        output_frequency_H: the frequency that holds most of the output vector's energy; on its own.
        input_fve_H: fraction of the input vector's variance that the wave explains; NaN for a constant vector.
        output_fve_H: the same of the output vector, at the input's frequency.
        alive_H: whether the neuron is large enough to count (see `ALIVE`).
    """

    output_frequency_H: np.ndarray
    input_fve_H: np.ndarray
    output_fve_H: np.ndarray
    alive_H: np.ndarray

    @property
    def same_frequency_H(self) -> np.ndarray:
        """Whether input and output have the same best frequency, bool."""
        return self.frequency_H == self.output_frequency_H

    def living(self) -> CosineFits:
        """The fits of the neurons that are alive."""
        keep = self.alive_H
        arrays = {name: value[keep] for name, value in vars(self).items() if name != "p"}
        return CosineFits(p=self.p, **arrays)


def even_neurons(
    p: int,
    neurons_per_frequency: dict[int, int],
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    misalignment: float = 0.0,
    phase_range: float = 2 * np.pi,
) -> CosineNeurons:
    """A network in closed form: for each frequency, n neurons of equal size whose phases are evenly spaced.

    Args:
        p: the modulus, odd.
        neurons_per_frequency: frequency in 1..(p-1)/2 -> n.
        alpha, beta: amplitudes of all neurons.
        misalignment: D of all neurons, radians: psi = 2 phi - D.
        phase_range: phi_m = phase_range * m / n for m = 0..n-1, radians.

    Raises:
        ValueError: p is even, or a frequency is not in 1..(p-1)/2.
    """
    n_frequencies(p)
    for frequency in neurons_per_frequency:
        if not 1 <= frequency <= p // 2:
            raise ValueError(f"frequency (={frequency}) must lie in 1..{p // 2} for p={p}")
    frequency_H = np.repeat(list(neurons_per_frequency), list(neurons_per_frequency.values())).astype(np.int64)
    phi_H = np.concatenate([phase_range * np.arange(n) / n for n in neurons_per_frequency.values()] or [np.zeros(0)])
    ones_H = np.ones(len(phi_H))
    return CosineNeurons(
        p=p, frequency_H=frequency_H, alpha_H=alpha * ones_H, phi_H=phi_H, beta_H=beta * ones_H, psi_H=2 * phi_H - misalignment
    )


def n_frequencies(p: int) -> int:
    """K = (p - 1) / 2.

    Raises:
        ValueError: p is even or smaller than 3.
    """
    if p < 3 or p % 2 == 0:
        raise ValueError(f"p (={p}) must be odd and at least 3 for the waves of a two-layer network")
    return p // 2


def energies(x_HP: np.ndarray) -> np.ndarray:
    """The squared norm of each row of (H, P) at each frequency 1..K: (H, K). The constant is left out."""
    p = require_shape("x_HP", x_HP, "H P")["P"]
    n_frequencies(p)
    squared_HP = components(x_HP) ** 2
    return squared_HP[:, 1::2] + squared_HP[:, 2::2]


def components(x_HP: np.ndarray) -> np.ndarray:
    """The Fourier components of each row of (H, P) in basis order, (H, P): constant, cosine 1, sine 1, ..."""
    return transform_1d(np.asarray(x_HP, dtype=np.float64).T).T


def sample_of_rows(frequency_H: np.ndarray, n: int = 22) -> np.ndarray:
    """The numbers of n neurons, evenly spread over all of them sorted by frequency."""
    order_H = np.argsort(frequency_H, kind="stable")
    return order_H[np.linspace(0, len(order_H) - 1, n).astype(int)]


def cosine_fits(theta_HP: np.ndarray, xi_HP: np.ndarray) -> CosineFits:
    """The least-squares wave of each neuron, at the frequency that holds most of its input vector's energy.

    Args:
        theta_HP: input vectors, (H, P), p odd.
        xi_HP: output vectors, (H, P).

    Raises:
        ValueError: the shapes differ, or p is even.
    """
    sizes = require_shape("theta_HP", theta_HP, "H P")
    require_shape("xi_HP", xi_HP, "H P", **sizes)
    p, rows_H = sizes["P"], np.arange(sizes["H"])
    energy_in_HK, energy_out_HK = energies(theta_HP), energies(xi_HP)
    frequency_H = energy_in_HK.argmax(axis=1) + 1
    alpha_H, phi_H = _wave(theta_HP, frequency_H)
    beta_H, psi_H = _wave(xi_HP, frequency_H)
    size_H = np.linalg.norm(theta_HP, axis=1) * np.linalg.norm(xi_HP, axis=1)
    return CosineFits(
        p=p,
        frequency_H=frequency_H,
        alpha_H=alpha_H,
        phi_H=phi_H,
        beta_H=beta_H,
        psi_H=psi_H,
        output_frequency_H=energy_out_HK.argmax(axis=1) + 1,
        input_fve_H=_share(energy_in_HK[rows_H, frequency_H - 1], energy_in_HK.sum(axis=1)),
        output_fve_H=_share(energy_out_HK[rows_H, frequency_H - 1], energy_out_HK.sum(axis=1)),
        alive_H=size_H >= ALIVE * size_H.max(),
    )


def fve_by_chance(p: int) -> float:
    """The mean share of a random vector's variance that its best frequency holds: (1 + 1/2 + ... + 1/K) / K."""
    n = n_frequencies(p)
    return float(np.sum(1 / np.arange(1, n + 1)) / n)


def ipr(x_HP: np.ndarray, over: Participation = "frequencies") -> np.ndarray:
    """The inverse participation ratio of each row, (H,); NaN for a row of zeros.

    Args:
        x_HP: (H, P) one vector a row, p odd.
        over: "frequencies" (the text's definition, without the constant) or "coefficients" (the notebooks', with it).

    Raises:
        ValueError: p is even, or there is no such definition.
    """
    if over == "frequencies":
        energy_HN = energies(x_HP)
    elif over == "coefficients":
        n_frequencies(require_shape("x_HP", x_HP, "H P")["P"])
        energy_HN = components(x_HP) ** 2
    else:
        raise ValueError(f"over (={over!r}) must be 'frequencies' or 'coefficients'")
    return _share((energy_HN**2).sum(axis=1), energy_HN.sum(axis=1) ** 2)


def ipr_by_chance(p: int, over: Participation = "frequencies") -> float:
    """The mean inverse participation ratio of a vector of independent Gaussian numbers."""
    return 2 / (n_frequencies(p) + 1) if over == "frequencies" else 3 / (p + 2)


def variation(values: np.ndarray) -> float:
    """The coefficient of variation, standard deviation over mean: 0 when all are equal."""
    values = np.asarray(values, dtype=np.float64)
    return float(values.std() / values.mean())


@dataclass(frozen=True)
class Null:
    """What chance gives: a mean and the central 95 % of values."""

    mean: float
    low: float
    high: float


def resultant_null(n: int) -> Null:
    """The modulus of the mean of n unit vectors with random phases, for large n: Rayleigh, P(r > t) = exp(-n t^2)."""
    return Null(*(float(value) for value in np.sqrt(np.array([np.pi / 4, -np.log(0.975), -np.log(0.025)]) / n)))


def overtones(x_HP: np.ndarray, waves: CosineNeurons, orders: Sequence[int] = (2, 3, 5, 7)) -> np.ndarray:
    """The part of each input vector that goes along with r times its own wave's angle, over the wave's amplitude.

    Args:
        x_HP: input vectors, (H, P).
        waves: their waves alpha cos(omega j + phi).
        orders: the multiples r.

    Returns:
        (R, H): c / alpha of the part c cos(r (omega j + phi)); a part in quadrature with it does not count. NaN where r k is a
        multiple of p.
    """
    require_shape("x_HP", x_HP, "H P", H=len(waves.frequency_H), P=waves.p)
    rows = []
    for order in orders:
        component_H = _component(x_HP, order * waves.frequency_H % waves.p)
        ratio_H = np.real(component_H * np.exp(-1j * order * waves.phi_H)) / waves.alpha_H
        rows.append(np.where(order * waves.frequency_H % waves.p == 0, np.nan, ratio_H))
    return np.array(rows)


def keep_multiples(x_HP: np.ndarray, frequency_H: np.ndarray, orders: Sequence[int]) -> np.ndarray:
    """Each row's components at some multiples of its own frequency, everything else removed: (H, P)."""
    p = require_shape("x_HP", x_HP, "H P")["P"]
    kept_HP = np.zeros(np.shape(x_HP))
    for order in orders:
        multiple_H = order * frequency_H % p
        component_H = _component(x_HP, multiple_H) * np.where(multiple_H == 0, 0.5, 1.0)
        kept_HP += np.real(component_H[:, None] * np.exp(1j * _angles(p, multiple_H)))
    return kept_HP


@dataclass(frozen=True, kw_only=True)
class Rings:
    """How far the phases of each frequency's neurons are from balance.

    Attributes:
        harmonics: the multiples iota.
        frequencies: the frequencies that have neurons, ascending.
        counts_K: neurons of each.
        resultant_RK: |mean of exp(i iota phi)| for each iota and frequency, 0 balanced to 1 all equal.
    """

    harmonics: tuple[int, ...]
    frequencies: tuple[int, ...]
    counts_K: np.ndarray
    resultant_RK: np.ndarray

    @property
    def imbalance_R(self) -> np.ndarray:
        """n r^2 averaged over the frequencies, for each iota: 1 on the mean for random phases, 0 for balanced ones."""
        return (self.counts_K * self.resultant_RK**2).mean(axis=1)


def rings(neurons: CosineNeurons, harmonics: Sequence[int] = (1, 2, 3, 4)) -> Rings:
    """The balance of the input phases phi within each frequency (He et al. 2026, figure of the phases on rings).

    Args:
        neurons: the neurons; pass `fits.living()` to leave dead ones out.
        harmonics: the multiples iota of the phases.
    """
    found, counts_K = np.unique(neurons.frequency_H, return_counts=True)
    resultant_RK = np.array(
        [[abs(np.exp(1j * iota * neurons.phi_H[neurons.of_frequency(k)]).mean()) for k in found] for iota in harmonics]
    )
    return Rings(
        harmonics=tuple(harmonics), frequencies=tuple(int(k) for k in found), counts_K=counts_K, resultant_RK=resultant_RK
    )


def imbalance_null(counts_K: np.ndarray, n_draws: int = 2000, seed: int = 0) -> Null:
    """`Rings.imbalance_R` of one ring for as many neurons with random phases: mean 1, interval from draws."""
    rng = np.random.default_rng(seed)
    drawn_KD = np.array([n * abs(np.exp(2j * np.pi * rng.random((n_draws, n))).mean(axis=1)) ** 2 for n in counts_K])
    low, high = np.quantile(drawn_KD.mean(axis=0), [0.025, 0.975])
    return Null(1.0, float(low), float(high))


def network_logits(theta_HP: np.ndarray, xi_HP: np.ndarray, activation: Activation) -> np.ndarray:
    """f(x, y) = sum_m xi_m sigma(theta_m[x] + theta_m[y]) for every pair, by its definition.

    Args:
        theta_HP: input vectors, (H, P).
        xi_HP: output vectors, (H, P).
        activation: sigma, applied to arrays.

    Returns:
        (P, P, C) float64 over x, y and the output j.
    """
    sizes = require_shape("theta_HP", theta_HP, "H P")
    require_shape("xi_HP", xi_HP, "H P", **sizes)
    theta_PH, xi_HC = np.asarray(theta_HP, np.float64).T, np.asarray(xi_HP, np.float64)
    return np.stack([activation(theta_H + theta_PH) @ xi_HC for theta_H in theta_PH])


def _angles(p: int, frequency_H: np.ndarray) -> np.ndarray:
    return 2 * np.pi / p * (np.outer(frequency_H, np.arange(p)) % p)


def _component(x_HP: np.ndarray, frequency_H: np.ndarray) -> np.ndarray:
    """c of each row's part Re(c exp(i omega j)) at its frequency, complex (H,); twice the mean at frequency 0."""
    return 2 / x_HP.shape[1] * np.sum(x_HP * np.exp(-1j * _angles(x_HP.shape[1], frequency_H)), axis=1)


def _wave(x_HP: np.ndarray, frequency_H: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude and phase of each row's wave at its frequency: a cos(omega j + phase)."""
    component_H = _component(np.asarray(x_HP, dtype=np.float64), frequency_H)
    return np.abs(component_H), np.angle(component_H)


def _share(part_H: np.ndarray, whole_H: np.ndarray) -> np.ndarray:
    return np.divide(part_H, whole_H, out=np.full(np.shape(part_H), np.nan), where=whole_H > 0)
