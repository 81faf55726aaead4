"""The site's policy, `default-src 'self'`: no page holds a script or a style, and what they did is done from files."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from sample_books import render, write_book

from modaddlab.report.errors import BookError
from modaddlab.report.policy import COMPILED, POLICY, obey
from modaddlab.report.qmd import parse

FRONT = parse("# Front\n\nText.\n", Path("index.qmd"))


def moved(content: str) -> tuple[str, dict[str, str]]:
    """A page's body, its head, and its files after the policy."""
    return obey(f"<head></head><body>{content}</body>", "index_files", FRONT)


class Forbidden(HTMLParser):
    """Notes whatever a browser would not let through, and how many scripts and style sheets come from files."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.n_files = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.n_files += (tag == "script" and "src" in values) or values.get("rel") == "stylesheet"
        if tag == "style" or (tag == "script" and "src" not in values and values.get("type") != "application/json"):
            self.found.append(tag)
        for name, value in attrs:
            download = tag == "a" and (value or "").startswith("data:text/csv")
            if name == "style" or name.startswith("on") or ((value or "").startswith(("data:", "javascript:")) and not download):
                self.found.append(f"{tag} {name}={value}")


def forbidden(text: str) -> Forbidden:
    parser = Forbidden()
    parser.feed(text)
    return parser


def test_no_page_holds_what_the_policy_forbids(sample: tuple[Path, Path]) -> None:
    pages = sorted(sample[1].rglob("*.html"))
    assert len(pages) == 5
    for page in pages:
        text = page.read_text()
        assert text.index(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">') < text.index("<script")
        assert forbidden(text).found == [], page
        assert forbidden(text).n_files >= 4, page


@pytest.mark.parametrize(
    "text",
    [
        "<script>1</script>",
        "<style></style>",
        '<p style="top: 0">',
        '<p onclick="f()">',
        '<img src="data:,">',
        '<a href="javascript:f()">',
    ],
)
def test_what_is_forbidden_would_be_found(text: str) -> None:
    assert len(forbidden(text).found) == 1


def test_scripts_keep_their_place_and_data_stay() -> None:
    data = '<script type="application/json">{"a": "</p>"}</script>'
    page, files = moved(f"<b>1</b><script>one()</script>{data}<i>2</i><script async id='x' data-n='\"'>\ntwo('<b>')\n</script>")
    first, second = "index_files/page-1.js", "index_files/page-2.js"
    script = f'<script src="{second}" id="x" data-n="&quot;"></script>'
    assert page == f'<head></head><body><b>1</b><script src="{first}"></script>{data}<i>2</i>{script}</body>'
    assert files == {first: "one()", second: "\ntwo('<b>')\n"}


def test_style_sheets_go_into_the_head_in_their_order() -> None:
    sheets = "<style>a { background: url(x.png) }</style>", '<svg><style media="print">@import "y.css"; b {}</style></svg>'
    page, files = moved("".join(sheets))
    first, second = "index_files/page-1.css", "index_files/page-2.css"
    links = f'<link rel="stylesheet" href="{first}">\n<link rel="stylesheet" href="{second}" media="print">\n'
    assert page.startswith(f"<head>{links}</head>")
    assert page.endswith("<body><svg></svg></body>")
    assert files == {first: "a { background: url(../x.png) }", second: '@import "../y.css"; b {}'}


def test_a_style_attribute_becomes_a_class_that_counts_as_much() -> None:
    column, cells = (
        '<col style="width: 12.5%" />',
        '<td style="text-align: right;">1</td><td class="a" STYLE="text-align:right">é</td>',
    )
    page, files = moved(column + cells)
    assert '<col class="width:12.5%"/><td class="text-align:right">1</td><td class="a text-align:right">é</td>' in page
    assert files["index_files/page-1.css"].splitlines() == [
        '[class~="width:12.5%"]:not(#_) { width: 12.5% }', '[class~="text-align:right"]:not(#_) { text-align:right }'
    ]  # fmt: skip


def test_a_page_without_scripts_and_styles_stays_as_it_is() -> None:
    content = """<P title='a>b' hidden>x &amp; y</P>\n<a href="data:text/csv,a" download></a><img src="a.png" alt="data: x">"""
    assert moved(content) == (f"<head></head><body>{content}</body>", {})


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ('<p onclick="f()">x</p>', "addEventListener"),
        ('<img src="data:image/png;base64,AA==" alt="x">', "as a file"),
        ('<a href=" JavaScript:f()">x</a>', "button"),
        ('<script type="module">f()</script>', "plain script"),
        ("<style>p { background: url( 'data:image/png;base64,AA==') }</style>", "as a file"),
        ('<p style="background: url(data:,)">x</p>', "as a file"),
    ],
)
def test_what_no_file_can_hold_is_refused_with_its_line(tmp_path: Path, html: str, words: str) -> None:
    root = write_book(tmp_path, {"index.qmd": f"# T\n\nText.\n\n```{{=html}}\n<hr>\n{html}\n```\n"})
    with pytest.raises(BookError, match=words) as error:
        render(root)
    assert str(error.value).startswith("index.qmd:7: ")


def test_a_style_sheet_of_the_book_is_held_to_it_too(tmp_path: Path) -> None:
    html = {"theme": {"light": "a.scss", "dark": "a.scss"}}
    root = write_book(tmp_path, {"index.qmd": "# T\n\nText.\n"}, format={"html": html})
    rules = "/*-- scss:rules --*/\n// no url(data:) here\np { color: red; }\n"
    (root / "a.scss").write_text(rules)
    render(root)
    (root / "a.scss").write_text(rules + 'b { background: url("data:,x"); }\n')
    with pytest.raises(BookError, match=r"a\.scss:4: .*as a file"):
        render(root)


def test_readme_tells_a_server_the_policy_that_every_page_works_under() -> None:
    assert f"`{COMPILED}`" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
