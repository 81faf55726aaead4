"""The one training loop: specifications in, records in the store out.

Step t first looks at the weights after t updates (metrics, snapshot), then computes the gradient there and updates. A run
saves its state every half minute and when it is asked to stop; it goes on from there to the bit-identical end on the same
machine, with the threads that it began with, because nothing it draws depends on anything but the seed and the step.

Several runs are trained in blocks (`modaddlab.training.blocks`): on the CPU each run is one, on a GPU all that have one shape.
Blocks of compiled loops are computed by one core each, `threads` of them at a time. A run's bits depend on its companions on a
GPU alone. Each run publishes an ordinary record and has its own working state, which does not tell with whom it was trained.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict, Unpack

import numpy as np
import torch

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.training import machine
from modaddlab.training.blocks import is_compiled, new_block, parts, require_one_shape
from modaddlab.training.device import require, require_precision
from modaddlab.training.run import Run
from modaddlab.training.status import Interrupted, Status

SAVE_SECONDS = 30.0
"""Seconds between two saved states of a run, unless another number is asked for."""

SHOWN = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""What an observer of several runs is told, as means over them."""


Ended = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
"""Weights and state of a run at its last step."""


class Options(TypedDict, total=False):
    """How to train.

    Attributes:
        device: "cpu", "cuda" or "mps".
        threads: CPU threads; none: those of the saved state that a run alone goes on from; else one for a small network, as many
            as torch chooses for others. They decide the last bits and are in the provenance. Of compiled loops: how many runs
            are computed at once, which decides nothing.
        force: train again even if there is a record; the old one stays until the new one is complete.
        resume: go on from a saved state of an interrupted run, or begin anew; none: go on unless `force` is set.
        save_seconds: seconds between two saved states; none: `SAVE_SECONDS`.
        observe: called at every row of metrics. Of several runs the step is a mean over all, losses and accuracies over those
            in training.
        notify: receives lines for the user.
        published: called with every record as soon as it is in the store; with those that others trained, when they are found.
        should_stop: asked at every row of metrics; when true the states are saved and `Interrupted` raised.
    """

    device: str
    threads: int | None
    force: bool
    resume: bool | None
    save_seconds: float | None
    observe: Callable[[Status], None]
    notify: Callable[[str], None]
    published: Callable[[Record], None]
    should_stop: Callable[[], bool]


def train(spec: RunSpec, store: Store, **options: Unpack[Options]) -> Record:
    """Train a run, or load it when the store has it.

    Args:
        spec: the run.
        store: where the record and the working state go.
        options: see `Options`.

    Raises:
        LabError: the device is not there, the run diverged, or the data folder cannot be written.
        Interrupted: it was asked to stop; the state is saved.
    """
    [record] = train_together([spec], store, **options)
    return record


def train_together(specs: Sequence[RunSpec], store: Store, **options: Unpack[Options]) -> list[Record]:
    """Train runs of one shape in one batch, or load those that the store has.

    Args:
        specs: the runs.
        store: where the records and the working states go.
        options: see `Options`.

    Returns:
        the records, in the order of `specs`; the same run counts once.

    Raises:
        LabError: the runs have different shapes, the device is not there, or runs diverged (the others are in the store).
        Interrupted: they were asked to stop; all states are saved.
    """
    every = {spec.run_id: spec for spec in specs}
    require_one_shape(list(every.values()))
    require(options.get("device", "cpu"))
    for run_id, spec in every.items():
        require_precision(options.get("device", "cpu"), spec.loss_dtype)
        if spec.origin is not None:
            raise LabError(f"{run_id} was not trained here (it has an origin) and cannot be trained again; it can be read again")
    batch = _Batch(every, store, options)
    with contextlib.ExitStack() as locks:
        batch.look_for_records()
        for run_id in sorted(every.keys() - batch.records.keys()):  # in one order: two batches never wait for each other
            partial = store.partial(every[run_id], batch.notify)
            locks.enter_context(partial.lock())
            if not batch.look_for_records(run_id):  # trained while this process waited
                if not batch.resume:
                    partial.clear()
                batch.runs.append(Run(every[run_id], partial))
        if batch.runs:
            batch.train()
    if batch.diverged:
        rest = f"; the other {len(batch.records)} are in the store" if batch.records else ""
        raise LabError(f"{', '.join(batch.diverged.values())}; try a smaller optim.lr{rest}")
    return [batch.records[run_id] for run_id in every]


def _advance(active: Sequence[_Training], each: Callable[..., Iterable[None]] = map) -> None:
    list(each(_Training.advance, active))


class _Batch:
    """The runs of one call: what is done, and what is in training."""

    def __init__(self, every: dict[str, RunSpec], store: Store, options: Options) -> None:
        self.every, self.store = every, store
        self.device, self.asked_threads = options.get("device", "cpu"), options.get("threads")
        self.force, resume, save_seconds = options.get("force", False), options.get("resume"), options.get("save_seconds")
        self.resume = not self.force if resume is None else resume
        self.save_seconds = SAVE_SECONDS if save_seconds is None else save_seconds
        self.observe = options.get("observe", lambda status: None)
        self.notify = options.get("notify", lambda line: None)
        self.published = options.get("published", lambda record: None)
        self.should_stop = options.get("should_stop", lambda: False)
        self.runs: list[Run] = []
        self.records: dict[str, Record] = {}
        self.diverged: dict[str, str] = {}
        self.compiled = all(is_compiled(spec, self.device) for spec in every.values())

    def look_for_records(self, run_id: str | None = None) -> bool:
        """Take the records that the store has, of all runs or of one; whether there was any."""
        found = {}
        for each in [] if self.force else self.every if run_id is None else [run_id]:
            if (record := self.store.find(self.every[each])) is not None:
                found[each] = record
                self.published(record)
        self.records |= found
        return bool(found)

    def train(self) -> None:
        """Train what is not done to its end, and publish."""
        if self.compiled:
            from modaddlab.training.compiled import block

            block.load(self.notify)
        self.commit = machine.commit()
        with self._threads() as advance, machine.flushed_denormals():
            self._say_what_goes_on()
            waiting = [[self.runs[r] for r in part] for part in parts([run.step for run in self.runs], self.device)]
            active: list[_Training] = []
            saved_at = time.monotonic()
            while waiting or active:
                while waiting and len(active) < self.at_once:
                    active.append(_Training(waiting.pop(0), self.device))
                advance(active)
                self._tell(active)
                for training in active:
                    self._finish(training)
                active = [training for training in active if training.is_going_on]
                stop = bool(waiting or active) and self.should_stop()
                if stop or time.monotonic() - saved_at > self.save_seconds:
                    for training in active:
                        training.save()
                    saved_at = time.monotonic()
                if stop:
                    raise Interrupted(self._how_to_go_on())

    @contextlib.contextmanager
    def _threads(self) -> Iterator[Callable[[Sequence[_Training]], None]]:
        """Have the threads that blocks are computed with; gives what advances some of them."""
        before = self.runs[0].threads[-1] if len(self.every) == 1 and self.runs[0].threads else None
        wanted = self.asked_threads or torch.get_num_threads()
        with machine.threads(self.runs[0].spec, 1 if self.compiled else self.asked_threads or before):
            self.at_once = min(wanted, len(self.runs)) if self.compiled else 1
            if self.at_once == 1:
                yield _advance
                return
            with ThreadPoolExecutor(self.at_once, initializer=machine.prepare_thread) as pool:
                yield lambda active: _advance(active, pool.map)

    def _say_what_goes_on(self) -> None:
        taken_up = [run for run in self.runs if run.saved is not None]
        others = [run.with_threads(torch.get_num_threads()) for run in self.runs]
        if len(self.every) > 1 and taken_up:
            self.notify(f"{len(taken_up)} of {len(self.runs)} replicas go on from a saved state{max(others)}")
        elif taken_up:
            [run] = taken_up
            left = f"going on from step {run.step:,} of {run.end:,}{others[0]}"
            done = "all steps were done before; the record is put in its place"
            self.notify(f"{run.spec.run_id}: {done if run.is_done else left}")

    def _tell(self, active: Sequence[_Training]) -> None:
        rows = [run.rows[-1] for training in active for run in training.runs if run.rows]
        if not rows:
            return
        if len(self.every) == 1:
            [run] = self.runs
            return self.observe(Status(run.reached, run.end, run.rows[-1]))
        steps = self.runs[0].spec.steps
        done = len(self.every) - len(self.runs)
        reached = [steps if run.is_done else run.reached for run in self.runs]
        step = (sum(reached) + done * steps) // len(self.every)
        self.observe(Status(step, steps, {name: sum(float(row[name]) for row in rows) / len(rows) for name in SHOWN}))

    def _finish(self, training: _Training) -> None:
        """Put the runs that are done into the store, and note those that have diverged."""
        for r, (weights, state) in training.ended.items():
            run = training.runs[r]
            run.save(state)
            snapshots, provenance = run.partial.snapshot_files(), self._provenance(run)
            record = self.store.publish(run.spec, provenance, run.metrics(), weights, snapshots, replace=self.force)
            run.partial.clear()
            run.rows, run.earlier = run.rows[-1:], {}
            self.records[run.spec.run_id] = record
            self.published(record)
        training.ended = {}
        lost = [run for run in training.runs if run.diverged_at is not None]
        self.diverged |= {run.spec.run_id: f"{run.spec.run_id} diverged before step {run.diverged_at:,}" for run in lost}

    def _provenance(self, run: Run) -> dict[str, Any]:
        """What a run was trained with; of several that share a block `wall_seconds` is its share."""
        *before, now = run.threads
        found = machine.provenance(
            torch.device(self.device), run.spec.train_version, threads=now, seconds=run.seconds, commit=self.commit
        )
        if before:
            found["threads_before"] = before
        if len(self.every) > 1:
            found["replicas"] = len(self.every)
        if self.compiled:
            found["numba"] = importlib.metadata.version("numba")
        return found

    def _how_to_go_on(self) -> str:
        if len(self.every) > 1:
            n = len(self.every) - len(self.records)
            return f"{n} of {len(self.every)} replicas are not finished; the same command goes on from there"
        [run] = self.runs
        way_on = "the same command begins it anew, and the record from before is kept until then"
        if not (self.force and self.store.find(run.spec) is not None):
            without = " without --force" if self.force else "" if self.resume else " without --no-resume"
            way_on = f"the same command{without} goes on from there"
        return f"{run.spec.run_id} stopped at step {run.step:,}; {way_on}"


class _Training:
    """A block with its runs, from row to row of metrics.

    Attributes:
        ended: weights and state of the runs that have just had their last row.
    """

    def __init__(self, runs: Sequence[Run], device: str) -> None:
        self.runs = runs
        self.block = new_block([run.spec for run in runs], device, runs[0].step)
        self.ended: dict[int, Ended] = {}
        for r, run in enumerate(runs):
            if run.saved is not None:
                self.block.restore(r, run.saved)
                run.saved = None
            if run.is_done:
                self.ended[r] = self.block.weights(r), self.block.state(r)

    @property
    def is_going_on(self) -> bool:
        """Whether anything is left to compute."""
        return not all(run.is_done for run in self.runs)

    def advance(self) -> None:
        """To the next row of metrics, and one update beyond it."""
        going_on = {r: run for r, run in enumerate(self.runs) if not run.is_done}
        if not going_on:
            return
        started = time.monotonic()
        row_at = min(run.next_row for run in going_on.values())
        if self.block.step < row_at:
            self.block.steps(row_at - self.block.step)
        rows = self.block.measure()
        for r, run in going_on.items():
            run.step = row_at
            if row_at in run.snapshots:
                run.keep_snapshot(self.block.weights(r))
            run.add(rows[r])
            if run.diverged_at is None and row_at == run.end:
                self.ended[r] = self.block.weights(r), self.block.state(r)
            run.step += 1
        if self.is_going_on:
            self.block.update()
        for run in going_on.values():
            run.seconds += (time.monotonic() - started) / len(going_on)

    def save(self) -> None:
        """Save the state of every run that goes on."""
        for r, run in enumerate(self.runs):
            if not run.is_done:
                run.save(self.block.state(r))
