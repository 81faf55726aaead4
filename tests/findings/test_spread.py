"""What ten networks agree on, and what chance would give: on hand-made networks."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import published, seeds
from modaddlab.findings import spread
from modaddlab.findings.value import change, steps


def test_a_row_has_the_first_the_mean_and_the_range() -> None:
    found = spread.row([steps(1000), steps(100), steps(10_000)])
    assert (found.first.value, found.least.value, found.most.value) == (1000, 100, 10_000)
    assert found.all.value == pytest.approx(1000)  # geometric
    gains = spread.row([change(-0.01), change(0.03)])
    assert gains.all.value == pytest.approx(0.01)


def test_keys_are_counted_and_held_against_a_hat() -> None:
    chosen = [(1, 14), (1, 2), (1, 35)]
    found = spread._keys(chosen, 56, np.random.default_rng(0))
    assert found.counts_K[[0, 1, 13, 34]].tolist() == [3, 1, 1, 1]
    assert (found.n.value, found.popular.value, found.popular_in.value, found.unused.value) == (6, "1", 3, 52)
    assert found.famous.value == 2
    assert found.famous_hat.value == pytest.approx(len(published.KEYS) * 6 / 56)
    assert found.hat_most.value < 3, "three networks with one key in common are no chance"
    assert found.unused_least.value <= 50 <= found.unused_most.value
    assert 1 < found.hat.value < 2


def test_a_guess_is_held_against_random_orders() -> None:
    early_S, generator = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], np.random.default_rng(0)
    right = spread._guess(early_S, [80, 70, 60, 50, 40, 30, 20, 10], generator)
    assert right.correlation.value == pytest.approx(-1)
    assert right.by_chance.value < 0.01
    none = spread._guess(early_S, [10, 40, 20, 30, 30.5, 20.5, 40.5, 10.5], generator)
    assert none.by_chance.value > 0.05


def test_what_fewer_seeds_would_have_said_is_what_every_choice_says() -> None:
    time_S, loss_S = [100.0, 150.0, 200.0, 400.0], [1.0, 2.0, 3.0, 4.0]
    ten = type("Ten", (), {"grokked": type("Row", (), {"values_S": time_S}), "test_loss": type("Row", (), {"values_S": loss_S})})
    found = spread._fewer(ten, loss_S)  # type: ignore[arg-type]
    assert found.three.value == pytest.approx(np.median(seeds.smaller_studies(time_S, 3, "log").width_N))
    assert found.everything.value == pytest.approx(seeds.smaller_studies(time_S, 4, "log").width_N[0])
    assert found.two.value == pytest.approx(found.medians[2])
    assert [len(widths) for widths in found.widths["transformer, step of 95 % test accuracy"].values()] == [4, 1]
    assert {len(column) for column in map(list, found.columns.values())} == {9}  # type: ignore[arg-type]
