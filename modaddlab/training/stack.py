"""Weights of several networks of one shape, stacked: for each parameter one tensor with the runs first.

Each run's weights lie in one vector in the order of `Network.param_shapes`, as do its gradients and an optimizer's running means;
so a saved state is the same whether a run trains alone or with others. The order in memory of the initial weights is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modaddlab.experiments.spec import RunSpec

ALIGNMENT = 16
"""Numbers in 64 bytes, to which the vectors of several runs are filled up, with zeros."""


class Stack:
    """Weights, gradients and whatever else has their shapes, for R runs.

    Args:
        specs: the runs; their networks and moduli are equal.
        device: where the weights live.

    Attributes:
        flat, grad: the weights and their gradient, (R, N) float32.
        params, grads: the same by name, shapes (R, ...): views.
    """

    def __init__(self, specs: Sequence[RunSpec], device: torch.device) -> None:
        self.device = device
        initial = [spec.model.init_params(spec.task.p, spec.seed) for spec in specs]
        self.shapes = {name: value.shape for name, value in initial[0].items()}
        self.by_columns = {name: value.flags.fnc for name, value in initial[0].items()}
        self.n_weights = sum(map(math.prod, self.shapes.values()))
        n_numbers = self.n_weights if len(specs) == 1 else -(-self.n_weights // ALIGNMENT) * ALIGNMENT
        self.flat = torch.zeros(len(specs), n_numbers, device=device)
        self.grad = torch.zeros_like(self.flat)
        self.params, self.grads = self.views(self.flat), self.views(self.grad)
        for r, weights in enumerate(initial):
            self.put(self.flat, r, np.concatenate([value.ravel(order="K") for value in weights.values()]))

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The parts of some vectors (R, N) by name, shapes (R, ...)."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            size, by_columns = math.prod(shape), self.by_columns[name]
            part = flat[:, start : start + size].unflatten(1, shape[::-1] if by_columns else shape)
            found[name] = part.permute(0, *reversed(range(1, part.ndim))) if by_columns else part
            start += size
        return found

    def one(self, flat: Tensor, r: int) -> np.ndarray:
        """The vector of run r, on the CPU."""
        return flat[r, : self.n_weights].cpu().numpy().copy()

    def put(self, flat: Tensor, r: int, values: np.ndarray) -> None:
        """The inverse of `one`."""
        flat[r, : self.n_weights].copy_(torch.from_numpy(values))

    def params_of(self, r: int) -> dict[str, Tensor]:
        """The weights of run r by name: views."""
        return {name: value[r] for name, value in self.params.items()}

    def weights(self, r: int) -> dict[str, np.ndarray]:
        """The weights of run r now, float32 by name."""
        return {name: value.cpu().numpy().copy() for name, value in self.params_of(r).items()}
