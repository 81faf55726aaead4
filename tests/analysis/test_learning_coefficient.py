"""The local learning coefficient of losses for which it is known."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis.learning_coefficient import estimate, excess, sample, sharpness

N, COPIES = 1000, 400


def found(loss_of, dims: int, *, gamma: float, step: float, n_steps: int = 1500) -> float:
    """The estimate from w* = 0, where the loss is 0."""
    losses_T = sample(loss_of, np.zeros(dims), N, gamma=gamma, step=step, n_steps=n_steps)
    assert losses_T[0] == 0
    return float(estimate(excess(losses_T, 0.0, N), from_step=n_steps // 3))


def test_of_a_regular_model_it_is_half_the_number_of_its_weights() -> None:
    curvature_W = np.geomspace(0.5, 2, COPIES)
    quadratic = found(lambda w_W: (curvature_W @ w_W**2 / 2, curvature_W * w_W), COPIES, gamma=0.1, step=2e-4, n_steps=4000)
    assert quadratic == pytest.approx(COPIES / 2, rel=0.03)


def test_the_tether_takes_away_from_flat_directions_what_the_definition_says() -> None:
    gamma, step = sharpness(N), 1e-3
    quadratic = found(lambda w_W: (w_W[::2] @ w_W[::2] / 2, w_W * (np.arange(COPIES) % 2 == 0)), COPIES, gamma=gamma, step=step)
    assert quadratic == pytest.approx(COPIES / 2 / 4 / (1 - step * gamma / 2), rel=0.05)


def test_where_two_valleys_cross_it_is_that_of_the_density() -> None:
    gamma = 1.0

    def crossing(w_W: np.ndarray) -> tuple[float, np.ndarray]:
        x_C, y_C = w_W[:COPIES], w_W[COPIES:]
        return ((x_C * y_C) ** 2).sum() / 2, np.concatenate([x_C * y_C**2, x_C**2 * y_C])

    chain = found(crossing, 2 * COPIES, gamma=gamma, step=5e-4, n_steps=20_000) / COPIES
    assert chain == pytest.approx(_crossing_by_quadrature(sharpness(N), gamma), rel=0.06)


def test_the_density_of_a_crossing_tends_to_one_half() -> None:
    """E = 1/2 - O(1 / log n): slower than any chain could show."""
    found = [_crossing_by_quadrature(10.0**k, 1.0) for k in (2, 4, 8)]
    assert found == sorted(found)
    assert [0.5 - value for value in found] == pytest.approx([1 / np.log(10.0**k) for k in (2, 4, 8)], rel=0.35)


def test_a_chain_that_runs_away_says_so() -> None:
    losses_T = sample(lambda w_W: (float((w_W**4).sum()), 4 * w_W**3), np.ones(3), N, gamma=0.0, step=1.0, n_steps=50)
    assert np.isnan(losses_T[-1])


def test_the_sampler_is_the_same_for_the_same_seed_and_leaves_the_start_alone() -> None:
    start_W, seen = np.ones(4, dtype=np.float32), []
    runs = [
        sample(lambda w_W: (float(w_W @ w_W), 2 * w_W), start_W, N, gamma=1, step=1e-3, n_steps=9, seed=seed, visit=seen.append)
        for seed in (3, 3, 4)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert np.array_equal(start_W, np.ones(4))
    assert seen[0].dtype == np.float32


def _crossing_by_quadrature(nb: float, gamma: float) -> float:
    """n beta E[x^2 y^2 / 2] by integrating y out: of x the density is exp(-gamma x^2 / 2) / sqrt(nb x^2 + gamma)."""
    x_N = np.concatenate([[0], np.geomspace(1e-9, 40, 200_001)]) / np.sqrt(gamma)
    density_N = np.exp(-gamma * x_N**2 / 2) / np.sqrt(nb * x_N**2 + gamma)
    return np.trapezoid(density_N * nb * x_N**2 / (nb * x_N**2 + gamma) / 2, x_N) / np.trapezoid(density_N, x_N)
