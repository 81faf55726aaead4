"""The step of several networks of any kind at once, by autograd, stacked with torch's vmap: all on a GPU; on the CPU those that
have no compiled step, transformers and GELU.

One network hardly occupies a GPU: its step is hundreds of small kernels, and starting them takes longer than their work.
Stacked, the same kernels work on all replicas; and the whole step is recorded once, as CUDA graphs, and then started as one. For
that it reads and writes tensors alone: the number of the step and each replica's learning rate are on the device too.

On the CPU the same functions run without being recorded. They are slower there than the exact steps of a run alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from modaddlab import tasks
from modaddlab.experiments.spec import RunSpec
from modaddlab.training.measures import Row
from modaddlab.training.replicas.measures import StackedMeasures
from modaddlab.training.replicas.optimizer import TensorUpdate, UpdateState
from modaddlab.training.replicas.stack import Stack
from modaddlab.training.steps.choice import autograd_step
from modaddlab.training.steps.objective import Params

EVALUATED_AT_ONCE = 8
"""Replicas whose p*p pairs are evaluated at once for a row of metrics."""


class AutogradBlock:
    """R networks with the same shape, each on its own split and with its own optimizer.

    Args:
        specs: the runs; their update rules are the same.
        device: where to compute.

    Attributes:
        stack: weights and gradients.
        state: what the updates need and change besides.
    """

    def __init__(self, specs: Sequence[RunSpec], device: torch.device) -> None:
        self.model, self.p, self.device = specs[0].model, specs[0].task.p, device
        self.loss_dtype: torch.dtype = getattr(torch, specs[0].loss_dtype)
        self.stack, self.measures = Stack(specs, device), StackedMeasures(specs, device)
        self.every_pair_B2 = torch.tensor(tasks.all_pairs(self.p), device=device)
        trained = [mask_B.nonzero()[:, 0] for mask_B in self.measures.train_RB]
        self.pairs_RB2 = torch.stack([self.every_pair_B2[rows] for rows in trained])
        self.answers_RB = torch.stack([labels_B[rows] for labels_B, rows in zip(self.measures.labels_RB, trained, strict=True)])
        self.objective_R = torch.zeros(len(specs), dtype=self.loss_dtype, device=device)
        self.state = UpdateState([spec.optim for spec in specs], self.stack)
        self.rule = TensorUpdate(self.state)

    @functools.cached_property
    def gradients(self) -> Callable[[], None]:
        """Write the gradient of each replica's mean loss into the stack."""
        return recorded(self._gradients, self.device, repeatable=True)

    @functools.cached_property
    def update(self) -> Callable[[], None]:
        """One update of each replica by the gradients of the stack."""
        return recorded(self.rule.step, self.device, repeatable=False)

    def steps(self, n: int) -> None:
        """`gradients` and `update`, n times; on a GPU they are waited for."""
        for _ in range(n):
            self.gradients()
            self.update()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _gradients(self) -> None:
        gradient_and_loss = torch.func.vmap(torch.func.grad_and_value(self._loss))
        gradients, losses_R = gradient_and_loss(self.stack.params, self.pairs_RB2, self.answers_RB)
        for name, gradient in gradients.items():
            self.stack.grads[name].copy_(gradient)
        self.objective_R.copy_(losses_R)

    @torch.no_grad()
    def rows(self, step: int) -> list[Row]:
        """A row of metrics for each replica, after `gradients` at these weights."""
        evaluate = torch.func.vmap(self._right_and_loss, chunk_size=EVALUATED_AT_ONCE)
        right_RB, loss_RB = evaluate(self.stack.params, self.measures.labels_RB)
        return self.measures.rows(step, self.stack, right_RB, loss_RB, self.objective_R.double())

    def _logits(self, params: Params, pairs_B2: Tensor) -> Tensor:
        labels_B = pairs_B2[:, 0]  # not looked at
        return autograd_step(self.model, self.p, pairs_B2, labels_B).logits(params)

    def _loss(self, params: Params, pairs_B2: Tensor, labels_B: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(self._logits(params, pairs_B2).to(self.loss_dtype), labels_B)

    def _right_and_loss(self, params: Params, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        logits_BC = self._logits(params, self.every_pair_B2)[:, : self.p]
        loss_B = torch.nn.functional.cross_entropy(logits_BC.double(), labels_B, reduction="none")
        return logits_BC.argmax(dim=1) == labels_B, loss_B


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
