"""A report's Markdown and drawings as one self-contained page, or as a PDF, by the means of the book's renderer."""

from __future__ import annotations

import dataclasses
import html
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panflute as pf

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.report import constructs, pandoc, styles
from modaddlab.report.pages import THEME, Entry, contents
from modaddlab.report.pdf import piece, write_pdf
from modaddlab.report.project import Book, Chapter, load_book
from modaddlab.report.qmd import Source

SIGN = "modaddlab.reports"
"""Who made a page: its generator; the author of a PDF."""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a page may load: nothing."""

Drawings = Mapping[str, Mapping[str, str]]
"""File name -> theme -> SVG."""

_IMAGE = re.compile(r'<img src="([\w.-]+)"([^>]*)>')
_FONT = re.compile(r"@font-face \{[^{}]*\}")
_DARK = re.compile(r'\[data-theme="dark"\] \{([^{}]*)\}')


def page(text: str, drawings: Drawings) -> str:
    """A report as HTML that asks for no other file and no script, light or dark as the reader's system is.

    Args:
        text: Markdown that begins with its title.
        drawings: the images that it names.

    Raises:
        LabError: there is no checkout, which has the book's look.
    """
    book = _book()
    document, source = _document(text, book)
    links = "".join(f'<li><a href="#{one.identifier}">{html.escape(one.text)}</a></li>' for one in contents(document, 2))
    body = pandoc.write(list(pandoc.walk(document, _for_html).content), "html5", source)
    body = body.replace("<figure>", '<figure tabindex="0">')  # whoever chooses one on a narrow screen sees it large
    body = _IMAGE.sub(lambda match: _picture(drawings[match[1]], match[2].rstrip(" /")), body)
    body = body.replace("</h1>", f'</h1>\n<nav aria-label="On this page"><ul>{links}</ul></nav>', 1)
    css = "\n".join((THEME / name).read_text(encoding="utf-8") for name in ("site.css", "run.css")) + styles.read(book).css
    css = _FONT.sub("", css)  # a font would be a file of its own
    css = _DARK.sub(r"@media (prefers-color-scheme: dark) { :root {\1} }", css)
    title = html.escape(pf.stringify(document.content[0]))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="generator" content="{SIGN}">\n'
        f"<title>{title}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def pdf(text: str, drawings: Drawings) -> bytes:
    """A report as a PDF; arguments and errors as of `page`."""
    book = _book()
    document, source = _document(text, book)
    title = pf.stringify(document.content[0])
    chapter = Chapter(source.path)
    options = {"lang": "en", "book": {"title": title, "author": SIGN, "output-file": "report"}}
    book = dataclasses.replace(book, options=options, chapters=(chapter,))
    with tempfile.TemporaryDirectory(prefix="modaddlab-report-") as folder:
        for name, drawn in drawings.items():
            (Path(folder) / name).write_text(drawn["light"], encoding="utf-8", newline="\n")
        entries = [Entry(chapter, source, "", title)]
        text = f"#stay.update(true)\n{piece(book, entries, 0, document)}"
        return write_pdf(book, entries, [text], Path(folder)).read_bytes()


def is_ours(content: bytes) -> bool:
    """Whether a file's content was written by `page` or `pdf`."""
    return SIGN.encode() in content


def _book() -> Book:
    if not paths.in_checkout():
        raise LabError("a report has the look of the book, which only a checkout has; clone it and pip install -e '.[book]'")
    return load_book(paths.ROOT)


def _document(text: str, book: Book) -> tuple[pf.Doc, Source]:
    source = Source(Path("report.qmd"), text, {}, ())
    filters = [path for path in book.filters if path.stem == "typography"]
    return pandoc.read(text, source, filters), source


def _for_html(element: Any, _: pf.Doc) -> Any:
    if isinstance(element, pf.Image):
        element.attributes["alt"] = element.attributes.pop("fig-alt", "")
    elif isinstance(element, pf.Div) and constructs.columns(element):
        element.attributes = {"style": f"--columns: {constructs.columns(element)}"}
        element.classes = ["layout"]
    return None


def _picture(drawn: Mapping[str, str], attributes: str) -> str:
    light, dark = (_address(drawn[theme]) for theme in ("light", "dark"))
    return f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}"><img src="{light}"{attributes}></picture>'


def _address(svg: str) -> str:
    """A drawing as an address that is its own content."""
    return "data:image/svg+xml," + quote(" ".join(svg.split()), safe="/:;=()!@$*-._~+")
