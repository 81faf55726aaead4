"""When the book's laws expect a run to grok, and what they ask for where they do not.

The mainline's time over its seeds, times what the law of each sweep (weight decay, learning rate, share of the pairs, modulus)
says of a setting that differs from the mainline's. Each law was measured with all else unchanged; that they multiply is an
assumption. The interval is where one more run would lie, widened by the interval of every exponent that is used. Without decay,
and where runs of the book have waited longer than the law asks for, the laws expect nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from modaddlab import tables
from modaddlab.analysis.scaling import PowerLaw
from modaddlab.analysis.seeds import over_seeds, range_of_one_more
from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import changed
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.findings import curves, decay, outcomes, size, speed
from modaddlab.findings.outcomes import Outcome
from modaddlab.findings.sweep import Law
from modaddlab.findings.value import Group, Value, steps
from modaddlab.study import Study

SWEEPS: dict[str, tuple[str, Callable[[float], str], Callable[[Outcome], float]]] = {
    "optim.weight_decay": ("weight-decay", "a weight decay of {:g}".format, decay.decay_of),
    "optim.lr": ("learning-rate", "a learning rate of {:g}".format, speed.rate_of),
    "task.train_frac": ("train-fraction", lambda part: f"{100 * part:g} % of the pairs", lambda row: row.spec.task.train_frac),
    "task.p": ("prime", "a modulus of {:g}".format, size.modulus_of),
}
"""Field -> the sweep that varies it, a value of it in words, and a run's value of it."""

FAR = 1_000_000
"""Steps that nobody is asked to train for: twenty-five times the longest of the sweeps that the laws are from."""

FREE = ("name", "seed", "steps", "grokked_for", "record.")
"""Fields that no law asks for."""


@dataclass(frozen=True)
class Setting:
    """What a sweep says of one field.

    Attributes:
        law: time over its value.
        usual: the mainline's value.
        least, most: the values between which runs have grokked.
        silent: values with which none has, and the steps of the shortest of those runs.
    """

    law: PowerLaw
    usual: float
    least: float
    most: float
    silent: dict[float, int]


@dataclass(frozen=True, kw_only=True)
class Expected(Group):
    """What the laws say of a run."""

    time: Value
    """Steps to grok, and where 95 % of such runs would lie; NaN where the laws expect none."""
    reasons: tuple[str, ...]
    """Sentences on settings with which the book has no network that groks, or that lie beyond its runs."""
    remedies: tuple[tuple[str, dict[str, Any]], ...]
    """What to change, in words, and the fields that do it: so that the run has the time that the laws ask for."""


def of(spec: RunSpec) -> Expected:
    """When a run is expected to grok.

    Args:
        spec: the run.

    Raises:
        LabError: the laws are for no such run, or the book's runs are not there.
    """
    base = catalogue.RUNS["mainline"]
    mine, theirs = flatten(spec.to_dict()), flatten(base.to_dict())
    different = [field for field in mine if not field.startswith(FREE) and mine[field] != theirs.get(field)]
    foreign = [field for field in different if field not in SWEEPS]
    if foreign or spec.model.kind != base.model.kind:
        what = tables.listing(foreign) if spec.model.kind == base.model.kind else "network"
        raise LabError(f"the book has no law for a run with another {what} than the mainline's")
    time, low, high = _usual()
    centre, halves, reasons, hopeless, limits = math.log(time), [math.log(high / low) / 2], list[str](), False, [0]
    for field in different:
        found, value, words = _setting(field), float(mine[field]), SWEEPS[field][1]
        beyond = [x for x in found.silent if (value <= x < found.least) or (value >= x > found.most)]
        if beyond:
            nearest = min(beyond, key=lambda x: abs(x - value))
            limits.append(found.silent[nearest])
            least = found.least if nearest < found.least else found.most
            reasons.append(
                f"With {words(nearest)} no run of the book has grokked within {found.silent[nearest]:,} steps, "
                f"with {words(least)} some have."
            )
        elif not found.least <= value <= found.most:
            reasons.append(
                f"No run of the book that groks has {words(value)}: from {words(found.least)} to {words(found.most)} they do."
            )
        if value <= 0:
            hopeless = True
            continue
        distance = math.log(value / found.usual)
        centre += found.law.exponent * distance
        halves.append((found.law.high - found.law.low) / 2 * distance)
    half = math.hypot(*halves)
    if hopeless or math.exp(centre) < max(limits):  # without decay, or where runs have waited longer than the law asks for
        asked = steps(math.nan)
    else:
        asked = steps(math.exp(centre), math.exp(centre - half), math.exp(centre + half))
    return Expected(time=asked, reasons=tuple(reasons), remedies=tuple(_remedies(spec, asked)))


def _remedies(spec: RunSpec, asked: Value) -> list[tuple[str, dict[str, Any]]]:
    """The changes after which the run has the time that it needs, the upper end of the interval."""
    mine, found = flatten(spec.to_dict()), list[tuple[str, dict[str, Any]]]()
    if asked.high is not None and asked.high <= FAR:
        if asked.high <= spec.steps:
            return []
        found.append((f"Train for {_rounded(asked.high):,} steps", {"steps": _rounded(asked.high)}))
        for field, words in (("optim.weight_decay", "take"), ("task.train_frac", "train on")):
            one, value = _setting(field), float(mine[field])
            other = float(f"{value * (spec.steps / asked.high) ** (1 / one.law.exponent):.2g}")
            if one.least <= other <= one.most and other != value:
                found.append((f"With the same steps, {words} {SWEEPS[field][1](other)}", {field: other}))
    else:
        usual = {field: _setting(field) for field in SWEEPS}
        wrong = {field: one.usual for field, one in usual.items() if not one.least <= mine[field] <= one.most}
        wrong = {field: int(value) if field == "task.p" else value for field, value in wrong.items()}
        high = of(changed(spec, wrong)).time.high
        longer = {} if high is None or high <= spec.steps else {"steps": _rounded(high)}
        found.append((f"Take the mainline's value{'s' * (len(wrong) > 1)}", wrong | longer))
    return found


def _rounded(steps: float) -> int:
    return math.ceil(steps / 1000) * 1000


@cache
def _usual() -> tuple[float, float, float]:
    """The time of the mainline and its seeds, and between which steps one more would grok."""
    networks = [Study.open("mainline"), *Study.seeds("mainline-25k")]
    times = over_seeds([curves.of(study).grokked.value for study in networks], "log")
    return times.mean, *range_of_one_more(times, "log")


@cache
def _setting(field: str) -> Setting:
    name, _, x = SWEEPS[field]
    points = outcomes.times(name).points
    groks = [value for value, point in points.items() if point.n_grokked]
    rows = [row for value, point in points.items() if value > 0 for row in point.rows]
    return Setting(
        law=Law.through([row for row in rows if field != "task.p" or x(row) >= size.BEGINS], x).found,
        usual=float(flatten(catalogue.RUNS["mainline"].to_dict())[field]),
        least=min(groks),
        most=max(groks),
        silent={value: point.trained_for for value, point in points.items() if not point.n_grokked},
    )
