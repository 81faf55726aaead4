"""What a chapter gives away besides its page, whichever engine built it: a notebook that computes it again, and its text.

Both are made from the chapter's source, with the values in its sentences and with the names that references and citations have
on the built page; the text has the page's tables too. `llms.txt` lists the texts (https://llmstxt.org).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat

from . import sentences
from .project import Book, Chapter, chapter_text
from .qmd import Cell, Source, parse

Names = Mapping[str, str]

INTRODUCTION = """\
This notebook is a chapter of *{book}*. It runs in a checkout of the package that makes the book, in which
`pip install -e ".[book]"` was called once: the records of the trained networks lie there."""
ONE_DRAWING = """\
from functools import partial

from modaddlab import figures

figures.show = partial(figures.show, themes=["light"])  # one drawing of each figure"""

_REFERENCE = re.compile(
    r'<a [^>]*href="[^"#]*#((?:fig|tbl|eq|sec)-[\w-]+)"[^>]*class="(?:reference|quarto-xref)"[^>]*>(.*?)</a>', re.DOTALL
)
_CITATION = re.compile(r'<span class="citation" data-cites="([^"]+)">((?:<span[^>]*>[^<]*</span>|.)*?)</span>(?!</a>)', re.S)
_TAG = re.compile(r"<[^>]+>")
_LABEL = r"(?:fig|tbl|eq|sec)-[\w-]*\w"
_KEY = r"@[\w:.-]*\w"
_FENCE = re.compile(r"^:::+.*$", re.M)
_ONLY_ON_PAPER = re.compile(
    r'^::: \{[^}\n]*when-format="typst"[^}\n]*\}\n.*?^:::$|\[[^\[\]]*\]\{[^}\n]*when-format="typst"[^}\n]*\}', re.M | re.S
)
_SPAN = re.compile(r"\[([^\[\]]*)\]\{[.#][^{}\n]*\}")
_RAW = re.compile(r"^```\{=\w+\}\n.*?^```$", re.M | re.S)
_FIGURE = re.compile(rf"^::: \{{#({_LABEL})[^}}]*\}}\s*\Z", re.M)
_SECTION = re.compile(r"^#+ .*\{#(sec-[\w-]+)", re.M)
_TABLE = re.compile(r"(?:<summary>(?P<title>(?:(?!</summary>).)*)</summary>\s*)?<table(?P<body>.*?)</table>", re.S)
_LABELLED = re.compile(r'<(?:table|div) id="tbl-.*?</table>', re.S)
_TABLE_ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.S)
_TABLE_CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.S)
_FORMULA = re.compile(r"<math.*?<annotation[^>]*>(.*?)</annotation>.*?</math>", re.S)
_ATTRIBUTES = re.compile(r"[ \t]*\{[#.][^{}\n]*\}")


def write(book: Book, folder: Path) -> None:
    """Write the notebooks and texts of the chapters beside their pages in the site, and the list of all texts.

    Args:
        book: the project.
        folder: the site, with the pages; a chapter whose page is not there has nothing.
    """
    values = sentences.read(book.root)
    for chapter in book.chapters:
        if (folder / chapter.page).is_file():
            text = sentences.substitute(chapter_text(book.root, chapter.path), values, chapter.path)
            write_chapter(book, folder, chapter, parse(text, chapter.path))
    write_list(book, folder)


def write_chapter(book: Book, folder: Path, chapter: Chapter, source: Source) -> None:
    """Write the text of a chapter whose page is there, and the notebook of one with cells."""
    page = folder / chapter.page
    cells = list(_cells(source, page.read_text(encoding="utf-8")))
    _put(page.with_suffix(".md"), "\n\n".join(text for kind, text in cells if kind != "code") + "\n")
    if source.cells:
        computed = [cell for cell in cells if cell[0] != "table"]
        _put(folder / notebook_of(chapter), nbformat.writes(notebook(book.title, computed)) + "\n")


def write_list(book: Book, folder: Path) -> None:
    """Write the list of all texts."""
    titles = {
        chapter: _title(chapter_text(book.root, chapter.path)) for chapter in book.chapters if (folder / chapter.page).is_file()
    }
    address = str(book.options["book"].get("site-url", "")).rstrip("/")
    lines = [f"# {book.title}", f"> {book.options['book'].get('description', book.title)}", "## Pages"]
    pages = [f"{address}{'/' if address else ''}{chapter.page.with_suffix('.md').as_posix()}" for chapter in titles]
    listed = [f"- [{title}]({page})" for title, page in zip(titles.values(), pages, strict=True)]
    _put(folder / "llms.txt", "\n\n".join([*lines, "\n".join(listed)]) + "\n")


def notebook_of(chapter: Chapter) -> Path:
    """Where a chapter's notebook lies in the site."""
    return chapter.page.with_suffix(".ipynb")


def notebook(title: str, cells: Sequence[tuple[str, str]]) -> nbformat.NotebookNode:
    """A notebook of a chapter's cells.

    Args:
        title: the book's.
        cells: kind ("markdown" or "code") and text of each.
    """
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    texts = [("markdown", INTRODUCTION.format(book=title)), ("code", ONE_DRAWING), *cells]
    made = [make[kind](text, id=f"cell-{number}") for number, (kind, text) in enumerate(texts)]
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=made, metadata=about)


def names(page: str) -> dict[str, str]:
    """What a built page calls that to which it refers: a label or `[@key]` as in its source -> words."""
    found: dict[str, str] = {}
    for match in _REFERENCE.finditer(page):
        found[match[1]] = max(found.get(match[1], ""), _plain(match[2]), key=len)  # "Figure 1.1" and not "1.1"
    for match in _CITATION.finditer(page):
        keys, words = match[1].split(), _plain(match[2])
        kind = "@{}" if not words.startswith("(") else "[@{}]" if re.search("[^\\W\\d_]{2}", words) else "[-@{}]"
        found.setdefault(kind.format("; @".join(keys)), words)
    return found


def tables(page: str, label: str | None, section: str = "") -> str:
    """Tables of a built page as Markdown; empty where there is none.

    Args:
        page: its HTML.
        label: the table's, such as "tbl-seeds"; None for all without a label below a heading.
        section: the label of that heading.
    """
    if label:
        start = max(page.find(f'<table id="{label}"'), page.find(f'<div id="{label}"'))
        found = _TABLE.search(page, start) if start >= 0 else None
        return _pipes(found["body"]) if found else ""
    below = re.search(rf'id="{section}".*?</h\d>(.*?)(?=<h\d|\Z)', page, re.S)
    parts = _TABLE.finditer(_LABELLED.sub("", below[1]) if below else "")
    return "\n\n".join((f"**{_plain(part['title'])}**\n\n" if part["title"] else "") + _pipes(part["body"]) for part in parts)


def _pipes(body: str) -> str:
    """The rows of an HTML table, the first of them its head."""
    body = _FORMULA.sub(lambda match: f"${html.escape(html.unescape(match[1]).strip())}$", body)
    rows = [[_plain(cell).replace("|", r"\|") for cell in _TABLE_CELL.findall(row)] for row in _TABLE_ROW.findall(body)]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(source: Source, page: str) -> Iterator[tuple[str, str]]:
    before, section, known = "", "", names(page)
    for part in source.parts:
        if isinstance(part, Cell):
            yield "code", part.code
            caption = part.options.get("tbl-cap")
            if caption and (table := tables(page, part.label)):
                yield "table", f"**{known.get(part.label or '', 'Table')}.** {_markdown(str(caption), known)}\n\n{table}"
            elif part.options.get("output") == "asis" and section and (table := tables(page, None, section)):
                yield "table", table
            continue
        section = [section, *_SECTION.findall(part.text)][-1]
        label = _FIGURE.search(before)
        text = _markdown(part.text, known)
        if label and text.strip():
            text = f"**{known.get(label[1], 'Figure')}.** {text.strip()}"
        if text.strip():
            yield "markdown", text.strip()
        before = part.text


def _markdown(text: str, known: Names) -> str:
    """A chapter's Markdown as any program reads it: references have names, and Quarto's marks are gone."""

    def label(match: re.Match[str]) -> str:
        name = known.get(match[2][0].lower() + match[2][1:], match[2])
        return name.rpartition(" ")[2] if match[1] == "[-" else name

    def citation(match: re.Match[str]) -> str:
        return known.get(re.sub(r";\s*", "; ", match[0]), match[0])

    for pattern in (_ONLY_ON_PAPER, _RAW, _FENCE):
        text = pattern.sub("", text)
    text = _SPAN.sub(r"\1", text)
    for pattern in (rf"(\[-)@({_LABEL})\]", rf"(\[)@({_LABEL})\]", rf"((?<![\w.]))@({_LABEL})"):
        text = re.sub(pattern, label, text, flags=re.IGNORECASE)
    text = re.sub(rf"\[-?{_KEY}(?:;\s*{_KEY})*\]|(?<![\w.]){_KEY}", citation, text)
    return re.sub(r"\n{3,}", "\n\n", _ATTRIBUTES.sub("", text))


def _title(text: str) -> str:
    heading = re.search(r"^# (.+)$", text, re.M)
    return _ATTRIBUTES.sub("", heading[1]).strip() if heading else ""


def _plain(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", markup)).split())


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
