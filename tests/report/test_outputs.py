"""What cells show arrives on the page, or is refused with the line of its cell; nothing is dropped and nothing is raw."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat.v4 import new_output
from sample_books import write_book

from modaddlab.report import outputs
from modaddlab.report.errors import BookError
from modaddlab.report.execute import Executed
from modaddlab.report.project import load_book
from modaddlab.report.qmd import parse

TEXT = "# T\n\n```{python}\n#| echo: false\n1\n```\n"
ASIS = TEXT.replace("#|", "#| output: asis\n#|")


def shown(folder: Path, *made: object, text: str = TEXT) -> str:
    book = load_book(write_book(folder, {"index.qmd": text}))
    return outputs.chapter_markdown(book, parse(text, Path("index.qmd")), Executed([list(made)]), lambda name, _: name)[0]  # type: ignore[arg-type]


def stream(text: str) -> object:
    return new_output("stream", name="stdout", text=text)


def display(**data: str) -> object:
    return new_output("display_data", data={name.replace("_", "/"): value for name, value in data.items()})


def test_formulas_and_progress_bars_are_shown(tmp_path: Path) -> None:
    formula = display(text_latex="$\\displaystyle \\frac{1}{2}$", text_plain="<Math object>")
    assert "\n$\\frac{1}{2}$\n" in shown(tmp_path, formula)
    bar = shown(tmp_path, stream("begin\n10%\r50%\r100%\nend\r\n"))
    assert "begin\n100%\nend\n" in bar
    assert "50%" not in bar
    assert len(shown(tmp_path, stream("x" * outputs.LARGEST))) > outputs.LARGEST, "and a long line takes no hours"


@pytest.mark.parametrize(
    ("output", "text", "words"),
    [
        (stream("\x1b[31mred\x1b[0m"), TEXT, "codes for a terminal"),
        (display(application_javascript="1", text_plain="<Javascript object>"), TEXT, "application/javascript"),
        (display(text_html="<b>x</b>", text_plain="x"), TEXT, "missing in the PDF"),
        (display(text_latex="\\section{x}", text_plain="x"), TEXT, "LaTeX that is no formula"),
        (stream("x" * (outputs.LARGEST + 1)), TEXT, "5,000,001 characters"),
        (display(image_png="x" * (outputs.LARGEST + 1)), TEXT, "5,000,001 characters"),
        (stream("[@" * 3000), ASIS, "3000 brackets"),
        (stream("a " * 100_000), ASIS, "a paragraph of 200,0"),
    ],
)
def test_what_a_page_cannot_show_is_refused_with_its_line(tmp_path: Path, output: object, text: str, words: str) -> None:
    with pytest.raises(BookError) as error:
        shown(tmp_path, output, text=text)
    assert str(error.value).startswith("index.qmd:3: ")
    assert words in str(error.value)
