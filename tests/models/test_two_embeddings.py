"""A hidden layer on two embeddings: its definition written out, its weights, and a run of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from modaddlab import LabError, RunSpec, Store, Study, tasks
from modaddlab.experiments.spec import RecordSpec
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TwoEmbeddingsSpec, TwoLayerSpec
from modaddlab.tasks import TaskSpec
from modaddlab.training.loop import train

P = 7
MODEL = TwoEmbeddingsSpec(d_model=6, d_mlp=10)


def test_the_network_is_its_definition() -> None:
    params = {name: value.astype(np.float64) for name, value in MODEL.init_params(P, 1).items()}
    W_x, W_y, W, W_U = params.values()
    expected = [
        sum(max(np.concatenate([W_x[a], W_y[b]]) @ W[:, m], 0) * W_U[m] for m in range(10)) for a, b in tasks.all_pairs(P)
    ]
    by_torch = {name: torch.tensor(value) for name, value in params.items()}
    pairs = tasks.all_pairs(P)
    grid = run_grid(params, MODEL, P)
    for logits in (
        MODEL.forward(params, pairs, P),
        MODEL.logits(params, pairs, P),
        MODEL.forward(by_torch, torch.tensor(pairs), P),
        MODEL.logits(by_torch, torch.tensor(pairs), P),
        grid.logits_PPC.reshape(-1, P),
    ):
        np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(grid.W_L_HC, W_U)
    np.testing.assert_allclose(grid.W_E_PD, np.hstack([W_x @ W[:6], W_y @ W[6:]]), rtol=1e-12)
    assert not np.allclose(grid.logits_PPC, grid.logits_PPC.transpose(1, 0, 2))


def test_with_one_embedding_twice_it_is_the_two_layer_network() -> None:
    rng = np.random.default_rng(0)
    W_E, W_in, W_out = rng.standard_normal((P, 6)), rng.standard_normal((6, 10)), rng.standard_normal((10, P))
    same = {"embed.W_x": W_E, "embed.W_y": W_E, "mlp.W": np.vstack([W_in, W_in]), "unembed.W_U": W_out}
    one = {"embed.W_E": W_E, "mlp.W_in": W_in, "mlp.W_out": W_out}
    expected = run_grid(one, TwoLayerSpec(d_mlp=10, d_model=6), P).logits_PPC
    np.testing.assert_allclose(run_grid(same, MODEL, P).logits_PPC, expected, rtol=1e-10, atol=1e-12)


def test_weights_have_the_published_shapes_and_scales() -> None:
    model = TwoEmbeddingsSpec()
    params = model.init_params(113, 0)
    assert {name: value.shape for name, value in params.items()} == {
        "embed.W_x": (113, 256),
        "embed.W_y": (113, 256),
        "mlp.W": (512, 128),
        "unembed.W_U": (128, 113),
    }
    for name, width in {"embed.W_x": 256, "embed.W_y": 256, "mlp.W": 512, "unembed.W_U": 128}.items():
        assert params[name].std() == pytest.approx(width**-0.5, rel=0.05)
    assert not np.array_equal(params["embed.W_x"], params["embed.W_y"])


def test_what_no_network_has_is_refused() -> None:
    with pytest.raises(LabError, match="d_mlp"):
        TwoEmbeddingsSpec(d_mlp=0)


def test_a_run_of_it_is_a_record_and_a_study(tmp_path: Path) -> None:
    record = RecordSpec(snapshots=3, weights="embedding")
    spec = RunSpec(name="two-embed", task=TaskSpec(p=P, train_frac=0.8), model=MODEL, record=record, steps=30)
    study = Study(train(spec, Store(tmp_path), threads=1))
    assert study.metrics["train_loss"][-1] < study.metrics["train_loss"][0]
    assert study.record.kept.keys() == {"embed.W_x", "embed.W_y", "mlp.W"}
    final = study.snapshot_grid(30)
    np.testing.assert_allclose(study.embedding_PD, final.W_E_PD, atol=2e-3)
    assert study.metrics["energy_W_E"].shape == (4, 3)
