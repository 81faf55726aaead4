"""What the chapters on sweeps have in common: the time to grok at a setting, the law through the runs, what their figures take.

The time to grok is the first recorded step with 95 % of the test pairs right. Over seeds it is averaged as a geometric mean. Laws
are fitted to runs, not to settings, and a run that was stopped before it got there counts as "later than that"
(`modaddlab.analysis.scaling.censored_power_law`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from modaddlab.analysis.scaling import PowerLaw, Timed, Times, censored_power_law
from modaddlab.analysis.seeds import range_of_one_more
from modaddlab.findings.concentration import Concentration
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.value import Group, Value, count, exponent, factor, over, setting, share, steps, total

Rows = Sequence[Outcome]
Columns = Mapping[str, ArrayLike]
Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Law(Group):
    """A power law: time = factor * setting^exponent."""

    exponent: Value
    n: Value
    """How many runs it was fitted to."""
    spread: Value
    """The standard deviation of times around it, as a factor."""
    line: Curve = field(repr=False)
    """Its ends, for a figure."""
    found: PowerLaw = field(repr=False)

    @classmethod
    def through(cls, rows: Rows, x: Callable[[Outcome], float]) -> Law:
        """The law through runs.

        Raises:
            ValueError: fewer than three got there, or all have one setting.
        """
        runs = timed(rows, x)
        found = censored_power_law(runs)
        ends = np.array([min(run.x for run in runs), max(run.x for run in runs)])
        return cls(
            exponent=exponent(found.exponent, found.low, found.high),
            n=total(found.n),
            spread=factor(found.spread),
            line=(ends, found.at(ends)),
            found=found,
        )


@dataclass(frozen=True, kw_only=True)
class At(Group):
    """One setting of a sweep."""

    setting: Value
    time: Value
    """Steps to grok, the geometric mean over the seeds; NaN unless all of them got there."""
    seeds: Value
    """How many seeds it has."""
    grokked: Value
    """How many of them got there."""
    trained_for: Value
    """Steps of the shortest run."""

    @classmethod
    def point(cls, value: float, point: Point) -> At:
        """What a sweep has at a value of the setting."""
        time = point.time
        ends = (time.low, time.high) if time is not None and time.n > 2 else (None, None)
        return cls(
            setting=setting(value),
            time=steps(None if time is None else time.mean, *ends),
            seeds=count(point.n),
            grokked=count(point.n_grokked),
            trained_for=steps(point.trained_for),
        )


@dataclass(frozen=True, kw_only=True)
class Swept:
    """A sweep of one setting as its figures take it."""

    points: dict[Any, Point] = field(repr=False)

    @property
    def rows(self) -> list[Outcome]:
        """All runs."""
        return [row for point in self.points.values() for row in point.rows]

    @property
    def times(self) -> dict[Any, Times]:
        """Time to grok of every seed, by setting."""
        return {value: Times(point.grokked_S.tolist(), point.trained_for) for value, point in self.points.items()}

    @property
    def curves(self) -> dict[Any, Curve]:
        """Test accuracy over steps of the first seed, by setting."""
        return {value: curve(point.rows[0]) for value, point in self.points.items()}

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return columns(self.rows)

    @property
    def curve_columns(self) -> Columns:
        """The curves as a figure's data."""
        return curve_columns(self.curves)


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """The effective number of frequencies in a sweep's embeddings, beside that of renamed residues."""

    varied: str = field(repr=False)
    """What is varied, in words."""
    found: dict[Any, list[Concentration]] = field(repr=False)
    """Every seed's, by setting."""

    @property
    def effective(self) -> dict[Any, list[float]]:
        """The numbers of every seed, by setting."""
        return {setting: [one.effective.value for one in ones] for setting, ones in self.found.items()}

    @property
    def null(self) -> dict[Any, float]:
        """The mean over seeds of the numbers with renamed residues, by setting."""
        return {setting: float(np.mean([one.effective.null or np.nan for one in ones])) for setting, ones in self.found.items()}

    @property
    def columns(self) -> Columns:
        """The embeddings as a figure's data."""
        rows = [(setting, one) for setting, ones in self.found.items() for one in ones]
        return {
            self.varied: [setting for setting, _ in rows],
            "effective number": [one.effective.value for _, one in rows],
            "of renamed residues": [one.effective.null or np.nan for _, one in rows],
            "above the largest gap": [one.n_significant.value for _, one in rows],
        }


def embeddings(points: Mapping[Any, Point]) -> dict[Any, list[Concentration]]:
    """How concentrated every seed's embedding is, by setting."""
    return {setting: [row.concentration() for row in point.rows] for setting, point in points.items()}


def final_accuracy(point: Point) -> Value:
    """The test accuracy at the end, over the seeds of a setting."""
    return over([share(row.final("test_accuracy")) for row in point.rows])


def one_more(point: Point) -> tuple[float, float]:
    """Between which steps one more seed of a setting would grok, with 95 %; every seed that it has must have got there."""
    assert point.time is not None, "every seed groks"
    return range_of_one_more(point.time, "log")


def timed(rows: Iterable[Outcome], x: Callable[[Outcome], float]) -> list[Timed]:
    """Runs as a law is fitted to them."""
    return [Timed(x(row), row.grokked, row.spec.steps) for row in rows]


def curve(row: Outcome) -> Curve:
    """Test accuracy over steps."""
    return row.metrics["step"], row.metrics["test_accuracy"]


def columns(rows: Iterable[Outcome]) -> Columns:
    """Runs as a figure's data: what was set, when they grokked, how they ended."""
    rows = list(rows)
    return {
        "run": [row.spec.run_id for row in rows],
        "learning rate": [row.spec.optim.lr for row in rows],
        "weight decay": [row.spec.optim.weight_decay for row in rows],
        "train fraction": [row.spec.task.train_frac for row in rows],
        "seed": [row.spec.seed for row in rows],
        "step of 95 % test accuracy": [row.grokked for row in rows],
        "final test accuracy": [row.final("test_accuracy") for row in rows],
        "steps trained": [row.spec.steps if row.spec.grokked_for is None else int(row.metrics["step"][-1]) for row in rows],
    }


def curve_columns(curves: Mapping[Any, Curve], every: int = 4, what: str = "test accuracy", along: str = "step") -> Columns:
    """Every few points of some curves, one below the other, as a figure's data."""
    thinned = {name: (step_T[::every], value_T[::every]) for name, (step_T, value_T) in curves.items()}
    return {
        "curve": [str(name) for name, (step_T, _) in thinned.items() for _ in step_T],
        along: np.concatenate([step_T for step_T, _ in thinned.values()]),
        what: np.concatenate([value_T for _, value_T in thinned.values()]),
    }
