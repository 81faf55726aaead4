"""Chapters are split into Markdown and cells, and what is not known is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from modaddlab.report.errors import BookError
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
        ("# T\n\n```{python}\n#| label: fig_a\n1\n```\n", 3, "hyphens"),
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


def test_inline_code_comparisons_and_addresses_are_not_html() -> None:
    parse("`<br>` and $a < b$ and <https://example.org> and a <- b and `{{< x >}}`\n", PATH)
