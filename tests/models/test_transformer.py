"""The transformer: its initial weights, its names, and its forward pass against a loop over single pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from modaddlab import tasks
from modaddlab.models.network import Activation, activate
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import forward, layer_norm

SMALL: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
MODELS = {
    "one layer": TransformerSpec(**SMALL),
    "two layers": TransformerSpec(**SMALL, n_layers=2),
    "three layers, layer norm": TransformerSpec(**SMALL, n_layers=3, layer_norm=True, activation="gelu"),
    "not causal, no biases": TransformerSpec(**SMALL, n_layers=2, causal=False, mlp_biases=False, activation="quad"),
    "p outputs": TransformerSpec(**SMALL, predict_equals=False, activation="id"),
}
P = 6


def some_params(model: TransformerSpec, p: int = P) -> dict[str, np.ndarray]:
    """Random float64 weights, biases and LayerNorm weights included."""
    rng = np.random.default_rng(5)
    return {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.init_params(p, 1).items()}


def tokens(p: int = P) -> np.ndarray:
    return np.concatenate([tasks.all_pairs(p), np.full((p * p, 1), p)], axis=1)


def slow_logits(params: dict[str, np.ndarray], model: TransformerSpec, a: int, b: int) -> np.ndarray:
    """The definition, for one pair, with loops over positions and heads."""

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        if not model.layer_norm:
            return x
        return (x - x.mean()) / math.sqrt(x.var() + 1e-5) * params[f"{name}.w"] + params[f"{name}.b"]

    def act(x: float) -> float:
        return {"relu": max(x, 0.0), "gelu": x * 0.5 * math.erfc(-x / math.sqrt(2)), "quad": x**2, "id": x}[model.activation]

    stream = [params["embed.W_E"][token] + params["pos_embed.W_pos"][t] for t, token in enumerate((a, b, P))]
    for i in range(model.n_layers):
        read = [norm(x, f"blocks.{i}.ln1") for x in stream]
        after = []
        for t in range(3):
            x = stream[t].copy()
            for head in range(model.n_heads):
                W_Q, W_K, W_V, W_O = (params[f"blocks.{i}.attn.W_{letter}"][head] for letter in "QKVO")
                seen = range(t + 1) if model.causal else range(3)
                scores = [(read[t] @ W_Q) @ (read[s] @ W_K) / math.sqrt(model.d_head) for s in seen]
                weights = [math.exp(score) / sum(math.exp(other) for other in scores) for score in scores]
                for s, weight in zip(seen, weights, strict=True):
                    x += weight * (read[s] @ W_V @ W_O)
            pre = norm(x, f"blocks.{i}.ln2") @ params[f"blocks.{i}.mlp.W_in"]
            if model.mlp_biases:
                pre = pre + params[f"blocks.{i}.mlp.b_in"]
            x = x + np.array([act(value) for value in pre]) @ params[f"blocks.{i}.mlp.W_out"]
            after.append(x + params[f"blocks.{i}.mlp.b_out"] if model.mlp_biases else x)
        stream = after
    return norm(stream[2], "ln_final") @ params["unembed.W_U"]


@pytest.mark.parametrize("name", MODELS)
def test_forward_against_the_loop(name: str) -> None:
    model = MODELS[name]
    params = some_params(model)
    found = forward(params, tokens(), model)
    assert found.dtype == np.float64
    assert found.shape == (P * P, P + 1 if model.predict_equals else P)
    expected = [slow_logits(params, model, a, b) for a in range(P) for b in range(P)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_the_last_position_alone_gives_the_same_logits(name: str) -> None:
    model = MODELS[name]
    params = some_params(model)
    full: dict[str, np.ndarray] = {}
    last: dict[str, np.ndarray] = {}
    np.testing.assert_allclose(
        forward(params, tokens(), model, last, last_only=True), forward(params, tokens(), model, full), rtol=1e-10, atol=1e-12
    )
    assert full.keys() == last.keys()
    for hook in ("attn.hook_pattern", "attn.hook_z"):  # positions on the third axis
        hook = f"blocks.{model.n_layers - 1}.{hook}"
        np.testing.assert_allclose(last[hook][:, :, -1], full[hook][:, :, -1], rtol=1e-10, atol=1e-12)
    for hook in ("mlp.hook_post", "hook_resid_mid", "hook_resid_post"):
        hook = f"blocks.{model.n_layers - 1}.{hook}"
        np.testing.assert_allclose(last[hook][:, -1], full[hook][:, -1], rtol=1e-10, atol=1e-12)


def test_a_causal_network_looks_only_back() -> None:
    model = MODELS["two layers"]
    cache: dict[str, np.ndarray] = {}
    forward(some_params(model), tokens(), model, cache)
    for i in range(2):
        pattern = cache[f"blocks.{i}.attn.hook_pattern"]
        np.testing.assert_array_equal(pattern[:, :, *np.triu_indices(3, 1)], 0)
        np.testing.assert_allclose(pattern.sum(-1), 1)
        assert (pattern[:, :, *np.tril_indices(3)] > 0).all()
    first_position = cache["blocks.1.hook_resid_post"][:, 0].reshape(P, P, -1)
    np.testing.assert_allclose(first_position, np.broadcast_to(first_position[:, :1], first_position.shape))


def test_a_network_that_is_not_causal_looks_ahead() -> None:
    model = MODELS["not causal, no biases"]
    cache: dict[str, np.ndarray] = {}
    forward(some_params(model), tokens(), model, cache)
    assert (cache["blocks.0.attn.hook_pattern"] > 0).all()
    first_position = cache["blocks.0.hook_resid_post"][:, 0].reshape(P, P, -1)
    assert np.abs(first_position - first_position[:, :1]).max() > 1e-3


def test_parameters_have_the_published_names() -> None:
    """TransformerLens's names and shapes, in row convention."""
    assert TransformerSpec().param_shapes(113) == {
        "embed.W_E": (114, 128),
        "pos_embed.W_pos": (3, 128),
        "blocks.0.attn.W_Q": (4, 128, 32),
        "blocks.0.attn.W_K": (4, 128, 32),
        "blocks.0.attn.W_V": (4, 128, 32),
        "blocks.0.attn.W_O": (4, 32, 128),
        "blocks.0.mlp.W_in": (128, 512),
        "blocks.0.mlp.b_in": (512,),
        "blocks.0.mlp.W_out": (512, 128),
        "blocks.0.mlp.b_out": (128,),
        "unembed.W_U": (128, 114),
    }


@pytest.mark.parametrize(
    ("changes", "gone", "new"),
    [
        ({"mlp_biases": False}, {"blocks.0.mlp.b_in", "blocks.0.mlp.b_out"}, set()),
        (
            {"layer_norm": True},
            set(),
            {f"{at}.{leaf}" for at in ("blocks.0.ln1", "blocks.0.ln2", "ln_final") for leaf in "wb"},
        ),
        (
            {"n_layers": 2},
            set(),
            {f"blocks.1.attn.W_{letter}" for letter in "QKVO"}
            | {f"blocks.1.mlp.{leaf}" for leaf in ("W_in", "b_in", "W_out", "b_out")},
        ),
    ],
)
def test_options_add_and_remove_parameters(changes: dict[str, Any], gone: set[str], new: set[str]) -> None:
    before, after = set(TransformerSpec().param_shapes(113)), set(TransformerSpec(**changes).param_shapes(113))
    assert (before - after, after - before) == (gone, new)
    assert set(TransformerSpec(**changes).init_params(7, 0)) == after


def test_the_paper_s_text_has_no_output_for_equals() -> None:
    assert TransformerSpec(predict_equals=False).param_shapes(113)["unembed.W_U"] == (128, 113)


def test_initial_weights_have_the_published_scale() -> None:
    params = TransformerSpec(layer_norm=True).init_params(113, 0)
    for name, value in params.items():
        assert value.dtype == np.float32
        if name.endswith((".b", "b_in", "b_out")):
            np.testing.assert_array_equal(value, 0)
        elif name.endswith(".w"):
            np.testing.assert_array_equal(value, 1)
        else:
            scale = 1 / math.sqrt(114 if name == "unembed.W_U" else 128)
            n = value.size
            assert abs(value.mean()) < 4 * scale / math.sqrt(n), name
            assert abs(value.std() / scale - 1) < 4 / math.sqrt(2 * n), name
            assert abs((value**4).mean() / scale**4 - 3) < 4 * math.sqrt(96 / n), name  # a normal distribution's


def test_initial_weights_of_pytorch_s_layers() -> None:
    mine = TransformerSpec(init="layers", predict_equals=False).init_params(113, 0)
    torch.manual_seed(0)
    layers = {
        "embed.W_E": torch.nn.Embedding(114, 128).weight,
        "blocks.0.mlp.W_in": torch.nn.Linear(128, 512).weight,
        "blocks.0.mlp.b_in": torch.nn.Linear(128, 512).bias,
        "blocks.0.mlp.W_out": torch.nn.Linear(512, 128).weight,
        "blocks.0.mlp.b_out": torch.nn.Linear(512, 128).bias,
        "unembed.W_U": torch.nn.Linear(128, 113).weight,
    }
    for name, layer in layers.items():
        reference = layer.detach().numpy()
        tolerance = 6 / math.sqrt(reference.size)
        assert abs(mine[name].std() / reference.std() - 1) < tolerance, name
        assert abs((mine[name] ** 4).mean() / (reference**4).mean() - 1) < 4 * tolerance, name
    scaled = TransformerSpec(predict_equals=False).init_params(113, 0)
    np.testing.assert_array_equal(mine["blocks.0.attn.W_Q"], scaled["blocks.0.attn.W_Q"])


def test_initial_weights_depend_on_the_seed_alone() -> None:
    model = TransformerSpec(**SMALL)
    first = model.init_params(7, 3)
    torch.manual_seed(11)
    np.random.default_rng(11)
    again, other = model.init_params(7, 3), model.init_params(7, 4)
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        if not name.endswith(("b_in", "b_out")):
            assert not np.isin(value, other[name]).any()
    drawn = np.concatenate([value.ravel() for name, value in first.items() if not name.endswith(("b_in", "b_out"))])
    assert len(np.unique(drawn)) == len(drawn)  # no stream is used twice


def test_initial_weights_are_pinned() -> None:
    """A change of the initial weights changes every run: raise the family's train_version."""
    params = TransformerSpec().init_params(113, 0)
    found = [params["embed.W_E"][0, 0], params["blocks.0.attn.W_O"][3, 31, 127], params["unembed.W_U"][127, 113]]
    np.testing.assert_allclose(found, [0.0111130867, 0.0593273081, 0.0499130599], rtol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "gelu", "quad", "id"])
def test_activations_equal_torch_s_on_both_kinds_of_array(activation: Activation) -> None:
    x = np.concatenate([np.linspace(-9, 9, 1001), [0.0, -0.0, 1e-30, -1e-30]])
    reference = {
        "relu": torch.nn.functional.relu,
        "gelu": torch.nn.functional.gelu,
        "quad": torch.square,
        "id": torch.nn.Identity(),
    }[activation]
    expected = reference(torch.tensor(x)).numpy()
    np.testing.assert_allclose(activate(x, activation), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(activate(torch.tensor(x), activation).numpy(), expected, rtol=1e-12, atol=1e-15)


def test_layer_norm_equals_torch_s() -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = rng.standard_normal((4, 3, 10)) * 5 + 2, rng.standard_normal(10), rng.standard_normal(10)
    expected = torch.nn.functional.layer_norm(torch.tensor(x), (10,), torch.tensor(weight), torch.tensor(bias), 1e-5)
    np.testing.assert_allclose(layer_norm(x, weight, bias), expected, rtol=1e-12)
    small = x * 1e-4  # where the 1e-5 in the denominator matters
    expected = torch.nn.functional.layer_norm(torch.tensor(small), (10,), torch.tensor(weight), torch.tensor(bias), 1e-5)
    np.testing.assert_allclose(layer_norm(small, weight, bias), expected, rtol=1e-12)


def test_a_network_with_layer_norm_ignores_the_scale_of_the_stream() -> None:
    model = TransformerSpec(**SMALL, layer_norm=True)
    params = some_params(model)
    last = ["blocks.0.mlp.W_out", "blocks.0.mlp.b_out", "blocks.0.attn.W_O", "embed.W_E", "pos_embed.W_pos"]
    scaled = {name: value * (1e3 if name in last else 1) for name, value in params.items()}
    more = {name: value * (1e6 if name in last else 1) for name, value in params.items()}
    np.testing.assert_allclose(forward(scaled, tokens(), model), forward(more, tokens(), model), rtol=1e-6, atol=1e-8)
