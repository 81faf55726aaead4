"""The parts of a batch: stacked weights in and out, the optimizer against torch's, stacked gradients against the plain step."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
import torch

from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RunSpec, TaskSpec
from modaddlab.models.network import Network
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.training.exact import ExactBlock
from modaddlab.training.optimizer import StackedOptimizer
from modaddlab.training.stack import Stack
from modaddlab.training.stacked import StackedBlock, recorded
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep

CPU = torch.device("cpu")
SPEC = RunSpec(task=TaskSpec(p=11, train_frac=0.4), model=TwoLayerSpec(d_mlp=21, init_scale=3.0))
TRANSFORMER = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10)


def seeds(spec: RunSpec, n: int = 3) -> list[RunSpec]:
    return [dataclasses.replace(spec, seed=seed) for seed in range(n)]


@pytest.mark.parametrize("model", [SPEC.model, TwoLayerSpec(d_mlp=21, d_model=5), TRANSFORMER])
def test_a_stacked_vector_is_that_of_a_run_alone(model: Network) -> None:
    specs = seeds(dataclasses.replace(SPEC, model=model))
    stack = Stack(specs, CPU)
    for r, spec in enumerate(specs):
        np.testing.assert_array_equal(stack.one(stack.flat, r), ExactBlock(spec, CPU).state(0)["flat"])
        for name, value in model.init_params(11, spec.seed).items():
            np.testing.assert_array_equal(stack.weights(r)[name], value)
    values = np.arange(stack.n_weights, dtype=np.float32)
    others = [stack.one(stack.flat, r) for r in (0, 2)]
    stack.put(stack.flat, 1, values)
    np.testing.assert_array_equal(stack.one(stack.flat, 1), values)
    assert [np.array_equal(stack.one(stack.flat, r), other) for r, other in zip((0, 2), others, strict=True)] == [True, True]


@pytest.mark.parametrize("loss_dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "model",
    [
        *(TwoLayerSpec(d_mlp=21, activation=activation, init_scale=3.0) for activation in ("relu", "gelu", "quad", "id")),
        TwoLayerSpec(d_mlp=21, d_model=5, init_scale=3.0),
        TRANSFORMER,
    ],
)
def test_gradients_equal_the_plain_step(model: Network, loss_dtype: Literal["float64", "float32"]) -> None:
    specs = seeds(dataclasses.replace(SPEC, model=model, loss_dtype=loss_dtype))
    block = StackedBlock(specs, CPU, 7)
    block.stack.grad.fill_(torch.nan)
    for r, (spec, row) in enumerate(zip(specs, block.measure(), strict=True)):
        data = TrainingSet(spec, CPU)
        exact = {name: torch.tensor(value).double() for name, value in model.init_params(11, spec.seed).items()}
        expected = {name: torch.empty_like(value) for name, value in exact.items()}
        loss = PlainStep(model, 11, data.pairs[data.train], data.labels[data.train]).gradients(exact, expected)
        assert row["step"] == 7
        assert row["objective"] == pytest.approx(loss.item(), rel=2e-6)
        for name, value in expected.items():
            assert (block.stack.grads[name][r] - value).norm() / value.norm() < 5e-6, name


@pytest.mark.parametrize("model", [SPEC.model, TRANSFORMER])
def test_a_stack_goes_on_from_the_states_of_its_runs(model: Network) -> None:
    specs = seeds(dataclasses.replace(SPEC, model=model))
    whole, first = (StackedBlock(specs, CPU) for _ in range(2))
    whole.steps(7)
    first.steps(4)
    other = StackedBlock(specs, CPU, 4)
    alone = ExactBlock(specs[1], CPU, 4)
    alone.restore(0, first.state(1))
    for r in range(3):
        other.restore(r, first.state(r))
    for block in (other, alone):
        block.steps(3)
    for r in range(3):
        for name, value in whole.weights(r).items():
            np.testing.assert_allclose(other.weights(r)[name], value, atol=1e-6)
            if r == 1:
                np.testing.assert_allclose(alone.weights(0)[name], value, atol=1e-4)


OWN = [
    OptimSpec(lr=1e-2, weight_decay=0.0, warmup_steps=0),
    OptimSpec(lr=3e-3, weight_decay=2.0, beta1=0.8, beta2=0.999, warmup_steps=4),
    OptimSpec(lr=1e-3, warmup_steps=100),
]


@pytest.mark.parametrize("rule", ["adamw", "sgd"])
def test_every_replica_has_its_own_numbers(rule: str) -> None:
    optims = [dataclasses.replace(optim, optimizer=rule) for optim in OWN]
    stack = Stack(seeds(SPEC), CPU)
    mine, generator = StackedOptimizer(optims, stack), torch.Generator().manual_seed(0)
    theirs = [{name: torch.nn.Parameter(value[r].clone()) for name, value in stack.params.items()} for r in range(3)]
    references: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(params.values(), betas=(optim.beta1, optim.beta2), weight_decay=optim.weight_decay)
        if rule == "adamw"
        else torch.optim.SGD(params.values(), weight_decay=optim.weight_decay)
        for params, optim in zip(theirs, optims, strict=True)
    ]
    for step in range(12):
        for name, grad in stack.grads.items():
            grad.copy_(torch.randn(grad.shape, generator=generator))
            for r in range(3):
                theirs[r][name].grad = grad[r].clone()
        for reference, optim in zip(references, optims, strict=True):
            reference.param_groups[0]["lr"] = optim.lr * min(step / optim.warmup_steps if optim.warmup_steps else 1, 1)
            reference.step()
        mine.step()
    assert mine.step_number == 12
    for r in range(3):
        for name, value in stack.params.items():
            torch.testing.assert_close(value[r], theirs[r][name].detach(), rtol=2e-6, atol=1e-7)


def test_two_update_rules_do_not_mix() -> None:
    with pytest.raises(LabError, match=r"optim.optimizer differs \(adamw, sgd\)"):
        StackedOptimizer([OptimSpec(), OptimSpec(optimizer="sgd")], Stack(seeds(SPEC, 2), CPU))


def test_on_the_cpu_a_recorded_function_is_the_function() -> None:
    calls: list[int] = []
    function = recorded(lambda: calls.append(1), CPU, repeatable=True)
    assert calls == []
    function()
    assert calls == [1]
