"""The typography of chapters: what the filter changes, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from modaddlab.report import pandoc

FILTER = Path(__file__).parents[2] / "assets" / "typography.lua"
NARROW, FIXED = "\u202f", "\u00a0"


def typeset(markdown: str, to: str = "html", by: Path = FILTER) -> str:
    """A chapter, with the two spaces made visible."""
    html, _ = pandoc.run(markdown, "--from", pandoc.READ, "--to", to, "--wrap=none", f"--lua-filter={by}")
    return html.strip().replace(NARROW, "~").replace(FIXED, "_").replace("&nbsp;", "_")


@pytest.mark.parametrize(
    ("typed", "set_as"),
    [
        ("87.9% and 84.6 %, (5 %)", "87.9~% and 84.6~%, (5~%)"),
        ("from -1.5 to [-2, 3]", "from −1.5 to [−2,_3]"),  # noqa: RUF001
        ("0.986 [0.981, 0.992], and", "0.986_[0.981,_0.992], and"),
        ("87.9 % [85.1 %, 90.2\n%].", "87.9~%_[85.1~%,_90.2~%]."),
        ("2.4 × 10⁻⁷ [1.1 × 10⁻⁷, 3 × 10⁻⁷]", "2.4_×_10⁻⁷_[1.1_×_10⁻⁷,_3_×_10⁻⁷]"),  # noqa: RUF001
        ("4.1e-08 or −2e+05", "4.1_×_10⁻⁸ or −2_×_10⁵"),  # noqa: RUF001
        ("(n = 10) and *p = 7*", "(n_=_10) and <em>p_=_7</em>"),
        ("a 2026-11-22 mainline-25k a-1 b, c 46bf2e-1x", "a 2026-11-22 mainline-25k a-1 b, c 46bf2e-1x"),
        ("(> 99.9 %) and < 0.01, a > b", "(&gt;_99.9~%) and &lt;_0.01, a &gt; b"),
        ("5 [of them] and 7 [, 8]", "5 [of them] and 7 [, 8]"),
    ],
)
def test_words_are_typeset(typed: str, set_as: str) -> None:
    assert typeset(typed) == f"<p>{set_as}</p>"


@pytest.mark.parametrize("left", ["`-1 5 % 1e-05`", "$-1 \\%$", '![-1 5 %](a.png "5 %")', "<https://x.org/a5%20-1>"])
def test_code_formulas_images_and_addresses_are_left_alone(left: str) -> None:
    plain, _ = pandoc.run(f"See {left}.", "--from", pandoc.READ, "--to", "html", "--wrap=none")
    assert typeset(f"See {left}.") == plain.strip()


@pytest.mark.parametrize(
    ("typed", "spaced"),
    [
        (r"p\ln p", r"p\,\ln\,p"),
        (r"2\cos\omega t+\cos(a)", r"2\,\cos\,\omega t+\cos(a)"),
        (r"\cos^2t\sin\bigl(x\bigr)\exp\,y", r"\cos^2\,t\,\sin\bigl(x\bigr)\,\exp\,y"),
    ],
)
def test_operators_have_the_spaces_that_mathml_lacks(typed: str, spaced: str) -> None:
    plain, _ = pandoc.run(f"${spaced}$", "--from", pandoc.READ, "--to", "html", "--wrap=none")
    assert typeset(f"${typed}$", by=pandoc.OPERATORS) == plain.strip()


def test_in_print_a_formula_is_as_typed() -> None:
    assert typeset(r"$p\ln p$", "typst", pandoc.OPERATORS) == "$p ln p$"


def test_the_text_of_a_link_is_typeset_and_its_address_is_not() -> None:
    assert typeset("[5 % of](x%20-1)") == '<p><a href="x%20-1">5~% of</a></p>'


def test_an_interval_in_a_table_may_stand_below_its_value_and_does_not_break() -> None:
    table = "| a | b |\n|---|---|\n| 5 % | 6 [5, 7] |\n"
    html = typeset(table)
    assert "<td>5~%</td>" in html
    assert "<td>6 [5,_7]</td>" in html
    assert "6 [5,_7]" in typeset(table, "plain")
