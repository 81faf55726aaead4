"""Cells and their outputs as Markdown, so that pandoc reads a chapter as one document.

A figure becomes a Div whose identifier is the cell's label and whose last paragraph is the caption - the form that an
author writes by hand around a cell with light and dark renderings. So figures and tables take one way through the
renderer, whoever wrote them. The images themselves are handed to `save`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from .errors import BookError, Place
from .execute import Executed
from .project import Book, Chapter, lookup
from .qmd import Cell, Source, Text

IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}

Save = Callable[[str, bytes], str]
"""Stores an image under a name and returns the address to write into the page."""


@dataclass(frozen=True)
class _Scope:
    """What a cell's options are looked up in, and where its images go."""

    source: Source
    tables: list[Mapping[str, Any]]
    save: Save

    def option(self, cell: Cell, key: str, default: Any = None) -> Any:
        return lookup([cell.options, *self.tables], key, default)


def chapter_markdown(book: Book, chapter: Chapter, source: Source, executed: Executed, save: Save) -> str:
    """The chapter with every cell replaced by what it shows.

    Cells that were not executed leave their label behind, so that references to them resolve.
    """
    tables = [source.meta, book.folder_options.get(chapter.path.parent, {}), book.format("html"), book.options]
    scope = _Scope(source, tables, save)
    outputs = iter(executed.outputs)
    blocks = []
    for part in source.parts:
        if isinstance(part, Text):
            blocks.append(part.text)
        else:
            blocks.append("\n" + "\n\n".join(_cell(part, next(outputs), scope)) + "\n")
    return "\n".join(blocks)


def _cell(cell: Cell, outputs: list[NotebookNode] | None, scope: _Scope) -> Iterator[str]:
    place = Place(scope.source.path, cell.line)
    if not scope.option(cell, "include", True):
        return
    echo = scope.option(cell, "echo", True)
    if echo not in (True, False):
        raise BookError(place, f"`echo` must be true or false, found `{echo}`")
    if echo and cell.code:
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
        pieces = [_div(pieces, f'layout-ncol="{int(columns)}"')]
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
            if output.name == "stdout":
                yield output.text if asis else _fenced(output.text.rstrip("\n"), ".cell-output")
            elif scope.option(cell, "warning", True):
                yield _fenced(output.text.rstrip("\n"), ".cell-output .cell-warning")
            continue
        data = output.data
        media = next((media for media in IMAGES if media in data), None)
        if media:
            images += 1
            name = f"{cell.label or f'cell-{cell.line}'}-{images}.{IMAGES[media]}"
            address = scope.save(name, _image_bytes(media, data[media]))
            alt = _nth(cell.options.get("fig-alt"), images - 1)
            yield f"![]({address}){{alt={_quoted(alt)}}}" if alt else f"![]({address})"
        elif "text/markdown" in data:
            yield _joined(data["text/markdown"])
        elif "text/html" in data:
            yield f"```{{=html}}\n{_joined(data['text/html'])}\n```"
        elif "text/plain" in data:
            yield _fenced(_joined(data["text/plain"]), ".cell-output")
        else:
            raise BookError(place, f"the renderer cannot show an output of type {', '.join(data)}")


def _renderings(cell: Cell, pieces: list[str], place: Place) -> list[str]:
    names = cell.options["renderings"]
    if names != ["light", "dark"]:
        raise BookError(place, f"`renderings` must be [light, dark], found {names}")
    if len(pieces) != 2:
        raise BookError(place, f"a cell with two renderings must show two outputs, light then dark; it showed {len(pieces)}")
    return [_div([piece], f".{name}-content") for name, piece in zip(names, pieces, strict=True)]


def _subfigures(cell: Cell, pieces: list[str], place: Place) -> list[str]:
    captions = cell.options["fig-subcap"]
    if not isinstance(captions, list) or len(captions) != len(pieces):
        raise BookError(place, f"`fig-subcap` must be a list with a caption for each of the {len(pieces)} outputs")
    if not (cell.label or "").startswith("fig-"):
        raise BookError(place, "`fig-subcap` needs a label that starts with `fig-`")
    pairs = enumerate(zip(pieces, captions, strict=True), start=1)
    return [_div([piece, caption], f"#{cell.label}-{number}") for number, (piece, caption) in pairs]


def _nth(value: Any, index: int) -> str | None:
    if isinstance(value, list):
        return str(value[index]) if index < len(value) else None
    return None if value is None else str(value)


def _image_bytes(media: str, data: Any) -> bytes:
    text = _joined(data)
    return text.encode() if media == "image/svg+xml" else base64.b64decode(text)


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
