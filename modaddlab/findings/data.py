"""How much data: what the share of the pairs in training does to the time to grok and to the pause before it.

The level of memory is the test accuracy at the step at which all training questions are right. A memory that takes no notice of
order would have right every test question whose mirror image b + a is trained; that share is the level's yardstick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis.scaling import Timed, censored_power_law
from modaddlab.findings import outcomes, stages
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import At, Columns, Embeddings, Law, Swept, embeddings, final_accuracy
from modaddlab.findings.value import FACTOR, Group, Value, count, exponent, factor, number, share, steps, total, words

USUAL = 0.3
"""The share of the pairs that the mainline is trained on."""

AT_ONCE = 2.0
"""A network generalizes at once when it groks before this many times the step at which memory is complete."""

SETTLED = 0.1
"""The test loss, in nats, by which the released runs of Nanda et al. are compared."""

NOTICED, REACHED = 0.2, 0.8
"""Below the first part of the yardstick a memory has not noticed the symmetry; above the second it has."""


@dataclass(frozen=True, kw_only=True)
class Waits(Swept):
    """The time to grok over the share of the pairs."""

    shares: Value
    """How many shares were tried, the first and the last of them."""
    first: Value
    last: Value
    least: At
    """The smallest share whose networks grok."""
    most: At
    apart: Value
    """The wait with the least over the wait with the most."""
    silent: Value
    """The shares of which no network groks."""
    silent_for: Value
    """Steps of the shortest of their runs."""
    law: Law
    doubled: Value
    """By which factor twice the pairs shorten the wait, by the law."""
    by_loss: Value
    """The law's exponent where the wait is that for a test loss under `SETTLED`."""
    steepest: Value
    flattest: Value
    """The extreme exponents between one share and the next."""
    in_order: bool
    """Every larger share is sooner."""
    table: list[dict[str, str]] = field(repr=False)

    @property
    def by_share(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The curves by the share as it is written."""
        return {_percent(value): curve for value, curve in self.curves.items()}


@dataclass(frozen=True, kw_only=True)
class Level(Group):
    """What memory knows of the test questions, and how many of them have a trained mirror image; means over seeds."""

    knows: Value
    mirrored: Value

    @property
    def part(self) -> float:
        """The one over the other."""
        return self.knows.value / self.mirrored.value

    @property
    def ahead(self) -> float:
        """The one minus the other."""
        return self.knows.value - self.mirrored.value


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The level of memory by share."""

    usual: Level
    usual_least: Value
    usual_most: Value
    """Over its seeds."""
    half: Level
    most: Level
    points_ahead: Value
    """By how many hundredths of the questions memory with the largest share is ahead."""
    blind_shares: list[float]
    """The shares at which memory has not noticed the symmetry."""
    between: Value
    """Those at which it is on its way."""
    measured: dict[float, list[float]] = field(repr=False)
    yardstick: dict[float, list[float]] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The seeds as a figure's data."""
        pairs = {value: zip(seeds, self.yardstick[value], strict=True) for value, seeds in self.measured.items()}
        rows = [(value, *pair) for value, seeds in pairs.items() for pair in seeds]
        names = ("share", "test accuracy when memory is complete", "test questions whose mirror image is trained")
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}


@dataclass(frozen=True, kw_only=True)
class Regimes:
    """Which shares generalize at once, by our rule."""

    at_once: Value
    groks: Value
    at_once_shares: list[float]
    groks_shares: list[float]


@dataclass(frozen=True, kw_only=True)
class Frequencies(Embeddings):
    """The effective number of frequencies in the embedding."""

    usual_least: Value
    usual_most: Value
    """Over the seeds of the usual share."""
    others_least: Value
    others_most: Value
    """Over the networks with other shares that grok."""
    making: Value
    """The smallest number of a network that has not grokked, and its null."""
    making_share: Value
    """The share of the pairs that it is trained on."""
    other_parts: list[float] = field(repr=False)
    """Of the others that have not grokked: the number as a part of its null."""


@dataclass(frozen=True, kw_only=True)
class Small(Swept):
    """The two-layer network."""

    p: Value
    seeds: Value
    least: Value
    """The smallest share, with its final accuracy and what memory would have."""
    at_least: Value
    memory: Value
    beyond: Value
    """At how many shares it ends above memory, beyond the scatter of seeds."""
    shares: Value
    mirrored: dict[float, float] = field(repr=False)

    @property
    def final(self) -> dict[float, list[float]]:
        """The final accuracy of every seed, by share."""
        return {value: [_accuracy(row) for row in point.rows] for value, point in self.points.items()}

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every share."""
        return [
            {
                "share": _percent(value),
                "final test accuracy": str(final_accuracy(point)),
                "memory": tables.percent(self.mirrored[value]),
                "95 % of the test questions": point.words,
            }
            for value, point in self.points.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Data:
    """What the share of the pairs does."""

    waits: Waits
    memory: Memory
    regimes: Regimes
    frequencies: Frequencies
    small: Small


def measure() -> Data:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    points, times = outcomes.sweep("train-fraction").points, outcomes.times("train-fraction").points
    plateaus = {value: [stages.plateau(row.study) for row in point.rows] for value, point in points.items()}
    measured = {
        value: [row.at(one.complete.value) for row, one in zip(points[value].rows, ones, strict=True) if one.complete.value > 0]
        for value, ones in plateaus.items()
    }
    return Data(
        waits=_waits(times, measured),
        memory=_memory(measured, {value: [one.mirrored.value for one in ones] for value, ones in plateaus.items()}),
        regimes=_regimes(times),
        frequencies=_frequencies(points),
        small=_small(outcomes.sweep("two-layer-fraction").points),
    )


def pairs_of(row: Outcome) -> float:
    """How many pairs the run is trained on."""
    return float(row.spec.task.n_train)


def _waits(points: dict[float, Point], measured: dict[float, list[float]]) -> Waits:
    rows = [row for point in points.values() for row in point.rows]
    there = {value: point.typical for value, point in points.items() if np.isfinite(point.typical)}
    silent = {value: point for value, point in points.items() if not point.n_grokked}
    shares = np.array(sorted(there))
    wait = np.array([there[value] for value in shares])
    local = np.diff(np.log(wait)) / np.diff(np.log(shares))
    law = Law.through(rows, pairs_of)
    return Waits(
        points=points,
        shares=count(len(points)),
        first=words(_percent(min(points))),
        last=words(_percent(max(points))),
        least=At.point(shares[0], points[shares[0]]),
        most=At.point(shares[-1], points[shares[-1]]),
        apart=factor(wait[0] / wait[-1]),
        silent=words(_listed(silent)),
        silent_for=steps(min(point.trained_for for point in silent.values())),
        law=law,
        doubled=Value(2**-law.found.exponent, FACTOR, 2**-law.found.high, 2**-law.found.low),
        by_loss=_by_loss(rows),
        steepest=exponent(local.min()),
        flattest=exponent(local.max()),
        in_order=bool((np.diff(wait) < 0).all()),
        table=[_share_row(value, point, measured[value]) for value, point in points.items()],
    )


def _by_loss(rows: Sequence[Outcome]) -> Value:
    runs = []
    for row in rows:
        settled_T = row.metrics["test_loss"] < SETTLED
        reached = float(row.metrics["step"][settled_T.argmax()]) if settled_T.any() else np.nan
        runs.append(Timed(pairs_of(row), reached, row.spec.steps))
    law = censored_power_law(runs)
    return exponent(law.exponent, law.low, law.high)


def _share_row(value: float, point: Point, level: list[float]) -> dict[str, str]:
    later = [row.grokked / row.memorized for row in point.rows]
    return {
        "share": _percent(value),
        "pairs": str(total(pairs_of(point.rows[0]))),
        "by heart": tables.whole(float(np.median([row.memorized for row in point.rows]))),
        "steps to grok": point.words,
        "times later": tables.number(float(np.median(later)), 2) if np.isfinite(later).all() else tables.MISSING,
        "test, by heart": tables.percent(float(np.mean(level))),
        "frequencies": point.rows[0].concentration().text,
    }


def _memory(measured: dict[float, list[float]], yardstick: dict[float, list[float]]) -> Memory:
    levels = {
        value: Level(knows=share(float(np.mean(measured[value]))), mirrored=share(float(np.mean(yardstick[value]))))
        for value in measured
    }
    usual, most = measured[USUAL], levels[max(levels)]

    def where(keep: Callable[[Level], bool]) -> list[float]:
        return [value for value, level in levels.items() if keep(level)]

    blind = where(lambda level: level.part < NOTICED)
    return Memory(
        usual=levels[USUAL],
        usual_least=share(min(usual)),
        usual_most=share(max(usual)),
        half=levels[0.5],
        most=most,
        points_ahead=total(round(100 * most.ahead)),
        blind_shares=blind,
        between=words(_listed(where(lambda level: NOTICED <= level.part <= REACHED))),
        measured=measured,
        yardstick=yardstick,
    )


def _regimes(points: dict[float, Point]) -> Regimes:
    later = {
        value: float(np.median([row.grokked / row.memorized for row in point.rows]))
        for value, point in points.items()
        if point.n_grokked == point.n
    }
    at_once = [value for value, ratio in later.items() if ratio < AT_ONCE]
    groks = [value for value in later if value not in at_once]
    return Regimes(at_once=words(_listed(at_once)), groks=words(_listed(groks)), at_once_shares=at_once, groks_shares=groks)


def _frequencies(points: dict[float, Point]) -> Frequencies:
    found = embeddings(points)
    each = [(value, row, one) for value, point in points.items() for row, one in zip(point.rows, found[value], strict=True)]
    usual = [one.effective.value for value, _, one in each if value == USUAL]
    others = [one.effective.value for value, row, one in each if value != USUAL and np.isfinite(row.grokked)]
    silent = [(one.part, value, one) for value, row, one in each if not np.isfinite(row.grokked)]
    (_, making_share, making), *rest = sorted(silent, key=lambda item: item[0])
    return Frequencies(
        usual_least=number(min(usual)),
        usual_most=number(max(usual)),
        others_least=number(min(others)),
        others_most=number(max(others)),
        making=making.effective,
        making_share=words(_percent(making_share)),
        other_parts=[part for part, _, _ in rest],
        varied="share",
        found=found,
    )


def _small(points: dict[float, Point]) -> Small:
    mirrored = {
        value: float(np.mean([stages.plateau(row.study).mirrored.value for row in point.rows])) for value, point in points.items()
    }
    least = min(points)
    return Small(
        points=points,
        p=total(points[least].rows[0].study.p),
        seeds=count(min(point.n for point in points.values())),
        least=words(_percent(least)),
        at_least=final_accuracy(points[least]),
        memory=share(mirrored[least]),
        beyond=count(sum((final_accuracy(point).low or 0.0) > mirrored[value] for value, point in points.items())),
        shares=count(len(points)),
        mirrored=mirrored,
    )


def _accuracy(row: Outcome) -> float:
    return row.final("test_accuracy")


def _percent(value: float) -> str:
    return tables.percent(value, 0)


def _listed(shares: object) -> str:
    return tables.listing([_percent(value) for value in shares])  # type: ignore[union-attr]
