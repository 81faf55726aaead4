"""The task: an operation on two residues, all its p*p pairs, their labels, and the seeded split.

Pairs are in row-major order: pair i is (a, b) = (i // p, i % p). The split shuffles that list with Python's
`random.Random(seed)` and trains on the first int(train_frac * p * p), as the code released with Nanda et al. 2023 does, so
that p = 113, train_frac = 0.3 and seed 0 give exactly its 3830 training and 8939 test pairs. Nothing can be divided by 0: of
division those p pairs are in neither part. A task may ask that (a, b) and (b, a) stay together, so that no test pair is the
mirror image of a training pair, or it names its training pairs itself (`with_mask`).
"""

from __future__ import annotations

import base64
import dataclasses
import random
from typing import Literal

import numpy as np

from modaddlab.fields import check, setting, specification

Operation = Literal["add", "subtract", "multiply", "divide", "a2+b2", "a3+ab", "a2+ab+b2", "random"]

NAMES: dict[str, str] = {
    "add": "a + b", "subtract": "a − b", "multiply": "a · b", "divide": "a / b", "a2+b2": "a² + b²",  # noqa: RUF001
    "a2+ab+b2": "a² + ab + b²", "a3+ab": "a³ + ab", "random": "random answers",
}  # fmt: skip
"""The operations as figures and tables name them, in their order."""


@specification("task")
class TaskSpec:
    """The operation mod p and which of its p*p pairs are trained on."""

    operation: Operation = setting("add", "the operation on (a, b), reduced mod p; 'random' draws labels as a control")
    p: int = setting(113, "the modulus: residues 0..p-1", ge=2, le=1009)
    train_frac: float = setting(0.3, "share of the ordered pairs that have an answer in the training split", gt=0, le=1)
    train_pairs: str | None = setting(
        None, "the training pairs themselves: p*p bits, row-major, packed and in base64; none: drawn by the seed"
    )

    unordered: bool = setting(False, "whether (a, b) and (b, a) are on the same side of the split")

    def __post_init__(self) -> None:
        check(
            not (self.unordered and self.train_pairs),
            f"task.unordered (={self.unordered}) is for pairs that a seed draws; leave it or task.train_pairs out",
        )
        check(
            self.operation != "divide" or (_is_prime(self.p) and not self.unordered),
            f"task.p (={self.p}) must be a prime and task.unordered (={self.unordered}) false for task.operation=divide: every "
            "other number must have an inverse, and a / b is not b / a",
        )
        check(
            self.n_train >= 1,
            f"task.train_frac (={self.train_frac}) leaves no training pair of {self.n_pairs}; raise it or task.p",
        )
        if self.train_pairs is not None:
            n, found = self.n_train, _unpacked(self.train_pairs, self.p**2)
            shown = self.train_pairs if len(self.train_pairs) <= 20 else self.train_pairs[:20] + "..."
            check(
                found is not None and int(found.sum()) == n and not (found & ~asked(self)).any(),
                f"task.train_pairs (={shown!r}) must be {self.p**2} bits in base64, {n} of them 1 (task.train_frac), none of a "
                "pair without an answer; "
                "tasks.with_mask makes it of a mask",
            )

    @property
    def n_pairs(self) -> int:
        """How many ordered pairs have an answer."""
        return self.p * (self.p - 1) if self.operation == "divide" else self.p**2

    @property
    def of_logarithms(self) -> Operation | None:
        """What it does to the logarithms of the residues, modulo p - 1: multiplication adds them, division subtracts them. None
        for other operations, and where p is no odd prime, so that not every residue but zero has one."""
        return {"multiply": "add", "divide": "subtract"}.get(self.operation) if self.p > 2 and _is_prime(self.p) else None  # type: ignore[return-value]

    @property
    def n_train(self) -> int:
        """How many of them are trained on."""
        return int(self.train_frac * self.n_pairs)


def _is_prime(p: int) -> bool:
    return all(p % q for q in range(2, int(p**0.5) + 1))


def asked(task: TaskSpec) -> np.ndarray:
    """Which pairs have an answer, (P*P,) bool, row-major: all, of division those with b != 0."""
    return np.arange(task.p**2) % task.p > 0 if task.operation == "divide" else np.ones(task.p**2, dtype=bool)


def _unpacked(text: str, n: int) -> np.ndarray | None:
    """The bits of a text, (n,) bool; None where it is no text of so many."""
    try:
        packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    except ValueError:
        return None
    return np.unpackbits(packed, count=n).astype(bool) if len(packed) == -(-n // 8) else None


def with_mask(task: TaskSpec, train_mask_PP: np.ndarray) -> TaskSpec:
    """The task with these training pairs, (P, P) bool, in place of those of a seed."""
    n = int(train_mask_PP.sum())
    share = (n + 0.5) / task.n_pairs if n < task.n_pairs else 1.0  # so that it gives n when it is rounded down
    text = base64.b64encode(np.packbits(train_mask_PP.ravel()).tobytes()).decode()
    return dataclasses.replace(task, train_frac=share, train_pairs=text)


def all_pairs(p: int) -> np.ndarray:
    """Every ordered pair of residues, row-major: int64 of shape (P*P, 2)."""
    return np.stack(np.divmod(np.arange(p * p), p), axis=1)


def labels(task: TaskSpec, seed: int) -> np.ndarray:
    """The right answer of every pair.

    Args:
        task: the operation and the modulus.
        seed: used by the operation "random" alone, whose labels are independent and uniform.

    Returns:
        int64 of shape (P*P,), residues in row-major order of the pairs; 0 for one without an answer (`asked`).
    """
    a, b = all_pairs(task.p).T
    match task.operation:
        case "add":
            answer = a + b
        case "subtract":
            answer = a - b
        case "multiply":
            answer = a * b
        case "divide":
            answer = a * np.array([pow(int(n), task.p - 2, task.p) for n in range(task.p)])[b]  # n^(p - 2) is 1 / n, and 0 of 0
        case "a2+b2":
            answer = a**2 + b**2
        case "a3+ab":
            answer = a**3 + a * b
        case "a2+ab+b2":
            answer = a**2 + a * b + b**2
        case "random":
            answer = np.random.default_rng([seed, 1]).integers(0, task.p, size=task.p**2)
    return answer % task.p


def split(task: TaskSpec, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the test pairs, each ascending: the task's own, or those that the seed draws.

    Returns:
        two int64 arrays that together hold every pair with an answer once; the second is empty when train_frac is 1.
    """
    if task.train_pairs is not None:
        mask_B = _unpacked(task.train_pairs, task.p**2)
        assert mask_B is not None  # a task checks it
        return np.flatnonzero(mask_B), np.flatnonzero(asked(task) & ~mask_B)
    n_train = task.n_train
    order = _mirrored_order(task.p, n_train, seed) if task.unordered else np.flatnonzero(asked(task)).tolist()
    if not task.unordered:
        random.Random(seed).shuffle(order)
    return np.sort(np.array(order[:n_train], dtype=np.int64)), np.sort(np.array(order[n_train:], dtype=np.int64))


def _mirrored_order(p: int, n_train: int, seed: int) -> list[int]:
    """All pairs in a random order whose first n_train hold the mirror image of each of them.

    Pairs are taken with their images as long as both fit. A single place that is left goes to the next pair (a, a); where all of
    these are taken, one of them makes room for two others.
    """
    corners = [(a, b) for a in range(p) for b in range(a, p)]
    random.Random(seed).shuffle(corners)
    first: list[int] = []
    later: list[int] = []
    for a, b in corners:
        both = [a * p + b] if a == b else [a * p + b, b * p + a]
        (first if len(first) + len(both) <= n_train else later).extend(both)
    if len(first) < n_train:
        single = next(i for i in reversed(first) if i // p == i % p)
        first.remove(single)
        first, later = first + later[:2], [*later[2:], single]
    return first + later


def train_mask(task: TaskSpec, seed: int) -> np.ndarray:
    """Which pairs are trained on: bool of shape (P, P), rows a, columns b."""
    mask = np.zeros(task.p**2, dtype=bool)
    mask[split(task, seed)[0]] = True
    return mask.reshape(task.p, task.p)
