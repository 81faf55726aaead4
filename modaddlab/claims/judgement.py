"""What the networks of a claim say together, and the verdict that follows from it.

    replicates                    the published value is one that one more network of ours could have had: it lies in the 95 %
                                  prediction interval, or within the tolerance of our mean
    replicates with a difference  it is not, but the statement in words is true of our mean
    does not replicate            the statement is not true of it
    open                          the numbers do not decide it, or it is as true of the null; `Judged.why` says which

Of yes or no the claim replicates if all networks do what the source says, with a difference if most do, not at all if most do
otherwise. What did not happen in a run shorter than the source's may happen yet: what could change the verdict leaves it open.
A prediction interval takes three networks, and where its ends are a factor of a hundred apart it decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modaddlab import tables
from modaddlab.analysis.scaling import censored_mean
from modaddlab.analysis.seeds import over_seeds, range_of_one_more, share_interval
from modaddlab.claims.claim import DROP, STEPS, Band, Claim
from modaddlab.findings.value import Value

Verdict = Literal["replicates", "replicates with a difference", "does not replicate", "open"]

VERDICTS: tuple[Verdict, ...] = ("replicates", "replicates with a difference", "does not replicate", "open")
"""In the order in which they are shown."""

FEW = 3
"""So many networks are listed one by one; fewer have no prediction interval."""


NULL_TOO = "the null does the same"
"""Why a claim is open whose statement is as true where its cause is absent."""

WIDE = 100.0
"""A prediction interval on the log scale whose ends are so many times apart decides nothing."""


@dataclass(frozen=True)
class Measured:
    """What our networks say of a quantity.

    Attributes:
        values_S: each network's; NaN where it has none, such as a step that is not reached; of yes or no 1, 0, or NaN where
            the run is shorter than the source's and it has not happened yet.
        trained_for_S: the steps of each.
        n: networks, or runs, that it rests on.
        mean: over those that have it, on the scale of the claim.
        low, high: its 95 % interval; Wilson's of yes or no.
        one_more: where one more network would lie with 95 %; NaN for fewer than three.
    """

    values_S: np.ndarray
    trained_for_S: np.ndarray
    n: int
    mean: float
    low: float
    high: float
    one_more: Band


def measured(claim: Claim, values: Sequence[float], trained_for: Sequence[int]) -> Measured:
    """A quantity over networks.

    Args:
        claim: what it is about.
        values: one for each network, at least one.
        trained_for: the steps of each.
    """
    values_S, until_S = np.array(values, dtype=np.float64), np.array(trained_for, dtype=np.float64)
    one_more, n = (math.nan, math.nan), len(values_S)
    if claim.scale == "hits":
        limit = math.inf if claim.trained_for is None else claim.trained_for
        happened_S = (values_S > 0) & (values_S <= limit)
        undecided_S = np.isnan(values_S) & (until_S < limit) & np.isfinite(limit)
        values_S = np.where(undecided_S, np.nan, happened_S.astype(np.float64))
        mean, ends = float(happened_S.mean()), share_interval(int(happened_S.sum()), n)
    else:
        there_S = values_S[np.isfinite(values_S)]
        found = over_seeds(there_S, claim.scale)
        mean, ends = found.mean, (found.low, found.high)
        if n >= FEW:
            one_more = range_of_one_more(found, claim.scale)
        if claim.tolerance is DROP:
            one_more = (one_more[0], min(one_more[1], 1.0))
        if claim.tolerance is STEPS and 0 < len(there_S) < n:
            typical = censored_mean(values_S, until_S)
            mean = math.nan
            if typical is not None:
                mean, ends, one_more = typical.mean, (typical.low, typical.high), (typical.least, typical.most)
    return Measured(values_S, until_S, n, mean, *ends, Band(*one_more))


def of_runs(value: Value, n: int) -> Measured:
    """A value that many runs have together, with its own interval, in which one more such value would lie."""
    low, high = (math.nan if end is None else end for end in (value.low, value.high))
    return Measured(np.array([value.value]), np.array([math.nan]), n, value.value, low, high, Band(low, high))


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict, with what it rests on.

    Attributes:
        verdict: see above.
        why: what leaves it open.
        near: whether the published value lies within the tolerance of our mean.
        likely: whether one more network of ours could have had it; None where no prediction interval says so.
    """

    verdict: Verdict
    why: str = ""
    near: bool = False
    likely: bool | None = None


def judge(claim: Claim, found: Measured, null: float | None = None) -> Judged:
    """The verdict on a claim.

    Args:
        claim: with what was published.
        found: what our networks say.
        null: the null's value, if there is one.
    """
    if claim.undecided:
        return Judged(verdict="open", why=claim.undecided)
    if null is not None and null in claim.holds:
        return Judged(verdict="open", why=NULL_TOO)
    if claim.scale == "hits":
        return _judge_hits(claim, found)
    shortest = float(np.nanmin(found.trained_for_S)) if np.isfinite(found.trained_for_S).any() else math.inf
    if claim.trained_for is not None and shortest < claim.trained_for:
        return Judged(verdict="open", why=shorter(claim, found))
    if math.isnan(found.mean) or found.mean not in claim.holds:
        return Judged(verdict="does not replicate")
    if claim.published is None or claim.tolerance is None:
        return Judged(verdict="replicates")
    near = found.mean in claim.tolerance.around(claim.published)
    more = found.one_more
    says = not math.isnan(more.low) and not (claim.scale == "log" and more.high > WIDE * more.low)
    likely = more.overlaps(claim.published) if says else None
    verdict: Verdict = "replicates" if near or likely else "replicates with a difference"
    return Judged(verdict=verdict, near=near, likely=likely)


def shorter(claim: Claim, found: Measured) -> str:
    """That our runs are shorter than the source's, in words."""
    late_S = found.trained_for_S[np.isnan(found.values_S)] if claim.scale == "hits" else found.trained_for_S
    return f"ours ended at step {tables.whole(late_S.min())}, theirs at {tables.whole(claim.trained_for)}"


def _judge_hits(claim: Claim, found: Measured) -> Judged:
    """Of yes or no: by the majority, unless runs that are too short could change it."""
    agree, n_open = int((found.values_S == claim.happens).sum()), int(np.isnan(found.values_S).sum())
    possible: set[Verdict] = {_of_share(agree + more, found.n) for more in (0, n_open)}
    if len(possible) == 1:
        (verdict,) = possible
        return Judged(verdict=verdict, why="as many do as do not" if verdict == "open" else "")
    return Judged(verdict="open", why=shorter(claim, found))


def _of_share(agree: int, n: int) -> Verdict:
    if 2 * agree == n:
        return "open"
    return "replicates" if agree == n else "replicates with a difference" if 2 * agree > n else "does not replicate"
