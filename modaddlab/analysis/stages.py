"""Grokking in three stages: where they end, and which cells of the table are right by then.

The two-layer network reads theta[x] + theta[y]: it cannot tell (x, y) from (y, x). So learning a training pair by heart answers
its mirror image too, and a test pair is right without any understanding when its mirror image was trained. With a share frac of
the pairs trained at random, a test pair off the diagonal has a trained mirror with probability frac n^2 / (n^2 - 1), n = p, and
a pair on the diagonal has none, so that memory alone gives a test accuracy of about frac (p - 1) / p. `mirror_share` counts
it for a given split.

Stages (He et al. 2026, arXiv 2602.16849, section 6; boundaries as in the pipeline that is published with it):

    I    memorization     until the first row of metrics with a training accuracy of at least 0.95
    II   generalization   until the first row with a test accuracy of at least 0.95
    III  cleanup          the rest

Common to rare: an unordered pair can be in the training set in both orders, in one, or in none; this is its support, and its
weight in the loss. The published heatmaps count a trained diagonal pair as common since it is its own mirror image. In the loss
it counts once, so here the diagonal is a kind of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.phases import grokking_step, memorization_step
from modaddlab.shapes import require_shape

THRESHOLD = 0.95
"""The accuracy that ends a stage."""

KINDS = ("trained in both orders", "trained in one order", "trained, on the diagonal", "mirror image trained", "never seen")
"""The kinds of cells, in the order of their numbers in `cell_kinds`."""


@dataclass(frozen=True)
class Stages:
    """The ends of the first two stages in steps; None where the run does not get there."""

    memorized: int | None
    generalized: int | None
    last: int
    """The last step of the run."""

    @property
    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """(name, first step, last step) of the stages that were found, as the figures take them."""
        if self.memorized is None:
            return ()
        if self.generalized is None or self.generalized <= self.memorized:
            return (("I", 0, self.memorized), ("II", self.memorized, self.last))
        return (("I", 0, self.memorized), ("II", self.memorized, self.generalized), ("III", self.generalized, self.last))


def find_stages(
    *, step_T: np.ndarray, train_accuracy_T: np.ndarray, test_accuracy_T: np.ndarray, threshold: float = THRESHOLD
) -> Stages:
    """The boundaries of one run.

    Args:
        step_T: (T,) recorded steps, ascending.
        train_accuracy_T, test_accuracy_T: (T,) in [0, 1].
        threshold: the accuracy that ends a stage.
    """
    return Stages(
        memorized=memorization_step(step_T, train_accuracy_T, threshold),
        generalized=grokking_step(step_T, test_accuracy_T, threshold),
        last=int(step_T[-1]),
    )


def expected_plateau(train_frac: float, p: int) -> float:
    """The share of test pairs whose mirror image is trained, on the mean over splits: about frac (p - 1) / p."""
    return train_frac * (p - 1) / p


def cell_kinds(train_mask_PP: np.ndarray) -> np.ndarray:
    """What the training set holds of each cell: int64 (P, P), the index into `KINDS`.

    Args:
        train_mask_PP: (P, P) True for the trained pairs.
    """
    p = require_shape("train_mask_PP", train_mask_PP, "P P")["P"]
    trained_PP = np.asarray(train_mask_PP, dtype=bool)
    kinds_PP = np.select([trained_PP & trained_PP.T, trained_PP, trained_PP.T], [0, 1, 3], default=4)
    diagonal = np.arange(p)
    kinds_PP[diagonal, diagonal] = np.where(trained_PP[diagonal, diagonal], 2, 4)
    return kinds_PP


def mirror_share(train_mask_PP: np.ndarray) -> float:
    """The share of the test pairs whose mirror image is trained; NaN without a test pair."""
    kinds_PP = cell_kinds(train_mask_PP)
    n_mirrored, n_unseen = np.sum(kinds_PP == 3), np.sum(kinds_PP == 4)
    return float(n_mirrored / (n_mirrored + n_unseen)) if n_mirrored + n_unseen else float("nan")


def share_right(right_TPP: np.ndarray, kinds_PP: np.ndarray) -> np.ndarray:
    """The share of right answers in each kind of cell, (T, 5) over steps and `KINDS`; NaN for a kind without cells.

    Args:
        right_TPP: (T, P, P) True where the answer is right.
        kinds_PP: of `cell_kinds`.
    """
    sizes = require_shape("right_TPP", right_TPP, "T P P")
    require_shape("kinds_PP", kinds_PP, "P P", P=sizes["P"])
    columns = [right_TPP[:, kinds_PP == kind] for kind in range(len(KINDS))]
    return np.stack([c.mean(axis=1) if c.shape[1] else np.full(sizes["T"], np.nan) for c in columns], axis=1)


def row_at(step_T: np.ndarray, step: int) -> int:
    """The index of the recorded step that is closest to a step; the earlier of two."""
    return int(np.argmin(np.abs(np.asarray(step_T) - step)))
