"""The parts of a batch: stacked weights in and out, the optimizer against torch's, stacked gradients against the plain step."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest
import torch

from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.training.loop import _Run
from modaddlab.training.replicas.autograd import AutogradBlock, recorded
from modaddlab.training.replicas.optimizer import TensorUpdate, UpdateState
from modaddlab.training.replicas.stack import Stack
from modaddlab.training.replicas.two_layer import TwoLayerBlock, covers
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.plain import PlainStep

CPU = torch.device("cpu")
SPEC = RunSpec(task=TaskSpec(p=11, train_frac=0.4), model=TwoLayerSpec(d_mlp=21, init_scale=3.0))
TRANSFORMER = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10)


def seeds(spec: RunSpec, n: int = 3) -> list[RunSpec]:
    return [dataclasses.replace(spec, seed=seed) for seed in range(n)]


@pytest.mark.parametrize("model", [SPEC.model, TwoLayerSpec(d_mlp=21, d_model=5), TRANSFORMER])
def test_a_replica_s_flat_vector_is_that_of_a_run_alone(model: TwoLayerSpec | TransformerSpec) -> None:
    specs = seeds(dataclasses.replace(SPEC, model=model))
    stack = TwoLayerBlock(specs).stack if isinstance(model, TwoLayerSpec) else Stack(specs, CPU)
    for r, spec in enumerate(specs):
        alone = _Run(spec, CPU)
        np.testing.assert_array_equal(stack.one(stack.flat, r), alone.flat)
        for name, value in model.init_params(11, spec.seed).items():
            np.testing.assert_array_equal(stack.weights(r)[name], value)
    values = np.arange(len(alone.flat), dtype=np.float32)
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
@pytest.mark.parametrize("by_autograd", [False, True])
def test_gradients_equal_the_plain_step(by_autograd: bool, model: TwoLayerSpec | TransformerSpec, loss_dtype: str) -> None:
    if not by_autograd and not covers(model):
        pytest.skip("there is no compiled step")
    specs = seeds(dataclasses.replace(SPEC, model=model, loss_dtype=loss_dtype))
    block = AutogradBlock(specs, CPU) if by_autograd else TwoLayerBlock(specs)
    block.stack.grad.fill_(torch.nan)
    block.gradients()
    for r, spec in enumerate(specs):
        data = TrainingSet(spec, CPU)
        exact = {name: torch.tensor(value).double() for name, value in model.init_params(11, spec.seed).items()}
        expected = {name: torch.empty_like(value) for name, value in exact.items()}
        loss = PlainStep(model, 11, data.pairs[data.train], data.labels[data.train]).gradients(exact, expected)
        row = block.rows(7)[r]
        assert row["step"] == 7
        assert row["objective"] == pytest.approx(loss.item(), rel=2e-6)
        for name, value in expected.items():
            assert (block.stack.grads[name][r] - value).norm() / value.norm() < 5e-6, name


@pytest.mark.parametrize("loss_dtype", ["float64", "float32"])
@pytest.mark.parametrize("by_autograd", [False, True])
def test_a_sure_network_still_has_a_gradient_in_float64(by_autograd: bool, loss_dtype: Literal["float32", "float64"]) -> None:
    """One training pair, whose right logit is 20 above the other: 1 - softmax is 2.06e-9, and 0 in float32."""
    spec = RunSpec(task=TaskSpec(p=2, train_frac=0.25), model=TwoLayerSpec(d_mlp=3, activation="id"), loss_dtype=loss_dtype)
    block = AutogradBlock([spec], CPU) if by_autograd else TwoLayerBlock([spec])
    [answer] = block.measures.labels_RB[0][block.measures.train_RB[0]].tolist()
    theta, xi = block.stack.params["mlp.W_in"][0], block.stack.params["mlp.W_out"][0]
    theta.fill_(0.5)
    xi.zero_()
    xi[0, answer] = 20.0
    block.gradients()
    row = block.rows(0)[0]
    if loss_dtype == "float32":
        assert row["objective"] == 0
        right = block.stack.grads["mlp.W_out"][0, :, answer]
        assert not right.any()
    else:
        doubt = np.exp(-20) / (1 + np.exp(-20))
        assert row["objective"] == pytest.approx(doubt, rel=1e-6)
        d_out = torch.full((3, 2), doubt)
        d_out[:, answer] = -doubt
        torch.testing.assert_close(block.stack.grads["mlp.W_out"][0], d_out, rtol=1e-6, atol=0)


OWN = [
    OptimSpec(lr=1e-2, weight_decay=0.0, warmup_steps=0),
    OptimSpec(lr=3e-3, weight_decay=2.0, beta1=0.8, beta2=0.999, warmup_steps=4),
    OptimSpec(lr=1e-3, warmup_steps=100),
]


@pytest.mark.parametrize("rule", ["adamw", "sgd"])
def test_every_replica_has_its_own_numbers(rule: str) -> None:
    optims = [dataclasses.replace(optim, optimizer=rule) for optim in OWN]
    stack = Stack(seeds(SPEC), CPU)
    mine, generator = UpdateState(optims, stack), torch.Generator().manual_seed(0)
    update = TensorUpdate(mine)
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
        update.step()
    assert mine.t == 12
    for r in range(3):
        for name, value in stack.params.items():
            torch.testing.assert_close(value[r], theirs[r][name].detach(), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("optim", [OptimSpec(), OptimSpec(optimizer="sgd", weight_decay=0.3)])
def test_a_replica_s_state_is_that_of_a_run_alone(optim: OptimSpec) -> None:
    stack, generator = Stack(seeds(SPEC), CPU), torch.Generator().manual_seed(0)
    mine = UpdateState([optim] * 3, stack)
    update = TensorUpdate(mine)
    for _ in range(20):
        stack.grad.copy_(torch.randn(stack.grad.shape, generator=generator))
        update.step()
    state = mine.one(1)
    assert state.keys() == _Run(dataclasses.replace(SPEC, optim=optim), CPU).optimizer.state.keys()
    fresh = UpdateState([optim] * 3, Stack(seeds(SPEC), CPU))
    for value in fresh.moments.values():
        assert not value.any()
    if state:
        assert state["step"] == 20
        fresh.put(1, state)
        for name, value in fresh.moments.items():
            np.testing.assert_array_equal(stack.one(value, 1), state[name])
            assert not stack.one(value, 0).any()


def test_two_update_rules_do_not_mix() -> None:
    with pytest.raises(LabError, match=r"optim.optimizer differs \(adamw, sgd\)"):
        UpdateState([OptimSpec(), OptimSpec(optimizer="sgd")], Stack(seeds(SPEC, 2), CPU))


def test_what_has_a_compiled_step() -> None:
    assert [name for name in ("relu", "gelu", "quad", "id") if covers(TwoLayerSpec(activation=name))] == ["relu", "quad", "id"]
    assert not covers(TRANSFORMER)


def test_on_the_cpu_a_recorded_function_is_the_function() -> None:
    calls: list[int] = []
    function = recorded(lambda: calls.append(1), CPU, repeatable=True)
    assert calls == []
    function()
    assert calls == [1]
