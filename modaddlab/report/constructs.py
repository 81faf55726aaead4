"""Quarto's Markdown constructs: which ones this book may use, and what their parts are.

Callouts, tabsets, columns and blocks for one format only are Divs with classes that Quarto gives a meaning to. This
module takes them apart; `pages` and `pdf` put them together again in their format. An attribute that `vocabulary` does not
list is refused, and so is a class that is neither here nor in the book's own style sheets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import panflute as pf
import yaml

from . import pandoc, vocabulary
from .errors import BookError
from .qmd import Source
from .styles import classes_of

CALLOUTS = {"note": "Note", "tip": "Tip", "warning": "Warning", "important": "Important", "caution": "Caution"}
FORMATS = {"html": {"html", "html:js"}, "typst": {"typst", "pdf"}}
"""The names that `when-format` may give for each of our two formats."""

OTHER_LABELS = frozenset(
    ("alg", "cau", "cnj", "cor", "def", "exm", "exr", "imp", "lem", "lst", "nte", "prp", "rem", "sol", "thm", "tip", "wrn")
)
"""What Quarto's other labels begin with; the book has figures, tables, equations and sections only."""

_CLASSES = {f"callout-{kind}" for kind in CALLOUTS} | {
    "column-body", "column-body-outset", "column-margin", "column-page", "column-screen", "content-hidden", "content-visible",
    "dark-content", "light-content", "panel-tabset", "figure-without-number",
}  # fmt: skip
_PANDOC_CLASSES = frozenset(("uri", "email", "mark", "smallcaps", "underline"))
_OWN_CODE = {"cell-code", "cell-output"}


@dataclass(frozen=True)
class Callout:
    """A callout's parts; `collapse` is None for one that does not fold, else whether it starts folded."""

    kind: str
    title: Sequence[Any]
    body: Sequence[Any]
    collapse: bool | None


@dataclass(frozen=True)
class Tab:
    """One tab of a tabset."""

    title: Sequence[Any]
    body: Sequence[Any]


def refuse_unknown(document: pf.Doc, source: Source, own: Collection[str] = ()) -> None:
    """Check that a chapter uses known constructs only.

    Args:
        document: the chapter.
        source: where it comes from, for messages.
        own: the classes that the book's style sheets have rules for.

    Raises:
        BookError: the first that is not, with its line.
    """
    identifiers: set[str] = set()

    def refuse(needle: str, message: str, last: bool = False) -> None:
        raise BookError(source.place(needle, last), message)

    own = {*own, *_styled(document)}
    for element in pandoc.elements(document):
        if isinstance(element, pf.RawBlock | pf.RawInline) and element.format not in ("html", "typst"):
            refuse(element.format, f"raw blocks may be html or typst, found {element.format}")
        if not (identifier := getattr(element, "identifier", "")) and not hasattr(element, "classes"):
            continue
        if identifier in identifiers:
            refuse(f"#{identifier}", f"the label `{identifier}` is used twice in this chapter", last=True)
        identifiers.update({identifier} - {""})
        if "-" in identifier and identifier.split("-")[0] in OTHER_LABELS:
            refuse(identifier, f"labels begin with fig-, tbl-, eq- or sec-, found `{identifier}`")
        _refuse_classes(element, own, refuse)
        _refuse_attributes(element, refuse)


def _styled(document: pf.Doc) -> set[str]:
    """The classes that a chapter's own `<style>` elements have rules for."""
    blocks = [element for element in pandoc.elements(document) if isinstance(element, pf.RawBlock)]
    return {name for block in blocks if "<style" in block.text for name in classes_of(block.text)}


def _refuse_classes(element: Any, own: Collection[str], refuse: Callable[[str, str], None]) -> None:
    if isinstance(element, pf.Header):
        known: Collection[str] = {"unnumbered"}
    elif isinstance(element, pf.Code | pf.CodeBlock):
        known = set(element.classes) if _OWN_CODE & set(element.classes) else {*element.classes[:1], *own} - {"numberLines"}
    else:
        known = {*_CLASSES, *_PANDOC_CLASSES, *own}
    for name in element.classes:
        if name not in known:
            more = "" if isinstance(element, pf.Header) else ", nor has a style sheet of the book a rule for it"
            refuse(name, f"the built-in renderer does not know `.{name}`; it knows {', '.join(sorted(_CLASSES))}{more}")


def _refuse_attributes(element: Any, refuse: Callable[[str, str], None]) -> None:
    if isinstance(element, pf.CodeBlock) and _OWN_CODE & set(element.classes):
        return
    kind = "callout" if isinstance(element, pf.Div) and callout_kind(element) else type(element).__name__
    table = vocabulary.ATTRIBUTES.get(kind, {})
    for name, value in element.attributes.items():
        problem = vocabulary.refusal(name, value, table, f"a {kind.lower()}")
        spelled = yaml.safe_load(value) if problem and re.fullmatch(r"\d+|true|false", value) else value
        if problem and (problem := vocabulary.refusal(name, spelled, table, f"a {kind.lower()}")):
            refuse(name, problem)


def is_titled(div: pf.Div) -> bool:
    """Whether the headings inside are titles of its parts and not sections of the chapter."""
    return "panel-tabset" in div.classes or callout_kind(div) is not None


def callout_kind(div: pf.Div) -> str | None:
    """The kind (note, tip, ...) of a callout, or None where the div is none."""
    return next((name.removeprefix("callout-") for name in div.classes if name.startswith("callout-")), None)


def callout(div: pf.Div) -> Callout:
    """Take a callout apart; its title is the attribute, else the first heading, else the kind's name."""
    kind = callout_kind(div) or "note"
    body = list(div.content)
    title: list[Any] = [pf.Str(CALLOUTS[kind])]
    if body and isinstance(body[0], pf.Header):
        title = list(body.pop(0).content)
    if "title" in div.attributes:
        title = [pf.Str(div.attributes["title"])]
    collapse = div.attributes.get("collapse")
    return Callout(kind, title, body, None if collapse is None else collapse == "true")


def tabs(div: pf.Div) -> list[Tab]:
    """The tabs of a tabset: each heading begins one."""
    found: list[tuple[list[Any], list[Any]]] = []
    for block in div.content:
        if isinstance(block, pf.Header):
            found.append((list(block.content), []))
        elif found:
            found[-1][1].append(block)
    return [Tab(title, body) for title, body in found]


def is_shown(element: pf.Div | pf.Span, to: str) -> bool:
    """Whether a block for one format only belongs into the format `to` (`html` or `typst`)."""
    condition = element.attributes.get("when-format")
    exception = element.attributes.get("unless-format")
    matches = (condition is None or condition in FORMATS[to]) and (exception is None or exception not in FORMATS[to])
    if "content-hidden" in element.classes:
        return not matches
    return matches if "content-visible" in element.classes else True


def is_conditional(element: Any) -> bool:
    """Whether the element is shown in some formats only."""
    return isinstance(element, pf.Div | pf.Span) and bool({"content-visible", "content-hidden"} & set(element.classes))


def columns(div: pf.Div) -> int | None:
    """How many columns the div's content is laid out in, or None."""
    value = div.attributes.get("layout-ncol")
    return int(value) if value else None
