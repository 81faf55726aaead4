"""The built-in renderer: the whole book as a site and a PDF, without Quarto.

    chapter.qmd -> cells executed (`execute`) -> Markdown with outputs (`outputs`) -> pandoc document (`pandoc`)
      -> numbers and references over all chapters (`crossref`), citations (citeproc)
      -> pages (`pages`), what the site lists of itself (`listings`), notebooks (`downloads`);  Typst and PDF (`pdf`)

The citations of all chapters are resolved together, so that authors and years are told apart over the whole book. What was made
of a chapter is kept (`made`); one that is unchanged, with all that it takes from the others, goes through none of this again.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import panflute as pf

from . import constructs, crossref, downloads, listings, pandoc, sentences, styles
from .errors import BookError, Place
from .execute import Executed, Listener, cached_only, execute_all
from .made import Made, Outline, Shelf, files_of, hashed, page_of, put
from .outputs import chapter_markdown
from .pages import THEME, Entry, Site, write_page
from .pdf import piece, write_pdf
from .project import PROJECT_FILE, Book, Chapter, chapter_text, inside, line_of, read_text
from .qmd import Source, parse


@dataclass
class _Part:
    """A chapter on its way through the renderer.

    Attributes:
        key: the hash of what it is made from.
        made: what was made of it before.
        outline: what the other chapters have to know of it.
        document: as pandoc reads it, with numbers; none while nothing asks for it.
    """

    chapter: Chapter
    source: Source
    executed: Executed
    key: str
    made: Made
    outline: Outline
    document: pf.Doc | None = None


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
    pdf_name = book.pdf_name if "pdf" in to or (only and (folder / book.pdf_name).is_file()) else None
    making = _Making(book, folder, theme.classes, sources, outputs)
    site, pieces = making.all(pdf_name, {chapter: _needed(to, chapter in chosen) for chapter in book.chapters})
    made = []
    if "html" in to:
        listings.write(book, site.entries, [piece["lists"] for piece in pieces], folder)
        _copy_resources(book, theme, folder)
        downloads.write_list(book, folder)
        made.append(folder / book.chapters[0].page)
    if "pdf" in to:
        made.append(write_pdf(book, site.entries, [piece["pdf"] for piece in pieces], folder, making.shelf.pdf))
    return made


def _needed(to: Collection[str], is_chosen: bool) -> set[str]:
    """The pieces of a chapter that a render needs."""
    page = {"lists", *({"page", "files"} if is_chosen else ())} if "html" in to else set()
    return page | ({"pdf", "files"} if "pdf" in to else set())


class _Making:
    """Makes the chapters' pieces, those that were not made before.

    Args:
        book: the project.
        folder: the site.
        classes: what the style sheets have rules for.
        sources, outputs: of the chapters.
    """

    def __init__(
        self, book: Book, folder: Path, classes: Collection[str], sources: Sequence[Source], outputs: Sequence[Executed]
    ) -> None:
        self.book, self.folder, self.classes, self.shelf = book, folder, classes, Shelf(book, classes)
        self.parts = []
        for chapter, source, executed in zip(book.chapters, sources, outputs, strict=True):
            key = self.shelf.key(source, executed)
            made = self.shelf.find(chapter, key)
            self.parts.append(_Part(chapter, source, executed, key, made, made.outline or Outline()))

    def all(self, pdf_name: str | None, needed: Mapping[Chapter, set[str]]) -> tuple[Site, list[dict[str, Any]]]:
        """What every page knows of the others, and the pieces of each chapter; its files are in the site then.

        Args:
            pdf_name: the PDF's, which pages link to.
            needed: the pieces that must be there.
        """
        with ThreadPoolExecutor(2) as pool:  # while pandoc reads one chapter, another one's document is looked through
            list(pool.map(self._read, [part for part in self.parts if part.made.outline is None]))
            entries, targets = self._number()
            citations, works = self._cite()
            home = next((part.chapter for part in self.parts if "refs" in part.outline.identifiers), None)
            owners = {name: target.chapter for name, target in targets.items() if target.kind in crossref.NAMES}
            owners |= {block.identifier: home for block in works.content if home and isinstance(block, pf.Div)}
            site = Site(self.book, entries, owners, pdf_name)
            around = [[entry.chapter.path, entry.chapter.part, entry.number, entry.title] for entry in entries]
            around += [[name, target.number, target.chapter.path] for name, target in targets.items()]

            def make(index: int) -> dict[str, Any]:
                part, words = self.parts[index], citations[index]
                listed = [works] if part.chapter == home else []
                now = hashed(around, pdf_name, pandoc.dump(pf.Doc(pf.Plain(*words), *listed)))
                pieces = part.made.pieces if part.made.around == now else {}
                if needed[part.chapter] <= pieces.keys():
                    for name in needed[part.chapter] & {"page", "files"}:
                        put(pieces[name], self.folder)
                else:
                    pieces = pieces | self._make(site, index, words, works, targets, needed[part.chapter])
                    self.shelf.keep(part.chapter, part.key, Made(part.outline, now, pieces))
                _copy_images(self.book, part.source, part.outline.images, self.folder)
                return pieces

            return site, list(pool.map(make, range(len(self.parts))))

    def _read(self, part: _Part) -> None:
        """Read a chapter by pandoc; its images and data are written beside its page."""
        images = part.chapter.path.with_suffix("").as_posix() + "_files"

        def save(name: str, content: bytes) -> str:
            target = self.folder / images / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            return f"{Path(images).name}/{name}"

        page_folder = self.folder / part.chapter.path.parent
        page_folder.mkdir(parents=True, exist_ok=True)
        markdown, part.source = chapter_markdown(self.book, part.source, part.executed, save)
        document = pandoc.read(markdown, part.source, self.book.filters, page_folder)
        constructs.refuse_unknown(document, part.source, self.classes)
        part.document = crossref.with_title(document, part.source)
        title = crossref.title_of(part.document)
        part.outline = Outline(is_unnumbered="unnumbered" in title.classes, title=pf.stringify(title).strip())

    def _number(self) -> tuple[list[Entry], dict[str, crossref.Target]]:
        numbers = crossref.chapter_numbers(self.book.chapters, [part.outline.is_unnumbered for part in self.parts])
        entries, targets = [], {}
        for part, number in zip(self.parts, numbers, strict=True):
            if part.document is None and part.outline.number != number:
                self._read(part)
            if part.document is not None:
                self._outline(part, number)
            entries.append(Entry(part.chapter, part.source, number, part.outline.title))
            for identifier, found in part.outline.targets.items():
                target, other = crossref.Target(found[0], found[1], part.chapter, found[2]), targets.get(identifier)
                if other is not None and target.kind in crossref.NAMES and other.kind in crossref.NAMES:
                    place = part.source.place(identifier)
                    raise BookError(place, f"the label `{identifier}` is used in {other.chapter.path} already")
                targets[identifier] = target
        crossref.refuse_dead_links([(part.source, part.outline.identifiers, part.outline.links) for part in self.parts], targets)
        return entries, targets

    def _outline(self, part: _Part, number: str) -> None:
        """Number a chapter that has been read, and note what the others have to know of it."""
        assert part.document is not None
        numbering = crossref.Numbering(part.source, part.chapter, number, self.book.option("number-depth", default=6))
        targets = numbering.number(part.document)
        elements = pandoc.elements(part.document)
        part.outline = Outline(
            number=number,
            is_unnumbered=part.outline.is_unnumbered,
            title=part.outline.title,
            targets={name: (target.kind, target.number, target.name) for name, target in targets.items()},
            identifiers=sorted(crossref.identifiers(elements)),
            links=[element.url for element in elements if isinstance(element, pf.Link)],
            images=[element.url for element in elements if isinstance(element, pf.Image)],
            citations=pandoc.dump(pf.Doc(pf.Plain(*_citations(elements)))),
        )

    def _cite(self) -> tuple[list[list[Any]], Any]:
        """The citations of every chapter with their words, all resolved together, and the list of works."""
        files = self.book.options.get("bibliography", [])
        files = [self.book.root / name for name in ([files] if isinstance(files, str) else files)]
        for name in files:
            if not name.is_file():
                raise BookError(Place(Path("_quarto.yml")), f"the bibliography {name.name} is not there")
        csl = self.book.options.get("csl")
        holders: list[Any] = [pandoc.load(part.outline.citations).content[0] for part in self.parts]
        cited = [list(holder.content) for holder in holders]
        works = pf.Div(identifier="refs")
        whole, missing = pandoc.cite(pf.Doc(*(pf.Plain(*some) for some in cited), works), files, csl and self.book.root / csl)
        for key in missing:
            places = [part.source.place("@" + key) for part in self.parts]
            raise BookError(next((place for place in places if place.line), None), f"`@{key}` is in no bibliography")
        if any(cited) and not any("refs" in part.outline.identifiers for part in self.parts):
            raise BookError(None, "a book with citations needs a place for its references: `::: {#refs}` and `:::` in a chapter")
        *resolved, works = whole.content
        return [list(some.content) for some in resolved], works

    def _make(
        self,
        site: Site,
        index: int,
        words: Sequence[Any],
        works: pf.Div,
        targets: Mapping[str, crossref.Target],
        needed: Collection[str],
    ) -> dict[str, Any]:
        """Make the pieces of a chapter that are needed."""
        part = self.parts[index]
        if part.document is None:
            number = part.outline.number
            self._read(part)
            self._outline(part, number)
        document = part.document
        assert document is not None
        elements = pandoc.elements(document)
        for cite, resolved in zip(_citations(elements), words, strict=True):
            cite.content = list(resolved.content)
        for place in elements:
            if isinstance(place, pf.Div) and place.identifier == "refs":
                place.content, place.classes, place.attributes = list(works.content), works.classes, works.attributes
        crossref.resolve(document, part.source, targets)
        pieces: dict[str, Any] = {}
        if "page" in needed:
            write_page(site, index, pandoc.copy(document), self.folder)
            downloads.write_chapter(self.book, self.folder, part.chapter, part.source)
            pieces["page"] = page_of(part.chapter, self.folder)
        if "lists" in needed:
            pieces["lists"] = listings.of(site.entries[index], document)
        if "pdf" in needed:
            pieces["pdf"] = piece(self.book, site.entries, index, document)
        return pieces | {"files": files_of(part.chapter, self.folder)}


def _citations(elements: Sequence[Any]) -> list[pf.Cite]:
    """The citations of works among the elements of a document."""
    cites = [element for element in elements if isinstance(element, pf.Cite)]
    return [cite for cite in cites if not any(crossref.kind_of(citation.id) for citation in cite.citations)]


def _copy_images(book: Book, source: Source, addresses: Collection[str], folder: Path) -> None:
    """Copy the images that the author points to."""
    for address in addresses:
        place = source.place(address)
        if "://" in address:
            raise BookError(place, f"the image {address} would be fetched from another host; keep a copy in the project")
        relative = inside(source.path.parent / address, place, "an image")
        if (folder / relative).is_file():
            continue
        if not (book.root / relative).is_file():
            raise BookError(place, f"the image {address} is not there")
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


def resources(book: Book, made_later: str | None = None) -> list[Path]:
    """The files that the project file names for the site, relative to the project; hidden folders and caches are not among them.

    Args:
        book: the project.
        made_later: a folder that need not be there yet.

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
        if not paths and not (made_later and str(pattern).startswith(made_later)):
            raise BookError(place, f"`{pattern}` matches no file")
        found += sorted(paths)
    return found
