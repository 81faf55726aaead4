"""The book as one PDF: pandoc writes the chapters as Typst markup, Typst sets them in our template (`theme/book.typ`).

The same documents as the site's, in one file: links between chapters become links inside the document, light renderings
are used, folded code is left out unless its cell asks for it (`echo: true`). Fonts are those that Typst brings with it, so
the PDF is the same on every machine, and at every render.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import panflute as pf
import typst

from .. import kept
from . import constructs, made, pandoc
from .errors import BookError, Place
from .fingerprint import hash_file
from .pages import Entry
from .project import Book, Chapter

THEME = Path(__file__).parent / "theme"
_IMAGE = re.compile(r'image\("([^"]+)"')
_KEPT_PREFIXES = ("fig-", "tbl-", "eq-", "sec-", "ref-", "refs")


def piece(book: Book, entries: Sequence[Entry], index: int, document: pf.Doc) -> str:
    """A chapter as Typst's markup.

    Args:
        book: the project.
        entries: its chapters.
        index: which of them.
        document: is changed.
    """
    entry, before = entries[index], entries[index - 1].chapter.part if index else None
    pages = {other.chapter.path: other.chapter for other in entries}
    begins = entry.chapter.part if entry.chapter.part != before else None
    lowered = _Lowering(book, entry.chapter, pages, begins).document(document)
    return pandoc.write(list(lowered.content), "typst", entry.source)


def write_pdf(book: Book, entries: Sequence[Entry], chapters: Sequence[str], folder: Path, place: Path | None = None) -> Path:
    """Set the book below `folder`, in which the chapters' images lie already; returns the PDF's path.

    Args:
        book: the project.
        entries: its chapters.
        chapters: each as `piece` gives it.
        folder: the site.
        place: where the last one is kept, which is taken when nothing has changed.

    Raises:
        BookError: Typst refused the text.
    """
    pieces = [(THEME / name).read_text(encoding="utf-8") for name in ("rules.typ", "book.typ")]
    text = "\n\n".join([*pieces, _show_rule(book), *chapters])
    images = sorted({folder / address for address in _IMAGE.findall(text)})
    key = made.hashed(text, [hash_file(path) if path.is_file() else "" for path in images], metadata.version("typst"))
    target = folder / book.pdf_name
    content = place and kept.read(place, key)
    if content is None:
        content = _set(book, entries, text, folder)
        if place:
            kept.write(place, content, key)
    target.write_bytes(content)
    return target


def _set(book: Book, entries: Sequence[Entry], text: str, folder: Path) -> bytes:
    """Let Typst set a text."""
    source = folder / f".{Path(book.pdf_name).stem}.typ"
    source.write_text(text, encoding="utf-8", newline="\n")
    try:
        return typst.compile(str(source), root=str(folder), ignore_system_fonts=True)
    except typst.TypstError as error:
        copy = book.root / ".cache" / source.name.removeprefix(".")
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(source.read_bytes())
        labels = [f"(#{label.split('--')[-1]}" for label in re.findall(r"`<([\w-]+)>`", str(error))]
        places = [entry.source.place(label) for label in labels for entry in entries]
        place = next((place for place in places if place.line), Place(copy.relative_to(book.root)))
        raise BookError(place, f"Typst cannot set the PDF: {' '.join(str(error).split())}") from None
    finally:
        source.unlink()


def _show_rule(book: Book) -> str:
    options = book.options["book"]
    authors = options.get("author", [])
    names = authors if isinstance(authors, list) else [authors]
    date = options.get("date")
    if date in ("today", "now", "last-modified"):
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        day = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else datetime.datetime.now()
        date = f"{day:%Y-%m-%d}"
    arguments = {"title": book.title, "subtitle": options.get("subtitle"), "date": date and str(date)}
    fields = [f"{key}: {_string(value)}" for key, value in arguments.items()]
    fields.append(f"authors: ({''.join(_string(name) + ', ' for name in names)})")
    fields.append(f"lang: {_string(str(book.options.get('lang', 'en')))}")
    return f"#show: book.with({', '.join(fields)})"


def _string(value: str | None) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _raw(text: str) -> pf.RawBlock:
    return pf.RawBlock(text, format="typst")


class _Lowering:
    """Turns the book's constructs into what pandoc's Typst writer and our template know."""

    def __init__(self, book: Book, chapter: Chapter, pages: Mapping[Path, Chapter], part: str | None) -> None:
        self.chapter, self.pages, self.part = chapter, pages, part
        self.keep_code = bool(book.option("echo", to="typst", default=True))

    def document(self, document: pf.Doc) -> pf.Doc:
        return pandoc.walk(document, self._action)

    def _action(self, element: Any, _: pf.Doc) -> Any:
        if constructs.is_conditional(element):
            return list(element.content) if constructs.is_shown(element, "typst") else []
        if getattr(element, "identifier", "") and not isinstance(element, pf.Link):
            element.identifier = self._identifier(element.identifier, self.chapter)
        match element:
            case pf.Cite():  # resolved already; left as it is, pandoc would ask Typst to resolve it again
                return list(element.content)
            case pf.Link():
                return self._link(element)
            case pf.Image():
                return self._image(element)
            case pf.Header():
                return self._heading(element)
            case pf.CodeBlock() if "cell-code" in element.classes:
                if not self.keep_code and "always" not in element.classes:
                    return []
                element.classes = ["python"]
            case pf.Span() if "equation" in element.classes:
                start = f"#numbered-equation[{element.attributes['number']}]["
                label = f"] <{element.identifier}>"
                return [pf.RawInline(start, format="typst"), *element.content, pf.RawInline(label, format="typst")]
            case pf.Div() if "dark-content" in element.classes:
                return []
            case pf.Div() if constructs.callout_kind(element):
                callout = constructs.callout(element)
                start = _raw(f"#callout-block({_string(callout.kind)})[")
                return [start, pf.Plain(*callout.title), _raw("]["), *callout.body, _raw("]")]
            case pf.Div() if "panel-tabset" in element.classes:
                blocks: list[Any] = []
                for tab in constructs.tabs(element):
                    blocks += [_raw("#tab["), pf.Plain(*tab.title), _raw("]["), *tab.body, _raw("]")]
                return blocks
            case pf.Div() if constructs.columns(element):
                cells: list[Any] = [_raw(f"#columns-of({constructs.columns(element)}")]
                for block in element.content:
                    cells += [_raw(", ["), block, _raw("]")]
                return [*cells, _raw(")")]
        return None

    def _identifier(self, identifier: str, chapter: Chapter) -> str:
        """Headings of different chapters may share a name; inside one document each must be its own."""
        return identifier if identifier.startswith(_KEPT_PREFIXES) else f"{chapter.slug}--{identifier}"

    def _link(self, link: pf.Link) -> Any:
        path, _, identifier = link.url.partition("#")
        if "term" in link.classes:  # on paper a word like any other
            return list(link.content)
        if "://" in path or path.startswith("mailto:"):
            return None
        chapter = self.chapter
        if path:
            resolved = Path(os.path.normpath(self.chapter.path.parent / path))
            if resolved not in self.pages:
                return list(link.content)
            chapter = self.pages[resolved]
        link.url = "#" + (self._identifier(identifier, chapter) if identifier else f"chapter--{chapter.slug}")
        return link

    def _image(self, image: pf.Image) -> pf.RawInline:
        """pandoc's writer has no alternative texts, so the call is written here."""
        url = Path(os.path.normpath(self.chapter.path.parent / image.url)).as_posix()
        alt = image.attributes.get("alt") or image.attributes.get("fig-alt") or pf.stringify(image)
        width = image.attributes.get("width", "")
        arguments = [_string(url), *([f"alt: {_string(alt)}"] if alt else []), *([f"width: {width}"] if "%" in width else [])]
        return pf.RawInline(f"#box(image({', '.join(arguments)}))", format="typst")

    def _heading(self, header: pf.Header) -> Any:
        number = header.attributes.pop("number", "")
        if number:
            name = f"{number}\u2002"
            header.content = [pf.Str(name), *header.content]
        elif header.level > 1 and "unnumbered" in header.classes:  # in the contents a section has a number
            header.classes.append("unlisted")
        if header.level == 1:
            part = [_raw(f"#part({_string(self.part)})")] if self.part else []
            return [*part, header, _raw(f"#metadata(none) <chapter--{self.chapter.slug}>")]
        return header
