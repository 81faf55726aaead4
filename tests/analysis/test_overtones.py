"""Overtones on the network written by hand, whose amplitudes over the difference are known, and against the network run again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab import circuit, overtones, progress
from modaddlab.models.closed_form import circle_transformer, mean_abs_cosine
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import TransformerGrid

P = 31
A_P = np.arange(P)
LABELS = (A_P[:, None] + A_P) % P
MASK = np.random.default_rng(0).random((P, P)) < 0.5
MODEL = TransformerSpec(d_model=16, n_heads=2, d_head=8, d_mlp=82)


@pytest.fixture(scope="module")
def circles() -> TransformerGrid:
    """Two keys without a head, the second the overtone of the first."""
    return run_grid(circle_transformer(MODEL, P, {3: 41, 6: 41}), MODEL, P)


def test_an_overtone_has_twice_the_frequency() -> None:
    for p in (7, 10, 113):
        for k in range(1, p // 2 + 1):
            double = overtones.overtone_of(p, k)
            assert 0 <= double <= p // 2
            wave, of_double = (np.cos(2 * np.pi * f * np.arange(p) / p) for f in (k, double))
            np.testing.assert_allclose(2 * wave**2 - 1, of_double, atol=1e-12)
    assert (overtones.overtone_of(113, 7), overtones.overtone_of(113, 38), overtones.overtone_of(113, 56)) == (14, 37, 1)


def test_rectified_waves_are_as_tall_as_the_cosine_of_half_the_difference(circles: TransformerGrid) -> None:
    first, second = overtones.overtones(circles, LABELS, MASK, [3, 6])
    assert (first.key, first.overtone, first.heads, second.overtone, second.heads) == (3, 6, (), 12, ())
    expected_P = 2 * 41 / (3 * np.pi) * np.abs(np.cos(np.pi * 3 * A_P / P))
    np.testing.assert_allclose(first.amplitude_P, expected_P, atol=2e-3 * expected_P.max())
    mean = mean_abs_cosine(P)
    assert first.unevenness == pytest.approx(np.sqrt(0.5 - mean**2) / mean, rel=2e-3)
    np.testing.assert_allclose(first.without_P, first.amplitude_P, atol=1e-9)  # its neurons do not read frequency 6
    assert first.unevenness_without == pytest.approx(first.unevenness)
    assert second.loss == pytest.approx(progress.mean_loss(circles.logits_PPC, LABELS, MASK))
    only_second = run_grid({**circle_transformer(MODEL, P, {3: 41, 6: 41}), "embed.W_E": _without(circles, 6)}, MODEL, P)
    assert first.loss == pytest.approx(progress.mean_loss(only_second.logits_PPC, LABELS, MASK))
    assert first.loss > 1.01 * second.loss
    chosen = overtones.overtones(circles, LABELS, MASK, [3, 6], chosen=[6])
    assert [found.key for found in chosen] == [6]


def _without(grid: TransformerGrid, frequency: int) -> np.ndarray:
    W_E = np.array(grid.params["embed.W_E"])
    for function in (np.cos, np.sin):
        wave_P = function(2 * np.pi * frequency * A_P / P)
        W_E[:P] -= np.outer(wave_P, wave_P @ W_E[:P]) * 2 / P
    return W_E


def test_logits_without_a_frequency_are_those_of_the_changed_network() -> None:
    params = {name: 2.0 * value for name, value in MODEL.init_params(P, 1).items()}
    grid = run_grid(params, MODEL, P)
    expected = run_grid({**grid.params, "embed.W_E": _without(grid, 4)}, MODEL, P)
    np.testing.assert_allclose(overtones.logits_without(grid, [4]), expected.logits_PPC, atol=1e-10)
    np.testing.assert_allclose(overtones.logits_without(grid, []), grid.logits_PPC, atol=1e-10)
    (found,) = overtones.overtones(grid, LABELS, MASK, [2])
    norms = [np.linalg.norm([f(2 * np.pi * k * A_P / P) @ grid.W_E_PD for f in (np.cos, np.sin)]) for k in range(1, 16)]
    others = [norm for k, norm in enumerate(norms, 1) if k not in (2, 4)]
    assert found.norm_ratio == pytest.approx(norms[3] / np.median(others))
    without_P = circuit.amplitude_by_difference(overtones.logits_without(grid, [4]), 2)
    np.testing.assert_allclose(found.without_P, without_P, atol=1e-12)
    assert np.abs(found.without_P - found.amplitude_P).max() > 1e-6 * np.abs(found.amplitude_P).max()
    assert found.norm == pytest.approx(norms[3] * np.sqrt(2 / P))


def test_keys_with_and_without_a_head(circles: TransformerGrid) -> None:
    assert overtones.headless(circles, [3, 6]) == (3, 6)
    params = dict(circles.params)
    generator = np.random.default_rng(3)
    reading_D = generator.standard_normal(16)
    params["pos_embed.W_pos"] = np.zeros((3, 16))
    params["embed.W_E"] = np.array(params["embed.W_E"])
    params["embed.W_E"][P, -1] = 1.0  # what "=" asks with
    params["blocks.0.attn.W_Q"] = np.zeros((2, 16, 8))
    params["blocks.0.attn.W_Q"][1, -1, 0] = 1.0
    params["blocks.0.attn.W_K"] = np.zeros((2, 16, 8))
    params["blocks.0.attn.W_K"][1, 2:4, 0] = reading_D[:2]  # the second head reads the circle of frequency 6
    grid = run_grid(params, MODEL, P)
    assert overtones.headless(grid, [3, 6]) == (3,)
    assert [found.heads for found in overtones.overtones(grid, LABELS, MASK, [3, 6])] == [(), (1,)]
    deep = dataclasses.replace(MODEL, n_layers=2)
    with pytest.raises(ValueError, match="one layer"):
        overtones.headless(run_grid(deep.init_params(5, 0), deep, 5), [1])
