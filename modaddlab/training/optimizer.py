"""The update rules, on one flat vector of weights: AdamW by torch's fused kernel, and plain gradient descent.

They give the bits of `torch.optim.AdamW(fused=True)` and `torch.optim.SGD`; without the bookkeeping of those classes, which for
a network of some 20,000 weights takes longer than the update.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from modaddlab.experiments.spec import OptimSpec

EPS = 1e-8


class Optimizer:
    """Changes `flat` in place by its gradient.

    Args:
        optim: the update rule and its numbers.
        flat: the weights, (N,).
        grad: their gradient, (N,), read at every step.
    """

    def __init__(self, optim: OptimSpec, flat: Tensor, grad: Tensor) -> None:
        self.optim, self.flat, self.grad = optim, flat, grad
        self.state: dict[str, Tensor] = {}
        if optim.optimizer == "adamw":
            self.state = {
                "step": torch.zeros((), dtype=torch.float32, device=flat.device),
                "exp_avg": torch.zeros_like(flat),
                "exp_avg_sq": torch.zeros_like(flat),
            }

    def step(self, lr: float) -> None:
        """One update with a learning rate."""
        optim, state = self.optim, self.state
        if optim.optimizer == "sgd":
            grad = self.grad.add(self.flat, alpha=optim.weight_decay) if optim.weight_decay else self.grad
            self.flat.add_(grad, alpha=-lr)
            return
        state["step"].add_(1)
        torch._fused_adamw_(  # pyright: ignore[reportPrivateImportUsage]
            [self.flat],
            [self.grad],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            lr=lr,
            beta1=optim.beta1,
            beta2=optim.beta2,
            weight_decay=optim.weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a saved state, by the names of `state`."""
        for name, value in self.state.items():
            value.copy_(state[name])
