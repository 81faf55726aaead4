"""The one training loop: a specification in, a record in the store out.

Step t first looks at the weights after t updates (metrics, snapshot), then computes the gradient there and updates. A run
saves its state every half minute and when it is asked to stop; it goes on from there to the bit-identical end on the same
machine, with the threads that it began with, because nothing it draws depends on anything but the seed and the step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from modaddlab.errors import LabError
from modaddlab.experiments.spec import TRAIN_VERSION, RunSpec
from modaddlab.store.content import last_step
from modaddlab.store.partial import Partial
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.training import machine
from modaddlab.training.device import require
from modaddlab.training.measures import Measures, Row
from modaddlab.training.optimizer import Optimizer
from modaddlab.training.status import Interrupted, Status
from modaddlab.training.steps.batches import TrainingSet

SAVE_SECONDS = 30.0
"""Seconds between two saved states of a run, unless another number is asked for."""


def snapshot_steps(spec: RunSpec) -> set[int]:
    """The steps whose weights are kept: steps * (i / n)**2 for i = 0..n, rounded down to a row of metrics."""
    n, every = spec.record.snapshots, spec.record.metrics_every
    if not n:
        return set()
    return {spec.steps} | {int(spec.steps * (i / n) ** 2) // every * every for i in range(n)}


def train(
    spec: RunSpec,
    store: Store,
    *,
    device: str = "cpu",
    threads: int | None = None,
    force: bool = False,
    resume: bool | None = None,
    save_seconds: float | None = None,
    observe: Callable[[Status], None] = lambda status: None,
    notify: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Record:
    """Train a run, or load it when the store has it.

    Args:
        spec: the run.
        store: where the record and the working state go.
        device: "cpu" or "cuda".
        threads: CPU threads of torch; none: those of the saved state that it goes on from; else one for a small network, as many
            as torch chooses for others. They decide the last bits and are in the provenance.
        force: train again even if there is a record; the old one stays until the new one is complete.
        resume: go on from a saved state of an interrupted run, or begin anew; none: go on unless `force` is set.
        save_seconds: seconds between two saved states; none: `SAVE_SECONDS`.
        observe: called at every row of metrics.
        notify: receives lines for the user.
        should_stop: asked at every row of metrics; when true the state is saved and `Interrupted` raised.

    Raises:
        LabError: the device is not there, the run diverged, or the data folder cannot be written.
        Interrupted: see `should_stop`.
    """
    require(device)
    if spec.origin is not None:
        raise LabError(f"{spec.run_id} was not trained here (it has an origin) and cannot be trained again; it can be read again")
    partial = store.partial(spec, notify)
    resume = not force if resume is None else resume
    save_seconds = SAVE_SECONDS if save_seconds is None else save_seconds
    if not force and (record := store.find(spec)) is not None:
        return record
    with partial.lock():
        if not force and (record := store.find(spec)) is not None:  # another process trained it while this one waited
            return record
        if not resume:
            partial.clear()
        resumed = partial.load_state()
        before = resumed[2].get("threads", []) if resumed else []  # a state of replicas has none
        with machine.threads(spec, threads or (before[-1] if before else None)), machine.flushed_denormals():
            run = _Run(spec, torch.device(device))
            if resumed is not None:
                run.restore(*resumed)
                left = f"going on from step {run.step:,} of {run.end:,}"
                if before and run.threads[-1] != before[-1]:
                    left += f"; with {run.threads[-1]} instead of {before[-1]} threads the last bits are other ones"
                done = "all steps were done before; the record is put in its place"
                notify(f"{spec.run_id}: {left if run.step <= run.end else done}")
            snapshots, saved_at = snapshot_steps(spec), time.monotonic()
            while run.step <= run.end:
                if time.monotonic() - saved_at > save_seconds:
                    run.save(partial)
                    saved_at = time.monotonic()
                if run.step in snapshots:
                    run.require_finite_weights()
                    partial.save_snapshot(run.step, run.weights(), spec.record.snapshot_dtype)
                row = run.advance()
                if row is not None:
                    observe(Status(run.step - 1, run.end, row))
                    if should_stop() and run.step <= run.end:
                        run.save(partial)
                        way_on = _how_to_go_on(spec, store, force, resume)
                        raise Interrupted(f"{spec.run_id} stopped at step {run.step:,}; {way_on}")
            run.save(partial)
            provenance = run.provenance()
        record = store.publish(spec, provenance, run.metrics(), run.weights(), partial.snapshot_files(), replace=force)
        partial.clear()
    return record


def _how_to_go_on(spec: RunSpec, store: Store, force: bool, resume: bool) -> str:
    if force and store.find(spec) is not None:
        return "the same command begins it anew, and the record from before is kept until then"
    without = " without --force" if force else "" if resume else " without --no-resume"
    return f"the same command{without} goes on from there"


class _Run:
    """Weights, optimizer and metrics of a run at one step."""

    def __init__(self, spec: RunSpec, device: torch.device) -> None:
        self.spec, self.device = spec, device
        self.step, self.seconds_before, self.started = 0, 0.0, time.monotonic()
        self.commit = machine.commit()
        self.threads = [torch.get_num_threads()]  # over all sittings, where the number changes
        self.rows: list[Row] = []
        self.earlier: dict[str, np.ndarray] = {}
        self.end = spec.steps
        """The last step, as far as the rows tell it."""
        self.data = TrainingSet(spec, device)
        self.measures = Measures(spec, self.data)

        initial = spec.model.init_params(spec.task.p, spec.seed)
        flat = torch.tensor(np.concatenate([value.ravel(order="K") for value in initial.values()]), device=device)
        self.flat, self.grad = flat, torch.zeros_like(flat)
        self.params, self.grads = ({}, {})
        sizes = [value.size for value in initial.values()]
        parts = zip(initial.items(), self.flat.split(sizes), self.grad.split(sizes), strict=True)
        for (name, value), param, grad in parts:
            by_columns = value.flags.fnc  # the initial weights' order in memory is kept
            self.params[name], self.grads[name] = (
                part.view(value.shape[::-1]).T if by_columns else part.view(value.shape) for part in (param, grad)
            )
        self.optimizer = Optimizer(spec.optim, self.flat, self.grad)

    def advance(self) -> Row | None:
        """One step; the row of metrics when this step has one. The last step only measures."""
        row: Row | None = None
        if self.step % self.spec.record.metrics_every == 0 or self.step == self.spec.steps:
            row = {"step": self.step} | self.measures.row(self.params)
        if row is not None or self.step < self.spec.steps:
            objective = self.data.gradients(self.step, self.params, self.grads, with_loss=row is not None)
            if row is not None and objective is not None:
                row["objective"] = objective.item()
                row["gradient_norm"] = self.grad.double().norm().item()
                if not np.isfinite([row["objective"], row["gradient_norm"]]).all():
                    raise self._diverged()
                self.rows.append(row)
                self._find_end()
        if self.step < self.end:
            warmup = self.spec.optim.warmup_steps
            rate = min(self.step / warmup, 1.0) if warmup else 1.0
            self.optimizer.step(self.spec.optim.lr * rate)
        self.step += 1
        return row

    def _find_end(self) -> None:
        if self.spec.grokked_for is not None:
            columns = ([*self.earlier.get(name, ()), *(row[name] for row in self.rows)] for name in ("step", "test_accuracy"))
            self.end = last_step(self.spec, *map(np.array, columns))

    def require_finite_weights(self) -> None:
        """Raise where the run has diverged since the last row of metrics.

        Raises:
            LabError: a weight is NaN or infinite.
        """
        if not torch.isfinite(self.flat).all():
            raise self._diverged()

    def _diverged(self) -> LabError:
        return LabError(f"{self.spec.run_id} diverged before step {self.step:,}; try a smaller optim.lr")

    def weights(self) -> dict[str, np.ndarray]:
        """The weights now, float32 by name."""
        return {name: value.cpu().numpy().copy() for name, value in self.params.items()}

    def metrics(self) -> dict[str, np.ndarray]:
        """All rows so far, an array per metric with the recorded steps first."""
        new = {name: np.stack([row[name] for row in self.rows]) for name in self.rows[0]} if self.rows else {}
        if not self.earlier:
            return new
        return {name: np.concatenate([self.earlier[name], new[name]]) if new else self.earlier[name] for name in self.earlier}

    def save(self, partial: Partial) -> None:
        """Write everything that the next steps depend on."""
        arrays = {f"metrics/{name}": values for name, values in self.metrics().items()}
        arrays["flat"] = self.flat.cpu().numpy()
        for name, value in self.optimizer.state.items():
            arrays[f"optimizer/{name}"] = value.cpu().numpy()
        extra = {"seconds": self.seconds(), "train_version": TRAIN_VERSION, "threads": self.threads}
        partial.save_state(self.step, arrays, extra)

    def restore(self, step: int, arrays: dict[str, np.ndarray], extra: dict[str, Any]) -> None:
        """Go on from a saved state."""
        if extra["train_version"] != TRAIN_VERSION:
            raise LabError(
                f"{self.spec.run_id} was begun by another version of the training code; begin anew with --force"
            )
        self.step, self.seconds_before = step, extra["seconds"]
        before = extra.get("threads", [])
        self.flat.copy_(torch.tensor(arrays["flat"]))
        self.earlier = {name.removeprefix("metrics/"): value for name, value in arrays.items() if name.startswith("metrics/")}
        state = {name.removeprefix("optimizer/"): value for name, value in arrays.items() if name.startswith("optimizer/")}
        if state:
            self.optimizer.load({name: torch.tensor(value) for name, value in state.items()})
        self._find_end()
        same = before[-1:] == self.threads or (before and step > self.end)
        self.threads = before if same else before + self.threads

    def seconds(self) -> float:
        """Wall time spent on the run, over all its sittings."""
        return self.seconds_before + time.monotonic() - self.started

    def provenance(self) -> dict[str, Any]:
        """What the run was trained with; JSON types."""
        *before, now = self.threads
        found = machine.provenance(self.device, threads=now, seconds=self.seconds(), commit=self.commit)
        return {**found, **({"threads_before": before} if before else {})}
