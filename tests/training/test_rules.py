"""The update rules beside AdamW and plain descent, each against its definition written out or against torch's own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from modaddlab.experiments.spec import OptimSpec
from modaddlab.training.optimizer import Optimizer
from modaddlab.training.rules.muon import orthogonal

SHAPES = {"embed.W_E": (7, 6), "attn.W_Q": (2, 6, 3), "mlp.W_in": (6, 10), "mlp.b_in": (10,)}
SIZES = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}


def parts(flat: Tensor) -> dict[str, Tensor]:
    pieces = flat.split(list(SIZES.values()))
    return {name: piece.view(shape) for (name, shape), piece in zip(SHAPES.items(), pieces, strict=True)}


def weights_and_gradients(n: int) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(sum(SIZES.values()), generator=generator), [
        torch.randn(sum(SIZES.values()), generator=generator) for _ in range(n)
    ]


def moved(optim: OptimSpec, flat: Tensor, gradients: list[Tensor]) -> Tensor:
    """The weights after an update by each gradient, at rate 0.01."""
    flat, grad = flat.clone(), torch.empty_like(flat)
    optimizer = Optimizer(optim, flat, grad, parts(flat), parts(grad))
    for gradient in gradients:
        grad.copy_(gradient)
        optimizer.step(0.01)
    return flat


SGD = OptimSpec(optimizer="sgd", weight_decay=0.0)


def test_grokfast_adds_the_mean_of_the_last_gradients_once_there_are_enough() -> None:
    flat, gradients = weights_and_gradients(9)
    expected = flat - 0.01 * sum(gradients)
    for t in range(3, 9):
        expected -= 0.01 * 5 * torch.stack(gradients[t - 3 : t + 1]).mean(dim=0)
    optim = dataclasses.replace(SGD, gradient="grokfast-window", grokfast_steps=4, grokfast_gain=5.0)
    torch.testing.assert_close(moved(optim, flat, gradients), expected)


def test_grokfast_adds_the_exponential_mean_of_all_gradients() -> None:
    flat, gradients = weights_and_gradients(6)
    expected, mean = flat.clone(), gradients[0]
    for gradient in gradients:
        mean = 0.9 * mean + 0.1 * gradient
        expected -= 0.01 * (gradient + 2 * mean)
    optim = dataclasses.replace(SGD, gradient="grokfast-average", grokfast_steps=10)
    torch.testing.assert_close(moved(optim, flat, gradients), expected)


def test_the_orthogonal_part_of_a_gradient_has_its_length_and_turns_the_weights() -> None:
    flat, [gradient] = weights_and_gradients(1)
    change = parts(flat - moved(dataclasses.replace(SGD, gradient="orthogonal"), flat, [gradient]))
    for name, whole in parts(gradient).items():
        weights, part = parts(flat)[name], change[name] / 0.01
        assert abs((part * weights).sum()) < 1e-3 * part.norm() * weights.norm()
        torch.testing.assert_close(part.norm(), whole.norm(), rtol=1e-3, atol=0)
        along = part - whole / whole.norm() * (part * whole).sum() / whole.norm()
        assert abs((along * weights).sum()) > 0.9 * along.norm() * weights.norm(), "more than the part along the weights is gone"


def test_the_norm_of_all_weights_stays() -> None:
    flat, gradients = weights_and_gradients(5)
    found = moved(OptimSpec(constant_norm=True, weight_decay=0.0), flat, gradients)
    torch.testing.assert_close(found.norm(), flat.norm())
    free = moved(OptimSpec(weight_decay=0.0), flat, gradients)
    torch.testing.assert_close(found / found.norm(), free / free.norm(), rtol=0, atol=2e-4)


@pytest.mark.parametrize("shape", [(6, 10), (10, 6), (2, 6, 3)])
def test_muon_gives_a_matrix_the_singular_vectors_it_has_and_values_near_1(shape: tuple[int, ...]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(orthogonal(matrix), full_matrices=False)
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert (left.mT @ matrix @ right.mT).diagonal(dim1=-2, dim2=-1).min() > 0
    torch.testing.assert_close(orthogonal(1000 * matrix), orthogonal(matrix), rtol=0, atol=1e-3)


def test_muon_moves_a_matrix_as_torch_s_does_and_leaves_the_rest_to_adamw() -> None:
    flat, gradients = weights_and_gradients(8)
    found = parts(moved(OptimSpec(optimizer="muon", weight_decay=0.0), flat, gradients))
    adamw = parts(moved(OptimSpec(weight_decay=0.0), flat, gradients))
    theirs = torch.nn.Parameter(parts(flat)["mlp.W_in"].clone())
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for gradient in gradients:
        theirs.grad = parts(gradient)["mlp.W_in"].clone()
        reference.step()
    moves = [weights - parts(flat)["mlp.W_in"] for weights in (found["mlp.W_in"], theirs.detach())]
    assert (moves[0] - moves[1]).norm() < 0.03 * moves[1].norm(), "torch's iteration has three digits"
    for name in ("embed.W_E", "mlp.b_in"):
        assert torch.equal(found[name], adamw[name])
    assert not torch.equal(found["attn.W_Q"], adamw["attn.W_Q"])
    decayed = parts(moved(OptimSpec(optimizer="muon", weight_decay=1.0), flat, gradients[:1]))
    still = parts(moved(OptimSpec(optimizer="muon", weight_decay=0.0), flat, gradients[:1]))
    assert all((decayed[name] - still[name]).norm() > 1e-3 for name in SHAPES)
