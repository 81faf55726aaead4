"""What the compiled step works on: the weights of a two-layer network, its pairs, its update rule and buffers, as arrays.

Neurons are cut into parts of `PART`. Of each part theta is stored as P rows and xi as C' rows, C' being C rounded up to a
multiple of `ANSWERS`: a row has what one residue or one answer is to the part's neurons. From one row to the next there are `ROW`
numbers in every network, so that one compiled code is for all sizes. What is no weight is 0, gets gradient 0 and stays 0:
act(0) = 0 for every activation that is compiled, and the rows of xi are 0 there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from modaddlab import tasks
from modaddlab.experiments.spec import OptimSpec, RunSpec

PART = 256
"""Neurons that are computed together: a few rows of them fit a processor's nearest cache."""

ROW = PART + 16
"""Numbers from one row to the next: no power of two, so that rows do not evict each other from a cache."""

GROUP = 24
"""Unordered pairs whose neurons are computed together."""

PAIRS, ANSWERS = 3, 4
"""Pairs and answers of a tile: their products are 12 running sums, which leave room for their factors in 16 vector registers."""


def whole(count: int, of: int) -> int:
    """`count` rounded up to a multiple of `of`."""
    return -(-count // of) * of


class Tables(NamedTuple):
    """Weights, or whatever has their shapes: float32."""

    theta: np.ndarray
    """(parts, P * ROW)."""
    xi: np.ndarray
    """(parts, C' * ROW)."""


class Pairs(NamedTuple):
    """The unordered pairs, U of them, a multiple of `PAIRS`; those that are trained on come first."""

    low: np.ndarray
    """The smaller residue, (U,) uint64."""
    high: np.ndarray
    """The larger one."""
    answers: np.ndarray
    """The right answers of (low, high) and of (high, low), (U, 2) uint64."""
    shares: np.ndarray
    """What they count in the mean loss, (U, 2) float64: 1 / n_train, 0 for an ordering that is not trained on. Where both
    answers are one, the first counts for both."""


class Rule(NamedTuple):
    """AdamW or gradient descent."""

    adamw: bool
    lr: float
    decay: float
    beta1: float
    beta2: float
    warmup: float
    """Steps in which the rate rises from 0, at least 1."""
    head_start: float
    """1 where there is no warm-up and the first step has the whole rate already."""


class Work(NamedTuple):
    """Buffers for one group of pairs, G = `GROUP` of them or fewer."""

    hidden: np.ndarray
    """(parts, G * ROW) float32."""
    dhidden: np.ndarray
    """The derivative in it, of one part, (G * ROW,)."""
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


def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> np.ndarray:
    """An array whose memory begins at a multiple of 64 bytes, as torch has it."""
    return torch.zeros(shape, dtype=dtype).numpy()


def new_tables(p: int, n_neurons: int) -> Tables:
    """Tables of zeros, for p residues and answers."""
    parts = -(-n_neurons // PART)
    return Tables(theta=zeros(parts, p * ROW), xi=zeros(parts, whole(p, ANSWERS) * ROW))


def new_work(p: int, n_neurons: int) -> Work:
    """Buffers of zeros."""
    size, bits = GROUP * whole(p, ANSWERS), zeros(GROUP * whole(p, ANSWERS), dtype=torch.int64)
    return Work(
        hidden=zeros(-(-n_neurons // PART), GROUP * ROW),
        dhidden=zeros(GROUP * ROW),
        logits=zeros(size),
        dlogits=zeros(size),
        shifted=zeros(size, dtype=torch.float64),
        exps=zeros(size, dtype=torch.float64),
        bits=bits,
        powers=bits.view(np.float64),
    )


def part_sizes(n_neurons: int) -> np.ndarray:
    """How many neurons of each part are computed, uint64: all, and of the last one whole vectors of a processor."""
    starts = np.arange(0, n_neurons, PART)
    return np.minimum(PART, -(-(n_neurons - starts) // 16) * 16).astype(np.uint64)


def put(table: np.ndarray, values_PH: np.ndarray) -> None:
    """Write theta's transpose or xi's, (P, H), into its table."""
    p, n_neurons = values_PH.shape
    for part, start in enumerate(range(0, n_neurons, PART)):
        values = values_PH[:, start : start + PART]
        table[part].reshape(-1, ROW)[:p, : values.shape[1]] = values


def get(table: np.ndarray, p: int, n_neurons: int) -> np.ndarray:
    """The inverse of `put`: (P, H) float32."""
    parts = [rows.reshape(-1, ROW)[:p, :PART] for rows in table]
    return np.concatenate(parts, axis=1)[:, :n_neurons]


def rule_of(optim: OptimSpec) -> Rule:
    """The numbers of an update rule."""
    return Rule(
        adamw=optim.optimizer == "adamw",
        lr=optim.lr,
        decay=optim.weight_decay,
        beta1=optim.beta1,
        beta2=optim.beta2,
        warmup=float(max(optim.warmup_steps, 1)),
        head_start=float(optim.warmup_steps == 0),
    )


def pairs_of(spec: RunSpec) -> tuple[Pairs, int, np.ndarray]:
    """The unordered pairs of a run.

    Returns:
        the pairs; how many come before those that are not trained on, rounded up to a multiple of `PAIRS`; and where each of the
        p*p ordered pairs is found in arrays (U, 2), as an index of the flattened array.
    """
    p = spec.task.p
    train_B, labels_B = tasks.train_mask(spec.task, spec.seed).ravel(), tasks.labels(spec.task, spec.seed)
    low_U, high_U = np.triu_indices(p)
    in_order_U2 = np.stack([low_U * p + high_U, high_U * p + low_U], axis=1)
    trained_U = train_B[in_order_U2].any(axis=1)
    in_order_U2 = in_order_U2[np.argsort(~trained_U, kind="stable")]
    shares_U2 = train_B[in_order_U2] / train_B.sum()
    shares_U2[in_order_U2[:, 0] == in_order_U2[:, 1], 1] = 0  # a + a is one question
    answers_U2 = labels_B[in_order_U2]
    one_U = answers_U2[:, 0] == answers_U2[:, 1]
    shares_U2[one_U] = np.stack([shares_U2[one_U].sum(axis=1), np.zeros(one_U.sum())], axis=1)
    place_B = np.zeros(p * p, np.int64)
    place_B[in_order_U2[:, ::-1]] = np.arange(in_order_U2.size).reshape(-1, 2)[:, ::-1]
    fill = ((0, whole(len(low_U), PAIRS) - len(low_U)), (0, 0))  # pairs (0, 0), which count nothing
    low_high_U2 = np.pad(np.stack(np.divmod(in_order_U2[:, 0], p), axis=1), fill).astype(np.uint64)
    pairs = Pairs(
        low=np.ascontiguousarray(low_high_U2[:, 0]),
        high=np.ascontiguousarray(low_high_U2[:, 1]),
        answers=np.pad(answers_U2, fill).astype(np.uint64),
        shares=np.pad(shares_U2, fill),
    )
    return pairs, whole(int(trained_U.sum()), PAIRS), place_B
