"""The site's pages: a chapter's document as HTML inside our template.

pandoc writes the text, with formulas as MathML; this module prepares what Quarto's constructs look like in HTML and where
links lead, and fills the page template (`theme/page.html`) with navigation, contents and the neighbours' links. Scripts and
styles become files of their own (`policy`).
"""

from __future__ import annotations

import functools
import html
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import panflute as pf

from . import constructs, pandoc, policy, styles
from .project import Book, Chapter
from .qmd import Source

THEME = Path(__file__).parent / "theme"


@dataclass(frozen=True)
class Heading:
    """An entry of a page's contents."""

    level: int
    identifier: str
    number: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A chapter in the navigation."""

    chapter: Chapter
    source: Source
    number: str
    title: str


@dataclass(frozen=True)
class Site:
    """What every page knows of the others.

    Attributes:
        entries: the chapters in reading order.
        owners: identifier -> the chapter that holds it, for links between pages.
        pdf: the PDF's file name, or None when it is not made.
    """

    book: Book
    entries: Sequence[Entry]
    owners: Mapping[str, Chapter]
    pdf: str | None

    def relative(self, target: Path, page: Path) -> str:
        return Path(os.path.relpath(target, page.parent)).as_posix()


def write_page(site: Site, index: int, document: pf.Doc, output: Path) -> None:
    """Write one chapter's page and its scripts and style sheets below the folder `output`."""
    entry = site.entries[index]
    headings = contents(document, site.book.option("toc-depth", entry.source, default=3))
    heading, *body = document.content
    identifier, title = heading.identifier, heading.content
    prepared = _Lowering(site, entry).document(pf.Doc(*body))
    content = pandoc.write(list(prepared.content), "html5", entry.source)
    page = entry.chapter.page
    book = site.book.options["book"]
    text = _template().render(
        lang=site.book.options.get("lang", "en"),
        book=site.book,
        subtitle=book.get("subtitle"),
        footer=_markdown_html(book.get("page-footer"), entry.source),
        favicon=book.get("favicon"),
        about=_about(site.book, entry),
        tools=_tools(site.book, entry),
        entry=entry,
        groups=_groups(site.entries),
        headings=headings,
        previous=site.entries[index - 1] if index else None,
        next=site.entries[index + 1] if index + 1 < len(site.entries) else None,
        pdf=site.pdf,
        content=content,
        identifier=identifier,
        title=_inline_html(title, entry.source),
        styles=["site.css", "book.css", *styles.own(site.book)],
        policy=policy.of(content),
        to=lambda target: site.relative(Path(target), page),
    )
    text, files = policy.obey(text, f"{page.stem}_files", entry.source)
    for address, content in {page.name: text, **files}.items():
        target = output / page.parent / address
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8", newline="\n")


def contents(document: pf.Doc, depth: int) -> list[Heading]:
    """The page's own contents: its headings from the second level down to `depth`."""
    headers = [element for element in pandoc.elements(document) if isinstance(element, pf.Header) and 1 < element.level <= depth]
    return [
        Heading(header.level, header.identifier, header.attributes.get("number", ""), pf.stringify(header).strip())
        for header in headers
        if "block-title" not in header.classes
    ]


def _groups(entries: Sequence[Entry]) -> list[tuple[str | None, list[Entry]]]:
    groups: list[tuple[str | None, list[Entry]]] = []
    for entry in entries:
        if not groups or groups[-1][0] != entry.chapter.part:
            groups.append((entry.chapter.part, []))
        groups[-1][1].append(entry)
    return groups


def _about(book: Book, entry: Entry) -> dict[str, str]:
    """What search engines and previews are told of a page: the name of a `<meta>` element -> its content."""
    options = book.options["book"]
    description = entry.source.meta.get("description") or options.get("description", "")
    found = {"description": description}
    card = {"title": entry.title, "description": description}
    if address := options.get("site-url"):
        address = address.rstrip("/")
        if "image" in options:
            card["image"] = f"{address}/{options['image']}"
        if options.get("open-graph"):
            found |= {"og:url": f"{address}/{entry.chapter.page.as_posix()}", "og:site_name": book.title, "og:type": "article"}
            found |= {f"og:{name}": text for name, text in card.items()}
        if options.get("twitter-card"):
            found |= {f"twitter:{name}": text for name, text in card.items()}
            found["twitter:card"] = "summary_large_image" if "image" in card else "summary"
    return found


def source_address(book: Book, path: Path, action: str = "blob") -> str | None:
    """Where a file of the project lies in the public repository; None where no repository is named.

    Args:
        book: the project.
        path: the file, relative to the project's folder.
        action: "blob" to look at it, "edit" to change it.
    """
    options = book.options["book"]
    address = options.get("repo-url")
    return address and f"{address.rstrip('/')}/{action}/{options.get('repo-branch', 'main')}/{path.as_posix()}"


def _tools(book: Book, entry: Entry) -> list[tuple[str, str]]:
    """The links about a page itself: words and address."""
    found = [("This chapter as a notebook", entry.chapter.page.with_suffix(".ipynb").name)] if entry.source.cells else []
    options = book.options["book"]
    actions = options.get("repo-actions", []) if "repo-url" in options else []
    words = {"edit": "Edit this page", "source": "View source", "issue": "Report an issue"}
    for action in [actions] if isinstance(actions, str) else actions:
        address = source_address(book, entry.chapter.path, "edit" if action == "edit" else "blob")
        found.append((words[action], f"{options['repo-url'].rstrip('/')}/issues/new" if action == "issue" else str(address)))
    return found


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(THEME),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["escape"] = html.escape
    return environment.get_template("page.html")


def _inline_html(inlines: Any, source: Source) -> str:
    return pandoc.write([pf.Plain(*inlines)], "html5", source).strip()


def _markdown_html(text: str | None, source: Source) -> str:
    return pandoc.write(list(pandoc.read(text, source).content), "html5", source).strip() if text else ""


def _kept_together(inlines: list[Any]) -> Iterator[Any]:
    """The same inlines with each formula tied to the punctuation behind it, which a browser would let begin a line."""
    while inlines:
        inline = inlines.pop(0)
        follows = inlines[0] if inlines else None
        is_formula = isinstance(inline, pf.Math) and inline.format == "InlineMath"
        if is_formula and isinstance(follows, pf.Str) and follows.text[0] in ",.;:!?)":
            inline = pf.Span(inline, inlines.pop(0), classes=["together"])
        yield inline


class _Lowering:
    """Turns the book's constructs into what pandoc's HTML writer knows."""

    def __init__(self, site: Site, entry: Entry) -> None:
        self.site, self.chapter, self.source = site, entry.chapter, entry.source
        self._n_tabsets = 0

    def document(self, document: pf.Doc) -> pf.Doc:
        return pandoc.walk(document, self._action)

    def _action(self, element: Any, _: pf.Doc) -> Any:
        if constructs.is_conditional(element):
            return list(element.content) if constructs.is_shown(element, "html") else []
        match element:
            case pf.Para() | pf.Plain():
                element.content = list(_kept_together(list(element.content)))
            case pf.Link():
                element.url = self._address(element.url)
            case pf.Image():
                self._image(element)
            case pf.Header():
                return self._heading(element)
            case pf.Table():
                table = pf.RawBlock('<div class="table-scroll" role="region" tabindex="0" aria-label="table">', format="html")
                return [table, element, pf.RawBlock("</div>", format="html")]
            case pf.CodeBlock() if "cell-code" in element.classes:
                return self._code(element)
            case pf.CodeBlock() if "cell-output" in element.classes:
                element.attributes["tabindex"] = "0"
            case pf.Span() if "equation" in element.classes:
                number = pf.Span(pf.Str(f"({element.attributes.pop('number')})"), classes=["equation-number"])
                element.content = [*element.content, number]
            case pf.Div() if constructs.callout_kind(element):
                return self._callout(constructs.callout(element))
            case pf.Div() if "panel-tabset" in element.classes:
                return self._tabset(constructs.tabs(element))
            case pf.Div() if constructs.columns(element):
                element.attributes = {"style": f"--columns: {constructs.columns(element)}"}
                element.classes = [*element.classes, "layout"]
        return None

    def _address(self, url: str) -> str:
        """Where a link leads from this page: identifiers of other chapters and `.qmd` files become pages."""
        path, mark, identifier = url.partition("#")
        if not path and identifier:
            owner = self.site.owners.get(identifier, self.chapter)
            return url if owner == self.chapter else f"{self._to(owner.page)}#{identifier}"
        if path.endswith(".qmd") and "://" not in path:
            return path.removesuffix(".qmd") + ".html" + mark + identifier
        return url

    def _to(self, target: Path) -> str:
        return self.site.relative(target, self.chapter.page)

    def _image(self, image: pf.Image) -> None:
        alt = image.attributes.pop("fig-alt", None) or image.attributes.get("alt")
        image.attributes["alt"] = alt if alt is not None else pf.stringify(image)
        image.attributes["loading"] = "lazy"

    def _heading(self, header: pf.Header) -> pf.Header:
        if "block-title" in header.classes:
            return header
        number = header.attributes.pop("number", "")
        if number:
            header.content = [pf.Span(pf.Str(number), classes=["section-number"]), pf.Space, *header.content]
        if header.identifier:
            anchor = f'<a class="anchor" href="#{header.identifier}" aria-label="Link to this section">#</a>'
            header.content = [*header.content, pf.RawInline(anchor, format="html")]
        return header

    def _code(self, block: pf.CodeBlock) -> list[Any] | pf.CodeBlock:
        fold, summary = block.attributes.pop("fold", None), block.attributes.pop("summary", "Code")
        if not fold:
            return block
        start = f'<details class="code-fold"{" open" if fold == "open" else ""}><summary>{html.escape(summary)}</summary>'
        end = "</details>"
        if address := source_address(self.site.book, self.source.path):
            line = self.source.place(block.text.split("\n")[0]).line
            end = f'<p><a href="{address}#L{line}">{self.source.path.as_posix()}, line {line}</a></p>{end}'
        return [pf.RawBlock(start, format="html"), block, pf.RawBlock(end, format="html")]

    def _callout(self, callout: constructs.Callout) -> list[Any]:
        title = _inline_html(callout.title, self.source)
        if callout.collapse is None:
            start = f'<div class="callout callout-{callout.kind}"><p class="callout-title">{title}</p>'
            end = "</div>"
        else:
            is_open = "" if callout.collapse else " open"
            start = f'<details class="callout callout-{callout.kind}"{is_open}><summary class="callout-title">{title}</summary>'
            end = "</details>"
        return [pf.RawBlock(start, format="html"), *callout.body, pf.RawBlock(end, format="html")]

    def _tabset(self, tabs: Sequence[constructs.Tab]) -> list[Any]:
        self._n_tabsets += 1
        name = f"tabset-{self._n_tabsets}"
        buttons = "".join(
            f'<button type="button" role="tab" id="{name}-{n}-tab" aria-controls="{name}-{n}" '
            f'aria-selected="{"true" if n == 0 else "false"}">{_inline_html(tab.title, self.source)}</button>'
            for n, tab in enumerate(tabs)
        )
        blocks: list[Any] = [pf.RawBlock(f'<div class="tabset"><div class="tabs" role="tablist">{buttons}</div>', format="html")]
        for n, tab in enumerate(tabs):
            start = f'<div role="tabpanel" class="tab" id="{name}-{n}" aria-labelledby="{name}-{n}-tab">'
            title = f'<p class="tab-heading">{_inline_html(tab.title, self.source)}</p>'
            blocks += [pf.RawBlock(start + title, format="html"), *tab.body, pf.RawBlock("</div>", format="html")]
        return [*blocks, pf.RawBlock("</div>", format="html")]
