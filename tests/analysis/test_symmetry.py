"""Symmetries of operations, and which of them are sums in disguise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modaddlab import symmetry, tasks
from modaddlab.experiments.spec import TaskSpec
from modaddlab.tasks import Operation

P = 13


def table(operation: Operation) -> np.ndarray:
    return tasks.labels(TaskSpec(p=P, operation=operation), 0).reshape(P, P)


def test_a_moved_table_answers_the_moved_question() -> None:
    x_PP = np.arange(P * P).reshape(P, P)
    assert symmetry.moved(x_PP, "(b, -a)")[2, 5] == x_PP[5, P - 2]
    assert symmetry.moved(x_PP, "(-b, -a)")[2, 0] == x_PP[0, P - 2]
    assert np.array_equal(symmetry.moved(symmetry.moved(x_PP, "(-b, a)"), "(b, -a)"), x_PP)
    assert len({symmetry.moved(x_PP, change).tobytes() for change in symmetry.CHANGES}) == len(symmetry.CHANGES)


@pytest.mark.parametrize(
    ("operation", "n"), [("add", 1), ("subtract", 1), ("multiply", 3), ("a2+b2", 7), ("a2+ab+b2", 3), ("a3+ab", 0), ("random", 0)]
)
def test_each_operation_has_its_symmetries(operation: Operation, n: int) -> None:
    assert len(symmetry.symmetries(table(operation))) == n


def test_twins_of_test_pairs_are_counted() -> None:
    label_PP, mask_PP = table("add"), np.zeros((P, P), dtype=bool)
    mask_PP[0, 1] = mask_PP[2, 2] = True
    assert symmetry.shown_twins(label_PP, mask_PP, ~mask_PP) == pytest.approx(1 / (P * P - 2))
    assert symmetry.shown_twins(table("random"), mask_PP, ~mask_PP) == 0


def test_sums_in_disguise_carry_over_and_others_do_not() -> None:
    assert math.isnan(symmetry.carries_over(table("add")))
    assert math.isnan(symmetry.carries_over(table("multiply")))
    assert symmetry.carries_over(table("a2+b2")) == 1
    for operation in ("a2+ab+b2", "a3+ab", "random"):
        assert symmetry.carries_over(table(operation)) < 0.2
