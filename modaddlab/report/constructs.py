"""Quarto's Markdown constructs: which ones this book may use, and what their parts are.

Callouts, tabsets, columns and blocks for one format only are Divs with classes that Quarto gives a meaning to. This
module takes them apart; `pages` and `pdf` put them together again in their format. A class or attribute of Quarto's that
is not among them is refused; any other class is the author's own and passes through to the site's style sheet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import panflute as pf

from .errors import BookError, Place
from .project import line_of
from .qmd import Source

CALLOUTS = {"note": "Note", "tip": "Tip", "warning": "Warning", "important": "Important", "caution": "Caution"}
FORMATS = {"html": {"html", "html:js"}, "typst": {"typst", "pdf"}}
"""The names that `when-format` may give for each of our two formats."""

OTHER_LABELS = frozenset(
    ("alg", "cau", "cnj", "cor", "def", "exm", "exr", "imp", "lem", "lst", "nte", "prp", "rem", "sol", "thm", "tip", "wrn")
)
"""What Quarto's other labels begin with; the book has figures, tables, equations and sections only."""

_KNOWN_CLASSES = {f"callout-{kind}" for kind in CALLOUTS} | {
    "column-body", "column-body-outset", "column-margin", "column-page", "column-screen", "content-hidden", "content-visible",
    "dark-content", "light-content", "panel-tabset",
}  # fmt: skip
_QUARTO_CLASS = re.compile(r"(callout|panel|column|content|aside|fragment|incremental|g-col|theorem|proof|layout)(-|\Z)")
_KNOWN_CONDITIONS = {"when-format", "unless-format"}
_CALLOUT_ATTRIBUTES = {"title", "collapse", "icon", "appearance"}


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


def refuse_unknown(document: pf.Doc, source: Source) -> None:
    """Check that a chapter uses known constructs only.

    Raises:
        BookError: the first that is not, with its line.
    """

    def refuse(needle: str, message: str) -> None:
        raise BookError(Place(source.path, line_of(source.text, needle)), message)

    def action(element: Any, _: pf.Doc) -> None:
        if isinstance(element, pf.Div | pf.Span):
            for name in element.classes:
                if _QUARTO_CLASS.match(name) and name not in _KNOWN_CLASSES:
                    refuse(name, f"the built-in renderer does not know `.{name}`; it knows {', '.join(sorted(_KNOWN_CLASSES))}")
            for name in element.attributes:
                if name.startswith(("when-", "unless-")) and name not in _KNOWN_CONDITIONS:
                    refuse(name, f"a block can depend on its format only, found `{name}`")
                if name.startswith("layout") and name != "layout-ncol":
                    refuse(name, f"columns are given by `layout-ncol`, found `{name}`")
            if any(name.startswith("callout-") for name in element.classes):
                for name in set(element.attributes) - _CALLOUT_ATTRIBUTES:
                    refuse(name, f"a callout has no `{name}`; it has {', '.join(sorted(_CALLOUT_ATTRIBUTES))}")
            condition = element.attributes.get("when-format") or element.attributes.get("unless-format")
            if condition and not any(condition in names for names in FORMATS.values()):
                refuse(condition, f"the formats are html and typst (or pdf), found `{condition}`")
        if "-" in (label := getattr(element, "identifier", "")) and label.split("-")[0] in OTHER_LABELS:
            refuse(element.identifier, f"labels begin with fig-, tbl-, eq- or sec-, found `{element.identifier}`")
        if isinstance(element, pf.RawBlock | pf.RawInline) and element.format not in ("html", "typst"):
            refuse(element.format, f"raw blocks may be html or typst, found {element.format}")

    document.walk(action)


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
