"""Power laws through points."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from modaddlab.analysis.scaling import Timed, censored_mean, censored_power_law, power_law
from modaddlab.analysis.seeds import over_seeds, range_of_one_more


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


def runs_of(x_N: np.ndarray, y_N: np.ndarray, until: float = np.inf) -> list[Timed]:
    return [Timed(x, y if y <= until else np.nan, min(y, until)) for x, y in zip(x_N, y_N, strict=True)]


def test_without_a_stopped_run_the_law_is_the_plain_one() -> None:
    x_N = np.repeat([1e-4, 3e-4, 1e-3, 3e-3], 4)
    y_N = 6 / x_N * np.exp(np.tile([-0.4, -0.1, 0.1, 0.4], 4))
    assert censored_power_law(runs_of(x_N, y_N)) == power_law(x_N, y_N)
    # one run that is stopped long after all others and says next to nothing changes next to nothing
    almost = censored_power_law([*runs_of(x_N, y_N), Timed(1e-3, np.nan, 10.0)])
    plain = power_law(x_N, y_N)
    assert plain is not None
    assert (almost.exponent, almost.low, almost.high) == pytest.approx((plain.exponent, plain.low, plain.high), abs=0.01)


def test_the_law_of_stopped_runs_is_the_one_of_the_largest_likelihood() -> None:
    generator = np.random.default_rng(1)
    x_N = np.repeat([1e-4, 3e-4, 1e-3, 3e-3], 5)
    y_N = 6 / x_N * np.exp(0.3 * generator.normal(size=20))
    runs = runs_of(x_N, y_N, until=20_000)
    law = censored_power_law(runs)
    assert np.isnan([run.steps for run in runs]).sum() >= 5

    def unlikely(theta: np.ndarray) -> float:
        z_N = (np.log([run.trained_for for run in runs]) - theta[0] - theta[1] * np.log(x_N)) / theta[2]
        seen_N = ~np.isnan([run.steps for run in runs])
        return -(stats.norm.logpdf(z_N[seen_N]) - np.log(theta[2])).sum() - stats.norm.logsf(z_N[~seen_N]).sum()

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}
    found = optimize.minimize(unlikely, [1.0, -0.8, 0.5], method="Nelder-Mead", options=options)
    assert (law.exponent, np.log(law.factor)) == pytest.approx((found.x[1], found.x[0]), abs=1e-5)
    assert law.spread == pytest.approx(np.exp(found.x[2] * np.sqrt(20 / 18)), rel=1e-5)
    assert law.low < -1 < law.high


def test_leaving_stopped_runs_out_bends_the_law_and_counting_them_does_not() -> None:
    generator = np.random.default_rng(0)
    x_N = np.repeat([3e-4, 1e-3, 3e-3], 4)
    counted, left_out = [], []
    for _ in range(60):
        runs = runs_of(x_N, 6 / x_N * np.exp(0.4 * generator.normal(size=12)), until=20_000)
        plain = power_law(x_N, [run.steps for run in runs])
        if plain is not None:
            counted.append(censored_power_law(runs).exponent)
            left_out.append(plain.exponent)
    assert np.mean(counted) == pytest.approx(-1, abs=0.04)
    assert np.mean(left_out) > -0.93


def test_a_law_of_stopped_runs_needs_three_that_got_there() -> None:
    with pytest.raises(ValueError, match="three runs"):
        censored_power_law([Timed(1, 5, 5), Timed(2, 3, 3), Timed(3, np.nan, 9)])


def test_without_a_stopped_run_the_mean_is_the_usual_one() -> None:
    steps_S = [3000.0, 5000.0, 9000.0, 4000.0]
    found, plain = censored_mean(steps_S, [25_000] * 4), over_seeds(steps_S, "log")
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((plain.mean, plain.low, plain.high), rel=1e-6)
    assert (found.least, found.most) == pytest.approx(range_of_one_more(plain, "log"), rel=1e-6)
    same = censored_mean([700, 700], [800, 800])
    assert same is not None
    assert (same.least, same.mean, same.most) == pytest.approx((700, 700, 700))


def test_the_mean_of_stopped_runs_is_the_one_of_the_largest_likelihood() -> None:
    steps_S, until_S = np.array([3000, 5000, np.nan, 4000, np.nan]), np.array([9000, 9000, 6000, 9000, 8000])
    found = censored_mean(steps_S, until_S)
    seen_S = np.isfinite(steps_S)

    def loss(theta: np.ndarray) -> float:
        z_S = (np.log(np.where(seen_S, steps_S, until_S)) - theta[0]) / np.exp(theta[1])
        return -(stats.norm.logpdf(z_S[seen_S]) - theta[1]).sum() - stats.norm.logsf(z_S[~seen_S]).sum()

    best = optimize.minimize(loss, [8.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    assert found is not None
    assert found.mean == pytest.approx(np.exp(best[0]), rel=1e-4)
    half = stats.t.ppf(0.975, 2) * np.exp(best[1]) * np.sqrt(5 / 4)
    assert (found.low, found.most) == pytest.approx(np.exp([best[0] - half / 5**0.5, best[0] + half * 1.2**0.5]), rel=1e-3)
    assert censored_mean([3000, np.nan], [4000, 4000]) is None
