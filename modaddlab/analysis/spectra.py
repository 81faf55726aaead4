"""Spectra of the embedding W_E, the neuron-logit map W_L = W_out W_U, and the logits.

A network that adds on circles embeds residue a by cos and sin of omega_k a at a few key frequencies, and writes its output
along cos and sin of omega_k c at the same ones. So W_E along its residues and W_L along its outputs are sparse in the Fourier
basis, and the logits, as functions of (a, b), lie in the 2x2 blocks {cos, sin}(omega_k a) x {cos, sin}(omega_k b): four
components a key, 20 for the five keys of Nanda et al. 2023 (section 4.1 and figure 3, as reported).

"Significant" has no published threshold. Ours is the largest gap (`largest_gap`): sort the norms, and cut where the ratio of
two neighbours is largest; what lies above the cut is significant. It has no free parameter beyond two bounds: at most half of
the values can be significant, and a largest ratio under `MIN_RATIO` means that nothing stands out (an untrained network).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import (
    component_norms,
    gini,
    rows_of,
    sum_over_rows,
    transform_1d,
    transform_2d,
)
from modaddlab.shapes import require_shape

MIN_RATIO = 1.5
"""A largest ratio of neighbouring norms below this is no gap. Sorted component norms of a Gaussian matrix with 128 columns
differ by at most about 1.1 from one to the next."""

FLOOR = 1e-9
"""Norms below this share of the largest count as rounding errors and are not told apart."""


@dataclass(frozen=True)
class Gap:
    """Where sorted norms fall apart into significant and negligible ones."""

    n_significant: int
    ratio: float
    threshold: float
    """Geometric mean of the two norms beside the gap; infinite when nothing is significant."""


@dataclass(frozen=True)
class Spectrum:
    """The Fourier components of a matrix along its residues."""

    norms_P: np.ndarray
    """Norm of each component: the constant, cos 1, sin 1, ..."""
    energy_K: np.ndarray
    """Squared norm per frequency 1..p//2."""
    constant_energy: float
    gini: float
    """Gini coefficient of the P component norms, the constant among them."""

    @property
    def frequency_norms_K(self) -> np.ndarray:
        """The norm of every frequency's part, the root of its energy."""
        return np.sqrt(self.energy_K)


@dataclass(frozen=True)
class LogitBlock:
    """The four components {cos, sin}(omega_k a) x {cos, sin}(omega_k b) of the logits."""

    frequency: int
    norms_22: np.ndarray
    """[[cos cos, cos sin], [sin cos, sin sin]]; 0 where there is no sine (k = p/2)."""
    energy_share: float
    """Share of the logits' non-constant energy in the four."""


@dataclass(frozen=True)
class LogitSpectrum:
    """The two-dimensional Fourier components of the logits, as norms over the outputs."""

    norms_PP: np.ndarray
    gap: Gap
    significant: tuple[tuple[int, int], ...]
    """(row in a, row in b) of the significant components, largest first; the constant is not among them."""


def spectrum(x_PD: np.ndarray) -> Spectrum:
    """The spectrum of any matrix whose first axis is the residues, such as W_E without the '=' row.

    Args:
        x_PD: (P, D) one row per residue. For W_L pass its transpose, or use `neuron_logit_spectrum`.
    """
    require_shape("x_PD", x_PD, "P D")
    norms_P = component_norms(x_PD)
    return Spectrum(norms_P, sum_over_rows(norms_P**2), float(norms_P[0] ** 2), gini(norms_P))


def circle_directions(x_PD: np.ndarray, frequency: int) -> np.ndarray:
    """The plane in which a matrix along the residues, such as W_E (P, D), holds the circle of one frequency.

    Returns:
        (2, D) orthonormal: the direction of the cosine component, and that of the sine with the cosine's part taken out. The
        rows' coordinates in it are `x_PD @ directions.T`.

    Raises:
        ValueError: the frequency has no cosine and sine of its own (it is not in 1..(p-1)//2), or one of them is zero.
    """
    rows = rows_of(len(x_PD), frequency)
    if len(rows) < 2:
        raise ValueError(f"frequency (={frequency}) is p/2: it has no sine and makes no circle")
    cosine_D, sine_D = transform_1d(x_PD)[rows]
    cosine_D = cosine_D / np.linalg.norm(cosine_D)
    sine_D = sine_D - (sine_D @ cosine_D) * cosine_D
    if not np.linalg.norm(sine_D) > 0:
        raise ValueError(f"frequency (={frequency}) has its cosine and its sine in one direction: no circle")
    return np.stack([cosine_D, sine_D / np.linalg.norm(sine_D)])


def neuron_logit_spectrum(W_L_HC: np.ndarray) -> Spectrum:
    """The spectrum of W_L (H, C=P) along its outputs."""
    require_shape("W_L_HC", W_L_HC, "H C")
    return spectrum(np.asarray(W_L_HC).T)


def largest_gap(norms: np.ndarray, most: int | None = None) -> Gap:
    """Cut norms where the ratio of two neighbours in descending order is largest.

    Args:
        norms: (N,) non-negative.
        most: the largest number that may be significant; half of them by default.
    """
    norms = np.sort(np.asarray(norms, dtype=np.float64).ravel())[::-1]
    most = max(1, len(norms) // 2) if most is None else most
    if len(norms) < 2 or norms[0] == 0:
        return Gap(0, 1.0, np.inf)
    floored = np.maximum(norms, FLOOR * norms[0])
    ratios = floored[:-1][:most] / floored[1:][:most]
    place = int(np.argmax(ratios))
    if ratios[place] < MIN_RATIO:
        return Gap(0, float(ratios[place]), np.inf)
    return Gap(place + 1, float(ratios[place]), float(np.sqrt(floored[place] * floored[place + 1])))


def logit_spectrum(logits_PPC: np.ndarray) -> LogitSpectrum:
    """Norms of the two-dimensional Fourier components of the logits and which of them are significant.

    Args:
        logits_PPC: (P, P, C) over a, b and the output.
    """
    require_shape("logits_PPC", logits_PPC, "P P C")
    norms_PP = np.sqrt(np.sum(transform_2d(logits_PPC) ** 2, axis=2))
    p = len(norms_PP)
    candidates = norms_PP.ravel()[1:]  # the first is the constant
    gap = largest_gap(candidates, most=8 * (p // 2))
    order = np.argsort(-candidates, kind="stable")[: gap.n_significant] + 1
    return LogitSpectrum(norms_PP, gap, tuple((int(i) // p, int(i) % p) for i in order))


def logit_blocks(norms_PP: np.ndarray, frequencies: Sequence[int]) -> tuple[LogitBlock, ...]:
    """The 2x2 blocks of the given frequencies, from `logit_spectrum(...).norms_PP`."""
    p = require_shape("norms_PP", norms_PP, "P P")["P"]
    total = np.sum(norms_PP**2) - norms_PP[0, 0] ** 2
    blocks = []
    for frequency in frequencies:
        rows = rows_of(p, frequency)
        norms_22 = np.zeros((2, 2))
        norms_22[: len(rows), : len(rows)] = norms_PP[np.ix_(rows, rows)]
        blocks.append(LogitBlock(int(frequency), norms_22, float(np.sum(norms_22**2) / total) if total else 0.0))
    return tuple(blocks)


def top_share(norms: np.ndarray, n_components: int) -> float:
    """Share of the energy of all but the constant that the largest components hold.

    Args:
        norms: (P,) or (P, P) component norms, the constant first.
        n_components: how many of the largest are counted.
    """
    energies = np.sort(np.asarray(norms, dtype=np.float64).ravel()[1:] ** 2)[::-1]
    total = energies.sum()
    return float(energies[:n_components].sum() / total) if total else 0.0


@dataclass(frozen=True)
class Null:
    """A statistic under random relabellings of the residues."""

    values: np.ndarray
    mean: float
    low: float
    """2.5 % quantile."""
    high: float
    """97.5 % quantile."""


def permutation_null(
    x: np.ndarray,
    statistic: Callable[[np.ndarray], float],
    axes: Sequence[int] = (0,),
    n_draws: int = 50,
    seed: int = 0,
) -> Null:
    """A statistic after the residues were renamed at random: the same numbers, without the cyclic order.

    Args:
        x: any array with one or more axes over the residues.
        statistic: what is measured on x, for instance `lambda W_E_PD: top_share(component_norms(W_E_PD), 10)`.
        axes: the axes that are permuted, all by the same permutation.
        n_draws: how many permutations.
        seed: of the permutations.
    """
    generator = np.random.default_rng(seed)
    values = np.empty(n_draws)
    for draw in range(n_draws):
        permuted = x
        order_P = generator.permutation(x.shape[axes[0]])
        for axis in axes:
            permuted = np.take(permuted, order_P, axis=axis)
        values[draw] = statistic(permuted)
    return summarize(values)


def summarize(values: np.ndarray) -> Null:
    """Mean and central 95 % interval of draws."""
    values = np.asarray(values, dtype=np.float64)
    low, high = np.quantile(values, [0.025, 0.975])
    return Null(values, float(values.mean()), float(low), float(high))
