"""Means and intervals over seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modaddlab.analysis.seeds import (
    log_deviation,
    over_seeds,
    range_of_one_more,
    seeds_needed,
    share_interval,
    smaller_studies,
    variance_range,
)


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


def test_one_more_run_lies_in_its_range_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    hits = []
    for _ in range(2000):
        *known, new = np.exp(generator.normal(8, 0.3, size=6))
        low, high = range_of_one_more(over_seeds(known, "log"), "log")
        hits.append(low <= new <= high)
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)
    assert np.isnan(range_of_one_more(over_seeds([1.0]))).all()
    assert range_of_one_more(over_seeds([0.9, 1.0, 1.0], "share"), "share")[1] == 1


def test_the_seeds_that_are_needed_have_the_power() -> None:
    generator, deviation, ratio = np.random.default_rng(3), 0.3, 1.5
    n = seeds_needed(ratio, deviation)
    pairs = [(generator.normal(0, deviation, n), generator.normal(np.log(ratio), deviation, n)) for _ in range(2000)]
    p_values = np.array([tuple(stats.ttest_ind(*pair))[1] for pair in pairs], dtype=np.float64)
    assert 0.78 < np.mean(p_values < 0.05) < 0.92
    assert seeds_needed(1 / ratio, deviation) == n
    assert seeds_needed(1.1, deviation) > 10 * n
    with pytest.raises(ValueError, match="not 1"):
        seeds_needed(1.0, 0.3)


def test_smaller_studies_are_all_subsets_and_the_whole_is_one_of_them() -> None:
    values_S = np.exp(np.random.default_rng(4).normal(8, 0.3, size=6))
    whole, pairs = smaller_studies(values_S, 6, "log"), smaller_studies(values_S, 2, "log")
    reference = over_seeds(values_S, "log")
    assert whole.width_N == pytest.approx([reference.high / reference.low])
    assert whole.covers == 1
    assert len(pairs.width_N) == 15
    assert np.median(pairs.width_N) > whole.width_N[0]
    assert len(smaller_studies(values_S, 3, most=7).width_N) == 7
    assert smaller_studies([1.0, 3.0], 2).width_N == pytest.approx([over_seeds([1.0, 3.0]).high - over_seeds([1.0, 3.0]).low])
    with pytest.raises(ValueError, match="between 2 and"):
        smaller_studies(values_S, 7)
    assert log_deviation([1.0, np.e]) == pytest.approx(np.sqrt(0.5))


def test_where_a_true_variance_lies() -> None:
    least, most = variance_range(10)
    estimates = np.random.default_rng(0).normal(size=(20_000, 10)).var(axis=1, ddof=1)
    assert np.percentile(1 / estimates, [2.5, 97.5]) == pytest.approx([least, most], rel=0.05)
