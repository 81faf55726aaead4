"""The glossary: a term's first use in a chapter leads to it, and it has the terms that the chapters take for granted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import panflute as pf
import pytest

from modaddlab.report import pandoc
from modaddlab.report.qmd import parse

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = """# Glossary {#sec-glossary}

Key frequency
:   A frequency that is used.

Multilayer perceptron (MLP)
:   A layer of *neurons*.

Frequency
:   How often.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder with the book's filter and a glossary of its own."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "chapters").mkdir()
    shutil.copy(ROOT / "assets/glossary.lua", tmp_path / "assets")
    (tmp_path / "chapters/glossary.qmd").write_text(GLOSSARY)
    return tmp_path


def links(project: Path, text: str, chapter: str = "chapters/part/one.qmd") -> list[tuple[str, str, str]]:
    """The marked words of a chapter, with their addresses and what they show."""
    document = pandoc.read(text, parse(text, Path(chapter)), [project / "assets/glossary.lua"])
    found: list[tuple[str, str, str]] = []

    def collect(element: object, _: pf.Doc) -> None:
        if isinstance(element, pf.Link) and "term" in element.classes:
            found.append((pf.stringify(element), element.url, element.title))

    document.walk(collect)
    return found


def test_the_first_use_alone_leads_to_the_glossary(project: Path) -> None:
    text = "# A key frequency {#sec-one}\n\nThe *key\nfrequencies*, (an MLP) and a key frequency; MLPs."
    to = "../../chapters/glossary.qmd#term-"
    assert links(project, text) == [
        ("key frequencies", f"{to}key-frequency", "A frequency that is used."),
        ("MLP", f"{to}multilayer-perceptron", "A layer of neurons."),
    ]
    assert links(project, "A multilayer perceptron.", "index.qmd")[0][1] == "chapters/glossary.qmd#term-multilayer-perceptron"


def test_only_prose_is_marked(project: Path) -> None:
    text = """# One

[a frequency](x.html), `frequency`, [@frequency], ![frequency](x.svg), mlp, frequencys-x, key, frequency-like

::: {#fig-x}
![](x.svg)

A frequency in a caption.
:::

| frequency |
|---|
| frequency |
"""
    assert links(project, text) == []


def test_the_marks_around_a_word_stay(project: Path) -> None:
    source = parse("", Path("chapters/one.qmd"))
    document = pandoc.read("Say (“frequency”), then.", source, [project / "assets/glossary.lua"])
    assert pf.stringify(document.content[0]).strip() == "Say (“frequency”), then."


def test_the_glossary_gives_its_terms_their_labels(project: Path) -> None:
    arguments = [f"--lua-filter={project / 'assets/glossary.lua'}", "--metadata=chapter-path:chapters/glossary.qmd"]
    html, _ = pandoc.run(GLOSSARY, "--from", "markdown", "--to", "html", *arguments)
    found = re.findall(r'<span id="term-([\w-]+)">', html)
    assert found == ["key-frequency", "multilayer-perceptron", "frequency"]
    assert 'class="term"' not in html


def test_the_books_glossary_is_in_order_and_whole() -> None:
    terms = re.findall(r"^(\S.*)\n:   \S", (ROOT / "chapters/glossary.qmd").read_text(encoding="utf-8"), re.M)
    assert terms == sorted(terms, key=str.lower)
    names = {name.strip(" )").lower() for term in terms for name in term.split("(")}
    asked = """residue, embedding, nat, softmax, skip connection, mlp, residual stream, key frequency, significant component,
        fve, null, epoch, logit, margin, weight decay, attention head, attention pattern, grokking, memorization, cleanup,
        plateau, fourier basis, mirror image"""
    assert {" ".join(term.split()) for term in asked.split(",")} <= names
