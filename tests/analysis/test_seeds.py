"""Means and intervals over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modaddlab.analysis.seeds import over_seeds, share_interval


def test_the_interval_is_student_s() -> None:
    values_S = np.random.default_rng(0).normal(5, 2, size=10)
    found = over_seeds(values_S)
    reference = stats.ttest_1samp(values_S, 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(values_S.mean())
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert found.n == 10


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    found = [over_seeds(generator.normal(3, 1, size=5)) for _ in range(2000)]
    covered = np.mean([one.low <= 3 <= one.high for one in found])
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


def test_losses_are_averaged_as_logarithms() -> None:
    found = over_seeds([1e-8, 1e-6], scale="log")
    assert found.mean == pytest.approx(1e-7)
    assert found.high / found.mean == pytest.approx(found.mean / found.low)


def test_the_interval_of_shares_stays_among_shares() -> None:
    found, plain = over_seeds([0.8, 1.0, 1.0], scale="share"), over_seeds([0.8, 1.0, 1.0])
    assert plain.high > 1
    assert (found.mean, found.low, found.high) == (plain.mean, plain.low, 1)


def test_one_seed_has_no_interval_and_none_no_mean() -> None:
    one, none = over_seeds([4.0]), over_seeds([])
    assert one.mean == 4
    assert np.isnan([one.low, one.high, none.mean, none.low, none.high]).all()


@pytest.mark.parametrize(
    ("values", "scale"), [([[1.0]], "linear"), ([1, np.nan], "linear"), ([0.0, 1.0], "log"), ([1.1], "share")]
)
def test_nonsense_is_refused(values: list[float], scale: str) -> None:
    with pytest.raises(ValueError, match="values_S must"):
        over_seeds(values, scale=scale)  # type: ignore[arg-type]


@pytest.mark.parametrize(("n_hits", "n"), [(0, 4), (3, 4), (4, 4), (50, 100)])
def test_the_interval_of_a_share_is_wilson_s(n_hits: int, n: int) -> None:
    reference = stats.binomtest(n_hits, n).proportion_ci(0.95, method="wilson")
    assert share_interval(n_hits, n) == pytest.approx((reference.low, reference.high))


@pytest.mark.parametrize(("n_hits", "n"), [(-1, 4), (5, 4), (0, 0)])
def test_an_impossible_share_is_refused(n_hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="n_hits"):
        share_interval(n_hits, n)
