"""Leakage: how much of a neuron's weights lies outside its own frequency, and where it goes.

With the activation u^2 a neuron that starts on one frequency stays on it as long as every answer is about equally likely: the
gradient of theta and of xi has that frequency alone (`modaddlab.analysis.dynamics`). With max(u, 0) the gradient has overtones.
Take theta[x] = alpha cos(omega_k x + phi) and xi[j] = beta cos(omega_k j + psi), D = 2 phi - psi, and average over the phases, as
large p allows. The output's gradient follows the mean of |cos| over the pairs with one sum, whose Fourier series is

    |cos(t / 2)| = (2/pi) + (4/pi) sum_r (-1)^(r+1) cos(r t) / (4 r^2 - 1)      amplitude at r k over that at k: 3 / (4 r^2 - 1)

The input's gradient follows from the series of the square wave, sign(cos t) = (4/pi) sum of (-1)^((n-1)/2) cos(n t) / n, n odd:

    amplitude at r k, r odd:   | exp(-iD) / (r (r-2)) + exp(iD) / (r (r+2)) |      0 for even r

over the same at r = 1. For an aligned neuron (D = 0) that is -3 / (r^2 - 4), signs included: 3/5 at 3k and 1/7 at 5k, opposed to
the wave at its crests, which they flatten (`signed_ratio`). He et al. 2026 (arXiv 2602.16849) give the order of decline, r^-2,
as 1/9 and 1/25. These are ratios of gradients; what the weights end up with is measured. Frequencies are folded into
1..(p-1)/2, so that the overtones of one neuron lie at different places for different p.

There is a second source that has nothing to do with the activation. Adam divides the gradient of every single weight by its own
recent size, so that early on each weight moves by about the same step: along the sign of the gradient. The sign of a cosine is a
square wave, with (-1)^((r-1)/2) / r at odd r (`sign_ratio`): -1/3 at 3k and 1/5 at 5k, in the input and in the output.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from modaddlab.shapes import require_shape

Side = Literal["input", "output"]


def overtone(frequency: ArrayLike, r: int, p: int) -> np.ndarray:
    """The frequency in 0..p//2 that r times a frequency is the same as, mod p."""
    product = np.asarray(frequency, dtype=np.int64) * r % p
    return np.minimum(product, p - product)


def predicted_ratio(side: Side, r: int, D: ArrayLike = 0.0) -> np.ndarray:
    """The gradient's amplitude at r k over that at k, for max(u, 0), one frequency and large p.

    Args:
        side: "input" for theta, "output" for xi.
        r: the overtone, from 1.
        D: misalignment in radians; the output does not depend on it.
    """
    D = np.asarray(D, dtype=np.float64)
    if side == "output":
        return np.full(D.shape, 3 / (4 * r**2 - 1))
    if r % 2 == 0:
        return np.zeros(D.shape)

    def size(n: int) -> np.ndarray:
        return np.abs(np.exp(-1j * D) / (n * (n - 2)) + np.exp(1j * D) / (n * (n + 2)))

    return size(r) / size(1)


def predicted_sign(side: Side, r: int) -> int:
    """The sign of an aligned neuron's overtone at the crests of its wave: 1 sharpens them, -1 flattens them, 0 for none."""
    if side == "output":
        return 1 if r % 2 else -1
    return 0 if r % 2 == 0 else 1 if r == 1 else -1


def sign_ratio(r: int) -> float:
    """The overtone of the sign of a cosine, with its sign at the crests: what a step of one size for every weight writes."""
    return 0.0 if r % 2 == 0 else (-1.0) ** ((r - 1) // 2) / r


def own_share(amplitude_NK: np.ndarray, frequency_N: np.ndarray) -> np.ndarray:
    """The share of the energy that lies at each neuron's own frequency, the constant left out.

    Args:
        amplitude_NK: (N, K) amplitudes at the frequencies 1..K; their moduli count.
        frequency_N: (N,) the neurons' own frequencies.

    Returns:
        (N,) in [0, 1]; NaN where there is no energy.
    """
    energy_NK, own_N = _energies(amplitude_NK, frequency_N)
    total_N = energy_NK.sum(axis=1)
    return np.divide(own_N, total_N, out=np.full(len(own_N), np.nan), where=total_N > 0)


def overtone_ratio(amplitude_NK: np.ndarray, frequency_N: np.ndarray, r: int, p: int) -> np.ndarray:
    """The amplitude at r k over that at k, for each neuron with its own k.

    Args:
        amplitude_NK: (N, K) amplitudes at 1..K, K = (p-1)/2.
        frequency_N: (N,) the neurons' own frequencies.
        r: the overtone.
        p: the modulus.

    Returns:
        (N,); NaN where the overtone is the constant or the frequency itself.
    """
    energy_NK, own_N = _energies(amplitude_NK, frequency_N)
    require_shape("amplitude_NK", amplitude_NK, "N K", K=(p - 1) // 2)
    at_N = overtone(frequency_N, r, p)
    there_N = energy_NK[np.arange(len(at_N)), np.maximum(at_N - 1, 0)]
    usable_N = (at_N > 0) & (at_N != frequency_N) & (own_N > 0)
    return np.sqrt(np.divide(there_N, own_N, out=np.full(len(own_N), np.nan), where=usable_N))


def signed_ratio(waves_NK: np.ndarray, frequency_N: np.ndarray, r: int, p: int) -> np.ndarray:
    """The overtone's value at the crests of each neuron's wave, over the wave's amplitude: negative where it flattens them.

    Args:
        waves_NK: (N, K) complex amplitudes at 1..K, as of `dynamics.waves`.
        frequency_N, r, p: as for `overtone_ratio`.

    Returns:
        (N,); NaN where the overtone is the constant or the frequency itself.
    """
    sizes = require_shape("waves_NK", waves_NK, "N K", K=(p - 1) // 2)
    frequency_N = np.asarray(frequency_N)
    rows_N, at_N = np.arange(sizes["N"]), overtone(frequency_N, r, p)
    own_N, there_N = waves_NK[rows_N, frequency_N - 1], waves_NK[rows_N, np.maximum(at_N - 1, 0)]
    there_N = np.where(frequency_N * r % p > p // 2, np.conj(there_N), there_N)  # cos(-x): the folded wave runs backwards
    size_N = np.abs(own_N)
    usable_N = (at_N > 0) & (at_N != frequency_N) & (size_N > 0)
    value_N = np.real(there_N * np.exp(-1j * r * np.angle(own_N)))
    return np.divide(value_N, size_N, out=np.full(len(size_N), np.nan), where=usable_N)


def elsewhere_ratio(amplitude_NK: np.ndarray, frequency_N: np.ndarray, orders: tuple[int, ...], p: int) -> np.ndarray:
    """The null of `overtone_ratio`: the root mean square amplitude at all frequencies but k and the overtones, over that at k.

    Args:
        amplitude_NK, frequency_N, p: as for `overtone_ratio`.
        orders: the overtones that are left out.

    Returns:
        (N,); NaN where nothing is left.
    """
    energy_NK, own_N = _energies(amplitude_NK, frequency_N)
    require_shape("amplitude_NK", amplitude_NK, "N K", K=(p - 1) // 2)
    frequencies_K = np.arange(1, energy_NK.shape[1] + 1)
    left_out_NK = frequencies_K == np.asarray(frequency_N)[:, None]
    for r in orders:
        left_out_NK |= frequencies_K == overtone(frequency_N, r, p)[:, None]
    count_N = (~left_out_NK).sum(axis=1)
    rest_N = np.where(left_out_NK, 0, energy_NK).sum(axis=1)
    usable_N = (count_N > 0) & (own_N > 0)
    return np.sqrt(np.divide(rest_N, count_N * own_N, out=np.full(len(own_N), np.nan), where=usable_N))


def _energies(amplitude_NK: np.ndarray, frequency_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared moduli (N, K), and those at each neuron's own frequency (N,)."""
    sizes = require_shape("amplitude_NK", amplitude_NK, "N K")
    frequency_N = np.asarray(frequency_N)
    require_shape("frequency_N", frequency_N, "N", N=sizes["N"])
    if len(frequency_N) and not (frequency_N.min() >= 1 and frequency_N.max() <= sizes["K"]):
        raise ValueError(f"frequency_N must lie in 1..{sizes['K']}, found {frequency_N.min()} to {frequency_N.max()}")
    energy_NK = np.abs(amplitude_NK) ** 2
    return energy_NK, energy_NK[np.arange(len(frequency_N)), frequency_N - 1]
