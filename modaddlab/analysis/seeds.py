"""What several seeds say together: a mean with its interval.

A network's numbers depend on its random start and split, so one run is an anecdote. Over S independent seeds the mean has the
95 % interval mean +- t s / sqrt(S), with s the sample standard deviation and t the 97.5 % quantile of Student's distribution
with S - 1 degrees of freedom. Quantities that spread over orders of magnitude (losses) are averaged as logarithms: the mean is
then the geometric one and the interval is a factor. The interval of a share is cut off at 0 and 1, which it cannot pass.

Where one more run of the same setup would lie is a wider question: mean +- t s sqrt(1 + 1/S) holds it with 95 %. A single run of
another setting that lies inside shows no difference. How many seeds it takes to see that one setting is slower than another by a
factor follows from s (`seeds_needed`), and what smaller studies of this setup would have reported, from drawing subsets of its
seeds (`smaller_studies`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv, stdtrit

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
        """How many seeds."""
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
        half = stdtrit(len(x_S) - 1, 0.975) * x_S.std(ddof=1) / np.sqrt(len(x_S))
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


def range_of_one_more(found: OverSeeds, scale: Scale = "linear") -> tuple[float, float]:
    """Where one more run would lie with 95 %; NaN for fewer than two seeds.

    Args:
        found: the seeds that there are.
        scale: as in `over_seeds`.
    """
    if found.n < 2:
        return float("nan"), float("nan")
    x_S = np.log(found.values_S) if scale == "log" else found.values_S
    half = stdtrit(found.n - 1, 0.975) * x_S.std(ddof=1) * np.sqrt(1 + 1 / found.n)
    ends = np.array([x_S.mean() - half, x_S.mean() + half])
    if scale == "share":
        ends = np.clip(ends, 0, 1)
    low, high = np.exp(ends) if scale == "log" else ends
    return float(low), float(high)


def log_deviation(values_S: ArrayLike) -> float:
    """The standard deviation of the logarithms of positive values, with S - 1 in the denominator."""
    return float(np.log(np.asarray(values_S, dtype=np.float64)).std(ddof=1))


def variance_range(n: int) -> tuple[float, float]:
    """Where the true variance of normal values lies with 95 %, in units of the one that was estimated from n of them."""
    least, most = (n - 1) / (2 * gammaincinv((n - 1) / 2, [0.975, 0.025]))  # chi-squared's quantiles
    return float(least), float(most)


def seeds_needed(ratio: float, deviation: float, power: float = 0.8) -> int:
    """Seeds of each of two settings with which a true ratio of their times is seen at the 5 % level.

    Two-sided comparison of the means of the logarithms, equal numbers of seeds, Student's distributions (the noncentral one for
    the power).

    Args:
        ratio: of the two geometric means, not 1.
        deviation: standard deviation of the logarithms over seeds.
        power: how often the difference is to be seen.

    Raises:
        ValueError: the ratio or the deviation is not positive, or the ratio is 1.
    """
    if ratio <= 0 or ratio == 1 or deviation <= 0:
        raise ValueError(f"ratio (={ratio}) must be positive and not 1, deviation (={deviation}) positive")
    n = 2
    while _power(abs(np.log(ratio)) / deviation, n) < power:
        n += 1
    return n


def _power(effect: float, n: int) -> float:
    """How often two groups of n whose means differ by `effect` standard deviations differ at the 5 % level."""
    from scipy.stats import nct as noncentral  # which takes a second to load

    freedom = 2 * n - 2
    limit = stdtrit(freedom, 0.975)
    return float(noncentral.sf(limit, freedom, effect * np.sqrt(n / 2)))


@dataclass(frozen=True, kw_only=True)
class SmallerStudies:
    """What studies with n of the S seeds would have reported.

    Attributes:
        n: seeds of each study.
        width_N: of each one's 95 % interval: its upper end less its lower one, on the log scale over its lower one.
        covers: the share of the intervals that hold the mean of all S seeds.
    """

    n: int
    width_N: np.ndarray
    covers: float


def smaller_studies(values_S: ArrayLike, n: int, scale: Scale = "linear", most: int = 1000) -> SmallerStudies:
    """The intervals that every choice of n of the seeds would have given; of `most` random ones where there are more.

    Args:
        values_S: (S,) the seeds' values.
        n: 2 <= n <= S.
        scale: as in `over_seeds`.
        most: choices at most.

    Raises:
        ValueError: n is not in that range.
    """
    values_S = np.asarray(values_S, dtype=np.float64)
    if not 2 <= n <= len(values_S):
        raise ValueError(f"n (={n}) must be between 2 and the number of seeds (={len(values_S)})")
    chosen = list(itertools.combinations(range(len(values_S)), n))
    if len(chosen) > most:
        chosen = [chosen[i] for i in np.random.default_rng(0).choice(len(chosen), most, replace=False)]
    everything = over_seeds(values_S, scale).mean
    found = [over_seeds(values_S[list(subset)], scale) for subset in chosen]
    widths = [one.high / one.low if scale == "log" else one.high - one.low for one in found]
    return SmallerStudies(
        n=n, width_N=np.array(widths), covers=float(np.mean([one.low <= everything <= one.high for one in found]))
    )
