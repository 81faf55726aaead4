"""The real orthonormal Fourier basis mod p, in one and two dimensions.

Functions on the residues 0..p-1 are written in the basis

    row 0        1 / sqrt(p)
    row 2k - 1   sqrt(2/p) cos(omega_k j)        omega_k = 2 pi k / p,   k = 1..p//2
    row 2k       sqrt(2/p) sin(omega_k j)

For even p the last frequency k = p/2 (Nyquist) has no sine, and its cosine (-1)^j / sqrt(p) is the last row. The basis has P
rows for every p >= 2, and frequencies k and p - k are the same one, named by the smaller number. Functions of two residues
(a, b) are written in the products of two rows; the component (i, j) is row i in a times row j in b.

Of the two-dimensional components, those of one frequency k come as three nested sets (`Terms`):

    "sum"         cos(omega_k (a+b)) and sin(omega_k (a+b)): two directions, (cos cos - sin sin)/sqrt 2 and
                  (sin cos + cos sin)/sqrt 2 in the products; a function of a + b alone
    "products"    the four products {cos, sin}(omega_k a) x {cos, sin}(omega_k b); they hold a + b and a - b
    "polynomial"  the eight products {1, cos, sin} x {1, cos, sin} without the constant: all polynomials of degree 2
                  that are at most linear in each residue's circle

The sets of different frequencies are orthogonal to each other and to the constant. Basis and sets after Nanda et al. 2023,
section 4 and its released code.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import numpy as np

Terms = Literal["sum", "products", "polynomial"]


def n_frequencies(p: int) -> int:
    """How many frequencies 1..p//2 there are mod p."""
    return p // 2


@lru_cache(maxsize=64)
def fourier_basis(p: int) -> np.ndarray:
    """The real orthonormal Fourier basis mod p.

    Args:
        p: the modulus, at least 2.

    Returns:
        (P, P) float64, read-only; rows are the constant, cos 1, sin 1, cos 2, ... over the residues.

    Raises:
        ValueError: p is smaller than 2.
    """
    if p < 2:
        raise ValueError(f"p (={p}) must be at least 2 for a Fourier basis mod p")
    angle_KP = 2 * np.pi / p * (np.outer(np.arange(1, p // 2 + 1), np.arange(p)) % p)
    basis_PP = np.empty((p, p))
    basis_PP[0] = 1 / np.sqrt(p)
    basis_PP[1::2] = np.sqrt(2 / p) * np.cos(angle_KP)
    basis_PP[2::2] = np.sqrt(2 / p) * np.sin(angle_KP[: (p - 1) // 2])
    if p % 2 == 0:
        basis_PP[-1] /= np.sqrt(2)
    basis_PP.flags.writeable = False
    return basis_PP


def component_frequencies(p: int) -> np.ndarray:
    """The frequency of each basis row, (P,) int64: 0, 1, 1, 2, 2, ..."""
    return (np.arange(p) + 1) // 2


def rows_of(p: int, frequency: int) -> list[int]:
    """The basis rows of one frequency: cosine and sine, or the cosine alone at k = p/2.

    Raises:
        ValueError: the frequency is not among 1..p//2; k and p - k are one frequency, named by the smaller.
    """
    if not 1 <= frequency <= p // 2:
        raise ValueError(f"frequency (={frequency}) must lie in 1..{p // 2} for p={p}; k and p - k are the same frequency")
    return [row for row in (2 * frequency - 1, 2 * frequency) if row < p]


def transform_1d(x_P: np.ndarray) -> np.ndarray:
    """Fourier components along the first axis: (P, ...) over residues -> (P, ...) over components."""
    x_P = np.asarray(x_P, dtype=np.float64)
    return np.tensordot(fourier_basis(x_P.shape[0]), x_P, axes=(1, 0))


def inverse_1d(components_P: np.ndarray) -> np.ndarray:
    """Inverse of `transform_1d`: (P, ...) over components -> (P, ...) over residues."""
    components_P = np.asarray(components_P, dtype=np.float64)
    return np.tensordot(fourier_basis(components_P.shape[0]), components_P, axes=(0, 0))


def transform_2d(x_PP: np.ndarray) -> np.ndarray:
    """Fourier components along the first two axes: (P, P, ...) over (a, b) -> (P, P, ...) over pairs of rows."""
    x_PP, basis_PP = _square(x_PP)
    return _two_sided(basis_PP, x_PP)


def inverse_2d(components_PP: np.ndarray) -> np.ndarray:
    """Inverse of `transform_2d`."""
    components_PP, basis_PP = _square(components_PP)
    return _two_sided(basis_PP.T, components_PP)


def component_norms(x_P: np.ndarray) -> np.ndarray:
    """The norm of each Fourier component of (P, ...) over all other axes: (P,)."""
    components_P = transform_1d(x_P)
    return np.sqrt(np.sum(components_P.reshape(len(components_P), -1) ** 2, axis=1))


def energy_per_frequency(x_P: np.ndarray) -> np.ndarray:
    """The squared norm of (P, ...) at each frequency 1..p//2, summed over cosine, sine and all other axes: (K,)."""
    return sum_over_rows(component_norms(x_P) ** 2)


def sum_over_rows(values_P: np.ndarray) -> np.ndarray:
    """Values per basis row (P, ...) summed into values per frequency (K, ...); the constant is left out."""
    p = len(values_P)
    return np.add.reduceat(values_P, np.arange(1, p, 2), axis=0)


def sum_table(x_PP: np.ndarray) -> np.ndarray:
    """The mean of x over the P pairs with a + b = s mod p, for each s: (P, P, ...) -> (P, ...)."""
    x_PP, _ = _square(x_PP)
    a_P = np.arange(len(x_PP))
    return x_PP[a_P[:, None], (a_P[None, :] - a_P[:, None]) % len(x_PP)].mean(axis=0)


def project(x_PP: np.ndarray, frequencies: Iterable[int], terms: Terms = "sum") -> np.ndarray:
    """The part of a function of (a, b) that lies along the terms of some frequencies.

    Args:
        x_PP: (P, P, ...) values over (a, b); trailing axes are projected one by one.
        frequencies: from 1..p//2; each counts once.
        terms: which components of a frequency: two, four or eight (see the module's text). The constant never belongs.

    Returns:
        an array of the same shape, float64. `x_PP - project(...)` has those terms removed.

    Raises:
        ValueError: the first two axes differ, or a frequency is not in 1..p//2.
    """
    x_PP, basis_PP = _square(x_PP)
    p = len(x_PP)
    chosen = sorted(set(frequencies))
    rows = [row for frequency in chosen for row in rows_of(p, frequency)]
    if not rows:
        return np.zeros_like(x_PP)
    if terms == "sum":
        rows_RP = basis_PP[rows]
        smooth_P = np.tensordot(rows_RP, np.tensordot(rows_RP, sum_table(x_PP), axes=(1, 0)), axes=(0, 0))
        a_P = np.arange(p)
        return smooth_P[(a_P[:, None] + a_P[None, :]) % p]
    if terms == "polynomial":
        rows = [0, *rows]
    elif terms != "products":
        raise ValueError(f"terms (={terms!r}) must be 'sum', 'products' or 'polynomial'")
    rows_RP = basis_PP[rows]
    frequency_R = component_frequencies(p)[rows]
    keep_RR = frequency_R[:, None] == frequency_R[None, :]
    if terms == "polynomial":
        keep_RR = keep_RR | (frequency_R[:, None] == 0) | (frequency_R[None, :] == 0)
        keep_RR[0, 0] = False
    components_RR = _two_sided(rows_RP, x_PP)
    components_RR *= keep_RR.reshape(*keep_RR.shape, *([1] * (x_PP.ndim - 2)))
    return _two_sided(rows_RP.T, components_RR)


def gini(values: np.ndarray) -> float:
    """The Gini coefficient of non-negative values: 0 when all are equal, 1 - 1/n when one holds everything.

    The mean absolute difference of two values over twice the mean; 0 when every value is 0.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    n, total = len(ordered), ordered.sum()
    if total == 0:
        return 0.0
    return float(2 * np.dot(np.arange(1, n + 1), ordered) / (n * total) - (n + 1) / n)


def fve(target: np.ndarray, fitted: np.ndarray, axis: int | tuple[int, ...] | None = None) -> np.ndarray:
    """The fraction of variance explained, 1 - var(target - fitted) / var(target), over the axes (all by default).

    NaN where the target is constant. A fit that differs from the target by a constant counts as perfect.

    Args:
        target, fitted: arrays of one shape.
        axis: over which the variance is taken.
    """
    target = np.asarray(target, dtype=np.float64)
    variance = np.asarray(target.var(axis=axis))
    residual = np.asarray((target - fitted).var(axis=axis))
    return 1 - np.divide(residual, variance, out=np.full_like(variance, np.nan), where=variance > 0)


def _square(x_PP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x_PP = np.asarray(x_PP, dtype=np.float64)
    if x_PP.ndim < 2 or x_PP.shape[0] != x_PP.shape[1]:
        raise ValueError(f"an array over (a, b) must have the shape (P, P, ...), found {x_PP.shape}")
    return x_PP, fourier_basis(x_PP.shape[0])


def _two_sided(left_RP: np.ndarray, x_PP: np.ndarray) -> np.ndarray:
    """left @ x @ left.T over the first two axes, trailing axes carried along: (P, P, ...) -> (R, R, ...)."""
    n_rows, p = left_RP.shape
    first_RPM = (left_RP @ x_PP.reshape(p, -1)).reshape(n_rows, p, -1)
    return np.matmul(left_RP, first_RPM).reshape(n_rows, n_rows, *x_PP.shape[2:])
