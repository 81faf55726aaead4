"""The scorecard: every claim measured, judged, and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modaddlab import tables
from modaddlab.analysis.seeds import OverSeeds, over_seeds
from modaddlab.claims import ledger
from modaddlab.claims.claim import VERDICTS, Claim, Verdict
from modaddlab.study import Study

FAMILIES = {"mainline": ("mainline", "mainline-25k")}
"""Runs whose seeds are one family: the shorter ones stop when nothing changes any more."""


FEW = 3
"""So many seeds are listed one by one: an interval of them would say nothing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim and what our networks say.

    Attributes:
        claim: the claim.
        first: the value of the family's first network, such as the mainline; NaN if the quantity does not exist there.
        seeds: mean and interval over all networks that have the quantity; None for a single one.
        n_networks: networks measured, with those that lack the quantity.
        trained_for: steps of the shortest of their runs; None without any.
        null: the null's value; None if there is none.
        verdict: by `Claim.judge`.
        why: what is missing, for a claim that cannot be tested.
    """

    claim: Claim
    first: float
    seeds: OverSeeds | None
    n_networks: int
    trained_for: int | None
    null: float | None
    verdict: Verdict
    why: str

    @property
    def first_text(self) -> str:
        return tables.MISSING if self.verdict == "cannot be tested" else _text(self.claim, self.first)

    @property
    def seeds_text(self) -> str:
        """What is shown for the seeds: mean, interval and number; the values themselves where they are few."""
        if self.seeds is None:
            return "one seed" if self.n_networks else tables.MISSING
        n = self.seeds.n
        if n <= FEW:
            missing = ["never"] * (self.n_networks - n)
            return self.claim.with_unit(", ".join([*map(self.claim.form, self.seeds.values_S), *missing]))
        texts = {self.claim.form(value) for value in self.seeds.values_S}
        of = f"n = {n}" if n == self.n_networks else f"n = {n} of {self.n_networks}"
        if len(texts) == 1:
            return f"{self.claim.with_unit(texts.pop())} in all, {of}"
        text = tables.interval(self.seeds.mean, self.seeds.low, self.seeds.high, self.claim.form)
        return f"{self.claim.with_unit(text)}, {of}"

    @property
    def null_text(self) -> str:
        return tables.MISSING if self.null is None else f"{_text(self.claim, self.null)} ({self.claim.null_text})"


def family(runs: str, p: int | None = None) -> Iterator[Study]:
    """The networks that claims about a named run are measured on, those that have been trained, by seed.

    Each is opened anew and can be let go: its activations are large.
    """
    for name in FAMILIES.get(runs, (runs,)):
        for seed in [study.spec.seed for study in Study.seeds(name, p=p)]:
            yield Study.open(name, seed=seed, p=p)


def findings(claims: Sequence[Claim] = ledger.CLAIMS) -> list[Finding]:
    """Every claim measured on every network that it is about, and judged.

    Some ten seconds for each network of the mainline's size the first time, then from the cache.
    """
    values: dict[str, list[float]] = {claim.id: [] for claim in claims}
    nulls: dict[str, float] = {}
    steps: dict[str, int] = {}
    for runs, p in dict.fromkeys((claim.runs, claim.p) for claim in claims):
        for study in family(runs, p):
            for claim in claims:
                if (claim.runs, claim.p) != (runs, p) or claim.measure is None:
                    continue
                if claim.snapshots and not len(study.record.snapshot_steps):
                    continue
                if claim.null is not None and not values[claim.id]:
                    nulls[claim.id] = claim.null(study)
                values[claim.id].append(claim.measure(study))
                steps[claim.id] = min(study.spec.steps, steps.get(claim.id, study.spec.steps))
    return [_finding(claim, values[claim.id], nulls.get(claim.id), steps.get(claim.id)) for claim in claims]


def _finding(claim: Claim, values: Sequence[float], null: float | None, trained_for: int | None) -> Finding:
    if not values:
        command = f"python -m modaddlab.train {claim.runs}" + (f" --p {claim.p}" if claim.p else "")
        why = claim.untestable or f"needs {command}"
        return Finding(
            claim=claim, first=math.nan, seeds=None, n_networks=0, trained_for=None, null=None, why=why,
            verdict="cannot be tested",
        )
    there = [value for value in values if math.isfinite(value)]
    seeds = over_seeds(there, claim.scale) if len(values) > 1 else None
    most_lack_it = len(there) <= len(values) / 2
    value = math.nan if most_lack_it else seeds.mean if seeds else values[0]
    return Finding(
        claim=claim,
        first=values[0],
        seeds=seeds,
        n_networks=len(values),
        trained_for=trained_for,
        null=null,
        verdict=claim.judge(value, null),
        why="",
    )


def counts(found: Sequence[Finding]) -> dict[Verdict, int]:
    """How many claims got each verdict, in the order of `VERDICTS`."""
    tally = Counter(finding.verdict for finding in found)
    return {verdict: tally[verdict] for verdict in VERDICTS}


def _text(claim: Claim, value: float) -> str:
    return "never" if math.isnan(value) else claim.with_unit(claim.form(value))
