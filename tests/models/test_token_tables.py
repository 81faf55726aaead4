"""The tables give the plain network's logits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab.models.registry import TransformerSpec
from modaddlab.models.token_tables import has_tables, pair_activations, pair_logits, pair_neurons, token_tables
from modaddlab.models.transformer import at_the_end, forward
from modaddlab.tasks import all_pairs

P = 7
MODEL = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=14)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"activation": "gelu"},
        {"mlp_biases": False},
        {"causal": False},
        {"predict_equals": False},
        {"n_layers": 2},
        {"layer_norm": True},
    ],
    ids=str,
)
def test_the_logits_are_those_of_the_plain_forward_pass(change: dict[str, object]) -> None:
    model = dataclasses.replace(MODEL, **change)  # type: ignore[arg-type]
    rng = np.random.default_rng(3)
    params = {name: value + 0.6 * rng.standard_normal(value.shape) for name, value in model.init_params(P, 1).items()}
    before = {name: value.copy() for name, value in params.items()}
    tokens = np.concatenate([all_pairs(P), np.full((P * P, 1), P)], axis=1)
    cache: dict[str, np.ndarray] = {}
    expected = forward(params, tokens, model, cache)[:, :P].reshape(P, P, P)
    np.testing.assert_allclose(pair_logits(params, model, P), expected, rtol=1e-9, atol=1e-9)
    neurons_PPH = cache[f"blocks.{model.n_layers - 1}.mlp.hook_post"][:, -1].reshape(P, P, -1)
    np.testing.assert_allclose(pair_neurons(params, model, P), neurons_PPH, rtol=1e-9, atol=1e-9)
    if has_tables(model):
        plain = at_the_end(params, tokens, model, P)
        for name, found in pair_activations(params, model, P).items():
            np.testing.assert_allclose(found, plain[name], rtol=1e-9, atol=1e-9, err_msg=name)
    for name, value in before.items():
        np.testing.assert_array_equal(params[name], value)


def test_attention_to_a_far_larger_score_is_certain() -> None:
    """Scores of 1000 would overflow a softmax that did not subtract the largest."""
    params = {name: value.astype(float) for name, value in MODEL.init_params(P, 0).items()}
    params["blocks.0.attn.W_K"] = 1e4 * params["blocks.0.attn.W_K"]
    pattern_Bn3 = token_tables(params, MODEL, P).pattern(*all_pairs(P).T)
    assert np.isfinite(pattern_Bn3).all()
    np.testing.assert_allclose(pattern_Bn3.sum(axis=-1), 1)


def test_two_layers_have_no_tables() -> None:
    deep = dataclasses.replace(MODEL, n_layers=2)
    with pytest.raises(ValueError, match="n_layers=2"):
        token_tables(deep.init_params(P, 0), deep, P)
