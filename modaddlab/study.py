"""A record together with what the analyses need of it: the one object that a chapter opens.

    study = Study.open("mainline")
    study.grid            the network on every pair (a, b)
    study.keys            its key frequencies
    study.progress()      every progress measure at every snapshot

Everything is computed when it is first asked for, and kept. The key frequencies are those that at least two of the three
published rules find (`modaddlab.analysis.keys`), taken from the final weights and applied to all snapshots.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from modaddlab import tasks
from modaddlab.analysis import keys, phases, progress
from modaddlab.models.grid import Grid, run_grid
from modaddlab.store.named import open_record
from modaddlab.store.record import Record


@dataclass(frozen=True, kw_only=True)
class ProgressHistory:
    """The progress measures of a run at its snapshots.

    Attributes:
        step_T: the snapshots' steps, (T,).
        measures: `modaddlab.analysis.progress.ProgressMeasures` at each of them.
    """

    step_T: np.ndarray
    measures: tuple[progress.ProgressMeasures, ...]

    def curve(self, name: str, of: str | None = None) -> np.ndarray:
        """One measure over the snapshots, (T, ...).

        Args:
            name: a field of `ProgressMeasures`, or of its part `of`.
            of: "scores" or "restricted", whose fields are losses and accuracies.
        """
        return np.array([getattr(getattr(row, of) if of else row, name) for row in self.measures])


class Study:
    """A finished run of one network, ready for analysis.

    Args:
        record: the run.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.spec, self.p = record.spec, record.spec.task.p

    @classmethod
    def open(cls, name: str, *, seed: int | None = None) -> Study:
        """The study of a named run; see `open_record` for the arguments and errors."""
        return cls(open_record(name, seed=seed))

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """What was recorded while it trained; see `modaddlab.training.measures`."""
        return self.record.metrics

    @functools.cached_property
    def phases(self) -> phases.Phases:
        """When it memorized, generalized and cleaned up, from its recorded curves."""
        names = ("train_accuracy", "test_accuracy", "test_loss")
        return phases.find_phases(step_T=self.metrics["step"], **{f"{name}_T": self.metrics[name] for name in names})

    @functools.cached_property
    def labels_PP(self) -> np.ndarray:
        """The right answers, (P, P) over (a, b)."""
        return tasks.labels(self.spec.task, self.spec.seed).reshape(self.p, self.p)

    @functools.cached_property
    def train_mask_PP(self) -> np.ndarray:
        """Which pairs it was trained on, (P, P) bool."""
        return tasks.train_mask(self.spec.task, self.spec.seed)

    @functools.cached_property
    def grid(self) -> Grid:
        """The final network on every pair."""
        return run_grid(self.record.final, self.spec.model, self.p)

    def snapshot_grid(self, step: int) -> Grid:
        """The network at a snapshot's step on every pair; not kept, it is large."""
        return run_grid(self.record.snapshot(step), self.spec.model, self.p)

    @functools.cached_property
    def key_rules(self) -> keys.RuleComparison:
        """The key frequencies by each published rule."""
        return keys.compare_rules(self.grid.W_E_PD, self.grid.W_L_HC, self.grid.neurons_PPH)

    @property
    def keys(self) -> tuple[int, ...]:
        """The key frequencies: those that at least two of the three rules find, ascending."""
        return self.key_rules.majority

    @functools.cached_property
    def scores(self) -> progress.Scores:
        """Loss and accuracy of the final network on the training, the test and all pairs."""
        return progress.score(self.grid.logits_PPC, self.labels_PP, self.train_mask_PP)

    def progress_of(self, grid: Grid) -> progress.ProgressMeasures:
        """The progress measures of one snapshot's grid, with the final network's key frequencies."""
        return progress.progress_measures(
            logits_PPC=grid.logits_PPC,
            W_E_PD=grid.W_E_PD,
            W_L_HC=grid.W_L_HC,
            params=grid.params,
            labels_PP=self.labels_PP,
            train_mask_PP=self.train_mask_PP,
            keys=self.keys,
        )

    @functools.cache  # noqa: B019 - a study lives as long as its chapter
    def progress(self) -> ProgressHistory:
        """The progress measures at every snapshot; about a second each for the mainline."""
        steps = self.record.snapshot_steps
        return ProgressHistory(
            step_T=steps, measures=tuple(self.progress_of(self.snapshot_grid(int(step))) for step in steps)
        )
