"""The training loss and its derivative in the logits: mean cross-entropy in float64 of float32 logits.

In float32 the probability of the right answer rounds to 1 once the loss is about 6e-8: its gradient is then exactly zero,
the loss stalls, and weight decay throws the network back ("slingshots"). In float64 that happens only near 1e-16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Params = Mapping[str, Tensor]


def autograd_gradients(
    logits: Callable[[Params], Tensor], params: Params, labels_B: Tensor, dtype: torch.dtype, grads: Params
) -> Tensor:
    """The mean loss by autograd, a scalar in `dtype`; its gradient is written into `grads`, by name.

    Args:
        logits: from parameters to logits (B, C).
        params: float32 tensors by name; they are not changed.
        labels_B: int64, shape (B,).
        dtype: precision of the log-softmax.
        grads: tensors of the same names and shapes as `params`.
    """
    leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
    loss = torch.nn.functional.cross_entropy(logits(leaves).to(dtype), labels_B)
    for name, gradient in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
        grads[name].copy_(gradient)
    return loss.detach()


class CrossEntropy:
    """The same loss and its derivative in the logits, on buffers that are allocated once.

    Args:
        labels_B: int64, shape (B,).
        n_outputs: C.
        dtype: precision of the softmax.
    """

    def __init__(self, labels_B: Tensor, n_outputs: int, dtype: torch.dtype) -> None:
        self.labels_B1 = labels_B[:, None]
        self.logits_BC = torch.empty(len(labels_B), n_outputs, dtype=dtype)
        self.probabilities_BC = torch.empty_like(self.logits_BC)
        self.minus_one_B1 = torch.full((len(labels_B), 1), -1.0, dtype=dtype)

    def loss_and_gradient_(self, logits_BC: Tensor) -> Tensor:
        """The mean loss, a scalar; `logits_BC` (float32) is overwritten with B times the loss's derivative in it,
        softmax(logits) - onehot(labels)."""
        self.logits_BC.copy_(logits_BC)
        torch.softmax(self.logits_BC, dim=1, out=self.probabilities_BC)
        loss = -self.probabilities_BC.gather(1, self.labels_B1).log().mean()
        logits_BC.copy_(self.probabilities_BC.scatter_add_(1, self.labels_B1, self.minus_one_B1))
        return loss


def accuracy_and_loss(logits_BC: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Per pair: whether the largest logit is the right one (bool) and the cross-entropy (float64), both of shape (B,)."""
    loss_B = torch.nn.functional.cross_entropy(logits_BC.double(), labels_B, reduction="none")
    return logits_BC.argmax(dim=1) == labels_B, loss_B
