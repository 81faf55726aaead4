"""The exact fast steps against the plain step in float64, on random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from modaddlab import tasks
from modaddlab.experiments.spec import TaskSpec
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import forward
from modaddlab.training.steps.last_position import LastPosition
from modaddlab.training.steps.one_layer import OneLayer
from modaddlab.training.steps.plain import PlainStep

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
@pytest.mark.parametrize("step_class", [OneLayer, LastPosition])
def test_loss_and_gradients_equal_the_plain_step(step_class: type, shape: str, p: int) -> None:
    model = SHAPES[shape]
    if step_class is OneLayer and not OneLayer.covers(model):
        pytest.skip("the autograd step trains this network")
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


def test_a_second_call_on_other_weights_keeps_nothing_of_the_first() -> None:
    model, p = SHAPES["one layer"], 7
    pairs, labels = batch(p)
    params = random_params(model, p, torch.float32)
    first, again, other = ({name: torch.empty_like(value) for name, value in params.items()} for _ in range(3))
    step = OneLayer(model, p, pairs, labels)
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
