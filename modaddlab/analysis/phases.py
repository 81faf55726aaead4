"""When a run memorizes, builds its circuit and cleans up: steps found from the recorded curves by rule.

Nanda et al. 2023 (section 5.2, figure 7) read three phases off by eye: memorization, while train loss falls; circuit formation,
while the algorithm grows and memory still answers; cleanup, while memory is dismantled and the test loss falls. Our rules:

    memorization        from step 0 to the step at which the sum of squared weights is largest, among the steps before the
                        test accuracy reaches 95 %: from there on weight decay wins against memorizing
    circuit formation   up to the last step before the test accuracy reaches 95 % at which the test loss is at least half of
                        its largest value
    cleanup             up to the first later step at which the test loss has done 95 % of its fall, in logarithms, to
                        the lowest value that it ever has

The last two exist only in a run whose test accuracy reaches 95 %; spikes of the loss or a collapse after that move no
boundary. A run that never has 99 % of its training pairs right has no phases at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MEMORIZED = 0.99
GROKKED = 0.95


@dataclass(frozen=True)
class Phases:
    """The phases of a run; None where a boundary does not exist.

    Attributes:
        memorization_end: last step of memorization.
        formation_end: last step of circuit formation.
        cleanup_end: last step of cleanup.
    """

    memorization_end: int | None
    formation_end: int | None
    cleanup_end: int | None

    @property
    def spans(self) -> tuple[tuple[str, int, int], ...]:
        """(name, first step, last step) of each phase that the run has, in order."""
        names = ("memorization", "circuit formation", "cleanup")
        ends = (self.memorization_end, self.formation_end, self.cleanup_end)
        spans, start = [], 0
        for name, end in zip(names, ends, strict=True):
            if end is None:
                break
            spans.append((name, start, end))
            start = end
        return tuple(spans)


def memorization_step(step_T: np.ndarray, train_accuracy_T: np.ndarray, threshold: float = MEMORIZED) -> int | None:
    """The first recorded step with that share of the training pairs right, or None."""
    return _first(step_T, train_accuracy_T >= threshold)


def grokking_step(step_T: np.ndarray, test_accuracy_T: np.ndarray, threshold: float = GROKKED) -> int | None:
    """The first recorded step with that share of the test pairs right, or None; NaN (no test pair) never counts."""
    return _first(step_T, test_accuracy_T >= threshold)


def find_phases(metrics: Mapping[str, np.ndarray]) -> Phases:
    """The phases of a run.

    Args:
        metrics: a record's metrics; reads step, train_accuracy, test_accuracy, test_loss and every "norm/<parameter>", each (T,).

    Raises:
        ValueError: the curves differ in length, or there is no norm.
    """
    step_T, test_loss_T = metrics["step"], metrics["test_loss"]
    norms = [values for name, values in metrics.items() if name.startswith("norm/")]
    if not norms or any(len(values) != len(step_T) for values in [test_loss_T, *norms]):
        raise ValueError("phases need a test loss and at least one norm/<parameter>, all of the length of step")
    if memorization_step(step_T, metrics["train_accuracy"]) is None:
        return Phases(None, None, None)
    grokked = grokking_step(step_T, metrics["test_accuracy"])
    before = step_T <= (step_T[-1] if grokked is None else grokked)
    squares_T = np.sum(np.square(norms), axis=0)
    memorization_end = int(np.argmax(np.where(before, squares_T, -np.inf)))
    if grokked is None:
        return Phases(int(step_T[memorization_end]), None, None)

    at_first = np.flatnonzero(before & (test_loss_T >= test_loss_T[before].max() / 2))
    formation_end = max(int(at_first[-1]), memorization_end)
    log_T = np.log(np.maximum(test_loss_T, np.finfo(float).tiny))
    fallen_T = log_T <= log_T.min() + 0.05 * (log_T[before].max() - log_T.min())
    fallen_T[:formation_end] = False
    cleanup_end = int(np.argmax(fallen_T)) if fallen_T.any() else len(step_T) - 1
    return Phases(*(int(step_T[i]) for i in (memorization_end, formation_end, cleanup_end)))


def _first(step_T: np.ndarray, reached_T: np.ndarray) -> int | None:
    return int(step_T[np.argmax(reached_T)]) if reached_T.any() else None
