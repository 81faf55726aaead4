"""A lower bound on a network's accuracy over all pairs that is shorter to check than running it on all of them.

The logits are N W_L + D: neurons N (p*p pairs by H), the neuron-logit map W_L (H by p), and what does not pass the neurons.
The product costs 2 p^3 H operations. Write N = N' + R and W_L = W' + V, where

    N'   follows waves of a few frequencies in a, in b, in a + b and in a - b: four tables of p rows
    W'   keeps of each neuron's row a wave or two along the outputs

Then N W_L = N' W_L + R W' + R V. The first term is four tables of p by p numbers, the second has a few columns, and of the
third, what is left twice, no more is asked than its size. By the inequality of Cauchy and Schwarz, within each group of neurons
g and for any positive weights d, |sum_h R_h V_h[c]| <= sum_g |R_g / d_g| |V_g[c] d_g|. A pair is proven when its right answer
leads all others by more than the two bounds. That holds whatever tables, waves, groups and weights are chosen: to find good
ones is not part of the check.

All is float64. A lead counts above `ROUNDING` times the largest logit that norms allow: rounding errors of sums of n terms are
below n 1.2e-16 times that, with n under 10,000.

Source:
    the idea and its measures: Gross et al. 2024 (proofs for max-of-K); for these networks it is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import fourier_basis, rows_of, sum_table
from modaddlab.shapes import require_shape

HOLDS = 0.99
"""Share of W_L's energy along the outputs that the frequencies of a proof hold."""

ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is shown of a network.

    Attributes:
        proven_PP: the pairs whose answer is shown to be right, (P, P).
        ideal_PPC: the logits without what is left twice, (P, P, C).
        radius_PPC: how far from them the network's can be.
        operations: floating-point operations of the check, given the neurons and what does not pass them.
        left_in: share of the neurons' variance that R has.
        left_out: share of W_L's energy, its mean over the outputs taken off, that V has.
    """

    proven_PP: np.ndarray
    ideal_PPC: np.ndarray
    radius_PPC: np.ndarray
    operations: float
    left_in: float
    left_out: float

    @property
    def bound(self) -> float:
        """The accuracy is at least that."""
        return float(self.proven_PP.mean())


def frequencies_of(W_L_HC: np.ndarray, share: float = HOLDS) -> tuple[int, ...]:
    """The fewest frequencies along the outputs that hold such a share of W_L's energy, ascending."""
    energy_K = output_energies(W_L_HC, range(1, W_L_HC.shape[1] // 2 + 1)).sum(axis=1)
    order_K = np.argsort(-energy_K, kind="stable")
    held_K = np.cumsum(energy_K[order_K])
    n = int(np.searchsorted(held_K, share * held_K[-1])) + 1
    return tuple(sorted(int(k) + 1 for k in order_K[:n]))


def output_energies(W_L_HC: np.ndarray, frequencies: range | tuple[int, ...]) -> np.ndarray:
    """The energy of each neuron's row at each frequency along the outputs, (K, H)."""
    p = W_L_HC.shape[1]
    basis_PP = fourier_basis(p)
    return np.array([((W_L_HC @ basis_PP[rows_of(p, k)].T) ** 2).sum(axis=1) for k in frequencies])


def loudest(W_L_HC: np.ndarray, frequencies: tuple[int, ...], n: int = 1) -> np.ndarray:
    """Which waves a proof keeps of each neuron's row: the n with the most energy, (K, H) bool."""
    energy_KH = output_energies(W_L_HC, frequencies)
    return np.argsort(np.argsort(-energy_KH, axis=0, kind="stable"), axis=0) < n


def prove(
    neurons_PPH: np.ndarray,
    W_L_HC: np.ndarray,
    direct_PPC: np.ndarray | float,
    *,
    frequencies: tuple[int, ...],
    kept_KH: np.ndarray,
    waves_in: bool = True,
) -> Proof:
    """Check the proof that these choices make.

    Args:
        neurons_PPH: the hidden neurons on all pairs.
        W_L_HC: what they add to the logits.
        direct_PPC: what does not pass them; 0 where there is nothing.
        frequencies: of the waves, in 1..p//2.
        kept_KH: which of them are kept of each neuron's row of W_L.
        waves_in: whether neurons are written in waves; otherwise N' is their mean.
    """
    p = require_shape("neurons_PPH", neurons_PPH, "P P H")["P"]
    H = require_shape("W_L_HC", W_L_HC, "H C", C=p, H=neurons_PPH.shape[2])["H"]
    require_shape("kept_KH", kept_KH, "K H", K=len(frequencies), H=H)
    basis_PP, a_P = fourier_basis(p), np.arange(p)
    rows_K = [rows_of(p, k) for k in frequencies]
    rows_RP = basis_PP[[row for rows in rows_K for row in rows]]
    kept_RH = np.repeat(kept_KH, [len(rows) for rows in rows_K], axis=0)

    directions_HR = W_L_HC @ rows_RP.T * kept_RH.T
    V_HC = W_L_HC - directions_HR @ rows_RP
    V_HC = V_HC - V_HC.mean(axis=1, keepdims=True)  # what all answers have alike decides nothing
    tables_4PH = _tables(neurons_PPH, rows_RP) if waves_in else np.zeros((4, p, H))
    mean_H = neurons_PPH.mean(axis=(0, 1))
    tables_4PH[0] += mean_H
    R_PPH, left_H, varied, longest = np.empty((p, p, H)), np.zeros(H), 0.0, 0.0
    for a in a_P:
        first_PH, second_PH, sum_PH, difference_PH = tables_4PH
        R_PPH[a] = neurons_PPH[a] - (first_PH[a] + second_PH + sum_PH[(a + a_P) % p] + difference_PH[(a - a_P) % p])
        left_H += (R_PPH[a] ** 2).sum(axis=0)
        varied += float(((neurons_PPH[a] - mean_H) ** 2).sum())
        longest = max(longest, np.linalg.norm(neurons_PPH[a], axis=1).max())

    groups_GH = _groups(W_L_HC, frequencies)
    weight_H = np.sqrt((np.sqrt(left_H) / p + 1e-12) / (np.linalg.norm(V_HC, axis=1) + 1e-12))
    reach_GC = np.sqrt(groups_GH @ (V_HC * weight_H[:, None]) ** 2)

    logits_4PC = tables_4PH @ W_L_HC
    ideal_PPC = np.zeros((p, p, p)) + direct_PPC
    radius_PPC = np.empty((p, p, p))
    for a in a_P:
        first_PC, second_PC, sum_PC, difference_PC = logits_4PC
        ideal_PPC[a] += first_PC[a] + second_PC + sum_PC[(a + a_P) % p] + difference_PC[(a - a_P) % p]
        ideal_PPC[a] += (R_PPH[a] @ directions_HR) @ rows_RP
        radius_PPC[a] = np.sqrt((R_PPH[a] / weight_H) ** 2 @ groups_GH.T) @ reach_GC
    largest = longest * np.linalg.norm(W_L_HC, axis=0).max() + np.abs(direct_PPC).max()
    products = min(16 * len(rows_RP), 8 * p) * H * p + p * p * (7 * H + 4 * int(kept_KH.sum())) + 12 * H * p
    spread_HC = W_L_HC - W_L_HC.mean(axis=1, keepdims=True)
    return Proof(
        proven_PP=_leads(ideal_PPC, radius_PPC) > ROUNDING * largest,
        ideal_PPC=ideal_PPC,
        radius_PPC=radius_PPC,
        operations=products + p**3 * (9 + 2 * len(rows_RP) + 2 * len(groups_GH)),
        left_in=float(left_H.sum()) / varied if varied else 0.0,
        left_out=float((V_HC**2).sum() / (spread_HC**2).sum()) if spread_HC.any() else 0.0,
    )


def brute_operations(p: int, n_neurons: int) -> float:
    """Floating-point operations of the product of all pairs' neurons with W_L, and of looking for the largest logit."""
    return 2.0 * p**3 * n_neurons + 2 * p**3


def _tables(neurons_PPH: np.ndarray, rows_RP: np.ndarray) -> np.ndarray:
    """The part of the neurons that follows the waves of a, of b, of a + b and of a - b, a table of p rows each: (4, P, H)."""
    mirrored_PPH = neurons_PPH[:, -np.arange(len(neurons_PPH)) % len(neurons_PPH)]
    means = neurons_PPH.mean(axis=1), neurons_PPH.mean(axis=0), sum_table(neurons_PPH), sum_table(mirrored_PPH)
    return np.array([rows_RP.T @ (rows_RP @ mean_PH) for mean_PH in means])


def _groups(W_L_HC: np.ndarray, frequencies: tuple[int, ...]) -> np.ndarray:
    """The neurons by their loudest frequency, 1 for each in its group, (G, H)."""
    own_H = output_energies(W_L_HC, frequencies).argmax(axis=0)
    return (np.unique(own_H)[:, None] == own_H).astype(np.float64)


def _leads(ideal_PPC: np.ndarray, radius_PPC: np.ndarray) -> np.ndarray:
    """By how much the right answer leads the best other at least, (P, P)."""
    p = len(ideal_PPC)
    answer_PP1 = (np.add.outer(np.arange(p), np.arange(p)) % p)[..., None]
    least_PP = np.take_along_axis(ideal_PPC - radius_PPC, answer_PP1, axis=2)[..., 0]
    most_PPC = ideal_PPC + radius_PPC
    np.put_along_axis(most_PPC, answer_PP1, -np.inf, axis=2)
    return least_PP - most_PPC.max(axis=2)
