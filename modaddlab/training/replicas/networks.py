"""What the compiled step works on: weights, pairs, update rules and buffers of R two-layer networks of one shape, as arrays.

theta is stored as P rows and xi as C' rows, C' being C rounded up to a multiple of `ANSWERS`; from one row to the next there are
`row_length(H)` numbers, of which the first H are weights. All others are 0, get gradient 0 and stay 0: act(0) = 0 for every
activation that is compiled, and the rows of xi are 0 there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

GROUP = 24
"""Unordered pairs whose neurons are computed together; they stay in a processor's near caches."""

ANSWERS = 8
"""The number of answers is rounded up to a multiple of this, so that it is one of whole tiles."""

PAIRS = 6
"""And so is the number of pairs."""


def whole(count: int, of: int) -> int:
    """`count` rounded up to a multiple of `of`."""
    return -(-count // of) * of


def columns(n_neurons: int) -> int:
    """H rounded up to whole vectors of the processor, several at a time."""
    return whole(n_neurons, 32 if n_neurons <= 64 else 64)


GAP = 16
"""Numbers between two rows: their distance is no power of two, so that rows do not evict each other from a cache."""


def row_length(n_neurons: int) -> int:
    """Numbers from one row of theta or xi to the next."""
    return columns(n_neurons) + GAP


class Networks(NamedTuple):
    """Weights and their gradients, float32 with one row for each replica."""

    theta: np.ndarray
    """(R, P * row)."""
    xi: np.ndarray
    """(R, C' * row)."""
    W_in: np.ndarray
    """With a learned embedding of width D: (R, D * row), and theta = W_E W_in. Otherwise theta itself."""
    embed: np.ndarray
    """W_E, (R, P * D); no columns where there is none."""
    dtheta: np.ndarray
    dxi: np.ndarray
    dW_in: np.ndarray
    dembed: np.ndarray


class Pairs(NamedTuple):
    """The unordered pairs of each replica, U of them, a multiple of `PAIRS`; those that it trains on come first."""

    low: np.ndarray
    """The smaller residue, (R, U) uint64."""
    high: np.ndarray
    """The larger one."""
    answers: np.ndarray
    """The right answers of (low, high) and of (high, low), (R, U, 2) uint64."""
    shares: np.ndarray
    """What they count in the mean loss, (R, U, 2) float64: 1 / n_train, 0 for an ordering that is not trained on. Where both
    answers are one, the first counts for both."""
    n_trained: np.ndarray
    """How many pairs come before those that are not trained on, rounded up to a multiple of `PAIRS`, (R,) uint64."""


class Moments(NamedTuple):
    """AdamW's running means, of the shapes of the weights; no columns for gradient descent."""

    xi: np.ndarray
    W_in: np.ndarray
    embed: np.ndarray
    xi_squares: np.ndarray
    W_in_squares: np.ndarray
    embed_squares: np.ndarray


class Rule(NamedTuple):
    """AdamW or gradient descent, with each replica's numbers, (R,) float64."""

    adamw: bool
    lr: np.ndarray
    decay: np.ndarray
    beta1: np.ndarray
    beta2: np.ndarray
    warmup: np.ndarray
    """Steps in which the rate rises from 0, at least 1."""
    head_start: np.ndarray
    """1 where there is no warm-up and the first step has the whole rate already."""


class Work(NamedTuple):
    """Buffers for one group of pairs, G = `GROUP` of them or fewer."""

    hidden: np.ndarray
    """(G * row,) float32."""
    dhidden: np.ndarray
    """The derivative in it, a part of the neurons at a time."""
    logits: np.ndarray
    """(G * C',) float32."""
    dlogits: np.ndarray
    shifted: np.ndarray
    """The logits less the pair's largest, (G * C',) float64."""
    exps: np.ndarray
    """Their exponentials."""
    bits: np.ndarray
    """(G * C',) int64: powers of two, as the bits of float64."""
    powers: np.ndarray
    """The same memory, read as float64."""


def new_work(n_neurons: int, n_answers: int) -> Work:
    """Buffers whose numbers are 0; their memory begins at a multiple of 64 bytes, as torch has it."""

    def zeros(size: int, dtype: torch.dtype) -> np.ndarray:
        return torch.zeros(size, dtype=dtype).numpy()

    neurons, answers = GROUP * row_length(n_neurons), GROUP * whole(n_answers, ANSWERS)
    bits = zeros(answers, torch.int64)
    return Work(
        hidden=zeros(neurons, torch.float32),
        dhidden=zeros(neurons, torch.float32),
        logits=zeros(answers, torch.float32),
        dlogits=zeros(answers, torch.float32),
        shifted=zeros(answers, torch.float64),
        exps=zeros(answers, torch.float64),
        bits=bits,
        powers=bits.view(np.float64),
    )
