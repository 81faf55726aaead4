"""Progress of training: a bar with rate, time left, losses and accuracies; plain lines where there is no terminal."""

from __future__ import annotations

import datetime
import math
import sys
import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from modaddlab.training.loop import Status
from modaddlab.training.measures import Row

LINE_SECONDS = 10.0
"""Seconds between two plain lines."""


class Display:
    """Shows the runs of one command. Use as a context manager; `run` gives an observer for `training.loop.train`."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.bars = _Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            _RateColumn(),
            TimeRemainingColumn(),
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
            self.bars.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def run(self, name: str) -> _RunDisplay:
        """A bar, or lines, for one run; the bar goes when the run's last step is shown."""
        return _RunDisplay(self, name)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_rate(task.finished_speed or task.speed or 0))


class _Bars(Progress):
    """A bar per run and under it the losses and accuracies: together they do not fit the 80 columns of a terminal."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            yield self.make_tasks_table([task])
            yield Text(f"  {task.fields['numbers']}", style="dim", no_wrap=True, overflow="ellipsis")


class _RunDisplay:
    def __init__(self, display: Display, name: str) -> None:
        self.display, self.name = display, name
        self.task: TaskID | None = None
        self.first: tuple[float, int] | None = None
        self.last_line = time.monotonic()

    def __call__(self, status: Status) -> None:
        if self.display.console.is_terminal:
            self._show_bar(status)
        else:
            self._show_line(status)

    def _show_bar(self, status: Status) -> None:
        bars, numbers = self.display.bars, _numbers(status.row)
        if self.task is None:
            self.task = bars.add_task(self.name, total=status.steps, completed=status.step, numbers=numbers)
        bars.update(self.task, completed=status.step, numbers=numbers)
        if status.step == status.steps:
            bars.refresh()
            bars.remove_task(self.task)

    def _show_line(self, status: Status) -> None:
        now = time.monotonic()
        self.first = self.first or (now, status.step)
        if now - self.last_line < LINE_SECONDS and status.step != status.steps:
            return
        rate = (status.step - self.first[1]) / max(now - self.first[0], 1e-9)
        left = f"{datetime.timedelta(seconds=round((status.steps - status.step) / rate))} left" if rate else "-:--:-- left"
        self.display.line(f"{self.name}: step {status.step:,}/{status.steps:,}  {_rate(rate)}  {left}  {_numbers(status.row)}")
        self.last_line = now


def _rate(steps_per_second: float) -> str:
    return f"{steps_per_second:.{0 if steps_per_second >= 10 else 1}f} steps/s"


def _numbers(row: Row) -> str:
    """The losses and accuracies of a row; a run without test pairs has none of test."""
    train = f"train loss {row['train_loss']:.1e}, accuracy {row['train_accuracy']:.1%}"
    if math.isnan(float(row["test_loss"])):
        return train
    return f"{train}  test loss {row['test_loss']:.1e}, accuracy {row['test_accuracy']:.1%}"
