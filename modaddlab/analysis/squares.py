"""Waves of a function of the residue, such as of its square: what a network uses that maps first and adds then.

To answer a^2 + b^2 mod p a network can look up the square s = a^2 mod p of each residue and add the squares by the algorithm of
addition: its embedding then holds the waves cos(omega_k s(a)) and sin(omega_k s(a)). Written in the waves of a itself such a wave
is a Gauss sum, whose p components all have the same size, so in the Fourier basis this embedding looks like noise.

Two things tell it from noise. It is even, the same for a and -a, because their squares are the same (`even_share`). And each of
its waves of the square lies in a plane (`wave_shares`). These planes are not orthogonal to each other: there are as many as there
are frequencies, twice too many for the even functions, and two of them overlap by about 1/sqrt(p). So the shares of all of them
add up to about two, and the share of several together is that of their common space (`joint_share`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from modaddlab.shapes import require_shape


def even_share(x_PD: np.ndarray) -> float:
    """The share of the energy of (P, D), without its mean over the residues, that is the same for a and -a; NaN without energy.

    A random matrix has about one half.
    """
    require_shape("x_PD", x_PD, "P D")
    centred_PD = x_PD - np.mean(x_PD, axis=0)
    even_PD = (centred_PD + centred_PD[-np.arange(len(centred_PD)) % len(centred_PD)]) / 2
    energy = np.sum(centred_PD**2)
    return float(np.sum(even_PD**2) / energy) if energy > 0 else float("nan")


def wave_shares(x_PD: np.ndarray, of_P: np.ndarray) -> np.ndarray:
    """The share of the energy of (P, D), without its mean, in the plane of each wave of a function of the residue: (K,).

    Args:
        x_PD: a matrix with a row per residue, such as W_E.
        of_P: the function's value at each residue, integers mod P: the residues themselves give the Fourier basis, their squares
            the waves of the squares.
    """
    p = require_shape("x_PD", x_PD, "P D")["P"]
    return np.array([joint_share(x_PD, of_P, [k]) for k in range(1, p // 2 + 1)])


def joint_share(x_PD: np.ndarray, of_P: np.ndarray, frequencies: Iterable[int]) -> float:
    """The share of the energy of (P, D), without its mean, that some waves of a function of the residue hold together.

    Args:
        x_PD, of_P: as in `wave_shares`.
        frequencies: from 1..P//2.

    Raises:
        ValueError: the function has not one value per residue, or a frequency is not among 1..P//2.
    """
    p = require_shape("x_PD", x_PD, "P D")["P"]
    require_shape("of_P", np.asarray(of_P), "P", P=p)
    chosen = sorted(set(frequencies))
    if any(not 1 <= k <= p // 2 for k in chosen):
        raise ValueError(f"frequencies (={chosen}) must lie in 1..{p // 2} for p={p}")
    angle_KP = 2 * np.pi / p * (np.outer(chosen, of_P) % p)
    waves_PR = np.concatenate([np.cos(angle_KP), np.sin(angle_KP)]).T
    left_PR, size_R, _ = np.linalg.svd(waves_PR - waves_PR.mean(axis=0), full_matrices=False)
    plane_PR = left_PR[:, size_R > 1e-9 * np.sqrt(p)]
    centred_PD = x_PD - np.mean(x_PD, axis=0)
    return float(np.sum((plane_PR.T @ centred_PD) ** 2) / np.sum(centred_PD**2))
