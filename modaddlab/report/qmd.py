"""A chapter's source: front matter, Markdown and code cells, each with its line.

A `.qmd` file is pandoc Markdown in which fenced blocks marked `{python}` are cells. A cell's first lines may be options
(`#| label: fig-spectrum`), YAML behind the comment sign. Any other language, an option that `vocabulary` does not list, or a
shortcode is refused with file and line, because a construct that is passed over silently is missing from
the page without anyone noticing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BookError, Place
from .project import line_of
from .vocabulary import CELL, CHAPTER, read_yaml

_FENCE = re.compile(r"(?P<indent>[ >]*)(?P<fence>`{3,}|~{3,})\s*(?P<info>.*?)\s*\Z")
_OTHER_CELL = re.compile(r"\{\s*([a-zA-Z][\w-]*)[^}]*\}\Z")
_INLINE_CODE = re.compile(r"(`+)(.+?)\1")
_HTML_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9-]*(\s[^<>]*)?/?>")
_ANNOTATION = re.compile(r"(#|//|--|%)\s*<\d+>\s*$")
_VERBATIM = re.compile(r"\\.|(`+)(?:.+?)\1|\$\$.*?\$\$|\$(?=\S)[^$]*?\S\$|\$\S\$", re.DOTALL)

LONGEST_PARAGRAPH = 20_000
"""Characters; pandoc's time grows with the square of a paragraph's length."""
DEEPEST = 8
"""Brackets inside one another, or quotation marks at the start of a line; pandoc's time doubles with each bracket."""


@dataclass(frozen=True)
class Text:
    """Markdown between two cells."""

    text: str
    line: int


@dataclass(frozen=True)
class Cell:
    """A Python cell.

    Attributes:
        code: the code without its option lines; only this is executed, so a new caption executes nothing.
        options: the options, by name.
        line: the line of the opening fence.
        code_line: the line of the code's first line in the file, for tracebacks.
    """

    code: str
    options: Mapping[str, Any]
    line: int
    code_line: int

    @property
    def label(self) -> str | None:
        return self.options.get("label")


@dataclass(frozen=True)
class Source:
    """A parsed chapter.

    Attributes:
        path: relative to the project's folder.
        text: the whole file.
        meta: the front matter.
        parts: Markdown and cells in turn.
        written: what each part became in the Markdown that pandoc reads, joined by line ends; filled in after the execution.
    """

    path: Path
    text: str
    meta: Mapping[str, Any]
    parts: tuple[Text | Cell, ...]
    written: Sequence[tuple[Text | Cell, str]] = ()

    @property
    def cells(self) -> list[Cell]:
        return [part for part in self.parts if isinstance(part, Cell)]

    def place(self, needle: str, last: bool = False) -> Place:
        """Where a text stands: its first line (or its last), else the cell that wrote it, else the file."""
        if line := line_of(self.text, needle, last):
            return Place(self.path, line)
        return Place(self.path, next((part.line for part, text in self.written if needle in text), 0))

    def place_of_line(self, number: int) -> Place:
        """Where a line of the Markdown that pandoc reads comes from; 0 stands for the file."""
        for part, text in self.written if number else ():
            n_lines = text.count("\n") + 1
            if number <= n_lines:
                return Place(self.path, part.line + (number - 1 if isinstance(part, Text) else 0))
            number -= n_lines
        return Place(self.path)


def parse(text: str, path: Path) -> Source:
    """Split a chapter into front matter, Markdown and cells.

    Raises:
        BookError: a construct that the renderer does not know, a fence that is not closed, a label used twice.
    """
    lines = text.splitlines()
    meta, start = _front_matter(lines, path)
    parts: list[Text | Cell] = []
    markdown: list[str] = []
    markdown_line = start + 1
    number = start
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if not fence:
            _refuse_inline(lines[number], Place(path, number + 1))
            markdown.append(lines[number])
            number += 1
            continue
        end = _closing(lines, number, fence["fence"])
        if end is None:
            raise BookError(Place(path, number + 1), "this code fence is not closed; add a line of the same ticks")
        if _is_cell(fence["info"], Place(path, number + 1)):
            if fence["indent"]:
                raise BookError(Place(path, number + 1), "a cell must start in the first column")
            if markdown:
                parts.append(Text("\n".join(markdown), markdown_line))
            parts.append(_cell(lines[number + 1 : end], number + 1, path))
            markdown, markdown_line = [], end + 2
        else:
            _refuse_annotations(lines[number:end], Place(path, number + 1))
            markdown += lines[number : end + 1]
        number = end + 1
    if markdown:
        parts.append(Text("\n".join(markdown), markdown_line))
    for part in parts:
        if isinstance(part, Text):
            refuse_heavy(part.text, Place(path, part.line))
    source = Source(path, text, meta, tuple(parts))
    _refuse_repeated_labels(source)
    return source


def _front_matter(lines: list[str], path: Path) -> tuple[dict[str, Any], int]:
    if not lines or lines[0].rstrip() != "---":
        return {}, 0
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return read_yaml("\n".join(lines[1:number]), Place(path), CHAPTER, "a chapter", offset=1), number + 1
    raise BookError(Place(path, 1), "the front matter is not closed; add a line `---`")


def _closing(lines: list[str], start: int, fence: str) -> int | None:
    for number in range(start + 1, len(lines)):
        line = lines[number].strip(" >")
        if line.startswith(fence) and not line.strip(fence[0]):
            return number
    return None


def _is_cell(info: str, place: Place) -> bool:
    if info == "{python}":
        return True
    other = _OTHER_CELL.match(info)
    if other:
        raise BookError(place, f"cells must be `{{python}}`, found `{info}`; for code that is only shown write `.{other[1]}`")
    return False


def _cell(lines: list[str], line: int, path: Path) -> Cell:
    header = []
    for text in lines:
        if not text.startswith("#|"):
            break
        header.append(text.removeprefix("#|").removeprefix(" "))
    _refuse_annotations(lines, Place(path, line + 1))
    options = read_yaml("\n".join(header), Place(path), CELL, "a cell", offset=line)
    code = "\n".join(lines[len(header) :])
    n_blank = len(code) - len(code.lstrip("\n"))
    return Cell(code.strip("\n"), options, line, line + len(header) + n_blank + 1)


def _refuse_inline(line: str, place: Place) -> None:
    if any(code[2].startswith("{") and code[2][1:2].isalpha() for code in _INLINE_CODE.finditer(line)):
        raise BookError(place, "inline code cells cannot be cached; write the sentence from a cell with `output: asis`")
    bare = _INLINE_CODE.sub("", line)
    if "{{<" in bare:
        raise BookError(place, "the built-in renderer knows no shortcodes such as `{{< ... >}}`; write it in Markdown")
    if tag := _HTML_TAG.search(bare):
        message = f"`{tag[0]}` would be on the site only; write Markdown, or put it in a ```{{=html}} block"
        raise BookError(place, message)


def _refuse_annotations(lines: list[str], place: Place) -> None:
    for number, line in enumerate(lines, start=place.line):
        if _ANNOTATION.search(line):
            message = "the built-in renderer has no code annotations such as `# <1>`; say it in a comment or in the text"
            raise BookError(Place(place.path, number), message)


def refuse_heavy(markdown: str, place: Place, first_line_only: bool = False) -> None:
    """Refuse Markdown that would keep pandoc busy for minutes.

    Args:
        markdown: a text, whose blocks in fences and tables are left out.
        place: where its first line stands.
        first_line_only: name that line whatever line is meant, for a text that a cell wrote.

    Raises:
        BookError: a paragraph that is too long, or too deep in brackets or quotations.
    """

    def refuse(number: int, message: str) -> None:
        raise BookError(Place(place.path, place.line + (0 if first_line_only else number)), message)

    paragraph, start, fence = "", 0, ""
    for number, line in enumerate([*markdown.split("\n"), ""]):
        found = _FENCE.match(line)
        if fence:
            fence = "" if line.strip(" >").startswith(fence) and not line.strip(" >").strip(fence[0]) else fence
            continue
        if line[: len(line) - len(line.lstrip("> "))].count(">") > DEEPEST:
            refuse(number, f"more than {DEEPEST} quotations inside one another; take some away")
        if found or not line.strip() or line.lstrip().startswith("|"):
            if len(paragraph) > LONGEST_PARAGRAPH:
                refuse(start, f"a paragraph of {len(paragraph):,} characters; divide it, {LONGEST_PARAGRAPH:,} are allowed")
            depth = deepest = 0
            for mark in re.findall(r"[\[\]<]", _VERBATIM.sub("", paragraph)):
                depth = max(0, depth - 1) if mark == "]" else depth + (mark == "[")
                deepest = max(deepest, depth)
            if deepest > DEEPEST:
                refuse(start, f"{deepest} brackets inside one another; close them, or write \\[ for one that opens nothing")
            paragraph, start, fence = "", number + 1, found["fence"] if found else ""
        else:
            paragraph += line + "\n"


def _refuse_repeated_labels(source: Source) -> None:
    seen: dict[str, int] = {}
    for cell in source.cells:
        if cell.label in seen:
            raise BookError(Place(source.path, cell.line), f"label `{cell.label}` is used in line {seen[cell.label]} already")
        if cell.label:
            seen[cell.label] = cell.line
