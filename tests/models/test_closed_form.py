"""The network written by hand against its own formulae, and its exceptions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from modaddlab.models.closed_form import (
    QUAD_FVE,
    QUAD_SUM_FVE,
    RELU_FVE,
    RELU_SUM_FVE,
    circle_logits,
    circle_transformer,
    mean_abs_cosine,
    neuron_phases,
    restricted_alphas,
)
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import TransformerGrid

SHAPE: dict[str, Any] = {"d_model": 24, "n_heads": 3, "d_head": 8}


def network(p: int, counts: Mapping[int, int], activation: Any = "relu", scale: Any = 1.0, **changes: Any) -> TransformerGrid:
    model = TransformerSpec(**SHAPE, d_mlp=sum(counts.values()) + 2, activation=activation, **changes)
    return run_grid(circle_transformer(model, p, counts, scale), model, p)


def answers(p: int) -> np.ndarray:
    return (np.arange(p)[:, None] + np.arange(p)) % p


def polynomial_share(values_PP: np.ndarray, key: int) -> float:
    """The fraction of variance that the polynomials of degree 2 of one frequency explain, by least squares."""
    p = len(values_PP)
    angle_P = 2 * np.pi * key * np.arange(p) / p
    factors = [np.ones(p), np.cos(angle_P), np.sin(angle_P)]
    design = np.stack([np.outer(x, y).ravel() for x in factors for y in factors], axis=1)
    rest = values_PP.ravel() - design @ np.linalg.lstsq(design, values_PP.ravel(), rcond=None)[0]
    return 1 - float(np.var(rest) / np.var(values_PP))


def sum_share(values_PP: np.ndarray, key: int) -> float:
    """The fraction of variance along the cosine and sine of omega (a+b)."""
    p = len(values_PP)
    angle_PP = 2 * np.pi * key * (np.arange(p)[:, None] + np.arange(p)) / p
    energy = sum(np.sum(f(angle_PP) * values_PP) ** 2 / np.sum(f(angle_PP) ** 2) for f in (np.cos, np.sin))
    return float(energy / np.sum((values_PP - values_PP.mean()) ** 2))


@pytest.mark.parametrize(
    ("p", "counts"),
    [(3, {1: 3}), (7, {2: 5}), (10, {1: 3, 3: 6}), (10, {3: 3, 5: 6}), (11, {1: 7, 4: 3, 5: 6}), (31, {3: 5, 10: 9})],
)
def test_the_quadratic_network_is_its_formula(p: int, counts: dict[int, int]) -> None:
    scale = {key: 0.5 + key for key in counts}
    grid = network(p, counts, "quad", scale)
    np.testing.assert_allclose(grid.logits_PPC, circle_logits(p, counts, "quad", scale), atol=1e-10)
    expected = np.zeros((p, p, p))
    for a, b, c in np.ndindex(p, p, p):
        for key, n in counts.items():
            omega = 2 * np.pi * key / p
            expected[a, b, c] += scale[key] * n / 2 * (1 + np.cos(omega * (a - b))) * np.cos(omega * (a + b - c))
    np.testing.assert_allclose(grid.logits_PPC, expected, atol=1e-10)


@pytest.mark.parametrize("n_neurons", [5, 9, 21])
def test_the_relu_network_is_its_formula_up_to_its_harmonics(n_neurons: int) -> None:
    p, key = 31, 3
    grid = network(p, {key: n_neurons}, scale=3 * np.pi / (2 * n_neurons))
    omega, a_P = 2 * np.pi * key / p, np.arange(p)
    amplitude_PP = np.abs(np.cos(omega * (a_P[:, None] - a_P) / 2))
    expected = amplitude_PP[:, :, None] * np.cos(omega * (a_P[:, None, None] + a_P[:, None] - a_P))
    np.testing.assert_allclose(circle_logits(p, {key: n_neurons}, scale=3 * np.pi / (2 * n_neurons)), expected, atol=1e-12)
    worst = np.abs(grid.logits_PPC - expected).max()
    assert 0 < worst < 3 / n_neurons**2


@pytest.mark.parametrize("activation", ["relu", "quad"])
@pytest.mark.parametrize(("p", "counts"), [(3, {1: 9}), (7, {1: 9, 3: 9}), (11, {2: 9, 5: 11}), (31, {3: 9, 7: 9, 10: 9})])
def test_it_adds_modulo_an_odd_number(p: int, counts: dict[int, int], activation: str) -> None:
    grid = network(p, counts, activation)
    np.testing.assert_array_equal(np.argmax(grid.logits_PPC, axis=2), answers(p))


def test_opposite_residues_of_an_even_modulus_cancel_on_the_circle() -> None:
    """cos omega a + cos omega (a + p/2) = 0 for odd k: the sum of the two embeddings no longer says which pair it was."""
    p = 10
    grid = network(p, {1: 9, 3: 9}, "quad")
    right_PP = np.argmax(grid.logits_PPC, axis=2) == answers(p)
    opposite_PP = (np.arange(p)[:, None] - np.arange(p)) % p == 5
    assert right_PP[~opposite_PP].all()
    np.testing.assert_allclose(grid.logits_PPC[opposite_PP], 0, atol=1e-10)


def test_attention_is_uniform_and_the_skip_connection_is_not_read() -> None:
    grid = network(7, {2: 5})
    np.testing.assert_allclose(grid.pattern_PPn3, 1 / 3)
    angle_P = 2 * np.pi * 2 * np.arange(7) / 7
    np.testing.assert_allclose(grid.resid_mid_PPD[..., 0], np.cos(angle_P)[:, None] + np.cos(angle_P), atol=1e-12)
    np.testing.assert_allclose(grid.resid_mid_PPD[..., 1], np.sin(angle_P)[:, None] + np.sin(angle_P), atol=1e-12)
    np.testing.assert_allclose(grid.resid_mid_PPD @ grid.W_U_DC, 0, atol=1e-12)
    assert not np.any(grid.neurons_PPH[..., 5:])


@pytest.mark.parametrize("activation", ["relu", "quad"])
def test_each_neuron_has_its_frequency_and_twice_its_phase(activation: str) -> None:
    p, counts = 31, {3: 5, 10: 7}
    grid = network(p, counts, activation)
    frequencies, phases = neuron_phases(counts)
    assert frequencies.tolist() == [3] * 5 + [10] * 7
    for h, (key, phase) in enumerate(zip(frequencies, phases, strict=True)):
        angle_PP = 2 * np.pi * key * (np.arange(p)[:, None] + np.arange(p)) / p
        overlap = [np.sum(grid.neurons_PPH[..., h] * np.cos(angle_PP + shift)) for shift in (0, np.pi / 2)]
        found = np.arctan2(overlap[1], overlap[0])  # of A cos(angle + phase)
        assert np.cos(found - phase) == pytest.approx(1, abs=1e-3)
        written = grid.W_L_HC[h] @ np.exp(-2j * np.pi * key * np.arange(p) / p)
        assert np.cos(np.angle(written) - phase) == pytest.approx(1)
    assert np.all((phases > -np.pi) & (phases <= np.pi + 1e-12))


def test_the_fractions_of_variance_are_those_stated() -> None:
    quad = network(31, {3: 5}, "quad").neurons_PPH
    relu = network(113, {14: 3}).neurons_PPH
    for h in range(3):
        assert polynomial_share(quad[..., h], 3) == pytest.approx(QUAD_FVE)
        assert sum_share(quad[..., h], 3) == pytest.approx(QUAD_SUM_FVE)
        assert polynomial_share(relu[..., h], 14) == pytest.approx(RELU_FVE, abs=1e-3)
        assert sum_share(relu[..., h], 14) == pytest.approx(RELU_SUM_FVE, abs=1e-3)


@pytest.mark.parametrize("p", [3, 7, 11, 113])
def test_the_mean_amplitude_over_differences(p: int) -> None:
    for key in (1, (p - 1) // 2):
        expected = np.mean([abs(np.cos(np.pi * key * d / p)) for d in range(p)])
        assert mean_abs_cosine(p) == pytest.approx(expected)


@pytest.mark.parametrize("activation", ["relu", "quad"])
def test_the_amplitudes_that_remain_of_each_sum(activation: str) -> None:
    p, counts = 11, {2: 5, 4: 7}
    logits_PPC = circle_logits(p, counts, activation, 1.5)
    alphas = restricted_alphas(p, counts, activation, 1.5)
    for s, c in ((0, 0), (3, 7), (10, 2)):
        mean = np.mean([logits_PPC[a, (s - a) % p, c] for a in range(p)])
        assert mean == pytest.approx(sum(alpha * np.cos(2 * np.pi * key * (s - c) / p) for key, alpha in alphas.items()))


@pytest.mark.parametrize("changes", [{}, {"mlp_biases": False}, {"predict_equals": False}, {"causal": False}])
def test_its_parameters_have_the_shapes_of_the_model(changes: dict[str, Any]) -> None:
    model = TransformerSpec(**SHAPE, d_mlp=9, **changes)
    params = circle_transformer(model, 7, {2: 9})
    assert {name: value.shape for name, value in params.items()} == model.param_shapes(7)
    np.testing.assert_array_equal(np.argmax(run_grid(params, model, 7).logits_PPC, axis=2), answers(7))


def test_what_cannot_hold_the_network_is_refused() -> None:
    model = TransformerSpec(**SHAPE, d_mlp=9)
    refused: list[tuple[TransformerSpec, int, dict[int, int], str]] = [
        (dataclasses.replace(model, n_layers=2), 7, {1: 3}, "one layer"),
        (dataclasses.replace(model, layer_norm=True), 7, {1: 3}, "LayerNorm"),
        (dataclasses.replace(model, activation="gelu"), 7, {1: 3}, "activation"),
        (model, 7, {4: 3}, r"frequencies \(=\[4\]\) must lie in 1\.\.3"),
        (model, 10, {6: 3}, r"must lie in 1\.\.5"),
        (model, 7, {}, "frequencies"),
        (model, 31, dict.fromkeys(range(1, 8), 1), "d_model"),
        (model, 7, {1: 5, 2: 5}, "d_mlp"),
    ]
    for spec, p, counts, message in refused:
        with pytest.raises(ValueError, match=message):
            circle_transformer(spec, p, counts)
    with pytest.raises(ValueError, match="activation"):
        circle_logits(7, {1: 3}, "gelu")
