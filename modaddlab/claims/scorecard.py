"""The scorecard: every claim measured, judged, and counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab import tables
from modaddlab.claims import ledger
from modaddlab.claims.claim import Band, Claim
from modaddlab.claims.judgement import FEW, VERDICTS, Judged, Measured, Verdict, judge, measured, of_runs
from modaddlab.experiments.catalogue import RUNS
from modaddlab.study import Study

FAMILIES = {"mainline": ("mainline", "mainline-25k")}
"""Runs whose seeds are one family: the shorter ones stop when nothing changes any more."""

NARROW = "\u202f"
"""The space before a percent sign, at which no line ends."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A claim and what our networks say.

    Attributes:
        claim: the claim.
        measured: what our networks say; None where none has been trained, or nothing can be measured.
        null: the null's value; None if there is none.
        judged: the verdict and what it rests on.
    """

    claim: Claim
    measured: Measured | None
    null: float | None
    judged: Judged

    @property
    def verdict(self) -> Verdict:
        """Whether the claim replicates."""
        return self.judged.verdict

    @property
    def n_networks(self) -> int:
        """Networks measured, with those that lack the quantity."""
        return 0 if self.measured is None else self.measured.n

    @property
    def basis(self) -> str:
        """What it rests on: "definition", "one or two networks", "several networks" or "none"."""
        if self.claim.defined:
            return "definition"
        return "none" if not self.n_networks else "several networks" if self.n_networks >= FEW else "one or two networks"

    @property
    def ours_text(self) -> str:
        """What our networks have: the mean, in brackets where one more would lie; the values themselves where they are few."""
        found, form = self.measured, self.claim.written
        if found is None:
            return tables.MISSING
        if self.claim.scale == "hits":
            return _hits_text(found)
        there_S = found.values_S[np.isfinite(found.values_S)]
        texts, missing, unit = [*map(form, there_S)], found.n - len(there_S), self.claim.with_unit
        if self.claim.pooled is not None:
            return unit(with_range(form, found.mean, found.one_more))
        if found.n <= FEW:
            return unit(tables.listing([*texts, *["never"] * missing]))
        if not texts:
            return f"never in {missing}"
        if missing:
            return unit(f"{form(there_S.min())} to {form(there_S.max())}, never in {missing}")
        return f"{unit(texts[0])} in all" if len(set(texts)) == 1 else unit(with_range(form, found.mean, found.one_more))

    @property
    def n_text(self) -> str:
        """On how many networks it rests, and how many of them have the quantity."""
        if self.measured is None or self.claim.defined:
            return tables.MISSING
        there = int(np.isfinite(self.measured.values_S).sum())
        n = self.measured.n
        return str(n) if self.claim.scale == "hits" or self.claim.pooled or there == n else f"{there} of {n}"

    @property
    def null_text(self) -> str:
        """The null as it is written, and what it is."""
        return tables.MISSING if self.null is None else f"{self.null_alone} ({self.claim.null_text})"

    @property
    def null_alone(self) -> str:
        """The null's value."""
        if self.null is None:
            return ""
        return "never" if math.isnan(self.null) else self.claim.with_unit(self.claim.written(self.null))


def with_range(form: tables.Format, value: float, band: Band) -> str:
    """A value and the ends of a range, what is written behind all three written once: 1.93 [1.02, 3.64] × 10⁻⁷."""
    if math.isnan(band.low):
        return form(value)
    texts = [form(value), form(band.low), form(band.high)]
    if len(set(texts)) == 1:
        return texts[0]
    for behind in (" %", *{text[text.find("\u00a0×") :] for text in texts if "\u00a0×" in text}):  # noqa: RUF001
        if all(text.endswith(behind) for text in texts):
            first, low, high = (text.removesuffix(behind) for text in texts)
            return f"{first} [{low}, {high}]{behind.replace(' ', NARROW)}"
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"


def _hits_text(found: Measured) -> str:
    """How many networks do, with Wilson's interval where there are several."""
    n, n_open = int(np.nansum(found.values_S)), int(np.isnan(found.values_S).sum())
    if found.n == 1:
        return "yes" if n else "not yet" if n_open else "no"
    text = f"{n} of {found.n} [{100 * found.low:.0f}, {100 * found.high:.0f}]{NARROW}%"
    return f"{text}, {n_open} not yet" if n_open else text


def family(claim: Claim) -> Iterator[Study]:
    """The networks that a claim is measured on, those that have been trained, by seed.

    Each is opened anew and can be let go: its activations are large.
    """
    names = FAMILIES.get(claim.runs, (claim.runs,))
    if claim.of_times and f"{claim.runs}-groks" in RUNS:
        names = (*names, f"{claim.runs}-groks")
    seen = set[int]()
    for name in names:
        for seed in [study.spec.seed for study in Study.seeds(name, p=claim.p)]:
            if seed not in seen:
                seen.add(seed)
                yield Study.open(name, seed=seed, p=claim.p)


def findings(claims: Sequence[Claim] = ledger.CLAIMS) -> list[Finding]:
    """Every claim measured on every network that it is about, and judged.

    Some ten seconds for each network of the mainline's size the first time, then from the cache.
    """
    values: dict[str, list[float]] = {claim.id: [] for claim in claims}
    steps: dict[str, list[int]] = {claim.id: [] for claim in claims}
    nulls: dict[str, float] = {}
    alike: dict[tuple[str, int | None, bool], list[Claim]] = {}
    for claim in claims:
        alike.setdefault((claim.runs, claim.p, claim.of_times), []).append(claim)
    for group in alike.values():
        for study in family(group[0]):
            for claim in group:
                if claim.measure is None or (claim.snapshots and not len(study.record.snapshot_steps)):
                    continue
                if claim.null is not None and not values[claim.id]:
                    nulls[claim.id] = claim.null(study)
                values[claim.id].append(claim.measure(study))
                steps[claim.id].append(study.spec.steps)
    return [_finding(claim, values[claim.id], steps[claim.id], nulls.get(claim.id)) for claim in claims]


def _finding(claim: Claim, values: Sequence[float], steps: Sequence[int], null: float | None) -> Finding:
    if claim.pooled is not None:
        value, n = claim.pooled()
        found, null = of_runs(value, n), value.null
    elif values:
        found = measured(claim, values, steps)
    else:
        command = f"python -m modaddlab.train {claim.runs}" + (f" --p {claim.p}" if claim.p else "")
        judged = Judged(verdict="open", why=claim.undecided or f"needs {command}")
        return Finding(claim=claim, measured=None, null=None, judged=judged)
    return Finding(claim=claim, measured=found, null=null, judged=judge(claim, found, null))


def counts(found: Sequence[Finding]) -> dict[Verdict, int]:
    """How many claims got each verdict, in the order of `VERDICTS`."""
    tally = Counter(finding.verdict for finding in found)
    return {verdict: tally[verdict] for verdict in VERDICTS}
