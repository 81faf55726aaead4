"""From neurons to the answer: the directions in which the neurons are read, and the logits as a sum of waves in a + b - c.

W_L = W_out W_U reads the neurons. Along its outputs it is written in the waves of the key frequencies,

    W_L  =  sum_k  u_k cos(omega_k c) + v_k sin(omega_k c)  +  rest,

so u_k and v_k (H each) are the directions of the neurons that feed the cosine and the sine of frequency k. The claim of Nanda et
al. 2023 (section 4.2, table 1) is that u_k . MLP(a, b) is a multiple of cos omega_k(a+b), and v_k . MLP of the sine; and that the
logits are nearly sum_k alpha_k cos omega_k(a+b-c), by least squares (section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import fourier_basis, rows_of
from modaddlab.analysis.spectra import largest_gap
from modaddlab.shapes import require_shape


def output_directions(W_L_HC: np.ndarray, frequency: int) -> np.ndarray:
    """u_k and v_k, scaled to length 1: (2, H); (1, H) for the frequency p/2, which has no sine.

    Raises:
        ValueError: the frequency is not in 1..p//2, or W_L has nothing there.
    """
    basis_RP = fourier_basis(W_L_HC.shape[1])[rows_of(W_L_HC.shape[1], frequency)]
    directions_RH = basis_RP @ np.asarray(W_L_HC, dtype=np.float64).T
    norms_R1 = np.linalg.norm(directions_RH, axis=1, keepdims=True)
    if not np.all(norms_R1 > 0):
        raise ValueError(f"W_L has nothing at frequency {frequency}")
    return directions_RH / norms_R1


@dataclass(frozen=True)
class DirectionFit:
    """What the neurons hold along u_k and v_k.

    Attributes:
        frequency: k.
        u_PP, v_PP: u_k . MLP and v_k . MLP over (a, b), without their means.
        fve_u, fve_v: the fraction of their variance explained by cos omega_k(a+b), respectively by the sine.
        cos_cos_PP, sin_sin_PP: the parts of u_PP along cos cos and along sin sin of omega_k a and omega_k b.
    """

    frequency: int
    u_PP: np.ndarray
    v_PP: np.ndarray
    fve_u: float
    fve_v: float
    cos_cos_PP: np.ndarray
    sin_sin_PP: np.ndarray


def direction_fits(neurons_PPH: np.ndarray, W_L_HC: np.ndarray, keys: Sequence[int]) -> tuple[DirectionFit, ...]:
    """The published table of u_k and v_k for each key frequency.

    Args:
        neurons_PPH: activations over (a, b), (P, P, H).
        W_L_HC: the neuron-logit map, (H, P).
        keys: frequencies in 1..(p-1)//2.

    Raises:
        ValueError: shapes differ, or a frequency has no cosine and sine.
    """
    p = require_shape("neurons_PPH", neurons_PPH, "P P H")["P"]
    require_shape("W_L_HC", W_L_HC, "H P", P=p, H=neurons_PPH.shape[2])
    a_P = np.arange(p)
    fits = []
    for key in keys:
        if 2 * key == p:
            raise ValueError(f"frequency (={key}) is p/2: it has no sine direction")
        directions_2H = output_directions(W_L_HC, key)
        u_PP, v_PP = (values_PP - values_PP.mean() for values_PP in np.moveaxis(neurons_PPH @ directions_2H.T, -1, 0))
        angle_PP = 2 * np.pi * key * (a_P[:, None] + a_P) / p
        cosine_P, sine_P = fourier_basis(p)[rows_of(p, key)]
        fits.append(
            DirectionFit(
                frequency=key,
                u_PP=u_PP,
                v_PP=v_PP,
                fve_u=_share_along(u_PP, np.cos(angle_PP)),
                fve_v=_share_along(v_PP, np.sin(angle_PP)),
                cos_cos_PP=np.outer(cosine_P, cosine_P) * (cosine_P @ u_PP @ cosine_P),
                sin_sin_PP=np.outer(sine_P, sine_P) * (sine_P @ u_PP @ sine_P),
            )
        )
    return tuple(fits)


def _share_along(values_PP: np.ndarray, wave_PP: np.ndarray) -> float:
    """The share of the variance of centred values that lies along a wave of mean zero."""
    total = float((values_PP**2).sum())
    return float((values_PP * wave_PP).sum() ** 2 / ((wave_PP**2).sum() * total)) if total else float("nan")


@dataclass(frozen=True)
class MapRank:
    """How many directions the neuron-logit map uses.

    Attributes:
        singular_values: of W_L, descending.
        rank: how many of them stand above the largest gap (`spectra.largest_gap`); 0 when there is none.
        residual: the share of its Frobenius norm outside the cosine and sine of the key frequencies.
    """

    singular_values: np.ndarray
    rank: int
    residual: float


def map_rank(W_L_HC: np.ndarray, keys: Sequence[int]) -> MapRank:
    """Singular values of W_L, and what the key frequencies leave of its Frobenius norm (published: under 0.55 %)."""
    W_L_HC = np.asarray(W_L_HC, dtype=np.float64)
    p = W_L_HC.shape[1]
    rows_RP = fourier_basis(p)[np.array([row for key in set(keys) for row in rows_of(p, key)], dtype=np.int64)]
    norm = np.linalg.norm(W_L_HC)
    residual = np.linalg.norm(W_L_HC - W_L_HC @ rows_RP.T @ rows_RP) / norm if norm else 0.0
    singular_values = np.linalg.svd(W_L_HC, compute_uv=False)
    return MapRank(singular_values, largest_gap(singular_values).n_significant, float(residual))


@dataclass(frozen=True)
class WaveFit:
    """The logits as sum_k alpha_k cos omega_k(a+b-c).

    Attributes:
        keys: the frequencies.
        alpha_K: the least-squares coefficients; the waves are orthogonal, so each is fitted alone.
        fve: the fraction of the variance of the logits, over all pairs and outputs, that the sum explains.
        logits_PPC: the sum, (P, P, P).
    """

    keys: tuple[int, ...]
    alpha_K: np.ndarray
    fve: float
    logits_PPC: np.ndarray


def fit_waves(logits_PPC: np.ndarray, keys: Sequence[int]) -> WaveFit:
    """Least squares of the logits by one wave in a + b - c per key frequency; the mean is left out of both.

    Args:
        logits_PPC: (P, P, C=P).
        keys: frequencies in 1..p//2; each counts once.

    Raises:
        ValueError: the shape is another, or a frequency is out of range.
    """
    p = require_shape("logits_PPC", logits_PPC, "P P P")["P"]
    keys = tuple(dict.fromkeys(keys))
    for key in keys:
        rows_of(p, key)
    a_P = np.arange(p)
    offset_PPC = (a_P[:, None, None] + a_P[:, None] - a_P) % p
    # the mean logit at each offset d = a + b - c carries everything that a wave in d can explain
    mean_P = np.bincount(offset_PPC.ravel(), weights=np.asarray(logits_PPC, dtype=np.float64).ravel(), minlength=p) / p**2
    wave_KP = np.cos(2 * np.pi * np.outer(keys, a_P) / p)
    alpha_K = wave_KP @ mean_P / (wave_KP**2).sum(axis=1)
    fitted_P = alpha_K @ wave_KP
    variance = np.var(logits_PPC)
    fve = float(np.mean(fitted_P**2) / variance) if variance else float("nan")
    return WaveFit(keys, alpha_K, fve, fitted_P[offset_PPC])


def output_waves(logits_C: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """The part of one pair's logits (C,) at each key frequency along the outputs: (K, C)."""
    basis_PP = fourier_basis(len(logits_C))
    rows = [basis_PP[rows_of(len(logits_C), key)] for key in keys]
    return np.array([rows_RP.T @ (rows_RP @ logits_C) for rows_RP in rows])


def mean_margin(logits_PPC: np.ndarray) -> np.ndarray:
    """How far the logit of a + b stands above that of a + b + d, averaged over all pairs: (P,) over d, 0 at d = 0."""
    p = require_shape("logits_PPC", logits_PPC, "P P P")["P"]
    a_P = np.arange(p)
    offset_PPC = (a_P - a_P[:, None, None] - a_P[:, None]) % p
    weights = np.asarray(logits_PPC, dtype=np.float64)
    mean_P = np.bincount(offset_PPC.ravel(), weights=weights.ravel(), minlength=p) / p**2
    return mean_P[0] - mean_P


def sum_points(outputs_PPC: np.ndarray, keys: Sequence[int]) -> np.ndarray:
    """Where each pair stands on the circle of each key frequency, read along the outputs.

    For each pair the outputs, less their mean over all pairs, are written as x cos(omega_k c) + y sin(omega_k c) + ... If they
    are alpha cos omega_k(a+b-c), then (x, y) is the point of a + b on a circle of radius alpha.

    Args:
        outputs_PPC: any function of (a, b) with one value per answer: the logits, or the neurons' part of them.
        keys: frequencies in 1..(p-1)//2.

    Returns:
        (K, P, P, 2), in the units of the outputs.

    Raises:
        ValueError: the shape is another, or a frequency has no cosine and sine.
    """
    p = require_shape("outputs_PPC", outputs_PPC, "P P P")["P"]
    for key in keys:
        if len(rows_of(p, key)) < 2:
            raise ValueError(f"frequency (={key}) is p/2: it has no sine and makes no circle")
    rows_KRP = np.array([fourier_basis(p)[rows_of(p, key)] for key in keys]).reshape(-1, p)
    points_PPX = np.asarray(outputs_PPC, dtype=np.float64) @ rows_KRP.T * np.sqrt(2 / p)
    points_PPX -= points_PPX.mean(axis=(0, 1))
    return np.moveaxis(points_PPX.reshape(p, p, len(keys), 2), 2, 0)


def amplitude_by_difference(outputs_PPC: np.ndarray, key: int) -> np.ndarray:
    """How tall a key frequency's wave in a + b - c is, for pairs that are d = a - b apart: (P,) over d.

    The mean over the p pairs of each difference of the point of `sum_points` along the direction of a + b. A network that knows
    only the sum has one height for all; rectifying a sum of two waves without their product gives |cos(omega_k d / 2)|.
    """
    (point_PP2,) = sum_points(outputs_PPC, [key])
    p = len(point_PP2)
    a_P = np.arange(p)
    angle_PP = 2 * np.pi * key * (a_P[:, None] + a_P) / p
    along_PP = point_PP2[..., 0] * np.cos(angle_PP) + point_PP2[..., 1] * np.sin(angle_PP)
    return np.bincount(((a_P[:, None] - a_P) % p).ravel(), weights=along_PP.ravel(), minlength=p) / p
