"""How many heads: what cutting the same width into more or fewer heads does to the time to grok and to the circles."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis.seeds import over_seeds, range_of_one_more
from modaddlab.findings import outcomes
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import At, Columns, Embeddings, Law, Swept, columns, embeddings, one_more
from modaddlab.findings.value import Value, count, factor, number, steps, total
from modaddlab.study import Study

USUAL = 4
"""The mainline's number of heads."""

SMALLER = 59
"""The other modulus at which several numbers of heads are trained."""


@dataclass(frozen=True, kw_only=True)
class Times(Swept):
    """The time to grok over the number of heads."""

    one: At
    usual: At
    most: At
    one_more_low: Value
    one_more_high: Value
    """Where one more seed with the usual number would lie, with 95 %."""
    inside: bool
    """The median of every other number of heads lies in that range."""
    law: Law
    doubled: Value
    """By which factor twice the heads lengthen the wait, by the law."""
    without: Value
    """Steps of the two-layer network on the same task, which has no head; the mean over its seeds."""

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return _columns(self.rows)


@dataclass(frozen=True, kw_only=True)
class Circles(Embeddings):
    """The effective number of frequencies in the embedding."""

    usual: Value
    one_more_low: Value
    one_more_high: Value
    """Where one more network with the usual number of heads would lie, with 95 %."""
    single_least: Value
    single_most: Value
    """Over the networks with one head."""
    single_gap: Value
    """Frequencies above the largest gap in the first network with one head."""
    others_inside: bool
    """All networks with two heads or with eight lie inside the range of one more."""
    far_from_null: float
    """The largest effective number as a part of its null."""
    table: list[dict[str, str]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Moduli:
    """Numbers of heads at two moduli."""

    smaller: Value
    law: Law
    """At the smaller modulus."""
    along_heads: Value
    """The largest ratio of two times at one modulus."""
    chance: Value
    """The ratio of the ends of the range of one more seed with the usual number of heads."""
    heads: tuple[int, ...] = field(repr=False)
    primes: tuple[int, ...] = field(repr=False)
    steps_NP: np.ndarray = field(repr=False)
    """The geometric mean of the times, NaN where not every seed groks."""
    texts: list[list[str]] = field(repr=False)
    rows: tuple[Outcome, ...] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return _columns(self.rows)


@dataclass(frozen=True, kw_only=True)
class Heads:
    """What the number of heads does."""

    times: Times
    circles: Circles
    moduli: Moduli
    keys: Value
    """How many key frequencies the mainline has."""


def measure() -> Heads:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    points = outcomes.sweep("heads").points
    both = outcomes.sweep("heads-and-prime")
    return Heads(
        times=_times(points),
        circles=_circles(points),
        moduli=_moduli(both.points, points[USUAL]),
        keys=count(len(Study.open("mainline").keys)),
    )


def heads_of(row: Outcome) -> float:
    """The number of heads."""
    return float(row.spec.model.n_heads)  # type: ignore[union-attr] - these sweeps hold transformers


def _columns(rows: object) -> Columns:
    rows = list(rows)  # type: ignore[call-overload]
    return {"heads": [heads_of(row) for row in rows], "p": [row.study.p for row in rows]} | dict(columns(rows))


def _times(points: dict[int, Point]) -> Times:
    low, high = one_more(points[USUAL])
    rows = [row for point in points.values() for row in point.rows]
    law = Law.through(rows, heads_of)
    without = over_seeds([float(study.phases.generalization or np.nan) for study in Study.seeds("mlp-mainline")], "log")
    return Times(
        points={str(heads): point for heads, point in points.items()},
        one=At.point(1, points[1]),
        usual=At.point(USUAL, points[USUAL]),
        most=At.point(max(points), points[max(points)]),
        one_more_low=steps(low),
        one_more_high=steps(high),
        inside=all(low <= point.median <= high for point in points.values()),
        law=law,
        doubled=factor(2**law.exponent.value),
        without=steps(without.mean, without.low, without.high),
    )


def _circles(points: dict[int, Point]) -> Circles:
    found = embeddings(points)
    usual = over_seeds([one.effective.value for one in found[USUAL]])
    low, high = range_of_one_more(usual)
    single = [one.effective.value for one in found[1]]
    others = [one.effective.value for heads, ones in found.items() if heads not in (1, USUAL) for one in ones]
    return Circles(
        usual=number(usual.mean, usual.low, usual.high),
        one_more_low=number(low),
        one_more_high=number(high),
        single_least=number(min(single)),
        single_most=number(max(single)),
        single_gap=count(found[1][0].n_significant.value),
        others_inside=all(low <= value <= high for value in others),
        far_from_null=max(one.part for ones in found.values() for one in ones),
        varied="heads",
        found={str(heads): ones for heads, ones in found.items()},
        table=[_row(heads, point) for heads, point in points.items()],
    )


def _row(heads: int, point: Point) -> dict[str, str]:
    first, one = point.rows[0], point.rows[0].concentration()
    return {
        "heads": str(heads),
        "width of each": str(first.spec.model.d_head),  # type: ignore[union-attr] - these sweeps hold transformers
        "steps to grok": point.words,
        "final test loss": tables.number(first.final("test_loss")),
        "frequencies": tables.listing([str(k) for k in sorted(one.strongest)]),
        "effective": one.text,
    }


def _moduli(points: dict[tuple[int, int], Point], usual: Point) -> Moduli:
    primes = tuple(sorted({p for _, p in points if len({heads for heads, other in points if other == p}) > 1}))
    heads = tuple(sorted({heads for heads, p in points if p in primes}))
    cells = [[points.get((n, p)) for p in primes] for n in heads]
    found = np.array([[np.nan if point is None or point.time is None else point.time.mean for point in line] for line in cells])
    low, high = one_more(usual)
    smaller = [row for (_, p), point in points.items() if p == SMALLER for row in point.rows]
    return Moduli(
        smaller=total(SMALLER),
        law=Law.through(smaller, heads_of),
        along_heads=factor(float((np.nanmax(found, axis=0) / np.nanmin(found, axis=0)).max())),
        chance=factor(high / low),
        heads=heads,
        primes=primes,
        steps_NP=found,
        texts=[[_cell(point) for point in line] for line in cells],
        rows=tuple(row for (_, p), point in points.items() if p in primes for row in point.rows),
    )


def _cell(point: Point | None) -> str:
    if point is None:
        return ""
    if point.time is None:
        return f"{point.n_grokked} of {point.n} seeds"
    return f"{point.time.mean:,.0f}" + (f"\n({point.n} seeds)" if point.n > 1 else "")
