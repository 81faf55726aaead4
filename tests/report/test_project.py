"""The project file: chapters, parts, appendices, options and the refusal of unknown keys."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from sample_books import write_book

from modaddlab.report import __main__ as command_line
from modaddlab.report.errors import BookError
from modaddlab.report.project import load_book

ROOT = Path(__file__).resolve().parents[2]


def test_chapters_parts_and_appendices_in_reading_order(tmp_path: Path) -> None:
    texts = {f"{name}.qmd": "# T\n" for name in ("index", "a", "b", "z")}
    listed = {"title": "T", "chapters": ["index.qmd", {"part": "P", "chapters": ["a.qmd", "b.qmd"]}], "appendices": ["z.qmd"]}
    book = load_book(write_book(tmp_path, texts, book=listed))
    assert [(c.slug, c.part, c.appendix) for c in book.chapters] == [
        ("index", None, False),
        ("a", "P", False),
        ("b", "P", False),
        ("z", "Appendices", True),
    ]
    assert book.chapters[1].page == Path("a.html")


def test_a_format_and_a_folder_override_the_top_level(tmp_path: Path) -> None:
    root = write_book(tmp_path, {"index.qmd": "# T\n", "part/a.qmd": "# T\n"}, **{"toc-depth": 2, "execute": {"echo": True}})
    (root / "part/_metadata.yml").write_text("toc-depth: 4\n")
    book = load_book(root)
    assert [book.option("toc-depth", chapter) for chapter in book.chapters] == [2, 4]
    assert book.option("echo") is True
    assert book.option("echo", to="typst") is False
    assert book.option("absent", default="x") == "x"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"website": {}}, "website"),
        ({"format": {"html": {"mermaid": {}}}}, "mermaid"),
        ({"project": {"type": "website"}}, "type: book"),
        ({"book": {"title": "T", "chapters": ["absent.qmd"]}}, "absent.qmd"),
        ({"book": {"title": "T", "chapters": [{"section": "x"}]}}, "section"),
        (
            {"book": {"title": "T", "chapters": ["index.qmd", {"part": "P", "chapters": None}]}},
            "of the part 'P' .* found nothing",
        ),
        ({"book": {"title": "T", "chapters": ["index.qmd", {"part": "P"}]}}, "of the part 'P' must be a list of paths"),
        ({"book": {"title": "T", "chapters": [{"part": "P", "chapters": "index.qmd"}]}}, "found 'index.qmd'"),
        ({"book": {"title": "T", "chapters": [{"part": "P", "chapters": [{"part": "Q"}]}]}}, "must be a path"),
        ({"book": {"title": "T", "chapters": "index.qmd"}}, "of the book must be a list"),
        ({"book": {"title": "T", "chapters": ["index.qmd"], "appendices": None}}, "`appendices:` must be a list"),
        ({"book": None}, "list its chapters"),
        ({"project": None}, "type: book"),
    ],
)
def test_a_wrong_project_file_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    write_book(tmp_path, {"index.qmd": "# T\n"}, **change)
    with pytest.raises(BookError, match=words) as caught:
        load_book(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_part_without_chapters_is_one_line_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_book(tmp_path, {"index.qmd": "# T\n"})
    with (tmp_path / "_quarto.yml").open("a") as project:
        project.write("book:\n  title: T\n  chapters:\n  - index.qmd\n  - part: Later\n    chapters:\n")
    monkeypatch.chdir(tmp_path)
    assert command_line.main(["render", "--engine", "builtin"]) == 2
    assert capsys.readouterr().err == (
        "error: _quarto.yml: `chapters:` of the part 'Later' must be a list of paths, found nothing; list some, or leave it out\n"
    )
    assert not (tmp_path / "_book").exists()


def test_the_line_of_an_unknown_key_is_named(tmp_path: Path) -> None:
    write_book(tmp_path, {"index.qmd": "# T\n"})
    text = (tmp_path / "_quarto.yml").read_text() + "no-such-key: 1\n"
    (tmp_path / "_quarto.yml").write_text(text)
    with pytest.raises(BookError, match=rf"_quarto.yml:{len(text.splitlines())}: .*no-such-key"):
        load_book(tmp_path)


def test_our_own_project_file_asks_nothing_of_other_hosts() -> None:
    text = (ROOT / "_quarto.yml").read_text()
    options = yaml.safe_load(text)
    assert options["format"]["html"]["html-math-method"] == "mathml"
    assert options["execute"]["cache"] is True
    assert options["execute"]["daemon"] is False, "a kernel daemon would keep an old JUPYTERCACHE"
    assert "freeze" not in options["execute"]
    for theme in options["format"]["html"]["theme"].values():
        for path in theme:
            assert "//" not in (ROOT / path).read_text().replace("// ", ""), f"{path} names an address"
