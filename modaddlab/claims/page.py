"""The scorecard as a page: one table that a reader can sort and filter, and tables by source for print.

The table is plain Markdown, so that both renderers resolve its citations and cross-references and it reads without a script. On
the site a short script (`scorecard.js`) adds what a long table needs: a button for each verdict, a choice of source, a search
field, and headings that sort.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources

from modaddlab import tables
from modaddlab.claims.claim import Verdict
from modaddlab.claims.scorecard import Finding, counts, findings
from modaddlab.findings.value import Value, total

MARKS: dict[Verdict, str] = {
    "replicates": "●",
    "replicates with a difference": "◐",
    "does not replicate": "○",
    "cannot be tested": "–",  # noqa: RUF001 (a dash, as for every missing value)
}
"""The sign that goes with each verdict."""

CLASSES: dict[Verdict, str] = {
    "replicates": "holds",
    "replicates with a difference": "differs",
    "does not replicate": "fails",
    "cannot be tested": "open",
}
"""The style of each verdict on the site."""

SOURCES = {
    "nanda2023progress": "Nanda et al. 2023",
    "he2026mechanism": "He et al. 2026",
    "grokkingfourier2025": "a replication (2025)",
    "grokverse2026": "GROKVERSE (2026)",
    "grokkingreproduction2025": "a reproduction (2025)",
    "grokkingexperiments2025": "a suite of sweeps (2025)",
}
"""Short names of the sources, for figures."""

_WIDTHS = (30, 14, 12, 12, 22, 16, 14, 10)
_PRINT_WIDTHS = (34, 14, 24, 18)


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """The verdicts on all claims, counted."""

    claims: Value
    tested: Value
    replicates: Value
    differs: Value
    fails: Value
    untested: Value
    single: Value
    """Tested on a single network."""
    shorter: Value
    """Of those that say of something that it does not happen, and hold here: how many on a shorter run than the source's."""
    found: Sequence[Finding] = field(repr=False)

    @property
    def by_source(self) -> dict[str, tuple[int, ...]]:
        """Source -> how many of its claims got each verdict, in the order of `VERDICTS`."""
        groups: dict[str, list[Finding]] = {}
        for one in self.found:
            groups.setdefault(SOURCES[one.claim.source], []).append(one)
        return {source: tuple(counts(group).values()) for source, group in groups.items()}

    @property
    def columns(self) -> dict[str, list[str | float]]:
        """All of it as a figure's data."""
        return columns(self.found)


@functools.cache
def tally() -> Scorecard:
    """The scorecard; computed once in a process."""
    found = findings()
    never = [one for one in found if one.claim.trained_for is not None and one.verdict == "replicates"]
    replicates, differs, fails, untested = counts(found).values()
    return Scorecard(
        claims=total(len(found)),
        tested=total(len(found) - untested),
        replicates=total(replicates),
        differs=total(differs),
        fails=total(fails),
        untested=total(untested),
        single=total(sum(one.n_networks == 1 for one in found)),
        shorter=total(sum((one.trained_for or 0) < (one.claim.trained_for or 0) for one in never)),
        found=found,
    )


def show(scorecard: Scorecard) -> None:
    """Print the claims as Markdown, for the site and for print; for a cell with `#| output: asis`."""
    print(site_table(scorecard.found))
    print(print_tables(scorecard.found))


def verdict_text(verdict: Verdict) -> str:
    """A verdict with its sign, as a Markdown span that the site's style can colour."""
    return f"[{MARKS[verdict]}]{{.mark-{CLASSES[verdict]}}} {verdict}"


def row(found: Finding) -> dict[str, str]:
    """One line of the site's table."""
    claim = found.claim
    return {
        "claim": claim.statement,
        "source": f"[@{claim.source}, {claim.place}]",
        "published": claim.published_text,
        "ours": found.first_text,
        "over seeds": found.seeds_text,
        "null": found.null_text,
        "verdict": verdict_text(found.verdict) + (f": {found.why}" if found.why else ""),
        "see": claim.evidence or tables.MISSING,
    }


def site_table(found: Sequence[Finding]) -> str:
    """The whole scorecard as Markdown, in a block that is shown on the site only."""
    package = resources.files("modaddlab.claims")
    script, style = (package.joinpath(f"scorecard.{kind}").read_text("utf-8") for kind in ("js", "css"))
    table = tables.markdown([row(one) for one in found], widths=_WIDTHS)
    return "\n".join([
        '::: {.content-visible when-format="html"}',
        "::: {.scorecard .column-page}",
        table,
        ":::",
        _raw_html(f"<style>\n{style}</style>\n<script>\n{script}</script>"),
        ":::",
        "",
    ])  # fmt: skip


def print_tables(found: Sequence[Finding]) -> str:
    """The scorecard as Markdown for print: a table for each source, in the order of the ledger."""
    parts = ['::: {.content-visible when-format="typst"}']
    for source in dict.fromkeys(one.claim.source for one in found):
        lines = [
            {
                "claim": f"{one.claim.statement} ({one.claim.place})",
                "published": one.claim.published_text,
                "ours": one.first_text if one.seeds is None else one.seeds_text,
                "verdict": f"{MARKS[one.verdict]} {one.verdict}",
            }
            for one in found
            if one.claim.source == source
        ]
        parts += [f"**@{source}**", "", tables.markdown(lines, widths=_PRINT_WIDTHS)]
    return "\n".join([*parts, ":::", ""])


def tolerances(found: Iterable[Finding]) -> list[dict[str, str]]:
    """The tolerances that are in use, with their reasons and how many claims they judge; rows of a table."""
    used: dict[tuple[str, str], int] = {}
    for one in found:
        tolerance = one.claim.tolerance
        if tolerance is not None:
            how = f"factor {tolerance.amount:g}" if tolerance.kind == "factor" else f"± {tolerance.amount:g}"
            used[how, tolerance.reason] = used.get((how, tolerance.reason), 0) + 1
    return [{"within": how, "because": reason, "claims": str(n)} for (how, reason), n in used.items()]


def columns(found: Sequence[Finding]) -> dict[str, list[str | float]]:
    """The scorecard as columns for download: texts as shown, and the bare numbers beside them; NaN where there is none."""
    return {
        "id": [one.claim.id for one in found],
        "source": [one.claim.source for one in found],
        "place": [one.claim.place for one in found],
        "claim": [one.claim.statement for one in found],
        "published": [one.claim.published_text for one in found],
        "ours": [one.first for one in found],
        "mean over seeds": [one.seeds.mean if one.seeds else math.nan for one in found],
        "low": [one.seeds.low if one.seeds else math.nan for one in found],
        "high": [one.seeds.high if one.seeds else math.nan for one in found],
        "seeds": [one.n_networks for one in found],
        "null": [math.nan if one.null is None else one.null for one in found],
        "null is": [one.claim.null_text for one in found],
        "verdict": [one.verdict for one in found],
    }


def _raw_html(text: str) -> str:
    return f"```{{=html}}\n{text}\n```"
