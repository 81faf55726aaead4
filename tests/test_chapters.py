"""The chapters keep the book's rules: every figure and table is labelled, captioned, described and referred to."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from modaddlab.report import vocabulary
from modaddlab.report.errors import Place
from modaddlab.report.vocabulary import read_yaml

ROOT = Path(__file__).parent.parent
CHAPTERS = [ROOT / "index.qmd", *sorted((ROOT / "chapters").rglob("*.qmd"))]
BOOK = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in CHAPTERS}
FIGURE = re.compile(r"^::: \{#(fig-[a-z-]+)\}\n(.*?)^:::$", re.M | re.S)
CELL = re.compile(r"^```\{python\}\n(.*?)^```$", re.M | re.S)
FIGURES = [(name, *match.groups()) for name, text in BOOK.items() for match in FIGURE.finditer(text)]


MOST_LINES = 8

NUMBER = re.compile(r"(?<![\w])\d[\d.,]*(?![\d.,]*[A-Za-z])")
"""A number in a text; "3k" and "W2" are names."""


def prose(text: str) -> str:
    """A chapter without its cells."""
    return CELL.sub("", text)


@pytest.mark.parametrize(("chapter", "label", "body"), FIGURES, ids=[label for _, label, _ in FIGURES])
def test_a_figure_is_described_captioned_and_referred_to(chapter: str, label: str, body: str) -> None:
    cells = CELL.findall(body)
    assert len(cells) == 1
    assert "#| renderings: [light, dark]" in cells[0]
    alt = re.search(r'^#\| fig-alt: "(.+)"$', cells[0], re.M)
    assert alt, "a figure has an alt text"
    assert len(alt[1].split()) >= 12, "an alt text describes the drawing"
    caption = prose(body).strip()
    assert len(caption.split()) >= 8, "a caption states the finding"
    outside = BOOK[chapter].replace(body, "")  # a sentence that a cell writes counts too
    assert re.search(rf"@{label}\b(?!-)", outside), f"{label} is not referred to in {chapter}"


def test_a_label_stands_once_in_the_book_and_every_reference_has_one() -> None:
    text = "\n".join(BOOK.values())
    found = re.findall(r"\{#((?:fig|tbl|eq|sec)-[\w-]+)", text) + re.findall(r"^#\| label: ((?:fig|tbl)-[\w-]+)", text, re.M)
    assert sorted({label for label in found if found.count(label) > 1}) == []
    assert sorted(set(re.findall(r"@((?:fig|tbl|eq|sec)-[a-z0-9-]*[a-z0-9])", text)) - set(found)) == []


@pytest.mark.parametrize(("chapter", "label"), [figure[:2] for figure in FIGURES], ids=[label for _, label, _ in FIGURES])
def test_a_figure_brings_its_data(chapter: str, label: str) -> None:
    body = next(text for name, other, text in FIGURES if (name, other) == (chapter, label))
    assert body.count(", data=") == 1, f"{label} of {chapter} brings its data"


def test_there_are_figures_in_every_chapter_of_the_story() -> None:
    with_figures = {chapter for chapter, _, _ in FIGURES}
    story = {name for name in BOOK if re.search(r"index|chapters/(?!reference).+/|explorer|lab\.|scorecard", name)}
    assert story == with_figures


def cell_problems(cell: str) -> list[str]:
    """What makes a cell more than a finding, a figure and a guard; the words of a guard are the chapter's."""
    code = [line for line in cell.splitlines() if line.strip() and not line.startswith("#|")]
    problems = [f"{len(code)} lines"] if len(code) > MOST_LINES else []
    tree = ast.parse("\n".join(code))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    quoted = {call.args[1] for call in calls if ast.unparse(call.func) == "findings.expect"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            problems.append("a definition")
        elif isinstance(node, ast.If | ast.IfExp | ast.Match):
            problems.append("a branch")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            problems.append("a print")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and NUMBER.search(node.value) and node not in quoted:
            problems.append(f"a number in {node.value!r}")
    return problems


@pytest.mark.parametrize("chapter", BOOK)
def test_cells_are_thin(chapter: str) -> None:
    assert [problem for cell in CELL.findall(BOOK[chapter]) for problem in cell_problems(cell)] == []


@pytest.mark.parametrize(
    "cell",
    [
        "\n".join(["x = a"] * 9),
        "def f():\n    return a",
        "x = lambda a: a",
        "x = a if b else c",
        "if a:\n    b",
        "print(a)",
        "x = 'in 3 of 10'",
        "x = f'{a} of 10'",
        "x = '0.5, other seeds'",
    ],
)
def test_a_thick_cell_would_be_found(cell: str) -> None:
    assert cell_problems(cell)


def test_a_thin_cell_passes() -> None:
    lines = ["#| label: tbl-a", "#| tbl-cap: '99 %'", *["x = a[0.3] + f'suite-{3}' + '3k'"] * 7]
    assert cell_problems("\n".join([*lines, "findings.expect(x, 'in 3 of 10')"])) == []


LINT = ["--isolated", "--select", "E7,E9,F,B,C4,PT,SIM,UP", "--ignore", "B018,B905,SIM300"]
"""A cell may end with a value, may zip briefly, and may put the larger number first."""


def lint_problems(chapters: Mapping[str, str], folder: Path) -> str:
    """What ruff says about the cells of chapters, each chapter being one program."""
    for name, text in chapters.items():
        lines = [line for cell in CELL.findall(text) for line in cell.splitlines() if not line.startswith("#|")]
        (folder / f"{name.replace('/', '.')}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", *LINT, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_cells_pass_the_linter(tmp_path: Path) -> None:
    assert lint_problems(BOOK, tmp_path) == "All checks passed!\n"


def test_an_unused_or_unknown_name_in_a_cell_would_be_found(tmp_path: Path) -> None:
    found = lint_problems({"a": "```{python}\nimport os\n```\n\n```{python}\nx = y\n```\n"}, tmp_path)
    assert "`os` imported but unused" in found
    assert "Undefined name `y`" in found


def test_two_thirds_of_the_book_are_prose() -> None:
    options = [line for text in BOOK.values() for line in re.findall(r"^#\| (?:fig-alt|fig-cap|tbl-cap): .*\n", text, re.M)]
    assert sum(map(len, [*map(prose, BOOK.values()), *options])) > 2 / 3 * sum(map(len, BOOK.values()))


@pytest.mark.parametrize("chapter", BOOK)
def test_a_table_has_a_caption(chapter: str) -> None:
    for cell in CELL.findall(BOOK[chapter]):
        if "#| label: tbl-" in cell:
            assert re.search(r'^#\| tbl-cap: ".{20,}"$', cell, re.M), cell.splitlines()[0]


@pytest.mark.parametrize("chapter", BOOK)
def test_no_result_is_typed_into_prose(chapter: str) -> None:
    """Decimals and percentages in the text belong to what others published, with the source beside them."""
    text = re.sub(r"\{\{<.*?>\}\}|9[59] %", "", prose(BOOK[chapter]))  # values by name, and the thresholds by definition
    for paragraph in re.split(r"\n\s*\n", text):
        if re.search(r"\d\.\d|\d ?%", paragraph):
            sourced = re.search(r"@[a-z]+\d{4}|replication|study|rule|share|first step|central|Python", paragraph)
            assert sourced, f"a number without a source: {paragraph[:200]}"


def test_chapters_ask_for_what_a_provenance_says_by_the_methods_that_expect_it_to_say_nothing() -> None:
    asked = [name for name, text in BOOK.items() if re.search(r"provenance\[|provenance\.get", text)]
    assert not asked, "record.told(...) and record.wall_seconds say so where others wrote less into it"


@pytest.mark.parametrize("chapter", BOOK)
def test_a_chapter_says_in_a_line_what_it_is_about(chapter: str) -> None:
    found = re.match(r'---\ndescription: "(.+)"\n---\n', BOOK[chapter])
    assert found, "search engines and previews ask for it"
    assert 40 <= len(found[1]) <= 160


def test_the_addresses_need_only_their_marks_taken_away(tmp_path: Path) -> None:
    text = (ROOT / "_quarto.yml").read_text(encoding="utf-8")
    set_up = re.sub(r"^  # (site-url|repo-url|repo-actions|image|open-graph|twitter-card):", r"  \1:", text, flags=re.M)
    options = read_yaml(set_up, Place(Path("_quarto.yml")), vocabulary.PROJECT, "a book")["book"]
    assert {"site-url", "repo-url", "repo-actions", "image", "open-graph", "twitter-card"} <= options.keys()


ON_SCREEN = re.compile(r'^(:{3,}) \{[^}\n]*when-format="html"\}\n.*?^\1$', re.M | re.S)


@pytest.mark.parametrize("chapter", BOOK)
def test_paper_is_not_asked_to_be_pressed(chapter: str) -> None:
    on_paper = ON_SCREEN.sub("", prose(BOOK[chapter]))
    asked = r"(?i)\b(?:pres(?:s|sing|ses) (?:the|one|\W)|click\w*|tap|hover|slider|(?:light|dark) theme|your browser)\b"
    assert re.findall(asked, on_paper) == []


@pytest.mark.parametrize("chapter", BOOK)
def test_a_matrix_is_written_as_a_formula(chapter: str) -> None:
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]*`|\{\{<.*?>\}\}", "", prose(BOOK[chapter]), flags=re.S)
    labels = re.findall(r'"quantity": "([^"]*)"', BOOK[chapter])
    assert re.findall(r"\b[Wb]_[A-Za-z]+", " ".join([text, *(re.sub(r"\$[^$]*\$", "", label) for label in labels)])) == []


@pytest.mark.parametrize("chapter", BOOK)
def test_a_formula_is_written_in_what_both_typesetters_space_alike(chapter: str) -> None:
    """pandoc's Typst has `\\!` as a step back by a whole em, `\\;` as none, and `\\bigl` and bare bars as letters with blanks."""
    formulas = "\n".join(re.findall(r"\$\$.*?\$\$|(?<![\\$])\$[^$\n]+\$", prose(BOOK[chapter]), re.S))
    within_a_row = re.sub(r"\\Bigl[^$]*?\\\\[^$]*?\\Bigr", "", formulas)  # \left and \right cannot stand in different rows
    assert re.findall(r"\\[!;]|\\[bB]igg?[lr]?\b|(?<!\\left)(?<!\\right)\|", within_a_row) == []
