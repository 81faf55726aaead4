"""What the operation does, on tables and embeddings that are known."""

from __future__ import annotations

import numpy as np
import pytest
from made import point, run

from modaddlab.analysis import squares
from modaddlab.findings import operation

SQUARE_P = np.arange(37) ** 2 % 37
ANGLES = 2 * np.pi * np.outer(SQUARE_P, [2, 5, 7, 11, 13]) / 37


def test_five_waves_of_the_square_are_found_and_renaming_takes_them_away() -> None:
    table_PD = np.concatenate([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    top, joint = operation.strongest_squares(table_PD)
    assert (top, joint) == ([2, 5, 7, 11, 13], pytest.approx(1))
    renamed_PD = operation.renamed_evenly(table_PD, np.random.default_rng(0))
    assert squares.even_share(renamed_PD) == pytest.approx(1)
    assert operation.strongest_squares(renamed_PD)[1] < 0.9
    assert sorted(renamed_PD[:, 0]) == pytest.approx(sorted(table_PD[:, 0]))


def test_the_example_is_a_table_of_sums_by_logarithm() -> None:
    found = operation.example(13)
    columns = {name: np.asarray(values) for name, values in found.columns.items()}
    assert set(found.order) == set(range(1, 13))
    total = (columns["logarithm of a"] + columns["logarithm of b"]) % 12
    assert (np.array(found.order)[total] == columns["product"]).all()
    assert (columns["a"] * columns["b"] % 13 == columns["product"]).all()


def test_a_curve_is_flattest_on_its_plateau() -> None:
    step_T = np.arange(0, 2_000, 50)
    accuracy_T = np.interp(step_T, [0, 300, 800, 1_200, 1_500], [0, 0.2, 0.9, 0.901, 1])
    row = run(1_400, memorized=50, curves={"step": step_T, "test_accuracy": accuracy_T})
    step, accuracy = operation.flattest(row)
    assert 800 < step < 1_200
    assert accuracy == pytest.approx(0.9, abs=0.01)


def test_operations_are_sorted_by_chance_and_by_what_can_be_a_sum() -> None:
    steps = {"subtract": 30_000, "multiply": 6_000, "a2+b2": 900}
    points = {"add": point(*(run(step, p=11, seed=n) for n, step in enumerate((5_000, 6_000, 7_000))))}
    points |= {name: point(run(step, p=11, operation=name)) for name, step in steps.items()}
    points |= {"a3+ab": point(run(p=11, operation="a3+ab"))}
    carries = dict.fromkeys(("subtract", "multiply", "a2+b2"), 1.0) | {"a3+ab": 0.1}
    twins = dict.fromkeys(points, 0.3)
    found = operation._times(points, twins, {"add": np.nan} | carries)
    together = [str(value).replace("\u00a0", " ") for value in (found.sooner, found.inside, found.later, found.silent)]
    assert together == ["a² + b²", "a · b", "a − b", "a³ + ab"]  # noqa: RUF001
    assert found.sorts
    assert not operation._times(points, twins, {"add": np.nan} | carries | {"multiply": 0.2}).sorts
    assert found.runs == dict.fromkeys(found.points, "made")
