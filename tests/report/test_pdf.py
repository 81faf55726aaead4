"""Both engines set the book in one template; what Quarto's filters write is set by it as the built-in renderer's pages are."""

from __future__ import annotations

import io
import json
import random
import re
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
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
#figure(table([1]), caption: [Told.], kind: "quarto-float-tbl", supplement: "Table") <told>
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
#context [#metadata((one: at(<one>), drawn: at(<drawn>), told: at(<told>), two: at(<two>), methods: at(<methods>))) <places>]
#context [#metadata((<deep>, <methods>, <drawn>).map(number)) <numbers>]
"""


@pytest.fixture(scope="module")
def template() -> str:
    """What stands before the chapters in Quarto's markup."""
    options = load_book(ROOT).format("typst")
    show = (ROOT / options["template-partials"]).read_text("utf-8")
    show = re.sub(r"\$for\(.*?\$endfor\$", '"A name",', re.sub(r"\$(?:if\(\w+\)|endif)\$\n", "", show))
    show = re.sub(r"\$\w+\$", "en", show)
    return "\n".join([*((ROOT / name).read_text("utf-8") for name in options["include-in-header"]), show])


@pytest.fixture(scope="module")
def ask(template: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Asks a small book in Quarto's markup for the metadata of a label."""
    source = tmp_path_factory.mktemp("typst") / "book.typ"
    source.write_text(template + CHAPTERS, encoding="utf-8")
    return lambda label: json.loads(typst.query(str(source), label, field="value", one=True, ignore_system_fonts=True))


def test_a_figure_at_a_chapters_beginning_stands_below_its_title(ask: Any) -> None:
    places = ask("<places>")
    assert places["drawn"][0] == places["one"][0]
    assert places["drawn"][1] > places["one"][1]


def test_a_chapter_begins_below_all_of_the_last_one_where_there_is_room(ask: Any) -> None:
    places = ask("<places>")
    order = [places[name] for name in ("one", "told", "two", "methods")]
    assert order == sorted(order)
    assert places["two"][0] == places["one"][0]


@pytest.mark.parametrize("seed", range(3))
def test_with_figures_of_less_than_a_third_of_a_page_no_page_is_emptier(template: str, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    blocks = []
    for chapter in range(12):
        blocks.append(f"= Chapter {chapter}")
        for _ in range(draw.randrange(3, 14)):
            blocks.append(f"#lorem({draw.randrange(20, 120)})")
            if draw.random() < 0.4:
                drawing = f"rect(width: 100%, height: {draw.uniform(2, 6.5)}cm, fill: gray)"
                blocks.append(f'#figure({drawing}, caption: [Drawn.], kind: image, supplement: "F")')
    source = tmp_path / "book.typ"
    source.write_text("\n\n".join([template, *blocks]), encoding="utf-8")
    pages: Any
    pages, warnings = typst.compile_with_warnings(str(source), format="png", ppi=20, ignore_system_fonts=True)
    assert warnings == []  # the layout settles
    for number, page in enumerate(pages[2:-1]):  # after the title page and the contents
        pixels_HW3 = np.asarray(matplotlib.image.imread(io.BytesIO(page)))[..., :3]
        dark_H = np.any(pixels_HW3 < 0.8, axis=(1, 2))
        line_of_text = np.flatnonzero(dark_H[: int(27 / 29.7 * len(dark_H))]).max()
        assert line_of_text / len(dark_H) * 29.7 >= 2.7 + 2 / 3 * 24.3, number


def test_quartos_headings_and_figures_have_the_numbers_of_their_chapters(ask: Any) -> None:
    assert ask("<numbers>") == ["1.1", "A", "1.1"]


def test_both_engines_have_the_same_rules() -> None:
    assert load_book(ROOT).format("typst")["include-in-header"] == [
        (THEME / name).relative_to(ROOT).as_posix() for name in ("rules.typ", "book.typ")
    ]
