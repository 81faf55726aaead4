"""Writes small books into a temporary folder and renders them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from modaddlab.report import builtin
from modaddlab.report.project import load_book
from modaddlab.report.qmd import Cell, Source

BIBLIOGRAPHY = """\
@article{nanda2023, title={Progress measures}, author={Nanda, Neel and Chan, Lawrence}, year={2023}, journal={ICLR}}
@article{zhong2023, title={The clock and the pizza}, author={Zhong, Ziqian}, year={2023}, journal={NeurIPS}}
"""


class Listener:
    """Notes which chapters were executed and which came from the cache."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.cached: list[str] = []

    def say(self, text: str) -> None: ...

    def started(self, source: Source, n_cells: int) -> None: ...

    def cell(self, source: Source, number: int, cell: Cell) -> None: ...

    def finished(self, source: Source, seconds: float | None) -> None:
        (self.cached if seconds is None else self.executed).append(source.path.stem)


def write_book(folder: Path, chapters: Mapping[str, str], **options: object) -> Path:
    """Write a book whose chapters are given as path -> text, in reading order; `options` override top-level keys."""
    project = {
        "project": {"type": "book", "execute-dir": "project"},
        "book": {"title": "A small book", "author": "Someone", "output-file": "small", "chapters": list(chapters)},
        "bibliography": "references.bib",
        "execute": {"cache": True},
        "format": {"html": {"html-math-method": "mathml"}, "typst": {"execute": {"echo": False}}},
    } | options
    (folder / "_quarto.yml").write_text(yaml.safe_dump(project, sort_keys=False))
    (folder / "references.bib").write_text(BIBLIOGRAPHY)
    for path, text in chapters.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def render(root: Path, to: tuple[str, ...] = ("html",)) -> tuple[Path, Listener]:
    """Render a book with the built-in renderer into `root/_site`."""
    folder, listener = root / "_site", Listener()
    folder.mkdir(exist_ok=True)
    builtin.render(load_book(root), folder, to, listener)
    return folder, listener
