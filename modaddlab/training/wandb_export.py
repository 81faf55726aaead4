"""Curves for Weights & Biases, while a run trains or from its record: each row of metrics, and the specification as the run's
configuration.

The W&B run has the run id as its name and id, so that an interrupted run that goes on continues there too; a row that W&B has
already is not sent again. A spectrum over frequencies (`energy_W_E`) becomes one curve per frequency, `energy_W_E/1` and so on.
W&B decides by WANDB_MODE whether to upload or to write files, which lie in WANDB_DIR or else in the data folder, under `wandb/`.

The package `wandb` is optional. Whatever it does, the training goes on: its first error is a line, and ends the export.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from modaddlab.errors import LabError, missing_extra
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.record import Record
from modaddlab.training.status import Status

WAIT_SECONDS = 60
"""How long W&B may take to begin a run, and at its end to upload what is left."""


def check(project: str) -> None:
    """Raise where the export cannot work at all.

    Args:
        project: a W&B project's name.

    Raises:
        LabError: the name is not allowed, or the package is missing.
    """
    if not 1 <= len(project) <= 128 or set(project) & set("/\\#?%:"):
        raise LabError(f"--wandb {project!r} must be a project's name of 1 to 128 characters without / \\ # ? % :")
    if importlib.util.find_spec("wandb") is None:
        raise LabError(f"--wandb cannot work: {missing_extra('wandb')}")


class Export:
    """Sends a run's rows to W&B. Use as a context manager, and as an observer of `training.loop.train`."""

    def __init__(self, spec: RunSpec, project: str, data: Path, notify: Callable[[str], None]) -> None:
        """Nothing is sent or imported before the first row.

        Args:
            spec: the run.
            project: W&B's name for a collection of runs.
            data: the data folder, where W&B's files go unless WANDB_DIR is set.
            notify: receives a line when the export fails.
        """
        self.spec, self.project, self.data, self.notify = spec, project, data, notify
        self.run: Any = None
        self.ended = self.complete = False
        self.otherwise = "the training goes on"

    def __enter__(self) -> Export:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.run is not None and not self.ended:
            self._try(lambda: self.run.finish(exit_code=0 if self.complete else 1))

    def __call__(self, status: Status) -> None:
        """Send a row."""
        if not self.ended:
            self._try(lambda: self._send(status))

    def send(self, record: Record) -> None:
        """Send all the rows of a run that was trained before."""
        self.otherwise = "the record is as it was"
        metrics = record.metrics
        for row, step in enumerate(metrics["step"].tolist()):
            self(Status(step, int(metrics["step"][-1]), {name: values[row] for name, values in metrics.items()}))
        if not self.ended:
            n_rows = len(metrics["step"])
            self.notify(f"{self.spec.run_id}: its {n_rows:,} stored rows are sent to the Weights & Biases project {self.project}")

    def _send(self, status: Status) -> None:
        if self.run is None:
            self.run = self._begin()
        self.complete = status.step == status.steps
        if status.step >= self.run.step:
            self.run.log(numbers(status.row), step=status.step)

    def _begin(self) -> Any:
        import wandb

        settings = wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            init_timeout=WAIT_SECONDS,
            finish_timeout=WAIT_SECONDS,
        )
        return wandb.init(
            project=self.project,
            id=self.spec.run_id,
            name=self.spec.run_id,
            resume="allow",
            reinit="create_new",
            config=self.spec.to_dict(),
            dir=None if "WANDB_DIR" in os.environ else str(self.data),
            settings=settings,
        )

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.ended = True
            words = " ".join(str(error).split())
            self.notify(f"{self.spec.run_id}: Weights & Biases failed ({type(error).__name__}: {words}); {self.otherwise}")


def numbers(row: Mapping[str, float | np.ndarray]) -> dict[str, float]:
    """A row as W&B's curves: a number each, what is NaN left out.

    Args:
        row: of the metrics; arrays have the shape (K,), one entry for each frequency 1..K.
    """
    found: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, np.ndarray):
            found |= {f"{name}/{k}": float(number) for k, number in enumerate(value, start=1)}
        else:
            found[name] = float(value)
    return {name: number for name, number in found.items() if not math.isnan(number)}
