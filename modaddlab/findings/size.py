"""How large: what the modulus and the number of neurons do to the time to grok and to the number of circles.

The law over the modulus is fitted from 59 on, where a published one begins. Fewer pairs can be had in two ways, by a smaller
modulus or by a smaller share of a large one's; two settings are compared when their pairs differ by less than a quarter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab import tables
from modaddlab.analysis import symmetry
from modaddlab.analysis.scaling import Times
from modaddlab.findings import outcomes
from modaddlab.findings.concentration import N_TOP
from modaddlab.findings.data import USUAL, pairs_of
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import Columns, Curve, Embeddings, Law, Swept, columns, embeddings, one_more
from modaddlab.findings.value import Group, Value, count, number, share, spelled, steps, total, words

BEGINS = 59
"""The modulus from which on the law is fitted."""

NEAR = np.log(1.25)
"""Numbers of pairs that differ by less are compared."""

SPREAD_OUT = 0.75
"""An embedding whose effective number is below this part of its null favours some frequencies."""

STREAM, NEURONS = 128, 512
"""The mainline's width of the residual stream and number of neurons."""


@dataclass(frozen=True, kw_only=True)
class Border:
    """The smallest modulus of which some network groks: below those that the law is fitted to."""

    modulus: Value
    seeds: Value
    long: Value
    """Steps that they were trained for."""
    time: Value
    """Of the first network to get there."""
    asked: Value
    """The steps that the law asks for."""
    least: Value
    most: Value
    """The final test accuracies of those that were stopped before."""

    @classmethod
    def of(cls, points: dict[int, Point], law: Law) -> Border:
        """Of the sweep over moduli."""
        p = min(p for p, point in points.items() if point.n_grokked)
        rows = points[p].rows
        rest = [row.final("test_accuracy") for row in rows if not np.isfinite(row.grokked)]
        return cls(
            modulus=total(p),
            seeds=count(len(rows)),
            long=steps(points[p].trained_for),
            time=steps(min(row.grokked for row in rows if np.isfinite(row.grokked))),
            asked=steps(round(float(law.found.at(p)), -3)),
            least=share(min(rest, default=np.nan)),
            most=share(max(rest, default=np.nan)),
        )


@dataclass(frozen=True, kw_only=True)
class Moduli(Swept):
    """The time to grok over the modulus, three questions in ten shown."""

    settings: Value
    """How many moduli were tried, the first and the last of them."""
    first: Value
    last: Value
    learned: Value
    """The moduli of which every seed groks, those of which some do, and those of which none does."""
    partly: Value
    silent: Value
    silent_for: Value
    """Steps of the shortest of their runs."""
    law: Law
    asked: Value
    """The steps that the law asks for at the largest modulus of which none groks."""
    asked_at: Value
    border: Border
    table: list[dict[str, str]] = field(repr=False)

    @property
    def laws(self) -> dict[str, Curve]:
        """The law as a figure names it."""
        return {f"our law, exponent {self.law.exponent.alone}": self.law.line}

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return _columns(self.rows)


@dataclass(frozen=True, kw_only=True)
class Questions(Group):
    """What there is to know at one modulus."""

    shown: Value
    unseen: Value
    needed: Value
    """How many of the unseen must be right to count as grokking."""

    @classmethod
    def of(cls, point: Point) -> Questions:
        """At a point of the sweep."""
        shown = int(pairs_of(point.rows[0]))
        unseen = point.rows[0].spec.task.p ** 2 - shown
        return cls(shown=total(shown), unseen=total(unseen), needed=total(np.ceil(0.95 * unseen)))


@dataclass(frozen=True, kw_only=True)
class Silent:
    """The moduli of which no network groks."""

    moduli: Value
    least: Value
    most: Value
    """The extreme final test accuracies, each the mean over a modulus's seeds."""
    above: Value
    """At how many moduli it is above chance."""
    building: Value
    """The moduli whose embeddings favour some frequencies."""
    found: Value
    """The effective number of frequencies of the first of them, over its seeds; the null has the residues renamed."""
    favoured: int
    """How many they are."""
    memorized: bool
    """All of them know their training pairs."""
    below_mirrors: bool
    """None ends above the share of test pairs whose mirror image is trained."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The time to grok over the number of training pairs, for a smaller modulus and for a smaller share."""

    moduli: Law
    shares: Law
    compared: Value
    """Settings of the two kinds with nearly as many pairs."""
    sooner: Value
    """In how many of them the smaller modulus is sooner."""
    undecided: Value
    """And in how many neither median is a step."""
    by_modulus: dict[float, Point] = field(repr=False)
    by_share: dict[float, Point] = field(repr=False)
    table: list[dict[str, str]] = field(repr=False)

    @property
    def series(self) -> dict[str, dict[float, Times]]:
        """Both kinds as a figure takes them."""
        return both_kinds(self.by_modulus, self.by_share)

    @property
    def laws(self) -> dict[str, Curve]:
        """The laws as a figure names them, as far as networks got there."""
        kinds = (("the moduli", self.moduli, self.by_modulus), ("the shares", self.shares, self.by_share))
        lines = {}
        for name, law, points in kinds:
            ends = [n for n, point in points.items() if point.n_grokked]
            span = np.array([max(min(ends), law.line[0][0]), max(ends)])
            lines[f"along {name}, exponent {law.exponent.alone}"] = (span, law.found.at(span))
        return lines

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return _columns(row for points in (self.by_modulus, self.by_share) for point in points.values() for row in point.rows)


@dataclass(frozen=True, kw_only=True)
class Circles(Embeddings):
    """How many frequencies the embeddings stand on, by the largest gap; of the networks that grok."""

    networks: Value
    least: Value
    most: Value
    five: Value
    """How many have the published number."""
    far_from_null: float
    """The largest effective number of a network that groks, as a part of its null."""


@dataclass(frozen=True, kw_only=True)
class Neurons(Swept):
    """The time to grok over the number of neurons."""

    one_more_low: Value
    one_more_high: Value
    """Where one more seed of the unchanged network would lie, with 95 %."""
    inside: Value
    """The other numbers of neurons whose time lies there, and those that do not grok."""
    silent: Value
    silent_for: Value
    in_order: bool
    """The fewer neurons, the nearer the effective number of frequencies to its null, among those with fewer than the mainline."""
    table: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Size:
    """What the size of the task and of the network do."""

    moduli: Moduli
    smallest: Questions
    full: Questions
    silent: Silent
    pairs: Pairs
    circles: Circles
    neurons: Neurons


def measure() -> Size:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    points = outcomes.sweep("prime").points
    found = embeddings(points)
    law = Law.through([row for p, point in points.items() if p >= BEGINS for row in point.rows], modulus_of)
    silent = {p: point for p, point in points.items() if not point.n_grokked}
    return Size(
        moduli=_moduli(points, silent, found, law),
        smallest=Questions.of(points[min(points)]),
        full=Questions.of(points[max(points)]),
        silent=_silent(silent, found),
        pairs=_pairs(points, outcomes.sweep("train-fraction").points),
        circles=_circles(points, found),
        neurons=_neurons(outcomes.sweep("width").points),
    )


def modulus_of(row: Outcome) -> float:
    """The modulus."""
    return float(row.spec.task.p)


def both_kinds(by_modulus: dict[float, Point], by_share: dict[float, Point]) -> dict[str, dict[float, Times]]:
    """The times to grok of the two ways to have few pairs, as a figure takes them.

    Args:
        by_modulus, by_share: the points by their place on the figure's axis.
    """
    kinds = {"other moduli, three in ten": by_modulus, "modulo 113, other shares": by_share}
    return {name: Swept(points=points).times for name, points in kinds.items()}


def mirrored(point: Point) -> float:
    """The share of the test pairs of a point's first seed that have the same question by symmetry among the training pairs."""
    study = point.rows[0].study
    return symmetry.shown_twins(study.labels_PP, study.train_mask_PP, study.test_mask_PP)


def _columns(rows: Any) -> Columns:
    rows = list(rows)
    return {"p": [row.spec.task.p for row in rows], "training pairs": [int(pairs_of(row)) for row in rows]} | dict(columns(rows))


def _moduli(points: dict[int, Point], silent: dict[int, Point], found: dict[int, Any], law: Law) -> Moduli:
    partly = [f"{p} ({point.n_grokked} of {point.n})" for p, point in points.items() if 0 < point.n_grokked < point.n]
    return Moduli(
        points=points,
        settings=total(len(points)),
        first=total(min(points)),
        last=total(max(points)),
        learned=words(tables.listing([p for p, point in points.items() if point.n_grokked == point.n])),
        partly=words(tables.listing(partly)),
        silent=words(tables.listing(list(silent))),
        silent_for=steps(min(point.trained_for for point in silent.values())),
        law=law,
        asked=steps(round(float(law.found.at(max(silent))), -3)),
        asked_at=total(max(silent)),
        border=Border.of(points, law),
        table=[_modulus_row(p, point, found[p]) for p, point in points.items()],
    )


def _modulus_row(p: int, point: Point, ones: list[Any]) -> dict[str, str]:
    there = Questions.of(point)
    return {
        "p": str(p),
        "train": str(there.shown),
        "test": str(there.unseen),
        "chance": tables.percent(1 / p),
        "with a twin": tables.percent(mirrored(point), 0),
        "by heart": tables.whole(float(np.median([row.memorized for row in point.rows]))),
        "best test": tables.percent(max(row.best() for row in point.rows)),
        "95 % of test at": point.words,
        "keys": ", ".join(str(one.n_significant.value) for one in ones),
        "effective": ones[0].text,
    }


def _silent(silent: dict[int, Point], found: dict[int, Any]) -> Silent:
    ends = {p: float(np.mean([row.final("test_accuracy") for row in point.rows])) for p, point in silent.items()}
    there = Embeddings(varied="p", found={p: found[p] for p in silent})
    effective = {p: float(np.mean(values)) for p, values in there.effective.items()}
    building = [p for p in silent if effective[p] < SPREAD_OUT * there.null[p]]
    first = building[0] if building else min(silent)
    return Silent(
        moduli=count(len(silent)),
        least=share(min(ends.values())),
        most=share(max(ends.values())),
        above=count(sum(ends[p] > 1 / p for p in silent)),
        building=words(tables.listing([str(p) for p in building])),
        found=number(effective[first], null=there.null[first]),
        favoured=len(building),
        memorized=all(np.isfinite(row.memorized) for point in silent.values() for row in point.rows),
        below_mirrors=all(ends[p] <= mirrored(point) for p, point in silent.items()),
    )


def _pairs(points: dict[int, Point], shares: dict[float, Point]) -> Pairs:
    by_modulus = {pairs_of(point.rows[0]): point for point in points.values()}
    by_share = {pairs_of(point.rows[0]): point for part, point in shares.items() if part != USUAL}
    near = {n: min(by_share, key=lambda m, n=n: abs(np.log(m / n))) for n in by_modulus}
    matches = [(by_modulus[n], by_share[m]) for n, m in near.items() if abs(np.log(m / n)) < NEAR]
    return Pairs(
        moduli=Law.through([row for p, point in points.items() if p >= BEGINS for row in point.rows], pairs_of),
        shares=Law.through([row for point in shares.values() for row in point.rows], pairs_of),
        compared=count(len(matches)),
        sooner=count(sum(small.median < large.median for small, large in matches)),
        undecided=count(sum(np.isinf(small.median) and np.isinf(large.median) for small, large in matches)),
        by_modulus=by_modulus,
        by_share=by_share,
        table=[
            {
                "pairs": str(total(pairs_of(small.rows[0]))),
                "modulo": f"{modulus_of(small.rows[0]):g}",
                "steps to grok": small.words,
                "pairs, modulo 113": str(total(pairs_of(large.rows[0]))),
                "steps to grok, modulo 113": large.words,
            }
            for small, large in matches
        ],
    )


def _circles(points: dict[int, Point], found: dict[int, Any]) -> Circles:
    there = [
        one for p, point in points.items() for row, one in zip(point.rows, found[p], strict=True) if np.isfinite(row.grokked)
    ]
    counts = [one.n_significant.value for one in there]
    return Circles(
        networks=total(len(there)),
        least=count(min(counts)),
        most=count(max(counts)),
        five=count(sum(n == N_TOP for n in counts)),
        far_from_null=max(one.part for one in there),
        varied="p",
        found={str(p): ones for p, ones in found.items()},
    )


def _neurons(points: dict[tuple[int, int], Point]) -> Neurons:
    by_neurons = {neurons: point for (neurons, stream), point in points.items() if stream == STREAM}
    low, high = one_more(by_neurons[NEURONS])
    found = {neurons: point.rows[0].concentration() for neurons, point in by_neurons.items()}
    silent = {neurons: point for neurons, point in by_neurons.items() if not point.n_grokked}
    apart = [found[n].part for n in sorted(found) if n < NEURONS]
    return Neurons(
        points={f"{neurons:,}": point for neurons, point in by_neurons.items()},
        one_more_low=steps(low),
        one_more_high=steps(high),
        inside=words(tables.listing([n for n, point in by_neurons.items() if n != NEURONS and low <= point.median <= high])),
        silent=words(tables.listing([spelled(n) for n in silent])),
        silent_for=steps(min(point.trained_for for point in silent.values())),
        in_order=bool((np.diff(apart) < 0).all()),
        table=[
            {
                "neurons": neurons,
                "95 % of test at": point.words,
                "final test loss": point.rows[0].final("test_loss"),
                "keys": found[neurons].n_significant.value,
                "effective": found[neurons].text,
            }
            for neurons, point in by_neurons.items()
        ],
    )
