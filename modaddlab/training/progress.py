"""Progress of training: a bar with rate, time left, losses and accuracies; plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from modaddlab.training.loop import Status

LINE_SECONDS = 10.0
"""Seconds between two plain lines."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.0f} steps/s")


class Display:
    """Shows the runs of one command. Use as a context manager; `run` gives an observer for `training.loop.train`."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def __enter__(self) -> Display:
        self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bars.stop()

    def line(self, text: str) -> None:
        """Print a line above the bars."""
        if self.console.is_terminal:
            self.bars.console.print(text, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def run(self, name: str) -> _RunDisplay:
        """A bar, or lines, for one run."""
        return _RunDisplay(self, name)


class _RunDisplay:
    def __init__(self, display: Display, name: str) -> None:
        self.display, self.name = display, name
        self.task = None
        self.first: tuple[float, int] | None = None
        self.last_line = time.monotonic()

    def __call__(self, status: Status) -> None:
        row = status.row
        numbers = (
            f"loss {row['train_loss']:.1e} / {row['test_loss']:.1e}  "
            f"accuracy {row['train_accuracy']:.1%} / {row['test_accuracy']:.1%}"
        )
        if self.display.console.is_terminal:
            if self.task is None:
                self.task = self.display.bars.add_task(self.name, total=status.steps, completed=status.step, numbers=numbers)
            self.display.bars.update(self.task, completed=status.step, numbers=numbers)
            return
        now = time.monotonic()
        self.first = self.first or (now, status.step)
        if now - self.last_line >= LINE_SECONDS or status.step == status.steps:
            rate = (status.step - self.first[1]) / max(now - self.first[0], 1e-9)
            left = (status.steps - status.step) / rate if rate else 0.0
            self.display.line(
                f"{self.name}: step {status.step:,}/{status.steps:,}  {rate:.0f} steps/s  {left:.0f} s left  "
                f"{numbers} (train / test)"
            )
            self.last_line = now
