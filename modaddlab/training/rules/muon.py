"""Muon: a weight matrix moves by an orthogonal matrix in place of its mean gradient, so that all its directions move alike.

    m <- 0.95 m + 0.05 g,     W <- W - rate * 0.2 sqrt(max(rows, columns)) * orthogonal(0.05 g + 0.95 m)

The factor makes an update as large as AdamW's, so that one learning rate serves both (Liu et al. 2025, "Muon is scalable for LLM
training"). Tables of tokens and positions, the unembedding and vectors are left to AdamW, as in Jordan 2024, "Muon: an optimizer
for hidden layers in neural networks", and in Tveit et al. 2025, "Muon optimizer accelerates grokking". The two-layer network on
one-hot vectors has two matrices and nothing else; there both are Muon's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

BETA = 0.95

COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5
"""Of Jordan's released code."""

TABLES = ("embed.W_E", "pos_embed.W_pos", "unembed.W_U")


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix, or a stack of them (..., r, c), with singular values near 1 (0.7 to 1.2): five quintic Newton-Schulz steps."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon:
    """Moves matrices, each head's alone, and leaves a gradient of 0 for them: what AdamW then does to them is to decay them.

    Args:
        params, grads: weights and gradients by name.

    Attributes:
        state: the mean gradient of every matrix, by its name.
    """

    def __init__(self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor]) -> None:
        self.params, self.grads = params, grads
        self.state = {name: torch.zeros_like(grads[name]) for name in params if params[name].ndim > 1 and name not in TABLES}

    def __call__(self, lr: float) -> None:
        for name, mean in self.state.items():
            weights, grad = self.params[name], self.grads[name]
            mean.lerp_(grad, 1 - BETA)
            size = 0.2 * max(weights.shape[-2:]) ** 0.5
            weights.sub_(orthogonal(grad.lerp(mean, BETA)), alpha=lr * size)
            grad.zero_()
