"""The scorecard as a page: the claims by subject, folded, and tables for print.

All is plain Markdown between the tags of `<details>`, so that both renderers resolve its citations and cross-references and it
opens without a script. On the site a short script (`scorecard.js`) adds a button for each verdict, a search field, headings that
sort, and the state in the address.
"""

from __future__ import annotations

import functools
import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources

from modaddlab import tables
from modaddlab.claims import ledger, released
from modaddlab.claims.claim import Claim
from modaddlab.claims.judgement import NULL_TOO, Verdict
from modaddlab.claims.scorecard import Finding, counts, findings
from modaddlab.findings.value import Value, count, total

MARKS: dict[Verdict, str] = {
    "replicates": "●",
    "replicates with a difference": "◐",
    "does not replicate": "○",
    "open": "–",  # noqa: RUF001 (a dash, as for every missing value)
}
"""The sign that goes with each verdict."""

CLASSES: dict[Verdict, str] = {
    "replicates": "holds",
    "replicates with a difference": "differs",
    "does not replicate": "fails",
    "open": "open",
}
"""The style of each verdict on the site."""

_WIDTHS = (30, 14, 21, 5, 15, 16, 10)


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """The verdicts on all claims, counted; a claim that repeats the measurement of another is not."""

    claims: Value
    tested: Value
    replicates: Value
    differs: Value
    fails: Value
    untested: Value
    repeated: Value
    """Claims that are about the measurement of another one."""
    several: Value
    """Tested on three networks or more, and how many of those replicate."""
    several_replicate: Value
    few: Value
    """Tested on one or two networks."""
    few_replicate: Value
    defined: Value
    """Definitions and formulas."""
    shorter: Value
    """Open because our runs are shorter than the source's."""
    null_too: Value
    """Open because the null does the same."""
    kind: Value
    """Replicate within the tolerance, though one more network of ours would not have had the published value."""
    found: Sequence[Finding] = field(repr=False)

    @property
    def by_subject(self) -> dict[str, list[tuple[Verdict, str]]]:
        """Subject -> the verdict on each of its claims that is counted, and what it rests on."""
        by_id = {one.claim.id: one for one in self.found}
        found = {subject: [by_id[claim.id] for claim in claims] for subject, claims in ledger.SUBJECTS.items()}
        return {subject: [(one.verdict, one.basis) for one in ones if not one.claim.repeats] for subject, ones in found.items()}

    def theirs(self, claim: str) -> float:
        """What its authors' own checkpoint has for a claim, by its id; NaN where there is none."""
        return released.values().get(claim, (None, math.nan))[1]

    def ours(self, claim: str) -> float:
        """What our networks have for a claim, by its id; NaN without any."""
        return next(math.nan if one.measured is None else one.measured.mean for one in self.found if one.claim.id == claim)

    @property
    def columns(self) -> dict[str, list[str | float]]:
        """All of it as a figure's data."""
        return columns(self.found)


@functools.cache
def tally() -> Scorecard:
    """The scorecard; computed once in a process."""
    return measure()


def measure() -> Scorecard:
    """The scorecard, measured."""
    found = findings()
    once = [one for one in found if not one.claim.repeats]
    replicates, differs, fails, untested = counts(once).values()
    decided, left = ([one for one in once if (one.verdict == "open") is open_] for open_ in (False, True))
    several, few = ([one for one in decided if one.basis == basis] for basis in ("several networks", "one or two networks"))
    return Scorecard(
        claims=total(len(once)),
        tested=total(len(decided)),
        replicates=total(replicates),
        differs=total(differs),
        fails=total(fails),
        untested=total(untested),
        repeated=total(len(found) - len(once)),
        several=total(len(several)),
        several_replicate=total(counts(several)["replicates"]),
        few=total(len(few)),
        few_replicate=total(counts(few)["replicates"]),
        defined=total(sum(one.basis == "definition" for one in decided)),
        shorter=total(sum(one.judged.why != NULL_TOO and one.n_networks > 0 and not one.claim.undecided for one in left)),
        null_too=count(sum(one.judged.why == NULL_TOO for one in left)),
        kind=total(sum(one.verdict == "replicates" and one.judged.likely is False for one in once)),
        found=found,
    )


def show(scorecard: Scorecard) -> None:
    """Print the claims as Markdown, for the site and for print; for a cell with `#| output: asis`."""
    print(site(scorecard.found))
    print(print_tables(scorecard.found))


def grouped(found: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings by subject, in the order of the ledger; those of no subject come last, under "Other"."""
    subject_of = {claim.id: subject for subject, claims in ledger.SUBJECTS.items() for claim in claims}
    groups: dict[str, list[Finding]] = {subject: [] for subject in [*ledger.SUBJECTS, "Other"]}
    for one in found:
        groups[subject_of.get(one.claim.id, "Other")].append(one)
    return {subject: ones for subject, ones in groups.items() if ones}


def own_weights(scorecard: Scorecard) -> None:
    """Print the claims that a public checkpoint of their authors settles, published, on it and ours; for a cell with
    `#| output: asis`."""
    theirs = released.values()
    parts = ["::: {.scorecard .own-weights .column-page}"]
    for file in released.FILES:
        lines = [
            {
                "claim": one.claim.statement,
                "published": one.claim.published_text,
                "their checkpoint": one.claim.with_unit(one.claim.form(theirs[one.claim.id][1])),
                "ours": one.ours_text,
            }
            for one in scorecard.found
            if one.claim.id in theirs and theirs[one.claim.id][0] is file
        ]
        start = f"<details><summary><span>{file.file}</span> {len(lines)} claims</summary>"
        about = f"`{file.file}` of `{file.repository}`, sha256 {file.sha256[:12]}\n"
        parts += [_raw_html(start), about, tables.markdown(lines, widths=(46, 16, 18, 20)), _raw_html("</details>")]
    print("\n".join([*parts, ":::", ""]))


def verdict_text(found: Finding) -> str:
    """A verdict with its sign, as a Markdown span that the site's style can colour, and what there is to say of it."""
    text = f"[{MARKS[found.verdict]}]{{.mark-{CLASSES[found.verdict]}}} [{found.verdict}]{{.verdict}}"
    rule, notes = rule_text(found.claim), notes_text(found)
    return text + (f": {notes}" if notes else "") + (f" [{rule}]{{.rule}}" if rule else "")


def notes_text(found: Finding) -> str:
    """What there is to say of a verdict: why it is open, or what it rests on."""
    alone = found.verdict == "replicates" and found.judged.likely is False
    notes = (found.judged.why, "by the tolerance alone" if alone else "", "counted once" if found.claim.repeats else "")
    return "; ".join(note for note in notes if note)


def said(claim: Claim) -> str:
    """A claim and its source in Markdown."""
    return re.sub(r"(?<=[ (])-(?=[ \w])", "−", claim.statement) + f" [@{claim.source}, {claim.place}]"  # noqa: RUF001


def rule_text(claim: Claim) -> str:
    """What a claim is judged by: the tolerance, and the values for which its statement is true."""
    low, high, form = claim.holds.low, claim.holds.high, claim.form
    parts = []
    if claim.tolerance is not None and claim.tolerance.amount:
        parts.append(claim.tolerance.text if claim.tolerance.kind == "factor" else f"± {form(claim.tolerance.amount)}")
    if claim.scale == "hits":
        pass  # it is true where it happens
    elif math.isfinite(low) and math.isfinite(high):
        parts.append(f"true from {form(low)} to {form(high)}" if low < high else "true if exact")
    elif math.isfinite(low) or math.isfinite(high):
        parts.append(f"true from {form(low)}" if math.isfinite(low) else f"true up to {form(high)}")
    return "; ".join(parts)


def row(found: Finding) -> dict[str, str]:
    """One line of the site's table."""
    claim = found.claim
    return {
        "claim": said(claim),
        "published": claim.published_text,
        "ours": found.ours_text,
        "n": found.n_text,
        "null": found.null_text,
        "verdict": verdict_text(found),
        "see": claim.evidence or tables.MISSING,
    }


def site(found: Sequence[Finding]) -> str:
    """The whole scorecard as Markdown, a folded table for each subject, in a block that is shown on the site only."""
    package = resources.files("modaddlab.claims")
    script, style = (package.joinpath(f"scorecard.{kind}").read_text("utf-8") for kind in ("js", "css"))
    parts = ['::: {.content-visible when-format="html"}', _raw_html(f"<style>\n{style}</style>"), "::: {.scorecard .column-page}"]
    for subject, ones in grouped(found).items():
        marks = "".join(
            f'<span class="mark-{CLASSES[verdict]}" title="{verdict}">{MARKS[verdict]} {n}</span>'
            for verdict, n in counts(ones).items()
            if n
        )
        start = f"<details><summary><span>{html.escape(subject)}</span> {marks}</summary>"
        parts += [_raw_html(start), tables.markdown([row(one) for one in ones], widths=_WIDTHS), _raw_html("</details>")]
    return "\n".join([*parts, ":::", _raw_html(f"<script>\n{script}</script>"), ":::", ""])


def print_tables(found: Sequence[Finding]) -> str:
    """The scorecard as Markdown for print: a table for each subject."""
    parts = ['::: {.content-visible when-format="typst"}']
    for subject, ones in grouped(found).items():
        lines = [
            {
                "claim": said(one.claim) + (f" *{notes[:1].upper()}{notes[1:]}.*" if (notes := notes_text(one)) else ""),
                "published": one.claim.published_text,
                "ours": one.ours_text + (f"; null\u00a0{one.null_alone}" if one.null is not None else ""),
                "n": one.n_text,
                "verdict": f"{MARKS[one.verdict]} {one.verdict}",
            }
            for one in ones
        ]
        parts += [f"#### {subject}", "", tables.markdown(lines)]
    return "\n".join([*parts, ":::", ""])


def tolerances(found: Iterable[Finding]) -> list[dict[str, str]]:
    """The tolerances that are in use, with their reasons and how many claims they judge; rows of a table."""
    used = [one.claim.tolerance for one in found if one.claim.tolerance is not None]
    return [
        {
            "quantity": tolerance.of,
            "within": tolerance.text,
            "because": tolerance.reason,
            "since": tolerance.since,
            "claims": str(used.count(tolerance)),
        }
        for tolerance in dict.fromkeys(used)
    ]


def columns(found: Sequence[Finding]) -> dict[str, list[str | float]]:
    """The scorecard as columns for download: texts as shown, and the bare numbers beside them; NaN where there is none."""
    measured = [(one, one.measured) for one in found]
    subjects = {one.claim.id: subject for subject, ones in grouped(found).items() for one in ones}

    def of(name: str) -> list[str | float]:
        return [math.nan if numbers is None else getattr(numbers, name) for _, numbers in measured]

    theirs = released.values()
    more = [None if numbers is None else numbers.one_more for _, numbers in measured]
    return {
        "id": [one.claim.id for one in found],
        "subject": [subjects[one.claim.id] for one in found],
        "source": [one.claim.source for one in found],
        "place": [one.claim.place for one in found],
        "claim": [one.claim.statement for one in found],
        "published": [one.claim.published_text for one in found],
        "published steps": [one.claim.trained_for or math.nan for one in found],
        "ours": [one.ours_text for one in found],
        "mean": of("mean"),
        "low": of("low"),
        "high": of("high"),
        "one more: low": [math.nan if band is None else band.low for band in more],
        "one more: high": [math.nan if band is None else band.high for band in more],
        "networks": [one.n_networks for one in found],
        "rests on": [one.basis for one in found],
        "null": [math.nan if one.null is None else one.null for one in found],
        "null is": [one.claim.null_text for one in found],
        "true from": [one.claim.holds.low for one in found],
        "true to": [one.claim.holds.high for one in found],
        "tolerance": ["" if one.claim.tolerance is None else one.claim.tolerance.text for one in found],
        "verdict": [one.verdict for one in found],
        "why": [one.judged.why for one in found],
        "counted with": [one.claim.repeats for one in found],
        "their checkpoint": [theirs[one.claim.id][1] if one.claim.id in theirs else math.nan for one in found],
        "their file's sha256": [theirs[one.claim.id][0].sha256 if one.claim.id in theirs else "" for one in found],
    }


def _raw_html(text: str) -> str:
    return f"```{{=html}}\n{text}\n```"
