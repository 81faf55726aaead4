"""Numbers and references: figures, tables, equations and sections of the whole book.

Numbers are Quarto's: "Figure 2.3" is the third figure of chapter 2, "Section 2.1" its first section, "Chapter 2" and
"Appendix A" whole chapters, "Figure 2" the second figure of a chapter without a number. A reference is a citation whose
key begins with the kind (`@fig-spectrum`); `[-@fig-spectrum]` gives the number alone and `[see @fig-spectrum]` another
word in place of "Figure".

Two steps. `number` gives every target of a chapter its number and writes it into caption or heading; `resolve`, once
all chapters are numbered, replaces references by links. A figure is, after the first step, a pandoc Figure whatever its
author wrote: a Div with an identifier, an image with one, or a cell's output.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import panflute as pf

from . import pandoc
from .constructs import OTHER_LABELS, is_titled
from .errors import BookError, Place
from .project import Chapter
from .qmd import Source

NAMES = {"fig": "Figure", "tbl": "Table", "eq": "Equation", "sec": "Section"}
"""The kinds of targets and the words that references to them begin with."""

_EQUATION_LABEL = re.compile(r"\{#(eq-[^}\s]+)\}(.*)")


@dataclass(frozen=True)
class Target:
    """Something that can be referred to.

    Attributes:
        kind: `fig`, `tbl`, `eq` or `sec`.
        number: such as "2.1" or "2.1 (a)"; empty when the target has none.
        chapter: the chapter that it stands in.
        name: the word before the number.
    """

    kind: str
    number: str
    chapter: Chapter
    name: str


def kind_of(identifier: str) -> str | None:
    """The kind that an identifier such as `fig-spectrum` declares, or None."""
    kind = identifier.split("-")[0].lower()
    return kind if "-" in identifier and (kind in NAMES or kind in OTHER_LABELS) else None


def chapter_numbers(chapters: Sequence[Chapter], unnumbered: Sequence[bool]) -> list[str]:
    """Each chapter's number: "1", "2", ..., "A", ... or "" for one whose title is unnumbered."""
    numbers, counts = [], Counter[bool]()
    for chapter, is_unnumbered in zip(chapters, unnumbered, strict=True):
        if is_unnumbered:
            numbers.append("")
            continue
        counts[chapter.appendix] += 1
        count = counts[chapter.appendix]
        numbers.append(chr(ord("A") + count - 1) if chapter.appendix else str(count))
    return numbers


def title_of(document: pf.Doc) -> pf.Header:
    """The chapter's title; `with_title` has put it first."""
    return next(block for block in document.content if isinstance(block, pf.Header) and block.level == 1)


def with_title(document: pf.Doc, source: Source) -> pf.Doc:
    """The document with its title as the one first-level heading in front.

    Raises:
        BookError: no title, more than one, or text before it.
    """
    titles = [block for block in document.content if isinstance(block, pf.Header) and block.level == 1]
    if source.meta.get("title"):
        title = str(source.meta["title"])
        if title.endswith("}"):
            raise BookError(
                source.place("title:"), "a title with attributes must be a heading, `# Title {...}`; Quarto prints them here"
            )
        titles = [*pandoc.read(f"# {title}", source).content, *titles]
        document.content.insert(0, titles[0])
    if len(titles) != 1:
        raise BookError(Place(source.path), f"a chapter needs one first-level heading, its title; found {len(titles)}")
    if document.content[0] is not titles[0]:
        raise BookError(source.place(pf.stringify(titles[0]).strip()), "the title must be the first thing in its chapter")
    return document


class Numbering:
    """Numbers one chapter's targets in document order."""

    def __init__(self, source: Source, chapter: Chapter, number: str, depth: int = 6) -> None:
        self.source, self.chapter, self.chapter_number, self.depth = source, chapter, number, depth
        self.targets: dict[str, Target] = {}
        self._counts: Counter[str] = Counter()
        self._sections = [0] * 7

    def number(self, document: pf.Doc) -> dict[str, Target]:
        """Write the numbers into the document and return its targets."""
        document.content = [new for block in list(document.content) for new in self._block(block)]
        return self.targets

    # -- blocks -------------------------------------------------------------------------------------------------------

    def _block(self, block: Any) -> list[Any]:
        if isinstance(block, pf.Header):
            self._heading(block)
        elif isinstance(block, pf.Para | pf.Plain):
            self._equations(block)
        elif isinstance(block, pf.Div | pf.Figure) and block.identifier.startswith("fig-"):
            return [self._figure(block)]
        elif isinstance(block, pf.Div) and block.identifier.startswith("tbl-"):
            return self._table_div(block)
        elif isinstance(block, pf.Div) and "figure-without-number" in block.classes:
            return [_as_figure(block, self._caption(block), "")]
        elif isinstance(block, pf.Table):
            if block.identifier.startswith("tbl-"):
                self._number_table(block, block.identifier, None)
        elif isinstance(block, pf.Div) and is_titled(block):
            for child in block.content:
                if isinstance(child, pf.Header):
                    child.classes = [*child.classes, "block-title"]
            self._children(block)
        elif hasattr(block, "content") and isinstance(block, pf.Block):
            self._children(block)
        return [block]

    def _children(self, parent: Any) -> None:
        content = []
        for child in list(parent.content):
            if isinstance(child, pf.Block):
                content += self._block(child)
            else:
                for holder in child.definitions if isinstance(child, pf.DefinitionItem) else [child]:
                    if isinstance(holder, pf.ListItem | pf.Definition):
                        self._children(holder)
                content.append(child)
        parent.content = content

    def _heading(self, header: pf.Header) -> None:
        if header.level == 1:
            number = self.chapter_number
        elif {"unnumbered", "block-title"} & set(header.classes) or not self.chapter_number or header.level > self.depth:
            number = ""
        else:
            self._sections[header.level] += 1
            self._sections[header.level + 1 :] = [0] * (6 - header.level)
            number = ".".join([self.chapter_number, *(str(n or 1) for n in self._sections[2 : header.level + 1])])
        if number:
            header.attributes["number"] = number
        if header.identifier:
            name = "Section" if header.level > 1 else "Appendix" if self.chapter.appendix else "Chapter"
            kind = "sec" if header.identifier.startswith("sec-") else "heading"
            self._add(header.identifier, Target(kind, number, self.chapter, name))

    def _figure(self, figure: pf.Div | pf.Figure) -> pf.Figure:
        number = self._next("fig")
        self._add(figure.identifier, Target("fig", number, self.chapter, NAMES["fig"]))
        caption = self._caption(figure)
        letters = iter("abcdefghijklmnopqrstuvwxyz")

        def letter(element: Any, _: pf.Doc) -> Any:
            if isinstance(element, pf.Div | pf.Figure) and element.identifier.startswith("fig-"):
                part = f"({next(letters)})"
                self._add(element.identifier, Target("fig", f"{number} {part}", self.chapter, NAMES["fig"]))
                return _as_figure(element, self._caption(element), part, "subfigure")
            return None

        holder = pf.Doc(*_blocks_without_caption(figure))
        blocks = list(pandoc.walk(holder, letter).content)
        return _as_figure(figure, caption, f"Figure\u00a0{number}:", content=blocks)

    def _table_div(self, div: pf.Div) -> list[Any]:
        caption = self._caption(div)
        blocks = _blocks_without_caption(div)
        tables = [block for block in blocks if isinstance(block, pf.Table)]
        if len(tables) == 1:
            self._number_table(tables[0], div.identifier, caption)
            return blocks
        number = self._next("tbl")
        self._add(div.identifier, Target("tbl", number, self.chapter, NAMES["tbl"]))
        return [_as_figure(div, caption, f"Table\u00a0{number}:", "table-figure", content=blocks)]

    def _number_table(self, table: pf.Table, identifier: str, caption: Sequence[Any] | None) -> None:
        number = self._next("tbl")
        self._add(identifier, Target("tbl", number, self.chapter, NAMES["tbl"]))
        if caption is None:
            caption = [inline for block in table.caption.content for inline in block.content]
        table.identifier = identifier
        table.caption = pf.Caption(pf.Plain(pf.Str(f"Table\u00a0{number}:"), pf.Space, *caption))

    def _equations(self, paragraph: pf.Para | pf.Plain) -> None:
        inlines, content = list(paragraph.content), []
        while inlines:
            inline = inlines.pop(0)
            if isinstance(inline, pf.Math) and inline.format == "DisplayMath":
                ahead = [item for item in inlines[:2] if isinstance(item, pf.Str)]
                label = _EQUATION_LABEL.fullmatch(ahead[0].text) if ahead else None
                if label:
                    inlines = inlines[inlines.index(ahead[0]) + 1 :]
                    number = self._next("eq")
                    self._add(label[1], Target("eq", number, self.chapter, NAMES["eq"]))
                    inline = pf.Span(inline, identifier=label[1], classes=["equation"], attributes={"number": number})
                    content += [inline, *([pf.Str(label[2])] if label[2] else [])]
                    continue
            content.append(inline)
        paragraph.content = content

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _next(self, kind: str) -> str:
        self._counts[kind] += 1
        count = str(self._counts[kind])
        return f"{self.chapter_number}.{count}" if self.chapter_number else count

    def _add(self, identifier: str, target: Target) -> None:
        if identifier in self.targets:
            place = self.source.place(f"#{identifier}", last=True)
            raise BookError(place, f"the label `{identifier}` is used twice in this chapter")
        if "_" in identifier and target.kind in NAMES:
            raise BookError(self.source.place(identifier), f"the label `{identifier}` must have hyphens in place of underscores")
        self.targets[identifier] = target

    def _caption(self, figure: pf.Div | pf.Figure) -> list[Any]:
        if isinstance(figure, pf.Figure):
            inlines = [inline for block in figure.caption.content for inline in block.content] if figure.caption else []
        else:
            last = figure.content[-1] if len(figure.content) else None
            inlines = list(last.content) if isinstance(last, pf.Para) else []
        if not inlines or all(isinstance(inline, pf.Image) for inline in inlines):
            place = self.source.place(figure.identifier)
            raise BookError(place, f"`{figure.identifier}` needs a caption: the last paragraph of its block")
        return inlines


def _blocks_without_caption(figure: pf.Div | pf.Figure) -> list[Any]:
    return list(figure.content) if isinstance(figure, pf.Figure) else list(figure.content)[:-1]


def _as_figure(
    figure: pf.Div | pf.Figure, caption: Sequence[Any], number: str, *classes: str, content: list[Any] | None = None
) -> pf.Figure:
    blocks = content if content is not None else _blocks_without_caption(figure)
    lead = [pf.Str(number), pf.Space] if number else []
    return pf.Figure(
        *blocks,
        caption=pf.Caption(pf.Plain(*lead, *caption)),
        identifier=figure.identifier,
        classes=[name for name in (*figure.classes, *classes) if name != "figure-without-number"],
        attributes=dict(figure.attributes),
    )


def resolve(document: pf.Doc, source: Source, targets: Mapping[str, Target]) -> pf.Doc:
    """Replace references by links to their targets; links to other pages are completed by each format.

    Raises:
        BookError: a reference to a label that no chapter has, or one mixed with a citation.
    """

    def action(element: Any, _: pf.Doc) -> Any:
        if not isinstance(element, pf.Cite):
            return None
        kinds = [kind_of(citation.id) for citation in element.citations]
        if not any(kinds):
            return None
        first = next(citation.id for citation, kind in zip(element.citations, kinds, strict=True) if kind)
        place = source.place("@" + first)
        if not all(kinds):
            raise BookError(place, f"`@{first}` and a citation stand together; put a word between them")
        links: list[Any] = []
        for citation in element.citations:
            links += [pf.Str(","), pf.Space] if links else []
            links.append(_link(citation, targets, place))
        return links

    return pandoc.walk(document, action)


def _link(citation: pf.Citation, targets: Mapping[str, Target], place: Place) -> pf.Link:
    identifier = citation.id[0].lower() + citation.id[1:]
    target = targets.get(identifier)
    if target is None:
        raise BookError(place, f"`@{citation.id}` refers to nothing; no chapter has that label")
    if not target.number:
        raise BookError(place, f"`@{citation.id}` refers to a heading without a number; write a link with a text")
    if citation.suffix:
        raise BookError(place, f"`@{citation.id}` cannot have a text after it inside the brackets")
    text: list[Any] = [pf.Str(target.number)]
    if citation.prefix:
        text = [*citation.prefix, pf.Str("\u00a0"), *text]
    elif citation.mode != "SuppressAuthor":
        text = [pf.Str(f"{target.name}\u00a0{target.number}")]
    return pf.Link(*text, url=f"#{identifier}", classes=["reference"])


def refuse_dead_links(chapters: Sequence[tuple[Source, Collection[str], Collection[str]]], targets: Mapping[str, Target]) -> None:
    """Refuse a link to a heading or a chapter that the book does not have.

    Args:
        chapters: of each the source, all identifiers, and the addresses of its links.
        targets: what can be referred to.

    Raises:
        BookError: the first such link.
    """
    known = {source.path: set(names) for source, names, _ in chapters}
    for source, _, links in chapters:
        for url in links:
            path, _, identifier = unquote(url).partition("#")
            if urlsplit(url).scheme or (path and not path.endswith(".qmd")):
                continue
            page = Path(os.path.normpath(source.path.parent / path)) if path else source.path
            if page not in known:
                raise BookError(source.place(path), f"the link to `{path}` leads to no chapter of the book")
            elsewhere = not path and identifier in targets and targets[identifier].kind in NAMES
            if identifier and identifier not in known[page] and not elsewhere:
                raise BookError(source.place(f"#{identifier}"), f"the link leads to no `#{identifier}` in {page}")


def identifiers(elements: Sequence[Any]) -> set[str]:
    """Every identifier among the elements of a document, those in raw HTML included."""
    found: set[str] = set()
    for element in elements:
        found.add(getattr(element, "identifier", ""))
        if isinstance(element, pf.RawBlock | pf.RawInline):
            found.update(re.findall(r"""\bid=["']([^"']+)""", element.text))
    return found
