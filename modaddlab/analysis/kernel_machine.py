"""The kernel machine that learns its own features from its gradients: no network, no descent.

A pair (a, b) is x = e_a + e_b in R^(2P), a one at the residue of either position; its answer is one-hot in R^P. The machine is
ridgeless regression with a Gaussian kernel whose distance has a feature matrix M (L is the bandwidth):

    f(x) = sum_i k(x, x_i) w_i      k(x, z) = exp(-(x - z)' M (x - z) / (2 L^2))      w solves k(X, X) w = Y

so every training pair is right from the first fit. Only M learns: it starts as the identity, and after each fit it becomes

    M <- G^(1/2)      G = mean_j J_j' J_j - (mean_j J_j)' (mean_j J_j)      J_j the Jacobian of f at the training pair x_j

With one-hot inputs all is a product of tables. With E = exp(M / L^2), k is a product of entries of E, and J_j is
-(x_j y_j' - sum_i k(x_j, x_i) x_i w_i') M / L^2, where the sum over i is one over the training pairs of each residue.

Source:
    Mallinar et al. 2024 (Recursive Feature Machine), section 2 and appendix D. They print exp(-(x - z)' M (x - z) / L) and G
    without its second term; the kernel and G above are those of the code that they released.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from modaddlab.analysis import characters
from modaddlab.analysis.circulants import circulant_part, hankel_part, without_constant
from modaddlab.shapes import require_shape

BANDWIDTH = 2.5
"""L, as published."""

CHUNK = 256
"""Gradients at so many pairs are in memory at a time."""


@dataclass(frozen=True)
class Machine:
    """A fitted kernel machine.

    Attributes:
        features_XX: M, (2P, 2P), the residues at the first position before those at the second.
        train_N: the training pairs, as a * P + b.
        answer_N: their answers.
        weights_NC: w.
        kernel_NN: k between training pairs.
        outputs_PPC: f on all pairs.
    """

    features_XX: np.ndarray
    train_N: np.ndarray
    answer_N: np.ndarray
    weights_NC: np.ndarray
    kernel_NN: np.ndarray
    outputs_PPC: np.ndarray

    @functools.cached_property
    def gradient_outer_product(self) -> np.ndarray:
        """G, (2P, 2P)."""
        p, n = self.outputs_PPC.shape[2], len(self.train_N)
        inputs_2N = np.array(np.divmod(self.train_N, p))
        of_X = [np.flatnonzero(input_N == residue) for input_N in inputs_2N for residue in range(p)]
        sum_XC, product_XX = np.zeros((2 * p, p)), np.zeros((2 * p, 2 * p))
        for start in range(0, n, CHUNK):
            some = slice(start, start + CHUNK)
            kernel_NM, answer_M = self.kernel_NN[:, some], self.answer_N[some]
            pulled_XMC = np.empty((2 * p, len(answer_M), p), dtype=kernel_NM.dtype)
            for pulled_MC, there in zip(pulled_XMC, of_X, strict=True):
                np.matmul(kernel_NM[there].T, self.weights_NC[there], out=pulled_MC)
            for place, input_N in enumerate(inputs_2N):
                pulled_XMC[place * p + input_N[some], np.arange(len(answer_M)), answer_M] -= 1
            sum_XC += np.einsum("xmc->xc", pulled_XMC)
            flat_XM = pulled_XMC.reshape(2 * p, -1)
            product_XX += flat_XM @ flat_XM.T
        G_XX = self.features_XX @ (product_XX / n - sum_XC @ sum_XC.T / n**2) @ self.features_XX
        return (G_XX + G_XX.T) / (2 * BANDWIDTH**4)


def fit(features_XX: np.ndarray, train_N: np.ndarray, answer_P2: np.ndarray) -> Machine:
    """The machine with these features, fitted to these pairs.

    Args:
        features_XX: M, (2P, 2P), symmetric and positive semidefinite; the fit is in its dtype.
        train_N: training pairs, as a * P + b.
        answer_P2: the answers of all pairs, (P * P,).
    """
    p = require_shape("features_XX", features_XX, "X X")["X"] // 2
    require_shape("answer_P2", answer_P2, "Q", Q=p * p)
    a_N, b_N = np.divmod(train_N, p)
    E_XX = np.exp(features_XX / BANDWIDTH**2)
    own_PP = np.sqrt(np.outer(np.diag(E_XX)[:p], np.diag(E_XX)[p:])) * E_XX[:p, p:]
    first_PN = E_XX[:p, a_N] * E_XX[:p, p + b_N]
    second_PN = E_XX[p:, a_N] * E_XX[p:, p + b_N] / own_PP[a_N, b_N]
    kernel_NN = first_PN[a_N]
    kernel_NN *= second_PN[b_N]
    kernel_NN /= own_PP[a_N, b_N][:, None]
    right_NC = np.eye(p, dtype=kernel_NN.dtype)[answer_P2[train_N]]
    weights_NC = cho_solve(cho_factor(kernel_NN, check_finite=False), right_NC, check_finite=False)
    outputs_PPC = np.array([(first_N * second_PN) @ weights_NC for first_N in first_PN]) / own_PP[..., None]
    return Machine(features_XX, train_N, answer_P2[train_N], weights_NC, kernel_NN, outputs_PPC)


def learn(train_N: np.ndarray, answer_P2: np.ndarray, dtype: type = np.float32) -> Iterator[Machine]:
    """The machine after each fit, for ever; the first has the identity as its features.

    Args:
        train_N, answer_P2: as for `fit`.
        dtype: of the fits; in float32 a test pair in a thousand gets another answer than in float64, in half the time.
    """
    features_XX = np.eye(2 * round(len(answer_P2) ** 0.5))
    while True:
        machine = fit(features_XX.astype(dtype), train_N, answer_P2)
        yield machine
        features_XX = root(machine.gradient_outer_product)


def root(x_XX: np.ndarray) -> np.ndarray:
    """The positive square root of a symmetric matrix, its negative eigenvalues taken as 0."""
    values_X, vectors_XX = np.linalg.eigh(x_XX)
    return (vectors_XX * np.sqrt(np.maximum(values_X, 0))) @ vectors_XX.T


def deviation(across_PP: np.ndarray, *, sums: bool) -> float:
    """The published circulant deviation: of the square of a block's norm the share that varies along its wrapped diagonals.

    Args:
        across_PP: the block of the feature matrix across the positions.
        sums: whether along the counterdiagonals i + j instead of the diagonals i - j.
    """
    regular_PP = hankel_part(across_PP) if sums else circulant_part(across_PP)
    return float(((across_PP - regular_PP) ** 2).sum() / (across_PP**2).sum())


def by_logarithm(across_PP: np.ndarray) -> np.ndarray:
    """A block with its rows and columns in the order of the discrete logarithm, without those of 0, (P - 1, P - 1)."""
    order = characters.by_logarithm(len(across_PP))
    return across_PP[np.ix_(order, order)]


def from_block(across_PP: np.ndarray) -> np.ndarray:
    """Features that have nothing but this block across the positions, (2P, 2P); within them I - 1/P.

    Those that were published with a random block: M is the root of the whole, with negative eigenvalues taken as 0.
    """
    within_PP = without_constant(np.eye(len(across_PP)))
    return root(np.block([[within_PP, across_PP], [across_PP.T, within_PP]]))
