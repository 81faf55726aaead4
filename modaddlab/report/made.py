"""What was made of each chapter, kept: its page with all files, what the site lists of it, its part of the PDF.

An entry is found again under the hash of all that the chapter is made from: its source with the values in it, what its cells have
shown, the book's options, filters and classes, and the renderer itself. Of the other chapters a page takes the numbers that it
refers to, the citations' words and the navigation, so each piece also has the hash of these. An entry that is damaged is no
entry; one that cannot be written is done without.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import kept
from .execute import Executed
from .project import Book, Chapter
from .qmd import Source

FOLDER = Path(".cache/pages")

LIBRARIES = ("jinja2", "nbformat", "panflute", "pypandoc_binary", "typst")
"""The distributions whose version may change a page."""

_NAMED = re.compile(r'"([\w./-]+\.\w+)"')


@dataclass(frozen=True)
class Outline:
    """What the book has to know of a chapter.

    Attributes:
        number: under which it was numbered.
        is_unnumbered: whether its title says so.
        title: as plain text.
        targets: what can be referred to: identifier -> kind, number and name.
        identifiers: all of them.
        links: the addresses of its links.
        images: the addresses of its images.
        citations: those of works, as a document in pandoc's JSON.
    """

    number: str = ""
    is_unnumbered: bool = False
    title: str = ""
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    identifiers: Collection[str] = ()
    links: Collection[str] = ()
    images: Collection[str] = ()
    citations: str = ""


@dataclass(frozen=True)
class Made:
    """A chapter's entry.

    Attributes:
        outline: None where nothing is kept.
        around: the hash of what the pieces take from the other chapters.
        pieces: "files" and "page", address -> content in base64; "lists", what `listings.of` gives; "pdf", Typst's markup.
    """

    outline: Outline | None = None
    around: str = ""
    pieces: dict[str, Any] = field(default_factory=dict)


class Shelf:
    """The entries of a book.

    Args:
        book: the project.
        classes: what its style sheets have rules for.
    """

    def __init__(self, book: Book, classes: Collection[str]) -> None:
        self._folder = book.root / FOLDER
        self._book = hashed(
            [book.options, {str(path): options for path, options in book.folder_options.items()}, sorted(classes)],
            {name: metadata.version(name) for name in LIBRARIES},
            [path.read_bytes().hex() for path in _files(book)],
        )

    def key(self, source: Source, executed: Executed) -> str:
        """The hash of what a chapter is made from."""
        return hashed(self._book, str(source.path), source.text, executed.outputs)

    def find(self, chapter: Chapter, key: str) -> Made:
        """The entry of a chapter under a key, an empty one where there is none."""
        content = kept.read(self._place(chapter), key)
        if content is None:
            return Made()
        values = json.loads(content)
        return Made(Outline(**values["outline"]), values["around"], values["pieces"])

    def keep(self, chapter: Chapter, key: str, made: Made) -> None:
        """Keep an entry in the place of the chapter's last one."""
        kept.write(self._place(chapter), json.dumps(asdict(made)).encode(), key)

    @property
    def pdf(self) -> Path:
        """Where the PDF is kept, by `kept.read` and `kept.write`."""
        return self._folder / "pdf"

    def _place(self, chapter: Chapter) -> Path:
        return self._folder / "-".join(chapter.path.with_suffix("").parts)


def hashed(*values: Any) -> str:
    """The sha256 of values that JSON can hold."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def page_of(chapter: Chapter, folder: Path) -> dict[str, str]:
    """A chapter's page in a site with its notebook and its text, in base64: address -> content."""
    page = folder / chapter.page
    return _in_base64([page.with_suffix(ending) for ending in (".html", ".md", ".ipynb")], folder)


def files_of(chapter: Chapter, folder: Path) -> dict[str, str]:
    """The files that a chapter's page takes with it, in the same way."""
    page = folder / chapter.page
    return _in_base64(sorted(page.with_name(f"{page.stem}_files").rglob("*")), folder)


def _in_base64(paths: Collection[Path], folder: Path) -> dict[str, str]:
    files = [path for path in paths if path.is_file()]
    return {path.relative_to(folder).as_posix(): base64.b64encode(path.read_bytes()).decode() for path in files}


def put(files: Mapping[str, str], folder: Path) -> None:
    """Put a chapter's files back into a site."""
    for address, content in files.items():
        target = folder / address
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(content))


def _files(book: Book) -> list[Path]:
    """The renderer's own files, the book's filters, and what these name of the project."""
    renderer = sorted(path for path in Path(__file__).parent.rglob("*") if path.is_file() and path.suffix != ".pyc")
    named = [book.root / name for path in book.filters for name in _NAMED.findall(path.read_text(encoding="utf-8"))]
    return [*renderer, *book.filters, *(path for path in named if path.is_file())]
