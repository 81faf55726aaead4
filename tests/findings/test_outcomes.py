"""The outcomes of a sweep: grouping and times to grok, on tiny runs that are trained here."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from modaddlab import Store
from modaddlab.experiments import sweeps
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.findings import outcomes
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.training.loop import train


def tiny(decay: float, seed: int = 0, weights: str = "embedding") -> RunSpec:
    return RunSpec(
        name="tiny-sweep",
        task=TaskSpec(p=7, train_frac=0.8),
        model=TwoLayerSpec(d_mlp=64),
        optim=OptimSpec(lr=1e-2, weight_decay=decay),
        record=RecordSpec(energies=False, weights=weights),  # type: ignore[arg-type]
        steps=150,
        seed=seed,
    )


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> outcomes.SweepOutcomes:
    runs = (tiny(1.0), tiny(0.0, weights="none"), tiny(1.0, seed=1), tiny(3.0))
    one = sweeps.Sweep(name="tiny", purpose="a test", varies=("optim.weight_decay",), runs=lambda: runs)
    monkeypatch.setattr(sweeps, "SWEEPS", MappingProxyType({"tiny": one}))
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path))
    for spec in runs[:3]:
        train(spec, Store(tmp_path), threads=1)
    return outcomes.sweep("tiny")


def test_trained_runs_are_grouped_by_what_varies(swept: outcomes.SweepOutcomes) -> None:
    assert list(swept.points) == [0.0, 1.0]
    assert [row.spec.seed for row in swept.points[1.0].rows] == [0, 1]
    assert [row.setting for row in swept.rows] == [(1.0,), (0.0,), (1.0,)]


def test_final_and_best_read_the_curves(swept: outcomes.SweepOutcomes) -> None:
    row = swept.rows[0]
    assert row.final("train_loss") == row.metrics["train_loss"][-1]
    assert row.at(11) == row.metrics["test_accuracy"][np.searchsorted(row.metrics["step"], 11)]
    assert math.isnan(row.at(151))
    parts = [row.metrics[name] for name in row.metrics if name.startswith("norm/")]
    assert len(parts) == 2  # theta and xi
    assert row.norm_T == pytest.approx(np.hypot(*parts))
    assert row.best() == row.metrics["test_accuracy"].max()


class _Row:
    """A row whose time to grok is given."""

    def __init__(self, grokked: float) -> None:
        self.grokked, self.spec = grokked, tiny(1.0)


def point(*steps: float) -> outcomes.Point:
    return outcomes.Point((1.0,), tuple(map(_Row, steps)))  # type: ignore[arg-type]


def test_the_time_to_grok_of_a_point() -> None:
    every = point(100, 400)
    assert every.time is not None
    assert every.time.mean == pytest.approx(200)
    assert every.median == 250
    assert every.typical == every.time.mean
    some = point(100, math.nan, math.nan)
    assert some.time is None
    assert math.isinf(some.median)
    assert (some.n, some.n_grokked) == (3, 1)
    assert point(100, 300, math.nan).median == point(100, 300, math.nan).typical == 300
    assert some.trained_for == 150
    assert every.words == "100 and 400 (two seeds)"
    assert point(100, 200, 400).words.startswith("200 [")
    assert point(100, 200, 400).words.endswith("], 3 seeds")
    assert some.words == "1 of 3 seeds within 150 steps"
    assert point(math.nan, math.nan).words == "none of 2 seeds within 150 steps"
    assert point(math.nan).words == "not within 150 steps"
    assert point(1234).words == "1,234 (one seed)"


def test_settings_are_read_from_nested_fields() -> None:
    assert outcomes.setting_of(tiny(0.5), ("optim.weight_decay", "task.p", "name")) == (0.5, 7, "tiny-sweep")


def test_seeds_that_end_when_they_have_grokked_fill_up_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = (tiny(1.0), tiny(3.0))
    further = tuple(dataclasses.replace(tiny(decay, seed=seed), name="tiny-sweep-groks") for decay, seed in ((1.0, 0), (1.0, 4)))
    other = dataclasses.replace(tiny(2.0, seed=5), name="elsewhere-groks")
    made = {"tiny": runs, "time-to-grok": further, "ten-seeds": (other,)}
    of = {
        name: sweeps.Sweep(name=name, purpose="a test", varies=("optim.weight_decay",), runs=lambda specs=specs: specs)
        for name, specs in made.items()
    }
    monkeypatch.setattr(sweeps, "SWEEPS", MappingProxyType(of))
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path))
    for spec in (runs[0], *further, other):
        train(spec, Store(tmp_path), threads=1)
    found = outcomes.times("tiny").points
    assert {decay: [(row.spec.name, row.spec.seed) for row in point.rows] for decay, point in found.items()} == {
        1.0: [("tiny-sweep", 0), ("tiny-sweep-groks", 4)]
    }
