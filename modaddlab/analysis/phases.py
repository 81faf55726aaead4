"""The phases of training - memorization, circuit formation, cleanup - found from the recorded curves.

Nanda et al. 2023 (section 5.2) mark three phases by eye; here each boundary has a rule:

    memorization        ends at the first row whose training accuracy is at least 0.99
    generalization      the first row whose test accuracy is at least 0.95; "sustained" from the first row after which
                        it never falls below that again
    collapse            the first row after generalization whose test accuracy is below 0.5; small dips do not count
    circuit formation   from the end of memorization to the start of cleanup: the test loss hardly moves
    cleanup             the fall of the test loss. Its logarithm, from memorization until as long again after
                        generalization, is fitted by three connected straight lines (least squares over all pairs of
                        knots); the two knots are the start and the end of cleanup

A run that never memorizes or never generalizes has no cleanup, and the fields say None. A second sign that circuit formation has
begun is the minimum of the excluded loss (`excluded_turn`): from there on the network relies on its key frequencies.
Steps are optimizer steps, reported as one of the recorded rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.shapes import require_shape

MEMORIZED = 0.99
"""Training accuracy that counts as memorized."""

GENERALIZED = 0.95
"""Test accuracy that counts as generalized."""

COLLAPSED = 0.5
"""Test accuracy below which a network that has generalized counts as collapsed."""

N_BINS = 160
"""The curve is reduced to medians in this many equal stretches of steps before lines are fitted: single spikes do not count."""

LOSS_FLOOR = 1e-16
"""Losses below this are rounding errors and are raised to it before the logarithm."""


@dataclass(frozen=True, kw_only=True)
class Phases:
    """Boundaries in steps; None where the run never gets there."""

    memorization: int | None
    """First step with training accuracy >= 0.99."""
    generalization: int | None
    """First step with test accuracy >= 0.95."""
    sustained: int | None
    """Step from which the test accuracy stays >= 0.95 to the end of the run."""
    cleanup_start: int | None
    cleanup_end: int | None

    @property
    def collapsed(self) -> bool:
        """Whether the run generalized and ended below the threshold again."""
        return self.generalization is not None and self.sustained is None

    @property
    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """(name, first step, last step) of the phases that were found, in order, as the figures take them."""
        if self.memorization is None:
            return ()
        found = [("memorization", 0, self.memorization)]
        if self.cleanup_start is not None and self.cleanup_end is not None:
            found.append(("circuit formation", self.memorization, self.cleanup_start))
            found.append(("cleanup", self.cleanup_start, self.cleanup_end))
        return tuple(found)


def find_phases(
    *,
    step_T: np.ndarray,
    train_accuracy_T: np.ndarray,
    test_accuracy_T: np.ndarray,
    test_loss_T: np.ndarray,
    ended_by_grokking: bool = False,
) -> Phases:
    """All boundaries of one run.

    Args:
        step_T: (T,) recorded steps, ascending.
        train_accuracy_T: (T,) in [0, 1].
        test_accuracy_T: (T,) in [0, 1]; NaN where there is no test pair.
        test_loss_T: (T,) mean nats; NaN where there is no test pair.
        ended_by_grokking: whether the run was over soon after it generalized; its cleanup is found only if it got as far as the
            rule looks.
    """
    memorization = memorization_step(step_T, train_accuracy_T)
    generalization = grokking_step(step_T, test_accuracy_T)
    cleanup = None
    if memorization is not None and generalization is not None:
        until = 2 * generalization - memorization
        within_T = (step_T >= memorization) & (step_T <= until)
        if not ended_by_grokking or step_T[-1] >= until:
            cleanup = fall(step_T[within_T], test_loss_T[within_T])
    return Phases(
        memorization=memorization,
        generalization=generalization,
        sustained=grokking_step(step_T, test_accuracy_T, sustained=True),
        cleanup_start=None if cleanup is None else cleanup[0],
        cleanup_end=None if cleanup is None else cleanup[1],
    )


def memorization_step(step_T: np.ndarray, train_accuracy_T: np.ndarray, threshold: float = MEMORIZED) -> int | None:
    """The first step whose training accuracy is at least the threshold, or None."""
    return _first(step_T, train_accuracy_T, threshold)


def grokking_step(
    step_T: np.ndarray, test_accuracy_T: np.ndarray, threshold: float = GENERALIZED, sustained: bool = False
) -> int | None:
    """The first step whose test accuracy is at least the threshold, or None.

    Args:
        step_T: (T,) recorded steps, ascending.
        test_accuracy_T: (T,) in [0, 1].
        threshold: test accuracy that counts as generalized.
        sustained: the first step from which all later rows reach the threshold too.
    """
    if not sustained:
        return _first(step_T, test_accuracy_T, threshold)
    require_shape("test_accuracy_T", test_accuracy_T, "T", T=len(step_T))
    below = np.flatnonzero(~(np.asarray(test_accuracy_T) >= threshold))
    start = below[-1] + 1 if len(below) else 0
    return int(step_T[start]) if start < len(step_T) else None


def settled_step(step_T: np.ndarray, test_accuracy_T: np.ndarray, hold: int) -> int | None:
    """The first row by which the test accuracy has been at least 0.95 in all rows for so many steps, or None.

    Args:
        step_T: (T,) recorded steps, ascending.
        test_accuracy_T: (T,) in [0, 1].
        hold: how many steps.
    """
    require_shape("test_accuracy_T", test_accuracy_T, "T", T=len(step_T))
    there_T = np.asarray(test_accuracy_T) >= GENERALIZED
    before_T = np.maximum.accumulate(np.where(there_T, -1, np.arange(len(step_T))))  # the last row that was not
    since_T = np.asarray(step_T)[np.minimum(before_T + 1, len(step_T) - 1)]
    settled = np.flatnonzero(there_T & (step_T - since_T >= hold))
    return int(step_T[settled[0]]) if len(settled) else None


def collapse_step(
    step_T: np.ndarray, test_accuracy_T: np.ndarray, generalization: int | None, threshold: float = COLLAPSED
) -> int | None:
    """The first step after generalization whose test accuracy is below the threshold: the rule is lost again.

    Args:
        step_T: (T,) recorded steps, ascending.
        test_accuracy_T: (T,) in [0, 1].
        generalization: the run's generalization step; None gives None.
        threshold: test accuracy below which the rule counts as lost.

    Returns:
        the step, or None when it never is.
    """
    require_shape("test_accuracy_T", test_accuracy_T, "T", T=len(step_T))
    if generalization is None:
        return None
    lost_T = (step_T > generalization) & (np.asarray(test_accuracy_T) < threshold)
    return int(step_T[lost_T][0]) if lost_T.any() else None


def excluded_turn(step_T: np.ndarray, excluded_loss_T: np.ndarray, generalization: int | None) -> int | None:
    """The step of the excluded loss's minimum before generalization, where circuit formation has begun to show.

    Args:
        step_T: (T,) steps of the snapshots, ascending.
        excluded_loss_T: (T,) nats.
        generalization: the run's generalization step; None gives None.
    """
    require_shape("excluded_loss_T", excluded_loss_T, "T", T=len(step_T))
    if generalization is None:
        return None
    before_T = step_T <= generalization
    return int(step_T[before_T][np.argmin(excluded_loss_T[before_T])]) if before_T.any() else None


def fall(step_T: np.ndarray, loss_T: np.ndarray) -> tuple[int, int] | None:
    """Start and end of a loss's fall between two slow stretches: the knots of three connected lines through its logarithm.

    Args:
        step_T: (T,) steps, ascending.
        loss_T: (T,) positive.

    Returns:
        two of the steps, or None when there are fewer than eight rows, a loss is not finite, or the middle line is not
        the steepest one down.
    """
    require_shape("loss_T", loss_T, "T", T=len(step_T))
    if len(step_T) < 8 or not np.isfinite(loss_T).all():
        return None
    log_T = np.log10(np.maximum(loss_T, LOSS_FLOOR))
    x_N, y_N = _medians(np.asarray(step_T, dtype=np.float64), log_T)
    knots = _two_knots(x_N, y_N)
    slopes = np.diff(_fitted_at(x_N, y_N, knots)) / np.diff([x_N[0], *knots, x_N[-1]])
    if not (slopes[1] < 0 and slopes[1] < slopes[0] and slopes[1] < slopes[2]):
        return None
    start, end = (int(step_T[np.argmin(np.abs(step_T - knot))]) for knot in knots)
    return start, end


def _first(step_T: np.ndarray, accuracy_T: np.ndarray, threshold: float) -> int | None:
    require_shape("accuracy_T", accuracy_T, "T", T=len(step_T))
    reached = np.flatnonzero(np.asarray(accuracy_T) >= threshold)
    return int(step_T[reached[0]]) if len(reached) else None


def _medians(x_T: np.ndarray, y_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean x and median y in equal stretches of x; stretches without a row are left out."""
    if len(x_T) <= N_BINS:
        return x_T, y_T
    edges = np.searchsorted(x_T, np.linspace(x_T[0], x_T[-1], N_BINS + 1)[1:-1])
    parts = [part for part in np.split(np.arange(len(x_T)), edges) if len(part)]
    return np.array([x_T[part].mean() for part in parts]), np.array([np.median(y_T[part]) for part in parts])


def _two_knots(x_N: np.ndarray, y_N: np.ndarray) -> tuple[float, float]:
    """The knots, among inner points, of the connected three-line fit with the least squared error."""
    unit_N = (x_N - x_N[0]) / (x_N[-1] - x_N[0])
    line_N2, _ = np.linalg.qr(np.stack([np.ones_like(unit_N), unit_N], axis=1))
    hinge_MN = np.maximum(unit_N[None, :] - unit_N[1:-1, None], 0)
    hinge_MN = hinge_MN - (hinge_MN @ line_N2) @ line_N2.T
    gram_MM, target_M = hinge_MN @ hinge_MN.T, hinge_MN @ y_N
    i, j = np.triu_indices(len(target_M), 1)
    determinant = gram_MM[i, i] * gram_MM[j, j] - gram_MM[i, j] ** 2
    gain = target_M[i] ** 2 * gram_MM[j, j] - 2 * target_M[i] * target_M[j] * gram_MM[i, j] + target_M[j] ** 2 * gram_MM[i, i]
    explained = np.divide(gain, determinant, out=np.full_like(gain, -np.inf), where=determinant > 1e-14)
    best = int(np.argmax(explained))
    return float(x_N[1 + i[best]]), float(x_N[1 + j[best]])


def _fitted_at(x_N: np.ndarray, y_N: np.ndarray, knots: tuple[float, float]) -> np.ndarray:
    """The fit's values at the first point, the two knots and the last point."""

    def design(x: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(x), x - x_N[0], *(np.maximum(x - knot, 0) for knot in knots)], axis=1)

    coefficients, *_ = np.linalg.lstsq(design(x_N), y_N, rcond=None)
    return design(np.array([x_N[0], *knots, x_N[-1]])) @ coefficients
