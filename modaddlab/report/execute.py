"""Executes the chapters' cells, or takes their outputs from the cache.

A chapter becomes a notebook of its Python cells (nbformat), which a fresh kernel runs in the project's folder (nbclient).
What comes out is kept (`cache`) with what the execution depended on (`modaddlab.trace`): a change in the package, in a checkpoint
or in a chapter re-executes the chapters that it touches, and no others.

Chapters are independent, so two kernels run side by side.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from .cache import TRACE_TYPE, Cache, data_of
from .errors import BookError, CellError, Place
from .kernel import KERNEL, client_of
from .project import FIGURE_DEFAULTS, Book
from .qmd import Cell, Source

MAX_KERNELS = 2

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

Outputs = list[NotebookNode]


class Listener(Protocol):
    """Is told how the execution goes on."""

    def say(self, text: str) -> None: ...
    def started(self, source: Source, n_cells: int) -> None: ...
    def cell(self, source: Source, number: int, cell: Cell) -> None: ...
    def finished(self, source: Source, seconds: float | None) -> None: ...


@dataclass(frozen=True)
class Executed:
    """A chapter's outputs: one list per cell of `Source.cells`, or None where a cell was not executed.

    `seconds` is None for outputs that came from the cache.
    """

    outputs: Sequence[Outputs | None]
    seconds: float | None = None


def execute_all(book: Book, sources: Sequence[Source], listener: Listener) -> list[Executed]:
    """Execute the chapters whose outputs are not in the cache, at most `MAX_KERNELS` at a time.

    Raises:
        CellError: a cell raised; what was executed before stays in the cache.
    """
    return _in_thread(_execute_all(book, sources, listener))


def cached_only(book: Book, source: Source) -> Executed:
    """A chapter's outputs from the cache; cells without valid outputs there have None."""
    runnable = _runnable(book, source)
    notebook = Cache(book).find(_notebook(book, source, runnable)) if runnable else None
    return _executed(source, runnable, notebook, None)


async def _execute_all(book: Book, sources: Sequence[Source], listener: Listener) -> list[Executed]:
    cache = Cache(book, listener.say)
    limit = asyncio.Semaphore(min(MAX_KERNELS, os.cpu_count() or 1))

    async def one(source: Source) -> Executed:
        runnable = _runnable(book, source)
        if not runnable:
            return _executed(source, runnable, None, None)
        notebook = _notebook(book, source, runnable)
        found = cache.find(notebook)
        if found is not None:
            listener.finished(source, None)
            return _executed(source, runnable, found, None)
        async with limit:
            listener.started(source, len(runnable))
            clock = time.perf_counter()
            await _run(book, source, runnable, notebook, listener)
            seconds = time.perf_counter() - clock
            cache.keep(notebook, source)
            listener.finished(source, seconds)
            return _executed(source, runnable, notebook, seconds)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(source)) for source in sources]
    return [task.result() for task in tasks]


def _in_thread(work: Coroutine[Any, Any, list[Executed]]) -> list[Executed]:
    """Run a coroutine in a thread of its own: nbclient then leaves Ctrl-C alone, which cancels the work and its kernels."""
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def main() -> list[Executed]:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        try:
            return await work
        except BaseExceptionGroup as group:
            errors = [error for error in group.exceptions if not isinstance(error, asyncio.CancelledError)]
            raise errors[0] from None

    def run() -> list[Executed]:
        # zmq's sockets need a loop that waits for files, which is not the usual one on Windows
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(main())

    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(run)
        try:
            return future.result()
        except KeyboardInterrupt:
            for loop, task in running:
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
            raise


async def _run(book: Book, source: Source, cells: list[Cell], notebook: NotebookNode, listener: Listener) -> None:
    """Fill in the notebook's outputs."""

    begun = 0

    def on_start(cell: NotebookNode, cell_index: int) -> None:
        nonlocal begun
        begun = cell_index
        if 0 < cell_index <= len(cells):
            listener.cell(source, cell_index, cells[cell_index - 1])

    try:
        async with client_of(notebook, book.root) as client:
            client.on_cell_start = on_start
            await client.async_execute()
    except CellExecutionError as error:
        raise _cell_error(source, cells, begun, error) from None
    except (DeadKernelError, CellTimeoutError) as error:
        died = isinstance(error, DeadKernelError)
        what = "the kernel died in this cell; is the machine out of memory?" if died else "this cell's outputs do not arrive"
        raise BookError(Place(source.path, cells[min(max(begun, 1), len(cells)) - 1].line), what) from None


def _cell_error(source: Source, cells: list[Cell], failed: int, error: CellExecutionError) -> BookError:
    traceback = _COLOUR.sub("", error.traceback)
    summary = f"{error.ename}: {error.evalue}" if error.ename else _COLOUR.sub("", error.evalue or "an error")
    if not 0 < failed <= len(cells):
        return BookError(Place(source.path), f"the renderer's own setup cell raised {summary}\n{traceback}")
    cell = cells[failed - 1]
    inside = re.findall(rf"Cell In\[{failed + 1}\], line (\d+)", traceback)
    line = cell.code_line + int(inside[-1]) - 1 if inside else cell.line
    return CellError(Place(source.path, line), cell.label or f"of line {cell.line}", summary, traceback)


def _runnable(book: Book, source: Source) -> list[Cell]:
    default = book.option("eval", source, default=True)
    return [cell for cell in source.cells if cell.options.get("eval", default)]


def _executed(source: Source, runnable: list[Cell], notebook: NotebookNode | None, seconds: float | None) -> Executed:
    if notebook is None:
        return Executed([None] * len(source.cells), seconds)
    outputs = {id(cell): executed.outputs for cell, executed in zip(runnable, notebook.cells[1:-1], strict=True)}
    return Executed([outputs.get(id(cell)) for cell in source.cells], seconds)


def _notebook(book: Book, source: Source, cells: list[Cell]) -> NotebookNode:
    """The notebook: our setup, the chapter's cells, and a last cell that reports what was read."""
    report = f"display({{{TRACE_TYPE!r}: _trace.report()}}, raw=True)"
    codes = [_setup(book, source), *(cell.code for cell in cells), report]
    return new_notebook(cells=[new_code_cell(code) for code in codes], metadata={"kernelspec": dict(KERNEL)})


def _setup(book: Book, source: Source) -> str:
    """The first cell: the trace, and the figure defaults that Quarto sets as well."""
    width, height, image, dpi = (book.option(key, source, default=value) for key, value in FIGURE_DEFAULTS.items())
    trace = (Path(__file__).parents[1] / "trace.py").read_text(encoding="utf-8")
    roots = [str(book.root), str(data_of(book))]
    return f"""\
_trace_names = {{"__name__": "trace"}}
exec({trace!r}, _trace_names)
_trace = _trace_names["Trace"]({roots!r})
try:
    import matplotlib_inline.backend_inline
    from matplotlib import rcParams as _settings
    _settings["figure.figsize"] = ({width}, {height})
    _settings["figure.dpi"] = {dpi}
    _settings["savefig.dpi"] = "figure"
    matplotlib_inline.backend_inline.set_matplotlib_formats({image!r})
except ImportError:
    pass
"""
