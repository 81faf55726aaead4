"""Grokfast: the slow part of the gradient is made larger, because what generalizes is thought to be learned by it.

    g + gain * mean of the last n gradients, once there are n                            `Window`
    g + gain * m,     m <- (1 - 1/n) m + 1/n g,  from m = the first gradient             `Average`

Source: Lee et al. 2024, "Grokfast: accelerated grokking by amplifying slow gradients", algorithms 1 and 2, and the released code.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Window:
    """Adds a multiple of the mean of the last gradients.

    Args:
        grad: the gradient, (N,).
        steps: how many gradients.
        gain: the multiple.

    Attributes:
        state: the last gradients, (steps, N), their sum, in float64 so that it stays theirs, and how many there have been.
    """

    def __init__(self, grad: Tensor, steps: int, gain: float) -> None:
        self.grad, self.gain = grad, gain
        self.state = {
            "last": grad.new_zeros(steps, *grad.shape),
            "sum": torch.zeros_like(grad, dtype=torch.float64),
            "n_seen": torch.zeros((), dtype=torch.int64),
        }

    def __call__(self, lr: float) -> None:
        last, total, n_seen = self.state.values()
        oldest = last[int(n_seen) % len(last)]
        total += self.grad
        total -= oldest
        oldest.copy_(self.grad)
        n_seen += 1
        if n_seen >= len(last):
            self.grad.add_(total.to(self.grad.dtype), alpha=self.gain / len(last))


class Average:
    """Adds a multiple of the exponential mean of all gradients so far; arguments as of `Window`.

    Attributes:
        state: the mean, (N,), and how many gradients there have been.
    """

    def __init__(self, grad: Tensor, steps: int, gain: float) -> None:
        self.grad, self.gain, self.new = grad, gain, 1 / steps
        self.state = {"mean": torch.zeros_like(grad), "n_seen": torch.zeros((), dtype=torch.int64)}

    def __call__(self, lr: float) -> None:
        mean, n_seen = self.state["mean"], self.state["n_seen"]
        mean.lerp_(self.grad, self.new if n_seen else 1.0)
        n_seen += 1
        self.grad.add_(mean, alpha=self.gain)
