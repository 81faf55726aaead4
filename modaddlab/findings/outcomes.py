"""How the runs of a sweep ended: one row a run, read from its recorded curves and its final embedding.

    found = outcomes.sweep("weight-decay")
    found.rows              an Outcome for every run that is trained
    found.points            the rows by what was varied, each with its seeds: a Point

Time to grok is the first recorded step with 95 % of the test pairs right (`modaddlab.analysis.phases`). A run that never gets
there says only that it takes longer than it was trained: its step is NaN, and a point with such seeds has a median, perhaps
infinite, rather than a mean over the lucky ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from modaddlab.analysis.seeds import OverSeeds, over_seeds
from modaddlab.experiments import sweeps
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.findings import concentration
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
        return self.study.spec

    @property
    def metrics(self) -> dict[str, np.ndarray]:
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


def sweep(name: str) -> SweepOutcomes:
    """The outcomes of a sweep, as far as it is trained.

    Raises:
        LabError: the sweep is unknown, or a record is damaged.
    """
    found, store = sweeps.sweep(name), Store()
    records = [record for spec in found.runs() if (record := store.find(spec)) is not None]
    return SweepOutcomes(tuple(Outcome(Study(record), setting_of(record.spec, found.varies)) for record in records))


def setting_of(spec: RunSpec, varies: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of the varied fields."""
    fields = flatten(spec.to_dict())
    return tuple(fields[field] for field in varies)


def _order(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _or_nan(step: float | None) -> float:
    return math.nan if step is None else float(step)
