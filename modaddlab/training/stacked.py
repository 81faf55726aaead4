"""Several runs in training whose networks have one shape, by autograd, stacked with torch's vmap: for a GPU.

One network hardly occupies a GPU: its step is hundreds of small kernels, and starting them takes longer than their work.
Stacked, the same kernels work on all networks; and the whole step is recorded once, as CUDA graphs, and then started as one. For
that it reads and writes tensors alone: the number of the step and each run's learning rate are on the device too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab import tasks
from modaddlab.experiments.spec import LossDtype, RunSpec
from modaddlab.training.measures import Measures, Row
from modaddlab.training.optimizer import StackedOptimizer
from modaddlab.training.stack import Stack
from modaddlab.training.steps.choice import autograd_step
from modaddlab.training.steps.objective import Params, accuracy_and_loss, mean_loss

EVALUATED_AT_ONCE = 8
"""Runs whose p*p pairs are evaluated at once for a row of metrics."""


class StackedBlock:
    """R runs with networks of one shape, each on its own split and with its own optimizer; see `modaddlab.training.blocks.Block`.

    Args:
        specs: the runs; their update rules are the same.
        device: where to compute; on the CPU the same functions run without being recorded.
        step: how many updates they have had.

    Attributes:
        stack: weights and gradients.
        gradients: writes the gradient of each run's mean loss into the stack.
    """

    def __init__(self, specs: Sequence[RunSpec], device: torch.device, step: int = 0) -> None:
        torch.set_float32_matmul_precision("highest")  # no TF32, whose products have three digits
        self.specs, self.step, self.device = list(specs), step, device
        self.model, self.p = specs[0].model, specs[0].task.p
        self.loss_dtype: LossDtype = specs[0].loss_dtype
        self.stack, self.measures = Stack(specs, device), [Measures(spec, device) for spec in specs]
        self.every_pair_B2 = torch.tensor(tasks.all_pairs(self.p), device=device)
        self.labels_RB = torch.tensor(np.stack([tasks.labels(spec.task, spec.seed) for spec in specs]), device=device)
        trained_RB = torch.stack([measures.train for measures in self.measures]).to(device)
        self.pairs_RB2, self.answers_RB = self.every_pair_B2[trained_RB], self.labels_RB.gather(1, trained_RB)
        self.objective_R = torch.zeros(
            len(specs), dtype=torch.float64 if self.loss_dtype == "float64" else torch.float32, device=device
        )
        self.optimizer = StackedOptimizer([spec.optim for spec in specs], self.stack, step)

    @functools.cached_property
    def gradients(self) -> Callable[[], None]:
        """Writes the gradient of each run's mean loss into the stack."""
        return recorded(self._gradients, self.device, repeatable=True)

    @functools.cached_property
    def _update(self) -> Callable[[], None]:
        return recorded(self.optimizer.step, self.device, repeatable=False)

    @torch.no_grad()
    def measure(self) -> list[Row]:
        """The gradients at the weights now, and a row of metrics for each run."""
        self.gradients()
        evaluate = torch.func.vmap(self._right_and_loss, chunk_size=EVALUATED_AT_ONCE)
        right_RB, loss_RB = (values.cpu() for values in evaluate(self.stack.params, self.labels_RB))
        rows: list[Row] = []
        for r, measures in enumerate(self.measures):
            row = {"step": self.step} | measures.row(self.stack.params_of(r), right_RB[r], loss_RB[r])
            norm = self.stack.grad[r].double().norm().item()
            rows.append(row | {"objective": self.objective_R[r].item(), "gradient_norm": norm})
        return rows

    def update(self) -> None:
        """One update of each run by its gradient."""
        self._update()
        self.step += 1

    def steps(self, n: int) -> None:
        """Gradients and updates, n times; on a GPU they are waited for."""
        for _ in range(n):
            self.gradients()
            self.update()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def weights(self, r: int) -> dict[str, np.ndarray]:
        """The weights of run r now, float32 by name."""
        return self.stack.weights(r)

    def state(self, r: int) -> dict[str, np.ndarray]:
        """All that the next steps of run r depend on."""
        moments = {f"optimizer/{name}": value for name, value in self.optimizer.state(r).items()}
        return {"flat": self.stack.one(self.stack.flat, r), **moments}

    def restore(self, r: int, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        self.stack.put(self.stack.flat, r, state["flat"])
        self.optimizer.restore(r, {name.removeprefix("optimizer/"): value for name, value in state.items()})

    def _gradients(self) -> None:
        gradient_and_loss = torch.func.vmap(torch.func.grad_and_value(self._loss))
        gradients, losses_R = gradient_and_loss(self.stack.params, self.pairs_RB2, self.answers_RB)
        for name, gradient in gradients.items():
            self.stack.grads[name].copy_(gradient)
        self.objective_R.copy_(losses_R)

    def _logits(self, params: Params, pairs_B2: Tensor) -> Tensor:
        labels_B = pairs_B2[:, 0]  # not looked at
        return autograd_step(self.model, self.p, pairs_B2, labels_B).logits(params)

    def _loss(self, params: Params, pairs_B2: Tensor, labels_B: Tensor) -> Tensor:
        return mean_loss(self._logits(params, pairs_B2), labels_B, self.loss_dtype)

    def _right_and_loss(self, params: Params, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        return accuracy_and_loss(self._logits(params, self.every_pair_B2)[:, : self.p], labels_B)


def recorded(function: Callable[[], None], device: torch.device, *, repeatable: bool) -> Callable[[], None]:
    """A function that works on fixed tensors alone, as a CUDA graph; on the CPU the function itself.

    Args:
        function: what is recorded.
        device: where its tensors are.
        repeatable: whether calling it twice does what calling it once does; then it is called a few times before it is
            recorded, so that libraries have chosen their algorithms.
    """
    if device.type != "cuda":
        return function
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(3 if repeatable else 0):
            function()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay
