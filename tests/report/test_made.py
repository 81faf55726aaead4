"""What was made of a chapter is made again when something that it is made from has changed, and only then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_books import render, write_book

from modaddlab.report import pandoc, pdf
from modaddlab.report.qmd import Source

CHAPTERS = {
    "index.qmd": "# Front {.unnumbered}\n\nSee @sec-b.\n",
    "a.qmd": "# First\n\n![A sign.](sign.svg){#fig-a}\n\nWords [@nanda2023].\n",
    "b.qmd": "# Second {#sec-b}\n\nIt shows @fig-a, with $x^2$.\n",
    "references.qmd": "# References {.unnumbered}\n\n::: {#refs}\n:::\n",
}

Made = Callable[[], tuple[list[str], dict[str, bytes]]]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Renders the book into an empty folder: the chapters that pandoc read, and "pdf" where it was set; the site's files."""
    write_book(tmp_path, CHAPTERS)
    (tmp_path / "sign.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    seen: set[str] = set()
    plain, typst = pandoc.read, pdf._set

    def read(markdown: str, source: Source, *rest: object) -> object:
        seen.update({source.path.stem} if rest else ())
        return plain(markdown, source, *rest)  # type: ignore[arg-type]

    def typeset(*arguments: object) -> bytes:
        seen.add("pdf")
        return typst(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pandoc, "read", read)
    monkeypatch.setattr(pdf, "_set", typeset)

    def make() -> tuple[list[str], dict[str, bytes]]:
        seen.clear()
        shutil.rmtree(tmp_path / "_site", ignore_errors=True)
        site, _ = render(tmp_path, ("html", "pdf"))
        return sorted(seen), {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}

    return make


def test_only_what_has_changed_is_made_again(made: Made, tmp_path: Path) -> None:
    every = ["a", "b", "index", "pdf", "references"]
    assert (first := made())[0] == every
    assert made() == ([], first[1]), "nothing"

    (tmp_path / "b.qmd").write_text(CHAPTERS["b.qmd"] + "\nOne more sentence.\n")
    names, files = made()
    assert names == ["b", "pdf"]
    assert {name for name in files if files[name] != first[1][name]} >= {"b.html", "b.md", "search-index.js", "small.pdf"}
    assert files["a.html"] == first[1]["a.html"]

    for entry in (tmp_path / ".cache/pages").iterdir():
        if entry.name in ("a", "pdf"):
            entry.write_bytes(entry.read_bytes()[:-9] + b"xxxxxxxxx")
    assert made() == (["a", "pdf"], files), "damage"

    (tmp_path / "a.qmd").write_text(
        "# First\n\n![Another.](sign.svg){#fig-before}\n\n" + CHAPTERS["a.qmd"].removeprefix("# First\n")
    )
    names, files = made()
    assert names == every, "a number that others refer to"
    assert "Figure\u00a01.2" in files["b.html"].decode()

    bibliography = (tmp_path / "references.bib").read_text()
    (tmp_path / "references.bib").write_text(bibliography.replace("2023}, journal={ICLR}", "2024}, journal={ICLR}"))
    names, files = made()
    assert names == ["a", "pdf", "references"], "the words of a citation, and the list of works"
    assert "2024" in files["a.html"].decode()
