"""How fast: what the learning rate does to the time to grok, and whether its product with the decay decides.

In the two-layer network some seeds end their training elsewhere, at every rate with the same answers; they are left out of its
law, for they are not late.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis import seeds
from modaddlab.analysis.scaling import Timed
from modaddlab.findings import outcomes
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import At, Columns, Curve, Law, Rows, Swept, columns, curve, curve_columns, timed
from modaddlab.findings.value import Value, count, factor, loss, setting, share, steps, total, words

STUMBLE, LEAP = 0.95, 100.0
"""A stumble is a row below this accuracy after the rule was found; a leap is a loss so many times that of the row before."""

USUAL = (0.001, 1.0)
"""The mainline's learning rate and weight decay."""


@dataclass(frozen=True, kw_only=True)
class Rates(Swept):
    """The sweep of the rate alone."""

    slowest: At
    usual: At
    fast: At
    fastest: At
    law: Law

    @property
    def effective(self) -> list[float]:
        """The embedding's effective number of frequencies of the first seed, by rate."""
        return [point.rows[0].concentration().effective.value for point in self.points.values()]

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every rate."""
        return [_rate_row(rate, point) for rate, point in self.points.items()]


@dataclass(frozen=True, kw_only=True)
class Late:
    """The run with the largest rate, from twice its time to grok to its end."""

    last: Value
    rows: Value
    """Recorded rows in that time."""
    stumbles: Value
    lowest: Value
    """The smallest test accuracy, and its step."""
    lowest_at: Value
    final: Value
    leaps: Value
    leaps_at: Value
    before: Value
    """Test loss in the row before the first leap."""
    after: Value
    """Test loss at the end."""
    run: Outcome = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The whole run as a figure's data."""
        kept = ("step", "train_accuracy", "test_accuracy", "train_loss", "test_loss")
        return {name: self.run.metrics[name] for name in kept} | {"length of all weights": self.run.norm_T}


@dataclass(frozen=True, kw_only=True)
class Product:
    """All runs with another rate or another decay, and those that share a product."""

    law: Law
    others: Value
    """Runs with another rate or decay that grokked."""
    near: int
    """How many of them lie within two standard deviations of seeds of the clock."""
    two_deviations: Value
    """That distance, as a factor."""
    span: Value
    """The largest product over the smallest."""
    stopped: Value
    """Runs that had not grokked when they ended."""
    stopped_early: Value
    """How many of those were stopped before the clock's time."""
    pairs: Value
    """Pairs of runs from one start with one product."""
    widest: Value
    """The largest ratio of their times."""
    seeds_apart: Value
    """The ratio of the slowest and the fastest seed of the mainline."""
    sooner_by_heart: Value
    """In how many of the pairs the run with the larger rate knows its training questions first."""
    clock: tuple[np.ndarray, np.ndarray, str] = field(repr=False)
    """The line of slope -1 through the mainline's mean, and what it is called."""
    series: dict[str, Rows] = field(repr=False)
    same_start: list[tuple[Outcome, Outcome]] = field(repr=False)

    @property
    def marks(self) -> dict[str, list[Timed]]:
        """The runs by what was varied."""
        return {name: timed(rows, product_of) for name, rows in self.series.items()}

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return columns(row for rows in self.series.values() for row in rows)

    @property
    def bundle(self) -> list[Curve]:
        """The curves of the mainline's other seeds."""
        return [curve(row) for row in self.series["the mainline's ten seeds"][1:]]

    @property
    def bundle_name(self) -> str:
        """What they are called."""
        return _factors(self.series["the mainline's ten seeds"][0]) + ", other seeds"

    @property
    def curves(self) -> dict[str, Curve]:
        """The curves of the mainline's first seed and of those with its product."""
        rows = [self.series["the mainline's ten seeds"][0], *self.series["both, the product kept"]]
        return {_factors(row): curve(row) for row in rows}

    @property
    def curve_columns(self) -> Columns:
        """Both as a figure's data."""
        return curve_columns(self.curves | {f"seed {n}": found for n, found in enumerate(self.bundle, 1)})

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every pair."""
        return [_pair_row(*pair) for pair in self.same_start]


@dataclass(frozen=True, kw_only=True)
class Small(Swept):
    """The two-layer network."""

    slowest: At
    fastest: At
    seeds: Value
    turn: Value
    """Seeds that grok at every rate."""
    stay: Value
    """Seeds that grok at no rate."""
    apart: Value
    """How far the final accuracies of one seed lie apart over the rates, at most."""
    span: Value
    """The largest rate over the smallest."""
    law: Law


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What the learning rate does."""

    rates: Rates
    late: Late
    product: Product
    small: Small


def measure() -> Speed:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    rates = outcomes.times("learning-rate")
    base = rates.points[USUAL[0]]
    series = {
        "the mainline's ten seeds": base.rows,
        "the decay varied": _others(row for row in outcomes.times("weight-decay").rows if row.spec.optim.weight_decay),
        "the rate varied": _others(rates.rows),
        "both, the product kept": _others(outcomes.sweep("effective-decay").rows),
    }
    return Speed(
        rates=_rates(rates.points),
        late=_late(rates.points[max(rates.points)].rows[0]),
        product=_product(series, base),
        small=_small(outcomes.sweep("two-layer-rate").points),
    )


def rate_of(row: Outcome) -> float:
    """The learning rate."""
    return row.spec.optim.lr


def product_of(row: Outcome) -> float:
    """The learning rate times the weight decay."""
    return round(row.spec.optim.lr * row.spec.optim.weight_decay, 12)


def _rates(points: dict[float, Point]) -> Rates:
    slowest, usual, fast, fastest = (At.point(rate, points[rate]) for rate in sorted(points))
    rows = [row for point in points.values() for row in point.rows]
    return Rates(points=points, slowest=slowest, usual=usual, fast=fast, fastest=fastest, law=Law.through(rows, rate_of))


def _rate_row(rate: float, point: Point) -> dict[str, str]:
    first = point.rows[0]
    return {
        "rate": str(setting(rate)),
        "by heart": tables.whole(float(np.median([row.memorized for row in point.rows]))),
        "steps to grok": point.words,
        "steps × rate": str(factor(point.typical * rate)),  # noqa: RUF001
        "test accuracy": tables.percent(first.final("test_accuracy")),
        "frequencies": first.concentration().text,
    }


def _late(run: Outcome) -> Late:
    step_T, train_T, test_T = (run.metrics[name] for name in ("step", "train_loss", "test_loss"))
    since_T = step_T > 2 * run.grokked
    accuracy_T = run.metrics["test_accuracy"][since_T]
    leaps = [i for i in np.flatnonzero(train_T[1:] > LEAP * train_T[:-1]) + 1 if since_T[i]]
    return Late(
        last=steps(run.spec.steps),
        rows=total(len(accuracy_T)),
        stumbles=count(int((accuracy_T < STUMBLE).sum())),
        lowest=share(accuracy_T.min()),
        lowest_at=steps(int(step_T[since_T][accuracy_T.argmin()])),
        final=share(accuracy_T[-1]),
        leaps=count(len(leaps)),
        leaps_at=words(tables.listing([f"{step_T[i]:,}" for i in leaps])),
        before=loss(test_T[leaps[0] - 1]),
        after=loss(test_T[-1]),
        run=run,
    )


def _product(series: dict[str, Rows], base: Point) -> Product:
    rows = [row for part in series.values() for row in part]
    assert base.time is not None, "every seed of the mainline groks"
    clock = base.time.mean * USUAL[0] * USUAL[1]
    there = [row for row in rows if np.isfinite(row.grokked)]
    stopped = [row for row in rows if not np.isfinite(row.grokked)]
    others = _others(there)
    off = np.abs(np.log([row.grokked * product_of(row) / clock for row in others]))
    deviation = seeds.log_deviation(base.grokked_S)
    pairs = _pairs(there)
    ratios = [max(a.grokked / b.grokked, b.grokked / a.grokked) for a, b in pairs]
    ends = np.array([min(map(product_of, rows)), max(map(product_of, rows))])
    return Product(
        law=Law.through(rows, product_of),
        others=count(len(others)),
        near=int((off < 2 * deviation).sum()),
        two_deviations=factor(float(np.exp(2 * deviation))),
        span=factor(max(map(product_of, there)) / min(map(product_of, there))),
        stopped=count(len(stopped)),
        stopped_early=count(sum(row.spec.steps < clock / product_of(row) for row in stopped)),
        pairs=count(len(pairs)),
        widest=factor(max(ratios)),
        seeds_apart=factor(float(base.grokked_S.max() / base.grokked_S.min())),
        sooner_by_heart=count(sum(large.memorized < small.memorized for small, large in pairs)),
        clock=(ends, clock / ends, f"{clock:.1f} decay times"),
        series=series,
        same_start=pairs,
    )


def _pairs(rows: Rows) -> list[tuple[Outcome, Outcome]]:
    """Runs of seed 0 with one product, two by two, the smaller rate first."""
    first = sorted((row for row in rows if row.spec.seed == 0), key=lambda row: (product_of(row), rate_of(row)))
    return [(a, b) for a, b in itertools.combinations(first, 2) if product_of(a) == product_of(b)]


def _pair_row(small: Outcome, large: Outcome) -> dict[str, str]:
    return {
        "product": str(setting(product_of(small))),
        "rate × decay: steps": f"{_factors(small)}: {small.grokked:,.0f}",  # noqa: RUF001
        "with a larger rate": f"{_factors(large)}: {large.grokked:,.0f}",
        "ratio": str(factor(large.grokked / small.grokked)),
        "by heart": f"{small.memorized:,.0f} / {large.memorized:,.0f}",
    }


def _factors(row: Outcome) -> str:
    return f"{setting(rate_of(row))} × {row.spec.optim.weight_decay:g}"  # noqa: RUF001


def _small(points: dict[float, Point]) -> Small:
    rows = [row for point in points.values() for row in point.rows]
    of_seed = [[row for row in rows if row.spec.seed == seed] for seed in sorted({row.spec.seed for row in rows})]
    turns = [[bool(np.isfinite(row.grokked)) for row in found] for found in of_seed]
    final = [[row.final("test_accuracy") for row in found] for found in of_seed]
    rates: Sequence[float] = sorted(points)
    return Small(
        points=points,
        slowest=At.point(rates[0], points[rates[0]]),
        fastest=At.point(rates[-1], points[rates[-1]]),
        seeds=count(len(of_seed)),
        turn=count(sum(map(all, turns))),
        stay=count(sum(not any(found) for found in turns)),
        apart=share(max(max(found) - min(found) for found in final)),
        span=factor(rates[-1] / rates[0]),
        law=Law.through([row for row in rows if np.isfinite(row.grokked)], rate_of),
    )


def _others(rows: Iterable[Outcome]) -> list[Outcome]:
    """Runs with another rate or another decay than the mainline."""
    return [row for row in rows if (rate_of(row), row.spec.optim.weight_decay) != USUAL]
