"""The local learning coefficient: how fast the volume of weights of nearly the same loss shrinks, estimated by sampling.

Around weights w* the volume of {w : L(w) < L(w*) + e} goes to zero as e^lambda with e, up to powers of log e. A valley that is
round in d directions has lambda = d/2, a direction in which nothing changes adds nothing, and where valleys cross it is less
than their dimensions say: w1^2 w2^2 has 1/2. With the loss L of n samples, and weights drawn from

    p(w) ~ exp(-n beta L(w) - gamma/2 |w - w*|^2)         beta = 1 / log n

the estimate is lambda-hat = n beta (E[L(w)] - L(w*)). They are drawn by stochastic gradient Langevin dynamics,

    w <- w - step/2 (n beta grad L(w) + gamma (w - w*)) + sqrt(step) N(0, 1)

The tether gamma keeps the chain near w*. It turns the 1/2 of a direction of curvature h into (1/2) n beta h / (n beta h + gamma):
what is flatter than gamma / (n beta) is not counted. The step adds a factor of 1 / (1 - step (n beta h + gamma) / 4).

Source:
    Lau, Furman, Wang, Murfet and Wei 2025, "The Local Learning Coefficient"; Watanabe 2013 for beta.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

FlatLoss = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""From flat weights (W,) to the mean loss and its gradient (W,), over all samples or over some that each call draws anew."""


def sharpness(n: int) -> float:
    """n beta = n / log n, what the loss is multiplied by.

    Args:
        n: samples, at least 2.
    """
    return n / math.log(n)


def sample(
    loss_of: FlatLoss,
    start_W: np.ndarray,
    n: int,
    *,
    gamma: float,
    step: float,
    n_steps: int,
    seed: int = 0,
    visit: Callable[[np.ndarray], None] = lambda weights_W: None,
) -> np.ndarray:
    """The losses along a chain.

    Args:
        loss_of: the loss and its gradient.
        start_W: w*, in whose dtype the chain runs.
        n: how many samples the loss is the mean of.
        gamma: the strength of the tether.
        step: of the chain; stable up to about 4 / (n beta h + gamma), h the largest curvature.
        n_steps: how many.
        seed: of the noise.
        visit: called with the weights of each step.

    Returns:
        the loss at each step before it is taken, the first being that of w*, (n_steps,) float64; NaN once a chain has run away.
    """
    rng, dtype = np.random.default_rng(seed), start_W.dtype.type
    pull, tether, noise = dtype(step * sharpness(n) / 2), dtype(step * gamma / 2), dtype(math.sqrt(step))
    weights_W, losses_T = start_W.copy(), np.full(n_steps, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(n_steps):
            visit(weights_W)
            loss, gradient_W = loss_of(weights_W)
            if not math.isfinite(loss):
                break
            losses_T[t] = loss
            weights_W -= pull * gradient_W + tether * (weights_W - start_W)
            weights_W += noise * rng.standard_normal(len(weights_W), dtype=dtype)
    return losses_T


def excess(losses_XT: np.ndarray, start_X: np.ndarray | float, n: int) -> np.ndarray:
    """n beta (L(w) - L(w*)) along chains.

    Args:
        losses_XT: along each chain, (..., T).
        start_X: the loss at w* over all samples, one for each chain, (...).
        n: samples.

    Returns:
        (..., T), below 0 where a chain finds a lower loss than it began with.
    """
    return sharpness(n) * (losses_XT - np.asarray(start_X)[..., None])


def estimate(excess_XT: np.ndarray, *, from_step: int) -> np.ndarray:
    """The local learning coefficient by each chain, (...); NaN where it runs away.

    Args:
        excess_XT: what `excess` gives, (..., T).
        from_step: what comes before is left out.
    """
    return excess_XT[..., from_step:].mean(axis=-1)
