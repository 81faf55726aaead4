"""Progress of training: a bar with rate, time left, losses and accuracies; plain lines where there is no terminal.

Of several runs each has its bar, and a line above them says how far the whole list is. Its time left is the estimated cost of
what is left over the estimated cost of what was trained since the command began, times the time that this took.
"""

from __future__ import annotations

import datetime
import math
import sys
import time
from collections.abc import Iterable, Mapping
from types import TracebackType

import numpy as np
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from modaddlab.training.status import Status

LINE_SECONDS = 10.0
"""Seconds between two plain lines; those of several runs at once share them."""


class Display:
    """Shows the runs of one command. Use as a context manager; `run` gives an observer for `training.loop.train`."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.n_shown = 0
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

    def sweep(self, name: str, costs: Mapping[str, float], n_done: int) -> SweepDisplay:
        """A line for a list of runs, above their bars.

        Args:
            name: of the list.
            costs: the runs that are left, with the estimated cost of each in any unit.
            n_done: how many others of the list are done.
        """
        return SweepDisplay(self, name, costs, n_done)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_rate(task.finished_speed or task.speed or 0))


class _Bars(Progress):
    """A bar per run and under it the losses and accuracies: together they do not fit the 80 columns of a terminal."""

    headline = ""
    """A line above all bars; none when empty."""

    def get_renderables(self) -> Iterable[RenderableType]:
        if self.headline:
            yield Text(self.headline, no_wrap=True, overflow="ellipsis")
        tasks = self.tasks
        room = max(1, (self.console.height - 3) // 2) if tasks else 0
        for task in tasks[:room]:
            yield self.make_tasks_table([task])
            yield Text(f"  {task.fields['numbers']}", style="dim", no_wrap=True, overflow="ellipsis")
        if len(tasks) > room:
            yield Text(f"  and {len(tasks) - room} more", style="dim")


class SweepDisplay:
    """How far a list of runs has come: how many are done and in training, and the time left."""

    def __init__(self, display: Display, name: str, costs: Mapping[str, float], n_done: int) -> None:
        self.display, self.name, self.costs = display, name, dict(costs)
        self.n_done, self.n_failed, self.n_all = n_done, 0, n_done + len(costs)
        self.first: dict[str, float] = {}
        self.now: dict[str, float] = {}
        self.training: set[str] = set()
        self.started: float | None = None
        self.last_line = time.monotonic()
        self._show()

    def at(self, run: str, status: Status) -> None:
        """A run is in training and has come so far."""
        self.started = self.started or time.monotonic()  # what came before, such as the start of a cluster, is no measure
        self.now[run] = status.step / max(status.steps, 1)
        self.first.setdefault(run, self.now[run])
        self.training.add(run)
        self._show()

    def lost(self, run: str) -> None:
        """A run is no longer in training, and not done."""
        self.training.discard(run)
        self._show()

    def done(self, run: str, *, failed: bool = False) -> None:
        """A run is done, or will not be."""
        self.training.discard(run)
        if failed:
            self.n_failed += 1
            del self.costs[run]
        else:
            self.n_done += 1
            self.now[run] = 1.0
            self.first.setdefault(run, 1.0)  # it was trained elsewhere: no measure of the speed here
        self._show()

    def seconds_left(self) -> float | None:
        """An estimate, or None before anything was trained."""
        trained = sum(cost * (self.now[run] - self.first[run]) for run, cost in self.costs.items() if run in self.now)
        left = sum(cost * (1 - self.now.get(run, 0.0)) for run, cost in self.costs.items())
        return left / trained * (time.monotonic() - self.started) if trained > 0 and self.started else None

    def _show(self) -> None:
        left = self.seconds_left()
        parts = [f"{self.name}: {self.n_done:,} of {self.n_all:,} runs done"]
        parts += [f"{self.n_failed:,} failed"] * bool(self.n_failed) + [f"{len(self.training):,} in training"]
        parts += [f"about {datetime.timedelta(seconds=round(left))} left"] if left is not None else []
        self.display.bars.headline = ", ".join(parts)
        now = time.monotonic()
        if not self.display.console.is_terminal and now - self.last_line >= LINE_SECONDS:
            self.display.line(self.display.bars.headline)
            self.last_line = now


class _RunDisplay:
    def __init__(self, display: Display, name: str) -> None:
        self.display, self.name = display, name
        self.task: TaskID | None = None
        self.first: tuple[float, int] | None = None
        self.last_line = time.monotonic()
        display.n_shown += 1

    def close(self) -> None:
        """The run is not in training any more: nothing of it stays below the lines."""
        self.display.n_shown -= 1
        if self.task is not None and self.task in self.display.bars.task_ids:
            self.display.bars.remove_task(self.task)

    def __call__(self, status: Status) -> None:
        if self.display.console.is_terminal:
            self._show_bar(status)
        else:
            self._show_line(status)

    def _show_bar(self, status: Status) -> None:
        bars, numbers = self.display.bars, _numbers(status.row)
        if self.task is None:
            self.task = bars.add_task(self.name, total=status.steps, completed=status.step, numbers=numbers)
        bars.update(self.task, completed=status.step, total=status.steps, numbers=numbers)
        if status.step == status.steps:
            bars.refresh()
            bars.remove_task(self.task)

    def _show_line(self, status: Status) -> None:
        now = time.monotonic()
        self.first = self.first or (now, status.step)
        if now - self.last_line < LINE_SECONDS * max(1, self.display.n_shown) and status.step != status.steps:
            return
        rate = (status.step - self.first[1]) / max(now - self.first[0], 1e-9)
        left = f"{datetime.timedelta(seconds=round((status.steps - status.step) / rate))} left" if rate else "-:--:-- left"
        self.display.line(f"{self.name}: step {status.step:,}/{status.steps:,}  {_rate(rate)}  {left}  {_numbers(status.row)}")
        self.last_line = now


def _rate(steps_per_second: float) -> str:
    return f"{steps_per_second:.{0 if steps_per_second >= 10 else 1}f} steps/s"


def _numbers(row: Mapping[str, float | np.ndarray]) -> str:
    """The losses and accuracies of a row; a run without test pairs has none of test."""
    train = f"train loss {row['train_loss']:.1e}, accuracy {row['train_accuracy']:.1%}"
    if math.isnan(float(row["test_loss"])):
        return train
    return f"{train}  test loss {row['test_loss']:.1e}, accuracy {row['test_accuracy']:.1%}"
