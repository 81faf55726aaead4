"""One run in training by the exact step of its network (`modaddlab.training.steps`): any network, and whatever the objective."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from modaddlab.experiments.spec import RunSpec
from modaddlab.training.measures import Measures, Row
from modaddlab.training.optimizer import Optimizer
from modaddlab.training.stack import Stack
from modaddlab.training.steps.batches import TrainingSet
from modaddlab.training.steps.objective import accuracy_and_loss


class ExactBlock:
    """One run; see `modaddlab.training.blocks.Block`.

    Attributes:
        params, grads: weights and gradient by name.
        data: its pairs with their step.
    """

    def __init__(self, spec: RunSpec, device: torch.device, step: int = 0) -> None:
        self.specs, self.spec, self.step = [spec], spec, step
        self.data, self.measures = TrainingSet(spec, device), Measures(spec, device)
        self.everything = self.data.everything()
        self.stack = Stack([spec], device)
        self.params = {name: value[0] for name, value in self.stack.params.items()}
        self.grads = {name: value[0] for name, value in self.stack.grads.items()}
        self.optimizer = Optimizer(spec.optim, self.stack.flat[0], self.stack.grad[0], self.params, self.grads)

    def measure(self) -> list[Row]:
        """The gradient at the weights now, and a row of metrics."""
        row = {"step": self.step} | self.measures.row(self.params, *self._right_and_loss())
        objective = self.data.gradients(self.step, self.params, self.grads)
        norm = self.stack.grad[0].to(self.measures.device).double().norm()
        return [row | {"objective": objective.item(), "gradient_norm": norm.item()}]

    def update(self) -> None:
        """One update by the gradient."""
        warmup = self.spec.optim.warmup_steps
        rate = min(self.step / warmup, 1.0) if warmup else 1.0
        self.optimizer.step(self.spec.optim.lr * rate)
        self.step += 1

    def steps(self, n: int) -> None:
        """Gradient and update, n times."""
        for _ in range(n):
            self.data.gradients(self.step, self.params, self.grads)
            self.update()

    def weights(self, r: int) -> dict[str, np.ndarray]:
        """The weights now, float32 by name."""
        return self.stack.weights(r)

    def state(self, r: int) -> dict[str, np.ndarray]:
        """All that the next steps depend on."""
        moments = {f"optimizer/{name}": value.cpu().numpy() for name, value in self.optimizer.state.items()}
        return {"flat": self.stack.one(self.stack.flat, r), **moments}

    def restore(self, r: int, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        self.stack.put(self.stack.flat, r, state["flat"])
        for name, value in self.optimizer.state.items():
            value.copy_(torch.tensor(state[f"optimizer/{name}"]))

    @torch.no_grad()
    def _right_and_loss(self) -> tuple[Tensor, Tensor]:
        """Per ordered pair: whether the largest logit is the right one, and the cross-entropy; on the CPU."""
        logits = self.everything.logits(self.params)[:, : self.spec.task.p]
        right_B, loss_B = accuracy_and_loss(logits.to(self.measures.device), self.data.labels.to(self.measures.device))
        return right_B.cpu(), loss_B.cpu()
