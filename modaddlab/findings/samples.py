"""One law for data and modulus: the time to grok over n / (p ln p), n being the number of training pairs.

A theory of the two-layer network says that the examples it needs grow as M log M with the size M of the group (Tian 2025,
arXiv:2509.21519). A setting's number of samples is taken here in units of p ln p, for runs that differ in the modulus and for
runs that differ in the share of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab.analysis.scaling import Times
from modaddlab.findings import outcomes
from modaddlab.findings.data import USUAL, pairs_of
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.size import both_kinds
from modaddlab.findings.sweep import Columns, Curve, Law, columns
from modaddlab.findings.value import Value, chosen, factor, number, steps, total, words


def samples_of(row: Outcome) -> float:
    """Training pairs in units of p ln p."""
    p = row.spec.task.p
    return pairs_of(row) / (p * np.log(p))


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """The two settings, one of each kind, whose numbers of samples are nearest to each other."""

    samples: Value
    modulus: Value
    time: Value
    """The time to grok modulo the smaller number, in words."""
    share: Value
    silent_for: Value
    """Steps without grokking at that share of the larger table; NaN where a network groks there."""
    later: bool
    """None of the networks on the larger table is as soon as the slowest on the smaller one."""

    @classmethod
    def of(cls, moduli: Mapping[Any, Point], shares: Mapping[Any, Point]) -> Meeting:
        """Of two sweeps."""
        pairs = [(small, large) for small in moduli.values() for large in shares.values()]
        small, large = min(pairs, key=lambda pair: abs(np.log(samples_of(pair[0].rows[0]) / samples_of(pair[1].rows[0]))))
        slowest, first = small.grokked_S.max(), np.nanmin(large.grokked_S) if large.n_grokked else np.inf
        return cls(
            samples=number(samples_of(small.rows[0])),
            modulus=total(small.rows[0].spec.task.p),
            time=words(small.words),
            share=chosen(large.rows[0].spec.task.train_frac),
            silent_for=steps(np.nan if large.n_grokked else large.trained_for),
            later=bool(slowest < min(first, large.trained_for)),
        )


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The time to grok over the number of samples, for both kinds of runs."""

    law: Law
    """Through all runs."""
    moduli: Law
    shares: Law
    by_pairs: Value
    """The standard deviation of times around one law over the number of pairs alone, as a factor."""
    silent: Value
    """The largest number of samples below which no setting groks."""
    sure: Value
    """The smallest number of samples from which on every network groks."""
    meeting: Meeting
    by_modulus: dict[float, Point] = field(repr=False)
    by_share: dict[float, Point] = field(repr=False)

    @property
    def series(self) -> dict[str, dict[float, Times]]:
        """Both kinds as a figure takes them."""
        return both_kinds(self.by_modulus, self.by_share)

    @property
    def laws(self) -> dict[str, Curve]:
        """The law as a figure names it, from where networks grok."""
        ends = np.array([self.silent.value, self.law.line[0][-1]])
        return {f"one law, exponent {self.law.exponent.alone}": (ends, self.law.found.at(ends))}

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        rows = [row for points in (self.by_modulus, self.by_share) for point in points.values() for row in point.rows]
        sizes = {
            "p": [row.spec.task.p for row in rows],
            "training pairs": [int(pairs_of(row)) for row in rows],
            "pairs / (p ln p)": [samples_of(row) for row in rows],
        }
        return sizes | dict(columns(rows))


def measure() -> Samples:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    shares = {part: point for part, point in outcomes.sweep("train-fraction").points.items() if part != USUAL}
    return through(outcomes.sweep("prime").points, shares)


def through(moduli: Mapping[Any, Point], shares: Mapping[Any, Point]) -> Samples:
    """The finding of two sweeps.

    Args:
        moduli: modulus -> its seeds, one share of the pairs shown.
        shares: share of the pairs -> its seeds, at one modulus.

    Raises:
        ValueError: too few runs got there for a law.
    """

    def law(points: list[Point], x: Callable[[Outcome], float] = samples_of) -> Law:
        return Law.through([row for point in points for row in point.rows], x)

    every = [*moduli.values(), *shares.values()]
    at = [(samples_of(point.rows[0]), point) for point in every]
    groks = min(x for x, point in at if point.n_grokked)
    fails = max((x for x, point in at if point.n_grokked < point.n), default=0.0)
    return Samples(
        law=law(every),
        moduli=law([*moduli.values()]),
        shares=law([*shares.values()]),
        by_pairs=factor(law(every, pairs_of).spread.value),
        silent=number(groks),
        sure=number(min(x for x, _ in at if x > fails)),
        meeting=Meeting.of(moduli, shares),
        by_modulus={samples_of(point.rows[0]): point for point in moduli.values()},
        by_share={samples_of(point.rows[0]): point for point in shares.values()},
    )
