"""How the runs of a sweep ended: one row a run, read from its recorded curves and its final embedding.

    found = outcomes.sweep("weight-decay")                       of the book
    found = outcomes.sweep("my-sweep.toml", data="my-runs")      one's own, from its file
    found = outcomes.sweep(data="my-runs")                       whatever was trained there
    found                   when they grokked, as a table and a figure in a notebook
    found.rows              an Outcome for every run that is trained
    found.points            the rows by what was varied, each with its seeds: a Point

Time to grok is the first recorded step with 95 % of the test pairs right (`modaddlab.analysis.phases`). A run that never gets
there says only that it takes longer than it was trained: its step is NaN, and a point with such seeds has a median, perhaps
infinite, rather than a mean over the lucky ones.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from modaddlab import card, tables
from modaddlab.analysis.seeds import OverSeeds, over_seeds
from modaddlab.errors import LabError
from modaddlab.experiments import own_sweeps
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.experiments.sweeps import Sweep
from modaddlab.findings import concentration
from modaddlab.findings.value import SETTING
from modaddlab.store.store import Store
from modaddlab.study import Study


@dataclass(frozen=True)
class Outcome:
    """One trained run of a sweep. Steps are NaN where the run never got there."""

    study: Study
    setting: tuple[Any, ...] = ()
    """The values of the fields that a sweep varies."""

    @property
    def spec(self) -> RunSpec:
        """What was run."""
        return self.study.spec

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """What was recorded."""
        return self.study.metrics

    @property
    def memorized(self) -> float:
        """First step with 99 % of the training pairs right."""
        return _or_nan(self.study.phases.memorization)

    @property
    def grokked(self) -> float:
        """First step with 95 % of the test pairs right."""
        return _or_nan(self.study.phases.generalization)

    def final(self, metric: str) -> float:
        """The last recorded value of a metric, such as "test_accuracy"."""
        return float(self.study.curve(metric)[-1])

    def best(self, metric: str = "test_accuracy") -> float:
        """The largest recorded value of a metric."""
        return float(np.nanmax(self.study.curve(metric)))

    @property
    def norm_T(self) -> np.ndarray:
        """(T,) the length of all weights taken as one vector, at the recorded steps."""
        return np.sqrt(sum(self.metrics[name].astype(np.float64) ** 2 for name in self.metrics if name.startswith("norm/")))

    def at(self, step: float, metric: str = "test_accuracy") -> float:
        """A metric at the first recorded step that is not before `step`; NaN where there is none."""
        later = np.flatnonzero(self.metrics["step"] >= step)
        return float(self.study.curve(metric)[later[0]]) if len(later) else math.nan

    def concentration(self, basis: concentration.Basis = "additive") -> concentration.Concentration:
        """How concentrated the final embedding is in a basis."""
        return concentration.of(self.study, basis)


@dataclass(frozen=True)
class Point:
    """The seeds of one setting."""

    setting: tuple[Any, ...]
    rows: tuple[Outcome, ...]

    @property
    def n(self) -> int:
        """How many seeds were trained."""
        return len(self.rows)

    @property
    def grokked_S(self) -> np.ndarray:
        """Each seed's time to grok, NaN where it never did."""
        return np.array([row.grokked for row in self.rows])

    @property
    def n_grokked(self) -> int:
        """How many seeds got there."""
        return int(np.isfinite(self.grokked_S).sum())

    @property
    def trained_for(self) -> int:
        """The steps of the shortest run: how long the question had to be answered."""
        return min(row.spec.steps for row in self.rows)

    @property
    def time(self) -> OverSeeds | None:
        """Time to grok: geometric mean over the seeds with its interval; None unless every seed grokked."""
        return over_seeds(self.grokked_S, "log") if self.n_grokked == self.n else None

    @property
    def median(self) -> float:
        """Median time to grok, a seed that never did counting as later than all others; infinite when that is the median."""
        return float(np.median(np.where(np.isnan(self.grokked_S), math.inf, self.grokked_S)))

    @property
    def typical(self) -> float:
        """The time to grok in a number: the geometric mean, or where some seeds never got there the median, perhaps infinite."""
        return self.median if self.time is None else self.time.mean

    @property
    def words(self) -> str:
        """Time to grok as it is written: mean and interval, the steps of one or two seeds (whose interval would span decades), or
        how many got there in how many steps."""
        if self.n == 1:
            (step,) = self.grokked_S
            return f"not within {self.trained_for:,} steps" if math.isnan(step) else f"{step:,.0f} (one seed)"
        if self.time is None:
            within = f"within {self.trained_for:,} steps"
            return f"{self.n_grokked} of {self.n} seeds {within}" if self.n_grokked else f"none of {self.n} seeds {within}"
        if self.n == 2:
            return " and ".join(f"{step:,.0f}" for step in sorted(self.grokked_S)) + " (two seeds)"
        return f"{self.time.mean:,.0f} [{self.time.low:,.0f}, {self.time.high:,.0f}], {self.n} seeds"


@dataclass(frozen=True)
class SweepOutcomes:
    """A sweep as far as it is trained."""

    rows: tuple[Outcome, ...]
    varies: tuple[str, ...] = ()
    """The fields that are varied, in the form "optim.lr"."""

    @cached_property
    def points(self) -> dict[Any, Point]:
        """The trained settings in ascending order, each with its seeds; one varied field is its own key, several are a tuple."""
        grouped: dict[tuple[Any, ...], list[Outcome]] = {}
        for row in self.rows:
            grouped.setdefault(row.setting, []).append(row)
        return {
            setting[0] if len(setting) == 1 else setting: Point(setting, tuple(sorted(found, key=lambda row: row.spec.seed)))
            for setting, found in sorted(grouped.items(), key=lambda item: tuple(map(_order, item[0])))
        }

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row for each setting: its values, when its seeds grokked, and the test accuracy at the end, the mean over them."""
        return [
            {
                **{field: SETTING.form(value) if isinstance(value, float) else value for field, value in self._settings(point)},
                "steps to grok": point.words,
                "test accuracy": tables.percent(float(np.mean([row.final("test_accuracy") for row in point.rows]))),
            }
            for point in self.points.values()
        ]

    def _settings(self, point: Point) -> Iterable[tuple[str, Any]]:
        return zip(self.varies, point.setting, strict=True)

    def _repr_html_(self) -> str:
        return tables.html(self.table) + card.drawing("sweep_outcomes", self) if self.rows else "<div>nothing is trained</div>"


def sweep(
    name: str | os.PathLike[str] | Sweep | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    varies: Sequence[str] | None = None,
) -> SweepOutcomes:
    """The outcomes of a sweep, as far as it is trained.

    Args:
        name: of a sweep of the book, or the file of one's own; none: all runs in the data folder.
        data: the data folder; none: the book's, or $MODADDLAB_DATA.
        varies: the fields that the runs are grouped by, ("optim.lr",); none: those that the sweep varies, and of a folder
            those in which its runs differ besides their seeds and what is recorded of them.

    Raises:
        LabError: the sweep is unknown, its file is not as it must be, no run has such a field, or a record is damaged.
    """
    store = Store(data)
    if name is None:
        records = [record for run_id in store.runs() if (record := store.open(run_id)).spec.origin is None]
        by = _differing([record.spec for record in records])
    else:
        found = name if isinstance(name, Sweep) else own_sweeps.find(name)
        records = [record for spec in dict.fromkeys(found.runs()) if (record := store.find(spec)) is not None]
        by = found.varies
    by = by if varies is None else tuple(varies)
    for field in by if records else ():
        if all(field not in flatten(record.spec.to_dict()) for record in records):
            raise LabError(
                f"no run has a field {field!r} to be grouped by; python -m modaddlab.train --list-fields has all of them"
            )
    return SweepOutcomes(tuple(Outcome(Study(record), setting_of(record.spec, by)) for record in records), by)


def times(name: str) -> SweepOutcomes:
    """The outcomes of a sweep of the book with further seeds, for times to grok alone.

    The runs of "time-to-grok" and "ten-seeds" keep no weights and end when they have grokked. They come in where a setting of the
    sweep lacks their seed, so that its first seed is always a whole run.
    """
    found = sweep(name)
    settings = {row.spec.name: row.setting for row in found.rows}
    there = {(row.setting, row.spec.seed) for row in found.rows}
    rows = list(found.rows)
    for row in (*sweep("time-to-grok").rows, *sweep("ten-seeds").rows):
        setting = settings.get(row.spec.name.removesuffix("-groks"))
        if setting is not None and (setting, row.spec.seed) not in there:
            rows.append(Outcome(row.study, setting))
    return SweepOutcomes(tuple(rows), found.varies)


def setting_of(spec: RunSpec, varies: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of the varied fields; None for one that its kind of network has not."""
    fields = flatten(spec.to_dict())
    return tuple(fields.get(field) for field in varies)


def _differing(specs: Sequence[RunSpec]) -> tuple[str, ...]:
    """The fields in which runs differ, but for the seed, the name and what is recorded."""
    every = [flatten(spec.to_dict()) for spec in specs]
    names = dict.fromkeys(name for fields in every for name in fields if name not in ("seed", "name") and name[:7] != "record.")
    return tuple(name for name in names if len({fields.get(name) for fields in every}) > 1)


def _order(value: Any) -> tuple[int, Any]:
    return (2, 0) if value is None else (int(isinstance(value, str)), value)


def _or_nan(step: float | None) -> float:
    return math.nan if step is None else float(step)
