"""One set of style sheets for both engines: Quarto's SCSS is read as CSS, and what CSS cannot say is refused."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from sample_books import render, write_book

from modaddlab.report import pandoc, styles
from modaddlab.report.errors import BookError
from modaddlab.report.pages import THEME
from modaddlab.report.project import load_book

ROOT = Path(__file__).resolve().parents[2]
LIGHT = "/*-- scss:defaults --*/\n$body-bg: #ffffff !default;\n// a comment\n$link-color: $body-bg;\n"
RULES = "/*-- scss:rules --*/\nmain { color: $link-color; &:hover { top: 0; } } // end\n.my-box { margin: 0.5rem; }\n"
THEMES = {"html": {"theme": {"light": ["light.scss", "book.scss"], "dark": ["dark.scss", "book.scss"]}}}


def book(folder: Path, rules: str = RULES, light: str = LIGHT) -> Path:
    root = write_book(folder, {"index.qmd": "# T\n\n::: {.my-box}\nText.\n:::\n"}, format=THEMES)
    (root / "light.scss").write_text(light)
    (root / "dark.scss").write_text(LIGHT.replace("#ffffff", "#000000") + "/*-- scss:rules --*/\nimg { opacity: 0.9; }\n")
    (root / "book.scss").write_text(rules)
    return root


def test_variables_become_properties_and_rules_stay(tmp_path: Path) -> None:
    site, _ = render(book(tmp_path))
    css = " ".join((site / "book.css").read_text().split())
    assert ":root { --body-bg: #ffffff; --link-color: var(--body-bg); }" in css
    assert '[data-theme="dark"] { --body-bg: #000000;' in css
    assert "main { color: var(--link-color); &:hover { top: 0; } } .my-box { margin: 0.5rem; }" in css
    assert '[data-theme="dark"] { img { opacity: 0.9; } }' in css, "a file of one theme counts in that theme only"
    page = (site / "index.html").read_text()
    assert page.index('href="site.css"') < page.index('href="book.css"')
    assert '<div class="my-box">' in page, "a class that a style sheet has a rule for is known"


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("book.scss", RULES + "a { @include x; }\n", 4, "@include"),
        ("book.scss", RULES + "a { color: darken($link-color, 5%); }\n", 4, "darken("),
        ("book.scss", RULES + "a { &-b { top: 0; } }\n", 4, "&-"),
        ("book.scss", RULES + "a { width: $x; }\n", 4, "`$x` is in no defaults"),
        ("book.scss", "/*-- scss:mixins --*/\n", 1, "scss:mixins"),
        ("book.scss", "a { top: 0; }\n", 1, "begins with"),
        ("book.scss", "", 1, "begins with"),
        ("light.scss", LIGHT + "$a: lighten($body-bg, 2%);\n", 5, "lighten("),
        ("light.scss", LIGHT + "@import 'x';\n", 5, "@import"),
    ],
)
def test_what_css_cannot_say_is_refused_with_its_line(tmp_path: Path, name: str, text: str, line: int, words: str) -> None:
    root = book(tmp_path)
    (root / name).write_text(text)
    with pytest.raises(BookError) as error:
        styles.read(load_book(root))
    assert str(error.value).startswith(f"{name}:{line}: ")
    assert words in str(error.value)


def test_a_missing_style_sheet_is_noticed(tmp_path: Path) -> None:
    root = book(tmp_path)
    (root / "dark.scss").unlink()
    with pytest.raises(BookError, match=r"_quarto.yml:\d+: the style sheet dark.scss is not there"):
        render(root)


def test_no_variable_of_the_books_own_style_sheets_is_without_effect() -> None:
    css = styles.read(load_book(ROOT)).css
    used = set(re.findall(r"var\(--([\w-]+)", css + (THEME / "site.css").read_text()))
    defined = set(re.findall(r"^ +--([\w-]+):", css, re.MULTILINE))
    assert defined - used == {"web-font-path"}, "Quarto alone has fonts to fetch"
    assert used - defined <= {"callout", "columns"}, "which site.css sets itself"


def test_the_maths_font_has_every_sign_of_the_book() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "index.qmd", *(ROOT / "chapters").rglob("*.qmd")])
    text = re.sub(r"^```.*?^```$|`[^`\n]*`|\{\{<.*?>\}\}", "", text, flags=re.M | re.S)
    formulas = sorted(set(re.findall(r"\$\$.+?\$\$|\$(?=\S)[^$\n]+?(?<=\S)\$(?!\d)", text, re.S)))
    html, _ = pandoc.run("\n\n".join(formulas), "--from", "markdown", "--to", "html5", "--mathml")
    drawn = re.sub(r"<annotation.*?</annotation>", "", " ".join(re.findall(r"<math.*?</math>", html, re.S)), flags=re.S)
    signs = set(unescape(re.sub(r"<[^>]+>", "", drawn))) - set("\n\u2061")
    known = set(TTFont(ROOT / "assets/math.woff").getBestCmap() or {})
    letters = [sign for sign in signs if sign.isascii() and sign.islower()]
    italic = {chr(0x1D44E + ord(sign) - ord("a")) if sign != "h" else chr(0x210E) for sign in letters}
    assert len(signs) > 60
    assert {sign for sign in signs | italic if ord(sign) not in known} == set()


def test_no_rule_of_the_site_reaches_into_a_drawing_of_a_page() -> None:
    rules = re.sub(r"/\*.*?\*/", "", (THEME / "site.css").read_text(encoding="utf-8"), flags=re.S)
    alone = [part.strip() for heads in re.findall(r"([^{}]+)\{", rules) for part in heads.split(",") if " " not in part.strip()]
    styled = {name for part in alone for name in re.findall(r"\.([A-Za-z][\w-]*)", part)}
    scripts = [path.read_text(encoding="utf-8") for path in (ROOT / "modaddlab/web/scripts").glob("*.js")]
    given = [re.sub(r"\$\{.*?\}", " ", value) for text in scripts for value in re.findall(r'class: ["`]([^"`]*)', text)]
    drawn = {name for value in given for name in re.findall(r"[A-Za-z][\w-]*", value)}
    assert {"bar", "value"} <= drawn
    assert "masthead" in styled
    assert styled & drawn == set()
