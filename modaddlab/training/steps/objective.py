"""The training loss and its derivative in the logits: mean cross-entropy of float32 logits, by `RunSpec.loss_dtype`.

    float64, float32    the log-softmax in that precision
    log1p               log(1 + S), S = sum over wrong answers j of exp(l_j - l_right), in float32
    stablemax           -log(s(l_right) / sum_j s(l_j)), s(x) = x + 1 for x >= 0 and 1 / (1 - x) below, in float32

In float32 the probability of the right answer rounds to 1 once the loss is about 6e-8: its gradient is then exactly zero,
the loss stalls, and weight decay throws the network back ("slingshots"). In float64 that happens only near 1e-16. S itself is
never rounded against 1: loss and gradient keep their six digits however sure the network is, and need no float64.

Source:
    StableMax: Prieto et al. 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from modaddlab.experiments.spec import LossDtype

Params = Mapping[str, Tensor]


def mean_loss(logits_BC: Tensor, labels_B: Tensor, dtype: LossDtype) -> Tensor:
    """The mean loss, a scalar that autograd goes through.

    Args:
        logits_BC: float32, or in tests float64.
        labels_B: int64, shape (B,).
        dtype: how it is computed.
    """
    if dtype in ("float64", "float32"):
        return cross_entropy(logits_BC.to(getattr(torch, dtype)), labels_B)
    labels_B1 = labels_B[:, None]
    if dtype == "stablemax":
        scores_BC = torch.where(logits_BC >= 0, logits_BC + 1, 1 / (1 - logits_BC.clamp(max=0)))
        return (scores_BC.sum(dim=1).log() - scores_BC.gather(1, labels_B1)[:, 0].log()).mean()
    leads_BC = logits_BC - logits_BC.gather(1, labels_B1)
    return softplus(leads_BC.scatter(1, labels_B1, float("-inf")).logsumexp(dim=1)).mean()


def autograd_gradients(
    logits: Callable[[Params], Tensor], params: Params, labels_B: Tensor, dtype: LossDtype, grads: Params
) -> Tensor:
    """The mean loss by autograd, a scalar; its gradient is written into `grads`, by name.

    Args:
        logits: from parameters to logits (B, C).
        params: float32 tensors by name; they are not changed.
        labels_B: int64, shape (B,).
        dtype: how the loss is computed.
        grads: tensors of the same names and shapes as `params`.
    """
    leaves = {name: value.detach().requires_grad_() for name, value in params.items()}
    loss = mean_loss(logits(leaves), labels_B, dtype)
    for name, gradient in zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True):
        grads[name].copy_(gradient)
    return loss.detach()


class CrossEntropy:
    """The same loss and its derivative in the logits, on buffers that are allocated once.

    Args:
        labels_B: int64, shape (B,).
        n_outputs: C.
        dtype: how it is computed.
    """

    def __init__(self, labels_B: Tensor, n_outputs: int, dtype: LossDtype) -> None:
        self.labels_B1 = labels_B[:, None]
        self.dtype: LossDtype = dtype
        if dtype in ("float64", "float32"):
            self.logits_BC = torch.empty(len(labels_B), n_outputs, dtype=getattr(torch, dtype))
            self.probabilities_BC = torch.empty_like(self.logits_BC)
            self.minus_one_B1 = torch.full((len(labels_B), 1), -1.0, dtype=self.logits_BC.dtype)

    def loss_and_gradient_(self, logits_BC: Tensor) -> Tensor:
        """The mean loss, a scalar; `logits_BC` (float32) is overwritten with B times the loss's derivative in it, which is
        softmax(logits) - onehot(labels) but for StableMax."""
        if self.dtype in ("log1p", "stablemax"):
            with torch.enable_grad():
                leaf_BC = logits_BC.clone().requires_grad_()
                loss = mean_loss(leaf_BC, self.labels_B1[:, 0], self.dtype)
            logits_BC.copy_(torch.autograd.grad(loss * len(leaf_BC), leaf_BC)[0])
            return loss.detach()
        self.logits_BC.copy_(logits_BC)
        torch.softmax(self.logits_BC, dim=1, out=self.probabilities_BC)
        loss = -self.probabilities_BC.gather(1, self.labels_B1).log().mean()
        logits_BC.copy_(self.probabilities_BC.scatter_add_(1, self.labels_B1, self.minus_one_B1))
        return loss


def accuracy_and_loss(logits_BC: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Per pair: whether the largest logit is the right one (bool) and the cross-entropy (float64), both of shape (B,)."""
    loss_B = cross_entropy(logits_BC.double(), labels_B, reduction="none")
    return logits_BC.argmax(dim=1) == labels_B, loss_B
