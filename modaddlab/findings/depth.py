"""How deep: what more layers do to the time to grok, to how steadily a network is trained, and to the circles of its embedding.

Operations are compared that have networks with more than one number of layers. The frequencies of a product are counted in the
characters of multiplication, those of a sum in the waves of addition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab import tables
from modaddlab.analysis import stability
from modaddlab.experiments.catalogue import named
from modaddlab.findings import curves, outcomes
from modaddlab.findings.concentration import Concentration
from modaddlab.findings.operation import BASES
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import At, Columns, Curve, Embeddings, Swept, columns, curve_columns
from modaddlab.findings.value import Group, Value, count, factor, setting, share, steps, total
from modaddlab.tasks import NAMES

STEADY = 0.9
"""A network that has had 95 % of the test right and falls below this share again counts as unstable."""

Key = tuple[int, str]
"""A number of layers and an operation."""


@dataclass(frozen=True, kw_only=True)
class Times(Swept):
    """The time to grok by operation and number of layers."""

    sum_one: At
    sum_two: At
    product_one: At
    product_two: At
    product_three: At
    sum_ratio: Value
    """How many times as fast two layers are as one."""
    two_ratio: Value
    three_ratio: Value
    """The same of products, and of three layers."""
    deep: Value
    """How many networks have more than one layer."""
    largest: float
    """The largest ratio of a deep network's time and one layer's, either way."""
    table: list[dict[str, str]] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        rows = self.rows
        return {
            "layers": [layers_of(row) for row in rows],
            "operation": [row.spec.task.operation for row in rows],
        } | dict(columns(rows))


@dataclass(frozen=True, kw_only=True)
class Steady:
    """How steadily the first seeds are trained; rises are tenfold ones of the training loss in each 10,000 steps."""

    least: Value
    most: Value
    """Over the networks with more than one layer."""
    shallow: Value
    """How many networks have one layer, counted with their seeds; how many rises they have together, and in how many steps."""
    shallow_rises: Value
    shallow_steps: Value
    shallow_lowest: Value
    """The lowest test accuracy of any of them after it had 95 %."""
    lowest: Value
    """The lowest of any deep one."""
    curves: dict[str, Curve] = field(repr=False)
    """Test loss over steps, as far as every deep network was trained."""

    @property
    def columns(self) -> Columns:
        """The curves as a figure's data."""
        return curve_columns(self.curves, what="test loss")


@dataclass(frozen=True, kw_only=True)
class Circles(Embeddings):
    """The frequencies of the embeddings, each in the basis of its operation."""

    networks: Value
    """How many deep networks grok."""
    largest: float
    """Their largest effective number, as a part of its null."""


@dataclass(frozen=True, kw_only=True)
class Canonical(Group):
    """The settings of a public reproduction."""

    decay: Value
    steps: Value


@dataclass(frozen=True, kw_only=True)
class Depth:
    """What the number of layers does."""

    times: Times
    steady: Steady
    circles: Circles
    canonical: Canonical


def measure() -> Depth:
    """The finding, from the sweep as far as it is trained.

    Raises:
        LabError: a record is damaged.
    """
    found = outcomes.sweep("depth").points
    several = {operation for n, operation in found if n > 1}
    order = sorted((key for key in found if key[1] in several), key=lambda key: (list(NAMES).index(key[1]), key[0]))
    points = {key: found[key] for key in order}
    basis = {key: [row.concentration(BASES[key[1]]) for row in point.rows] for key, point in points.items() if key[1] in BASES}
    canonical = named("canonical-2-layers")
    return Depth(
        times=_times(points, basis),
        steady=_steady(points),
        circles=_circles(points, basis),
        canonical=Canonical(decay=setting(canonical.optim.weight_decay), steps=steps(canonical.steps)),
    )


def layers_of(row: Outcome) -> int:
    """The number of layers."""
    return row.spec.model.n_layers  # type: ignore[union-attr] - the sweep holds transformers


def rises_of(row: Outcome) -> float:
    """How often the training loss rises suddenly, in each 10,000 steps."""
    return stability.sudden_rises(row.metrics["step"], row.metrics["train_loss"]) * 10_000 / row.spec.steps


def _name(key: Key, between: str = " with ") -> str:
    return f"{NAMES[key[1]]}{between}{tables.count(key[0], 'layer')}"


def _times(points: dict[Key, Point], found: dict[Key, list[Concentration]]) -> Times:
    def at(n: int, operation: str) -> At:
        return At.point(n, points[n, operation])

    def ratio(key: Key) -> float:
        one, several = points[1, key[1]].time, points[key].time
        return one.mean / several.mean if one and several else np.nan

    deep = [key for key in points if key[0] > 1]
    return Times(
        points={_name(key, "\n"): point for key, point in points.items()},
        sum_one=at(1, "add"),
        sum_two=at(2, "add"),
        product_one=at(1, "multiply"),
        product_two=at(2, "multiply"),
        product_three=at(3, "multiply"),
        sum_ratio=factor(ratio((2, "add"))),
        two_ratio=factor(ratio((2, "multiply"))),
        three_ratio=factor(ratio((3, "multiply"))),
        deep=count(len(deep)),
        largest=max(max(ratio(key), 1 / ratio(key)) for key in deep),
        table=[_row(key, point, found.get(key)) for key, point in points.items()],
    )


def _row(key: Key, point: Point, found: list[Concentration] | None) -> dict[str, str]:
    row = point.rows[0]
    return {
        "operation": NAMES[key[1]],
        "layers": str(key[0]),
        "95 % at": point.words,
        "rises": f"{rises_of(row):.1f}".removesuffix(".0"),
        "lowest after": str(curves.of(row.study).lowest_after),
        "frequencies": found[0].text if found else tables.MISSING,
    }


def _steady(points: dict[Key, Point]) -> Steady:
    first = {key: point.rows[0] for key, point in points.items()}
    deep = {key: row for key, row in first.items() if key[0] > 1}
    shallow = [row for key, point in points.items() if key not in deep for row in point.rows]
    rises = [rises_of(row) for row in deep.values()]
    last = min(row.spec.steps for row in deep.values())
    return Steady(
        least=total(min(rises)),
        most=total(max(rises)),
        shallow=count(len(shallow)),
        shallow_rises=count(round(sum(rises_of(row) * row.spec.steps / 10_000 for row in shallow))),
        shallow_steps=steps(sum(row.spec.steps for row in shallow)),
        shallow_lowest=share(min(curves.of(row.study).lowest_after.value for row in shallow)),
        lowest=share(min(curves.of(row.study).lowest_after.value for row in deep.values())),
        curves={_name(key): _loss(row, last) for key, row in first.items()},
    )


def _loss(row: Outcome, last: int) -> Curve:
    shown_T = row.metrics["step"] <= last
    return row.metrics["step"][shown_T], row.metrics["test_loss"][shown_T]


def _circles(points: dict[Key, Point], found: dict[Key, list[Concentration]]) -> Circles:
    there: list[Any] = [
        one
        for key, ones in found.items()
        for row, one in zip(points[key].rows, ones, strict=True)
        if key[0] > 1 and np.isfinite(row.grokked)
    ]
    return Circles(
        networks=count(len(there)),
        largest=max(one.part for one in there),
        varied="network",
        found={_name(key, "\n"): ones for key, ones in found.items()},
    )
