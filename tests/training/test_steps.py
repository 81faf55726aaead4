"""The exact fast steps against the plain step in float64, on random weights."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modaddlab import tasks
from modaddlab.experiments.spec import LossDtype, TaskSpec
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import forward
from modaddlab.training.steps import several_layers
from modaddlab.training.steps.last_position import LastPosition
from modaddlab.training.steps.objective import CrossEntropy, mean_loss
from modaddlab.training.steps.one_layer import OneLayer
from modaddlab.training.steps.plain import PlainStep
from modaddlab.training.steps.several_layers import SeveralLayers

SMALL: dict[str, Any] = {"d_model": 24, "n_heads": 3, "d_head": 8, "d_mlp": 20}
SHAPES = {
    "one layer": TransformerSpec(**SMALL),
    "gelu": TransformerSpec(**SMALL, activation="gelu"),
    "quad, no biases": TransformerSpec(**SMALL, activation="quad", mlp_biases=False),
    "identity, p outputs": TransformerSpec(**SMALL, activation="id", predict_equals=False),
    "one head": TransformerSpec(d_model=8, n_heads=1, d_head=8, d_mlp=33),
    "layer norm": TransformerSpec(**SMALL, layer_norm=True),
    "two layers": TransformerSpec(**SMALL, n_layers=2),
    "two layers, not causal": TransformerSpec(**SMALL, n_layers=2, causal=False),
    "two layers, no biases, p outputs": TransformerSpec(**SMALL, n_layers=2, mlp_biases=False, predict_equals=False),
    "three layers": TransformerSpec(**SMALL, n_layers=3),
    "three layers, layer norm": TransformerSpec(**SMALL, n_layers=3, layer_norm=True, activation="gelu"),
}


def random_params(model: TransformerSpec, p: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Initial weights with random biases, so that no gradient is zero by accident."""
    generator = torch.Generator().manual_seed(1)
    params = {name: torch.tensor(value) for name, value in model.init_params(p, 3).items()}
    return {name: (value + 0.1 * torch.randn(value.shape, generator=generator)).to(dtype) for name, value in params.items()}


def batch(p: int) -> tuple[torch.Tensor, torch.Tensor]:
    task = TaskSpec(p=p, train_frac=0.5)
    train = tasks.split(task, 0)[0]
    return torch.tensor(tasks.all_pairs(p)[train]), torch.tensor(tasks.labels(task, 0)[train])


@pytest.mark.parametrize("p", [7, 10])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step_class", [OneLayer, SeveralLayers, LastPosition])
def test_loss_and_gradients_equal_the_plain_step(
    step_class: type[Any], shape: str, p: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SHAPES[shape]
    if step_class is not LastPosition and not step_class.covers(model):
        pytest.skip("another step trains this network")
    monkeypatch.setattr(several_layers, "CHUNK_PAIRS", 11)
    pairs, labels = batch(p)
    exact, params = random_params(model, p, torch.float64), random_params(model, p, torch.float32)
    expected, found = ({name: torch.empty_like(value) for name, value in tensors.items()} for tensors in (exact, params))
    reference = PlainStep(model, p, pairs, labels)
    step = step_class(model, p, pairs, labels)

    np.testing.assert_allclose(step.logits(params), reference.logits(exact), atol=2e-5)
    loss = step.gradients(params, found)
    assert loss == pytest.approx(reference.gradients(exact, expected).item(), rel=1e-6)
    for name in exact:
        error = (found[name] - expected[name]).norm() / expected[name].norm()
        assert error < 5e-6, name


@pytest.mark.parametrize(("step_class", "shape"), [(OneLayer, "one layer"), (SeveralLayers, "three layers")])
def test_a_second_call_on_other_weights_keeps_nothing_of_the_first(step_class: type[Any], shape: str) -> None:
    model, p = SHAPES[shape], 7
    pairs, labels = batch(p)
    params = random_params(model, p, torch.float32)
    first, again, other = ({name: torch.empty_like(value) for name, value in params.items()} for _ in range(3))
    step = step_class(model, p, pairs, labels)
    step.gradients(params, first)
    step.gradients({name: 2 * value for name, value in params.items()}, other)
    step.gradients(params, again)
    assert all(torch.equal(first[name], again[name]) for name in params)
    assert not torch.equal(first["embed.W_E"], other["embed.W_E"])


def test_numpy_and_torch_run_the_same_forward() -> None:
    model, p = SHAPES["three layers, layer norm"], 7
    params = random_params(model, p, torch.float64)
    pairs, _ = batch(p)
    tokens = torch.cat([pairs, torch.full((len(pairs), 1), p)], dim=1)
    by_torch = forward(params, tokens, model)
    by_numpy = forward({name: value.numpy() for name, value in params.items()}, tokens.numpy(), model)
    np.testing.assert_allclose(by_numpy, by_torch, rtol=1e-10)


def test_the_mainline_has_the_published_number_of_parameters() -> None:
    shapes = TransformerSpec().param_shapes(113)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 226_816


def exact_loss(logits_BC: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
    """Cross-entropy by the leads over the right answer, in float64."""
    leads_BC = logits_BC.double() - logits_BC.double().gather(1, labels_B[:, None])
    return torch.log1p(torch.exp(leads_BC).scatter(1, labels_B[:, None], 0.0).sum(dim=1)).mean()


@pytest.mark.parametrize("margin", [-20.0, 0.0, 5.0, 20.0, 60.0])
def test_the_loss_from_leads_has_its_digits_however_sure_the_network_is(margin: float) -> None:
    """Where float32's log-softmax has a loss and a gradient of 0 (from a margin of 20 on), and float64's (at 60)."""
    generator, labels = torch.Generator().manual_seed(0), torch.arange(6)
    logits = torch.randn(6, 11, generator=generator)
    logits[torch.arange(6), labels] = margin + logits.max(dim=1).values
    exact = logits.double().requires_grad_()
    loss = exact_loss(exact, labels)
    [slope] = torch.autograd.grad(loss, exact)
    leaf = logits.clone().requires_grad_()
    found = mean_loss(leaf, labels, "log1p")
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(loss.item(), rel=2e-5)
    np.testing.assert_allclose(torch.autograd.grad(found, leaf)[0], slope, rtol=5e-5, atol=0)
    if margin >= 20:
        assert mean_loss(logits, labels, "float32").item() == 0
    by_hand = logits.clone()
    assert CrossEntropy(labels, 11, "log1p").loss_and_gradient_(by_hand).item() == found.item()
    np.testing.assert_allclose(by_hand / 6, slope, rtol=5e-5, atol=0)


def test_stablemax_is_what_its_definition_says() -> None:
    logits, labels = torch.tensor([[2.0, -1.0, 0.0], [-3.0, 0.5, 1.0]]), torch.tensor([0, 1])
    scores = [[3.0, 0.5, 1.0], [0.25, 1.5, 2.0]]
    expected = -(np.log(3 / 4.5) + np.log(1.5 / 3.75)) / 2
    assert scores == torch.where(logits >= 0, logits + 1, 1 / (1 - logits)).tolist()
    assert mean_loss(logits, labels, "stablemax").item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", ["log1p", "stablemax"])
@pytest.mark.parametrize("step_class", [OneLayer, LastPosition])
def test_the_fast_steps_have_every_loss(step_class: type, loss: LossDtype) -> None:
    model, (pairs, labels) = SHAPES["one layer"], batch(7)
    exact, params = random_params(model, 7, torch.float64), random_params(model, 7, torch.float32)
    expected, found = ({name: torch.empty_like(value) for name, value in tensors.items()} for tensors in (exact, params))
    wanted = PlainStep(model, 7, pairs, labels, loss).gradients(exact, expected)
    assert step_class(model, 7, pairs, labels, loss).gradients(params, found).item() == pytest.approx(wanted.item(), rel=1e-5)
    for name in exact:
        assert (found[name] - expected[name]).norm() / expected[name].norm() < 1e-5, name


class NoFloat64(TorchDispatchMode):
    """As on a device that has none."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        assert torch.float64 not in [getattr(one, "dtype", None) for one in tree_leaves(found)], func
        return found


@pytest.mark.parametrize("loss", ["log1p", "stablemax", "float32", "float64"])
def test_a_step_without_float64_needs_none(loss: LossDtype) -> None:
    model, (pairs, labels) = SHAPES["one layer"], batch(7)
    params = random_params(model, 7, torch.float32)
    grads = {name: torch.empty_like(value) for name, value in params.items()}
    refused = pytest.raises(AssertionError) if loss == "float64" else contextlib.nullcontext()
    with refused, NoFloat64():
        LastPosition(model, 7, pairs, labels, loss).gradients(params, grads)
