"""The grid of all pairs: its parts add up to the logits, and it agrees with the plain forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modaddlab import tasks
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import TransformerGrid, forward

SMALL: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
MODELS = {
    "one layer": TransformerSpec(**SMALL),
    "two layers": TransformerSpec(**SMALL, n_layers=2),
    "no biases, gelu": TransformerSpec(**SMALL, mlp_biases=False, activation="gelu"),
    "p outputs, two layers, quad": TransformerSpec(**SMALL, n_layers=2, predict_equals=False, activation="quad"),
    "layer norm": TransformerSpec(**SMALL, n_layers=2, layer_norm=True),
}
Case = tuple[TransformerSpec, TransformerGrid, dict[str, np.ndarray]]
PLAIN = [name for name in MODELS if name != "layer norm"]
P = 23  # 529 pairs: more than one chunk


@pytest.fixture(scope="module", params=MODELS)
def case(request: pytest.FixtureRequest) -> Case:
    model = MODELS[request.param]
    rng = np.random.default_rng(5)
    params = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.init_params(P, 1).items()}
    params = {name: value.astype(np.float32) for name, value in params.items()}
    return model, run_grid(params, model, P), params


def test_the_grid_is_the_forward_pass_at_the_last_position(case: Case) -> None:
    model, grid, params = case
    tokens = np.concatenate([tasks.all_pairs(P), np.full((P * P, 1), P)], axis=1)
    cache: dict[str, np.ndarray] = {}
    exact = {name: value.astype(np.float64) for name, value in params.items()}
    logits = forward(exact, tokens, model, cache)
    block = f"blocks.{model.n_layers - 1}"
    expected = {
        "logits_PPC": logits[:, :P],
        "neurons_PPH": cache[f"{block}.mlp.hook_post"][:, 2],
        "pattern_PPn3": cache[f"{block}.attn.hook_pattern"][:, :, 2],
        "resid_pre_PPD": cache[f"{block}.hook_resid_pre"][:, 2],
        "resid_mid_PPD": cache[f"{block}.hook_resid_mid"][:, 2],
    }
    for name, value in expected.items():
        found = getattr(grid, name)
        assert found.dtype == np.float64
        assert found.shape[:2] == (P, P)
        np.testing.assert_allclose(found.reshape(P * P, *found.shape[2:]), value, rtol=1e-10, atol=1e-12, err_msg=name)
    for a, b in ((0, 0), (3, 17), (22, 1)):  # rows are a, columns are b
        one = forward(exact, np.array([[a, b, P]]), model)
        np.testing.assert_allclose(grid.logits_PPC[a, b], one[0, :P], rtol=1e-10)


def test_the_heads_are_what_attention_adds(case: Case) -> None:
    model, grid, _ = case
    assert grid.heads_PPnD.shape == (P, P, model.n_heads, model.d_model)
    np.testing.assert_allclose(grid.heads_PPnD.sum(2), grid.resid_mid_PPD - grid.resid_pre_PPD, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(grid.pattern_PPn3.sum(-1), 1)


def test_the_logits_are_the_sum_of_their_parts(case: Case) -> None:
    model, grid, params = case
    if model.layer_norm:
        with pytest.raises(ValueError, match="LayerNorm"):
            grid.logits_from()
        with pytest.raises(ValueError, match="LayerNorm"):
            grid.neurons_from(grid.resid_mid_PPD)
        return
    block = f"blocks.{model.n_layers - 1}.mlp"
    W_U = params["unembed.W_U"].astype(np.float64)[:, :P]
    b_out = params.get(f"{block}.b_out", np.zeros(model.d_model))
    neurons_share = grid.neurons_PPH @ (params[f"{block}.W_out"].astype(np.float64) @ W_U)
    np.testing.assert_allclose(neurons_share, grid.neurons_PPH @ grid.W_L_HC, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(grid.logits_PPC, neurons_share + (grid.resid_mid_PPD + b_out) @ W_U, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(grid.logits_from(), grid.logits_PPC, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(grid.neurons_from(grid.resid_mid_PPD), grid.neurons_PPH, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", PLAIN)
def test_replaced_parts_change_the_logits_linearly(name: str) -> None:
    model = MODELS[name]
    grid = run_grid(model.init_params(5, 0), model, 5)
    rng = np.random.default_rng(1)
    neurons, resid = rng.standard_normal(grid.neurons_PPH.shape), rng.standard_normal(grid.resid_mid_PPD.shape)
    both = grid.logits_from(neurons, resid)
    np.testing.assert_allclose(both - grid.logits_from(neurons), (resid - grid.resid_mid_PPD) @ grid.W_U_DC, atol=1e-10)
    np.testing.assert_allclose(
        both - grid.logits_from(resid_mid_PPD=resid), (neurons - grid.neurons_PPH) @ grid.W_L_HC, atol=1e-10
    )


def test_weights_are_cut_to_the_residues(case: Case) -> None:
    model, grid, params = case
    assert grid.p == P
    np.testing.assert_array_equal(grid.W_E_PD, params["embed.W_E"][:P])
    np.testing.assert_array_equal(grid.W_U_DC, params["unembed.W_U"][:, :P])
    assert grid.W_L_HC.shape == (model.d_mlp, P)
    assert grid.logits_PPC.shape == (P, P, P)
    assert all(value.dtype == np.float64 for value in grid.params.values())
