"""The sample book's pages and PDF: every construct arrives, in the format it is meant for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import panflute as pf
import pytest

from modaddlab.report import listings
from modaddlab.report.check import check_site

Sample = tuple[Path, Path]


@pytest.fixture(scope="module")
def one(sample: Sample) -> str:
    return (sample[1] / "chapters/one.html").read_text()


def test_the_site_has_no_defect(sample: Sample) -> None:
    assert check_site(sample[1]) == []


def test_numbers_and_links_run_through_the_book(sample: Sample, one: str) -> None:
    index = (sample[1] / "index.html").read_text()
    assert '<a href="chapters/one.html#fig-wave" class="reference">Figure\u00a01.1</a>' in index
    assert '<a href="chapters/methods.html#sec-methods" class="reference">Appendix\u00a0A</a>' in index
    assert 'href="chapters/two.html#sec-deep"' in index
    assert "Figure\u00a01.2\u00a0(b)" in one.replace("Figure\u00a01.2 (b)", "Figure\u00a01.2\u00a0(b)")
    assert 'href="references.html#ref-nanda2023"' in one
    references = (sample[1] / "chapters/references.html").read_text()
    assert 'id="ref-nanda2023"' in references
    assert 'id="ref-zhong2023"' in references


def test_a_figure_has_two_renderings_with_alternative_text(sample: Sample) -> None:
    index = (sample[1] / "index.html").read_text()
    assert index.index('class="light-content"') < index.index('class="dark-content"')
    assert index.count('alt="A curve that rises, then &quot;falls&quot;."') == 2
    drawings = sorted((sample[1] / "index_files").iterdir())
    assert [path.suffix for path in drawings] == [".svg", ".svg"]
    assert drawings[0].read_bytes() != drawings[1].read_bytes()


def test_constructs_become_html(one: str) -> None:
    assert '<details class="code-fold">' in one
    assert one.count("<math") == 3
    assert '<span class="equation-number">(1.1)</span>' in one
    assert '<table id="tbl-numbers">' in one
    assert '<div class="callout callout-note"><p class="callout-title">What would look wrong</p>' in one
    assert '<details class="callout callout-tip"><summary class="callout-title">How to read</summary>' in one
    assert one.count('role="tab"') == one.count('role="tabpanel"') == 2
    assert '<p class="raw">Raw <b>HTML</b></p>' in one
    assert "The sum is <strong>2</strong>" in one
    assert "Only in the site." in one
    assert "Only on paper." not in one


def test_titles_of_callouts_and_tabs_are_not_sections(one: str) -> None:
    contents = one[one.index('<aside class="contents"') :]
    assert "A section" in contents
    assert "What would look wrong" not in contents
    assert ">Train<" not in contents


def test_the_search_index_knows_every_section(sample: Sample) -> None:
    text = (sample[1] / "search-index.js").read_text()
    index = json.loads(text.removeprefix("window.SEARCH_INDEX = ").rstrip(";\n"))
    by_address = {entry["address"]: entry for entry in index}
    assert by_address["chapters/two.html#sec-deep"]["section"] == "Deep"
    assert "A formula with a number" in by_address["chapters/one.html"]["text"]
    assert "import matplotlib" not in text
    assert "class=" not in text


def test_the_search_index_has_what_a_page_shows() -> None:
    def block(to: str, text: str) -> pf.Div:
        return pf.Div(pf.Header(pf.Str(text)), classes=["content-visible"], attributes={"when-format": to})

    shown = listings._shown([pf.Header(pf.Str("first")), block("typst", "on paper"), block("html", "on the site")])
    assert [pf.stringify(header) for header in shown] == ["first", "on the site"]


def test_the_pdf_has_the_paper_version(sample: Sample) -> None:
    pdf = sample[1] / "sample.pdf"
    assert pdf.read_bytes()[:5] == b"%PDF-"
    assert 'href="sample.pdf" download' in (sample[1] / "index.html").read_text()
    try:
        text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("pdftotext (poppler-utils) is not installed, so the PDF's text was not read")
    for expected in (
        "A sample book",
        "Contents",
        "1 The first chapter",
        "Figure 1.1: A wave",
        "Table 1.1: Numbers",
        "(1.1)",
        "Only on paper.",
        "What would look wrong",
        "Text of test.",
        "(Zhong 2023",
        "A Methods",
        "Equation A.1",
    ):
        assert expected in " ".join(text.split()), expected
    assert "Only in the site." not in text
    assert "import matplotlib" not in text, "code is left out of the PDF"
    assert 'print("output as text")' in text, "unless its cell says `echo: true`"


def test_a_page_says_what_it_is_and_where_its_source_lies(sample: Sample, one: str) -> None:
    assert '<meta name="description" content="The first chapter.">' in one
    assert '<meta property="og:url" content="https://example.org/book/chapters/one.html">' in one
    assert '<meta property="og:image" content="https://example.org/book/sign.svg">' in one
    assert '<link rel="icon" href="../sign.svg">' in one
    assert '<a href="https://example.org/repository/edit/main/chapters/one.qmd">Edit this page</a>' in one
    line = (sample[0] / "chapters/one.qmd").read_text().split("\n").index("import matplotlib.pyplot as plt") + 1
    assert f'<a href="https://example.org/repository/blob/main/chapters/one.qmd#L{line}">' in one
    assert '<a href="one.ipynb" download>' in one
    assert '<footer><p>Under the <a href="https://example.org/mit">MIT licence</a>.</p></footer>' in one
    assert "<loc>https://example.org/book/chapters/two.html</loc>" in (sample[1] / "sitemap.xml").read_text()


def test_the_previews_know_what_links_lead_to(sample: Sample) -> None:
    text = (sample[1] / "previews.js").read_text()
    previews = json.loads(text.removeprefix("window.PREVIEWS = ").rstrip(";\n"))
    assert previews["fig-hero"].count("<img") == 2
    assert 'src="index_files/' in previews["fig-hero"]
    assert "<math" in previews["eq-sum"]
    assert "<td" in previews["tbl-numbers"]
    assert "Figure\u00a01.1:" in previews["fig-wave"]
    assert "Progress Measures" in previews["ref-nanda2023"]
    assert previews["sec-deep"].startswith("<p><strong>2.1 Deep</strong></p>")
    assert not any("<a " in html or ' id="' in html for html in previews.values())


def test_the_search_shows_formulas_as_letters(sample: Sample) -> None:
    text = (sample[1] / "search-index.js").read_text()
    assert "\\" not in text.replace('\\"', "").replace("\\n", "")
    assert "=cos(wk(a+b))" in text.replace(" ", "")
