"""The plain training step: the network computed literally, with autograd. A transformer goes through every position; the
two-layer network multiplies by one-hot vectors.

It is the reference that the fast steps must agree with and are timed against; no run of the book is trained by it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from modaddlab.experiments.spec import ModelSpec, TwoLayerSpec
from modaddlab.models import transformer, two_layer
from modaddlab.training.steps.objective import Params, autograd_gradients


class PlainStep:
    """Logits and gradients by one batched forward pass over all pairs.

    Args:
        model: the network; its dropout is not applied.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2).
        labels_B: int64 right answers, shape (B,).
        loss_dtype: precision of the log-softmax.
    """

    def __init__(
        self, model: ModelSpec, p: int, pairs_B2: Tensor, labels_B: Tensor, loss_dtype: torch.dtype = torch.float64
    ) -> None:
        self.model, self.labels_B, self.loss_dtype = model, labels_B, loss_dtype
        self.pairs_B2, self.equals_B1 = pairs_B2, torch.full_like(pairs_B2[:, :1], p)

    def logits(self, params: Params) -> Tensor:
        """Logits, a transformer's at "=", shape (B, C)."""
        if isinstance(self.model, TwoLayerSpec):
            return two_layer.forward(params, self.pairs_B2, self.model)
        return transformer.forward(params, torch.cat([self.pairs_B2, self.equals_B1], dim=1), self.model)

    def gradients(self, params: Params, grads: Params) -> Tensor:
        """Mean loss of all pairs (scalar in `loss_dtype`); its gradient is written into `grads`."""
        return autograd_gradients(self.logits, params, self.labels_B, self.loss_dtype, grads)
