"""Power laws: how a time grows with a setting, and what one constant is in its place.

A law y = c x^g is a straight line between the logarithms. It is fitted by least squares over the runs, each a point, so that a
setting with ten seeds counts ten times and the scatter of seeds is part of the error. The exponent's 95 % interval is Student's
with N - 2 degrees of freedom. `spread` is what the law leaves: the standard deviation of log y around it, as a factor; where it
is larger than that of seeds of one setting (`modaddlab.analysis.seeds`), the points do not lie on a law of this form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student


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
    half = float(student.ppf(0.975, n - 2)) * sigma / float(np.sqrt(centred_N @ centred_N))
    return PowerLaw(
        exponent=exponent,
        low=exponent - half,
        high=exponent + half,
        factor=float(np.exp(v_N.mean() - exponent * u_N.mean())),
        spread=float(np.exp(sigma)),
        n=n,
    )
