"""What recorded curves say, on curves written by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.analysis import phases
from modaddlab.findings import curves, growth

STEPS = np.arange(0, 60, 10)


def run(test_accuracy: list[float], **fields: Any) -> Any:
    """A study of six rows."""
    metrics = {
        "step": STEPS,
        "train_accuracy": np.array([0.0, 0.995, 1, 1, 1, 1]),
        "test_accuracy": np.array(test_accuracy),
        "train_loss": np.array([4, 0.3, 0.1, 0.05, 0.02, 0.01]),
        "test_loss": np.array([4, 7, 9, 8, 1, 0.1]),
        "energy_W_E": np.array([[1.0, 1, 1, 1], [1, 1, 2, 1], [1, 1, 5, 1], [1, 1, 6, 1], [0, 0, 8, 0], [0, 0, 8, 0]]),
    }
    names = ("train_accuracy", "test_accuracy", "test_loss")
    found = phases.find_phases(step_T=STEPS, **{f"{name}_T": metrics[name] for name in names})
    spec = SimpleNamespace(steps=50)
    return SimpleNamespace(metrics=metrics, phases=found, spec=spec, curve=metrics.__getitem__, **fields)


def test_first_steps_ends_and_the_quiet_between() -> None:
    found = curves.of(run([0.0, 0.01, 0.02, 0.04, 0.97, 1]))
    assert (found.memorized.value, found.grokked.value, found.groks.value) == (10, 40, 1)
    assert found.quiet_accuracy.value == pytest.approx(0.03)  # steps 20 and 30
    assert (found.worst_test_loss.value, found.test_loss.value, found.train_loss.value) == (9, 0.1, 0.01)


def test_what_never_happens_has_no_step() -> None:
    found = curves.of(run([0.0, 0.01, 0.02, 0.04, 0.5, 0.9]))
    assert math.isnan(found.grokked.value)
    assert math.isnan(found.quiet_accuracy.value)
    assert (found.groks.value, str(found.grokked)) == (0, "–")  # noqa: RUF001
    assert all(math.isnan(value.value) for value in (found.times_later, found.lowest_after, found.collapsed))


def test_a_collapse_is_the_first_row_below_half_after_grokking() -> None:
    found = curves.of(run([0.0, 0.4, 0.96, 0.6, 0.49, 0.7]))
    assert (found.collapsed.value, found.lowest_after.value, found.times_later.value) == (40, 0.49, 2)
    assert math.isnan(curves.of(run([0.0, 0.01, 0.02, 0.04, 0.97, 1])).collapsed.value)


def test_the_growth_of_keys_is_counted_in_equal_shares() -> None:
    found = growth.of.__wrapped__(run([0.0, 0.01, 0.02, 0.04, 0.97, 1], keys=(3,)))  # pyright: ignore[reportFunctionMemberAccess]
    assert (found.at_start.value, found.before_jump.value) == (1, pytest.approx(6 / 9 * 4))
    assert list(found.columns) == ["step", "energy 3"]
    none = growth.of.__wrapped__(run([0.5, 0.6, 0.7, 0.8, 0.97, 1], keys=(3,)))  # pyright: ignore[reportFunctionMemberAccess]
    assert math.isnan(none.before_jump.value)


def test_other_random_starts_are_pooled_as_steps_are() -> None:
    found = curves.measure()
    steps = [study.phases.generalization for study in Study.seeds("mainline-25k")]
    assert found.seeds.grokked.value == pytest.approx(math.exp(np.log(steps).mean()))  # pyright: ignore
    assert found.n_seeds.value == len(steps)
