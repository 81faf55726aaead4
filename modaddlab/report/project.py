"""The book's project file: `_quarto.yml`, read the way Quarto reads it, as far as this book uses it.

Both engines take the chapters, their parts, the figure defaults and the execution options from here, so a book is
described once. A key that the built-in renderer does not know is refused with its line: an option that one engine
obeys and the other ignores would make two different books.

Numbering follows Quarto's books: numbered chapters count through the parts (1, 2, ...), appendices are lettered (A, B,
...), a chapter whose title carries `{.unnumbered}` has no number and its figures are "Figure 1", "Figure 2".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .errors import BookError, Place

PROJECT_FILE = "_quarto.yml"


def keys(names: str) -> dict[str, Any]:
    """A level of the tree of known options, in which every name accepts any value."""
    return dict.fromkeys(names.split())


# Every option that may occur. Those that only Quarto acts on (its sidebar, its theme) are here too: they change the
# look and not the content.
_COMMON = (
    keys("author bibliography code-fold code-summary csl date date-format description html-math-method jupyter lang")
    | keys("link-citations number-depth number-sections subtitle title toc toc-depth toc-title")
    | keys("fig-width fig-height fig-format fig-dpi")
    | {"execute": keys("cache daemon echo eval freeze include output warning")}
)
_HTML = _COMMON | keys(
    "anchor-sections citations-hover code-copy code-overflow code-tools crossrefs-hover css fig-responsive footnotes-hover "
    "grid highlight-style include-after-body include-in-header link-external-newwindow lightbox page-layout "
    "respect-user-color-scheme smooth-scroll theme"
)
_TYPST = _COMMON | keys(
    "citeproc codefont columns fontsize include-in-header keep-typ linkcolor mainfont margin mathfont papersize "
    "pdf-standard section-numbering template template-partials"
)
_PROJECT = _COMMON | {
    "project": keys("execute-dir output-dir post-render pre-render preview render resources type"),
    "book": keys(
        "appendices author chapters cover-image date description downloads favicon image navbar open-graph output-file "
        "page-footer page-navigation reader-mode repo-actions repo-branch repo-url search sharing sidebar site-url subtitle title"
    ),
    "editor": None,
    "filters": None,
    "format": {"html": _HTML, "typst": _TYPST},
}
_CHAPTER = {key: value for key, value in _COMMON.items() if not key.startswith("number-")} | keys("aliases page-layout")
_HINTS = {"number-sections": "; a chapter without a number begins with `# Title {.unnumbered}`"}

FIGURE_DEFAULTS = {"fig-width": 7, "fig-height": 5, "fig-format": "svg", "fig-dpi": 96}


@dataclass(frozen=True)
class Chapter:
    """One source file of the book.

    Attributes:
        path: relative to the project's folder, such as `chapters/01-task.qmd`.
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
        return [(self.root / (entry["path"] if isinstance(entry, dict) else entry)).resolve() for entry in entries]

    @property
    def output(self) -> str:
        return (self.options.get("project") or {}).get("output-dir") or "_book"

    @property
    def pdf_name(self) -> str:
        """The PDF's file name: `book: output-file`, or the title with hyphens as Quarto makes it."""
        name = self.options["book"].get("output-file") or re.sub(r"[ /\\\\]", "-", self.title)
        return f"{name}.pdf"

    def option(self, key: str, chapter: Chapter | None = None, to: str = "html", default: Any = None) -> Any:
        """An option's value: from the chapter's folder, the format, or the top level, in that order."""
        scopes: list[Mapping[str, Any]] = []
        if chapter is not None:
            scopes.append(self.folder_options.get(chapter.path.parent, {}))
        return lookup([*scopes, self.format(to), self.options], key, default)

    def format(self, to: str) -> Mapping[str, Any]:
        """The options of one format, `html` or `typst`."""
        options = (self.options.get("format") or {}).get(to)
        return options if isinstance(options, dict) else {}


def lookup(scopes: list[Mapping[str, Any]], key: str, default: Any = None) -> Any:
    """The first scope's value for `key`, given at its top level or under `execute`."""
    for scope in scopes:
        for table in (scope, scope.get("execute") or {}):
            if key in table:
                return table[key]
    return default


def load_book(root: Path) -> Book:
    """Read `_quarto.yml` and the folders' `_metadata.yml`.

    Raises:
        BookError: no project file, not a book, an unknown key, a path that leads out of the project, or a chapter file that
            is not there.
    """
    path = root / PROJECT_FILE
    if not path.is_file():
        raise BookError(Place(path), "there is no book here; run from the folder that holds _quarto.yml")
    options = read_yaml(path.read_text(encoding="utf-8"), Place(Path(PROJECT_FILE)), _PROJECT)
    if (options.get("project") or {}).get("type") != "book" or not (options.get("book") or {}).get("chapters"):
        raise BookError(Place(Path(PROJECT_FILE)), "the project must have `type: book` and list its chapters")
    chapters = tuple(_chapters(options["book"]))
    text = path.read_text(encoding="utf-8")
    for chapter in chapters:
        place = Place(Path(PROJECT_FILE), line_of(text, chapter.path.as_posix()))
        inside(chapter.path, place, "a chapter")
        if not (root / chapter.path).is_file():
            raise BookError(place, f"lists {chapter.path}, and there is no such file")
    _refuse_outputs(options, text)
    folders = {}
    for folder in sorted({chapter.path.parent for chapter in chapters}):
        metadata = root / folder / "_metadata.yml"
        if metadata.is_file():
            folders[folder] = read_yaml(metadata.read_text(encoding="utf-8"), Place(folder / "_metadata.yml"), _CHAPTER)
    return Book(root, options, chapters, folders)


def _refuse_outputs(options: Mapping[str, Any], text: str) -> None:
    folder, name = (options.get("project") or {}).get("output-dir"), options["book"].get("output-file")
    if folder is not None and not isinstance(folder, str):
        place = Place(Path(PROJECT_FILE), line_of(text, "output-dir"))
        raise BookError(place, f"`output-dir` must be a folder, found {folder!r}")
    if name is not None and (set(str(name)) & set("/\\\0") or str(name) in ("", ".", "..")):
        place = Place(Path(PROJECT_FILE), line_of(text, "output-file"))
        raise BookError(place, f"`output-file` must be a name without folders, found {name!r}; `output-dir` gives the folder")


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


def read_yaml(text: str, place: Place, known: Mapping[str, Any] | None = None, offset: int = 0) -> dict[str, Any]:
    """Parse YAML and refuse keys outside `known` (the chapters' keys when not given).

    Args:
        text: the YAML.
        place: the file it stands in, for messages.
        known: the tree of keys that may occur.
        offset: lines of the file before the text.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 + offset if error.problem_mark else 0
        raise BookError(Place(place.path, line), f"is not valid YAML: {error.problem}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise BookError(Place(place.path, 1 + offset), "must be a table of `key: value` lines")
    _refuse_unknown(node, known if known is not None else _CHAPTER, place, offset)
    return values


def _refuse_unknown(node: Any, known: Mapping[str, Any], place: Place, offset: int) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        line = key.start_mark.line + 1 + offset
        if key.value not in known:
            hint = _HINTS.get(key.value, "; it knows " + ", ".join(sorted(known)))
            raise BookError(Place(place.path, line), f"the built-in renderer does not know `{key.value}` here{hint}")
        if known[key.value] is not None:
            _refuse_unknown(value, known[key.value], place, offset)


def _chapters(book: Mapping[str, Any]) -> Iterator[Chapter]:
    for entry in _entries(book["chapters"], "`chapters:` of the book"):
        if isinstance(entry, dict) and "part" in entry:
            part = str(entry["part"])
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


def line_of(text: str, needle: str) -> int:
    """The number of the first line that contains `needle`, or 0."""
    for number, line in enumerate(text.splitlines(), start=1):
        if needle in line:
            return number
    return 0
