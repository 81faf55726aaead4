"""Numbers and references, as Quarto's books have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import panflute as pf
import pytest
from sample_books import render, write_book

from modaddlab.report import constructs, crossref, pandoc
from modaddlab.report.errors import BookError
from modaddlab.report.project import Chapter
from modaddlab.report.qmd import Text, parse

TEXT = """\
# A chapter {#sec-a}

## First {#sec-first}

::: {#fig-one}
![](a.svg)

The *caption*.
:::

![Another](b.svg){#fig-two}

### Deeper {#sec-deeper}

$$ a = b $$ {#eq-sum}

| a |
|---|
| 1 |

: Typed {#tbl-typed}

::: {#tbl-div}
| b |
|---|
| 2 |

From a cell.
:::

## Second {#sec-second}

### Deeper again {#sec-again}

Term
:   Its meaning, $$ c = d $$ {#eq-listed}

- An item, $$ e = f $$ {#eq-item}

## Not counted {.unnumbered #sec-free}

::: {.callout-note}
## Title of a callout
:::

::: {.panel-tabset}
## A tab
:::

## Third {#sec-third}

::: {#fig-pair}
::: {#fig-pair-left}
![](l.svg)

Left
:::

::: {#fig-pair-right}
![](r.svg)

Right
:::

Both.
:::
"""


def numbered(text: str, number: str = "2", appendix: bool = False) -> tuple[pf.Doc, dict[str, crossref.Target]]:
    source = parse(text, Path("x.qmd"))
    source = replace(source, written=[(part, part.text) for part in source.parts if isinstance(part, Text)])
    document = pandoc.read(text, source)
    constructs.refuse_unknown(document, source)
    crossref.with_title(document, source)
    chapter = Chapter(Path("x.qmd"), appendix=appendix)
    return document, crossref.Numbering(source, chapter, number, depth=3).number(document)


def test_every_kind_is_counted_within_its_chapter() -> None:
    _, targets = numbered(TEXT)
    assert {name: target.number for name, target in targets.items() if target.kind in crossref.NAMES} == {
        "sec-a": "2", "sec-first": "2.1", "sec-deeper": "2.1.1", "sec-second": "2.2", "sec-again": "2.2.1",
        "sec-free": "", "sec-third": "2.3",
        "fig-one": "2.1", "fig-two": "2.2", "fig-pair": "2.3", "fig-pair-left": "2.3 (a)", "fig-pair-right": "2.3 (b)",
        "eq-sum": "2.1", "eq-listed": "2.2", "eq-item": "2.3", "tbl-typed": "2.1", "tbl-div": "2.2",
    }  # fmt: skip


def test_a_chapter_without_a_number_counts_plainly() -> None:
    _, targets = numbered(TEXT, number="")
    assert targets["fig-two"].number == "2"
    assert targets["eq-sum"].number == "1"
    assert targets["sec-first"].number == ""


def test_captions_carry_the_numbers() -> None:
    document, _ = numbered(TEXT)
    captions: list[str] = []

    def action(element: object, _: pf.Doc) -> None:
        if isinstance(element, pf.Figure | pf.Table):
            captions.append(pf.stringify(element.caption).strip())

    document.walk(action)
    assert captions == [
        "Figure\u00a02.1: The caption.", "Figure\u00a02.2: Another", "Table\u00a02.1: Typed", "Table\u00a02.2: From a cell.",
        "(a) Left", "(b) Right", "Figure\u00a02.3: Both.",
    ]  # fmt: skip


def test_a_class_is_known_where_the_chapter_brings_its_style() -> None:
    box = "::: {.my-box}\nx\n:::\n"
    numbered("# T\n\n" + box + "\n```{=html}\n<style>.my-box { top: 0 }</style>\n```\n")
    with pytest.raises(BookError, match=r"x.qmd:3: .*my-box"):
        numbered("# T\n\n" + box + "\n```{=html}\n<p>.my-box { top: 0 }</p>\n```\n")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("@fig-one", "Figure\u00a02.1"),
        ("@Fig-one", "Figure\u00a02.1"),
        ("[-@fig-one]", "2.1"),
        ("[panel @fig-pair-right]", "panel\u00a02.3 (b)"),
        ("[@fig-one; @tbl-div]", "Figure\u00a02.1, Table\u00a02.2"),
        ("@eq-sum", "Equation\u00a02.1"),
        ("@sec-first", "Section\u00a02.1"),
        ("@sec-a", "Chapter\u00a02"),
    ],
)
def test_references_read_as_quarto_writes_them(written: str, shown: str) -> None:
    text = TEXT + f"\n{written}\n"
    document, targets = numbered(text)
    crossref.resolve(document, parse(text, Path("x.qmd")), targets)
    assert pf.stringify(document.content[-1]).strip() == shown


def test_an_appendix_is_called_one() -> None:
    text = "# A chapter {#sec-a}\n\n@sec-a\n"
    document, targets = numbered(text, number="A", appendix=True)
    crossref.resolve(document, parse(text, Path("x.qmd")), targets)
    assert pf.stringify(document.content[-1]).strip() == "Appendix\u00a0A"


def test_appendices_are_lettered_and_unnumbered_chapters_skipped() -> None:
    unnumbered = [True, False, False, True, False, False]
    chapters = [Chapter(Path("x.qmd"), appendix=n > 3) for n in range(6)]
    assert crossref.chapter_numbers(chapters, unnumbered) == ["", "1", "2", "", "A", "B"]


def test_a_title_may_be_in_the_front_matter_but_not_its_attributes() -> None:
    source = parse("---\ntitle: The *methods*\n---\n", Path("x.qmd"))
    document = pandoc.read("Text.\n", source)
    title = crossref.title_of(crossref.with_title(document, source))
    assert (pf.stringify(title).strip(), title.identifier) == ("The methods", "the-methods")
    source = parse('---\ndescription: d\ntitle: "Methods {#sec-methods}"\n---\n', Path("x.qmd"))
    with pytest.raises(BookError, match=r"x.qmd:3: .*must be a heading"):
        crossref.with_title(pandoc.read("Text.\n", source), source)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# T\n\n@fig-absent\n", 3, "refers to nothing"),
        ("# T\n\n## S {#sec-s .unnumbered}\n\n@sec-s\n", 5, "without a number"),
        ("# T {#sec-t}\n\n@sec-t [@nanda2023]\n", 3, "put a word between"),
        ("# T\n\n::: {#fig-x}\n![](a.svg)\n:::\n", 3, "needs a caption"),
        ("# T\n\n![C](a.svg){#fig-x}\n\n![C](a.svg){#fig-x}\n", 5, "used twice"),
        ("# T\n\n## A {#x}\n\n## AB {#x-y}\n\n## B {#x}\n", 7, "Duplicate identifier"),
        ("# T\n\n[A]{#x}\n\n::: {#x}\nB\n:::\n", 5, "used twice"),
        ("# T\n\n::: {.callout-note}\nA\n", 3, "unclosed"),
        ("# T\n\n![C](a.svg){#fig-x_y}\n", 3, "hyphens"),
        ("Prose.\n\n# Title\n", 3, "first thing"),
        ("# T\n\n# U\n", 0, "one first-level heading"),
        ("---\ntitle: T\n---\n\n# U\n", 0, "one first-level heading"),
        ("# T\n\n::: {.callout-danger}\nx\n:::\n", 3, "callout-danger"),
        ("# T\n\n::: {.callout-note foo=1}\nx\n:::\n", 3, "`foo` for a callout"),
        ("# T\n\n::: {.panel-sidebar}\nx\n:::\n", 3, "panel-sidebar"),
        ("# T\n\n::: {layout=\"[1,2]\"}\nx\n:::\n", 3, "layout-ncol"),
        ("# T\n\n::: {.content-visible when-format=\"docx\"}\nx\n:::\n", 3, "docx"),
        ("# T\n\n::: {.content-visible when-profile=\"a\"}\nx\n:::\n", 3, "when-profile"),
        ("# T\n\n::: {#thm-x}\nx\n:::\n", 3, "thm-x"),
        ("# T\n\n[a]{.aside}\n", 3, "aside"),
        ("# T\n\n::: {.my-box}\nx\n:::\n", 3, "style sheet"),
        ("# T\n\n::: {layout-ncol=two}\nx\n:::\n", 3, "whole number"),
        ("# T\n\n::: {.callout-note appearance=simple}\nx\n:::\n", 3, "`default`"),
        ("# T\n\n::: {.callout-note collapse=maybe}\nx\n:::\n", 3, "true or false"),
        ("# T\n\n```{.python filename=a.py}\n1\n```\n", 3, "filename"),
        ("# T\n\n```{.python code-line-numbers=true}\n1\n```\n", 3, "code-line-numbers"),
        ("# T\n\n```{.python .numberLines}\n1\n```\n", 3, "numberLines"),
        ("# T\n\n| a |\n|---|\n| 1 |\n\n: C {#tbl-x tbl-colwidths=\"[1]\"}\n", 7, "tbl-colwidths"),
        ("# T\n\n![C](a.svg){#fig-x fig-align=left}\n", 3, "fig-align"),
        ("# T\n\n![C](a.svg){#fig-x width=300px}\n", 3, "80%"),
        ("# T\n\n## A {.unlisted}\n", 3, "unlisted"),
        ("# T\n\n[a]{style=\"color: red\"}\n", 3, "style"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    def read() -> None:
        document, targets = numbered(text)
        crossref.resolve(document, parse(text, Path("x.qmd")), targets)

    with pytest.raises(BookError) as error:
        read()
    place = f"x.qmd:{line}: " if line else "x.qmd: "
    assert str(error.value).startswith(place)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# T\n\na\n\n$\\frac{1$\n", 5, "the formula `\\frac{1` cannot be set"),
        ("# T\n\n$$\n\\foo x\n+ 1\n$$\n", 4, "\\foo"),
        ("# T\n\n## A {#a}\n\n[x](#ab)\n", 5, "leads to no `#ab`"),
        ("# T\n\n[x](index.qmd#nowhere)\n", 3, "leads to no `#nowhere`"),
        ("# T\n\n[x](absent.qmd)\n", 3, "no chapter"),
        ("# T\n\n![x](/etc/hostname)\n", 3, "must lie in the project's folder"),
        ("# T\n\n" + "".join("  " * n + "- a\n\n" for n in range(120)), 0, "nested dozens deep"),
    ],
)
@pytest.mark.parametrize("to", ["html", "pdf"])
def test_what_cannot_be_set_or_leads_nowhere_is_refused_in_both_formats(
    tmp_path: Path, text: str, line: int, words: str, to: str
) -> None:
    with pytest.raises(BookError) as error:
        render(write_book(tmp_path, {"index.qmd": text}), (to,))
    assert str(error.value).startswith(f"index.qmd:{line}: " if line else "index.qmd: ")
    assert words in str(error.value)


def test_a_link_of_the_pdf_into_a_block_of_the_site_names_its_line(tmp_path: Path) -> None:
    text = '# T\n\n::: {.content-visible when-format="html"}\n## A {#sec-a}\n:::\n\n[x](#sec-a)\n'
    with pytest.raises(BookError, match=r"index.qmd:7: Typst cannot set the PDF: label `<sec-a>`"):
        render(write_book(tmp_path, {"index.qmd": text}), ("pdf",))
