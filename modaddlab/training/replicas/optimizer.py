"""The update rules for stacked replicas, each with its own numbers.

`UpdateState` is what an update needs and changes besides the weights. The compiled step reads and writes it by itself; for
everything else there is `TensorUpdate`. There, learning rate, decay and betas are tensors with a number for each replica, the
step's number is a tensor too, and the rule is written in plain tensor operations: an update then depends on nothing but tensors
on the device, so that it can be recorded once and repeated there (a CUDA graph).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec
from modaddlab.training.optimizer import EPS
from modaddlab.training.replicas.stack import Stack


class UpdateState:
    """The numbers of each replica's rule, how many updates there were, and AdamW's running means.

    Args:
        optims: the rule of each replica.
        stack: the weights that are updated.

    Attributes:
        adamw: whether the rule is AdamW; gradient descent otherwise.
        lr_R, decay_R, beta1_R, beta2_R: its numbers, float64.
        warmup_R, head_start_R: the rate of update t is lr * min(t / warmup + head_start, 1).
        step_number: the number of updates so far, a float64 scalar.
        moments: AdamW's running means, flat vectors of the stack by name; empty for gradient descent.

    Raises:
        LabError: the replicas have different update rules.
    """

    def __init__(self, optims: Sequence[OptimSpec], stack: Stack) -> None:
        rules = {optim.optimizer for optim in optims}
        if len(rules) > 1:
            listed = ", ".join(sorted(rules))
            raise LabError(f"optim.optimizer differs ({listed}); replicas of one batch have the same update rule")
        self.adamw, self.stack = rules == {"adamw"}, stack
        self.step_number = torch.zeros((), dtype=torch.float64, device=stack.device)
        self.lr_R, self.decay_R, self.beta1_R, self.beta2_R, warmup_R = (
            torch.tensor([float(getattr(optim, name)) for optim in optims], dtype=torch.float64, device=stack.device)
            for name in ("lr", "weight_decay", "beta1", "beta2", "warmup_steps")
        )
        # a replica without warm-up has its whole rate at once, at step 0 too
        self.head_start_R, self.warmup_R = (warmup_R == 0).double(), warmup_R.clamp_min(1)
        self.moments = {name: stack.zeros() for name in ("exp_avg", "exp_avg_sq")} if self.adamw else {}

    @property
    def t(self) -> int:
        """The number of updates so far."""
        return int(self.step_number.item())

    def go_on_from(self, t: int) -> None:
        """Set the number of updates so far."""
        self.step_number.fill_(t)

    def one(self, r: int) -> dict[str, np.ndarray]:
        """The state of replica r by the names of `modaddlab.training.optimizer.Optimizer.state`."""
        if not self.moments:
            return {}
        moments = {name: self.stack.one(value, r) for name, value in self.moments.items()}
        return {"step": np.array(self.t, dtype=np.float32)} | moments

    def put(self, r: int, saved: Mapping[str, np.ndarray]) -> None:
        """The inverse of `one`, all but the number of updates, which replicas share."""
        for name, value in self.moments.items():
            self.stack.put(value, r, saved[name])


class TensorUpdate:
    """Changes the weights of a state's stack by their gradients, in tensor operations."""

    def __init__(self, state: UpdateState) -> None:
        self.state, self.stack = state, state.stack
        self.parts = {name: self.stack.views(value) for name, value in state.moments.items()}

    def step(self) -> None:
        """One update by the gradients of the stack."""
        state = self.state
        rate_R = state.lr_R * torch.clamp(state.step_number / state.warmup_R + state.head_start_R, max=1.0)
        state.step_number.add_(1)
        for name, param in self.stack.params.items():
            shape, grad = (-1, *[1] * (param.ndim - 1)), self.stack.grads[name]

            def column(values_R: Tensor, shape: tuple[int, ...] = shape) -> Tensor:
                return values_R.float().view(shape)

            if not state.adamw:
                param.sub_((grad + param * column(state.decay_R)) * column(rate_R))
                continue
            mean, square = self.parts["exp_avg"][name], self.parts["exp_avg_sq"][name]
            mean.lerp_(grad, column(1 - state.beta1_R).expand_as(mean))
            square.mul_(column(state.beta2_R)).addcmul_(grad, grad * column(1 - state.beta2_R))
            correction1_R = 1 - state.beta1_R**state.step_number
            correction2_R = (1 - state.beta2_R**state.step_number).sqrt()
            param.mul_(column(1 - rate_R * state.decay_R))
            denominator = square.sqrt().div_(column(correction2_R)).add_(EPS)
            param.addcdiv_(mean * column(-rate_R / correction1_R), denominator)
