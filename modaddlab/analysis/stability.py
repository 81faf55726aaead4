"""How steady training is: sudden rises of the loss, and how far accuracy falls again.

Full-batch training with a float64 loss goes down smoothly for most of its way. Where it is at the edge of what the step size
allows, the loss leaps up by orders of magnitude within some steps and comes down again; on a recorded curve that is a spike.
"""

from __future__ import annotations

import numpy as np

from modaddlab.shapes import require_shape


def sudden_rises(
    step_T: np.ndarray, loss_T: np.ndarray, *, since: int = 1000, within: int = 200, every: int = 50, factor: float = 10.0
) -> int:
    """How often a loss rises to `factor` times its smallest value of the last steps; a rise that goes on counts once.

    Args:
        step_T: (T,) recorded steps, ascending.
        loss_T: (T,) positive.
        since: the steps before this one do not count: there the train loss falls and the test loss rises by learning.
        within: the number of steps within which it must rise.
        every: only rows at multiples of so many steps are looked at, so that densely and sparsely recorded runs compare.
        factor: how far it must rise.
    """
    require_shape("loss_T", loss_T, "T", T=len(step_T))
    kept_T = (np.asarray(step_T) >= since) & (np.asarray(step_T) % every == 0)
    steps, losses = np.asarray(step_T)[kept_T], np.asarray(loss_T, dtype=np.float64)[kept_T]
    risen = np.array(
        [
            loss > factor * losses[(steps >= step - within) & (steps <= step)].min()
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
