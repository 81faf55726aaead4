"""Clock and pizza: forms and measures against networks that are one or the other by construction."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import pizza

P = 11


@pytest.mark.parametrize("frequency", [1, 3, 5])
def test_the_forms_are_right_where_they_should_be(frequency: int) -> None:
    a, b = np.indices((P, P))
    clock, slices, beside = (form(P, frequency) for form in (pizza.q_clock, pizza.q_pizza, pizza.q_accompanying))
    assert (clock.argmax(axis=2) == (a + b) % P).all()
    angle = np.pi * frequency * (a - b) / P
    at_answer = np.take_along_axis(slices, ((a + b) % P)[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(at_answer, 2 * np.abs(np.cos(angle)), atol=1e-12)
    at_answer = np.take_along_axis(beside, ((a + b) % P)[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(at_answer, -2 * np.cos(2 * angle), atol=1e-12)
    assert (slices.argmax(axis=2) == (a + b) % P).all()  # p odd: nothing is quite opposite


def test_distance_irrelevance_is_that_of_its_definition() -> None:
    frequency = 2
    assert pizza.distance_irrelevance(pizza.q_pizza(P, frequency)) == pytest.approx(0, abs=1e-12)
    logits_PPC, a = pizza.q_clock(P, frequency), np.arange(P)
    noise_P = np.random.default_rng(0).standard_normal(P)
    c = (a[:, None] + a) % P
    of_the_sum = logits_PPC + noise_P[c][:, :, None]  # the right answer's logit depends on the sum alone
    assert pizza.distance_irrelevance(of_the_sum) == pytest.approx(1)


def test_circles_are_found_and_isolated() -> None:
    w, rng = 2 * np.pi * np.arange(P) / P, np.random.default_rng(1)
    planes, _ = np.linalg.qr(rng.standard_normal((8, 4)))
    W_E_PD = np.full((P, 8), 0.7)
    for i, (k, size) in enumerate([(4, 2.0), (3, 1.0)]):
        W_E_PD += size * np.stack([np.cos(k * w), np.sin(k * w)], axis=1) @ planes[:, 2 * i : 2 * i + 2].T
    first, second = pizza.circles(W_E_PD, 4)
    assert (first.frequency, second.frequency) == (4, 3)
    assert pizza.circularity(W_E_PD) == pytest.approx(1)
    assert first.purity == pytest.approx(1)
    np.testing.assert_allclose(first.W_E_PD + second.W_E_PD - W_E_PD, W_E_PD.mean(axis=0) + np.zeros((P, 8)), atol=1e-12)
    assert pizza.circularity(rng.standard_normal((P, 8))) < 0.9


def test_explained_is_one_less_the_squared_difference_of_standardised_logits() -> None:
    x, y = np.random.default_rng(2).standard_normal((2, 4, 4, 4))
    standard = [(z - z.mean()) / z.std() for z in (x, y + x)]
    assert pizza.explained(3 * x + 1, y + x) == pytest.approx(1 - ((standard[0] - standard[1]) ** 2).mean())
    assert pizza.explained(x, x) == pytest.approx(1)
    assert pizza.explained(np.zeros_like(x), x) == -1


def test_a_half_doubles_to_its_frequency() -> None:
    for k in range(1, P // 2 + 1):
        double = 2 * pizza.halved(k, P) % P
        assert min(double, P - double) == k


def test_symmetricity_is_a_mean_of_cosines() -> None:
    gradients = np.zeros((2, 2, 2, 3))
    gradients[0, 0], gradients[1, 0] = [[1, 0, 0], [0, 2, 0]], [[3, 0, 0], [0, -1, 0]]
    gradients[0, 1, 0], gradients[1, 1, 0] = [1, 0, 0], [1, 1, 0]
    np.testing.assert_allclose(pizza.symmetricity(gradients), [0, np.sqrt(0.5) / 2])
