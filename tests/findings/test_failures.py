"""How a network ends, against the definitions, on a small record; and runs that differ in one thing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modaddlab import LabError, Study, progress, tables
from modaddlab.findings import failures


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


def test_an_ending_is_that_of_the_final_network(study: Study) -> None:
    end, keys = failures.of(study, [1, 5]), [1, 5]
    excluded = progress.excluded_loss(study.grid.logits_PPC, study.labels_PP, study.train_mask_PP, keys)
    assert end.structure.excluded_loss.value == pytest.approx(excluded)
    assert end.structure.excluded_loss.value != pytest.approx(failures.of(study, [2]).structure.excluded_loss.value)
    assert end.keys.value == tables.listing(study.keys)
    with pytest.raises(LabError, match="9 is no frequency"):
        failures.of(study, [9])


def test_a_run_that_never_groks_is_a_dash() -> None:
    end = failures.of(Study.open("p53-wd1", seed=1))
    assert math.isnan(end.curves.grokked.value)
    assert end.row("x")["95 % at step"] == "–"  # noqa: RUF001


def test_curves_of_several_runs_stand_below_each_other() -> None:
    curves = {
        name: {"step": np.arange(n), "train_loss": np.full(n, 0.5), "test_loss": np.arange(n) / 10}
        for name, n in (("a", 9), ("b", 5))
    }
    columns = failures._long(curves, "loss")
    assert columns["run"] == ["a"] * 3 + ["b"] * 2
    np.testing.assert_array_equal(columns["step"], [0, 4, 8, 0, 4])
    np.testing.assert_allclose(np.asarray(columns["test loss"]), [0, 0.4, 0.8, 0, 0.4])
