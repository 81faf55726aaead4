"""Cells and their outputs as Markdown, so that pandoc reads a chapter as one document.

A figure becomes a Div whose identifier is the cell's label and whose last paragraph is the caption - the form that an
author writes by hand around a cell with light and dark renderings. So figures and tables take one way through the
renderer, whoever wrote them. The images themselves are handed to `save`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from nbformat import NotebookNode

from .errors import BookError, Place
from .execute import Executed
from .project import Book
from .qmd import Cell, Source, Text, refuse_heavy

IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
SHOWN = (*IMAGES, "text/markdown", "text/html", "text/latex", "text/plain")
"""The types that a page can show; the first that an output has is shown."""

LARGEST = 5_000_000
"""Characters of one output; the largest of the book, the film of a run, has a fifth of them."""

_CONTROL = re.compile(r"\x1b\[[\d;]*\w?|[\x00-\x08\x0b-\x1f\x7f]")

Save = Callable[[str, bytes], str]
"""Stores an image under a name and returns the address to write into the page."""


@dataclass(frozen=True)
class _Scope:
    """What a cell's options are looked up in, and where its images go."""

    book: Book
    source: Source
    save: Save

    def option(self, cell: Cell, key: str, default: Any = None) -> Any:
        return cell.options[key] if key in cell.options else self.book.option(key, self.source, default=default)


def chapter_markdown(book: Book, source: Source, executed: Executed, save: Save) -> tuple[str, Source]:
    """The chapter with every cell replaced by what it shows, and its source, which now knows what cells have written.

    Cells that were not executed leave their label behind, so that references to them resolve.
    """
    scope = _Scope(book, source, save)
    outputs = iter(executed.outputs)
    written = [
        (part, part.text if isinstance(part, Text) else "\n" + "\n\n".join(_cell(part, next(outputs), scope)) + "\n")
        for part in source.parts
    ]
    return "\n".join(text for _, text in written), replace(source, written=written)


def _cell(cell: Cell, outputs: list[NotebookNode] | None, scope: _Scope) -> Iterator[str]:
    place = Place(scope.source.path, cell.line)
    if not scope.option(cell, "include", True):
        return
    if scope.option(cell, "echo", True) and cell.code:
        attributes = ".python .cell-code"
        if fold := scope.option(cell, "code-fold"):
            attributes += f' fold="{"open" if fold == "show" else "closed"}"'
            attributes += f" summary={_quoted(str(scope.option(cell, 'code-summary', 'Code')))}"
        if cell.options.get("echo"):
            attributes += " .always"
        yield _fenced(cell.code, attributes)
    shown = scope.option(cell, "output", True)
    if not shown:
        return
    pieces = list(_outputs(cell, outputs or [], scope, asis=shown == "asis"))
    label = cell.label or ""
    kind = label.split("-")[0]
    caption = cell.options.get("tbl-cap" if kind == "tbl" else "fig-cap")
    executed = outputs is not None
    if "renderings" in cell.options and executed:
        if kind == "fig":
            raise BookError(place, "`renderings` and a `fig-` label exclude each other; put the cell in `::: {#fig-...}`")
        pieces = _renderings(cell, pieces, place)
    if cell.options.get("fig-subcap") is not None and executed:
        pieces = _subfigures(cell, pieces, place)
    if columns := cell.options.get("layout-ncol"):
        pieces = [_div(pieces, f'layout-ncol="{columns}"')]
    if kind in ("fig", "tbl"):
        if not caption:
            raise BookError(place, f"`{label}` needs a caption; give the cell `{kind}-cap`")
        pieces = [_div([*pieces, str(caption)], f"#{label}")]
    elif caption and pieces:
        pieces = [_div([*pieces, str(caption)], ".figure-without-number")]
    if column := cell.options.get("column"):
        pieces = [_div(pieces, f".column-{column}")]
    yield from pieces


def _outputs(cell: Cell, outputs: Iterable[NotebookNode], scope: _Scope, asis: bool) -> Iterator[str]:
    place = Place(scope.source.path, cell.line)
    images = 0
    for output in outputs:
        if output.output_type == "stream":
            text = _printed(output.text, place)
            if output.name == "stdout":
                yield _prose(text, place) if asis else _fenced(text.rstrip("\n"), ".cell-output")
            elif scope.option(cell, "warning", True):
                yield _fenced(text.rstrip("\n"), ".cell-output .cell-warning")
            continue
        media = next((media for media in SHOWN if media in output.data), None)
        if media is None or (media == "text/plain" and len(output.data) > 1):
            kinds = ", ".join(sorted(set(output.data) - {"text/plain"}))
            raise BookError(place, f"the renderer cannot show an output of type {kinds}; show a drawing, Markdown or text")
        text = _joined(output.data[media])
        _refuse_large(len(text), place)
        if media in IMAGES:
            images += 1
            name = f"{cell.label or f'cell-{cell.line}'}-{images}.{IMAGES[media]}"
            address = scope.save(name, text.encode() if media == "image/svg+xml" else base64.b64decode(text))
            alt = _nth(cell.options.get("fig-alt"), images - 1)
            yield f"![]({address}){{alt={_quoted(alt)}}}" if alt else f"![]({address})"
        elif media == "text/html":
            if "typst" in scope.book.options.get("format", {}):
                raise BookError(place, "this HTML would be missing in the PDF; show Markdown, or print a block ```{=html}")
            yield f"```{{=html}}\n{text}\n```"
        elif media == "text/plain":
            yield _fenced(_printed(text, place), ".cell-output")
        elif media == "text/latex" and not text.lstrip().startswith("$"):
            raise BookError(place, "LaTeX that is no formula cannot be shown; show a formula, `display(Math(...))`")
        else:
            yield _prose(text.replace("$\\displaystyle ", "$") if media == "text/latex" else text, place)


def _printed(text: str, place: Place) -> str:
    """A printed text as a terminal leaves it: a line that was written over is gone."""
    _refuse_large(len(text), place)
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    if code := _CONTROL.search(text):
        raise BookError(place, f"the cell prints codes for a terminal ({code[0]!a}), which a page cannot show; print plain text")
    return text


def _prose(text: str, place: Place) -> str:
    refuse_heavy(text, place, first_line_only=True)
    return text


def _refuse_large(size: int, place: Place) -> None:
    if size > LARGEST:
        raise BookError(place, f"the cell shows {size:,} characters at once; {LARGEST:,} are allowed, write the rest to a file")


def _renderings(cell: Cell, pieces: list[str], place: Place) -> list[str]:
    names = cell.options["renderings"]
    if len(pieces) != 2:
        raise BookError(place, f"a cell with two renderings must show two outputs, light then dark; it showed {len(pieces)}")
    return [_div([piece], f".{name}-content") for name, piece in zip(names, pieces, strict=True)]


def _subfigures(cell: Cell, pieces: list[str], place: Place) -> list[str]:
    captions = cell.options["fig-subcap"]
    if len(captions) != len(pieces):
        raise BookError(place, f"`fig-subcap` must be a list with a caption for each of the {len(pieces)} outputs")
    if not (cell.label or "").startswith("fig-"):
        raise BookError(place, "`fig-subcap` needs a label that starts with `fig-`")
    pairs = enumerate(zip(pieces, captions, strict=True), start=1)
    return [_div([piece, caption], f"#{cell.label}-{number}") for number, (piece, caption) in pairs]


def _nth(value: Any, index: int) -> str | None:
    if isinstance(value, list):
        return str(value[index]) if index < len(value) else None
    return None if value is None else str(value)


def _joined(data: Any) -> str:
    return "".join(data) if isinstance(data, list) else str(data)


def _fenced(text: str, attributes: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{{{attributes}}}\n{text}\n{fence}"


def _div(pieces: list[str], attributes: str) -> str:
    colons = ":::"
    body = "\n\n".join(pieces)
    while colons in body:
        colons += ":"
    return f"{colons} {{{attributes}}}\n{body}\n\n{colons}"


def _quoted(text: str) -> str:
    """An attribute value as pandoc's Markdown wants it: on one line, in quotes."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
