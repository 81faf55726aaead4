"""How much decay: what the price of a weight does to the time to grok, and what it leaves alone.

A decay time is 1 / (learning rate * weight decay) steps: a weight that no gradient defends loses a factor of e in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.findings import outcomes
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import At, Columns, Curve, Embeddings, Law, Swept, curve_columns, embeddings, final_accuracy
from modaddlab.findings.value import Value, count, factor, number, setting, share, steps, words

USUAL = 1.0
"""The mainline's weight decay."""


@dataclass(frozen=True, kw_only=True)
class Times(Swept):
    """The time to grok over the decay."""

    settings: Value
    """How many decays were tried."""
    betas: Value
    """The optimizer's averages of the gradient and of its square."""
    weak: At
    """The smallest decay whose network groks."""
    usual: At
    strong: At
    law: Law
    doubled: Value
    """What is left of the wait when the decay is doubled, by the law."""
    steps_apart: Value
    """The slowest setting over the fastest, in steps."""
    clock_apart: Value
    """The same in decay times."""
    clock_least: Value
    clock_most: Value
    """The fewest and the most decay times to grok, each the mean of a setting."""
    clock_single: Value
    """How far single networks of all settings lie apart in decay times, as a factor."""
    in_order: bool
    """Every larger decay is sooner."""

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every decay."""
        return [_time_row(decay, point) for decay, point in self.points.items()]


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """The run with the smallest decay above zero, which has not grokked."""

    decay: Value
    asked: Value
    """The steps that the law asks for."""
    had: Value
    accuracy: Value


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The length of the vector of all weights, of the first seeds that grok."""

    full_least: Value
    full_most: Value
    """When memory is complete."""
    end_least: Value
    end_most: Value
    prices_apart: Value
    """The largest of their decays over the smallest."""
    age_least: Value
    age_most: Value
    """The fewest and the most decay times that they were trained for."""
    curves: dict[float, Curve] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The curves as a figure's data."""
        return curve_columns(self.curves, what="length of all weights")


@dataclass(frozen=True, kw_only=True)
class Frequencies(Embeddings):
    """The effective number of frequencies in the embedding."""

    usual_least: Value
    usual_most: Value
    """Over the seeds of the usual decay."""
    others: Value
    """How many other decays grok."""
    inside: Value
    """How many of those lie within the range of the seeds."""
    without: Value
    """Without decay; its null has the residues renamed."""


@dataclass(frozen=True, kw_only=True)
class Small(Swept):
    """The two-layer network, by its final accuracy."""

    seeds: Value
    best: Value
    """The decays that cannot be told from the best one."""
    worse: Value
    """The larger decays that do worse, beyond the scatter of seeds."""
    without: Value
    """The final accuracy without decay."""
    most: Value
    """The largest decay, and the final accuracy with it."""
    at_most: Value
    sooner: bool
    """Where every seed groks, more decay is sooner."""
    law: Law
    """The time to grok over these decays."""
    least: Value
    largest: Value
    """The smallest and the largest of them."""
    clock_least: Value
    clock_largest: Value
    """The decay times to grok at these two."""
    doubled: Value
    """What is left of the wait when the decay is doubled, by the law."""

    @property
    def final(self) -> dict[float, list[float]]:
        """The final accuracy of every seed, by decay."""
        return {decay: [_accuracy(row) for row in point.rows] for decay, point in self.points.items()}

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every decay."""
        return [
            {
                "decay": str(setting(decay)),
                "final test accuracy": str(final_accuracy(point)),
                "95 % of the test questions": point.words,
            }
            for decay, point in self.points.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Decay:
    """What weight decay does."""

    times: Times
    unfinished: Unfinished
    sizes: Sizes
    frequencies: Frequencies
    small: Small


def measure() -> Decay:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    points, times = outcomes.sweep("weight-decay").points, outcomes.times("weight-decay").points
    law = Law.through([row for decay, point in times.items() if decay for row in point.rows], decay_of)
    return Decay(
        times=_times(times, law),
        unfinished=_unfinished(points, law),
        sizes=_sizes(points),
        frequencies=_frequencies(points),
        small=_small(outcomes.sweep("two-layer-decay").points),
    )


def decay_of(row: Outcome) -> float:
    """The weight decay."""
    return row.spec.optim.weight_decay


def fade_of(row: Outcome) -> float:
    """What a weight loses in a step: one over the decay time."""
    return row.spec.optim.lr * row.spec.optim.weight_decay


def _times(points: dict[float, Point], law: Law) -> Times:
    there = {decay: point for decay, point in points.items() if decay and np.isfinite(point.typical)}
    wait = np.array([point.typical for point in there.values()])
    clock = np.array([point.typical * fade_of(point.rows[0]) for point in there.values()])
    single = np.array([row.grokked * fade_of(row) for point in there.values() for row in point.rows])
    weak, strong = min(there), max(there)
    optim = points[USUAL].rows[0].spec.optim
    return Times(
        points=points,
        settings=count(len(points)),
        betas=words(_listed([optim.beta1, optim.beta2])),
        weak=At.point(weak, points[weak]),
        usual=At.point(USUAL, points[USUAL]),
        strong=At.point(strong, points[strong]),
        law=law,
        doubled=_left(law),
        steps_apart=factor(wait.max() / wait.min()),
        clock_apart=factor(clock.max() / clock.min()),
        clock_least=number(clock.min()),
        clock_most=number(clock.max()),
        clock_single=factor(single.max() / single.min()),
        in_order=bool((np.diff(wait) < 0).all()),
    )


def _clock(point: Point) -> Value:
    """The decay times to grok, of a setting of which every seed gets there."""
    return number(point.typical * fade_of(point.rows[0]))


def _left(law: Law) -> Value:
    """The part of the wait that is left when the decay is doubled."""
    return share(*(2**end for end in (law.found.exponent, law.found.low, law.found.high)))


def _time_row(decay: float, point: Point) -> dict[str, str]:
    row = point.rows[0]
    fade, full = fade_of(row), np.argmax(row.metrics["step"] >= row.memorized)
    return {
        "decay": str(setting(decay)),
        "decay time": tables.whole(1 / fade) if fade else "∞",
        "steps to grok": point.words,
        "decay times": tables.number(point.typical * fade, 2) if fade and np.isfinite(point.typical) else tables.MISSING,
        "length, memorized": tables.number(float(row.norm_T[full])),
        "length, end": tables.number(float(row.norm_T[-1])),
        "test accuracy": tables.percent(_accuracy(row)),
    }


def _unfinished(points: dict[float, Point], law: Law) -> Unfinished:
    decay = min(decay for decay in points if decay)
    row = points[decay].rows[0]
    asked = round(float(law.found.at(decay)), -3)
    return Unfinished(decay=setting(decay), asked=steps(asked), had=steps(row.spec.steps), accuracy=share(_accuracy(row)))


def _sizes(points: dict[float, Point]) -> Sizes:
    first = {decay: point.rows[0] for decay, point in points.items()}
    grokked = {decay: row for decay, row in first.items() if np.isfinite(row.grokked)}
    full = [float(row.norm_T[np.argmax(row.metrics["step"] >= row.memorized)]) for row in grokked.values()]
    ends = [float(row.norm_T[-1]) for row in grokked.values()]
    ages = [float(row.metrics["step"][-1]) * fade_of(row) for row in grokked.values()]
    return Sizes(
        full_least=number(min(full)),
        full_most=number(max(full)),
        end_least=number(min(ends)),
        end_most=number(max(ends)),
        prices_apart=factor(max(grokked) / min(grokked)),
        age_least=number(min(ages)),
        age_most=number(max(ages)),
        curves={decay: (row.metrics["step"], row.norm_T) for decay, row in first.items()},
    )


def _frequencies(points: dict[float, Point]) -> Frequencies:
    found = Embeddings(varied="weight decay", found=embeddings(points))
    by_decay = found.effective
    least, most = min(by_decay[USUAL]), max(by_decay[USUAL])
    others = [
        by_decay[decay][0] for decay, point in points.items() if decay not in (0, USUAL) and np.isfinite(point.rows[0].grokked)
    ]
    return Frequencies(
        usual_least=number(least),
        usual_most=number(most),
        others=count(len(others)),
        inside=count(sum(least <= value <= most for value in others)),
        without=found.found[0.0][0].effective,
        **vars(found),
    )


def _small(points: dict[float, Point]) -> Small:
    pooled = {decay: final_accuracy(point) for decay, point in points.items()}
    best = max(pooled, key=lambda decay: pooled[decay].value)
    alike = [decay for decay, one in pooled.items() if (one.high or 0.0) >= (pooled[best].low or 0.0)]
    worse = [decay for decay, one in pooled.items() if decay > best and decay not in alike]
    prompt = {decay: point for decay, point in points.items() if decay and point.time is not None}
    law = Law.through([row for point in prompt.values() for row in point.rows], decay_of)
    return Small(
        points=points,
        seeds=count(min(point.n for point in points.values())),
        best=words(_listed(alike)),
        worse=words(_listed(worse)),
        without=final_accuracy(points[0.0]),
        most=setting(max(points)),
        at_most=final_accuracy(points[max(points)]),
        sooner=bool((np.diff([point.typical for point in prompt.values()]) < 0).all()),
        law=law,
        least=setting(min(prompt)),
        largest=setting(max(prompt)),
        clock_least=_clock(prompt[min(prompt)]),
        clock_largest=_clock(prompt[max(prompt)]),
        doubled=_left(law),
    )


def _accuracy(row: Outcome) -> float:
    return row.final("test_accuracy")


def _listed(decays: Sequence[float]) -> str:
    return tables.listing([str(setting(decay)) for decay in decays])
