"""Chapters are split into Markdown and cells, and what is not known is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from modaddlab.report.errors import BookError
from modaddlab.report.project import read_text
from modaddlab.report.qmd import Text, parse

PATH = Path("chapters/x.qmd")


def test_cells_and_text_keep_their_lines() -> None:
    text = "---\ntitle: T\n---\nprose\n\n```{python}\n#| label: fig-a\n#| fig-cap: C\nx = 1\n```\nmore\n```python\nshown\n```\n"
    source = parse(text, PATH)
    assert source.meta == {"title": "T"}
    first, cell, last = source.parts
    assert isinstance(first, Text)
    assert (first.text, first.line) == ("prose\n", 4)
    assert source.cells == [cell]
    assert (cell.line, cell.code_line, cell.code) == (6, 9, "x = 1")  # type: ignore[union-attr]
    assert source.cells[0].options == {"label": "fig-a", "fig-cap": "C"}
    assert isinstance(last, Text)
    assert "shown" in last.text
    assert last.line == 11


def test_a_fence_of_four_ticks_holds_three() -> None:
    source = parse("````markdown\n```{python}\nx\n```\n````\n", PATH)
    assert source.cells == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# T\n\n```{mermaid}\ngraph\n```\n", 3, "{mermaid}"),
        ("# T\n\n```{r}\n1\n```\n", 3, "{r}"),
        ("# T\n\n```{python}\n#| label: a\n#| fig-pos: h\n1\n```\n", 5, "fig-pos"),
        ("# T\n\n```{python}\n#| label: fig_a\n1\n```\n", 4, "hyphens"),
        ("# T\n\n```{python}\n#| layout-ncol: two\n1\n```\n", 4, "a whole number above 0"),
        ("# T\n\n```{python}\n#| fig-cap: [a, b]\n1\n```\n", 4, "`fig-cap` must be a text"),
        ("# T\n\n```{python}\n#| renderings: [dark]\n1\n```\n", 4, "[light,dark]"),
        ("# T\n\n```{python}\n#| echo: false\n#| echo: true\n1\n```\n", 5, "line 4 already"),
        ("# T\n\n```{python}\n1\n2 # <1>\n```\n", 5, "code annotations"),
        ("# T\n\n```python\n1 # <1>\n```\n", 4, "code annotations"),
        ("---\ntitle: T\njupyter: julia\n---\n", 3, "`python3`"),
        ("---\ntitle: T\nsubtitle: S\n---\n", 3, "subtitle"),
        ("# T\n\na\n\n" + "> " * 400 + "x\n", 5, "quotations"),
        ("# T\n\na\n" + "[@" * 3000 + "\n", 3, "brackets"),
        ("# T\n\na\n\n" + "a " * 150_000 + "\n", 5, "300,001 characters"),
        ("# T\n\n```{python}\n1\n", 3, "not closed"),
        ("# T\n\nthe sum is `{python} 1 + 1`.\n", 3, "output: asis"),
        ("# T\n\n{{< video a.mp4 >}}\n", 3, "shortcodes"),
        ("# T\n\na<br>b\n", 3, "<br>"),
        ("---\ntitle: T\nformat: revealjs\n---\n", 3, "format"),
        ("---\ntitle: T\nnumber-sections: false\n---\n", 3, "`# Title {.unnumbered}`"),
        ("---\ntitle: T\n", 1, "not closed"),
        ("---\ntitle: [T\n---\n", 2, "YAML"),
        ("```{python}\n#| label: a\n```\n\n```{python}\n#| label: a\n```\n", 5, "line 1"),
        ("- item\n\n  ```{python}\n  1\n  ```\n", 3, "first column"),
    ],
)
def test_what_is_not_known_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(BookError) as error:
        parse(text, PATH)
    assert str(error.value).startswith(f"chapters/x.qmd:{line}: ")
    assert words in str(error.value)


def test_intervals_formulas_tables_and_code_may_hold_many_brackets() -> None:
    rows = "".join(f"| [{n}, {n + 1}) |\n" for n in range(3000))
    code = "```\n" + "[" * 100 + "\n```\n"
    words = "Of `[[[[[[[[[[[[` and $[[[[[[[[[[[[$ and " + "\\[" * 20 + "[a](b) " * 50
    parse(f"| a |\n|---|\n{rows}\n{code}{words}\n", PATH)


def test_a_chapter_is_utf_8(tmp_path: Path) -> None:
    (tmp_path / "x.qmd").write_bytes("# T\n\nna\u00efve\n".encode("latin-1"))
    with pytest.raises(BookError, match=r"x.qmd:3: is not in UTF-8 \(byte 0xef\)"):
        read_text(tmp_path, Path("x.qmd"))
    (tmp_path / "x.qmd").write_bytes(b"\xef\xbb\xbf# T\r\n\ta")
    assert read_text(tmp_path, Path("x.qmd")) == "# T\n\ta"


@pytest.mark.parametrize("byte", [0x00, 0x08, 0x0C, 0x1B, 0x7F])
def test_a_chapter_has_no_control_characters(tmp_path: Path, byte: int) -> None:
    (tmp_path / "x.qmd").write_bytes(b"# T\n\nna" + bytes([byte]) + b"ve\n")
    with pytest.raises(BookError, match=rf"x.qmd:3: has a control character \(byte {byte:#04x}\); remove it"):
        read_text(tmp_path, Path("x.qmd"))


def test_inline_code_comparisons_and_addresses_are_not_html() -> None:
    parse("`<br>` and $a < b$ and <https://example.org> and a <- b and `{{< x >}}`\n", PATH)
