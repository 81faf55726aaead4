"""Whether both engines executed the book to the same figures and numbers.

Quarto and the built-in renderer execute the same cells in kernels of their own. This module reads what each of them left
in its cache and compares it cell by cell: streams, Markdown, tables, and drawings byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jupyter_cache import get_cache
from nbformat import NotebookNode

from . import sentences
from .errors import BookError
from .execute import cached_only
from .executions import caches
from .project import Book, chapter_text
from .qmd import parse


def differences(book: Book) -> list[str]:
    """The cells whose outputs differ, as `chapter:line: what differs`.

    Raises:
        BookError: one of the engines has not rendered the book as it is now.
    """
    quarto = list(_quarto_notebooks(book))
    values = sentences.read(book.root)
    found = []
    for chapter in book.chapters:
        source = parse(sentences.substitute(chapter_text(book.root, chapter.path), values, chapter.path), chapter.path)
        ours = cached_only(book, source).outputs
        runnable = [(cell, outputs) for cell, outputs in zip(source.cells, ours, strict=True) if cell.options.get("eval", True)]
        if any(outputs is None for _, outputs in runnable):
            raise BookError(None, f"{chapter.path} has not been rendered by the built-in renderer as it is now")
        codes = [cell.code for cell in source.cells]
        theirs = next((cells for cells in quarto if [_code(cell) for cell in cells] == codes), None)
        if runnable and theirs is None:
            raise BookError(None, f"{chapter.path} has not been rendered by Quarto as it is now")
        for cell, outputs, executed in zip(source.cells, ours, theirs or [], strict=False):
            for what in _compare(outputs or [], executed.outputs):
                found.append(f"{chapter.path}:{cell.line}: {what}")
    return found


def _quarto_notebooks(book: Book) -> Iterator[list[NotebookNode]]:
    """The code cells of every notebook that Quarto executed from the present sources, without Quarto's own."""
    for folder in caches(book.root):
        cache = get_cache(str(folder))
        for record in cache.list_cache_records():
            yield cache.get_cache_bundle(int(record.pk)).nb.cells[1:]  # type: ignore[arg-type]


def _code(cell: NotebookNode) -> str:
    """A cell of Quarto's without its option lines, which Quarto writes anew."""
    lines = cell.source.splitlines()
    return "\n".join(line for line in lines if not line.startswith("#|")).strip("\n")


def _compare(ours: list[NotebookNode], theirs: list[NotebookNode]) -> Iterator[str]:
    one, other = [[_content(output) for output in _whole_streams(outputs)] for outputs in (ours, theirs)]
    if len(one) != len(other):
        yield f"{len(one)} outputs from the built-in renderer, {len(other)} from Quarto"
        return
    for number, (mine, yours) in enumerate(zip(one, other, strict=True), start=1):
        for media in sorted(set(mine) | set(yours)):
            if mine.get(media) != yours.get(media):
                yield f"output {number} differs ({media})"


def _whole_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs, with what a cell printed in one piece: into how many a kernel sends it is a matter of time."""
    whole: list[NotebookNode] = []
    for output in outputs:
        if whole and output.output_type == whole[-1].output_type == "stream" and output.name == whole[-1].name:
            whole[-1] = NotebookNode(whole[-1] | {"text": "".join([*whole[-1].text, *output.text])})
        else:
            whole.append(output)
    return whole


def _content(output: NotebookNode) -> dict[str, Any]:
    """What a reader sees of an output, by media type."""
    data = {output.name: output.text} if output.output_type == "stream" else output.get("data", {})
    return {media: "".join(value) if isinstance(value, list) else value for media, value in data.items()}
