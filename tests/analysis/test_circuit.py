"""The circuit against least squares on written-out waves, and on networks whose directions are known."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import circuit
from modaddlab.models.closed_form import circle_transformer, restricted_alphas
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def wave(p: int, frequency: int, function: np.ufunc) -> np.ndarray:
    return function(2 * np.pi * frequency * np.arange(p) / p)


@pytest.mark.parametrize("p", [7, 10, 11])
def test_the_output_directions_are_what_w_l_does_with_a_wave(p: int) -> None:
    W_L_HC = noise(5, p)
    for key in range(1, (p - 1) // 2 + 1):
        directions = circuit.output_directions(W_L_HC, key)
        for direction_H, function in zip(directions, (np.cos, np.sin), strict=True):
            expected_H = np.array([sum(W_L_HC[h] * wave(p, key, function)) for h in range(5)])
            np.testing.assert_allclose(direction_H, expected_H / np.linalg.norm(expected_H), atol=1e-12)
    with pytest.raises(ValueError, match="frequency"):
        circuit.output_directions(W_L_HC, p)
    with pytest.raises(ValueError, match="nothing at frequency 1"):
        circuit.output_directions(0 * W_L_HC, 1)


def test_the_last_frequency_of_an_even_modulus_has_one_direction() -> None:
    assert circuit.output_directions(noise(5, 10), 5).shape == (1, 5)
    with pytest.raises(ValueError, match="no sine direction"):
        circuit.direction_fits(noise(10, 10, 5), noise(5, 10), [5])


@pytest.mark.parametrize("p", [7, 10, 11])
def test_a_direction_s_fit_is_that_of_least_squares(p: int) -> None:
    neurons_PPH, W_L_HC = noise(p, p, 5) + 2, noise(5, p)
    keys = [3, 1]
    fits = circuit.direction_fits(neurons_PPH, W_L_HC, keys)
    assert [fit.frequency for fit in fits] == keys
    for fit in fits:
        k = fit.frequency
        u_H, v_H = circuit.output_directions(W_L_HC, k)
        for direction_H, function, values_PP, fve in ((u_H, np.cos, fit.u_PP, fit.fve_u), (v_H, np.sin, fit.v_PP, fit.fve_v)):
            read_PP = np.array([[sum(direction_H * neurons_PPH[a, b]) for b in range(p)] for a in range(p)])
            np.testing.assert_allclose(values_PP, read_PP - read_PP.mean(), atol=1e-12)
            of_sum = np.array([[function(2 * np.pi * k * (a + b) / p) for b in range(p)] for a in range(p)]).ravel()
            design = np.stack([np.ones(p * p), of_sum], axis=1)
            _, (residual,), *_ = np.linalg.lstsq(design, read_PP.ravel(), rcond=None)
            assert fve == pytest.approx(1 - residual / np.sum((read_PP - read_PP.mean()) ** 2))
        for part_PP, function in ((fit.cos_cos_PP, np.cos), (fit.sin_sin_PP, np.sin)):
            product = np.outer(wave(p, k, function), wave(p, k, function))
            coefficient = np.sum(product * fit.u_PP) / np.sum(product**2)
            np.testing.assert_allclose(part_PP, coefficient * product, atol=1e-12)


def test_neurons_that_are_waves_in_the_sum_are_explained_fully() -> None:
    p, key = 11, 4
    a_P = np.arange(p)
    angle_PP = 2 * np.pi * key * (a_P[:, None] + a_P) / p
    neurons_PPH = np.stack([1 + np.cos(angle_PP), 2 - 3 * np.sin(angle_PP)], axis=2)
    W_L_HC = np.stack([wave(p, key, np.cos), -wave(p, key, np.sin)])
    (fit,) = circuit.direction_fits(neurons_PPH, W_L_HC, [key])
    assert (fit.fve_u, fit.fve_v) == pytest.approx((1, 1))
    np.testing.assert_allclose(fit.u_PP, np.cos(angle_PP), atol=1e-12)
    np.testing.assert_allclose(fit.v_PP, 3 * np.sin(angle_PP), atol=1e-12)
    np.testing.assert_allclose(fit.cos_cos_PP + fit.sin_sin_PP, fit.u_PP, atol=1e-12)  # cos cos - sin sin
    np.testing.assert_allclose(fit.sin_sin_PP, -np.outer(wave(p, key, np.sin), wave(p, key, np.sin)), atol=1e-12)
    (dead,) = circuit.direction_fits(0 * neurons_PPH, W_L_HC, [key])
    assert np.isnan(dead.fve_u)


@pytest.mark.parametrize("p", [10, 11])
def test_the_rank_and_the_residual_of_w_l(p: int) -> None:
    keys = (1, 2)
    directions = noise(4, 20)
    waves = [wave(p, key, function) for key in keys for function in (np.cos, np.sin)]
    kept_HC = directions.T @ np.stack(waves)
    rest_HC = 1e-3 * noise(20, p)
    rest_HC -= (np.stack(waves, axis=1) @ np.linalg.lstsq(np.stack(waves, axis=1), rest_HC.T, rcond=None)[0]).T
    found = circuit.map_rank(kept_HC + rest_HC, [*keys, 1])
    assert found.rank == 4
    assert found.residual == pytest.approx(np.linalg.norm(rest_HC) / np.linalg.norm(kept_HC + rest_HC))
    eigenvalues = np.linalg.eigvalsh((kept_HC + rest_HC) @ (kept_HC + rest_HC).T)[::-1]
    np.testing.assert_allclose(found.singular_values[:5] ** 2, eigenvalues[:5], rtol=1e-6)
    assert circuit.map_rank(kept_HC, []).residual == pytest.approx(1)
    assert circuit.map_rank(0 * kept_HC, keys).residual == 0
    assert circuit.map_rank(0 * kept_HC, keys).rank == 0


@pytest.mark.parametrize(("p", "keys"), [(7, (3, 1)), (10, (5, 2)), (11, (2, 4, 5))])
def test_the_wave_fit_is_least_squares_on_the_full_design_matrix(p: int, keys: tuple[int, ...]) -> None:
    logits_PPC = noise(p, p, p) + 5
    columns = [np.ones(p**3)]
    for key in keys:
        columns.append(
            np.array([np.cos(2 * np.pi * key * (a + b - c) / p) for a in range(p) for b in range(p) for c in range(p)])
        )
    design = np.stack(columns, axis=1)
    coefficients, (residual,), *_ = np.linalg.lstsq(design, logits_PPC.ravel(), rcond=None)
    fit = circuit.fit_waves(logits_PPC, [*keys, keys[0]])
    assert fit.keys == keys
    np.testing.assert_allclose(fit.alpha_K, coefficients[1:], atol=1e-12)
    np.testing.assert_allclose(fit.logits_PPC.ravel(), design[:, 1:] @ coefficients[1:], atol=1e-12)
    assert fit.fve == pytest.approx(1 - residual / np.sum((logits_PPC - logits_PPC.mean()) ** 2))
    with pytest.raises(ValueError, match="frequency"):
        circuit.fit_waves(logits_PPC, [p - 1])
    with pytest.raises(ValueError, match="logits_PPC"):
        circuit.fit_waves(noise(p, p, p + 1), keys)


def test_a_sum_of_waves_is_fitted_exactly_and_a_constant_has_nothing_to_explain() -> None:
    p = 11
    a_P = np.arange(p)
    offset_PPC = a_P[:, None, None] + a_P[:, None] - a_P
    logits_PPC = 3 * np.cos(2 * np.pi * 2 * offset_PPC / p) - 0.5 * np.cos(2 * np.pi * 5 * offset_PPC / p) + 8
    fit = circuit.fit_waves(logits_PPC, (2, 5))
    np.testing.assert_allclose(fit.alpha_K, [3, -0.5])
    np.testing.assert_allclose(fit.logits_PPC, logits_PPC - 8, atol=1e-12)
    assert fit.fve == pytest.approx(1)
    assert circuit.fit_waves(logits_PPC, ()).fve == 0
    assert np.isnan(circuit.fit_waves(np.ones((p, p, p)), (2,)).fve)


@pytest.mark.parametrize("p", [7, 10])
def test_the_mean_margin_is_a_loop_over_pairs(p: int) -> None:
    logits_PPC = noise(p, p, p)
    pairs = [(a, b) for a in range(p) for b in range(p)]
    expected = [np.mean([logits_PPC[a, b, (a + b) % p] - logits_PPC[a, b, (a + b + d) % p] for a, b in pairs]) for d in range(p)]
    np.testing.assert_allclose(circuit.mean_margin(logits_PPC), expected, atol=1e-12)


@pytest.mark.parametrize("p", [7, 10])
def test_output_waves_are_the_fits_of_one_pair_s_logits(p: int) -> None:
    logits_C = noise(p)
    keys = (3, p // 2)
    for key, part_C in zip(keys, circuit.output_waves(logits_C, keys), strict=True):
        design = np.stack([wave(p, key, np.cos), wave(p, key, np.sin)], axis=1)
        np.testing.assert_allclose(part_C, design @ np.linalg.lstsq(design, logits_C, rcond=1e-9)[0], atol=1e-12)
    everything = circuit.output_waves(logits_C, range(1, p // 2 + 1))
    np.testing.assert_allclose(everything.sum(axis=0), logits_C - logits_C.mean(), atol=1e-12)


def test_the_network_written_by_hand() -> None:
    p, counts = 11, {2: 5, 3: 9}
    model = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=16, activation="quad")
    grid = run_grid(circle_transformer(model, p, counts, scale=1.5), model, p)
    rank = circuit.map_rank(grid.W_L_HC, tuple(counts))
    assert rank.rank == 4
    assert rank.residual == pytest.approx(0, abs=1e-12)
    # W_out's columns of M evenly spaced phases and W_U's circles of p points are orthogonal, all of one length a key
    expected = sorted((1.5 * np.sqrt(m / 2) * np.sqrt(p / 2) for m in counts.values() for _ in range(2)), reverse=True)
    np.testing.assert_allclose(rank.singular_values[:4], expected)
    # u . MLP = (M/2 ...)(1 + cos omega (a-b)) cos omega (a+b): two thirds of its variance along the wave
    for fit in circuit.direction_fits(grid.neurons_PPH, grid.W_L_HC, tuple(counts)):
        assert (fit.fve_u, fit.fve_v) == pytest.approx((2 / 3, 2 / 3))
    waves = circuit.fit_waves(grid.logits_PPC, tuple(counts))
    assert dict(zip(waves.keys, waves.alpha_K, strict=True)) == pytest.approx(restricted_alphas(p, counts, "quad", 1.5))
    assert waves.fve == pytest.approx(2 / 3)


@pytest.mark.parametrize("p", [7, 10])
def test_points_of_the_sum_are_the_outputs_coefficients(p: int) -> None:
    outputs_PPC = noise(p, p, p) + 3
    keys = (3, 1)
    points_KPP2 = circuit.sum_points(outputs_PPC, keys)
    centred_PPC = outputs_PPC - outputs_PPC.mean(axis=(0, 1))
    for key, points_PP2 in zip(keys, points_KPP2, strict=True):
        design = np.stack([wave(p, key, np.cos), wave(p, key, np.sin)], axis=1)
        for a, b in ((0, 0), (2, 5), (p - 1, 1)):
            np.testing.assert_allclose(points_PP2[a, b], np.linalg.lstsq(design, centred_PPC[a, b], rcond=None)[0], atol=1e-12)
    with pytest.raises(ValueError, match="no sine"):
        circuit.sum_points(noise(10, 10, 10), [5])


def test_the_amplitude_over_the_difference() -> None:
    p, key = 11, 3
    offset_PPC = np.add.outer(np.add.outer(np.arange(p), np.arange(p)), -np.arange(p))
    difference_PP = np.subtract.outer(np.arange(p), np.arange(p)) % p
    height_P = 1 + noise(p) ** 2
    outputs_PPC = height_P[difference_PP][..., None] * np.cos(2 * np.pi * key * offset_PPC / p)
    np.testing.assert_allclose(circuit.amplitude_by_difference(outputs_PPC, key), height_P, atol=1e-12)
    mixed_PPC = outputs_PPC + noise(p, p, p)
    points_PP2 = circuit.sum_points(mixed_PPC, [key])[0]
    expected_P = np.zeros(p)
    for a, b in np.ndindex(p, p):
        angle = 2 * np.pi * key * (a + b) / p
        expected_P[(a - b) % p] += points_PP2[a, b] @ [np.cos(angle), np.sin(angle)] / p
    np.testing.assert_allclose(circuit.amplitude_by_difference(mixed_PPC, key), expected_P, atol=1e-12)
