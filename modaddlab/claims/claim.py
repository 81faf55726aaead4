"""A published claim as data, and the rule by which it is judged.

A claim has a source and a place in it, a statement in our words, the published value where there is one, the function that
measures the same thing on one of our networks, a null, a tolerance and the figure or table behind it. Tolerances go by the kind
of the quantity, and each gives its reason; `modaddlab.claims.judgement` has the rule by which a verdict follows from the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from modaddlab import tables
from modaddlab.analysis.seeds import Scale
from modaddlab.errors import LabError
from modaddlab.findings.value import Value
from modaddlab.study import Study

Averaged = Scale | Literal["hits"]
"""How a quantity is put together over networks; "hits" counts those of which something is true."""

Measure = Callable[[Study], float]


@dataclass(frozen=True)
class Band:
    """An interval of values, ends included."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def overlaps(self, other: Band) -> bool:
        """Whether they have a value in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Tolerance:
    """How far a measured value may lie from the published one and still count as the same.

    Attributes:
        of: the kind of quantity that it is for.
        kind: "factor" or "absolute".
        amount: the factor, or the distance in the value's unit.
        scale: how such quantities are averaged over networks.
        since: the day on which it was fixed.
        reason: why so far and no farther.
    """

    of: str
    kind: Literal["factor", "absolute"]
    amount: float
    scale: Averaged
    since: str
    reason: str

    @property
    def text(self) -> str:
        """It as it is written: "factor 1.5" or "± 0.05"."""
        return f"factor {self.amount:g}" if self.kind == "factor" else f"± {self.amount:g}"

    def around(self, published: Band) -> Band:
        """The published value or range, widened by the tolerance."""
        if self.kind == "factor":
            reach = self.amount * (1 + 1e-9)  # so that the very end counts as inside, whatever rounding does
            return Band(published.low / reach, published.high * reach)
        return Band(published.low - self.amount, published.high + self.amount)


_FIRST, _TODAY = "2026-11-22", "2026-11-28"

LOSS = Tolerance(
    "loss", "factor", 3, "log", _FIRST, "it is about exp(-margin): a factor of 3 is a margin of 15 that differs by 7 %"
)
LARGE_LOSS = Tolerance(
    "loss of some nats", "factor", 1.5, "log", _FIRST, "it is a mean of margins, which differ less than their exponentials"
)
SHARE = Tolerance(
    "share", "absolute", 0.05, "share", _FIRST, "five points: about what the published values differ by among keys and heads"
)
SMALL_SHARE = Tolerance("share under a percent", "absolute", 0.005, "share", _FIRST, "half a point keeps the order of size")
ACCURACY = Tolerance("accuracy", "absolute", 0.01, "share", _FIRST, "one question in a hundred")
DROP = Tolerance("accuracy lost", "absolute", 0.1, "linear", _FIRST, "ten points: what seeds of one setup differ by")
STEPS = Tolerance("steps", "factor", 1.5, "log", _FIRST, "seeds of a public study of this setup spread by 1.4 to either side")
RATIO = Tolerance("ratio of steps", "factor", 2, "log", _FIRST, "of two steps, each of which seeds move by a factor of 1.4")
EXPONENT = Tolerance(
    "exponent", "absolute", 0.6, "linear", _FIRST, "seeds move the slope through six moduli from 59 to 113 by about as much"
)
AMPLITUDE = Tolerance(
    "relative amplitude", "factor", 1.5, "log", _TODAY, "the leading term of a series, whose next terms are some tenths of it"
)
ANGLE = Tolerance("angle", "absolute", 0.1, "linear", _FIRST, "a tenth of a radian, about six degrees")
BALANCE = Tolerance("balance", "absolute", 0.1, "linear", _FIRST, "a tenth of what random phases give")
COUNT = Tolerance("count", "absolute", 1, "linear", _FIRST, "networks of one setup differ by one frequency from seed to seed")
EXACT = Tolerance("definition", "absolute", 0, "linear", _FIRST, "it must agree exactly")
FORMULA = Tolerance("value of a formula", "factor", 1.01, "log", _TODAY, "nothing is left to chance but rounding")
ROUNDING = Tolerance("value of a formula near 0", "absolute", 1e-14, "linear", _TODAY, "the last digits of float64")
YES_NO = Tolerance("yes or no", "absolute", 0, "hits", _TODAY, "most of our networks must do what theirs did")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One published claim.

    Attributes:
        id: a short unique name.
        source: key in `references.bib`, or the name of a public repository.
        place: section, figure, table or file there.
        statement: what is claimed, in our words.
        published: the published value or its range; None for a claim in words. Of yes or no, 1 and 0.
        says: the published outcome in words, shown where there is no value.
        typical: the middle of a published range, where the source has one.
        details: single published values behind the one that is judged, such as the key frequencies behind their number.
        trained_for: steps of the source's run, where it says whether something happens within it.
        measure: the same quantity of one of our networks; of yes or no the step at which it happens, or 1.
        pooled: in place of it a value, with its interval and its null, of many runs together, and how many.
        runs: the named run whose seeds it is measured on; "mainline" stands for it and its shorter seeds.
        p: another modulus of that run.
        of_times: whether it is about the time to grok alone, so that runs which end when they have grokked count as well.
        null: the quantity where the claimed cause is absent.
        null_is: what the null is, in words.
        null_published: what the source has for the null.
        tolerance: how near counts as the same.
        holds: values for which the statement in words is true.
        form: how values are written.
        unit: what is written behind them, such as "a key".
        averaged: how values are averaged over networks, where it does not follow from the tolerance.
        evidence: the figure or table behind it, as a cross-reference.
        snapshots: whether it needs saved weights along the way, which only some records have.
        defined: whether it is a definition or a formula, which no network could have made otherwise.
        repeats: the claim that is about the same measurement, and is counted in its place.
        undecided: why our numbers do not decide it.
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
    pooled: Callable[[], tuple[Value, int]] | None = None
    runs: str = "mainline"
    p: int | None = None
    of_times: bool = False
    null: Measure | None = None
    null_is: str = ""
    null_published: float | None = None
    tolerance: Tolerance | None = None
    holds: Band = field(default_factory=Band)
    form: tables.Format = tables.number
    unit: str = ""
    averaged: Averaged | None = None
    evidence: str = ""
    snapshots: bool = False
    defined: bool = False
    repeats: str = ""
    undecided: str = ""

    def __post_init__(self) -> None:
        if (self.measure is None and self.pooled is None) and not self.undecided:
            raise ValueError(f"claim {self.id}: give a measure, or the reason why there is none")
        if (self.published is None) == (not self.says):
            raise ValueError(f"claim {self.id}: give either the published value or what the source says in words")
        if (self.published is None) != (self.tolerance is None):
            raise ValueError(f"claim {self.id}: a published value needs a tolerance, and only a value does")
        if self.pooled is None and (self.null is None) != (not self.null_is):
            raise ValueError(f"claim {self.id}: a null and its description go together")
        if self.null_published is not None and not self.null_is:
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
        if self.scale == "hits":
            return "yes" if self.happens else "no"
        low, high = map(self._as_given, (self.published.low, self.published.high))
        return self.with_unit(low if low == high else f"{low} to {high}")

    def _as_given(self, value: float) -> str:
        """A published number, with no more digits than it was given with."""
        if self.form is not tables.number or isinstance(value, int):
            return self.form(value)
        return tables.number(value, min(3, len(Decimal(repr(value)).normalize().as_tuple().digits)))

    def written(self, value: float) -> str:
        """A value of ours: steps (and not their ratios), and what was counted, without a fraction that they do not have."""
        whole = (self.tolerance is STEPS and value >= 10) or (self.tolerance is COUNT and value == round(value))
        return tables.whole(value) if whole and self.form is tables.number else self.form(value)

    @property
    def scale(self) -> Averaged:
        """How values are averaged over networks."""
        return self.averaged or ("linear" if self.tolerance is None else self.tolerance.scale)

    @property
    def happens(self) -> bool:
        """Of yes or no, whether the source says yes."""
        return self.published is not None and self.published.low == 1

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
        if self.trained_for is not None and not self.happens:
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


def exactly(value: float) -> Band:
    """A single published value."""
    return Band(value, value)
