"""The built-in renderer: the whole book as a site and a PDF, without Quarto.

    chapter.qmd -> cells executed (`execute`) -> Markdown with outputs (`outputs`) -> pandoc document (`pandoc`)
      -> numbers and references over all chapters (`crossref`), citations (citeproc)
      -> pages (`pages`), what the site lists of itself (`listings`), notebooks (`downloads`);  Typst and PDF (`pdf`)

All chapters are one document while citations are resolved, so that authors and years are told apart over the whole book.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import panflute as pf

from . import constructs, crossref, downloads, listings, pandoc, sentences, styles
from .errors import BookError, Place
from .execute import Executed, Listener, cached_only, execute_all
from .outputs import chapter_markdown
from .pages import THEME, Entry, Site, write_page
from .pdf import write_pdf
from .project import PROJECT_FILE, Book, Chapter, chapter_text, inside, line_of, read_text
from .qmd import Source, parse


@dataclass(frozen=True)
class _Part:
    """A chapter on its way through the renderer."""

    chapter: Chapter
    source: Source
    document: pf.Doc


def render(book: Book, folder: Path, to: Collection[str], listener: Listener, only: Collection[Path] = ()) -> list[Path]:
    """Render the book into `folder`; returns the files that a reader opens.

    Args:
        book: the project.
        folder: an empty folder, or with `only` a copy of the last site.
        to: "html", "pdf" or both.
        listener: is told how the execution goes on.
        only: the chapters to execute and to write; all when empty. The others' labels are known from their sources.

    Raises:
        BookError: a source that the renderer refuses, or a cell that raised.
    """
    chosen = [chapter for chapter in book.chapters if not only or chapter.path in only]
    values, theme = sentences.read(book.root), styles.read(book)
    texts = {chapter.path: chapter_text(book.root, chapter.path) for chapter in book.chapters}
    sources = [parse(sentences.substitute(text, values, path), path) for path, text in texts.items()]
    wanted = [source for chapter, source in zip(book.chapters, sources, strict=True) if chapter in chosen]
    executed = {source.path: done for source, done in zip(wanted, execute_all(book, wanted, listener), strict=True)}
    outputs = [executed.get(source.path) or cached_only(book, source) for source in sources]
    with ThreadPoolExecutor(2) as pool:  # while pandoc reads one chapter, another one's document is looked through
        parts = list(pool.map(partial(_read, book, theme.classes, folder), book.chapters, sources, outputs))
    entries, targets = _number(book, parts)
    documents = _cite(book, parts)
    made = []
    pdf_name = book.pdf_name if "pdf" in to or (only and (folder / book.pdf_name).is_file()) else None
    if "html" in to:
        owners = {identifier: target.chapter for identifier, target in targets.items() if target.kind in crossref.NAMES}
        owners |= {identifier: part.chapter for part, document in zip(parts, documents, strict=True)
                   for identifier in _reference_ids(document)}  # fmt: skip
        site = Site(book, entries, owners, pdf_name)
        for index, (part, document) in enumerate(zip(parts, documents, strict=True)):
            if part.chapter in chosen:
                write_page(site, index, pandoc.copy(document), folder)
        listings.write(book, entries, documents, folder)
        _copy_resources(book, theme, folder)
        downloads.write(book, folder, [part.chapter for part in parts if part.chapter in chosen])
        made.append(folder / book.chapters[0].page)
    if "pdf" in to:
        made.append(write_pdf(book, entries, documents, folder))
    return made


def _read(book: Book, classes: Collection[str], folder: Path, chapter: Chapter, source: Source, executed: Executed) -> _Part:
    images = chapter.path.with_suffix("").as_posix() + "_files"

    def save(name: str, content: bytes) -> str:
        target = folder / images / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return f"{Path(images).name}/{name}"

    page_folder = folder / chapter.path.parent
    page_folder.mkdir(parents=True, exist_ok=True)
    markdown, source = chapter_markdown(book, source, executed, save)
    document = pandoc.read(markdown, source, book.filters, page_folder)
    constructs.refuse_unknown(document, source, classes)
    _copy_images(book, source, document, folder)
    return _Part(chapter, source, crossref.with_title(document, source))


def _number(book: Book, parts: Sequence[_Part]) -> tuple[list[Entry], dict[str, crossref.Target]]:
    chapters, documents = [part.chapter for part in parts], [part.document for part in parts]
    numbers = crossref.chapter_numbers(chapters, documents)
    entries, targets = [], {}
    for part, number in zip(parts, numbers, strict=True):
        title = pf.stringify(crossref.title_of(part.document)).strip()
        entries.append(Entry(part.chapter, part.source, number, title))
        numbering = crossref.Numbering(part.source, part.chapter, number, book.option("number-depth", default=6))
        for identifier, target in numbering.number(part.document).items():
            other = targets.get(identifier)
            if other is not None and target.kind in crossref.NAMES and other.kind in crossref.NAMES:
                place = part.source.place(identifier)
                raise BookError(place, f"the label `{identifier}` is used in {other.chapter.path} already")
            targets[identifier] = target
    for part in parts:
        crossref.resolve(part.document, part.source, targets)
    crossref.refuse_dead_links([(part.document, part.source) for part in parts], targets)
    return entries, targets


def _cite(book: Book, parts: Sequence[_Part]) -> list[pf.Doc]:
    """Resolve the citations of all chapters together."""
    files = book.options.get("bibliography", [])
    files = [book.root / name for name in ([files] if isinstance(files, str) else files)]
    for name in files:
        if not name.is_file():
            raise BookError(Place(Path("_quarto.yml")), f"the bibliography {name.name} is not there")
    csl = book.options.get("csl")
    divs = [pf.Div(*part.document.content, attributes={"chapter": str(n)}) for n, part in enumerate(parts)]
    whole, missing = pandoc.cite(pf.Doc(*divs), files, book.root / csl if csl else None)
    for key in missing:
        places = [part.source.place("@" + key) for part in parts]
        raise BookError(next((place for place in places if place.line), None), f"`@{key}` is in no bibliography")
    chapters = [block for block in whole.content if isinstance(block, pf.Div) and "chapter" in block.attributes]
    if len(chapters) != len(whole.content):
        raise BookError(None, "a book with citations needs a place for its references: `::: {#refs}` and `:::` in a chapter")
    return [pf.Doc(*chapter.content) for chapter in chapters]


def _reference_ids(document: pf.Doc) -> list[str]:
    divs = [element for element in pandoc.elements(document) if isinstance(element, pf.Div)]
    return [div.identifier for div in divs if div.identifier.startswith("ref-")]


def _copy_images(book: Book, source: Source, document: pf.Doc, folder: Path) -> None:
    """Copy the images that the author points to."""

    for image in pandoc.elements(document):
        if not isinstance(image, pf.Image):
            continue
        place = source.place(image.url)
        if "://" in image.url:
            raise BookError(place, f"the image {image.url} would be fetched from another host; keep a copy in the project")
        relative = inside(source.path.parent / image.url, place, "an image")
        if (folder / relative).is_file():
            continue
        if not (book.root / relative).is_file():
            raise BookError(place, f"the image {image.url} is not there")
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(book.root / relative, folder / relative)


def _copy_resources(book: Book, theme: styles.Theme, folder: Path) -> None:
    for name in ("site.css", "site.js", "hover.js", "theme.js"):
        shutil.copyfile(THEME / name, folder / name)
    (folder / "book.css").write_text(theme.css, encoding="utf-8", newline="\n")
    for path in resources(book):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(book.root / path, target)


def resources(book: Book) -> list[Path]:
    """The files that the project file names for the site, relative to the project; hidden folders and caches are not among them.

    Raises:
        BookError: a pattern matches nothing, or leads out of the project.
    """
    text = read_text(book.root, Path(PROJECT_FILE))
    patterns = book.options["project"].get("resources") or []
    pictures = [book.options["book"][key] for key in ("favicon", "image") if key in book.options["book"]]
    found = []
    for pattern in [*([patterns] if isinstance(patterns, str) else patterns), *styles.own(book), *pictures]:
        place = Place(Path(PROJECT_FILE), line_of(text, str(pattern)))
        paths = [path.relative_to(book.root) for path in book.root.glob(str(inside(str(pattern), place, "a resource")))]
        paths = [path for path in paths if not any(part.startswith(".") for part in path.parts) and (book.root / path).is_file()]
        if not paths:
            raise BookError(place, f"`{pattern}` matches no file")
        found += sorted(paths)
    return found
