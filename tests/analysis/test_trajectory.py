"""Principal axes against their definition, and the path of a random walk against its closed form and against real draws."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import trajectory


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def test_principal_axes_are_the_eigenvectors_of_the_covariance() -> None:
    x_PD = noise(9, 5) * [1, 5, 2, 1, 3] + 7
    found = trajectory.principal_axes(x_PD, 3)
    values, vectors = np.linalg.eigh(np.cov(x_PD.T))
    np.testing.assert_allclose(found.share_N, values[::-1][:3] / values.sum())
    np.testing.assert_allclose(np.abs(found.axes_ND @ vectors[:, ::-1][:, :3]), np.eye(3), atol=1e-12)
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in found.axes_ND)
    coordinates_P3 = found.coordinates(x_PD)
    np.testing.assert_allclose(coordinates_P3.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(coordinates_P3.var(axis=0, ddof=1), values[::-1][:3])
    assert found.share_of(x_PD) == pytest.approx(found.share_N.sum())
    assert found.share_of(np.ones((4, 5))) == 0


def test_fixed_axes_measure_another_matrix() -> None:
    axes = trajectory.PrincipalAxes(np.eye(4)[:2], np.array([0.5, 0.5]))
    x_PD = noise(30, 4)
    variance_D = x_PD.var(axis=0)
    assert axes.share_of(x_PD) == pytest.approx(variance_D[:2].sum() / variance_D.sum())
    np.testing.assert_allclose(axes.coordinates(x_PD), x_PD[:, :2] - x_PD[:, :2].mean(axis=0))


def test_a_path_keeps_the_distances_of_its_points() -> None:
    weights_TW = noise(6, 40).cumsum(axis=0)
    found = trajectory.path(weights_TW, 5)  # five axes hold six points completely
    distance_TT = np.linalg.norm(weights_TW[:, None] - weights_TW[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(found.point_TN[:, None] - found.point_TN[None], axis=2), distance_TT)
    np.testing.assert_allclose(found.point_TN.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.length_S, np.diag(distance_TT, 1))
    np.testing.assert_allclose(found.from_start_T, distance_TT[0])
    assert found.share_N.sum() == pytest.approx(1)
    assert np.all(found.point_TN[-1] >= found.point_TN[0])
    two = trajectory.path(weights_TW, 2)
    np.testing.assert_allclose(two.share_N, found.share_N[:2])
    axes = trajectory.principal_axes(weights_TW, 2)
    np.testing.assert_allclose(np.abs(two.point_TN), np.abs(axes.coordinates(weights_TW)))


def test_a_walk_of_equal_steps_has_the_published_shares_and_cosines() -> None:
    n_points = 64
    walk = trajectory.random_walk(np.full(n_points - 1, 0.3), 4)
    k_N = np.arange(1, 5)
    np.testing.assert_allclose(walk.share_N, (1 / (4 * np.sin(np.pi * k_N / (2 * n_points)) ** 2)) / ((n_points**2 - 1) / 6))
    np.testing.assert_allclose(walk.share_N, 6 / (np.pi * k_N) ** 2, rtol=0.01)
    middle_T = (np.arange(n_points) + 0.5) / n_points
    for axis, k in enumerate(k_N):
        wave_T = np.cos(np.pi * k * middle_T)
        assert abs(np.corrcoef(walk.point_TN[:, axis], wave_T)[0, 1]) == pytest.approx(1)
    np.testing.assert_allclose(walk.length_S, 0.3)
    np.testing.assert_allclose(walk.from_start_T, 0.3 * np.sqrt(np.arange(n_points)))


def test_a_walk_drawn_in_many_dimensions_looks_like_the_limit() -> None:
    length_S = np.linspace(0.2, 4, 20)
    steps_SW = noise(20, 40_000)
    steps_SW *= (length_S / np.linalg.norm(steps_SW, axis=1))[:, None]
    drawn = trajectory.path(np.concatenate([np.zeros((1, 40_000)), steps_SW.cumsum(axis=0)]))
    limit = trajectory.random_walk(length_S)
    np.testing.assert_allclose(drawn.share_N, limit.share_N, rtol=0.03)
    np.testing.assert_allclose(drawn.point_TN[:, :2], limit.point_TN[:, :2], atol=0.05 * np.abs(limit.point_TN).max())
    np.testing.assert_allclose(drawn.length_S, length_S)
    equal = trajectory.random_walk(np.ones(20))
    assert not np.allclose(equal.share_N, limit.share_N, rtol=0.03)


def test_a_straight_path_has_one_axis() -> None:
    weights_TW = np.outer([0.0, 1.0, 4.0, 5.0], noise(30))
    found = trajectory.path(weights_TW, 2)
    np.testing.assert_allclose(found.share_N, [1, 0], atol=1e-12)
    still = trajectory.path(np.ones((4, 3)), 2)
    assert still.share_N.tolist() == [0, 0]


def test_too_many_axes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"n_axes \(=4\) must lie in 1..3"):
        trajectory.principal_axes(noise(5, 3), 4)
    with pytest.raises(ValueError, match=r"n_axes \(=3\) must lie in 1..2 for a path of 3 points"):
        trajectory.path(noise(3, 9), 3)
    with pytest.raises(ValueError, match=r"must lie in 1..2"):
        trajectory.random_walk(np.ones(2), 0)


@pytest.mark.parametrize("p", [13, 12])
def test_columns_are_ordered_by_frequency_and_phase(p: int) -> None:
    residues_P = np.arange(p)
    waves = [(5, 0.3), (2, 2.0), (5, -1.0), (2, -2.0), (2, 0.5)]
    x_PD = np.stack([3 + np.cos(2 * np.pi * k * residues_P / p - phase) for k, phase in waves], axis=1)
    found = trajectory.wave_order(x_PD, [5, 2])
    assert found.frequency_D.tolist() == [5, 2, 5, 2, 2]
    assert found.order_D.tolist() == [3, 4, 1, 2, 0]
    np.testing.assert_allclose(found.share_D, 1)
    noisy = trajectory.wave_order(x_PD + np.outer(np.cos(2 * np.pi * 3 * residues_P / p), [0, 0, 1, 0, 0]), [2, 5])
    np.testing.assert_allclose(noisy.share_D, [1, 1, 0.5, 1, 1])
    with pytest.raises(ValueError, match="at least one"):
        trajectory.wave_order(x_PD, [])


def test_the_last_frequency_of_an_even_modulus_has_no_sine() -> None:
    found = trajectory.wave_order(np.outer([1.0, -1, 1, -1], [2.0, -1]), [1, 2])
    assert found.frequency_D.tolist() == [2, 2]
    np.testing.assert_allclose(found.share_D, 1)
