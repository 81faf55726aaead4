"""A published claim as data, and the rule by which it is judged.

A claim has a source and a place in it, a statement in our words, the published value where there is one, the function that
measures the same thing on one of our networks, a null, a tolerance and the figure or table behind it. Tolerances go by the kind
of the quantity, and each gives its reason. The verdict follows from the numbers:

    replicates                    our value lies within the tolerance of the published one
    replicates with a difference  it does not, but the statement in words is still true (`holds`)
    does not replicate            the statement is not true of our networks, or is as true of the null
    cannot be tested              with the reason

Our value is the mean over seeds where a run has several, otherwise the one network's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from modaddlab import tables
from modaddlab.analysis.seeds import Scale
from modaddlab.errors import LabError
from modaddlab.study import Study

Verdict = Literal["replicates", "replicates with a difference", "does not replicate", "cannot be tested"]

VERDICTS: tuple[Verdict, ...] = ("replicates", "replicates with a difference", "does not replicate", "cannot be tested")

Measure = Callable[[Study], float]


@dataclass(frozen=True)
class Band:
    """An interval of values, ends included."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a measured value may lie from the published one and still count as the same.

    Attributes:
        kind: "factor" or "absolute".
        amount: the factor, or the distance in the value's unit.
        reason: why so far and no farther.
    """

    kind: Literal["factor", "absolute"]
    amount: float
    reason: str

    def around(self, published: Band) -> Band:
        """The published value or range, widened by the tolerance."""
        if self.kind == "factor":
            return Band(published.low / self.amount, published.high * self.amount)
        return Band(published.low - self.amount, published.high + self.amount)


LOSS = Tolerance(
    kind="factor",
    amount=3,
    reason="a sure network's loss is about exp(-margin): a factor of 3 is a margin of 15 that differs by 7 %",
)
LARGE_LOSS = Tolerance(
    kind="factor", amount=1.5, reason="a loss of some nats is a mean of margins, which differ less than their exponentials"
)
SHARE = Tolerance(
    kind="absolute", amount=0.05, reason="five points: about what the published values differ by among keys and heads"
)
SMALL_SHARE = Tolerance(
    kind="absolute", amount=0.005, reason="the published value is under a percent; half a point keeps the order of size"
)
ACCURACY = Tolerance(kind="absolute", amount=0.01, reason="one question in a hundred")
DROP = Tolerance(kind="absolute", amount=0.1, reason="ten points of accuracy: what seeds of one setup differ by")
STEPS = Tolerance(
    kind="factor", amount=1.5, reason="the seeds of a public study of this setup spread by a factor of 1.4 to either side"
)
ANGLE = Tolerance(kind="absolute", amount=0.1, reason="a tenth of a radian, about six degrees")
BALANCE = Tolerance(kind="absolute", amount=0.1, reason="a tenth of what random phases give")
COUNT = Tolerance(kind="absolute", amount=1, reason="networks of one setup differ by one frequency from seed to seed")
EXACT = Tolerance(kind="absolute", amount=0, reason="a matter of definition, or of yes and no: it must agree exactly")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One published claim.

    Attributes:
        id: a short unique name.
        source: key in `references.bib`, or the name of a public repository.
        place: section, figure, table or file there.
        statement: what is claimed, in our words.
        published: the published value or its range; None for a claim in words.
        says: the published outcome in words, shown where there is no value.
        typical: the middle of a published range, where the source has one.
        details: single published values behind the one that is judged, such as the key frequencies behind their number.
        trained_for: steps of the source's run, where it says of it that something does not happen.
        measure: the same quantity of one of our networks; None when it cannot be tested.
        runs: the named run whose seeds it is measured on; "mainline" stands for it and its shorter seeds.
        p: another modulus of that run.
        null: the quantity where the claimed cause is absent.
        null_is: what the null is, in words.
        null_published: what the source has for the null.
        tolerance: how near counts as the same.
        holds: values for which the statement in words is true.
        form: how values are written.
        unit: what is written behind them, such as "a key".
        scale: how values are averaged over seeds.
        evidence: the figure or table behind it, as a cross-reference.
        snapshots: whether it needs saved weights along the way, which only some records have.
        untestable: why it cannot be tested here.
    """

    id: str
    source: str
    place: str
    statement: str
    published: Band | None = None
    says: str = ""
    typical: float | None = None
    details: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    trained_for: int | None = None
    measure: Measure | None = None
    runs: str = "mainline"
    p: int | None = None
    null: Measure | None = None
    null_is: str = ""
    null_published: float | None = None
    tolerance: Tolerance | None = None
    holds: Band
    form: tables.Format = tables.number
    unit: str = ""
    scale: Scale = "linear"
    evidence: str = ""
    snapshots: bool = False
    untestable: str = ""

    def __post_init__(self) -> None:
        if (self.measure is None) != bool(self.untestable):
            raise ValueError(f"claim {self.id}: give either a measure or the reason why it cannot be tested")
        if (self.published is None) == (not self.says):
            raise ValueError(f"claim {self.id}: give either the published value or what the source says in words")
        if (self.published is None) != (self.tolerance is None):
            raise ValueError(f"claim {self.id}: a published value needs a tolerance, and only a value does")
        if (self.null is None) != (not self.null_is):
            raise ValueError(f"claim {self.id}: a null and its description go together")
        if self.null_published is not None and self.null is None:
            raise ValueError(f"claim {self.id}: a published null needs a null to stand beside")
        if self.typical is not None and (self.published is None or self.typical not in self.published):
            raise ValueError(f"claim {self.id}: a typical value lies in the published range")
        if ";" in self.place:
            raise ValueError(f"claim {self.id}: a semicolon in the place would end the citation")

    @property
    def published_text(self) -> str:
        """The published value as it is shown."""
        if self.published is None:
            return self.says
        low, high = self.form(self.published.low), self.form(self.published.high)
        return self.with_unit(low if low == high else f"{low} to {high}")

    @property
    def value(self) -> float:
        """The one published value, or the middle of its range.

        Raises:
            LabError: for a claim in words, and for a range without a middle.
        """
        if self.typical is not None:
            return self.typical
        if self.published is None or self.published.low != self.published.high:
            raise LabError(f"claim {self.id} has no single published value but {self.published_text!r}; read `published`")
        return self.published.low

    @property
    def steps(self) -> tuple[float, float]:
        """The lowest and the highest published step; for what did not happen the steps of the source's run, and infinity."""
        if self.trained_for is not None:
            return self.trained_for, math.inf
        if self.published is None:
            raise LabError(f"claim {self.id} has no published step but {self.published_text!r}")
        return self.published.low, self.published.high

    @property
    def steps_text(self) -> str:
        """`steps` as they are written: "8,350", "5,000 to 10,000" or "not within 40,000"."""
        low, high = self.steps
        if math.isinf(high):
            return f"not within {tables.whole(low)}"
        return tables.whole(low) if low == high else f"{tables.whole(low)} to {tables.whole(high)}"

    @property
    def null_text(self) -> str:
        """What the null is, and what the source has for it."""
        theirs = "" if self.null_published is None else f"; theirs {self.null_published:g}"
        return self.null_is + theirs

    def with_unit(self, text: str) -> str:
        """A written value with its unit."""
        return f"{text} {self.unit}".rstrip()

    def judge(self, value: float, null: float | None) -> Verdict:
        """The verdict on a measured value.

        Args:
            value: mean over seeds, or the one network's; NaN when the quantity does not exist there, as a step never reached.
            null: the null's value, if there is one.
        """
        if null is not None and null in self.holds:
            return "does not replicate"
        if math.isnan(value) or value not in self.holds:
            return "does not replicate"
        if self.published is None or self.tolerance is None:
            return "replicates"
        return "replicates" if value in self.tolerance.around(self.published) else "replicates with a difference"


def exactly(value: float) -> Band:
    """A single published value."""
    return Band(value, value)
