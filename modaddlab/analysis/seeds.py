"""What several seeds say together: a mean with its interval.

A network's numbers depend on its random start and split, so one run is an anecdote. Over S independent seeds the mean has the
95 % interval mean +- t s / sqrt(S), with s the sample standard deviation and t the 97.5 % quantile of Student's distribution
with S - 1 degrees of freedom. Quantities that spread over orders of magnitude (losses) are averaged as logarithms: the mean is
then the geometric one and the interval is a factor. The interval of a share is cut off at 0 and 1, which it cannot pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

Scale = Literal["linear", "log", "share"]


@dataclass(frozen=True)
class OverSeeds:
    """A mean over seeds with its 95 % interval.

    Attributes:
        values_S: the seeds' values.
        mean: arithmetic, or geometric on the log scale; NaN without values.
        low: lower end of the interval; NaN for fewer than two values.
        high: upper end.
        n: number of seeds, S.
    """

    values_S: np.ndarray
    mean: float
    low: float
    high: float

    @property
    def n(self) -> int:
        return len(self.values_S)


def over_seeds(values_S: ArrayLike, scale: Scale = "linear") -> OverSeeds:
    """Mean and 95 % interval over seeds.

    Args:
        values_S: one number per seed, (S,).
        scale: "log" averages the logarithms, for positive values that spread over orders of magnitude; "share" keeps the
            interval of values in [0, 1] there.

    Raises:
        ValueError: the values are not one-dimensional, not finite, not positive on the log scale or no shares.
    """
    values_S = np.asarray(values_S, dtype=np.float64)
    if values_S.ndim != 1 or not np.isfinite(values_S).all():
        raise ValueError(f"values_S must be finite numbers, one per seed; found shape {values_S.shape}, {values_S}")
    if scale == "log" and (values_S <= 0).any():
        raise ValueError(f"values_S must be positive on the log scale; found {values_S.min()}")
    if scale == "share" and ((values_S < 0) | (values_S > 1)).any():
        raise ValueError(f"values_S must lie in [0, 1] on the scale of shares; found {values_S}")
    if not len(values_S):
        return OverSeeds(values_S, float("nan"), float("nan"), float("nan"))
    x_S = np.log(values_S) if scale == "log" else values_S
    mean = x_S.mean()
    half = float("nan")
    if len(x_S) > 1:
        half = student.ppf(0.975, len(x_S) - 1) * x_S.std(ddof=1) / np.sqrt(len(x_S))
    ends = np.array([mean, mean - half, mean + half])
    if scale == "share":
        ends = np.clip(ends, 0, 1)
    return OverSeeds(values_S, *map(float, np.exp(ends) if scale == "log" else ends))


def share_interval(n_hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, such as "3 of 4 seeds grok".

    Raises:
        ValueError: not 0 <= n_hits <= n with n >= 1.
    """
    if not 0 <= n_hits <= n or n < 1:
        raise ValueError(f"n_hits (={n_hits}) of n (={n}) must satisfy 0 <= n_hits <= n and n >= 1")
    z = 1.959963984540054
    share = n_hits / n
    centre, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return max(0.0, float(low)), min(1.0, float(high))
