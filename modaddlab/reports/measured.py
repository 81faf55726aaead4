"""A network's report as text and drawings: measured once, kept by content, and the same values of the networks beside it."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from modaddlab import figures, source, tables
from modaddlab.errors import LabError
from modaddlab.findings.value import COUNT, TOTAL, Value, spelled
from modaddlab.reports.beside import FINDINGS, TELL, name_of
from modaddlab.reports.criteria import criteria, expectation
from modaddlab.reports.section import Section, lacks, seen
from modaddlab.reports.sections import SECTIONS
from modaddlab.reports.strips import strip
from modaddlab.store import derived
from modaddlab.study import Study

LEFT_OUT = "What does not apply, and why"
"""The last heading."""

JUDGED, ASKED = "Four criteria of success", "What the book's laws ask for"

TITLES = ("What it is", JUDGED, ASKED, *(section.title for section in SECTIONS), LEFT_OUT)
"""All headings in order, some of them more than once."""

RENAMED = "*In logarithms, without zero.*"
"""Stands before what is told of a network that multiplies or divides as of one that adds or subtracts."""

Beside = Mapping[str, list[float]]
"""A value's name -> what the networks have that this one is held against."""


@dataclass(frozen=True)
class Measured:
    """A network's report.

    Attributes:
        parts: heading -> Markdown, in order; images are named as in `drawings`.
        drawings: file name -> theme -> SVG.
    """

    parts: dict[str, str]
    drawings: dict[str, dict[str, str]]


def is_renamed(study: Study) -> bool:
    """Whether some of its report is told in logarithms."""
    return any(lacks(study, find) is None and seen(study, find) is not study for find in FINDINGS.values())


def of(study: Study, beside: Beside) -> Measured:
    """The report of a network, beside others; a minute at the mainline's size, and kept until the package changes."""
    import matplotlib

    kept = derived.remember(
        study.record.digest,
        "reports.measured.measure",
        {"beside": dict(beside), "matplotlib": matplotlib.__version__},
        lambda: measure(study, beside),
        version=source.IMPORTED.whole,
    )
    content = json.loads(kept["content"].tobytes())
    return Measured(content["parts"], content["drawings"])


def measure(study: Study, beside: Beside) -> dict[str, np.ndarray]:
    """The content of `Measured` as JSON's bytes; arguments as of `of`."""
    writer = _Writer(study, beside)
    writer.write()
    content = {"parts": {title: "\n\n".join(blocks) for title, blocks in writer.parts.items()}, "drawings": writer.drawings}
    return {"content": np.frombuffer(json.dumps(content).encode(), np.uint8)}


def _asking(study: Study) -> Callable[[Callable[[Study], Any]], Any]:
    """Asks each finding once; gives the error of one that refuses."""
    known: dict[str, Any] = {}

    def ask(find: Callable[[Study], Any]) -> Any:
        name = f"{find.__module__}.{find.__qualname__}"
        if name not in known:
            TELL.get()(f"{study.record.run_id}: {name.removeprefix('modaddlab.')}")
            try:
                known[name] = find(seen(study, find))
            except LabError as error:
                known[name] = error
        return known[name]

    return ask


def figure(study: Study, name: str) -> Figure:
    """One figure of a network's report; see `Study.figure`."""
    chosen = [(section, drawing) for section in SECTIONS for drawing in section.draws if drawing.name == name]
    if not chosen:
        names = list(dict.fromkeys(drawing.name for section in SECTIONS for drawing in section.draws))
        near = difflib.get_close_matches(name, names, n=1)
        raise LabError(f"no figure is called {name!r};{f' did you mean {near[0]}?' if near else ''} there are {', '.join(names)}")
    ask, reasons = _asking(study), []
    for section, drawing in chosen:
        found, reason = _found(study, section, ask)
        if reason is None:
            if call := drawing.call(found, _null(section, ask), seen(study, section.find)):
                function, arguments, options = call
                return function(*arguments, **options)
            reason = "there is nothing to draw"
        reasons.append(reason[0].lower() + reason[1:])
    raise LabError(f"{study.record.run_id} has no figure {name!r}: {reasons[-1]}")


def _null(section: Section, ask: Callable[[Callable[[Study], Any]], Any]) -> Any:
    """The finding where its cause is absent; None where there is none."""
    null = None if section.null is None else ask(section.null)
    return None if isinstance(null, LabError) else null


def _found(study: Study, section: Section, ask: Callable[[Callable[[Study], Any]], Any]) -> tuple[Any, str | None]:
    """A section's finding, or why there is none: the first thing that it asks for in vain."""
    unmet = lacks(study, section.find, *section.needs)
    found = None if unmet else ask(section.find)
    return found, f"Needs {unmet}" if unmet else str(found) if isinstance(found, LabError) else None


class _Writer:
    """Writes a report section by section.

    Args:
        study, beside: as of `measure`.
    """

    def __init__(self, study: Study, beside: Beside) -> None:
        self.study, self.beside, self.ask = study, beside, _asking(study)
        self.parts: dict[str, list[str]] = {}
        self.drawings: dict[str, dict[str, str]] = {}

    def write(self) -> None:
        judged = [f"- **{verdict}:** {sentence}" for verdict, sentence in criteria(self.study, self.ask)]
        self.parts[JUDGED] = ["\n".join(judged)]
        if wanted := expectation(self.study):
            self.parts[ASKED] = wanted
        refused: dict[str, dict[str, dict[str, None]]] = {}
        for section in SECTIONS:
            found, reason = _found(self.study, section, self.ask)
            if reason:
                name = f"{section.find.__module__.removeprefix('modaddlab.')}.{section.find.__name__}"
                refused.setdefault(reason, {}).setdefault(section.title, {}).setdefault(f"`{name}`")
                continue
            null, network = _null(section, self.ask), seen(self.study, section.find)
            blocks = self.parts.setdefault(section.title, [])
            if network is not self.study and RENAMED not in blocks:
                blocks.append(RENAMED)
            said = "\n".join(self._sentences(section, found, null, network))
            blocks += [block for block in (section.opening if said else "", said) if block]
            blocks += list(self._figures(section, found, null, network))
        self.parts = {title: blocks for title, blocks in self.parts.items() if blocks not in ([], [RENAMED])}
        if refused:
            lines = []
            for reason, sections in refused.items():
                named = [f"{title} ({', '.join(names)})" for title, names in sections.items()]
                lines.append(f"- {reason}: {tables.listing(named)}.")
            self.parts[LEFT_OUT] = ["\n".join(lines)]

    def _sentences(self, section: Section, found: Any, null: Any, network: Study) -> Iterator[str]:
        for path, words in section.says.items():
            value: Value = functools.reduce(getattr, path.split("."), found)
            if value.kind is COUNT:  # which is in words where a sentence has it; here it stands behind a colon and in ranges
                value = dataclasses.replace(value, kind=TOTAL)
            if network.spec.task.n_train == network.spec.task.n_pairs:
                words = words.replace("the training pairs", "all pairs")
            if network.spec.task.operation == "subtract":
                words = words.replace("a + b", "a − b").replace("of the sum", "of the difference")  # noqa: RUF001 (a true minus sign)
            if value.value == "none":
                continue
            if isinstance(value.value, str):
                yield f"- {words.format(f'**{value}**')}"
            elif math.isfinite(value.value):
                absent = value.null
                if absent is None and null is not None:
                    absent = functools.reduce(getattr, path.split("."), null).value
                absent = None if absent is None or not math.isfinite(absent) else float(absent)
                place = self._placed(f"{name_of(section.find)}.{path}", value, absent)
                yield "\\\n  ".join([f"- {words.format(f'**{value}**')}", *([place] if place else [])])

    def _placed(self, name: str, value: Value, null: float | None) -> str:
        """The value's place among the other networks and beside its null, as a small picture and in a few words."""
        every = self.beside.get(name, [])
        seeds = [number for number in every if math.isfinite(number)]
        if not seeds and null is None:
            return ""
        least, most = (value.kind.form(end) for end in (min(seeds), max(seeds))) if seeds else ("", "")
        who = spelled(len(every)) if len(seeds) == len(every) else f"{spelled(len(seeds))} of {spelled(len(every))}"
        words = [f"{who} seed{'s' * (len(every) > 1)}: {least}" + (f" to {most}" if most != least else "")] if seeds else []
        words += [f"null: {value.kind.form(null)}"] if null is not None else []
        file = self._keep("strip", lambda theme: strip(theme, float(value.value), seeds, null, log=value.kind.scale == "log"))
        return f"![]({file}){{.strip}} [{'; '.join(words)}]{{.beside}}"

    def _figures(self, section: Section, found: Any, null: Any, network: Study) -> Iterator[str]:
        for drawing in section.draws:
            call = drawing.call(found, null, network)
            if call is not None:
                TELL.get()(f"{self.study.record.run_id}: {drawing.caption}")
                function, arguments, options = call
                file = self._keep("figure", lambda theme: figures.svg(theme, function, *arguments, **options))  # noqa: B023
                caption = re.sub(r"\[(.*)\]", "" if null is None else r"\1", drawing.caption)
                caption += "" if network is self.study else " In logarithms."
                yield f'![{caption}]({file}){{fig-alt="{drawing.alt}"}}'

    def _keep(self, kind: str, draw: Callable[[str], str]) -> str:
        file = f"{kind}-{len(self.drawings)}.svg"
        self.drawings[file] = {theme: draw(theme) for theme in ("light", "dark")}
        return file
