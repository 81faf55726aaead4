"""A run in training: its rows of metrics, its saved state, and where it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.content import last_step
from modaddlab.store.partial import Partial
from modaddlab.training.measures import Row


class Run:
    """A run that is in training, or about to be.

    Args:
        spec: the run.
        partial: its working state, locked; what was saved is taken up.

    Attributes:
        step: how many updates it has had.
        end: the last step, as far as the rows tell it.
        rows: those since it was taken up.
        seconds: spent on it, over all sittings.
        threads: with how many it was trained, each other number once, the latest last.
        saved: the arrays of the saved state that it goes on from, until they are taken.
        diverged_at: the step by which it had diverged.
    """

    def __init__(self, spec: RunSpec, partial: Partial) -> None:
        self.spec, self.partial = spec, partial
        self.step, self.end, self.seconds = 0, spec.steps, 0.0
        self.rows: list[Row] = []
        self.earlier: dict[str, np.ndarray] = {}
        self.threads: list[int] = []
        self.saved: dict[str, np.ndarray] | None = None
        self.diverged_at: int | None = None
        self.snapshots = snapshot_steps(spec)
        if (loaded := partial.load_state()) is not None:
            self._take_up(*loaded)

    def _take_up(self, step: int, arrays: dict[str, np.ndarray], extra: Mapping[str, Any]) -> None:
        if extra["train_version"] != self.spec.train_version:
            raise LabError(f"{self.spec.run_id} was begun by another version of the training code; begin anew with --force")
        self.step, self.seconds, self.threads = step, extra["seconds"], list(extra.get("threads", []))
        self.saved = {name: value for name, value in arrays.items() if not name.startswith("metrics/")}
        self.earlier = {name.removeprefix("metrics/"): value for name, value in arrays.items() if name.startswith("metrics/")}
        self._find_end()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to compute: its last step is behind it, or it has diverged."""
        return self.step > self.end or self.diverged_at is not None

    @property
    def reached(self) -> int:
        """The step of the newest row; of one that has none here, where it was taken up, or its last step."""
        return int(self.rows[-1]["step"]) if self.rows else min(self.step, self.end)

    @property
    def next_row(self) -> int:
        """The first step from this one on that has a row of metrics."""
        every = self.spec.record.metrics_every
        return min(-(-self.step // every) * every, self.end)

    def with_threads(self, n: int) -> str:
        """Note with how many threads it goes on; a warning when they are others than before, otherwise an empty text."""
        before = self.threads[-1] if self.threads else n
        if before == n or self.is_done:
            self.threads = self.threads or [n]
            return ""
        self.threads.append(n)
        return f"; with {n} instead of {before} threads the last bits are other ones"

    def add(self, row: Row) -> None:
        """Keep the row of this step; one that is not finite ends the run."""
        if math.isfinite(row["objective"]) and math.isfinite(row["gradient_norm"]):
            self.rows.append(row)
            self._find_end()
        else:
            self.diverged_at = self.step

    def keep_snapshot(self, weights: dict[str, np.ndarray]) -> None:
        """Keep the weights of this step for the record, where they are finite; others end the run."""
        if all(np.isfinite(value).all() for value in weights.values()):
            self.partial.save_snapshot(self.step, weights, self.spec.record.snapshot_dtype)
        else:
            self.diverged_at = self.step

    def save(self, state: Mapping[str, np.ndarray]) -> None:
        """Write everything that the next steps depend on."""
        arrays = {f"metrics/{name}": values for name, values in self.metrics().items()} | dict(state)
        extra = {"seconds": self.seconds, "train_version": self.spec.train_version, "threads": self.threads}
        self.partial.save_state(self.step, arrays, extra)

    def metrics(self) -> dict[str, np.ndarray]:
        """All rows so far, an array per metric with the recorded steps first."""
        new = {name: np.stack([row[name] for row in self.rows]) for name in self.rows[0]} if self.rows else {}
        if not self.earlier:
            return new
        return {name: np.concatenate([self.earlier[name], new[name]]) if new else self.earlier[name] for name in self.earlier}

    def _find_end(self) -> None:
        if self.spec.grokked_for is not None:
            columns = ([*self.earlier.get(name, ()), *(row[name] for row in self.rows)] for name in ("step", "test_accuracy"))
            self.end = last_step(self.spec, *map(np.array, columns))


def snapshot_steps(spec: RunSpec) -> set[int]:
    """The steps whose weights are kept: steps * (i / n)**2 for i = 0..n, rounded down to a row of metrics."""
    n, every = spec.record.snapshots, spec.record.metrics_every
    if not n:
        return set()
    return {spec.steps} | {int(spec.steps * (i / n) ** 2) // every * every for i in range(n)}
