"""Where weights go while they are trained: a matrix seen along fixed axes, and the path of all weights together.

A matrix such as W_E has a row for every residue. Its principal axes are the directions in which the rows, centred, spread most;
with the axes of the *final* matrix held fixed, an earlier matrix can be laid into the same plane, and how much of its spread
lies there says how far it has come.

The whole network is one point in a space of as many dimensions as it has weights, and training is a path in it. The principal
axes of the path's points show it in a plane. That picture deceives easily: the path of a walk without any aim looks just as
smooth. Of T points of a walk of independent steps of equal length in very many dimensions, the k-th axis holds the share

    1 / (4 sin^2(pi k / 2T))  /  ((T^2 - 1) / 6)      about  6 / (pi k)^2:  0.61, 0.15, 0.07, ...

and along it the walk is a cosine of k half-waves, so that two axes together draw a Lissajous curve (Antognini and
Sohl-Dickstein 2018). `random_walk` gives the same for steps of any lengths; what a path shows is how it differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import rows_of, transform_1d
from modaddlab.shapes import require_shape


@dataclass(frozen=True)
class PrincipalAxes:
    """The directions in which the rows of a matrix spread most.

    Attributes:
        axes_ND: orthonormal directions, widest first, shape (N, D).
        share_N: the share of the rows' variance that lies along each, shape (N,).
    """

    axes_ND: np.ndarray
    share_N: np.ndarray

    def coordinates(self, x_PD: np.ndarray) -> np.ndarray:
        """Where the rows of a matrix, centred, lie along the axes: (P, D) -> (P, N)."""
        return _centred(x_PD) @ self.axes_ND.T

    def share_of(self, x_PD: np.ndarray) -> float:
        """The share of a matrix's variance over its rows that lies along the axes; 0 where all rows are equal."""
        total = float(np.sum(_centred(x_PD) ** 2))
        return float(np.sum(self.coordinates(x_PD) ** 2)) / total if total else 0.0


@dataclass(frozen=True)
class Path:
    """A path of T points along its own principal axes.

    Attributes:
        point_TN: coordinates of the points, about their mean, along the first N axes, shape (T, N).
        share_N: the share of the points' variance along each, shape (N,).
        length_S: the distances between neighbouring points, shape (T - 1,).
        from_start_T: the distance of each point from the first, shape (T,).
    """

    point_TN: np.ndarray
    share_N: np.ndarray
    length_S: np.ndarray
    from_start_T: np.ndarray


def principal_axes(x_PD: np.ndarray, n_axes: int = 2) -> PrincipalAxes:
    """The first principal axes of the rows of a matrix.

    Args:
        x_PD: (P, D), such as W_E without the "=" row.
        n_axes: how many axes.

    Returns:
        axes whose signs are such that the largest entry of each is positive.

    Raises:
        ValueError: there are not as many axes.
    """
    sizes = require_shape("x_PD", x_PD, "P D")
    if not 1 <= n_axes <= min(sizes["P"], sizes["D"]):
        raise ValueError(f"n_axes (={n_axes}) must lie in 1..{min(sizes['P'], sizes['D'])} for a matrix of shape {x_PD.shape}")
    _, scale_N, axes_ND = np.linalg.svd(_centred(x_PD), full_matrices=False)
    axes_ND = axes_ND[:n_axes]
    largest_N = np.take_along_axis(axes_ND, np.abs(axes_ND).argmax(axis=1)[:, None], axis=1)
    total = float(np.sum(scale_N**2))
    share_N = scale_N[:n_axes] ** 2 / total if total else np.zeros(n_axes)
    return PrincipalAxes(axes_ND * np.where(largest_N < 0, -1.0, 1.0), share_N)


def path(weights_TW: np.ndarray, n_axes: int = 3) -> Path:
    """The path of a network's weights over its snapshots, along its principal axes.

    Computed from the T x T inner products, for there are far more weights than snapshots.

    Args:
        weights_TW: (T, W) all weights at each snapshot.
        n_axes: how many axes.

    Raises:
        ValueError: there are not as many axes: T points have T - 1.
    """
    require_shape("weights_TW", weights_TW, "T W")
    moved_TW = np.asarray(weights_TW, dtype=np.float64) - weights_TW[0]
    return _along_axes(moved_TW @ moved_TW.T, n_axes)


def random_walk(length_S: np.ndarray, n_axes: int = 3) -> Path:
    """The path of a walk with independent, isotropic steps of the given lengths, in the limit of very many dimensions.

    There the inner product of two positions is the sum of the squared lengths of the steps that they share, whatever was drawn.

    Args:
        length_S: (S,) the lengths of the steps; the walk has S + 1 points.
        n_axes: how many axes.

    Raises:
        ValueError: there are not as many axes.

    Source:
        Antognini and Sohl-Dickstein 2018, section 3, for steps of equal length.
    """
    require_shape("length_S", length_S, "S")
    travelled_T = np.concatenate([[0.0], np.cumsum(np.asarray(length_S, dtype=np.float64) ** 2)])
    return _along_axes(np.minimum.outer(travelled_T, travelled_T), n_axes)


@dataclass(frozen=True)
class WaveOrder:
    """The columns of a matrix along the residues, ordered by the wave that each follows most.

    Attributes:
        order_D: the columns' numbers, those of the lowest frequency first and by phase among them, shape (D,).
        frequency_D: the frequency of each column, in the matrix's own order, shape (D,).
        share_D: the share of each column's energy, without the constant, at that frequency, shape (D,).
    """

    order_D: np.ndarray
    frequency_D: np.ndarray
    share_D: np.ndarray


def wave_order(x_PD: np.ndarray, frequencies: Sequence[int]) -> WaveOrder:
    """Order columns so that waves along the rows become stripes, as far as there are waves.

    Args:
        x_PD: (P, D) such as W_E without the "=" row, or W_U transposed.
        frequencies: those that a column may follow, at least one.

    Raises:
        ValueError: there is no frequency, or one is not in 1..p//2.
    """
    p = require_shape("x_PD", x_PD, "P D")["P"]
    chosen = sorted(set(frequencies))
    if not chosen:
        raise ValueError("frequencies must hold at least one, found none")
    components_PD = transform_1d(x_PD)
    cosine_KD = np.stack([components_PD[rows_of(p, frequency)[0]] for frequency in chosen])
    sine_KD = np.stack([components_PD[rows_of(p, frequency)[-1]] * (2 * frequency != p) for frequency in chosen])
    energy_KD = cosine_KD**2 + sine_KD**2
    best_D, every_D = energy_KD.argmax(axis=0), np.arange(energy_KD.shape[1])
    phase_D = np.arctan2(sine_KD[best_D, every_D], cosine_KD[best_D, every_D])
    total_D = np.sum(components_PD[1:] ** 2, axis=0)
    share_D = np.divide(energy_KD[best_D, every_D], total_D, out=np.zeros(len(every_D)), where=total_D > 0)
    return WaveOrder(np.lexsort((phase_D, best_D)), np.array(chosen)[best_D], share_D)


def _centred(x_PD: np.ndarray) -> np.ndarray:
    x_PD = np.asarray(x_PD, dtype=np.float64)
    return x_PD - x_PD.mean(axis=0)


def _along_axes(inner_TT: np.ndarray, n_axes: int) -> Path:
    """A path from the inner products of its points, the first point being the origin."""
    n_points = len(inner_TT)
    if not 1 <= n_axes <= n_points - 1:
        raise ValueError(f"n_axes (={n_axes}) must lie in 1..{n_points - 1} for a path of {n_points} points")
    centred_TT = inner_TT - inner_TT.mean(axis=0) - inner_TT.mean(axis=1)[:, None] + inner_TT.mean()
    values, vectors_TN = np.linalg.eigh(centred_TT)
    values, vectors_TN = np.maximum(values[::-1][:n_axes], 0), vectors_TN[:, ::-1][:, :n_axes]
    point_TN = vectors_TN * np.sqrt(values)
    point_TN = point_TN * np.where(point_TN[-1] < point_TN[0], -1.0, 1.0)  # from left to right, from below to above
    squared_T = np.diag(inner_TT)
    steps_S = squared_T[1:] + squared_T[:-1] - 2 * np.diag(inner_TT, 1)
    total = float(np.trace(centred_TT))
    return Path(
        point_TN=point_TN,
        share_N=values / total if total > 0 else np.zeros(n_axes),
        length_S=np.sqrt(np.maximum(steps_S, 0)),
        from_start_T=np.sqrt(np.maximum(squared_T, 0)),
    )
