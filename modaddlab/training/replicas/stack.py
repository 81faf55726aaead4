"""Weights of several replicas of one network, stacked: for each parameter one tensor with the replicas first.

They lie in one flat vector, as do their gradients and an optimizer's running means; how a part lies in memory is chosen by who
computes with it. Every part begins at a multiple of 64 bytes; what is between the parts is 0 and stays 0.

One replica's weights go in and out as the flat vector of `modaddlab.training.loop`, so a saved state is the same either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab.experiments.spec import RunSpec

ALIGNMENT = 16
"""Numbers in 64 bytes."""


class Stack:
    """Weights, gradients and whatever else has their shapes, for R replicas.

    Args:
        specs: the runs; their networks and moduli are equal.
        device: where the weights live.
        orders: for a parameter whose axes lie otherwise in memory: the order of the axes (0: replica, 1...: the parameter's own),
            the slowest first, which is the replica.
        spaces: for a parameter that lies in a larger array: that array's shape, its axes in the order of memory. What is around
            the parameter is 0 at first.

    Attributes:
        flat, grad: the weights and their gradient, 1-D float32.
        params, grads: the same by name, shapes (R, ...): views.
    """

    def __init__(
        self,
        specs: Sequence[RunSpec],
        device: torch.device,
        orders: Mapping[str, tuple[int, ...]] | None = None,
        spaces: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.n_replicas, self.device = len(specs), device
        initial = [spec.model.init_params(spec.task.p, spec.seed) for spec in specs]
        self.shapes = {name: (self.n_replicas, *value.shape) for name, value in initial[0].items()}
        self.by_columns = {name: value.flags.fnc for name, value in initial[0].items()}
        self.orders = {name: tuple(range(len(shape))) for name, shape in self.shapes.items()} | dict(orders or {})
        in_memory = {name: tuple(shape[axis] for axis in self.orders[name]) for name, shape in self.shapes.items()}
        self.spaces = in_memory | dict(spaces or {})
        self.n_numbers = sum(-(-int(np.prod(space)) // ALIGNMENT) * ALIGNMENT for space in self.spaces.values())
        self.flat, self.grad = self.zeros(), self.zeros()
        self._float64 = self.zeros().double()
        self.params, self.grads = self.views(self.flat), self.views(self.grad)
        for r, weights in enumerate(initial):
            for name, value in weights.items():
                self.params[name][r] = torch.tensor(value)

    def zeros(self) -> Tensor:
        """A flat vector of the weights' length."""
        return torch.zeros(self.n_numbers, device=self.device)

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The parts of a flat vector by name, shapes (R, ...)."""
        found = {}
        for name, stored in self.stored(flat).items():
            order, shape = self.orders[name], self.shapes[name]
            part = stored[tuple(slice(shape[axis]) for axis in order)]
            found[name] = part.permute([order.index(axis) for axis in range(len(order))])
        return found

    def stored(self, flat: Tensor) -> dict[str, Tensor]:
        """The same as they lie in memory: contiguous, with the space around them."""
        found, start = {}, 0
        for name, space in self.spaces.items():
            size = int(np.prod(space))
            found[name] = flat[start : start + size].view(space)
            start += -(-size // ALIGNMENT) * ALIGNMENT
        return found

    def in_float64(self, flat: Tensor) -> Tensor:
        """A flat vector in float64, until the next call."""
        return self._float64.copy_(flat)

    def squared_norms(self, flat: Tensor) -> dict[str, Tensor]:
        """Of the parts of a flat vector by name, (R,) each."""
        rows = {name: part.view(self.n_replicas, 1, -1) for name, part in self.stored(flat).items()}
        return {name: (part_R1N @ part_R1N.mT).flatten() for name, part_R1N in rows.items()}

    def one(self, flat: Tensor, r: int) -> np.ndarray:
        """Replica r of a flat vector, in the order of a run that trains alone: float32, (N,)."""
        parts = [part[r].T if self.by_columns[name] else part[r] for name, part in self.views(flat).items()]
        return np.concatenate([part.cpu().numpy().ravel() for part in parts])

    def put(self, flat: Tensor, r: int, values_N: np.ndarray) -> None:
        """The inverse of `one`."""
        start = 0
        for name, part in self.views(flat).items():
            target = part[r].T if self.by_columns[name] else part[r]
            target.copy_(torch.tensor(values_N[start : start + target.numel()]).view(target.shape))
            start += target.numel()

    def weights(self, r: int) -> dict[str, np.ndarray]:
        """The weights of replica r now, float32 by name."""
        return {name: value[r].cpu().numpy().copy() for name, value in self.params.items()}
