"""The update of the weights by their gradient.

`Optimizer` is for one network, with every rule that a specification can name (`modaddlab.training.rules` has those that are not
here). AdamW is torch's fused kernel. It gives the bits of `torch.optim.AdamW(fused=True)`, `torch.optim.Adam(fused=True)` and
`torch.optim.SGD`; without the bookkeeping of those classes, which for a network of some 20,000 weights takes longer than the
update.

`StackedOptimizer` is for the stacked weights of several runs, each with its own numbers. Rates, decays, betas and the number of
the step are tensors on the device and the rule is written in tensor operations, so that an update can be recorded once and
repeated there (a CUDA graph).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec
from modaddlab.training.rules.grokfast import Average, Window
from modaddlab.training.rules.muon import Muon
from modaddlab.training.rules.orthogonal import Orthogonal
from modaddlab.training.stack import Stack

EPS = 1e-8


class Rule(Protocol):
    """What is done to a gradient before the update; see `modaddlab.training.rules`."""

    state: dict[str, Tensor]

    def __call__(self, lr: float) -> None: ...


class Optimizer:
    """Changes weights in place by their gradient, and with some rules the gradient too.

    Args:
        optim: the update rule and its numbers.
        flat: the weights, (N,), as they are before the first step.
        grad: their gradient, (N,), read at every step.
        params, grads: the parts of both by name, which some rules ask for.

    Attributes:
        state: all that the next steps depend on besides the weights.
    """

    def __init__(
        self, optim: OptimSpec, flat: Tensor, grad: Tensor, params: Mapping[str, Tensor] = {}, grads: Mapping[str, Tensor] = {}
    ) -> None:
        self.optim, self.flat, self.grad = optim, flat, grad
        self.norm = torch.linalg.vector_norm(flat) if optim.constant_norm else None
        self.rules = _rules(optim, grad, params, grads)
        self.state: dict[str, Tensor] = {}
        if optim.optimizer != "sgd":
            self.state = {
                "step": torch.zeros((), dtype=torch.float32, device=flat.device),
                "exp_avg": torch.zeros_like(flat),
                "exp_avg_sq": torch.zeros_like(flat),
            }
        self.state |= {f"{name}/{part}": value for name, rule in self.rules.items() for part, value in rule.state.items()}

    def step(self, lr: float) -> None:
        """One update with a learning rate."""
        for rule in self.rules.values():
            rule(lr)
        optim, state = self.optim, self.state
        if optim.optimizer == "sgd":
            grad = self.grad.add(self.flat, alpha=optim.weight_decay) if optim.weight_decay else self.grad
            self.flat.add_(grad, alpha=-lr)
        else:
            state["step"].add_(1)
            # of the two, Adam adds the decay to the gradient
            update = torch._fused_adam_ if optim.optimizer == "adam" else torch._fused_adamw_  # pyright: ignore[reportPrivateImportUsage]
            update(
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
        if self.norm is not None:
            self.flat.mul_(self.norm / torch.linalg.vector_norm(self.flat))


def _rules(optim: OptimSpec, grad: Tensor, params: Mapping[str, Tensor], grads: Mapping[str, Tensor]) -> dict[str, Rule]:
    """What is done to the gradient, in order."""
    found: dict[str, Rule] = {}
    if optim.gradient == "grokfast-window":
        found["grokfast"] = Window(grad, optim.grokfast_steps, optim.grokfast_gain)
    if optim.gradient == "grokfast-average":
        found["grokfast"] = Average(grad, optim.grokfast_steps, optim.grokfast_gain)
    if optim.gradient == "orthogonal":
        found["orthogonal"] = Orthogonal(params, grads)
    if optim.optimizer == "muon":
        found["muon"] = Muon(params, grads)
    return found


class StackedOptimizer:
    """Changes the weights of a stack in place by their gradients.

    Args:
        optims: the numbers of each run; the update rule is the same.
        stack: the weights.
        t: the number of updates so far.

    Raises:
        LabError: the runs have different update rules.
    """

    def __init__(self, optims: Sequence[OptimSpec], stack: Stack, t: int = 0) -> None:
        rules = {optim.optimizer for optim in optims}
        if len(rules) > 1:
            listed = ", ".join(sorted(rules))
            raise LabError(f"optim.optimizer differs ({listed}); replicas of one batch have the same update rule")
        self.adamw, self.stack = rules == {"adamw"}, stack
        self.step_number = torch.tensor(float(t), dtype=torch.float64, device=stack.device)
        self.lr_R1, self.decay_R1, self.beta1_R1, self.beta2_R1, warmup_R1 = (
            torch.tensor([[float(getattr(optim, name))] for optim in optims], dtype=torch.float64, device=stack.device)
            for name in ("lr", "weight_decay", "beta1", "beta2", "warmup_steps")
        )
        # a run without warm-up has its whole rate at once, at step 0 too
        self.head_start_R1, self.warmup_R1 = (warmup_R1 == 0).double(), warmup_R1.clamp_min(1)
        self.moments = {name: torch.zeros_like(stack.flat) for name in ("exp_avg", "exp_avg_sq")} if self.adamw else {}

    def step(self) -> None:
        """One update of each run by its gradient."""
        flat, grad = self.stack.flat, self.stack.grad
        rate_R1 = self.lr_R1 * torch.clamp(self.step_number / self.warmup_R1 + self.head_start_R1, max=1.0)
        self.step_number.add_(1)
        if not self.adamw:
            flat.sub_((grad + flat * self.decay_R1.float()) * rate_R1.float())
            return
        mean, square = self.moments["exp_avg"], self.moments["exp_avg_sq"]
        mean.lerp_(grad, (1 - self.beta1_R1).float().expand_as(mean))
        square.mul_(self.beta2_R1.float()).addcmul_(grad, grad * (1 - self.beta2_R1).float())
        size_R1, root_R1 = -rate_R1 / (1 - self.beta1_R1**self.step_number), (1 - self.beta2_R1**self.step_number).sqrt()
        flat.mul_((1 - rate_R1 * self.decay_R1).float())
        flat.addcdiv_(mean * size_R1.float(), square.sqrt().div_(root_R1.float()).add_(EPS))

    def state(self, r: int) -> dict[str, np.ndarray]:
        """The state of run r by the names of `Optimizer.state`."""
        if not self.moments:
            return {}
        moments = {name: self.stack.one(value, r) for name, value in self.moments.items()}
        return {"step": np.array(self.step_number.item(), dtype=np.float32)} | moments

    def restore(self, r: int, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`, all but the number of updates, which the runs share."""
        for name, value in self.moments.items():
            self.stack.put(value, r, state[name])
