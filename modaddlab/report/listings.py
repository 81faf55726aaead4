"""What the built-in site lists of itself: the search index, what a link shows before one follows it, and the map of its pages.

Index and previews are scripts and not JSON, so that they also load from a page that was opened as a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from typing import Any

import panflute as pf

from . import constructs, pandoc
from .pages import Entry
from .project import Book
from .qmd import Source

LONGEST_TABLE = 12
"""Rows of a table that is shown whole before one goes to it; of a longer one there is the caption."""

_SHOWN = re.compile(r"(fig|tbl|eq|sec|ref|term)-")
_FORMULA = re.compile(r"<math.*?</math>", re.DOTALL)
_TEX = re.compile(r"<annotation.*?</annotation>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def of(entry: Entry, document: pf.Doc) -> dict[str, Any]:
    """What the site lists of a chapter: its sections for the search, its previews."""
    return {"sections": _sections(entry, document), "previews": _previews(entry, document)}


def write(book: Book, entries: Sequence[Entry], lists: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write the search index, the previews and, where the book has a public address, the map into the site.

    Args:
        book: the project.
        entries: its chapters.
        lists: of each, what `of` gives.
        folder: the site.
    """
    index = [section for found in lists for section in found["sections"]]
    previews = {name: text for found in lists for name, text in found["previews"].items()}
    texts = {"search-index.js": _script("SEARCH_INDEX", index), "previews.js": _script("PREVIEWS", previews)}
    if address := book.options["book"].get("site-url"):
        texts["sitemap.xml"] = _sitemap(address, entries)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _script(name: str, value: Any) -> str:
    return f"window.{name} = {json.dumps(value, ensure_ascii=False)};\n"


def _sitemap(address: str, entries: Sequence[Entry]) -> str:
    pages = [f"  <url><loc>{escape(address.rstrip('/'))}/{entry.chapter.page.as_posix()}</loc></url>" for entry in entries]
    start = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
    return "\n".join([start, *pages, "</urlset>\n"])


# -- search ---------------------------------------------------------------------------------------------------------------


def _sections(entry: Entry, document: pf.Doc) -> list[dict[str, str]]:
    """One entry per section: where it is, what it is called, its text."""
    index: list[dict[str, str]] = []
    formulas, section = _plain_formulas(document, entry.source), {}
    for block in _shown(document.content):
        if isinstance(block, pf.Header) and block.identifier:
            first = block.level == 1
            address = entry.chapter.page.as_posix() + ("" if first else f"#{block.identifier}")
            name = "" if first else " ".join(_prose(block, formulas).split())
            section = {"address": address, "title": entry.title, "section": name, "text": ""}
            index.append(section)
        elif section:
            section["text"] += " ".join(_prose(block, formulas).split()) + " "
    return index


def _shown(blocks: Iterable[Any]) -> Iterator[Any]:
    """Blocks as a page shows them: those for its format among the others, those for another left out."""
    for block in blocks:
        if not constructs.is_conditional(block):
            yield block
        elif constructs.is_shown(block, "html"):
            yield from _shown(block.content)


def _plain_formulas(document: pf.Doc, source: Source) -> dict[str, str]:
    """Every formula of a chapter as a line of letters and signs: TeX -> words."""
    found = dict.fromkeys(element.text for element in pandoc.elements(document) if isinstance(element, pf.Math))
    blocks = [pf.Para(pf.Math(text, format="InlineMath")) for text in found]
    html = pandoc.write(blocks, "html5", source)
    signs = [unescape(_TAG.sub("", _TEX.sub("", formula))) for formula in _FORMULA.findall(html)]
    drawn = [" ".join(line.replace("\u2061", " ").split()) for line in signs]  # a sign that nobody sees
    return {text: text if "\\" not in text else plain for text, plain in zip(found, drawn, strict=True)}


def _prose(block: Any, formulas: dict[str, str]) -> str:
    """A block's text without code blocks and raw HTML."""
    texts: list[str] = []

    def collect(element: Any) -> None:
        if isinstance(element, pf.Math):
            texts.append(formulas[element.text])
        elif isinstance(element, pf.Str | pf.Code):
            texts.append(element.text)
        elif isinstance(element, pf.Space | pf.SoftBreak | pf.LineBreak | pf.Block):
            texts.append(" ")

    _each(block, collect)
    return "".join(texts)


def _each(element: Any, action: Callable[[Any], Any]) -> None:
    for inner in pandoc.elements(element):
        action(inner)


# -- previews -------------------------------------------------------------------------------------------------------------


def _previews(entry: Entry, document: pf.Doc) -> dict[str, str]:
    """What can be pointed at: identifier -> HTML, with the addresses of images relative to the site."""
    blocks: list[Any] = []
    for identifier, content in _targets(pandoc.copy(document)):
        holder = _bare(pf.Doc(*content), entry.chapter.page.parent)
        blocks += [pf.RawBlock(f"<!--preview {identifier}-->", format="html"), *holder.content]
    html = pandoc.write(blocks, "html5", entry.source)
    pieces = re.split(r"<!--preview (\S+)-->\n?", html)[1:]
    return {name: text.strip() for name, text in zip(pieces[::2], pieces[1::2], strict=True)}


def _targets(document: pf.Doc) -> Iterator[tuple[str, list[Any]]]:
    found: list[tuple[str, list[Any]]] = []
    blocks = list(document.content)

    def collect(element: Any) -> None:
        identifier = getattr(element, "identifier", "")
        if not _SHOWN.match(identifier or ""):
            return
        if isinstance(element, pf.Figure):
            found.append((identifier, [*_first_drawings(element), *element.caption.content]))
        elif isinstance(element, pf.Table):
            n_rows = sum(len(body.content) for body in element.content)
            found.append((identifier, [element] if n_rows <= LONGEST_TABLE else list(element.caption.content)))
        elif isinstance(element, pf.Header):
            number = element.attributes.get("number", "")
            start = [pf.Strong(pf.Str(number), pf.Space, *element.content) if number else pf.Strong(*element.content)]
            after = blocks[blocks.index(element) + 1 :] if element in blocks else []
            text = next((block for block in after if isinstance(block, pf.Para)), None)
            found.append((identifier, [pf.Para(*start), *([text] if text else [])]))
        elif isinstance(element, pf.Span) and isinstance(element.parent, pf.DefinitionItem):
            found.append((identifier, [pf.Para(pf.Strong(*element.content)), *element.parent.definitions[0].content]))
        elif isinstance(element, pf.Span):
            found.append((identifier, [pf.Para(*element.content)]))
        elif isinstance(element, pf.Div):
            found.append((identifier, list(element.content)))

    _each(document, collect)
    yield from found


def _first_drawings(figure: pf.Figure) -> list[Any]:
    """The first drawing of a figure in each theme."""
    drawings: dict[str, Any] = {}

    def collect(element: Any) -> None:
        for theme in ("light-content", "dark-content"):
            if isinstance(element, pf.Div) and theme in element.classes:
                drawings.setdefault(theme, element)
        if isinstance(element, pf.Para | pf.Plain) and any(isinstance(inline, pf.Image) for inline in element.content):
            drawings.setdefault("any", element)

    _each(figure, collect)
    themes = [drawings[theme] for theme in ("light-content", "dark-content") if theme in drawings]
    return themes or [drawings[name] for name in ("any",) if name in drawings]


def _bare(content: pf.Doc, folder: Path) -> pf.Doc:
    """Content without links, notes, code and identifiers of its own."""

    def action(element: Any, _: pf.Doc) -> Any:
        if isinstance(element, pf.Note | pf.CodeBlock | pf.RawBlock):
            return []
        if isinstance(element, pf.Link | pf.Cite):
            return list(element.content)
        if isinstance(element, pf.Image):
            alt = element.attributes.pop("fig-alt", None) or element.attributes.get("alt")
            element.attributes = {"alt": alt or pf.stringify(element)}
            element.url = (folder / element.url).as_posix()
        if getattr(element, "identifier", ""):
            element.identifier = ""
        return None

    return pandoc.walk(content, action)
