"""Clocks that are no primes: the key frequencies that divide the clock, and go round on fewer marks than it has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modaddlab import tables
from modaddlab.findings import concentration
from modaddlab.findings.networks import ADDITION, EMBEDDING, for_networks
from modaddlab.findings.value import Group, Value, chosen, count, share, steps, total, words
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Clock(Group):
    """A network on such a clock."""

    modulus: Value
    shown: Value
    time: Value
    keys: Value
    """The frequencies above the largest gap of the embedding, ascending."""
    marks: Value
    """On how many marks each of them goes round, in the same order."""
    n: Value
    coarse: Value
    """How many of them have fewer marks than the clock."""
    coarse_share: Value
    """Their part of the keys; the null is that of all frequencies."""
    top_share: Value
    sign: Value
    """The part of the embedding's energy in the sign, the frequency p/2; NaN of an odd modulus."""
    sign_is_key: bool


@dataclass(frozen=True, kw_only=True)
class Composite:
    """An even and an odd modulus, and the prime beside them."""

    even: Clock
    odd: Clock
    prime: Clock


def measure() -> Composite:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    return Composite(**{name: of(Study.open(f"small-{p}")) for name, p in {"even": 60, "odd": 35, "prime": 59}.items()})


@for_networks(ADDITION, EMBEDDING)
def of(study: Study) -> Clock:
    """Which of a network's frequencies have a factor in common with its modulus."""
    p, found = study.p, concentration.of(study)
    keys = sorted(found.strongest)
    coarse = [key for key in keys if math.gcd(key, p) > 1]
    every = [math.gcd(key, p) > 1 for key in range(1, p // 2 + 1)]
    return Clock(
        modulus=total(p),
        shown=chosen(study.spec.task.train_frac),
        time=steps(study.phases.generalization),
        keys=words(tables.listing(keys)),
        marks=words(tables.listing([p // math.gcd(key, p) for key in keys])),
        n=count(len(keys)),
        coarse=count(len(coarse)),
        coarse_share=share(len(coarse) / len(keys) if keys else math.nan, null=sum(every) / len(every)),
        top_share=found.top_share,
        sign_is_key=2 * max(keys, default=0) == p,
        sign=share(found.energy_K[-1] / found.energy_K.sum() if p % 2 == 0 else math.nan),
    )
