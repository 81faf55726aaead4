"""How steady training is: sudden rises of the loss, and how far accuracy falls again.

Full-batch training with a float64 loss goes down smoothly for most of its way. Where it is at the edge of what the step size
allows, the loss leaps up by orders of magnitude within some steps and comes down again; on a recorded curve that is a spike. A
rise is sudden when the loss is more than ten times its smallest value of the last 200 recorded steps. A shorter window ends
inside a spike that lasts, which then counts more than once; from 200 steps to 500 no count in the book changes. Only every 50th
step is looked at, the densest that all records have, so that they compare.
"""

from __future__ import annotations

import numpy as np

from modaddlab.shapes import require_shape

FACTOR, WITHIN, EVERY = 10.0, 200, 50
"""How far the loss must rise, in how many steps, and which steps are looked at: multiples of the last."""

SINCE = 1000
"""Steps before this one do not count: there the train loss falls and the test loss rises by learning."""


def sudden_rises(step_T: np.ndarray, loss_T: np.ndarray) -> int:
    """How often a loss rises suddenly; a rise that goes on counts once.

    Args:
        step_T: (T,) recorded steps, ascending.
        loss_T: (T,) positive.
    """
    require_shape("loss_T", loss_T, "T", T=len(step_T))
    kept_T = (np.asarray(step_T) >= SINCE) & (np.asarray(step_T) % EVERY == 0)
    steps, losses = np.asarray(step_T)[kept_T], np.asarray(loss_T, dtype=np.float64)[kept_T]
    risen = np.array(
        [
            loss > FACTOR * losses[(steps >= step - WITHIN) & (steps <= step)].min()
            for step, loss in zip(steps, losses, strict=True)
        ],
        dtype=bool,
    )
    return int(np.sum(risen[1:] & ~risen[:-1]) + (risen[0] if len(risen) else 0))


def lowest_after(step_T: np.ndarray, test_accuracy_T: np.ndarray, generalization: int | None) -> float:
    """The lowest test accuracy after the step at which the run had generalized; NaN if it never did.

    Args:
        step_T: (T,) recorded steps, ascending.
        test_accuracy_T: (T,) in [0, 1].
        generalization: the run's generalization step.
    """
    require_shape("test_accuracy_T", test_accuracy_T, "T", T=len(step_T))
    if generalization is None:
        return float("nan")
    return float(np.min(np.asarray(test_accuracy_T)[np.asarray(step_T) >= generalization]))
