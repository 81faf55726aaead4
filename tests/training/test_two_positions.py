"""The fast step of the network with an attention rate against autograd, in float64 and in float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from modaddlab import tasks
from modaddlab.experiments.spec import TaskSpec
from modaddlab.models.registry import AttentionRateSpec
from modaddlab.training.steps import two_positions
from modaddlab.training.steps.choice import exact_step
from modaddlab.training.steps.plain import PlainStep
from modaddlab.training.steps.two_positions import TwoPositions

SMALL: dict[str, Any] = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 10}
P = 11


@pytest.fixture(params=[torch.float64, torch.float32])
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


def some(model: AttentionRateSpec, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Training pairs, their answers, and weights with random biases."""
    task, generator = TaskSpec(p=P, train_frac=0.7), torch.Generator().manual_seed(1)
    train = tasks.split(task, 0)[0]
    params = {name: torch.tensor(value) for name, value in model.init_params(P, 3).items()}
    params = {name: (value + 0.2 * torch.randn(value.shape, generator=generator)).to(dtype) for name, value in params.items()}
    return torch.tensor(tasks.all_pairs(P)[train]), torch.tensor(tasks.labels(task, 0)[train]), params


@pytest.mark.parametrize("block_pairs", [17, 1000])
@pytest.mark.parametrize("activation", ["relu", "gelu", "quad", "id"])
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_loss_logits_and_gradients_equal_autograd(
    rate: float, activation: Any, block_pairs: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_positions, "BLOCK_PAIRS", block_pairs)
    model = AttentionRateSpec(**SMALL, attention_rate=rate, activation=activation)
    pairs, labels, params = some(model, dtype)
    exact = {name: value.double() for name, value in params.items()}
    expected, found = ({name: torch.full_like(value, 9.0) for name, value in some.items()} for some in (exact, params))
    step, reference = TwoPositions(model, P, pairs, labels), PlainStep(model, P, pairs, labels)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(step.logits(params).double(), reference.logits(exact), rtol=tolerance, atol=tolerance)
    assert step.gradients(params, found).item() == pytest.approx(reference.gradients(exact, expected).item(), rel=tolerance)
    for name, value in expected.items():
        assert (found[name] - value).norm() <= tolerance * value.norm(), name


def test_a_second_call_on_other_weights_keeps_nothing_of_the_first() -> None:
    model = AttentionRateSpec(**SMALL, attention_rate=0.6)
    pairs, labels, params = some(model, torch.float32)
    first, other, again = ({name: torch.empty_like(value) for name, value in params.items()} for _ in range(3))
    step = TwoPositions(model, P, pairs, labels)
    step.gradients(params, first)
    step.gradients({name: 2 * value for name, value in params.items()}, other)
    step.gradients(params, again)
    assert all(torch.equal(first[name], again[name]) for name in params)
    assert not torch.equal(first["embed.W_E"], other["embed.W_E"])


def test_it_trains_one_layer_on_the_cpu_and_autograd_the_rest() -> None:
    def chosen(n_layers: int, minibatch: bool) -> type:
        model = AttentionRateSpec(**SMALL, n_layers=n_layers)
        pairs, labels, _ = some(model, torch.float32)
        return type(exact_step(model, torch.device("cpu"), minibatch=minibatch)(P, pairs, labels, "float64"))

    assert [chosen(1, False), chosen(1, True), chosen(2, False)] == [TwoPositions, PlainStep, PlainStep]
