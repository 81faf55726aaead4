"""The loss and its gradient on NumPy arrays against autograd's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modaddlab.models.network import Network
from modaddlab.models.registry import KINDS, AttentionRateSpec, TwoLayerSpec
from modaddlab.training.steps.plain import PlainStep

P = 7


@pytest.mark.parametrize(
    "model",
    [
        TwoLayerSpec(d_mlp=6, activation="quad"),
        TwoLayerSpec(d_mlp=6, d_model=5),
        *(AttentionRateSpec(d_model=8, n_heads=2, d_head=4, d_mlp=6, attention_rate=rate) for rate in (0.0, 0.3, 1.0)),
    ],
    ids=["squares", "embeds", "constant", "between", "usual"],
)
def test_it_is_the_loss_and_gradient_of_autograd(model: Network) -> None:
    rng = np.random.default_rng(0)
    pairs = np.stack(np.divmod(rng.permutation(P * P)[:30], P), axis=1)  # some with their mirror images, some without
    labels = (pairs.sum(axis=1) + (rng.random(30) < 0.3)) % P  # for some of which another answer is right
    params = {name: rng.normal(size=shape) for name, shape in model.param_shapes(P).items()}
    tensors = {name: torch.tensor(value) for name, value in params.items()}
    expected = {name: torch.zeros_like(value) for name, value in tensors.items()}
    plain = PlainStep(model, P, torch.tensor(pairs), torch.tensor(labels)).gradients(tensors, expected)
    n, at = model.weight_gradients(pairs, labels, P)
    loss, gradients = at(params)
    questions = {
        (*(sorted(pair) if model.kind == "two-layer" else pair), label)
        for pair, label in zip(pairs.tolist(), labels.tolist(), strict=True)
    }
    assert n == len(questions)
    assert loss == pytest.approx(plain.item(), rel=1e-12)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        assert gradient == pytest.approx(expected[name].numpy(), abs=1e-12), name


@pytest.mark.parametrize("kind", ["transformer", "two-embeddings", "linear-layers"])
def test_others_say_that_they_have_none(kind: str) -> None:
    with pytest.raises(NotImplementedError, match=f"^{kind} has no gradients in its weights"):
        KINDS[kind]().weight_gradients(np.array([[1, 2]]), np.array([3]), P)
