"""The fast step of the two-layer network against the plain one-hot step in float64, and the optimizer against torch's."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from modaddlab import tasks
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.store.store import Store
from modaddlab.tasks import Operation
from modaddlab.training import loop
from modaddlab.training.exact import ExactBlock
from modaddlab.training.optimizer import Optimizer
from modaddlab.training.steps import two_layer
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep
from modaddlab.training.steps.two_layer import UnorderedPairs

MODELS = {
    f"{activation}, {'one-hot' if d_model is None else 'learned'}": TwoLayerSpec(
        d_mlp=20, activation=activation, d_model=d_model, init_scale=3.0
    )
    for activation in ("relu", "gelu", "quad", "id")
    for d_model in (None, 6)
}
TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=11, train_frac=0.7),
    model=TwoLayerSpec(d_mlp=24),
    optim=OptimSpec(lr=1e-3),
    record=RecordSpec(metrics_every=5, snapshots=3, snapshot_dtype="float32"),
    steps=60,
)


def batch(p: int, train_frac: float, operation: Operation) -> tuple[torch.Tensor, torch.Tensor]:
    task = TaskSpec(p=p, train_frac=train_frac, operation=operation)
    train = tasks.split(task, 0)[0]
    return torch.tensor(tasks.all_pairs(p)[train]), torch.tensor(tasks.labels(task, 0)[train])


@pytest.mark.parametrize("operation", ["add", "subtract", "random"])
@pytest.mark.parametrize("train_frac", [0.02, 0.4, 1.0])
@pytest.mark.parametrize("p", [10, 11])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("block", [1, 2**18])
def test_loss_gradients_and_logits_equal_the_plain_step(
    block: int, name: str, p: int, train_frac: float, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_layer, "BLOCK_NUMBERS", block)
    model, (pairs, labels) = MODELS[name], batch(p, train_frac, operation)
    params = {key: torch.tensor(value) for key, value in model.init_params(p, 3).items()}
    exact = {key: value.double() for key, value in params.items()}
    found, expected = ({key: torch.full_like(value, torch.nan) for key, value in part.items()} for part in (params, exact))
    reference, step = PlainStep(model, p, pairs, labels), UnorderedPairs(model, p, pairs, labels)
    assert len(step.blocks) == 1 if block > 1 else len(step.blocks) > 1 or train_frac < 1

    loss = step.gradients(params, found)
    assert loss == pytest.approx(reference.gradients(exact, expected).item(), rel=1e-6)
    for key in exact:
        assert (found[key] - expected[key]).norm() / expected[key].norm() < 5e-6, key
    again = {key: torch.full_like(value, torch.nan) for key, value in params.items()}
    assert step.gradients(params, again, with_loss=False) is None
    assert all(torch.equal(again[key], found[key]) for key in params)

    logits = reference.logits(exact)
    np.testing.assert_allclose(step.logits(params), logits, atol=2e-6 * float(logits.abs().max()))
    right_E, loss_E = step.right_and_loss(params)
    entry = step.entry_of_ordered_B
    assert torch.equal(right_E[entry], logits.argmax(dim=1) == labels)
    expected_loss = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    np.testing.assert_allclose(loss_E[entry], expected_loss, rtol=1e-5, atol=2e-6 * float(logits.abs().max()))


def test_a_sure_network_still_has_a_gradient() -> None:
    """Right answers with probability 1 - 1e-12: n softmax - t cancels in float64, not in float32."""
    model, p = TwoLayerSpec(d_mlp=11, activation="id"), 11
    pairs, labels = torch.tensor([[1, 2], [2, 1], [4, 4]]), torch.tensor([3, 3, 8])
    theta = torch.zeros(p, 11)
    theta[[1, 2, 4], [3, 3, 8]] = torch.tensor([15.0, 15.0, 15.0])
    params = {"mlp.W_in": theta, "mlp.W_out": torch.eye(11)}
    exact = {key: value.double() for key, value in params.items()}
    found, expected = ({key: torch.empty_like(value) for key, value in part.items()} for part in (params, exact))
    loss = UnorderedPairs(model, p, pairs, labels).gradients(params, found)
    assert loss == pytest.approx(PlainStep(model, p, pairs, labels).gradients(exact, expected).item(), rel=1e-3)
    for key in exact:
        assert 0 < expected[key].norm() < 1e-9
        assert (found[key] - expected[key]).norm() / expected[key].norm() < 1e-3


def test_a_second_call_on_other_weights_keeps_nothing_of_the_first() -> None:
    model, p = MODELS["relu, learned"], 11
    step = UnorderedPairs(model, p, *batch(p, 0.4, "add"))
    params = {key: torch.tensor(value) for key, value in model.init_params(p, 3).items()}
    first, other, again = ({key: torch.empty_like(value) for key, value in params.items()} for _ in range(3))
    step.gradients(params, first)
    step.gradients({key: 2 * value for key, value in params.items()}, other)
    step.gradients(params, again)
    assert all(torch.equal(first[key], again[key]) and not torch.equal(first[key], other[key]) for key in params)


@pytest.mark.parametrize("train_frac", [0.5, 1.0])
@pytest.mark.parametrize("operation", ["add", "subtract"])
def test_the_recorded_metrics_are_those_of_the_ordered_pairs(train_frac: float, operation: Operation) -> None:
    task = TaskSpec(p=11, train_frac=train_frac, operation=operation)
    spec = dataclasses.replace(TINY, task=task, model=MODELS["relu, learned"])
    params = {key: torch.tensor(value) for key, value in MODELS["relu, learned"].init_params(11, 1).items()}
    block = ExactBlock(spec, torch.device("cpu"))
    data = block.data
    block.params = params
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
@pytest.mark.parametrize("name", ["relu, one-hot", "quad, learned"])
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
    "optim", [OptimSpec(), OptimSpec(optimizer="sgd", weight_decay=0.0), OptimSpec(optimizer="sgd", weight_decay=0.3)]
)
def test_the_optimizer_gives_the_bits_of_torch_s(optim: OptimSpec) -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(1000, generator=generator)
    theirs = torch.nn.Parameter(flat.clone())
    theirs.grad = torch.empty(1000)
    mine = Optimizer(optim, flat, torch.empty(1000))
    if optim.optimizer == "adamw":
        reference: torch.optim.Optimizer = torch.optim.AdamW([theirs], betas=(0.9, 0.98), weight_decay=1.0, fused=True)
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
    assert loss is not None
    penalty = sum(value.abs().sum().item() for value in params.values())
    assert loss.item() == pytest.approx(plain.item() + 1e-3 * penalty, rel=1e-6)
    for key in params:
        np.testing.assert_allclose(grads[key], expected[key] + 1e-3 * params[key].sign(), atol=1e-6)
