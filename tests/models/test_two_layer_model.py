"""The two-layer network: its literal form, its symmetry, its initial weights, and the grid of all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modaddlab import tasks
from modaddlab.models.grid import run_grid
from modaddlab.models.network import activate
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.models.two_layer import TwoLayerGrid, frequencies, theta_of

P = 11
MODELS = {
    f"{activation}, {'one-hot' if d_model is None else 'learned'}": TwoLayerSpec(
        d_mlp=10, activation=activation, d_model=d_model, init_scale=2.0
    )
    for activation in ("relu", "gelu", "quad", "id")
    for d_model in (None, 6)
}


@pytest.mark.parametrize("name", MODELS)
def test_forward_is_the_sum_over_neurons_written_out(name: str) -> None:
    model = MODELS[name]
    params = {key: value.astype(np.float64) for key, value in model.init_params(P, 1).items()}
    theta_PH, xi_HP = theta_of(params), params["mlp.W_out"]
    logits = model.forward(params, tasks.all_pairs(P), P).reshape(P, P, P)
    for a, b in ((0, 0), (3, 9), (9, 3)):
        hidden_H = activate(theta_PH[a] + theta_PH[b], model.activation)
        summed = sum(hidden_H[m] * xi_HP[m] for m in range(model.d_mlp))
        np.testing.assert_allclose(logits[a, b], summed, rtol=1e-10)
    np.testing.assert_allclose(logits, logits.transpose(1, 0, 2), rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_and_torch_run_the_same_forward(name: str) -> None:
    model, pairs = MODELS[name], tasks.all_pairs(P)
    params = {key: value.astype(np.float64) for key, value in model.init_params(P, 1).items()}
    by_torch = model.forward({key: torch.tensor(value) for key, value in params.items()}, torch.tensor(pairs), P)
    np.testing.assert_allclose(model.forward(params, pairs, P), by_torch, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_the_grid_is_the_forward_pass(name: str) -> None:
    model = MODELS[name]
    params = model.init_params(P, 1)
    grid = run_grid(params, model, P)
    assert isinstance(grid, TwoLayerGrid)
    exact = {key: value.astype(np.float64) for key, value in params.items()}
    logits = model.forward(exact, tasks.all_pairs(P), P)
    np.testing.assert_allclose(grid.logits_PPC.reshape(-1, P), logits, rtol=1e-9, atol=1e-12)
    assert grid.logits_PPC.dtype == grid.neurons_PPH.dtype == np.float64
    assert (grid.p, grid.neurons_PPH.shape) == (P, (P, P, model.d_mlp))
    np.testing.assert_array_equal(grid.theta_HP, theta_of(exact).T)
    np.testing.assert_array_equal(grid.W_E_PD, grid.theta_HP.T)
    np.testing.assert_array_equal(grid.xi_HP, exact["mlp.W_out"])
    np.testing.assert_array_equal(grid.W_L_HC, grid.xi_HP)


def test_weights_of_another_modulus_are_refused() -> None:
    model = TwoLayerSpec(d_mlp=10)
    with pytest.raises(ValueError, match=r"theta must have the shape \(p, d_mlp\) = \(7, 10\), found \(5, 10\)"):
        run_grid(model.init_params(5, 0), model, 7)


@pytest.mark.parametrize("d_model", [None, 64])
def test_random_weights_have_the_published_scale(d_model: int | None) -> None:
    model, p = TwoLayerSpec(d_mlp=4000, d_model=d_model, init_scale=0.3), 31
    params = model.init_params(p, 5)
    width = d_model or p
    assert {name: value.shape for name, value in params.items()} == model.param_shapes(p)
    for name, value in params.items():
        scale = (1.0 if name == "embed.W_E" else 0.3) / np.sqrt(width)
        assert value.dtype == np.float32
        assert value.std() == pytest.approx(scale, rel=0.05)
        assert abs(value.mean()) < 4 * scale / np.sqrt(value.size)
    again, other = model.init_params(p, 5), model.init_params(p, 6)
    assert all(np.array_equal(again[name], params[name]) and not np.array_equal(other[name], params[name]) for name in params)


@pytest.mark.parametrize(("p", "d_mlp"), [(23, 512), (15, 40), (3, 5)])
def test_a_neuron_begins_with_one_cosine_in_and_out(p: int, d_mlp: int) -> None:
    model = TwoLayerSpec(d_mlp=d_mlp, init="single-frequency", init_scale=0.02)
    params = model.init_params(p, 3)
    frequency_H = frequencies(model, p, 3)
    counts = np.bincount(frequency_H, minlength=(p + 1) // 2)[1:]
    assert counts.sum() == d_mlp
    assert counts.max() - counts.min() <= 1
    phases = []
    for weights_HP in (theta_of(params).T, params["mlp.W_out"]):
        spectrum_HK = np.fft.rfft(weights_HP.astype(np.float64), axis=1)
        own_H = spectrum_HK[np.arange(d_mlp), frequency_H]
        np.testing.assert_allclose(np.abs(own_H), 0.02 * p / 2, rtol=1e-5)
        np.testing.assert_allclose((np.abs(spectrum_HK) ** 2).sum(axis=1), np.abs(own_H) ** 2, rtol=1e-9)
        phases.append(np.angle(own_H))
    if d_mlp > 100:  # independent and uniform: the mean of n random unit vectors is about 1/sqrt(n) long
        for angles in (*phases, phases[0] - phases[1]):
            assert abs(np.exp(1j * angles).mean()) < 4 / np.sqrt(d_mlp)
