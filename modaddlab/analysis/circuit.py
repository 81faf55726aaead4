"""The circuit from the neurons to the logits: the trigonometric identity on real weights.

With W_L = W_out W_U and unit waves over the outputs, c_k[c] ~ cos(omega_k c) and s_k[c] ~ sin(omega_k c),

    W_L  ~  sum over keys of  u_k c_k^T + v_k s_k^T,        u_k = W_L c_k,   v_k = W_L s_k   (vectors over the neurons)

so 2 directions a key carry everything that W_L passes on (Nanda et al. 2023, section 4.2: rank about 10 for five keys). The
network adds if u_k . MLP(a, b) is proportional to cos(omega_k (a+b)) and v_k . MLP(a, b) to sin(omega_k (a+b)) (its table 1),
because then

    cos(omega_k (a+b)) cos(omega_k c) + sin(omega_k (a+b)) sin(omega_k c) = cos(omega_k (a+b-c))

and a sum of these over keys is largest at c = a + b. `cosine_fit` asks how much of the logits that sum is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modaddlab.analysis.fourier import component_frequencies, fourier_basis, fve, rows_of, transform_1d
from modaddlab.analysis.progress import sum_directions
from modaddlab.analysis.spectra import Gap, largest_gap
from modaddlab.shapes import require_shape


@dataclass(frozen=True, kw_only=True)
class OutputMap:
    """W_L taken apart along the key frequencies of its outputs."""

    keys: tuple[int, ...]
    u_KH: np.ndarray
    """Row i: the neurons' direction u_k of key i."""
    v_KH: np.ndarray
    """Row i: v_k; zeros at k = p/2, which has no sine."""
    singular_values: np.ndarray
    """Of W_L, descending."""
    rank: Gap
    """The largest gap in the singular values; `rank.n_significant` is the effective rank."""
    residual_norm: float
    """Frobenius norm of W_L minus its part along the keys, over that of W_L."""

    @property
    def residual_energy(self) -> float:
        """The square of `residual_norm`: the share of the sum of squares outside the keys."""
        return self.residual_norm**2

    @property
    def directions_RH(self) -> np.ndarray:
        """All u_k and v_k but the zeros, as rows."""
        both_RH = np.concatenate([self.u_KH, self.v_KH])
        return both_RH[np.any(both_RH != 0, axis=1)]


@dataclass(frozen=True, kw_only=True)
class DirectionFit:
    """How well one direction of W_L reads out its wave in a + b."""

    frequency: int
    part: Literal["cos", "sin"]
    fve: float
    """Fraction of the variance of u_k . MLP (or v_k . MLP) that cos (or sin) of omega_k (a+b) explains."""
    amplitude: float
    """The wave's signed amplitude in the direction's value, in units of u_k . MLP."""
    polynomial_fve: float
    """Fraction explained by all eight products of that frequency: what is left over is other frequencies."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One key's values over (a, b), without their means, and their parts along the products of the addition theorem."""

    frequency: int
    u_PP: np.ndarray
    """u_k . MLP(a, b), for cos(omega_k (a+b)) = cos cos - sin sin."""
    v_PP: np.ndarray
    """v_k . MLP(a, b), for sin(omega_k (a+b)) = sin cos + cos sin."""
    cos_cos_PP: np.ndarray
    """The part of u along cos(omega_k a) cos(omega_k b)."""
    sin_sin_PP: np.ndarray
    """The part of u along sin sin, with its sign: negative where the identity asks for it."""
    sin_cos_PP: np.ndarray
    """The part of v along sin(omega_k a) cos(omega_k b)."""
    cos_sin_PP: np.ndarray
    """The part of v along cos(omega_k a) sin(omega_k b)."""


@dataclass(frozen=True, kw_only=True)
class CosineFit:
    """The logits as sum over keys of alpha_k cos(omega_k (a+b-c)), by least squares."""

    alphas: Mapping[int, float]
    fve: float
    """Fraction of the variance of all P^3 logits."""
    centred_fve: float
    """The same after each pair's mean over the outputs was removed, which no probability depends on."""
    logits_PPC: np.ndarray
    """The fitted logits; `progress.score` gives their loss."""


def output_map(W_L_HC: np.ndarray, keys: Iterable[int]) -> OutputMap:
    """W_L's directions, singular values, and what the key frequencies leave of it.

    Args:
        W_L_HC: (H, C=P) neuron-logit map.
        keys: key frequencies in 1..p//2.
    """
    p = require_shape("W_L_HC", W_L_HC, "H C")["C"]
    chosen = tuple(sorted(set(keys)))
    components_PH = transform_1d(np.asarray(W_L_HC).T)
    energy_P = np.sum(components_PH**2, axis=1)
    rows = [rows_of(p, key) for key in chosen]
    nothing_H = np.zeros(components_PH.shape[1])
    kept = np.array([row for pair in rows for row in pair], dtype=np.int64)
    outside = energy_P.sum() - energy_P[kept].sum()
    singular_values = np.linalg.svd(np.asarray(W_L_HC, dtype=np.float64), compute_uv=False)
    return OutputMap(
        keys=chosen,
        u_KH=np.array([components_PH[pair[0]] for pair in rows]).reshape(len(rows), -1),
        v_KH=np.array([components_PH[pair[1]] if len(pair) > 1 else nothing_H for pair in rows]).reshape(len(rows), -1),
        singular_values=singular_values,
        rank=largest_gap(singular_values),
        residual_norm=float(np.sqrt(max(outside, 0) / energy_P.sum())) if energy_P.any() else 0.0,
    )


def direction_fits(neurons_PPH: np.ndarray, W_L_HC: np.ndarray, keys: Sequence[int]) -> tuple[DirectionFit, ...]:
    """Table 1 of Nanda et al. 2023: per key, u_k . MLP against its cosine and v_k . MLP against its sine.

    Args:
        neurons_PPH: (P, P, H) activations after the nonlinearity.
        W_L_HC: (H, C=P) neuron-logit map.
        keys: key frequencies.
    """
    p = _check(neurons_PPH, W_L_HC)
    fits = []
    for key in keys:
        waves = sum_directions(p, key)
        for part, row, wave_PP in zip(("cos", "sin"), rows_of(p, key), waves, strict=False):
            value_PP = neurons_PPH @ (W_L_HC @ fourier_basis(p)[row])
            centred_PP = value_PP - value_PP.mean()
            total = float(np.sum(centred_PP**2))
            strength = float(np.sum(wave_PP * centred_PP))
            rows_R = [0, *rows_of(p, key)]
            block_RR = fourier_basis(p)[rows_R] @ centred_PP @ fourier_basis(p)[rows_R].T
            fits.append(
                DirectionFit(
                    frequency=int(key),
                    part="cos" if part == "cos" else "sin",
                    fve=strength**2 / total if total else 0.0,
                    amplitude=strength / p * (1.0 if 2 * key == p else math.sqrt(2)),
                    polynomial_fve=float(np.sum(block_RR**2)) / total if total else 0.0,
                )
            )
    return tuple(fits)


def identity(neurons_PPH: np.ndarray, W_L_HC: np.ndarray, key: int) -> Identity:
    """One key's read-outs over all pairs and their parts along the four products.

    Args:
        neurons_PPH: (P, P, H) activations after the nonlinearity.
        W_L_HC: (H, C=P) neuron-logit map.
        key: a frequency in 1..(p-1)//2; k = p/2 has no sine and no identity.

    Raises:
        ValueError: the frequency is p/2 or out of range.
    """
    p = _check(neurons_PPH, W_L_HC)
    rows = rows_of(p, key)
    if len(rows) < 2:
        raise ValueError(f"key (={key}) must be below p/2 (={p // 2}): k = p/2 has no sine")
    waves_2P = fourier_basis(p)[rows]
    u_PP, v_PP = np.moveaxis(neurons_PPH @ (W_L_HC @ waves_2P.T), 2, 0)
    u_PP, v_PP = u_PP - u_PP.mean(), v_PP - v_PP.mean()

    def part(x_PP: np.ndarray, in_a: int, in_b: int) -> np.ndarray:
        return np.outer(waves_2P[in_a], waves_2P[in_b]) * (waves_2P[in_a] @ x_PP @ waves_2P[in_b])

    return Identity(
        frequency=int(key),
        u_PP=u_PP,
        v_PP=v_PP,
        cos_cos_PP=part(u_PP, 0, 0),
        sin_sin_PP=part(u_PP, 1, 1),
        sin_cos_PP=part(v_PP, 1, 0),
        cos_sin_PP=part(v_PP, 0, 1),
    )


def logit_by_offset(logits_PPC: np.ndarray) -> np.ndarray:
    """The mean logit over all pairs of the output a + b + d mod p, for each offset d: (P,)."""
    p = require_shape("logits_PPC", logits_PPC, "P P C")["P"]
    require_shape("logits_PPC", logits_PPC, "P P P")
    a_P = np.arange(p)
    sum_PP = (a_P[:, None] + a_P[None, :]) % p
    by_sum_PC = np.zeros((p, p))
    np.add.at(by_sum_PC, sum_PP.ravel(), np.asarray(logits_PPC, dtype=np.float64).reshape(p * p, p))
    return by_sum_PC[a_P[:, None], (a_P[:, None] + a_P[None, :]) % p].sum(axis=0) / p**2


def cosine_fit(logits_PPC: np.ndarray, keys: Iterable[int]) -> CosineFit:
    """The logits as a sum of alpha_k cos(omega_k (a+b-c)).

    The waves of different frequencies are orthogonal over all (a, b, c), so least squares is a projection on each.

    Args:
        logits_PPC: (P, P, C=P).
        keys: key frequencies.
    """
    offset_P = logit_by_offset(logits_PPC)
    p = len(offset_P)
    logits_PPC = np.asarray(logits_PPC, dtype=np.float64)
    alphas = {}
    for key in sorted(set(keys)):
        wave_P = fourier_basis(p)[rows_of(p, key)[0]]
        alphas[int(key)] = float(wave_P @ offset_P) * float(wave_P[0])
    fitted_PPC = cosine_logits(p, alphas)
    centred_PPC = logits_PPC - logits_PPC.mean(axis=2, keepdims=True)
    return CosineFit(
        alphas=alphas,
        fve=float(fve(logits_PPC, fitted_PPC)),
        centred_fve=float(fve(centred_PPC, fitted_PPC)),
        logits_PPC=fitted_PPC,
    )


def cosine_logits(p: int, alphas: Mapping[int, float]) -> np.ndarray:
    """sum over k of alpha_k cos(omega_k (a+b-c)) for all (a, b, c): (P, P, P) float64."""
    residues_P = np.arange(p)
    wave_P = np.zeros(p)
    for key, alpha in alphas.items():
        wave_P += alpha * np.cos(2 * np.pi / p * (key * residues_P % p))
    table_PC = wave_P[(residues_P[:, None] - residues_P[None, :]) % p]
    return table_PC[(residues_P[:, None] + residues_P[None, :]) % p]


def pair_waves(logits_PPC: np.ndarray, a: int, b: int, keys: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The logits of one pair and each key's part of them, as waves over the outputs.

    Returns:
        (n_keys, C) each key's part; (C,) the pair's logits without their mean over the outputs.
    """
    p = require_shape("logits_PPC", logits_PPC, "P P C")["C"]
    logits_C = np.asarray(logits_PPC[a, b], dtype=np.float64)
    components_C = transform_1d(logits_C)
    frequency_C = component_frequencies(p)
    for key in keys:
        rows_of(p, key)
    waves_KC = np.array([fourier_basis(p).T @ (components_C * (frequency_C == key)) for key in keys]).reshape(-1, p)
    return waves_KC, logits_C - logits_C.mean()


def circle_points(W_E_PD: np.ndarray, key: int) -> np.ndarray:
    """The residues' embeddings along the two directions that carry cos and sin of one frequency: (P, 2).

    The directions are W_E's Fourier components at that frequency, made orthonormal by the closest orthonormal pair (polar
    factor), so that the picture is a projection of the embedding and no angle is invented.

    Raises:
        ValueError: the frequency is p/2 or out of range.
    """
    p = require_shape("W_E_PD", W_E_PD, "P D")["P"]
    rows = rows_of(p, key)
    if len(rows) < 2:
        raise ValueError(f"key (={key}) must be below p/2 (={p // 2}): k = p/2 has no circle")
    left_22, _, right_2D = np.linalg.svd(fourier_basis(p)[rows] @ W_E_PD, full_matrices=False)
    return np.asarray(W_E_PD, dtype=np.float64) @ (left_22 @ right_2D).T


def _check(neurons_PPH: np.ndarray, W_L_HC: np.ndarray) -> int:
    sizes = require_shape("neurons_PPH", neurons_PPH, "P P H")
    require_shape("W_L_HC", W_L_HC, "H C", H=sizes["H"], C=sizes["P"])
    return sizes["P"]
