"""Calls pandoc, the one that comes with the `pypandoc_binary` wheel; documents are panflute trees."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import panflute as pf
import pypandoc

from .errors import BookError, Place
from .qmd import Source

pf.elements.RAW_FORMATS.add("typst")  # panflute's list of raw formats is older than pandoc's Typst writer

READ = "markdown"
"""The dialect that Quarto reads chapters in."""

PATIENCE = 120
"""Seconds for one call; a chapter takes about one."""

DEEPEST = 200
"""Levels of a document's JSON, four for a list in a list; Python's own recursion ends at about 800."""

OPERATORS = Path(__file__).parent / "theme" / "operators.lua"
"""Sets the spaces around the names of functions in formulas."""

_FORMULA = re.compile(r"\[WARNING\] Could not convert TeX math (.*?), rendering as TeX:\n(.*?)(?=\n\[|\Z)", re.DOTALL)


@cache
def binary() -> str:
    """The path of the pandoc that its Python package ships."""
    return pypandoc.get_pandoc_path()


def run(text: str, *arguments: str, cwd: Path | None = None) -> tuple[str, str]:
    """Convert a text; returns the result and pandoc's warnings.

    Raises:
        BookError: pandoc ended with an error, or does not end.
    """
    command = [binary(), *arguments]
    try:
        done = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", cwd=cwd, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise BookError(None, f"pandoc was given {len(text):,} characters and was not done in {PATIENCE} s") from None
    if done.returncode:
        raise BookError(None, f"pandoc {' '.join(arguments)} failed: {' '.join(done.stderr.split())}")
    return done.stdout, done.stderr


def read(markdown: str, source: Source, filters: Sequence[Path] = (), folder: Path | None = None) -> pf.Doc:
    """Parse a chapter's Markdown; a warning of pandoc's is an error of the chapter.

    Args:
        markdown: the chapter.
        source: where it comes from, for messages.
        filters: Lua filters that the document goes through.
        folder: the folder of the page, in which they run.
    """
    arguments = [f"--lua-filter={path}" for path in filters] + [f"--metadata=chapter-path:{source.path.as_posix()}"]
    try:
        text, warnings = run(markdown, "--from", READ, "--to", "json", *arguments, cwd=folder)
    except BookError as error:
        raise BookError(Place(source.path), str(error)) from None
    if warnings:
        warning = " ".join(warnings.split("[WARNING] ")[1].split())
        name, line = re.search(r"identifier '(.+?)'", warning), re.search(r" at line (\d+) column \d+", warning)
        place = source.place(f"#{name[1]}", last=True) if name else source.place_of_line(int(line[1]) if line else 0)
        raise BookError(place, f"pandoc warns: {re.sub(r' at line [0-9]+ column [0-9]+', '', warning)}")
    if _depth(text) > DEEPEST:
        raise BookError(Place(source.path), "lists or blocks are nested dozens deep; take some levels away")
    return load(text)


def _depth(text: str) -> int:
    """How deep the brackets of a JSON text go."""
    depth = deepest = 0
    for mark in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        if mark[0] != '"':
            depth += 1 if mark in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


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


def write(blocks: Sequence[pf.Block], to: str, source: Source) -> str:
    """A chapter's blocks in another format, `html5` or `typst`.

    Raises:
        BookError: a formula that cannot be set.
    """
    arguments = ["--from", "json", "--to", to, "--wrap=preserve", "--mathml", f"--lua-filter={OPERATORS}"]
    text, warnings = run(dump(pf.Doc(*blocks)), *arguments)
    if found := _FORMULA.search(warnings):
        lines = [line.strip() for line in found[1].split("\n")]
        reason = next((line.strip() for line in found[2].split("\n") if "unexpected" in line), "it is not understood")
        message = f"the formula `{' '.join(lines).strip()}` cannot be set: {reason}"
        raise BookError(source.place(max(lines, key=len)), message)
    return text


def cite(doc: pf.Doc, bibliography: Sequence[Path], csl: Path | None = None) -> tuple[pf.Doc, list[str]]:
    """Resolve citations with citeproc; returns the document and the keys that are in no bibliography."""
    arguments = ["--from", "json", "--to", "json", "--citeproc", "--metadata", "link-citations=true"]
    arguments += [f"--bibliography={path}" for path in bibliography]
    arguments += [f"--csl={csl}"] if csl else []
    text, warnings = run(dump(doc), *arguments)
    return load(text), re.findall(r"citation (\S+) not found", warnings)


def elements(root: Any) -> list[Any]:
    """Every element of a tree, inner ones first, itself last; to look at, not to change (panflute's own walk writes all anew)."""
    found: list[Any] = []

    def visit(element: Any) -> None:
        for name in element._children:
            child = getattr(element, name)
            if isinstance(child, pf.ListContainer):
                for item in child.list:
                    item.parent = element
                    visit(item)
            elif isinstance(child, pf.Element):
                visit(child)
        found.append(element)

    visit(root)
    return found


def walk(doc: pf.Doc, action: Callable[[Any, pf.Doc], Any]) -> pf.Doc:
    """Apply an action to every element, inner ones first; it returns None, an element, or a list in its place."""
    changed = doc.walk(action)
    assert isinstance(changed, pf.Doc)
    return changed
