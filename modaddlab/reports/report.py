"""The report of one network, or of two side by side, as an object: a notebook shows it, `save` writes it."""

from __future__ import annotations

import functools
import html
import os
from collections.abc import Callable
from pathlib import Path

from modaddlab import card
from modaddlab.analysis.characters import primitive_root
from modaddlab.errors import LabError
from modaddlab.reports import beside, measured, pages
from modaddlab.store.files import write_atomic
from modaddlab.study import Study

OPENINGS = {
    measured.JUDGED: "A published reproduction of grokking names four criteria. Each says what it asks for; a share must also be "
    "nearer to all than to its null.",
    measured.LEFT_OUT: "Some measurements are for other networks or ask for more than a record keeps.",
}
"""Sentences under a heading, above the networks."""

ABSENT, NOTHING = (
    f"Does not apply: see “{measured.LEFT_OUT}”.",
    {
        measured.LEFT_OUT: "Everything applies.",
        measured.ASKED: "Nothing: it has grokked, was not trained here, or has no test pairs.",
    },
)
"""What stands where one of two networks has nothing."""


class Report:
    """The standard report.

    Args:
        studies: one network, or two to be compared.
        against: the run beside whose seeds every number stands.
        tell: is told what is measured next.
    """

    def __init__(self, *studies: Study, against: str = "mainline", tell: Callable[[str], None] = lambda what: None) -> None:
        self.studies, self.against, self._tell = studies, against, tell

    def __repr__(self) -> str:
        return f"Report({', '.join(study.record.run_id for study in self.studies)}; save(path) writes it as .html or .pdf)"

    def _repr_html_(self) -> str:
        frame = "width: 100%; height: 85vh; border: 0"
        return f'<iframe sandbox title="{self.title}" style="{frame}" srcdoc="{html.escape(self.html)}"></iframe>'

    @property
    def title(self) -> str:
        """Which networks it is about."""
        return " and ".join(study.record.run_id for study in self.studies)

    @functools.cached_property
    def html(self) -> str:
        """One page that needs no other file."""
        return pages.page(self.markdown(columns=len(self.studies) > 1), self._drawings)

    @functools.cached_property
    def pdf(self) -> bytes:
        """The same for paper."""
        return pages.pdf(self.markdown(columns=False), self._drawings)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, as its ending says, .html or .pdf; an older report there is replaced.

        Raises:
            LabError: the ending is another one, something else is there, or the file cannot be written.
        """
        target = Path(path)
        check(target)
        write_atomic(target, self.pdf if target.suffix == ".pdf" else self.html.encode())
        return target

    @functools.cached_property
    def measured(self) -> list[measured.Measured]:
        """What is known of each network."""
        token = beside.TELL.set(self._tell)
        try:
            others = beside.of(self.against, self.studies)
            return [measured.of(study, others) for study in self.studies]
        finally:
            beside.TELL.reset(token)

    @property
    def _drawings(self) -> dict[str, dict[str, str]]:
        return {f"{n}-{name}": drawn for n, one in enumerate(self.measured) for name, drawn in one.drawings.items()}

    def markdown(self, columns: bool) -> str:
        """The whole text; the networks in columns, or one below the other."""
        each = [{"What it is": _facts(study)} | one.parts for study, one in zip(self.studies, self.measured, strict=True)]
        legend = (
            f"A number has {self._family()} beside it, where they have it: a line is a seed, the dot this network; the ring is "
            "the null, the same number where its cause is absent."
        )
        if any(study.spec.origin is not None for study in self.studies):
            legend += " Where the null is the weights that a network began with and nobody knows them, it has random ones."
        blocks = [f"# {self.title}", legend]
        for title in dict.fromkeys(title for title in measured.TITLES if any(title in parts for parts in each)):
            blocks += [f"## {title}", *([OPENINGS[title]] if title in OPENINGS else [])]
            texts = [_own_images(parts.get(title, NOTHING.get(title, ABSENT)), n) for n, parts in enumerate(each)]
            if len(texts) == 1:
                blocks += texts
                continue
            named = [f"**{study.record.run_id}**\n\n{text}" for study, text in zip(self.studies, texts, strict=True)]
            sides = "\n\n".join(f"::: {{.side}}\n{text}\n:::" for text in named)
            blocks.append(f":::: {{layout-ncol={len(named)}}}\n{sides}\n::::" if columns else "\n\n".join(named))
        return "\n\n".join(blocks) + "\n"

    def _family(self) -> str:
        return "the book's ten seeds of the mainline" if self.against == "mainline" else f"the seeds of {self.against}"


def check(target: Path) -> None:
    """Raise unless a report can be saved there.

    Raises:
        LabError: the ending is none of a report's, there is no such folder, it cannot be written, or something else is there.
    """
    if target.suffix not in (".html", ".pdf"):
        raise LabError(f"{target} must end with .html or .pdf, the two forms of a report")
    if not target.absolute().parent.is_dir():
        raise LabError(f"{target} lies in no folder; make it, or name another file")
    if not os.access(target.absolute().parent, os.W_OK):
        raise LabError(f"{target} lies in a folder that cannot be written; change its permissions, or name another file")
    if os.path.lexists(target) and not (target.is_file() and pages.is_ours(target.read_bytes())):
        raise LabError(f"{target} is there and is no report of ours, so that it is not written over; name another file")


def _own_images(text: str, n: int) -> str:
    return text.replace("](strip-", f"]({n}-strip-").replace("](figure-", f"]({n}-figure-")


def _facts(study: Study) -> str:
    rows = card.facts(study.record, study.phases)
    if measured.is_renamed(study):
        does = "adds" if study.spec.task.of_logarithms == "add" else "subtracts"
        rows["in logarithms"] = (
            f"to the base {primitive_root(study.p)} it {does} modulo {study.p - 1}. Where this is said below, a residue has the "
            "name of its logarithm, a, b and c are logarithms, and zero is left out, with its questions and as an answer"
        )
    if study.spec.model.n_layers > 1:
        rows["heads and neurons"] = "those of the last layer, in all that follows"
    return "\n".join(f"- {name[0].upper()}{name[1:]}: {text}." for name, text in rows.items())
