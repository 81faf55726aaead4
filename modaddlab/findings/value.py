"""A number that stands in a sentence: what it is, how it is written, what several networks say of it together.

A finding is a frozen dataclass whose fields are `Value`s, other findings, or what a figure is drawn from. `named` gives every
value the name under which a chapter's Markdown takes it:

    {{< var speed.rates.law.exponent >}}          −1.03 [−1.26, −0.80]     with its interval
    {{< var speed.rates.law.exponent-alone >}}    −1.03                    without, for a value that has one
    {{< var spectrum.gini-null >}}                0.05                     its null, for a value that has one

How a value is written, and how it is averaged over seeds, follows from its kind: `steps`, `share`, `loss`, `count` and so on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from modaddlab import tables
from modaddlab.analysis.seeds import Scale, over_seeds
from modaddlab.errors import LabError

Finding = TypeVar("Finding")

ALONE, NULL = "-alone", "-null"
"""What is put behind a name for the value without its interval, and for its null."""

SPELLED = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class Group:
    """A part of a finding that is used as a whole: where a chapter takes one of its values, no other counts as forgotten."""


@dataclass(frozen=True)
class Kind:
    """What sort of quantity a value is.

    Attributes:
        name: in a word.
        form: how a number of it is written.
        scale: how it is averaged over seeds; none: it is the same of all of them, or not to be averaged.
    """

    name: str
    form: Callable[[float], str]
    scale: Scale | None = "linear"

    def interval(self, value: float, low: float, high: float) -> str:
        """A value with its interval, unless its ends are written alike; plain numbers get the decimals its width is worth."""
        form = self.form
        if self is NUMBER and 0 < high - low < math.inf and max(abs(low), abs(high)) < 1e3:
            decimals = max(0, 1 - math.floor(math.log10((high - low) / 2)))
            form = _decimals(decimals) if decimals <= 4 else self.form
        return form(value) if form(low) == form(high) else tables.interval(value, low, high, form)


def _decimals(n: int) -> Callable[[float], str]:
    return lambda number: f"{number:,.{n}f}".replace("-", "−")  # noqa: RUF001 (a true minus sign)


def spelled(n: float) -> str:
    """A whole number as a sentence has it: in words up to twelve."""
    return SPELLED[int(n)] if n == int(n) and 0 <= n < len(SPELLED) else tables.whole(n)


def _as_given(number: float) -> str:
    return np.format_float_positional(number, trim="-")


NUMBER = Kind("number", tables.number)
TOTAL = Kind("total", tables.whole)
STEPS = Kind("steps", tables.whole, "log")
SHARE = Kind("share", tables.percent, "share")
LOSS = Kind("loss", tables.number, "log")
CHANGE = Kind("change", tables.percent)
COUNT = Kind("count", spelled)
FACTOR = Kind("factor", lambda number: tables.number(number, 2), "log")
EXPONENT = Kind("exponent", _decimals(2))
SETTING = Kind("setting", _as_given, None)
CHOSEN = Kind("chosen share", lambda part: f"{_as_given(round(100 * part, 9))} %", None)
WORDS = Kind("words", str, None)


@dataclass(frozen=True)
class Value:
    """A number, or words, as a sentence takes them.

    Attributes:
        value: the number, for guards and figures, or the words. NaN where the network has none: a step that is never reached.
        kind: what sort of quantity it is.
        low, high: the ends of its 95 % interval, where it has one.
        null: the same quantity where its cause is absent, where it has one.
    """

    value: Any
    kind: Kind = NUMBER
    low: float | None = None
    high: float | None = None
    null: float | None = None

    @property
    def alone(self) -> str:
        """The value without its interval."""
        return self.kind.form(self.value)

    def __str__(self) -> str:
        if self.low is None or self.high is None or math.isnan(self.low) or math.isnan(self.high):
            return self.alone
        return self.kind.interval(self.value, self.low, self.high)

    def __contains__(self, number: float) -> bool:
        """Whether a number lies inside the interval."""
        return self.low is not None and self.high is not None and self.low <= number <= self.high


def steps(value: float | None, low: float | None = None, high: float | None = None) -> Value:
    """A number of training steps; None is a step that is never reached."""
    return Value(math.nan if value is None else float(value), STEPS, low, high)


def share(value: float, low: float | None = None, high: float | None = None, null: float | None = None) -> Value:
    """A part of a whole, 1 being all of it."""
    return Value(float(value), SHARE, low, high, null)


def change(value: float, null: float | None = None) -> Value:
    """The difference of two parts of a whole, of either sign."""
    return Value(float(value), CHANGE, null=null)


def number(value: float, low: float | None = None, high: float | None = None, null: float | None = None) -> Value:
    """Any other number."""
    return Value(float(value), NUMBER, low, high, null)


def loss(value: float, null: float | None = None) -> Value:
    """A loss in nats."""
    return Value(float(value), LOSS, null=null)


def count(value: float) -> Value:
    """How many; in words up to twelve."""
    return Value(int(value), COUNT)


def total(value: float) -> Value:
    """How many, in digits."""
    return Value(int(value), TOTAL)


def factor(value: float) -> Value:
    """A ratio, in two digits."""
    return Value(float(value), FACTOR)


def exponent(value: float, low: float | None = None, high: float | None = None) -> Value:
    """The exponent of a power law."""
    return Value(float(value), EXPONENT, low, high)


def setting(value: float) -> Value:
    """A setting as it was given, without a power of ten."""
    return Value(value, SETTING)


def chosen(part: float) -> Value:
    """A part of a whole that somebody chose, such as the share of the pairs that is shown: 0.8 is 80 %."""
    return Value(float(part), CHOSEN)


def words(text: str) -> Value:
    """Words that follow from the data, such as a list of steps."""
    return Value(text, WORDS)


def over(values: Sequence[Value]) -> Value:
    """One value over seeds: the mean with its 95 % interval, on the scale of its kind.

    Args:
        values: the same quantity of several networks.

    Returns:
        the first value for one network, or where the kind is not averaged; NaN where a network has none.
    """
    first = values[0]
    if first.kind.scale is None or len(values) == 1:
        return first
    found = [float(value.value) for value in values]
    if not np.isfinite(found).all():
        return Value(math.nan, first.kind)
    pooled = over_seeds(found, first.kind.scale)
    nulls = [value.null for value in values]
    null = None if None in nulls else over_seeds(nulls, first.kind.scale).mean  # pyright: ignore[reportArgumentType]
    kind = first.kind
    if kind in (COUNT, TOTAL):
        kind = NUMBER if len(set(found)) > 1 else TOTAL
    return Value(pooled.mean, kind, pooled.low, pooled.high, null)


def pooled(findings: Sequence[Finding]) -> Finding:
    """One finding of several networks: every value over them by `over`, in tuples too; what is no value is that of the first.

    Args:
        findings: of one kind, a network each.
    """
    first, together = findings[0], {}
    for field in dataclasses.fields(first):  # pyright: ignore[reportArgumentType]
        found = [getattr(one, field.name) for one in findings]
        if isinstance(found[0], Value):
            together[field.name] = over(found)
        elif isinstance(found[0], tuple) and all(isinstance(value, Value) for value in found[0]):
            together[field.name] = tuple(over(list(values)) for values in zip(*found, strict=True))
        elif _is_finding(found[0]):
            together[field.name] = pooled(found)
    return dataclasses.replace(first, **together)  # pyright: ignore[reportArgumentType]


def named(name: str, finding: object) -> dict[str, str]:
    """Every value of a finding by its dotted name, as it is written; what is neither value nor finding has none."""
    if isinstance(finding, Value):
        texts = {name: str(finding)}
        if finding.low is not None:
            texts[name + ALONE] = finding.alone
        if finding.null is not None:
            texts[name + NULL] = finding.kind.form(finding.null)
        return texts
    if not _is_finding(finding):
        return {}
    fields = dataclasses.fields(finding)  # type: ignore[arg-type]
    return {key: text for field in fields for key, text in named(f"{name}.{field.name}", getattr(finding, field.name)).items()}


def parts(name: str, finding: object) -> list[list[str]]:
    """The names that a finding's values go by, in lists of which somebody should use one: each value's, and each `Group`'s.

    Args:
        name: of the finding.
        finding: a value or a finding.

    Returns:
        lists whose first name is that of the value or the group itself.
    """
    if isinstance(finding, Value):
        return [list(named(name, finding))]
    if isinstance(finding, Group):
        return [[name, *named(name, finding)]]
    if not _is_finding(finding):
        return []
    fields = dataclasses.fields(finding)  # type: ignore[arg-type]
    return [part for field in fields for part in parts(f"{name}.{field.name}", getattr(finding, field.name))]


def _is_finding(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type) and not isinstance(value, Value)


def expect(condition: object, sentence: str) -> None:
    """Stop the rendering unless the data still say what a chapter says.

    Args:
        condition: what makes the sentence true.
        sentence: words of the chapter, as they stand there.

    Raises:
        LabError: they do not.
    """
    if not condition:
        raise LabError(f"the data no longer say “{sentence}”; look at them, then rewrite the sentence and its guard")
