"""The reference: every public name, its signature and the words of its docstring, in Markdown that means what they say."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import modaddlab
from modaddlab import figures
from modaddlab.paths import ROOT
from modaddlab.report import reference
from modaddlab.report.errors import BookError
from modaddlab.report.project import Book, chapter_text

SOURCE = '''
class Wave:
    """A *wave*.

    Attributes:
        k: its frequency, "1" or
            more.
    """

    k: int = 1
    phase: float = 0.0
    """In radians."""

    @property
    def period(self) -> float:
        """How long it is."""

    @classmethod
    def of(cls, x_PP: np.ndarray, /, n: int = 3, *others: str, sep=", ", **more: int) -> Wave:
        """The wave of $x$ in `a_b`.

        With a formula:

            x_1 = {a} < 3

        Args:
            x_PP: (P, P).
            n, sep: two.

        Returns:
            a wave
            of it.

        Raises:
            ValueError: there is none.
        """
'''


def included(page: str) -> str:
    return f'::: {{.included file="{(reference.FOLDER / f"_{page}.md").as_posix()}"}}\n:::'


@pytest.fixture
def book(tmp_path: Path) -> Book:
    (tmp_path / reference.FOLDER).mkdir(parents=True)
    for page in reference.pages():
        (tmp_path / reference.FOLDER / f"{page}.qmd").write_text(f"# A page\n\n{included(page)}\n")
    made = Book(tmp_path, {"book": {"title": "x"}}, ())
    reference.write(made)
    return made


def test_every_public_name_has_its_place(book: Book) -> None:
    texts = {page: (book.root / reference.FOLDER / f"_{page}.md").read_text(encoding="utf-8") for page in reference.pages()}
    found = {name.replace("\\", "") for name in re.findall(r"^## (\S+) ", "\n".join(texts.values()), re.M)}
    found |= set(re.findall(r"<h3 id=\"[\w-]+\">(\w+)</h3>", "\n".join(texts.values())))
    packages = {"claims", "figures"}  # whose own names are there
    assert set(modaddlab.__all__) - packages <= found
    drawn = set(re.findall(r"<h3 [^>]+>(\w+)</h3>", texts["figures"]))
    assert {name for name in figures.__all__ if name[0].islower()} - {"table_columns"} <= drawn


def test_a_page_is_html_that_closes_what_it_opens(book: Book) -> None:
    for page in reference.pages():
        text = (book.root / reference.FOLDER / f"_{page}.md").read_text(encoding="utf-8")
        identifiers = re.findall(r'id="([^"]+)"|\{#(\S+)', text)
        assert len(set(identifiers)) == len(identifiers)
        for block in re.findall(r"^```\{=html\}\n(.*?)^```$", text, re.M | re.S):
            ElementTree.fromstring(f"<div>{block}</div>")


def test_a_class_and_its_methods() -> None:
    (node,) = ast.parse(SOURCE).body
    assert isinstance(node, ast.ClassDef)
    text = "\n".join(reference._class(node))
    assert '<p>A *wave*.</p>\n<p><em>Attributes</em></p>\n<ul><li><code>k</code>: its frequency, "1" or more.</li></ul>' in text
    fields = "<li><code>k: int = 1</code></li><li><code>phase: float = 0.0</code>: In radians.</li>"
    assert f"<ul>{fields}<li><code>period: float</code>: How long it is.</li></ul>" in text
    signature = "Wave.of(x_PP: np.ndarray, n: int = 3, *others: str, sep=', ', **more: int) -&gt; Wave"
    assert f'<pre tabindex="0"><code>{signature}</code></pre>' in text
    assert "<p>The wave of $x$ in <code>a_b</code>.</p>\n<p>With a formula:</p>" in text
    assert '<p>With a formula:</p>\n<pre tabindex="0"><code>x_1 = {a} &lt; 3</code></pre>' in text
    assert "<ul><li><code>x_PP</code>: (P, P).</li><li><code>n, sep</code>: two.</li></ul>" in text
    assert "<p><em>Returns</em> a wave of it.</p>" in text
    assert "<li><code>ValueError</code>: there is none.</li>" in text


def test_sources_are_linked_where_the_book_says_where(book: Book) -> None:
    page = book.root / reference.FOLDER / "_training.md"
    assert re.search(r"<small>modaddlab/study.py:\d+</small>", page.read_text(encoding="utf-8"), re.M)
    reference.write(replace(book, options={"book": {"repo-url": "https://example.org/lab"}}))
    assert re.search(r'href="https://example.org/lab/blob/main/modaddlab/study.py#L\d+"', page.read_text(encoding="utf-8"))


def test_what_is_included_is_part_of_the_chapter(book: Book) -> None:
    text = chapter_text(book.root, reference.FOLDER / "training.qmd")
    assert text.startswith("# A page\n\n\n## train {")
    (book.root / reference.FOLDER / "_training.md").unlink()
    with pytest.raises(BookError, match=r"training.qmd:3: includes .*_training.md"):
        chapter_text(book.root, reference.FOLDER / "training.qmd")


def test_an_unchanged_text_keeps_its_date(book: Book) -> None:
    page = book.root / reference.FOLDER / "_figures.md"
    before = page.stat().st_mtime_ns
    reference.write(book)
    assert page.stat().st_mtime_ns == before


@pytest.mark.parametrize("page", reference.pages())
def test_arguments_are_those_that_there_are(page: str) -> None:
    """Docstrings name every argument of their function, and no other."""
    problems = []
    for module, names in reference.pages()[page].items():
        base = reference.ROOT / Path("modaddlab", *module.split("."))
        source = (base / "__init__.py" if base.is_dir() else base.with_suffix(".py")).read_text(encoding="utf-8")
        for node, called, _ in reference._members(ast.parse(source).body):
            if called.startswith("_") or (names is not None and called not in names):
                continue
            methods = reference._members(node.body) if isinstance(node, ast.ClassDef) else [(node, called, "")]
            functions = [(one, name) for one, name, _ in methods if isinstance(one, ast.FunctionDef) and name[0] != "_"]
            for function, name in functions:
                problems += [f"{module}.{name}: {what}" for what in argument_problems(function)]
    assert problems == []


def argument_problems(node: ast.FunctionDef) -> list[str]:
    text = ast.get_docstring(node)
    if text is None:
        return ["has no docstring"]
    _, *rest = reference._SECTION.split(text)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    there = {re.split(r"[:= ]", parameter.lstrip("*"))[0] for parameter in reference._parameters(node.args)} - {""}
    named = {
        name.strip(" *") for line in re.findall(r"^    (\S[^:]*):", sections.get("Args", ""), re.M) for name in line.split(",")
    }
    return (
        [f"{name} is not told" for name in sorted(there - named)] + [f"{name} is none" for name in sorted(named - there)]
        if named
        else []
    )


def test_no_chapter_includes_what_quarto_would_look_for_before_it_is_written() -> None:
    """Quarto reads what its own shortcode includes before its first step, where a new checkout has none of these texts."""
    for page in reference.pages():
        assert included(page) in (ROOT / reference.FOLDER / f"{page}.qmd").read_text(encoding="utf-8")
    assert not [path for path in (ROOT / "chapters").rglob("*.qmd") if "{{< include" in path.read_text(encoding="utf-8")]


def test_an_included_text_stands_in_its_chapter(book: Book) -> None:
    path = reference.FOLDER / "figures.qmd"
    text, written = chapter_text(book.root, path), (book.root / reference.FOLDER / "_figures.md").read_text(encoding="utf-8")
    assert text == f"# A page\n\n{written}\n"
    for file, message in (("_none.md", "there is no such file"), ("../_other.md", "must lie in the project's folder")):
        (book.root / path).write_text(f'\n::: {{.included file="{file}"}}\n:::\n')
        with pytest.raises(BookError, match=f"figures.qmd:2: .*{message}"):
            chapter_text(book.root, path)
