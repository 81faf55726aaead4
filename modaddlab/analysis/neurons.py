"""Neurons: the one frequency each of them follows, and how much of it a polynomial of degree 2 explains.

The activation of a neuron after the nonlinearity, as a function of (a, b), is compared with the polynomials of degree 2 in one
frequency's circle: the eight products {1, cos, sin}(omega_k a) x {1, cos, sin}(omega_k b) without the constant. The products
are orthogonal, so the fraction of variance explained (FVE) is the energy in the eight over the energy of the centred
activation, and the neuron's frequency is the k with the most. "Pure a + b" is the part along cos and sin of omega_k (a+b), two
of the eight directions: what the logits can use.

Nanda et al. 2023, section 4.2 and figure 6: 433 of 512 neurons have more than 85 % explained by one key frequency, as
reported. A neuron that is constant over all pairs (a dead one) has no variance to explain: frequency 0, FVE 0. Where frequencies
are equally good up to rounding, as all are for a neuron that fires for a single pair, it is given the lowest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import fourier_basis, rows_of
from modaddlab.shapes import require_shape

DEAD = 1e-20
"""A neuron whose variance is below this share of its mean square is constant up to rounding."""

EXPLAINED = 0.85
"""A neuron belongs to a frequency that explains more than this share of its variance (Nanda et al. 2023)."""


@dataclass(frozen=True)
class NeuronEnergies:
    """Energy of each neuron's activation over all (a, b), in total and in each frequency's terms."""

    centred_H: np.ndarray
    """Sum of squares after removing the mean; exactly 0 for a neuron that is constant up to rounding."""
    polynomial_KH: np.ndarray
    """Energy in the eight products of each frequency."""
    linear_KH: np.ndarray
    """Of that: cos and sin of omega_k a alone and of omega_k b alone."""
    sum_KH: np.ndarray
    """Of that: cos and sin of omega_k (a + b)."""
    difference_KH: np.ndarray
    """Of that: cos and sin of omega_k (a - b)."""


@dataclass(frozen=True)
class NeuronFits:
    """The best single-frequency polynomial of each neuron."""

    frequency_H: np.ndarray
    """int64; 0 for a constant neuron."""
    fve_H: np.ndarray
    """Fraction of variance explained by the eight products at that frequency, in [0, 1]."""
    linear_fve_H: np.ndarray
    """Share of the variance along functions of a alone and b alone, at that frequency."""
    sum_fve_H: np.ndarray
    """Share of the variance along cos and sin of omega_k (a + b)."""
    difference_fve_H: np.ndarray
    """Share of the variance along cos and sin of omega_k (a - b)."""
    sum_amplitude_H: np.ndarray
    """A in A cos(omega_k (a + b) + phase), in units of activation."""
    sum_phase_H: np.ndarray
    """The phase of that term in radians, in (-pi, pi]."""
    coefficients_33H: np.ndarray
    """Coefficients on {1, cos, sin}(a) x {1, cos, sin}(b), orthonormal; [0, 0] is the constant."""


@dataclass(frozen=True)
class Cluster:
    """The neurons of one frequency that the polynomial explains well."""

    frequency: int
    """0 for the unexplained rest."""
    neurons: np.ndarray
    """Their indices, best explained first."""
    mean_fve: float


def neuron_energies(neurons_PPH: np.ndarray) -> NeuronEnergies:
    """Energy per neuron and frequency of the centred activations.

    Args:
        neurons_PPH: (P, P, H) activations after the nonlinearity over (a, b).
    """
    blocks_K33H, centred_H = frequency_blocks(neurons_PPH)
    return NeuronEnergies(
        centred_H,
        np.einsum("kijh,kijh->kh", blocks_K33H, blocks_K33H),
        (blocks_K33H[:, 0, 1:] ** 2).sum(axis=1) + (blocks_K33H[:, 1:, 0] ** 2).sum(axis=1),
        _pair_energy(blocks_K33H, +1, neurons_PPH.shape[0]),
        _pair_energy(blocks_K33H, -1, neurons_PPH.shape[0]),
    )


def fit_neurons(neurons_PPH: np.ndarray, frequencies: Sequence[int] | None = None) -> NeuronFits:
    """The best frequency of every neuron and its polynomial.

    Args:
        neurons_PPH: (P, P, H) activations after the nonlinearity over (a, b).
        frequencies: those a neuron may follow, such as the key frequencies; by default all of 1..p//2.

    Raises:
        ValueError: the first two axes differ, or a frequency is not in 1..p//2.
    """
    p = require_shape("neurons_PPH", neurons_PPH, "P P H")["P"]
    blocks_K33H, centred_H = frequency_blocks(neurons_PPH)
    energy_KH = np.einsum("kijh,kijh->kh", blocks_K33H, blocks_K33H)
    candidates = np.arange(1, p // 2 + 1) if frequencies is None else np.array(sorted(set(frequencies)), dtype=np.int64)
    for frequency in candidates:
        rows_of(p, int(frequency))
    alive_H = centred_H > 0
    n_neurons = len(centred_H)
    if len(candidates) == 0:
        coefficients_33H = np.zeros((3, 3, n_neurons))
        coefficients_33H[0, 0] = neurons_PPH.mean(axis=(0, 1)) * p
        none_H, nothing_H = np.zeros(n_neurons, dtype=np.int64), np.zeros(n_neurons)
        return NeuronFits(none_H, nothing_H, nothing_H, nothing_H, nothing_H, nothing_H, nothing_H, coefficients_33H)
    scale_H = np.where(alive_H, centred_H, 1.0)
    best_H = candidates[np.argmax(np.round(energy_KH[candidates - 1] / scale_H, 12), axis=0)]
    every_H = np.arange(n_neurons)
    coefficients_33H = np.moveaxis(blocks_K33H[best_H - 1, :, :, every_H], 0, -1) * alive_H
    coefficients_33H[0, 0] = np.asarray(neurons_PPH).mean(axis=(0, 1), dtype=np.float64) * p

    cosine_H, sine_H = _pair_coefficients(coefficients_33H, +1, best_H, p)
    nyquist_H = 2 * best_H == p
    amplitude_H = np.hypot(cosine_H, sine_H) * np.where(nyquist_H, 1.0, np.sqrt(2)) / p

    def share(energy_KH: np.ndarray) -> np.ndarray:
        return energy_KH[best_H - 1, every_H] * alive_H / scale_H

    linear_KH = (blocks_K33H[:, 0, 1:] ** 2).sum(axis=1) + (blocks_K33H[:, 1:, 0] ** 2).sum(axis=1)
    return NeuronFits(
        frequency_H=np.where(alive_H, best_H, 0),
        fve_H=share(energy_KH),
        linear_fve_H=share(linear_KH),
        sum_fve_H=share(_pair_energy(blocks_K33H, +1, p)),
        difference_fve_H=share(_pair_energy(blocks_K33H, -1, p)),
        sum_amplitude_H=amplitude_H,
        sum_phase_H=np.where(alive_H, np.arctan2(-sine_H, cosine_H), 0.0),
        coefficients_33H=coefficients_33H,
    )


def clusters(fits: NeuronFits, threshold: float = EXPLAINED) -> tuple[Cluster, ...]:
    """Neurons grouped by frequency, those with FVE above the threshold; the last cluster (frequency 0) is the rest.

    Args:
        fits: of `fit_neurons`.
        threshold: the FVE above which a neuron is explained; 0.85 in Nanda et al. 2023.
    """
    explained_H = (fits.fve_H > threshold) & (fits.frequency_H > 0)
    groups = [
        (int(frequency), explained_H & (fits.frequency_H == frequency)) for frequency in np.unique(fits.frequency_H[explained_H])
    ]
    found = []
    for frequency, member_H in [*groups, (0, ~explained_H)]:
        members = np.flatnonzero(member_H)
        members = members[np.argsort(-fits.fve_H[members], kind="stable")]
        mean_fve = float(fits.fve_H[members].mean()) if len(members) else float("nan")
        found.append(Cluster(frequency, members, mean_fve))
    return tuple(found)


def explained_neurons(fits: NeuronFits, threshold: float = EXPLAINED) -> np.ndarray:
    """Indices of the neurons whose polynomial explains more than the threshold, ascending."""
    return np.flatnonzero((fits.fve_H > threshold) & (fits.frequency_H > 0))


def polynomial_activations(fits: NeuronFits, p: int, neurons: np.ndarray | Sequence[int] | None = None) -> np.ndarray:
    """The fitted polynomials as activations, the constant included.

    Args:
        fits: of `fit_neurons`.
        p: the modulus.
        neurons: which ones; all by default.

    Returns:
        (P, P, number of chosen neurons) float64.
    """
    chosen = np.arange(len(fits.frequency_H)) if neurons is None else np.asarray(neurons, dtype=np.int64)
    basis_PP = fourier_basis(p)
    result_PPH = np.empty((p, p, len(chosen)))
    frequency_H = fits.frequency_H[chosen]
    for frequency in np.unique(frequency_H):
        rows = [0] if frequency == 0 else [0, *rows_of(p, int(frequency))]
        members = np.flatnonzero(frequency_H == frequency)
        coefficients_33H = fits.coefficients_33H[: len(rows), : len(rows), chosen[members]]
        first_P3H = np.tensordot(basis_PP[rows], coefficients_33H, axes=(0, 0))
        result_PPH[:, :, members] = np.matmul(basis_PP[rows].T, first_P3H)
    return result_PPH


def frequency_blocks(neurons_PPH: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of each neuron on {1, cos, sin}(omega_k a) x {1, cos, sin}(omega_k b), all frequencies.

    Args:
        neurons_PPH: (P, P, H) activations after the nonlinearity over (a, b).

    Returns:
        (K, 3, 3, H), 0 for the constant in [0, 0] and for the sines of k = p/2; and the centred energy (H,).
    """
    sizes = require_shape("neurons_PPH", neurons_PPH, "P P H")
    p, n_neurons = sizes["P"], sizes["H"]
    x_PPH = np.asarray(neurons_PPH, dtype=np.float64)
    basis_PP = fourier_basis(p)
    flat_BH = x_PPH.reshape(p * p, n_neurons)
    mean_H = flat_BH.mean(axis=0)
    square_H = np.einsum("bh,bh->h", flat_BH, flat_BH)
    centred_H = np.maximum(square_H - p * p * mean_H**2, 0)
    close_H = centred_H < 1e-6 * square_H  # the difference has lost digits: take the deviations themselves
    if close_H.any():
        centred_H[close_H] = np.sum((flat_BH[:, close_H] - mean_H[close_H]) ** 2, axis=0)
    centred_H[centred_H <= DEAD * square_H] = 0

    first_PPH = (basis_PP @ x_PPH.reshape(p, -1)).reshape(p, p, n_neurons)
    n_pairs = (p - 1) // 2
    blocks_K33H = np.zeros((p // 2, 3, 3, n_neurons))
    constant_PH = basis_PP @ first_PPH[0]
    triples_K3P = np.stack(
        [np.broadcast_to(basis_PP[0], (n_pairs, p)), basis_PP[1 : 2 * n_pairs : 2], basis_PP[2 : 2 * n_pairs + 1 : 2]], axis=1
    )
    rows_K2PH = first_PPH[1 : 1 + 2 * n_pairs].reshape(n_pairs, 2, p, n_neurons)
    np.matmul(triples_K3P[:, None], rows_K2PH, out=blocks_K33H[:n_pairs, 1:])
    blocks_K33H[:n_pairs, 0, 1:] = constant_PH[1 : 1 + 2 * n_pairs].reshape(n_pairs, 2, n_neurons)
    if p % 2 == 0:
        blocks_K33H[-1, 1, :2] = basis_PP[[0, -1]] @ first_PPH[-1]
        blocks_K33H[-1, 0, 1] = constant_PH[-1]
    return blocks_K33H, centred_H


def _pair_coefficients(block_33H: np.ndarray, sign: int, frequency_H: np.ndarray, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients on the unit directions cos and sin of omega_k (a + sign b), each (H,)."""
    nyquist_H = 2 * frequency_H == p  # one direction only, cos cos = cos(pi (a + b))
    cosine_H = (block_33H[1, 1] - sign * block_33H[2, 2]) / np.where(nyquist_H, 1.0, np.sqrt(2))
    sine_H = (block_33H[2, 1] + sign * block_33H[1, 2]) / np.sqrt(2)
    return cosine_H, sine_H


def _pair_energy(blocks_K33H: np.ndarray, sign: int, p: int) -> np.ndarray:
    """Energy along cos and sin of omega_k (a + sign b), (K, H)."""
    cosine_KH = (blocks_K33H[:, 1, 1] - sign * blocks_K33H[:, 2, 2]) / np.sqrt(2)
    sine_KH = (blocks_K33H[:, 2, 1] + sign * blocks_K33H[:, 1, 2]) / np.sqrt(2)
    energy_KH = cosine_KH**2 + sine_KH**2
    if p % 2 == 0:
        energy_KH[-1] *= 2  # the last frequency has the single direction cos cos
    return energy_KH
