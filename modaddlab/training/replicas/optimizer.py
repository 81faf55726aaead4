"""The update rules for stacked replicas, each with its own numbers.

Where all replicas have the same numbers and live on the CPU, torch's fused kernel updates the whole stack at once, with the bits
that each would have alone. Otherwise learning rate, decay and betas are tensors with a number for each replica, the step's number
is a tensor too, and the rule is written in plain tensor operations: a step then depends on nothing but tensors on the device, so
that it can be recorded once and repeated there (a CUDA graph).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec
from modaddlab.training.optimizer import EPS, Optimizer
from modaddlab.training.replicas.stack import Stack

Moments = dict[str, Tensor]


def stacked_optimizer(optims: Sequence[OptimSpec], stack: Stack) -> EqualReplicas | OwnNumbers:
    """The optimizer of a stack: the fused one where it fits.

    Args:
        optims: the numbers of each replica.
        stack: the weights that it changes, with the gradients that it reads.

    Raises:
        LabError: the replicas have different update rules.
    """
    rules = {optim.optimizer for optim in optims}
    if len(rules) > 1:
        raise LabError(f"optim.optimizer differs ({', '.join(sorted(rules))}); replicas of one batch have the same update rule")
    return EqualReplicas(optims[0], stack) if stack.device.type == "cpu" and len(set(optims)) == 1 else OwnNumbers(optims, stack)


class EqualReplicas:
    """Replicas with the same numbers, on the CPU.

    Attributes:
        t: the number of updates so far.
        moments: AdamW's running means, flat vectors by name; empty for gradient descent.
    """

    def __init__(self, optim: OptimSpec, stack: Stack) -> None:
        self.optim, self.t = optim, 0
        self.rule = Optimizer(optim, stack.flat, stack.grad)
        self.moments: Moments = {name: value for name, value in self.rule.state.items() if name != "step"}

    def step(self) -> None:
        """One update by the gradients of the stack."""
        warmup = self.optim.warmup_steps
        self.rule.step(self.optim.lr * (min(self.t / warmup, 1.0) if warmup else 1.0))
        self.t += 1

    def go_on_from(self, t: int) -> None:
        """Set the number of updates so far."""
        self.t = t
        if self.moments:
            self.rule.state["step"].fill_(t)


class OwnNumbers:
    """Replicas with numbers of their own, in plain tensor operations; attributes as of `EqualReplicas`."""

    def __init__(self, optims: Sequence[OptimSpec], stack: Stack) -> None:
        self.adamw, self.stack = optims[0].optimizer == "adamw", stack
        self.step_number = torch.zeros((), dtype=torch.float64, device=stack.device)
        self.lr_R, self.decay_R, self.beta1_R, self.beta2_R, warmup_R = (
            torch.tensor([float(getattr(optim, name)) for optim in optims], dtype=torch.float64, device=stack.device)
            for name in ("lr", "weight_decay", "beta1", "beta2", "warmup_steps")
        )
        # a replica without warm-up has its whole rate at once, at step 0 too
        self.head_start_R, self.warmup_R = (warmup_R == 0).double(), warmup_R.clamp_min(1)
        self.moments: Moments = {name: stack.zeros() for name in ("exp_avg", "exp_avg_sq")} if self.adamw else {}
        self.parts = {name: stack.views(value) for name, value in self.moments.items()}

    @property
    def t(self) -> int:
        return int(self.step_number.item())

    def step(self) -> None:
        """One update by the gradients of the stack."""
        rate_R = self.lr_R * torch.clamp(self.step_number / self.warmup_R + self.head_start_R, max=1.0)
        self.step_number.add_(1)
        for name, param in self.stack.params.items():
            shape, grad = (-1, *[1] * (param.ndim - 1)), self.stack.grads[name]

            def column(values_R: Tensor, shape: tuple[int, ...] = shape) -> Tensor:
                return values_R.float().view(shape)

            if not self.adamw:
                param.sub_((grad + param * column(self.decay_R)) * column(rate_R))
                continue
            mean, square = self.parts["exp_avg"][name], self.parts["exp_avg_sq"][name]
            mean.lerp_(grad, column(1 - self.beta1_R).expand_as(mean))
            square.mul_(column(self.beta2_R)).addcmul_(grad, grad * column(1 - self.beta2_R))
            correction1_R = 1 - self.beta1_R**self.step_number
            correction2_R = (1 - self.beta2_R**self.step_number).sqrt()
            param.mul_(column(1 - rate_R * self.decay_R))
            denominator = square.sqrt().div_(column(correction2_R)).add_(EPS)
            param.addcdiv_(mean * column(-rate_R / correction1_R), denominator)

    def go_on_from(self, t: int) -> None:
        """Set the number of updates so far."""
        self.step_number.fill_(t)


def state_of(optimizer: EqualReplicas | OwnNumbers, stack: Stack, r: int) -> dict[str, np.ndarray]:
    """The optimizer's state of replica r by the names of `modaddlab.training.optimizer.Optimizer.state`."""
    if not optimizer.moments:
        return {}
    moments = {name: stack.one(value, r) for name, value in optimizer.moments.items()}
    return {"step": np.array(optimizer.t, dtype=np.float32)} | moments


def put_state(optimizer: EqualReplicas | OwnNumbers, stack: Stack, r: int, state: Mapping[str, np.ndarray]) -> None:
    """The inverse of `state_of`, all but the number of updates, which replicas share."""
    for name, value in optimizer.moments.items():
        stack.put(value, r, state[name])
