"""The transformer with an attention rate: its definition written out, its two ends, its weights, and a run of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modaddlab import LabError, RunSpec, Store, Study, tasks
from modaddlab.experiments.spec import RecordSpec
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import AttentionRateSpec
from modaddlab.tasks import TaskSpec
from modaddlab.training.loop import train

SMALL: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
P = 7


def some_params(model: AttentionRateSpec) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {name: value + 0.4 * rng.standard_normal(value.shape) for name, value in model.init_params(P, 1).items()}


def slow_logits(params: dict[str, np.ndarray], model: AttentionRateSpec, a: int, b: int) -> np.ndarray:
    """The definition at the head of the module, a position and a head at a time."""
    x = [params["embed.W_E"][token] + params["pos_embed.W_pos"][t] for t, token in enumerate((a, b))]
    for i in range(model.n_layers):
        W_Q, W_K, W_V, W_O = (params[f"blocks.{i}.attn.W_{name}"] for name in "QKVO")
        attended = []
        for t in range(2):
            added = np.zeros(model.d_model)
            for h in range(model.n_heads):
                scores = [(x[t] @ W_Q[h]) @ (x[s] @ W_K[h]) / math.sqrt(model.d_head) for s in range(2)]
                total = sum(math.exp(score) for score in scores)
                for s in range(2):
                    weight = model.attention_rate * math.exp(scores[s]) / total + (1 - model.attention_rate)
                    added += weight * (x[s] @ W_V[h] @ W_O[h])
            attended.append(x[t] + added)
        block = f"blocks.{i}.mlp"
        hidden = [np.maximum(y @ params[f"{block}.W_in"] + params[f"{block}.b_in"], 0) for y in attended]
        x = [y + z @ params[f"{block}.W_out"] + params[f"{block}.b_out"] for y, z in zip(attended, hidden, strict=True)]
    return x[1] @ params["unembed.W_U"]


@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_the_network_is_its_definition(rate: float, n_layers: int) -> None:
    model = AttentionRateSpec(**SMALL, n_layers=n_layers, attention_rate=rate)
    params, pairs = some_params(model), tasks.all_pairs(P)
    expected = np.array([slow_logits(params, model, a, b) for a, b in pairs])
    by_torch = model.forward({name: torch.tensor(value) for name, value in params.items()}, torch.tensor(pairs), P)
    grid = run_grid(params, model, P)
    for logits in (model.forward(params, pairs, P), model.logits(params, pairs, P), by_torch, grid.logits_PPC.reshape(-1, P)):
        np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-12)
    direct_PPD = grid.resid_mid_PPD + params[f"blocks.{n_layers - 1}.mlp.b_out"]
    parts = grid.neurons_PPH @ grid.W_L_HC + direct_PPD @ params["unembed.W_U"]
    np.testing.assert_allclose(parts, grid.logits_PPC, rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(grid.W_E_PD, params["embed.W_E"])
    np.testing.assert_allclose(grid.pattern_PPn2.sum(axis=-1), rate + 2 * (1 - rate), rtol=1e-12)


def test_constant_attention_is_one_everywhere_and_needs_no_keys() -> None:
    model = AttentionRateSpec(**SMALL, attention_rate=0.0)
    params = some_params(model)
    np.testing.assert_array_equal(run_grid(params, model, P).pattern_PPn2, 1.0)
    other = {**params, "blocks.0.attn.W_K": 5 * params["blocks.0.attn.W_K"] + 1}
    np.testing.assert_array_equal(run_grid(other, model, P).logits_PPC, run_grid(params, model, P).logits_PPC)


def test_weights_have_the_published_shapes_and_scales() -> None:
    model = AttentionRateSpec()
    params = model.init_params(59, 0)
    assert {name: value.shape for name, value in params.items()} == model.param_shapes(59)
    assert params["embed.W_E"].shape == (59, 128)
    assert params["pos_embed.W_pos"].shape == (2, 128)
    assert params["unembed.W_U"].shape == (128, 59)
    widths = {"W_in": 512, "W_U": 59}
    for name, value in params.items():
        leaf = name.rpartition(".")[2]
        if leaf[0] == "b":
            assert not value.any()
        elif value.size > 1000:
            assert value.std() == pytest.approx(widths.get(leaf, 128) ** -0.5, rel=0.05)
    again, other = model.init_params(59, 0), model.init_params(59, 1)
    assert all(np.array_equal(again[name], params[name]) for name in params)
    assert not np.array_equal(other["embed.W_E"], params["embed.W_E"])


@pytest.mark.parametrize("field", [{"attention_rate": 1.5}, {"attention_rate": -0.1}, {"n_layers": 5}, {"d_head": 5}])
def test_what_no_network_has_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(LabError, match=next(iter(field))):
        AttentionRateSpec(**(SMALL | field))


def test_a_run_of_it_is_a_record_and_a_study(tmp_path: Path) -> None:
    spec = RunSpec(
        name="small-rate",
        task=TaskSpec(p=P, train_frac=0.8),
        model=AttentionRateSpec(**SMALL, attention_rate=0.5),
        record=RecordSpec(snapshots=3),
        steps=30,
    )
    study = Study(train(spec, Store(tmp_path), threads=1))
    assert study.metrics["train_loss"][-1] < study.metrics["train_loss"][0]
    assert study.metrics["energy_W_L"].shape == (4, 3)
    assert study.spec == spec
    np.testing.assert_allclose(study.scores.train_loss, study.metrics["train_loss"][-1], rtol=1e-5)
    np.testing.assert_array_equal(study.embedding_PD, study.grid.W_E_PD)
    assert set(study.keys) <= {1, 2, 3}
    assert study.record.snapshot(0).keys() == spec.model.param_shapes(P).keys()
