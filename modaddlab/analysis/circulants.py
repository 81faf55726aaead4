"""Matrices over the residues: how circulant they are, and what they look like in the Fourier basis.

A matrix over residues (i, j) that depends on the difference i - j alone is circulant, one that depends on the sum i + j alone is
Hankel: a circulant one with the columns in reverse order. What a network does to all residues alike leaves such traces.

The average gradient outer product G of a network on pairs (`modaddlab.models.gradients`) has four blocks over the residues, two
within a position and two across. Mallinar et al. 2024 report that networks and kernel machines that have learned modular
arithmetic have circulant blocks. How circulant a block is, is the share of its squared Frobenius norm that its projection on the
circulant matrices holds, the mean along every diagonal; and likewise for Hankel. The constant component, which a pair
of residues cannot change, is taken out of rows and columns first.

Two things look circulant without being so. The main diagonal is: a matrix with a heavy diagonal and noise elsewhere scores high.
So the null is the same matrix with the residues in a random order, the same for rows and columns: its diagonal stays a diagonal,
and every other regularity is gone. And an untrained network shows what its random embedding gives away for nothing.

A circulant or Hankel matrix is block diagonal in the real Fourier basis, a 2 x 2 block for each frequency: the two together fill
these blocks, and for odd p share nothing but the constant. `fourier` is the share of the squared norm in them, for odd p the sum
of the other two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.fourier import component_frequencies, fourier_basis, sum_over_rows, transform_1d
from modaddlab.analysis.progress import key_share
from modaddlab.shapes import require_shape

BLOCKS = ("aa", "ab", "ba", "bb")
"""The blocks of G by the positions of row and column; "ba" is the transpose of "ab"."""


@dataclass(frozen=True)
class Shares:
    """Shares of the squared Frobenius norm of a matrix over the residues; NaN for a matrix of zeros."""

    circulant: float
    """Of the part that depends on i - j alone."""
    hankel: float
    """Of the part that depends on i + j alone."""
    fourier: float
    """Of the 2 x 2 blocks of equal frequency in the Fourier basis."""


@dataclass(frozen=True)
class Directions:
    """The leading eigenvectors of G, a change of both positions at once.

    Attributes:
        share_R: the eigenvalues' shares of the trace, (R,), descending.
        frequency_R: the frequency at which each eigenvector has most energy.
        purity_R: the share of the energy that it has there.
    """

    share_R: np.ndarray
    frequency_R: np.ndarray
    purity_R: np.ndarray


def circulant_part(x_PP: np.ndarray) -> np.ndarray:
    """The closest circulant matrix: the mean along each diagonal i - j = d (mod p)."""
    return _mean_along(x_PP, -1)


def hankel_part(x_PP: np.ndarray) -> np.ndarray:
    """The closest matrix of the form h(i + j): the mean along each counterdiagonal (mod p)."""
    return _mean_along(x_PP, +1)


def _mean_along(x_PP: np.ndarray, sign: int) -> np.ndarray:
    p = require_shape("x_PP", x_PP, "P P")["P"]
    i_P = np.arange(p)
    group_PP = (i_P[:, None] + sign * i_P) % p
    means_P = np.bincount(group_PP.ravel(), weights=np.asarray(x_PP, dtype=np.float64).ravel(), minlength=p) / p
    return means_P[group_PP]


def without_constant(x_PP: np.ndarray) -> np.ndarray:
    """A matrix without the constant Fourier component of its rows and of its columns."""
    return x_PP - x_PP.mean(axis=0) - x_PP.mean(axis=1, keepdims=True) + x_PP.mean()


def shares(x_PP: np.ndarray) -> Shares:
    """How circulant, how Hankel and how diagonal in the Fourier basis a matrix over the residues is; the constant left out.

    Args:
        x_PP: (P, P).
    """
    x_PP = without_constant(np.asarray(x_PP, dtype=np.float64))
    p = len(x_PP)
    total = float(np.sum(x_PP**2))
    if total == 0:
        return Shares(float("nan"), float("nan"), float("nan"))
    components_PP = transform_1d(transform_1d(x_PP).T).T
    frequency_P = component_frequencies(p)
    same_PP = frequency_P[:, None] == frequency_P
    parts = circulant_part(x_PP), hankel_part(x_PP), components_PP[same_PP]
    return Shares(*(float(np.sum(part**2)) / total for part in parts))


def permuted_shares(x_PP: np.ndarray, n_draws: int = 20, seed: int = 0) -> Shares:
    """The null: the mean shares of the matrix with the residues in a random order, the same for rows and columns.

    Args:
        x_PP: (P, P).
        n_draws: how many random orders.
        seed: of the orders.
    """
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(n_draws):
        order_P = generator.permutation(len(x_PP))
        drawn = shares(x_PP[np.ix_(order_P, order_P)])
        found.append([drawn.circulant, drawn.hankel, drawn.fourier])
    return Shares(*np.mean(found, axis=0).tolist())


def blocks(G_XX: np.ndarray) -> dict[str, np.ndarray]:
    """The four blocks (P, P) of a matrix over two positions, by `BLOCKS`.

    Args:
        G_XX: (2P, 2P), the residues at the first position before those at the second.
    """
    p = require_shape("G_XX", G_XX, "X X")["X"] // 2
    place = {"a": slice(0, p), "b": slice(p, 2 * p)}
    return {name: G_XX[place[name[0]], place[name[1]]] for name in BLOCKS}


def similarity(x_PP: np.ndarray, y_PP: np.ndarray) -> float:
    """The cosine between two matrices, their constants left out.

    Between a block within a position and the one across: 1 when the answer depends on the sum of the two embeddings alone, so
    that both positions have the same gradient; 0 when the gradients are unrelated on average, as for a product.
    """
    x_PP, y_PP = without_constant(x_PP), without_constant(y_PP)
    return float(np.sum(x_PP * y_PP) / np.sqrt(np.sum(x_PP**2) * np.sum(y_PP**2)))


def frequency_share(G_XX: np.ndarray, frequencies: Iterable[int]) -> float:
    """The share of the trace of G that lies at some frequencies, the constant left out.

    Args:
        G_XX: (2P, 2P).
        frequencies: in 1..p//2.
    """
    parts = blocks(G_XX)
    basis_PP = fourier_basis(len(parts["aa"]))
    energy_P = sum(np.einsum("ri,ij,rj->r", basis_PP, parts[name], basis_PP, optimize=True) for name in ("aa", "bb"))
    return key_share(sum_over_rows(np.asarray(energy_P)), frequencies)


def leading_directions(G_XX: np.ndarray, n_directions: int) -> Directions:
    """The eigenvectors of G with the largest eigenvalues, and the frequency that each stands for; the constant left out.

    Args:
        G_XX: (2P, 2P), symmetric.
        n_directions: how many.
    """
    parts = {name: without_constant(part) for name, part in blocks(G_XX).items()}
    values_X, vectors_XX = np.linalg.eigh(np.block([[parts["aa"], parts["ab"]], [parts["ba"], parts["bb"]]]))
    top = np.argsort(-values_X, kind="stable")[:n_directions]
    p = len(parts["aa"])
    components_2PR = np.stack([transform_1d(half_PR) for half_PR in vectors_XX[:, top].reshape(2, p, -1)])
    energy_KR = sum_over_rows((components_2PR**2).sum(axis=0))
    return Directions(
        share_R=values_X[top] / values_X.sum(),
        frequency_R=np.argmax(energy_KR, axis=0) + 1,
        purity_R=energy_KR.max(axis=0) / energy_KR.sum(axis=0),
    )
