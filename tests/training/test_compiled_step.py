"""The compiled step: shapes that fill no tile or vector, the space around the weights, updates, losses near 0 and far off."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
import torch

from modaddlab.experiments.spec import OptimSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.training.replicas import networks
from modaddlab.training.replicas.optimizer import TensorUpdate, UpdateState
from modaddlab.training.replicas.stack import Stack
from modaddlab.training.replicas.two_layer import TwoLayerBlock, must_compile
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep

CPU = torch.device("cpu")
SHAPES = {
    "smallest": RunSpec(task=TaskSpec(p=2, train_frac=0.75), model=TwoLayerSpec(d_mlp=1, activation="id")),
    "most pairs, one group and a bit": RunSpec(task=TaskSpec(p=7, train_frac=0.9), model=TwoLayerSpec(d_mlp=21)),
    "even modulus, rows of several blocks": RunSpec(
        task=TaskSpec(p=16, train_frac=0.5), model=TwoLayerSpec(d_mlp=80, activation="quad")
    ),
    "embedding, other activation": RunSpec(
        task=TaskSpec(p=25, train_frac=0.3), model=TwoLayerSpec(d_mlp=70, d_model=9, activation="quad")
    ),
    "answers of differences": RunSpec(
        task=TaskSpec(operation="subtract", p=31, train_frac=1.0), model=TwoLayerSpec(d_mlp=21, init_scale=3.0)
    ),
}
FAST = OptimSpec(lr=0.01, weight_decay=0.5, warmup_steps=3)

pytestmark = pytest.mark.usefixtures("one_thread")


def block_of(shape: str, n: int = 2, optim: OptimSpec = FAST) -> TwoLayerBlock:
    return TwoLayerBlock([dataclasses.replace(SHAPES[shape], seed=seed, optim=optim) for seed in range(n)])


def around(stack: Stack, flat: torch.Tensor) -> torch.Tensor:
    """The numbers of a flat vector that are no weights."""
    rest = flat.clone()
    for part in stack.views(rest).values():
        part.zero_()
    return rest


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_and_losses_equal_the_plain_step_after_some_steps(shape: str) -> None:
    block = block_of(shape)
    block.steps(20)
    block.stack.grad.fill_(torch.nan)
    block.gradients()
    for r, (row, params) in enumerate(zip(block.rows(20), one_by_one(block.stack.params), strict=True)):
        spec = dataclasses.replace(SHAPES[shape], seed=r)
        data = TrainingSet(spec, CPU)
        exact = {name: value.double() for name, value in params.items()}
        expected = {name: torch.empty_like(value) for name, value in exact.items()}
        plain = PlainStep(spec.model, spec.task.p, data.pairs[data.train], data.labels[data.train])  # type: ignore[arg-type]
        assert row["objective"] == pytest.approx(plain.gradients(exact, expected).item(), rel=2e-6)
        assert row["train_loss"] == pytest.approx(row["objective"], rel=1e-12)
        everything = PlainStep(spec.model, spec.task.p, data.pairs, data.labels)  # type: ignore[arg-type]
        right_B = everything.logits(exact).argmax(dim=1) == data.labels
        assert row["train_accuracy"] == pytest.approx(right_B[data.train].double().mean().item())
        for name, value in expected.items():
            assert (block.stack.grads[name][r] - value).norm() / value.norm() < 5e-6, name


def one_by_one(params: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    return [{name: value[r] for name, value in params.items()} for r in range(2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_space_around_the_weights_stays_0(shape: str) -> None:
    block = block_of(shape)
    before = block.stack.flat.clone()
    block.steps(20)
    assert not torch.equal(block.stack.flat, before)
    for flat in (block.stack.flat, block.stack.grad, *block.state.moments.values()):
        assert flat.any()
        assert not around(block.stack, flat).any()
    assert around(block.stack, torch.ones_like(block.stack.flat)).any()


@pytest.mark.parametrize("rule", ["adamw", "sgd"])
def test_an_update_is_that_of_the_tensors_rule(rule: Literal["adamw", "sgd"]) -> None:
    optims = [
        dataclasses.replace(FAST, optimizer=rule),
        OptimSpec(optimizer=rule, lr=2e-3, weight_decay=0.1, beta1=0.5, beta2=0.8, warmup_steps=0),
    ]
    specs = [dataclasses.replace(SHAPES["embedding, other activation"], seed=seed, optim=optims[seed]) for seed in range(2)]
    block, stack = TwoLayerBlock(specs), Stack(specs, CPU)
    state = UpdateState(optims, stack)
    expected, generator = TensorUpdate(state), torch.Generator().manual_seed(0)
    for _ in range(6):
        for name, gradient in stack.grads.items():
            gradient.copy_(torch.randn(gradient.shape, generator=generator))
            block.stack.grads[name].copy_(gradient)
        block.update()
        expected.step()
    assert block.state.t == state.t == 6
    for name, value in stack.params.items():
        torch.testing.assert_close(block.stack.params[name], value, rtol=2e-6, atol=1e-7)


def test_a_replica_that_is_lost_leaves_the_others_alone() -> None:
    block, healthy = block_of("answers of differences", n=3), block_of("answers of differences", n=3)
    for part in block.stack.params.values():
        part[1] = torch.nan
    block.steps(5)
    healthy.steps(5)
    for r, row in enumerate(block.rows(5)):
        assert np.isnan(row["objective"]) == (r == 1)
    for name, part in block.stack.params.items():
        assert torch.equal(part[[0, 2]], healthy.stack.params[name][[0, 2]]), name


def test_steps_in_one_call_have_the_bits_of_steps_one_by_one() -> None:
    one, other = block_of("embedding, other activation"), block_of("embedding, other activation")
    one.steps(7)
    for _ in range(7):
        other.gradients()
        other.update()
    assert one.state.t == other.state.t == 7
    torch.testing.assert_close(one.stack.flat, other.stack.flat, rtol=0, atol=0)
    assert not must_compile(SHAPES["embedding, other activation"].model)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e4])
def test_losses_are_exact_near_0_and_far_from_it(scale: float) -> None:
    """Logits scale * (0, 1, ..., 6) of every pair, by one neuron that is always 1."""
    spec = RunSpec(task=TaskSpec(p=7, train_frac=1.0), model=TwoLayerSpec(d_mlp=21, activation="relu"))
    block = TwoLayerBlock([spec])
    theta, xi = block.stack.params["mlp.W_in"][0], block.stack.params["mlp.W_out"][0]
    theta.zero_()
    xi.zero_()
    theta[:, 5] = 0.5
    xi[5] = scale * torch.arange(7)
    block.gradients()
    row = block.rows(0)[0]
    logits_C = (np.float32(scale) * np.arange(7, dtype=np.float32)).astype(np.longdouble)
    losses_C = np.log(np.exp(logits_C - logits_C[6]).sum()) + logits_C[6] - logits_C
    labels_B = block.measures.labels_RB[0].numpy()
    found_B = block.loss_RU2[0].ravel()[block.place_RB[0]]
    np.testing.assert_allclose(found_B, losses_C[labels_B].astype(np.float64), rtol=4e-16, atol=2e-16)
    assert row["train_accuracy"] == pytest.approx((labels_B == 6).mean())
    assert row["objective"] == pytest.approx(float(losses_C[labels_B].mean()), rel=1e-14)


def test_rows_are_whole_vectors_and_do_not_evict_each_other() -> None:
    for n_neurons in (1, 21, 32, 33, 64, 65, 512, 1000):
        row = networks.row_length(n_neurons)
        assert row % 16 == 0
        assert row >= n_neurons
        assert networks.columns(n_neurons) % 32 == 0
        assert row > networks.columns(n_neurons)
        assert row & (row - 1)
