"""How the runs of a sweep ended: one row a run, read from its recorded curves and its final embedding.

    found = measurements.outcomes.sweep("weight-decay")
    found.rows              an Outcome for every run that is trained
    found.missing           the specifications of those that are not
    found.points            the rows by what was varied, each with its seeds: a Point

Time to grok is the first recorded step with 95 % of the test pairs right (`modaddlab.analysis.phases`). A run that never gets
there says only that it takes longer than it was trained: its step is NaN, and a point with such seeds has a median, perhaps
infinite, rather than a mean over the lucky ones.

How concentrated the embedding is in the Fourier basis is told in four ways, of which the first is recorded along the way: the
Gini coefficient of the component norms; the share of the energy in the five strongest frequencies; the effective number of
frequencies (sum E)^2 / sum E^2; the number above the largest gap. Each has a null beside it: the same embedding with its
residues renamed at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from modaddlab.analysis import characters, fourier, phases, spectra
from modaddlab.analysis.seeds import OverSeeds, over_seeds, share_interval
from modaddlab.errors import LabError
from modaddlab.experiments import sweeps
from modaddlab.experiments.cost import estimated_cost
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.findings.networks import EMBEDDING, for_networks
from modaddlab.store.store import Store
from modaddlab.study import Study

Basis = Literal["additive", "multiplicative"]

N_TOP = 5
"""How many of the strongest frequencies the share of energy counts: the number of the mainline's published keys."""

N_RENAMINGS = 20
"""Random renamings of the residues behind each null."""


@dataclass(frozen=True, kw_only=True)
class Concentration:
    """How few frequencies an embedding uses, in one basis; a null is the mean over random renamings of the residues.

    Attributes:
        energy_K: squared norm per frequency.
        gini: Gini coefficient of the component norms.
        top_share: share of the energy (without the constant) in the five strongest frequencies.
        effective: effective number of frequencies.
        n_significant: frequencies above the largest gap; 0 when nothing stands out.
        gini_null, top_share_null, effective_null: the same of renamed residues.
    """

    energy_K: np.ndarray
    gini: float
    top_share: float
    effective: float
    n_significant: int
    gini_null: float
    top_share_null: float
    effective_null: float

    @property
    def strongest(self) -> tuple[int, ...]:
        """The frequencies above the largest gap, strongest first."""
        return tuple(int(k) + 1 for k in np.argsort(-self.energy_K)[: self.n_significant])


@dataclass(frozen=True)
class Outcome:
    """One trained run of a sweep. Steps are NaN where the run never got there."""

    study: Study
    setting: tuple[Any, ...]
    """The values of the fields that the sweep varies."""

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

    @property
    def collapsed(self) -> float:
        """First step after that with fewer than half of the test pairs right."""
        curve = self.metrics["step"], self.metrics["test_accuracy"]
        return _or_nan(phases.collapse_step(*curve, self.study.phases.generalization))

    @property
    def delay(self) -> float:
        """Steps between memorizing and generalizing, 0 where it generalizes no later."""
        return max(0.0, self.grokked - self.memorized)

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

    def concentration(self, basis: Basis = "additive") -> Concentration:
        """How concentrated the final embedding is in a basis, from the cache or computed and kept there.

        Raises:
            LabError: the record keeps no embedding, or the multiplicative basis of a modulus that is no prime is asked for.
        """
        return _concentration(self.study.remember(measure_concentration, basis=basis))


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
    def share(self) -> tuple[float, float, float]:
        """The share of the seeds that grokked, with Wilson's 95 % interval."""
        return self.n_grokked / self.n, *share_interval(self.n_grokked, self.n)

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

    def over(self, value: Callable[[Outcome], float], scale: Literal["linear", "log", "share"] = "linear") -> OverSeeds:
        """A quantity of the runs over the seeds."""
        return over_seeds([value(row) for row in self.rows], scale)


@dataclass(frozen=True)
class SweepOutcomes:
    """A sweep as far as it is trained."""

    sweep: sweeps.Sweep
    rows: tuple[Outcome, ...]
    missing: tuple[RunSpec, ...]

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
    def pending(self) -> str:
        """A sentence on what is not trained yet and what it would cost on one core; empty when everything is."""
        if not self.missing:
            return ""
        seeds: dict[str, list[int]] = {}
        for spec in self.missing:
            seeds.setdefault(spec.name, []).append(spec.seed)
        trained = {row.spec.name for row in self.rows}
        names = [
            f"{name} ({'more seeds' if name in trained else 'one seed' if len(found) == 1 else f'{len(found)} seeds'})"
            for name, found in seeds.items()
        ]
        return f"Not trained here yet: {', '.join(names)}; about {estimated_cost(self.missing)} on one core in all."

    def where(self, keep: Callable[[RunSpec], bool]) -> SweepOutcomes:
        """The part of the sweep whose specifications are kept."""
        return SweepOutcomes(
            self.sweep, tuple(row for row in self.rows if keep(row.spec)), tuple(spec for spec in self.missing if keep(spec))
        )


def sweep(name: str) -> SweepOutcomes:
    """The outcomes of a sweep, as far as it is trained.

    Raises:
        LabError: the sweep is unknown, or a record is damaged.
    """
    found, store = sweeps.sweep(name), Store()
    rows, missing = [], []
    for spec in found.runs():
        record = store.find(spec)
        if record is None:
            missing.append(spec)
        else:
            rows.append(Outcome(Study(record), setting_of(spec, found.varies)))
    return SweepOutcomes(found, tuple(rows), tuple(missing))


def setting_of(spec: RunSpec, varies: tuple[str, ...]) -> tuple[Any, ...]:
    """The values of the varied fields."""
    fields = flatten(spec.to_dict())
    return tuple(fields[field] for field in varies)


@for_networks(EMBEDDING)
def measure_concentration(study: Study, *, basis: Basis) -> dict[str, np.ndarray]:
    """The arrays of `Concentration`."""
    if basis == "multiplicative" and not characters.is_prime(study.p):
        raise LabError(f"{study.record.run_id} has no multiplicative basis: its modulus {study.p} is no prime")
    table_PD = study.embedding_PD

    def scores(energy_K: np.ndarray) -> tuple[float, float]:
        strongest = np.sort(energy_K)[::-1][:N_TOP]
        return float(strongest.sum() / energy_K.sum()), characters.effective_number(energy_K)

    energies = fourier.energy_per_frequency if basis == "additive" else characters.energy_per_character
    energy_K = energies(table_PD)
    generator = np.random.default_rng(0)
    nulls = []
    for _ in range(N_RENAMINGS):
        renamed_PD = table_PD[generator.permutation(study.p)]
        nulls.append((characters.gini_in(renamed_PD, basis), *scores(energies(renamed_PD))))
    return {
        "energy_K": energy_K,
        "scores": np.array([characters.gini_in(table_PD, basis), *scores(energy_K)]),
        "nulls": np.mean(nulls, axis=0),
        "n_significant": np.array(spectra.largest_gap(np.sqrt(energy_K)).n_significant),
    }


def _concentration(arrays: dict[str, np.ndarray]) -> Concentration:
    gini, top_share, effective = map(float, arrays["scores"])
    gini_null, top_share_null, effective_null = map(float, arrays["nulls"])
    return Concentration(
        energy_K=arrays["energy_K"],
        gini=gini,
        top_share=top_share,
        effective=effective,
        n_significant=int(arrays["n_significant"]),
        gini_null=gini_null,
        top_share_null=top_share_null,
        effective_null=effective_null,
    )


def _order(value: Any) -> tuple[bool, Any]:
    return isinstance(value, str), value


def _or_nan(step: float | None) -> float:
    return math.nan if step is None else float(step)
