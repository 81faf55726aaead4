"""What a render says while it works: a bar per running chapter on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from .qmd import Cell, Source


class Reporter:
    """Says what happens, on standard error. Use it as a context manager; it is a `Listener` of the execution."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._start = time.perf_counter()
        self._bars: dict[str, TaskID] = {}
        self._cached = 0
        columns = (TextColumn("  {task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("{task.fields[cell]}"))  # fmt: skip
        self._progress = Progress(*columns, console=self._console, transient=True)

    def __enter__(self) -> Reporter:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def started(self, source: Source, n_cells: int) -> None:
        self._bars[str(source.path)] = self._progress.add_task(source.path.stem, total=n_cells, cell="")
        if not self._console.is_terminal:
            self.say(f"  {source.path}: executing {n_cells} cells")

    def cell(self, source: Source, number: int, cell: Cell) -> None:
        self._progress.update(self._bars[str(source.path)], completed=number - 1, cell=cell.label or f"line {cell.line}")

    def finished(self, source: Source, seconds: float | None) -> None:
        if seconds is None:
            self._cached += 1
            self.say(f"  {source.path}: unchanged, outputs from the cache")
        else:
            self._progress.remove_task(self._bars.pop(str(source.path)))
            self.say(f"  {source.path}: executed in {seconds:.1f} s")


def fail(message: str) -> None:
    """Print an error to standard error."""
    print(message, file=sys.stderr)
