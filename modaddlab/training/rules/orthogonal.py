"""OrthoGrad: of each parameter's gradient only what turns its weights, not what makes them longer or shorter.

Once training accuracy is perfect, a network can lower its loss by making all weights larger, without learning anything. So each
parameter's gradient loses its component along the weights and is brought back to its length:

    g' = g - (g . w / w . w) w,      then g' |g| / |g'|

Source: Prieto et al. 2025, "Grokking at the edge of numerical stability", section 5, and the released code.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

TINY = 1e-30


class Orthogonal:
    """Turns each parameter's gradient orthogonal to its weights.

    Args:
        params, grads: weights and gradients by name.
    """

    def __init__(self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor]) -> None:
        self.params, self.grads = params, grads
        self.state: dict[str, Tensor] = {}

    def __call__(self, lr: float) -> None:
        for name, weights in self.params.items():
            grad = self.grads[name]
            length = torch.linalg.vector_norm(grad)
            grad.sub_(weights * ((grad * weights).sum() / ((weights * weights).sum() + TINY)))
            grad.mul_(length / (torch.linalg.vector_norm(grad) + TINY))
