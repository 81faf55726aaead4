"""The plain training step: the network computed literally, with autograd. A transformer goes through every position; the
two-layer network multiplies by one-hot vectors.

It is the reference that the fast steps must agree with and are timed against. The families that have none are trained by it, with
as little work as `Network.logits` needs.
"""

from __future__ import annotations

from torch import Tensor

from modaddlab.experiments.spec import LossDtype
from modaddlab.models.network import Network
from modaddlab.training.steps.objective import Params, autograd_gradients


class PlainStep:
    """Logits and gradients by one batched forward pass over all pairs.

    Args:
        model: the network; its dropout is not applied.
        p: the modulus.
        pairs_B2: int64 residues (a, b), shape (B, 2).
        labels_B: int64 right answers, shape (B,).
        loss_dtype: how the loss is computed.
        literal: whether the network is computed literally, or with as little work as it can.
    """

    def __init__(
        self,
        model: Network,
        p: int,
        pairs_B2: Tensor,
        labels_B: Tensor,
        loss_dtype: LossDtype = "float64",
        *,
        literal: bool = True,
    ) -> None:
        self.compute = model.forward if literal else model.logits
        self.model, self.p, self.pairs_B2, self.labels_B = model, p, pairs_B2, labels_B
        self.loss_dtype: LossDtype = loss_dtype

    def logits(self, params: Params) -> Tensor:
        """Logits of every pair, shape (B, C)."""
        return self.compute(params, self.pairs_B2, self.p)

    def gradients(self, params: Params, grads: Params) -> Tensor:
        """Mean loss of all pairs (a scalar); its gradient is written into `grads`."""
        return autograd_gradients(self.logits, params, self.labels_B, self.loss_dtype, grads)
