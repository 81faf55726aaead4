"""`make clean` removes what renders and tests made, and nothing else; recipes are run as they stand, on a scratch checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modaddlab.report import mark

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(os.name != "posix" or shutil.which("make") is None, reason="there is no make here")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a built site, caches, own runs, and own files in places where one might put them."""
    root = tmp_path / "a checkout"
    (root / "chapters").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", root)
    (root / "_quarto.yml").write_text("project: {type: book}\nbook: {title: A book, chapters: [index.qmd]}\n")
    (root / "index.qmd").write_text("# Front\n")
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name in ("data/runs/a/final", "_own/runs/b/final", "_own/partial/b/state", "my-runs/runs/c", "notes.txt",
                 "_book/index.html", "_book/site_libs/a.js", ".cache/derived/x/y", ".cache/jupyter/z", ".quarto/x",
                 ".jupyter_cache/x", "chapters/.jupyter_cache/x", "chapters/part/.jupyter_cache/x",
                 ".pytest_cache/x", ".ruff_cache/x"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and ".venv" not in path.parts}


def clean(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "clean", *arguments], cwd=root, capture_output=True, text=True)


OWN = {"Makefile", "_quarto.yml", "index.qmd", "data/runs/a/final", "_own/runs/b/final", "_own/partial/b/state", "my-runs/runs/c",
       "notes.txt"}  # fmt: skip


def test_the_site_and_the_caches_go_and_all_else_stays(checkout: Path) -> None:
    mark.write(checkout / "_book", checkout, checkout / "_book")
    (checkout / "_book/CNAME").write_text("mine")
    done = clean(checkout, "DATA=_own")
    assert done.returncode == 0, done.stderr
    assert files(checkout) == OWN | {"_book/CNAME", f"_book/{mark.NAME}"}
    assert "the rest is not theirs" in done.stdout
    assert clean(checkout).returncode == 0, "a second time"


def test_a_folder_that_no_render_made_stays(checkout: Path) -> None:
    assert clean(checkout).returncode == 0
    assert files(checkout) == OWN | {"_book/index.html", "_book/site_libs/a.js"}


def test_links_are_not_followed(checkout: Path) -> None:
    shutil.rmtree(checkout / "_book")
    shutil.rmtree(checkout / ".cache")
    (checkout / "_book").symlink_to("my-runs")
    (checkout / ".cache").symlink_to("_own")
    mark.write(checkout / "my-runs", checkout, checkout / "_book")
    assert clean(checkout).returncode == 0
    assert files(checkout) - {f"_book/{mark.NAME}", f"my-runs/{mark.NAME}", "_book/runs/c", "_own/render.lock"} == OWN
    assert not (checkout / ".cache").is_symlink()


def test_a_data_folder_may_have_any_name(checkout: Path) -> None:
    python = checkout / ".venv/bin/python"
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    for name in ("pyproject.toml", "constraints.txt", ".venv/installed"):
        (checkout / name).touch()
    for name in ("my runs", "$HOME; echo 'x'", 'a"b'):
        done = subprocess.run(
            ["make", "--silent", "train", f"DATA={name.replace('$', '$$')}"], cwd=checkout, capture_output=True, text=True
        )
        assert done.stdout == f"-m|modaddlab.train|debug|--data|{name}|", done.stderr
