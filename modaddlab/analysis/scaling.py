"""Power laws: how a time grows with a setting, and what one constant is in its place.

A law y = c x^g is a straight line between the logarithms. It is fitted by least squares over the runs, each a point, so that
a setting with ten seeds counts ten times and the scatter of seeds is part of the error. The exponent's 95 % interval is
Student's with N - 2 degrees of freedom. A run that was stopped before it got there says "later than that"; leaving it out
bends the law, and `censored_power_law` counts it as what it says (Tobin 1958). `spread` is what the law leaves: the standard
deviation of log y around it, as a factor; where it is larger than that of seeds of one setting (`modaddlab.analysis.seeds`),
the points do not lie on a law of this form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, stdtrit


class Times(NamedTuple):
    """The seeds of one setting."""

    steps: Sequence[float]
    """The time of each seed, NaN for one that never got there."""
    trained_for: float
    """The steps that they had."""


class Timed(NamedTuple):
    """One run: what was set, and how long it took."""

    x: float
    """The setting."""
    steps: float
    """The time, NaN for a run that was stopped before it got there."""
    trained_for: float
    """The steps that it had."""


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """y = factor * x^exponent.

    Attributes:
        exponent: g, with the ends of its 95 % interval `low` and `high`.
        factor: y at x = 1.
        spread: the standard deviation around the law, as a factor >= 1.
        n: how many points it was fitted to.
    """

    exponent: float
    low: float
    high: float
    factor: float
    spread: float
    n: int

    def at(self, x: ArrayLike) -> np.ndarray:
        """The law's y at x."""
        return self.factor * np.asarray(x, dtype=np.float64) ** self.exponent


def power_law(x_N: ArrayLike, y_N: ArrayLike) -> PowerLaw | None:
    """The power law through points, by least squares between the logarithms.

    Args:
        x_N, y_N: (N,) positive; points whose y is NaN, such as a step never reached, are left out.

    Returns:
        the law, or None for fewer than three points or fewer than two different x.

    Raises:
        ValueError: the shapes differ, or a number is not positive.
    """
    x_N, y_N = np.asarray(x_N, dtype=np.float64), np.asarray(y_N, dtype=np.float64)
    if x_N.ndim != 1 or x_N.shape != y_N.shape:
        raise ValueError(f"x_N and y_N must have one axis and the same length, found {x_N.shape} and {y_N.shape}")
    kept = ~np.isnan(y_N)
    x_N, y_N = x_N[kept], y_N[kept]
    if (x_N <= 0).any() or (y_N <= 0).any():
        raise ValueError("a power law needs positive numbers")
    n = len(x_N)
    if n < 3 or len(np.unique(x_N)) < 2:
        return None
    u_N, v_N = np.log(x_N), np.log(y_N)
    centred_N = u_N - u_N.mean()
    exponent = float(centred_N @ v_N / (centred_N @ centred_N))
    rest_N = v_N - v_N.mean() - exponent * centred_N
    sigma = float(np.sqrt(rest_N @ rest_N / (n - 2)))
    half = float(stdtrit(n - 2, 0.975)) * sigma / float(np.sqrt(centred_N @ centred_N))
    return PowerLaw(
        exponent=exponent,
        low=exponent - half,
        high=exponent + half,
        factor=float(np.exp(v_N.mean() - exponent * u_N.mean())),
        spread=float(np.exp(sigma)),
        n=n,
    )


def censored_power_law(runs: Sequence[Timed]) -> PowerLaw:
    """The power law between settings and times, of which some are known only to be later than the run was trained.

    The logarithm of the time is normal around the law, and the law is the one of the largest likelihood. Its interval holds the
    exponents that a likelihood ratio does not refuse, with the bound N log(1 + t^2 / (N - 2)), t being Student's quantile. Where
    every run got there, law and interval are those of `power_law`. It is right for runs that were stopped too early, not for runs
    that would never get there.

    Args:
        runs: N runs, with positive settings and times.

    Raises:
        ValueError: fewer than three runs got there, or all of them have one setting.
    """
    x_N, y_N, until_N = np.array(runs, dtype=np.float64).reshape(-1, 3).T
    seen_N, n = ~np.isnan(y_N), len(x_N)
    plain = power_law(x_N, y_N)
    if plain is None:
        raise ValueError("a power law needs three runs that got there and two different settings among them")
    if seen_N.all():
        return plain
    from scipy.optimize import brentq

    u_N, v_N = np.log(x_N), np.log(np.where(seen_N, y_N, until_N))
    centre = u_N.mean()
    u_N = u_N - centre
    one_N = np.ones(n)

    def of_exponent(exponent: float) -> float:
        return _largest_likelihood(np.stack([v_N - exponent * u_N, -one_N]).T, seen_N)[0]

    least, (precision, height, slope) = _largest_likelihood(np.stack([v_N, -one_N, -u_N]).T, seen_N)
    bound = n * np.log1p(stdtrit(n - 2, 0.975) ** 2 / (n - 2)) / 2

    def end(side: int) -> float:
        """Where the likelihood ratio begins to refuse, below or above the law's exponent."""
        inside, width = slope / precision, plain.high - plain.low
        while of_exponent(inside + side * width) - least < bound:
            width *= 2
        return float(brentq(lambda exponent: of_exponent(exponent) - least - bound, inside, inside + side * width))  # type: ignore

    return PowerLaw(
        exponent=float(slope / precision),
        low=end(-1),
        high=end(1),
        factor=float(np.exp((height - slope * centre) / precision)),
        spread=float(np.exp(np.sqrt(n / (n - 2)) / precision)),
        n=n,
    )


@dataclass(frozen=True, kw_only=True)
class Typical:
    """What seeds of one setting say of their time, some of them being known only to take longer than they were trained.

    Attributes:
        mean: the geometric one, with the ends of its 95 % interval `low` and `high`.
        least, most: between which one more seed would lie, with 95 %.
    """

    mean: float
    low: float
    high: float
    least: float
    most: float


def censored_mean(steps_S: ArrayLike, trained_for_S: ArrayLike) -> Typical | None:
    """The geometric mean of times of which some are known only to be later than the run was trained.

    The logarithm of the time is normal, with the mean and the deviation of the largest likelihood. The intervals are Student's,
    with as many degrees of freedom as there are seeds that got there, less one; where all of them did, they are the usual ones.

    Args:
        steps_S: (S,) the times, NaN for a run that was stopped before it got there.
        trained_for_S: (S,) the steps that each had.

    Returns:
        the mean, or None where fewer than two got there.
    """
    y_S, until_S = np.asarray(steps_S, dtype=np.float64), np.asarray(trained_for_S, dtype=np.float64)
    seen_S, n = ~np.isnan(y_S), len(y_S)
    if seen_S.sum() < 2:
        return None
    v_S = np.log(np.where(seen_S, y_S, until_S))
    if v_S[seen_S].std() < 1e-9:
        mean, deviation = (float(v_S[seen_S].mean()), 0.0) if seen_S.all() else (np.inf, np.inf)
    else:
        _, (precision, height) = _largest_likelihood(np.stack([v_S, -np.ones(n)]).T, seen_S)
        mean, deviation = height / precision, np.sqrt(n / (n - 1)) / precision
    half = float(stdtrit(seen_S.sum() - 1, 0.975)) * deviation
    near, far = half / np.sqrt(n), half * np.sqrt(1 + 1 / n)
    ends = np.array([mean, mean - near, mean + near, mean - far, mean + far])
    return Typical(**dict(zip(("mean", "low", "high", "least", "most"), np.exp(ends).tolist(), strict=True)))


def _largest_likelihood(X_ND: np.ndarray, seen_N: np.ndarray) -> tuple[float, np.ndarray]:
    """The least negative log-likelihood of z = X theta, standard normal where seen and larger than z elsewhere; and theta.

    theta[0] is 1 / sigma; in these parameters (Olsen 1978) the function is convex, and Newton's method finds its one minimum.
    """

    def value(theta: np.ndarray) -> float:
        if theta[0] <= 0:
            return np.inf
        z_N = X_ND @ theta
        return float((z_N[seen_N] ** 2 / 2 - np.log(theta[0])).sum() - log_ndtr(-z_N[~seen_N]).sum())

    coefficients, *_ = np.linalg.lstsq(-X_ND[:, 1:], X_ND[:, 0], rcond=None)
    rest_N = X_ND[:, 0] + X_ND[:, 1:] @ coefficients
    theta = np.array([1.0, *coefficients]) / np.sqrt((rest_N**2).mean() + 1e-12)
    for _ in range(200):
        z_N = X_ND @ theta
        hazard_N = np.exp(-(z_N**2) / 2 - log_ndtr(-z_N)) / np.sqrt(2 * np.pi)
        gradient = X_ND.T @ np.where(seen_N, z_N, hazard_N)
        hessian = X_ND.T @ (np.where(seen_N, 1.0, hazard_N * (hazard_N - z_N))[:, None] * X_ND)
        gradient[0] -= seen_N.sum() / theta[0]
        hessian[0, 0] += seen_N.sum() / theta[0] ** 2
        step, size = np.linalg.solve(hessian, gradient), 1.0
        if gradient @ step < 1e-12:  # the last whole step squares what is missing; beyond it there is rounding alone
            theta = theta - step
            break
        while value(theta - size * step) > value(theta) - 1e-4 * size * (gradient @ step) and size > 1e-10:
            size /= 2
        theta = theta - size * step
    return value(theta), theta
