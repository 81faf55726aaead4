"""Dense layers on two embeddings: the four arrangements written out, their weights, and a run of one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from modaddlab import LabError, RunSpec, Store, Study, tasks
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import LinearLayersSpec
from modaddlab.tasks import TaskSpec
from modaddlab.training.loop import train

P = 7
Arrangement = Literal["A", "B", "C", "D"]


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


@pytest.mark.parametrize("arrangement", ["A", "B", "C", "D"])
def test_the_network_is_its_definition(arrangement: Arrangement) -> None:
    model = LinearLayersSpec(arrangement=arrangement, d_mlp=10)
    params = {name: value.astype(np.float64) for name, value in model.init_params(P, 1).items()}
    E, L1, b1, *second, W_U = params.values()
    expected = []
    for a, b in tasks.all_pairs(P):
        if arrangement == "D":
            h = relu(np.concatenate([E[a], E[b]]) @ L1 + b1)
        elif arrangement == "C":
            h = relu((E[a] @ L1 + b1) + (E[b] @ L1 + b1))
        else:
            h = relu((E[a] + E[b]) @ L1 + b1)
        expected.append((relu(h @ second[0] + second[1]) if arrangement in "BC" else h) @ W_U)
    grid, pairs = run_grid(params, model, P), tasks.all_pairs(P)
    by_torch = model.forward({name: torch.tensor(value) for name, value in params.items()}, torch.tensor(pairs), P)
    for logits in (model.forward(params, pairs, P), by_torch, grid.logits_PPC.reshape(-1, P)):
        np.testing.assert_allclose(logits, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(grid.neurons_PPH @ grid.W_L_HC, grid.logits_PPC, rtol=1e-12)
    np.testing.assert_array_equal(grid.W_E_PD, E)


def test_weights_have_the_published_shapes_and_scales() -> None:
    params = LinearLayersSpec(arrangement="B").init_params(59, 0)
    assert {name: value.shape for name, value in params.items()} == {
        "embed.W_E": (59, 256),
        "l1.W": (256, 256),
        "l1.b": (256,),
        "l2.W": (256, 256),
        "l2.b": (256,),
        "unembed.W_U": (256, 59),
    }
    for name, scale in {"embed.W_E": 128**-0.5, "unembed.W_U": 1 / 16, "l1.W": 1 / 16 / 3**0.5}.items():
        assert params[name].std() == pytest.approx(scale, rel=0.05)
    assert np.abs(params["l2.W"]).max() <= 1 / 16


def test_what_no_network_has_is_refused() -> None:
    with pytest.raises(LabError, match="d_mlp"):
        LinearLayersSpec(d_mlp=7)


def test_a_run_of_it_is_a_record_and_a_study(tmp_path: Path) -> None:
    model = LinearLayersSpec(arrangement="D", d_mlp=10)
    spec = RunSpec(name="dense", task=TaskSpec(p=P, train_frac=0.8), model=model, steps=30)
    study = Study(train(spec, Store(tmp_path), threads=1))
    assert study.metrics["train_loss"][-1] < study.metrics["train_loss"][0]
    assert study.embedding_PD.shape == (P, 5)
