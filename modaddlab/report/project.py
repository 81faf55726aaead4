"""The book's project file: `_quarto.yml`, read the way Quarto reads it, as far as this book uses it.

Both engines take the chapters, their parts, the figure defaults and the execution options from here, so a book is
described once. What the keys may be is in `vocabulary`.

Numbering follows Quarto's books: numbered chapters count through the parts (1, 2, ...), appendices are lettered (A, B,
...), a chapter whose title carries `{.unnumbered}` has no number and its figures are "Figure 1", "Figure 2".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from . import vocabulary
from .errors import BookError, Place
from .vocabulary import read_yaml

PROJECT_FILE = "_quarto.yml"


_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_INCLUDED = re.compile(r'^::: \{\.included file="([\w./-]+)"\}\n:::$', re.M)

FIGURE_DEFAULTS = {"fig-width": 7, "fig-height": 5, "fig-format": "svg", "fig-dpi": 96}


@dataclass(frozen=True)
class Chapter:
    """One source file of the book.

    Attributes:
        path: relative to the project's folder, such as `chapters/transformer/task.qmd`.
        part: the title of the part that it stands in, or None.
        appendix: whether it is listed under `appendices`.
    """

    path: Path
    part: str | None = None
    appendix: bool = False

    @property
    def slug(self) -> str:
        return self.path.stem

    @property
    def page(self) -> Path:
        """The page's path in the site."""
        return self.path.with_suffix(".html")


@dataclass(frozen=True)
class Book:
    """The project: where it lies, its chapters in reading order, its options."""

    root: Path
    options: Mapping[str, Any]
    chapters: tuple[Chapter, ...]
    folder_options: Mapping[Path, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return str(self.options["book"].get("title", "Untitled"))

    @property
    def filters(self) -> list[Path]:
        """The project's own Lua filters, which a chapter goes through as soon as it is parsed."""
        entries = self.options.get("filters", [])
        return [(self.root / (entry["path"] if isinstance(entry, dict) else entry)).absolute() for entry in entries]

    @property
    def output(self) -> str:
        return (self.options.get("project") or {}).get("output-dir") or "_book"

    @property
    def pdf_name(self) -> str:
        """The PDF's file name: `book: output-file`, or the title with hyphens as Quarto makes it."""
        name = self.options["book"].get("output-file") or re.sub(r"[ /\\\\]", "-", self.title)
        return f"{name}.pdf"

    def option(self, key: str, chapter: HasOptions | None = None, to: str = "html", default: Any = None) -> Any:
        """An option's value: from the chapter, its folder, the format, or the top level, in that order."""
        scopes: list[Mapping[str, Any]] = [self.format(to), self.options]
        if chapter is not None:
            scopes = [chapter.meta, self.folder_options.get(chapter.path.parent, {}), *scopes]
        for scope in scopes:
            for table in (scope, scope.get("execute") or {}):
                if key in table:
                    return table[key]
        return default

    def format(self, to: str) -> Mapping[str, Any]:
        """The options of one format, `html` or `typst`."""
        return (self.options.get("format") or {}).get(to) or {}


class HasOptions(Protocol):
    """A chapter's source, as far as its options go."""

    @property
    def path(self) -> Path: ...

    @property
    def meta(self) -> Mapping[str, Any]: ...


def load_book(root: Path) -> Book:
    """Read `_quarto.yml` and the folders' `_metadata.yml`.

    Raises:
        BookError: no project file, not a book, an unknown key, a path that leads out of the project, or a chapter file that
            is not there.
    """
    path = root / PROJECT_FILE
    if not path.is_file():
        raise BookError(Place(path), "there is no book here; run from the folder that holds _quarto.yml")
    place = Place(Path(PROJECT_FILE))
    text = read_text(root, place.path)
    options = read_yaml(text, place, vocabulary.PROJECT, "a book")
    if (options.get("project") or {}).get("type") != "book" or not (options.get("book") or {}).get("chapters"):
        raise BookError(place, "the project must have `type: book` and list its chapters")
    chapters = tuple(_chapters(options["book"]))
    for chapter in chapters:
        line = Place(place.path, line_of(text, chapter.path.as_posix()))
        inside(chapter.path, line, "a chapter")
        if not (root / chapter.path).is_file():
            raise BookError(line, f"lists {chapter.path}, and there is no such file")
        if chapter.path.suffix != ".qmd":
            raise BookError(line, f"a chapter is a .qmd file, found {chapter.path}")
    folders = {}
    for folder in sorted({chapter.path.parent for chapter in chapters}):
        metadata = folder / "_metadata.yml"
        if (root / metadata).is_file():
            folders[folder] = read_yaml(read_text(root, metadata), Place(metadata), vocabulary.CHAPTER, "a chapter")
    return Book(root, options, chapters, folders)


def inside(path: str | Path, place: Place, what: str) -> Path:
    """A path below the project's folder, without `..`, so that what is written under it stays in the site.

    Args:
        path: as its author wrote it, relative to the project's folder.
        place: where it is written, for messages.
        what: what it is the path of.

    Raises:
        BookError: it leads out of the project.
    """
    normal = Path(os.path.normpath(path))
    if normal.is_absolute() or normal.drive or normal.parts[:1] == ("..",) or "\0" in str(path):
        raise BookError(place, f"{what} must lie in the project's folder, found {path}; keep a copy there")
    return normal


def chapter_text(root: Path, path: Path) -> str:
    """A chapter with the texts that it includes: `::: {.included file="chapters/reference/_figures.md"}` and `:::`.

    Raises:
        BookError: as `read_text`, or it includes what is not there.
    """

    def included(line: re.Match[str]) -> str:
        place = Place(path, line.string.count("\n", 0, line.start()) + 1)
        other = inside(line[1], place, "an included text")
        if not (root / other).is_file():
            raise BookError(place, f"includes {other}, and there is no such file")
        return read_text(root, other)

    return _INCLUDED.sub(included, read_text(root, path))


def read_text(root: Path, path: Path) -> str:
    """A source as text.

    Raises:
        BookError: it is not in UTF-8, or has a control character, which no page can show.
    """
    content = (root / path).read_bytes()
    if control := _CONTROL.search(content):
        place = Place(path, content.count(b"\n", 0, control.start()) + 1)
        raise BookError(place, f"has a control character (byte {control[0][0]:#04x}); remove it")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        place = Place(path, content.count(b"\n", 0, error.start) + 1)
        raise BookError(place, f"is not in UTF-8 (byte {content[error.start]:#04x}); save it in UTF-8") from None


def _chapters(book: Mapping[str, Any]) -> Iterator[Chapter]:
    for entry in _entries(book["chapters"], "`chapters:` of the book"):
        if isinstance(entry, dict) and "part" in entry:
            part = str(entry["part"])
            for extra in [*map(str, set(entry) - {"part", "chapters"}), *([part] if part.endswith(".qmd") else [])]:
                raise BookError(Place(Path(PROJECT_FILE)), f"a part has a title and a list of chapters, found `{extra}`")
            for path in _entries(entry.get("chapters"), f"`chapters:` of the part {part!r}"):
                yield Chapter(_path(path), part=part)
        else:
            yield Chapter(_path(entry))
    for entry in _entries(book.get("appendices", []), "`appendices:`"):
        yield Chapter(_path(entry), part="Appendices", appendix=True)


def _entries(value: Any, what: str) -> list[Any]:
    if isinstance(value, list):
        return value
    found = "nothing" if value is None else repr(value)
    raise BookError(Place(Path(PROJECT_FILE)), f"{what} must be a list of paths, found {found}; list some, or leave it out")


def _path(entry: Any) -> Path:
    if isinstance(entry, str):
        return Path(entry)
    raise BookError(Place(Path(PROJECT_FILE)), f"a chapter must be a path or a part with chapters, found {entry!r}")


def line_of(text: str, needle: str, last: bool = False) -> int:
    """The number of the first line (or the last) that contains `needle` as a whole word, or 0."""
    edges = [r"(?<![\w-])" if needle[:1].isalnum() else "", r"(?![\w-])" if needle[-1:].isalnum() else ""]
    found = [match.start() for match in re.finditer(re.escape(needle).join(edges), text)] if needle else []
    return text.count("\n", 0, found[-1 if last else 0]) + 1 if found else 0
