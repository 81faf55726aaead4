"""Both engines set the book in one template; what Quarto's filters write is set by it as the built-in renderer's pages are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typst

from modaddlab.report.pdf import THEME
from modaddlab.report.project import load_book

ROOT = Path(__file__).resolve().parents[2]

CHAPTERS = """
#part[The first]
= One <one>
#figure(rect(height: 5cm), caption: [Drawn.], kind: "quarto-float-fig", supplement: "Figure") <drawn>
Before the figure in the text.
#figure(table([1]), caption: [Told.], kind: "quarto-float-tbl", supplement: "Table")
== Deep <deep>
= Two <two>
#show: appendices.with("Appendices", hide-parent: true)
#heading(level: 1, numbering: none)[Appendices]
= Methods <methods>
#let at(name) = { let p = locate(name).position(); (p.page, p.y.pt()) }
#let number(name) = {
  let it = query(name).first()
  let steps = if it.func() == heading { counter(heading) } else { it.counter }
  numbering(it.numbering, ..steps.at(it.location()))
}
#context [#metadata((one: at(<one>), drawn: at(<drawn>), two: at(<two>), methods: at(<methods>))) <places>]
#context [#metadata((<deep>, <methods>, <drawn>).map(number)) <numbers>]
"""


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Asks a small book in Quarto's markup for the metadata of a label."""
    options = load_book(ROOT).format("typst")
    show = (ROOT / options["template-partials"]).read_text("utf-8")
    show = re.sub(r"\$for\(.*?\$endfor\$", '"A name",', re.sub(r"\$(?:if\(\w+\)|endif)\$\n", "", show))
    show = re.sub(r"\$\w+\$", "en", show)
    source = tmp_path_factory.mktemp("typst") / "book.typ"
    headers = [(ROOT / name).read_text("utf-8") for name in options["include-in-header"]]
    source.write_text("\n".join([*headers, show, CHAPTERS]), encoding="utf-8")
    return lambda label: json.loads(typst.query(str(source), label, field="value", one=True, ignore_system_fonts=True))


def test_a_figure_at_a_chapters_beginning_stands_below_its_title(ask: Any) -> None:
    places = ask("<places>")
    assert places["drawn"][0] == places["one"][0]
    assert places["drawn"][1] > places["one"][1]


def test_chapters_begin_on_the_next_page_and_the_name_of_the_appendices_takes_none(ask: Any) -> None:
    places = ask("<places>")
    pages = [places[name][0] for name in ("one", "two", "methods")]
    assert pages == [pages[0], pages[0] + 1, pages[0] + 2]


def test_quartos_headings_and_figures_have_the_numbers_of_their_chapters(ask: Any) -> None:
    assert ask("<numbers>") == ["1.1", "A", "1.1"]


def test_both_engines_have_the_same_rules() -> None:
    assert load_book(ROOT).format("typst")["include-in-header"] == [
        (THEME / name).relative_to(ROOT).as_posix() for name in ("rules.typ", "book.typ")
    ]
