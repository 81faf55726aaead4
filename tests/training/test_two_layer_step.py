"""Runs of the two-layer network, compiled and by autograd, against plain ones; the optimizer against torch's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.store.store import Store
from modaddlab.tasks import Operation
from modaddlab.training import loop
from modaddlab.training.blocks import new_block
from modaddlab.training.optimizer import Optimizer
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep

MODELS = {
    "relu, one-hot": TwoLayerSpec(d_mlp=20, init_scale=3.0),
    "gelu, one-hot": TwoLayerSpec(d_mlp=20, activation="gelu", init_scale=3.0),
    "relu, learned": TwoLayerSpec(d_mlp=20, d_model=6, init_scale=3.0),
    "quad, learned": TwoLayerSpec(d_mlp=20, activation="quad", d_model=6, init_scale=3.0),
}
TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=11, train_frac=0.7),
    model=TwoLayerSpec(d_mlp=24),
    optim=OptimSpec(lr=1e-3),
    record=RecordSpec(metrics_every=5, snapshots=3, snapshot_dtype="float32"),
    steps=60,
)

pytestmark = pytest.mark.usefixtures("one_thread", "compiled_loops")


@pytest.mark.parametrize("train_frac", [0.5, 1.0])
@pytest.mark.parametrize("operation", ["add", "subtract"])
@pytest.mark.parametrize("name", ["relu, one-hot", "relu, learned"])
def test_the_recorded_metrics_are_those_of_the_ordered_pairs(name: str, train_frac: float, operation: Operation) -> None:
    task = TaskSpec(p=11, train_frac=train_frac, operation=operation)
    spec = dataclasses.replace(TINY, task=task, model=MODELS[name])
    block, data = new_block([spec], "cpu"), TrainingSet(spec, torch.device("cpu"))
    params = {key: torch.tensor(value) for key, value in block.weights(0).items()}
    [row] = block.measure()
    grid = run_grid({key: value.numpy() for key, value in params.items()}, spec.model, 11)
    logits = torch.tensor(grid.logits_PPC.reshape(-1, 11))
    loss = torch.nn.functional.cross_entropy(logits, data.labels, reduction="none")
    right = (logits.argmax(dim=1) == data.labels).double()
    for part, rows in (("train", data.train), ("test", data.test)):
        if len(rows):
            assert row[f"{part}_loss"] == pytest.approx(loss[rows].mean().item(), rel=1e-5)
            assert row[f"{part}_accuracy"] == pytest.approx(right[rows].mean().item())
        else:
            assert np.isnan(row[f"{part}_loss"])
    energy = np.abs(np.fft.rfft(grid.W_E_PD, axis=0)[1:]) ** 2 * 2 / 11
    np.testing.assert_allclose(row["energy_W_E"], energy.sum(axis=1), rtol=1e-4)
    energy = np.abs(np.fft.rfft(grid.W_L_HC.T, axis=0)[1:]) ** 2 * 2 / 11
    np.testing.assert_allclose(row["energy_W_L"], energy.sum(axis=1), rtol=1e-4)
    assert row["norm/mlp.W_in"] == pytest.approx(float(params["mlp.W_in"].norm()), rel=1e-6)


@pytest.mark.parametrize("optim", [OptimSpec(lr=1e-3), OptimSpec(optimizer="sgd", lr=0.1, weight_decay=0.0)])
@pytest.mark.parametrize("name", ["relu, one-hot", "gelu, one-hot", "quad, learned"])
def test_the_fast_run_follows_the_plain_one(name: str, optim: OptimSpec, tmp_path: Path) -> None:
    spec = dataclasses.replace(TINY, model=dataclasses.replace(MODELS[name], init_scale=1.0), optim=optim)
    record = loop.train(spec, Store(tmp_path), threads=1)
    params = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in spec.model.init_params(11, spec.seed).items()}
    data = TrainingSet(spec, torch.device("cpu"))
    plain = PlainStep(spec.model, 11, data.pairs[data.train], data.labels[data.train])
    if optim.optimizer == "adamw":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(params.values(), betas=(0.9, 0.98), weight_decay=1.0)
    else:
        optimizer = torch.optim.SGD(params.values())
    losses = []
    for step in range(spec.steps + 1):
        grads = {key: torch.empty_like(value) for key, value in params.items()}
        losses.append(plain.gradients(params, grads).item())
        for key, param in params.items():
            param.grad = grads[key]
        optimizer.param_groups[0]["lr"] = optim.lr * min(step / 10, 1)
        if step < spec.steps:
            optimizer.step()
    np.testing.assert_allclose(record.metrics["objective"], losses[::5], rtol=2e-5)
    np.testing.assert_allclose(record.metrics["train_loss"], losses[::5], rtol=2e-5)
    for key, value in record.final.items():
        np.testing.assert_allclose(value, params[key].detach(), atol=2e-5, err_msg=key)


@pytest.mark.parametrize(
    "optim",
    [
        OptimSpec(),
        OptimSpec(optimizer="adam", weight_decay=0.3),
        OptimSpec(optimizer="sgd", weight_decay=0.0),
        OptimSpec(optimizer="sgd", weight_decay=0.3),
    ],
)
def test_the_optimizer_gives_the_bits_of_torch_s(optim: OptimSpec) -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(1000, generator=generator)
    theirs = torch.nn.Parameter(flat.clone())
    theirs.grad = torch.empty(1000)
    mine = Optimizer(optim, flat, torch.empty(1000))
    if optim.optimizer in ("adam", "adamw"):
        rule = torch.optim.Adam if optim.optimizer == "adam" else torch.optim.AdamW
        reference: torch.optim.Optimizer = rule([theirs], betas=(0.9, 0.98), weight_decay=optim.weight_decay, fused=True)
    else:
        reference = torch.optim.SGD([theirs], weight_decay=optim.weight_decay)
    for step in range(20):
        mine.grad.copy_(torch.randn(1000, generator=generator))
        theirs.grad.copy_(mine.grad)
        reference.param_groups[0]["lr"] = 1e-2 * step
        mine.step(1e-2 * step)
        reference.step()
        assert torch.equal(flat, theirs.detach())


def test_minibatches_and_l1_go_through_the_same_step() -> None:
    spec = dataclasses.replace(TINY, optim=OptimSpec(batch_size=16, l1=1e-3), steps=10)
    data = TrainingSet(spec, torch.device("cpu"))
    params = {key: torch.tensor(value) for key, value in TINY.model.init_params(11, 0).items()}
    grads = {key: torch.empty_like(value) for key, value in params.items()}
    loss = data.gradients(0, params, grads)
    rows = data._minibatch(0)
    expected = {key: torch.empty_like(value) for key, value in params.items()}
    plain = PlainStep(TINY.model, 11, data.pairs[rows], data.labels[rows]).gradients(params, expected)
    penalty = sum(value.abs().sum().item() for value in params.values())
    assert loss.item() == pytest.approx(plain.item() + 1e-3 * penalty, rel=1e-6)
    for key in params:
        np.testing.assert_allclose(grads[key], expected[key] + 1e-3 * params[key].sign(), atol=1e-6)
