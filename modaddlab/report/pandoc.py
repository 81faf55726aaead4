"""Calls pandoc, the one that comes with the `pypandoc_binary` wheel; documents are panflute trees."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import panflute as pf
import pypandoc

from .errors import BookError, Place

pf.elements.RAW_FORMATS.add("typst")  # panflute's list of raw formats is older than pandoc's Typst writer

READ = "markdown"
"""The dialect that Quarto reads chapters in."""


@cache
def binary() -> str:
    """The path of the pandoc that its Python package ships."""
    return pypandoc.get_pandoc_path()


def run(text: str, *arguments: str, cwd: Path | None = None) -> tuple[str, list[str]]:
    """Convert a text; returns the result and pandoc's warnings.

    Raises:
        BookError: pandoc ended with an error.
    """
    done = subprocess.run([binary(), *arguments], input=text, capture_output=True, encoding="utf-8", cwd=cwd, check=False)
    if done.returncode:
        raise BookError(None, f"pandoc {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout, [line for line in done.stderr.splitlines() if line.startswith("[WARNING]")]


def read(markdown: str, place: Place, filters: Sequence[Path] = (), folder: Path | None = None) -> pf.Doc:
    """Parse a chapter's Markdown; a warning of pandoc's is an error of the chapter.

    Args:
        markdown: the chapter.
        place: the chapter's file, for messages.
        filters: Lua filters that the document goes through.
        folder: the folder of the page, in which they run.
    """
    text, warnings = run(markdown, "--from", READ, "--to", "json", *(f"--lua-filter={path}" for path in filters), cwd=folder)
    if warnings:
        raise BookError(place, f"pandoc warns: {warnings[0].removeprefix('[WARNING] ')}")
    return load(text)


def load(text: str) -> pf.Doc:
    """A document from pandoc's JSON."""
    return pf.load(io.StringIO(text))


def dump(doc: pf.Doc) -> str:
    """A document as pandoc's JSON."""
    stream = io.StringIO()
    pf.dump(doc, stream)
    return stream.getvalue()


def copy(doc: pf.Doc) -> pf.Doc:
    """An independent copy, for a format that changes the document (copy.deepcopy takes many times as long)."""
    return load(dump(doc))


def write(blocks: Sequence[pf.Block], to: str, *arguments: str) -> str:
    """Blocks in another format, such as `html5` or `typst`."""
    text, _ = run(dump(pf.Doc(*blocks)), "--from", "json", "--to", to, "--wrap=preserve", *arguments)
    return text


def cite(doc: pf.Doc, bibliography: Sequence[Path], csl: Path | None = None) -> tuple[pf.Doc, list[str]]:
    """Resolve citations with citeproc; returns the document and the keys that are in no bibliography."""
    arguments = ["--from", "json", "--to", "json", "--citeproc", "--metadata", "link-citations=true"]
    arguments += [f"--bibliography={path}" for path in bibliography]
    arguments += [f"--csl={csl}"] if csl else []
    text, warnings = run(dump(doc), *arguments)
    missing = [line.split("citation ")[1].split(" not found")[0] for line in warnings if "not found" in line]
    return load(text), missing


def walk(doc: pf.Doc, action: Callable[[Any, pf.Doc], Any]) -> pf.Doc:
    """Apply an action to every element, inner ones first; it returns None, an element, or a list in its place."""
    changed = doc.walk(action)
    assert isinstance(changed, pf.Doc)
    return changed
