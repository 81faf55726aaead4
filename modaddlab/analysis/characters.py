"""The multiplicative characters mod a prime: the waves of multiplication, as the Fourier basis has those of addition.

For a prime p the non-zero residues are the powers of a primitive root g, so each is g^x with x = log_g a mod p - 1, and
multiplication adds logarithms. A network that multiplies can therefore use the algorithm of addition along the order of the
logarithms: waves cos and sin of 2 pi k x / (p - 1) in place of those of 2 pi k a / p. Zero has no logarithm and stands alone. The
real orthonormal basis on the residues 0..p-1:

    row 0        1 at the residue 0
    row 1        1 / sqrt(p - 1) on the others
    row 2k       sqrt(2/(p-1)) cos(2 pi k log_g a / (p - 1))       k = 1..(p-1)/2
    row 2k + 1   the same with sin; k = (p-1)/2 has no sine: it is the quadratic character (-1)^x / sqrt(p - 1)

Another primitive root permutes the frequencies (k -> k u mod p - 1), so what the energies are like does not depend on the
choice, but which frequency is called what does; g is the smallest one.

How concentrated energies are is told by `effective_number`, in the unit of frequencies: 1 when one has it all, K when all
have the same.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from modaddlab.analysis.fourier import fourier_basis, sum_over_rows
from modaddlab.shapes import require_shape


def is_prime(p: int) -> bool:
    """Whether a modulus is a prime."""
    return p >= 2 and all(p % q for q in range(2, int(p**0.5) + 1))


@lru_cache(maxsize=64)
def primitive_root(p: int) -> int:
    """The smallest generator of the non-zero residues mod a prime.

    Raises:
        ValueError: p is no prime.
    """
    if not is_prime(p):
        raise ValueError(f"p (={p}) must be a prime: only then do all non-zero residues have a logarithm")
    return next(g for g in range(1, p) if len({pow(g, x, p) for x in range(p - 1)}) == p - 1)


@lru_cache(maxsize=64)
def discrete_logarithms(p: int) -> np.ndarray:
    """The logarithms of the residues 1..p-1 to the smallest primitive root of a prime p.

    Returns:
        (P - 1,) int64, read-only: entry a - 1 is x in 0..p-2 with g^x = a mod p.

    Raises:
        ValueError: p is no prime.
    """
    g, log = primitive_root(p), np.empty(p - 1, dtype=np.int64)
    for x in range(p - 1):
        log[pow(g, x, p) - 1] = x
    log.flags.writeable = False
    return log


def by_logarithm(p: int) -> np.ndarray:
    """The residues but zero in the order of their logarithms: the powers of the primitive root, (P - 1,) int64.

    Raises:
        ValueError: p is no prime.
    """
    return np.argsort(discrete_logarithms(p)) + 1


@lru_cache(maxsize=64)
def multiplicative_basis(p: int) -> np.ndarray:
    """The real orthonormal basis of multiplicative characters mod a prime, zero by itself.

    Returns:
        (P, P) float64, read-only; rows as in the module's text, columns are the residues 0..p-1.

    Raises:
        ValueError: p is no prime.
    """
    basis_PP = np.zeros((p, p))
    basis_PP[0, 0] = 1
    if p > 2:
        basis_PP[1:, 1:] = fourier_basis(p - 1)[:, discrete_logarithms(p)]
    else:
        basis_PP[1, 1] = 1
    basis_PP.flags.writeable = False
    return basis_PP


def character_norms(x_PD: np.ndarray) -> np.ndarray:
    """The norm of each component of (P, D) in the multiplicative basis, along the residues: (P,).

    Raises:
        ValueError: the number of residues is no prime.
    """
    require_shape("x_PD", x_PD, "P D")
    return np.linalg.norm(multiplicative_basis(len(x_PD)) @ np.asarray(x_PD, dtype=np.float64), axis=1)


def energy_per_character(x_PD: np.ndarray) -> np.ndarray:
    """The squared norm of (P, D) at each multiplicative frequency 1..(p-1)/2; zero and the constant are left out: (K,).

    Raises:
        ValueError: the number of residues is no prime.
    """
    return sum_over_rows(character_norms(x_PD)[1:] ** 2)


def effective_number(energy_K: np.ndarray) -> float:
    """How many frequencies share the energy: (sum E)^2 / sum E^2, from 1 to K. NaN where there is no energy."""
    energy_K = np.asarray(energy_K, dtype=np.float64)
    squares = np.sum(energy_K**2)
    return float(energy_K.sum() ** 2 / squares) if squares > 0 else float("nan")
