"""Progress measures: restricted and excluded loss, sums of squares, sparsity, energy at the key frequencies.

Logits are functions of (a, b), one per output c. With the key frequencies fixed from the final network and applied to every
snapshot (Nanda et al. 2023, section 5):

    restricted loss   the loss when only the terms cos and sin of omega_k (a+b) of the key frequencies are kept, and the
                      constant. Falls when the generalizing circuit forms, before the test loss does.
    excluded loss     the training loss when those terms are removed. Rises when the network stops memorizing.

Two definitions of each are in circulation. Restricted, paper: keep the constant and the terms. Restricted, released code: the
sum over keys of the projections on the unit directions (cos cos - sin sin)/sqrt 2 and (sin cos + cos sin)/sqrt 2, plus a bias
correction, the mean over all pairs of what was removed, per output. The directions have mean zero over the pairs, so
the two give the same logits (a test checks it); both are on all pairs unless a mask says otherwise. Excluded, paper: all keys
removed at once (figure 7), on the training pairs. Excluded, released code: one value per key, each removed alone, no bias
correction, on the training pairs.

Losses are mean cross-entropies in nats over the p residues, with a stable log-softmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modaddlab.analysis.fourier import (
    component_norms,
    energy_per_frequency,
    fourier_basis,
    gini,
    project,
    rows_of,
    sum_table,
    transform_1d,
)
from modaddlab.shapes import require_shape

Definition = Literal["paper", "code"]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Mean loss (nats) and accuracy on the training pairs, the test pairs and all pairs; NaN where there is no pair."""

    train_loss: float
    test_loss: float
    all_loss: float
    train_accuracy: float
    test_accuracy: float
    all_accuracy: float


@dataclass(frozen=True, kw_only=True)
class ProgressMeasures:
    """All progress measures of one snapshot."""

    scores: Scores
    restricted: Scores
    """Scores of the restricted logits; `restricted.all_loss` is the released code's default."""
    excluded_loss: float
    """All keys removed at once, training pairs (paper)."""
    excluded_loss_per_key: np.ndarray
    """Each key removed alone, training pairs (released code), in the order of the keys."""
    sum_of_squares: float
    """Of all parameters."""
    gini_W_E: float
    gini_W_L: float
    key_share_W_E: float
    """Share of W_E's non-constant energy at the key frequencies."""
    key_share_W_L: float
    energy_W_E_K: np.ndarray
    energy_W_L_K: np.ndarray


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the softmax over the last axis, float64; safe for logits of any size."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits_PPC: np.ndarray, labels_PP: np.ndarray) -> np.ndarray:
    """The loss of each pair in nats.

    Args:
        logits_PPC: (P, P, C) over a, b and the output; any leading axes that fit the labels. Computed in their precision.
        labels_PP: (P, P) integers, the right outputs.

    Returns:
        (P, P), at least 0. Losses far below 1e-16 are exact: they are summed from the wrong outputs, not
        subtracted from 1.
    """
    logits = np.asarray(logits_PPC)
    margins = logits - np.take_along_axis(logits, labels_PP[..., None], axis=-1)
    top = margins.max(axis=-1, keepdims=True)  # at least 0, the right output's own margin
    margins -= top
    terms = np.exp(margins, out=margins)
    np.put_along_axis(terms, labels_PP[..., None], 0.0, axis=-1)
    wrong, top = terms.sum(axis=-1), top[..., 0]
    return np.where(top > 0, top + np.log(np.exp(-top) + wrong), np.log1p(wrong))


def mean_loss(logits_PPC: np.ndarray, labels_PP: np.ndarray, mask_PP: np.ndarray | None = None) -> float:
    """Mean loss in nats over the pairs of the mask, or over all pairs; NaN for an empty mask.

    Args:
        logits_PPC: (P, P, C) over a, b and the output.
        labels_PP: (P, P) integers, the right outputs.
        mask_PP: (P, P) bool.
    """
    if mask_PP is not None:
        return _mean(cross_entropy(logits_PPC[mask_PP], labels_PP[mask_PP]))
    return _mean(cross_entropy(logits_PPC, labels_PP))


def accuracy(logits_PPC: np.ndarray, labels_PP: np.ndarray, mask_PP: np.ndarray | None = None) -> float:
    """Share of the pairs whose largest logit is the right one; the first of equal logits counts. Arguments as of `mean_loss`."""
    hits_PP = np.argmax(logits_PPC, axis=-1) == labels_PP
    return _mean(hits_PP if mask_PP is None else hits_PP[mask_PP])


def score(
    logits_PPC: np.ndarray, labels_PP: np.ndarray, train_mask_PP: np.ndarray, test_mask_PP: np.ndarray | None = None
) -> Scores:
    """Loss and accuracy of logits on the training, the test and all pairs.

    Args:
        logits_PPC: (P, P, C) over a, b and the output.
        labels_PP: (P, P) integers, the right outputs.
        train_mask_PP: (P, P) bool.
        test_mask_PP: (P, P) bool; none: all other pairs.
    """
    sizes = require_shape("logits_PPC", logits_PPC, "P P C")
    require_shape("labels_PP", labels_PP, "P P", P=sizes["P"])
    require_shape("train_mask_PP", train_mask_PP, "P P", P=sizes["P"])
    loss_PP = cross_entropy(logits_PPC, labels_PP)
    hits_PP = np.argmax(logits_PPC, axis=-1) == labels_PP
    test_PP = ~train_mask_PP if test_mask_PP is None else test_mask_PP
    every_PP = train_mask_PP | test_PP
    return Scores(
        train_loss=_mean(loss_PP[train_mask_PP]),
        test_loss=_mean(loss_PP[test_PP]),
        all_loss=_mean(loss_PP[every_PP]),
        train_accuracy=_mean(hits_PP[train_mask_PP]),
        test_accuracy=_mean(hits_PP[test_PP]),
        all_accuracy=_mean(hits_PP[every_PP]),
    )


def restricted_logits(logits_PPC: np.ndarray, keys: Iterable[int], definition: Definition = "paper") -> np.ndarray:
    """The logits with only the constant and the key frequencies' terms in a + b kept: (P, P, C).

    Args:
        logits_PPC: (P, P, C).
        keys: key frequencies in 1..p//2.
        definition: "paper" or "code"; the same logits by two routes, see the module's text.
    """
    logits_PPC = np.asarray(logits_PPC, dtype=np.float64)
    if definition == "paper":
        return project(logits_PPC, keys, "sum") + logits_PPC.mean(axis=(0, 1))
    if definition != "code":
        raise ValueError(f"definition (={definition!r}) must be 'paper' or 'code'")
    kept_PPC = np.zeros_like(logits_PPC)
    for frequency in sorted(set(keys)):
        for direction_PP in sum_directions(len(logits_PPC), frequency):
            kept_PPC += direction_PP[:, :, None] * np.tensordot(direction_PP, logits_PPC, axes=2)
    return kept_PPC + (logits_PPC - kept_PPC).mean(axis=(0, 1))


def sum_directions(p: int, frequency: int) -> tuple[np.ndarray, ...]:
    """The unit directions cos and sin of omega_k (a+b) over (a, b), each (P, P); the cosine alone at k = p/2."""
    rows = rows_of(p, frequency)
    cosine_P = fourier_basis(p)[rows[0]]
    if len(rows) == 1:
        return (np.outer(cosine_P, cosine_P),)
    sine_P = fourier_basis(p)[rows[1]]
    return (
        (np.outer(cosine_P, cosine_P) - np.outer(sine_P, sine_P)) / np.sqrt(2),
        (np.outer(sine_P, cosine_P) + np.outer(cosine_P, sine_P)) / np.sqrt(2),
    )


def restricted_loss(
    logits_PPC: np.ndarray,
    labels_PP: np.ndarray,
    keys: Iterable[int],
    mask_PP: np.ndarray | None = None,
    definition: Definition = "paper",
) -> float:
    """Restricted loss in nats, over all pairs or those of the mask.

    Args:
        logits_PPC, labels_PP, mask_PP: as of `mean_loss`.
        keys: the key frequencies.
        definition: the paper's, or that of its released code.
    """
    return mean_loss(restricted_logits(logits_PPC, keys, definition), labels_PP, mask_PP)


def excluded_loss(logits_PPC: np.ndarray, labels_PP: np.ndarray, train_mask_PP: np.ndarray, keys: Iterable[int]) -> float:
    """The paper's excluded loss in nats: all keys' terms in a + b removed at once, training pairs; arguments as of `score`."""
    return float(_excluded_losses(logits_PPC, labels_PP, train_mask_PP, [sorted(set(keys))])[0])


def excluded_loss_per_key(
    logits_PPC: np.ndarray, labels_PP: np.ndarray, train_mask_PP: np.ndarray, keys: Sequence[int]
) -> np.ndarray:
    """The released code's excluded losses in nats: each key removed alone, training pairs, in the order of the keys."""
    return _excluded_losses(logits_PPC, labels_PP, train_mask_PP, [[key] for key in keys])


def sum_of_squares(params: Mapping[str, np.ndarray]) -> float:
    """The sum of squares of all parameters."""
    return float(sum(np.sum(np.asarray(value, dtype=np.float64) ** 2) for value in params.values()))


def key_share(energy_K: np.ndarray, keys: Iterable[int]) -> float:
    """Share of the energy of frequencies 1..p//2 that the keys hold; 0 where there is no energy."""
    chosen = sorted(set(keys))
    if chosen and not 1 <= chosen[0] <= chosen[-1] <= len(energy_K):
        raise ValueError(f"keys (={chosen}) must lie in 1..{len(energy_K)}")
    total = float(np.sum(energy_K))
    return float(sum(energy_K[key - 1] for key in chosen)) / total if total else 0.0


def weight_gini(x_PD: np.ndarray) -> float:
    """Gini coefficient of the P component norms of a matrix along its first axis (W_E, or W_L transposed)."""
    return gini(component_norms(x_PD))


def progress_measures(
    *,
    logits_PPC: np.ndarray,
    W_E_PD: np.ndarray,
    W_L_HC: np.ndarray,
    params: Mapping[str, np.ndarray],
    labels_PP: np.ndarray,
    train_mask_PP: np.ndarray,
    keys: Sequence[int],
) -> ProgressMeasures:
    """All progress measures of one snapshot.

    Args:
        logits_PPC: (P, P, C=P).
        W_E_PD: (P, D) embedding without the '=' row.
        W_L_HC: (H, C=P) neuron-logit map.
        params: all parameters, for the sum of squares.
        labels_PP: (P, P) integers.
        train_mask_PP: (P, P) bool.
        keys: key frequencies of the final network.
    """
    logits_PPC = np.asarray(logits_PPC, dtype=np.float64)
    W_L_CH = np.asarray(W_L_HC).T
    energy_W_E_K, energy_W_L_K = energy_per_frequency(W_E_PD), energy_per_frequency(W_L_CH)
    return ProgressMeasures(
        scores=score(logits_PPC, labels_PP, train_mask_PP),
        restricted=score(restricted_logits(logits_PPC, keys), labels_PP, train_mask_PP),
        excluded_loss=excluded_loss(logits_PPC, labels_PP, train_mask_PP, keys),
        excluded_loss_per_key=excluded_loss_per_key(logits_PPC, labels_PP, train_mask_PP, keys),
        sum_of_squares=sum_of_squares(params),
        gini_W_E=weight_gini(W_E_PD),
        gini_W_L=weight_gini(W_L_CH),
        key_share_W_E=key_share(energy_W_E_K, keys),
        key_share_W_L=key_share(energy_W_L_K, keys),
        energy_W_E_K=energy_W_E_K,
        energy_W_L_K=energy_W_L_K,
    )


def _excluded_losses(
    logits_PPC: np.ndarray, labels_PP: np.ndarray, train_mask_PP: np.ndarray, groups: Sequence[Sequence[int]]
) -> np.ndarray:
    """The training loss without each group of frequencies' terms in a + b."""
    logits_PPC = np.asarray(logits_PPC, dtype=np.float64)
    p = len(logits_PPC)
    components_PC = transform_1d(sum_table(logits_PPC))
    a_B, b_B = np.nonzero(train_mask_PP)
    logits_BC, labels_B, sum_B = logits_PPC[a_B, b_B], labels_PP[a_B, b_B], (a_B + b_B) % p
    losses = []
    for group in groups:
        rows = [row for frequency in group for row in rows_of(p, frequency)]
        wave_PC = fourier_basis(p)[rows].T @ components_PC[rows]
        losses.append(_mean(cross_entropy(logits_BC - wave_PC[sum_B], labels_B)))
    return np.array(losses)


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values, dtype=np.float64)) if values.size else float("nan")
