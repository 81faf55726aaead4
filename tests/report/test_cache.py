"""A damaged cache of executions is an empty one: nothing of it is shown, and the next execution is kept."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from sample_books import write_book

from modaddlab.report.cache import FOLDER, TRACE_TYPE, Cache
from modaddlab.report.project import Book, load_book
from modaddlab.report.qmd import parse
from modaddlab.trace import digest

SOURCE = parse("# T\n", Path("index.qmd"))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return load_book(write_book(tmp_path, {"index.qmd": "# T\n"}))


def notebook(*shown: str, read: dict[str, str] | None = None) -> NotebookNode:
    """A notebook whose cells showed these texts, and whose last cell reports what they read."""
    outputs = [new_output("stream", text=text) for text in shown]
    outputs.append(new_output("display_data", data={TRACE_TYPE: read or {}}))
    cells = [new_code_cell(f"cell({n})", execution_count=n, outputs=[output]) for n, output in enumerate(outputs, start=1)]
    return new_notebook(cells=cells)


def asked(n_cells: int = 2) -> NotebookNode:
    return new_notebook(cells=[new_code_cell(f"cell({n})") for n in range(1, n_cells + 2)])


def kept(book: Book, cache: Cache | None = None) -> list[str] | None:
    found = (cache or Cache(book)).find(asked())
    return None if found is None else [cell.outputs[0].text for cell in found.cells[:-1]]


def keep(book: Book, cache: Cache | None = None, **options: dict[str, str]) -> None:
    cache = cache or Cache(book)
    cache.keep(notebook("1.5\nlines", "2.5", **options), SOURCE)


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        [path] = folder.glob(name)
        path.write_bytes(change(path.read_bytes()))

    return damage


def file_for(name: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        shutil.rmtree(folder / name)
        (folder / name).touch()

    return damage


def folder_for_database(folder: Path) -> None:
    (folder / "global.db").unlink()
    (folder / "global.db").mkdir()


def pipe_for(name: str) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        [path] = folder.glob(name)
        path.unlink()
        os.mkfifo(path)

    return damage


def without_a_cell(content: bytes) -> bytes:
    whole = json.loads(content)
    del whole["cells"][0]
    return json.dumps(whole).encode()


BASE, DATABASE = "executed/*/base.ipynb", "global.db"
DAMAGES = {
    "a number": rewrite(BASE, lambda content: content.replace(b"2.5", b"9.5")),
    "a cell": rewrite(BASE, without_a_cell),
    "half a notebook": rewrite(BASE, lambda content: content[: len(content) // 2]),
    "bytes": rewrite(BASE, lambda _: b"\xff\xfe\x00"),
    "other JSON": rewrite(BASE, lambda _: b"[]"),
    "no JSON object of ours": rewrite(BASE, lambda _: b'{"cells": 3}'),
    "no notebook": lambda folder: next(folder.glob(BASE)).unlink(),
    "no entry": lambda folder: shutil.rmtree(next(folder.glob(BASE)).parent),
    "an entry that is a file": file_for("executed"),
    "garbage for a database": rewrite(DATABASE, lambda content: b"garbage" * (len(content) // 7)),
    "half a database": rewrite(DATABASE, lambda content: content[: len(content) // 2]),
    "an empty database": rewrite(DATABASE, lambda _: b""),
    "no database": lambda folder: (folder / DATABASE).unlink(),
    "a folder for a database": folder_for_database,
    "no cache": shutil.rmtree,
    "no .cache": lambda folder: shutil.rmtree(folder.parents[1]),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("when", ["between renders", "during a render"])
def test_damage_costs_an_execution_and_nothing_else(book: Book, damage: Callable[[Path], object], when: str) -> None:
    keep(book)
    assert kept(book) == ["1.5\nlines", "2.5"]
    during = Cache(book) if when == "during a render" else None
    if during:
        assert kept(book, during)
    damage(book.root / FOLDER)
    assert kept(book, during) is None
    keep(book, during)
    assert kept(book, during) == kept(book) == ["1.5\nlines", "2.5"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("name", [BASE, DATABASE])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(book: Book, name: str) -> None:
    keep(book)
    pipe_for(name)(book.root / FOLDER)
    assert kept(book) is None
    keep(book)
    assert kept(book) == ["1.5\nlines", "2.5"]


def test_a_cache_that_cannot_be_written_is_done_without(book: Book) -> None:
    resource = pytest.importorskip("resource", reason="the system cannot limit the size of files")
    said: list[str] = []
    cache = Cache(book, said.append)
    keep(book, cache)
    shutil.rmtree(book.root / FOLDER)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        for _ in range(2):
            keep(book, cache)
            assert kept(book, cache) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(said) == 1, "it is said once"
    assert "outputs cannot be kept" in said[0]
    assert "\n" not in said[0]
    keep(book)
    assert kept(book) == ["1.5\nlines", "2.5"]


@pytest.mark.parametrize("then", ["same", "other", "removed"])
def test_what_was_read_is_compared_by_content(book: Book, then: str) -> None:
    """Before the execution against after it, whatever the files' dates say; and the same at the next render."""
    path = book.root / "read.py"
    path.write_text("x = 1\n")
    read = {str(path): digest(str(path))}
    if then == "same":
        path.touch()
    elif then == "other":
        path.write_text("x = 2\n")
        os.utime(path, (1, 1))
    else:
        path.unlink()
    keep(book, read=read)
    assert (kept(book) is not None) is (then == "same")
    path.write_text("x = 1\n")
    assert (kept(book) is not None) is (then == "same"), "which of the two the execution saw is not known"
    if then == "same":
        path.write_text("x = 3\n")
        os.utime(path, (1, 1))
        assert kept(book) is None


def test_a_run_that_came_during_an_execution_is_noticed(book: Book) -> None:
    (book.root / "data/runs").mkdir(parents=True)
    asked_for = str(book.root / "data/runs/new-*")
    keep(book, read={asked_for: digest(asked_for)})
    assert kept(book)
    (book.root / "data/runs/other-1").mkdir()
    assert kept(book), "it asked for others"
    before = digest(asked_for)
    (book.root / "data/runs/new-1").mkdir()
    assert kept(book) is None
    keep(book, read={asked_for: before})
    assert kept(book) is None


@pytest.mark.parametrize(
    ("text", "same"),
    [("# a comment\nx = 1\n", True), ('"""Text."""\nx = (1)\n', True), ("x = 1.0\n", False), ("x = (", False)],
)
def test_of_a_module_its_syntax_tree_counts(book: Book, text: str, same: bool) -> None:
    path = book.root / "module.py"
    path.write_text("x = 1\n")
    keep(book, read={str(path): digest(str(path))})
    path.write_text(text)
    assert (kept(book) is not None) is same
    trees = book.root / ".cache/trees.json"
    trees.write_text(trees.read_text()[:-9])
    assert (kept(book) is not None) is same, "the kept hashes of trees are damaged"
