"""The answers, pair by pair: the logit of the right output, its margin over the best wrong one, and who was learned how.

A mean loss hides who pays it. Here every pair (a, b) has its own numbers:

    correct logit   the logit of the right output minus the mean over all outputs, which the softmax does not see
    margin          the logit of the right output minus the largest other: positive when the answer is right
    loss            `modaddlab.analysis.progress.cross_entropy`

A network that answers by waves, sum_k A_k(a - b) cos omega_k (a + b - c), has a correct logit that depends on the difference of
the residues alone; one that answers by heart has one that depends on which pairs it was shown. Among the pairs that it was not
shown, those whose mirror image (b, a) it was shown have an easier lot: `mirrored`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.shapes import require_shape


@dataclass(frozen=True)
class ByDifference:
    """Values of the pairs (a, b) over the p pairs of each difference d = a - b (mod p)."""

    mean_P: np.ndarray
    low_P: np.ndarray
    """The smallest of the p values."""
    high_P: np.ndarray


def correct_logits(logits_PPC: np.ndarray, labels_PP: np.ndarray) -> np.ndarray:
    """The logit of the right output minus the mean over all outputs.

    Args:
        logits_PPC: (P, P, C) over a, b and the output.
        labels_PP: (P, P) integers, the right outputs.

    Returns:
        (P, P) float64.
    """
    return _own(logits_PPC, labels_PP) - np.mean(logits_PPC, axis=2, dtype=np.float64)


def margins(logits_PPC: np.ndarray, labels_PP: np.ndarray) -> np.ndarray:
    """The logit of the right output minus the largest of the others; arguments and shape as for `correct_logits`."""
    own_PP = _own(logits_PPC, labels_PP)
    others_PPC = np.array(logits_PPC, dtype=np.float64)
    np.put_along_axis(others_PPC, labels_PP[..., None], -np.inf, axis=2)
    return own_PP - others_PPC.max(axis=2)


def by_difference(x_PP: np.ndarray) -> ByDifference:
    """Mean and range of a table over (a, b) for each difference a - b.

    Args:
        x_PP: (P, P).
    """
    p = require_shape("x_PP", x_PP, "P P")["P"]
    a_P = np.arange(p)
    x_dP = np.asarray(x_PP)[a_P, (a_P - a_P[:, None]) % p]
    return ByDifference(x_dP.mean(axis=1), x_dP.min(axis=1), x_dP.max(axis=1))


def by_distance(logits_PPC: np.ndarray) -> np.ndarray:
    """The mean logit at each distance d = c - a - b from the sum, (P,) over d, every pair's logits less their mean.

    Args:
        logits_PPC: (P, P, P) over a, b and the output c.
    """
    p = require_shape("logits_PPC", logits_PPC, "P P P")["P"]
    a_P = np.arange(p)
    sum_PP = a_P[:, None] + a_P
    means_P = np.array([logits_PPC[a_P[:, None], a_P, (sum_PP + d) % p].mean(dtype=np.float64) for d in range(p)])
    return means_P - means_P.mean()


def difference_share(x_PP: np.ndarray) -> float:
    """The share of a table's variance over the pairs that depends on a - b alone; NaN for a constant table."""
    mean_P = by_difference(x_PP).mean_P
    variance = float(np.var(x_PP))
    return float(np.var(mean_P)) / variance if variance else float("nan")


def mirrored(train_mask_PP: np.ndarray) -> np.ndarray:
    """Which pairs (a, b) are not trained on while (b, a) is, (P, P) bool."""
    return ~train_mask_PP & train_mask_PP.T


def _own(logits_PPC: np.ndarray, labels_PP: np.ndarray) -> np.ndarray:
    sizes = require_shape("logits_PPC", logits_PPC, "P P C")
    require_shape("labels_PP", labels_PP, "P P", P=sizes["P"])
    return np.take_along_axis(np.asarray(logits_PPC, dtype=np.float64), labels_PP[..., None], axis=2)[..., 0]
