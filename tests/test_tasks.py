"""The task: labels against a slow loop, and the split against the published procedure."""

from __future__ import annotations

import random
import typing
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modaddlab import LabError, tasks
from modaddlab.experiments.spec import TaskSpec
from modaddlab.tasks import Operation

SLOW = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "a2+b2": lambda a, b: a * a + b * b,
    "a3+ab": lambda a, b: a * a * a + a * b,
    "a2+ab+b2": lambda a, b: a * a + a * b + b * b,
}


@pytest.mark.parametrize("p", [2, 7, 10, 113])
@pytest.mark.parametrize("operation", SLOW)
def test_labels_against_a_loop(operation: Operation, p: int) -> None:
    expected = [SLOW[operation](a, b) % p for a in range(p) for b in range(p)]
    found = tasks.labels(TaskSpec(operation=operation, p=p, train_frac=0.5), seed=0)
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_every_operation_is_tested() -> None:
    assert set(typing.get_args(Operation)) == {*SLOW, "divide", "random"}


def test_a_quotient_times_its_divisor_is_the_dividend_and_nothing_is_divided_by_0() -> None:
    task = TaskSpec(operation="divide", p=7, train_frac=0.5)
    (a, b), answer_B, (train, test) = tasks.all_pairs(7).T, tasks.labels(task, 0), tasks.split(task, 0)
    both = np.sort(np.concatenate([train, test]))
    np.testing.assert_array_equal(both, np.flatnonzero(b != 0))
    assert (answer_B[both] * b[both] % 7 == a[both]).all()
    assert (len(train), task.n_train, task.n_pairs) == (21, 21, 42)
    mask_PP = tasks.train_mask(task, 0)
    again, rest = tasks.split(tasks.with_mask(task, mask_PP), 1)
    np.testing.assert_array_equal(again, train)
    np.testing.assert_array_equal(rest, test)
    mask_PP[3, 0], mask_PP[tuple(np.argwhere(mask_PP)[0])] = True, False
    with pytest.raises(LabError, match="without an answer"):
        tasks.with_mask(task, mask_PP)
    for p, unordered in ((15, False), (7, True)):
        with pytest.raises(LabError, match="prime"):
            TaskSpec(operation="divide", p=p, unordered=unordered)


def test_the_largest_modulus_does_not_overflow() -> None:
    p = 1009
    found = tasks.labels(TaskSpec(operation="a3+ab", p=p), seed=0)
    assert found[-1] == ((p - 1) ** 3 + (p - 1) ** 2) % p == 0
    assert found[2 * p + 3] == 8 + 6


def test_random_labels_are_seeded_and_uniform() -> None:
    task = TaskSpec(operation="random", p=23)
    first, again, other = tasks.labels(task, 0), tasks.labels(task, 0), tasks.labels(task, 1)
    np.testing.assert_array_equal(first, again)
    assert (first == other).mean() < 0.15
    counts = np.bincount(first, minlength=23)
    assert len(counts) == 23
    chi_square = ((counts - 23) ** 2 / 23).sum()
    assert 5 < chi_square < 50  # 22 degrees of freedom: outside with probability 1e-3
    assert (first == tasks.labels(TaskSpec(p=23), 0)).mean() < 0.15


def test_pairs_are_row_major() -> None:
    assert tasks.all_pairs(3).tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]]
    assert tasks.all_pairs(3).dtype == np.int64


def test_the_mainline_has_the_published_split() -> None:
    """3830 training and 8939 test pairs, the ones that Python's generator shuffles to the front."""
    train, test = tasks.split(TaskSpec(), seed=0)
    assert (len(train), len(test)) == (3830, 8939)
    pairs = [(a, b) for a in range(113) for b in range(113)]
    random.Random(0).shuffle(pairs)
    assert {(i // 113, i % 113) for i in train.tolist()} == set(pairs[:3830])
    assert {(i // 113, i % 113) for i in test.tolist()} == set(pairs[3830:])


@given(st.integers(2, 40), st.floats(0.0, 1.0, exclude_min=True), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=100)
def test_a_split_is_disjoint_complete_and_of_the_asked_size(p: int, train_frac: float, seed: int) -> None:
    if int(train_frac * p * p) < 1:
        return
    task = TaskSpec(p=p, train_frac=train_frac)
    train, test = tasks.split(task, seed)
    assert len(train) == int(train_frac * p * p)
    assert Counter([*train.tolist(), *test.tolist()]) == Counter(range(p * p))
    assert train.dtype == test.dtype == np.int64
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    mask = tasks.train_mask(task, seed)
    assert mask.shape == (p, p)
    assert np.flatnonzero(mask).tolist() == train.tolist()


@given(st.integers(2, 20), st.floats(0.0, 1.0, exclude_min=True), st.integers(0, 1000))
@settings(deadline=None, max_examples=100)
def test_an_unordered_split_keeps_mirror_images_together(p: int, train_frac: float, seed: int) -> None:
    if int(train_frac * p * p) < 1:
        return
    task = TaskSpec(p=p, train_frac=train_frac, unordered=True)
    train, test = tasks.split(task, seed)
    assert len(train) == int(train_frac * p * p)
    assert Counter([*train.tolist(), *test.tolist()]) == Counter(range(p * p))
    mask = tasks.train_mask(task, seed)
    np.testing.assert_array_equal(mask, mask.T)


def test_another_seed_is_another_split() -> None:
    assert set(tasks.split(TaskSpec(), 0)[0].tolist()) != set(tasks.split(TaskSpec(), 1)[0].tolist())


def test_a_full_split_leaves_no_test_pair() -> None:
    train, test = tasks.split(TaskSpec(p=5, train_frac=1.0), 0)
    assert train.tolist() == list(range(25))
    assert test.shape == (0,)
