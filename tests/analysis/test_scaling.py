"""Power laws through points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modaddlab.analysis.scaling import power_law


def test_an_exact_law_is_found_without_spread() -> None:
    x_N = np.array([0.3, 1.0, 3.0, 5.0])
    law = power_law(x_N, 6000 * x_N**-0.8)
    assert law is not None
    assert (law.exponent, law.factor, law.spread, law.n) == pytest.approx((-0.8, 6000, 1, 4))
    assert law.at([2.0]) == pytest.approx([6000 * 2**-0.8])


def test_the_interval_is_that_of_a_linear_regression() -> None:
    generator = np.random.default_rng(0)
    x_N = np.exp(generator.normal(size=12))
    y_N = 50 * x_N**1.5 * np.exp(0.3 * generator.normal(size=12))
    law = power_law(x_N, y_N)
    slope, _, _, _, deviation = stats.linregress(np.log(x_N), np.log(y_N))
    assert law is not None
    assert law.exponent == pytest.approx(slope)
    assert law.high - law.exponent == pytest.approx(stats.t.ppf(0.975, 10) * deviation)
    assert 1.2 < law.spread < 1.5


def test_runs_that_never_got_there_are_left_out_and_two_settings_are_needed() -> None:
    with_gap = power_law([1, 2, 4, 8], [8, 4, np.nan, 1])
    assert with_gap is not None
    assert (with_gap.n, with_gap.exponent) == pytest.approx((3, -1))
    assert power_law([1, 1, 1], [2, 3, 4]) is None
    assert power_law([1, 2, 4], [2, np.nan, 4]) is None


def test_what_is_not_positive_or_not_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        power_law([0, 1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="same length"):
        power_law([1, 2], [1, 2, 3])
