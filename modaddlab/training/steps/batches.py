"""Which pairs a step trains on: all of them, or minibatches without replacement in an order drawn anew each epoch.

The order depends on the seed and the epoch alone, so that a resumed run needs no generator state.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from modaddlab import tasks
from modaddlab.experiments.spec import RunSpec
from modaddlab.models.network import Array
from modaddlab.training.steps.choice import Step, exact_step
from modaddlab.training.steps.last_position import LastPosition
from modaddlab.training.steps.objective import Params


class TrainingSet:
    """The training pairs of a run with the exact step that suits its network.

    Args:
        spec: the run.
        device: where the parameters live; the hand-written steps run on the CPU, everything else goes by autograd.
    """

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        self.spec, self.device = spec, device
        self.train, self.test = tasks.split(spec.task, spec.seed)
        self.pairs = torch.tensor(tasks.all_pairs(spec.task.p), device=device)
        self.labels = torch.tensor(tasks.labels(spec.task, spec.seed), device=device)
        self.batch_size = min(spec.optim.batch_size or len(self.train), len(self.train))
        self._epoch, self._order = -1, self.train
        self._whole = self._step_on(self.train, minibatch=False)

    def gradients(self, step: int, params: Params, grads: Params) -> Tensor:
        """The loss that step number `step` descends, a scalar; its gradient is written into `grads`.

        Args:
            step: the step's number.
            params: the weights by name.
            grads: tensors of the same names and shapes.
        """
        batch = self._whole if self.batch_size == len(self.train) else self._step_on(self._minibatch(step), minibatch=True)
        if isinstance(batch, LastPosition) and batch.model.dropout:
            seed = int(np.random.SeedSequence([self.spec.seed, 3, step]).generate_state(1, np.uint64)[0] >> 1)
            loss = batch.gradients(params, grads, dropout=torch.Generator(self.device).manual_seed(seed))
        else:
            loss = batch.gradients(params, grads)
        if self.spec.optim.l1:
            for name, value in params.items():
                loss = loss + self.spec.optim.l1 * value.abs().sum()
                grads[name].add_(value.sign(), alpha=self.spec.optim.l1)
        return loss

    def everything(self) -> Step:
        """The exact step on all p*p pairs, for evaluation."""
        return self._step_on(np.arange(self.spec.task.p**2), minibatch=False)

    def _minibatch(self, step: int) -> Array:
        batches_per_epoch = -(-len(self.train) // self.batch_size)
        epoch, index = divmod(step, batches_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, np.random.default_rng([self.spec.seed, 2, epoch]).permutation(self.train)
        return self._order[index * self.batch_size : (index + 1) * self.batch_size]

    def _step_on(self, rows: np.ndarray, *, minibatch: bool) -> Step:
        step = exact_step(self.spec.model, self.device, minibatch=minibatch)
        return step(self.spec.task.p, self.pairs[rows], self.labels[rows], self.spec.loss_dtype)
