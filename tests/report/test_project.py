"""The project file: chapters, parts, appendices, options and the refusal of unknown keys."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from sample_books import write_book

from modaddlab.report import __main__ as command_line
from modaddlab.report.builtin import resources
from modaddlab.report.errors import BookError
from modaddlab.report.project import load_book
from modaddlab.report.qmd import parse
from modaddlab.report.rendering import render

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
    texts = ["", "", "---\ntoc-depth: 3\n---\n"]
    sources = [parse(text, path) for text, path in zip(texts, [Path("index.qmd"), *[Path("part/a.qmd")] * 2], strict=True)]
    assert [book.option("toc-depth", source) for source in sources] == [2, 4, 3]
    assert book.option("echo") is True
    assert book.option("echo", to="typst") is False
    assert book.option("absent", default="x") == "x"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"website": {}}, "website"),
        ({"number-depth": "x"}, "`number-depth` must be a whole number above 0 here, found `x`"),
        ({"fig-width": True}, "a number above 0"),
        ({"bibliography": 3}, "`bibliography` must be one or more paths here, found `3`"),
        ({"csl": 3}, "`csl` must be a path"),
        ({"filters": 3}, "`filters` must be a list of Lua filters"),
        ({"filters": [{"at": "pre-ast"}]}, "`filters` must be a list of Lua filters"),
        ({"project": {"type": "book", "resources": [3]}}, "`resources` must be one or more paths"),
        ({"jupyter": "julia-1.10"}, "`python3`"),
        ({"lang": "de"}, "`en`"),
        ({"execute": {"echo": "fenced"}}, "true or false"),
        ({"project": {"type": "book", "render": ["a.qmd"]}}, "`render`"),
        ({"project": {"type": "book", "pre-render": "make.sh"}}, "files or commands of this package"),
        ({"format": {"html": {"theme": "cosmo"}}}, "theme"),
        ({"format": {"html": {"code-copy": True}}}, "`false`"),
        ({"format": {"typst": {"papersize": "letter"}}}, "`a4`"),
        ({"book": {"title": "T", "chapters": ["index.qmd"], "repo-url": "x"}}, "repo-url"),
        ({"book": {"title": "T", "chapters": ["index.qmd", {"part": "p.qmd", "chapters": []}]}}, "a part has a title"),
        ({"book": {"title": "T", "chapters": ["references.bib"]}}, "a chapter is a .qmd file"),
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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"book": {"title": "T", "chapters": ["index.qmd", "../outside/a.qmd"]}}, "a chapter must lie in the project's folder"),
        ({"book": {"title": "T", "chapters": ["index.qmd", "/etc/passwd"]}}, "a chapter must lie in the project's folder"),
        ({"book": {"title": "T", "chapters": ["index.qmd", "x/../../outside/a.qmd"]}}, "a chapter must lie"),
        ({"book": {"title": "T", "chapters": ["index.qmd"], "output-file": "../outside/x"}}, "must be a name without folders"),
        ({"book": {"title": "T", "chapters": ["index.qmd"], "output-file": "/tmp/x"}}, "must be a name without folders"),
        ({"book": {"title": "T", "chapters": ["index.qmd"], "output-file": ".."}}, "must be a name without folders"),
        ({"project": {"type": "book", "output-dir": ["a"]}}, "`output-dir` must be a folder"),
        ({"project": {"type": "book", "resources": ["../outside/*"]}}, "a resource must lie in the project's folder"),
        ({"project": {"type": "book", "resources": "/etc/passwd"}}, "a resource must lie in the project's folder"),
        ({"project": {"type": "book", "resources": ["absent/*"]}}, "matches no file"),
        ({"format": {"html": {"css": "../outside/a.qmd"}}}, "a resource must lie in the project's folder"),
    ],
)
@pytest.mark.parametrize("engine", ["builtin", "quarto"])
def test_what_leads_out_of_the_project_is_refused_with_its_line(
    tmp_path: Path, change: dict[str, object], words: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("outside", "project"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outside/a.qmd").write_text("# A\n")
    root = write_book(tmp_path / "project", {"index.qmd": "# T\n"}, **change)
    monkeypatch.setattr("modaddlab.report.rendering.choose", lambda _: pytest.fail("it went on"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BookError, match=words) as caught:
        render(root, engine)
    assert "\n" not in str(caught.value)
    assert re.match(r"_quarto\.yml:\d+: ", str(caught.value))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_resource_is_no_hidden_file(tmp_path: Path) -> None:
    root = write_book(tmp_path, {"index.qmd": "# T\n"}, project={"type": "book", "resources": ["**/*.txt"]})
    for path in ("a/b.txt", ".cache/c.txt", "._book-01234567.tmp/site/a/b.txt"):
        (root / path).parent.mkdir(parents=True)
        (root / path).touch()
    assert resources(load_book(root)) == [Path("a/b.txt")]


def test_a_title_with_a_slash_names_a_file(tmp_path: Path) -> None:
    book = load_book(write_book(tmp_path, {"index.qmd": "# T\n"}, book={"title": "Either/or once", "chapters": ["index.qmd"]}))
    assert book.pdf_name == "Either-or-once.pdf"


def test_a_part_without_chapters_is_one_line_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = {"part": "Later", "chapters": None}
    write_book(tmp_path, {"index.qmd": "# T\n"}, book={"title": "T", "chapters": ["index.qmd", part]})
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


def test_the_workflow_puts_the_addresses_of_a_copy_in(tmp_path: Path) -> None:
    steps = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())["jobs"]["book"]["steps"]
    (script,) = [step["run"] for step in steps if "sed" in step.get("run", "")]
    for name, value in {"repository_owner": "ada", "event.repository.name": "clocks", "repository": "ada/clocks"}.items():
        script = script.replace("${{ github." + name + " }}", value)
    for folder in ("chapters", "assets"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for file in ("_quarto.yml", "index.qmd", "references.bib"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True)
    options = load_book(tmp_path).options["book"]
    assert options["site-url"] == "https://ada.github.io/clocks/"
    assert options["repo-url"] == "https://github.com/ada/clocks"
    assert options["repo-actions"] == ["edit", "source", "issue"]
    assert options["open-graph"]
    assert options["image"]
