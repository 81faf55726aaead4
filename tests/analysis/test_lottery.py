"""The lottery's rules on planted draws, its outcome against the integrated race, and its measure of chance."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import dynamics, lottery

P, K = 11, 5


def planted(alpha_K: list[float], beta_K: list[float], D_K: list[float]) -> lottery.Draw:
    return lottery.Draw(p=P, alpha_HK=np.array([alpha_K]), beta_HK=np.array([beta_K]), D_HK=np.array([D_K]))


def test_a_draw_is_read_from_weights() -> None:
    angle = 2 * np.pi * np.arange(1, K + 1)[:, None] * np.arange(P) / P
    phi_K, psi_K = np.linspace(-2, 2, K), np.linspace(1, 3, K)
    drawn = lottery.draw(np.cos(angle + phi_K[:, None]), 2 * np.cos(angle + psi_K[:, None]))
    np.testing.assert_allclose(drawn.alpha_HK, np.eye(K), atol=1e-12)
    np.testing.assert_allclose(drawn.beta_HK, 2 * np.eye(K), atol=1e-12)
    np.testing.assert_allclose(np.cos(np.diag(drawn.D_HK)), np.cos(2 * phi_K - psi_K))
    assert lottery.winners(np.cos(angle + phi_K[:, None])).tolist() == [1, 2, 3, 4, 5]


def test_each_rule_names_what_it_says() -> None:
    drawn = planted([1, 3, 1, 2.5, 2], [3, 1, 1, 2.2, 2.5], [2.0, -2.0, 0.1, 1.4, -0.5])
    named = {rule: int(named_H[0]) for rule, named_H in lottery.predictions(drawn).items()}
    assert list(named) == list(lottery.RULES)
    assert named == {"misalignment": 3, "input": 2, "output": 1, "product": 4, "start": 5, "race": 5}


def test_the_race_is_won_by_whoever_leads_when_the_equations_are_integrated() -> None:
    rng = np.random.default_rng(0)
    a_HK = rng.standard_normal((8, K)) + 1j * rng.standard_normal((8, K))
    b_HK = rng.standard_normal((8, K)) + 1j * rng.standard_normal((8, K))
    drawn = lottery.Draw(p=P, alpha_HK=np.abs(a_HK), beta_HK=np.abs(b_HK), D_HK=dynamics.misalignment(a_HK, b_HK))
    for neuron, named in enumerate(lottery.predictions(drawn)["race"]):
        end = 0.999 * drawn.growth_time_HK[neuron].min()
        a_TK, _ = dynamics.integrate(a_HK[neuron], b_HK[neuron], P, np.array([0, end]))
        assert np.abs(a_TK[1]).argmax() + 1 == named


def test_with_equal_magnitudes_the_race_goes_to_the_smallest_misalignment() -> None:
    rng = np.random.default_rng(1)
    drawn = lottery.Draw(p=P, alpha_HK=np.ones((50, K)), beta_HK=np.ones((50, K)), D_HK=rng.uniform(-np.pi, np.pi, (50, K)))
    named = lottery.predictions(drawn)
    assert (named["race"] == named["misalignment"]).all()
    assert lottery.hit_rates(drawn, named["race"])["misalignment"] == 1
    assert (lottery.outcome(np.abs(drawn.D_HK), np.ones((50, K)), P) > 0).tolist() == (np.abs(drawn.D_HK) < np.pi / 2).tolist()


def test_magnitude_can_beat_alignment_and_the_outcome_is_a_ratio_of_times() -> None:
    small, large = lottery.outcome(np.full(2, 3 * np.pi / 4), np.array([1.0, 2.0]), P)
    assert small < 0 < large
    assert lottery.outcome(np.array(np.pi / 2), np.array(10.0), P) == pytest.approx(1.0)


def test_chance_and_hit_rates_are_counted() -> None:
    drawn = planted([1, 3, 1, 1, 1], [1] * 5, [0.5, 1, 1, 1, 1])
    assert lottery.hit_rates(drawn, np.array([2]))["input"] == 1
    assert lottery.hit_rates(drawn, np.array([1]))["input"] == 0
    assert lottery.chance(K) == pytest.approx(0.2)
    assert lottery.matched_chance(np.array([1, 1, 1, 2])) == pytest.approx(0.625)
    assert lottery.place(np.array([[5.0, 9.0, 1.0]]), np.array([1])).tolist() == [2]
