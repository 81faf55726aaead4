"""The fingerprint that Quarto's cache belongs to changes with whatever an output can depend on."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_books import write_book

from modaddlab.report import fingerprint


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MODADDLAB_DATA", raising=False)
    write_book(tmp_path, {"index.qmd": "# T\n", "part/a.qmd": "# A\n"})
    for name in ("modaddlab/a.py", "modaddlab/report/b.py", "data/runs/one/manifest.json", "part/_metadata.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x: 1\n")
    return tmp_path


@pytest.mark.parametrize(
    "name", ["modaddlab/a.py", "modaddlab/new.py", "modaddlab/new.js", "data/runs/one/manifest.json", "part/_metadata.yml"]
)
def test_it_changes_with_package_runs_and_options(root: Path, name: str) -> None:
    before = fingerprint.fingerprint(root)
    assert fingerprint.fingerprint(root) == before
    (root / name).write_text("x: 2\n")
    changed = fingerprint.fingerprint(root)
    assert changed != before
    (root / name).write_text("x: 2\n# a comment\n")
    assert (fingerprint.fingerprint(root) == changed) is name.endswith(".py")


def test_it_changes_with_a_library_and_with_execution_options(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint.fingerprint(root)
    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "library_versions", lambda: {"numpy": "0"})
        assert fingerprint.fingerprint(root) != before
    (root / "_quarto.yml").write_text((root / "_quarto.yml").read_text() + "fig-width: 3\n")
    assert fingerprint.fingerprint(root) != before


def test_it_does_not_change_with_chapters_their_list_or_the_renderer(root: Path) -> None:
    before = fingerprint.fingerprint(root)
    (root / "index.qmd").write_text("# Another\n")
    (root / "modaddlab/report/b.py").write_text("x: 2\n")
    (root / ".venv").mkdir()
    (root / ".venv/_metadata.yml").write_text("x: 2\n")
    text = (root / "_quarto.yml").read_text()
    (root / "_quarto.yml").write_text(text.replace("A small book", "A smaller book"))
    assert fingerprint.fingerprint(root) == before


def test_the_list_of_libraries_is_what_chapters_use() -> None:
    versions = fingerprint.library_versions()
    assert versions["numpy"] != "absent"
    assert versions["matplotlib"] != "absent"
