"""Replicas: runs whose networks have the same shape train together, in blocks of stacked weights.

Runs may differ in their seed (and so in their split and their initial weights), in the operation, and in every number of the
optimizer; `shape` says what must agree. Each publishes an ordinary record. Every step is that of a run alone to float rounding,
which training amplifies, as between two kinds of processors: "replicas" in the provenance says that nobody should expect the same
bits.

On the CPU two-layer networks, unless they have GELU, go into blocks of a few, whose steps are compiled (see `two_layer`); a block
is computed by one core from one row of metrics to the next, `threads` blocks at a time, and the weights of a replica have the
same bits whatever its companions and the number of threads (of a metric the last digit of float64 may differ). Everything else is
one block (see `autograd`), and there the last bits may depend on who is in it. On the CPU that is slower than one run after
another (`is_faster_together`).

Every replica has its own working state, in the form of a run alone: either can take up what the other began. A batch that was
stopped goes on to the bits that it would have had, each replica from its own state.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import numba
import numpy as np
import torch

from modaddlab.errors import LabError
from modaddlab.experiments.spec import TRAIN_VERSION, RunSpec
from modaddlab.store.partial import Partial
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.training import machine
from modaddlab.training.device import require
from modaddlab.training.loop import Interrupted, Status, snapshot_steps
from modaddlab.training.measures import Row
from modaddlab.training.replicas import two_layer
from modaddlab.training.replicas.autograd import AutogradBlock
from modaddlab.training.replicas.networks import whole

SAVE_SECONDS = 60.0
"""Seconds between two saved states, unless another number is asked for."""

SHOWN = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""What an observer is told, as means over the replicas."""


def shape(spec: RunSpec) -> dict[str, Any]:
    """What the replicas of a batch have in common, by the names of the fields.

    Raises:
        LabError: the run draws something at every step (minibatches, dropout), has an L1 penalty or ends when it has grokked;
            it trains alone.
    """
    alone = {"optim.batch_size": spec.optim.batch_size, "model.dropout": spec.model.dropout, "optim.l1": spec.optim.l1}
    alone["grokked_for"] = spec.grokked_for
    for name, value in alone.items():
        if value:
            raise LabError(f"{spec.run_id} has {name} set, which replicas in a batch cannot have; train it alone")
    return {
        "task.p": spec.task.p,
        "the number of training pairs (task.train_frac)": int(spec.task.train_frac * spec.task.p**2),
        "the kind of network": spec.model.kind,
        **{f"model.{name}": value for name, value in asdict(spec.model).items()},
        "optim.optimizer": spec.optim.optimizer,
        "record.metrics_every": spec.record.metrics_every,
        "record.energies": spec.record.energies,
        "steps": spec.steps,
        "loss_dtype": spec.loss_dtype,
    }


def group(specs: Sequence[RunSpec], most: int | None = None) -> list[list[RunSpec]]:
    """Runs in batches that `train_together` takes, in the order in which their first runs come; the same run counts once.

    Args:
        specs: the runs; one that cannot be in a batch is alone in its list.
        most: how many replicas a batch has at most; none: any number.
    """
    batches: dict[object, list[RunSpec]] = {}
    for run_id, spec in {spec.run_id: spec for spec in specs}.items():
        try:
            key: object = tuple(shape(spec).items())
        except LabError:
            key = run_id
        batches.setdefault(key, []).append(spec)
    size = most or max(map(len, batches.values()), default=1)
    return [batch[start : start + size] for batch in batches.values() for start in range(0, len(batch), size)]


def is_faster_together(spec: RunSpec, device: str) -> bool:
    """Whether a batch gains anything: on a GPU always; on the CPU where its steps are compiled."""
    return device == "cuda" or two_layer.covers(spec.model)


def train_together(
    specs: Sequence[RunSpec],
    store: Store,
    *,
    device: str = "cpu",
    threads: int | None = None,
    force: bool = False,
    resume: bool | None = None,
    save_seconds: float | None = None,
    observe: Callable[[Status], None] = lambda status: None,
    notify: Callable[[str], None] = lambda line: None,
    published: Callable[[Record], None] = lambda record: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Record]:
    """Train runs of the same shape in one batch, or load those that the store has.

    Args:
        specs: the runs.
        store: where the records and the working states go.
        device: "cpu" or "cuda".
        threads: CPU threads; none: as many as torch chooses.
        force, resume, save_seconds, notify: as of `modaddlab.training.loop.train`, for every replica.
        observe: called after every round; the step is a mean over all replicas, losses and accuracies over those in training.
        published: called with every record as soon as it is in the store; with those that others trained, when they are found.
        should_stop: asked after every round; when true all states are saved and `Interrupted` raised.

    Returns:
        the records, in the order of `specs`; the same run counts once.

    Raises:
        LabError: the runs have different shapes, the device is not there, or replicas diverged (the others are in the store).
        Interrupted: see `should_stop`.
    """
    every = {spec.run_id: spec for spec in specs}
    _require_one_shape(list(every.values()))
    require(device)
    resume = not force if resume is None else resume
    records = {} if force else _finished(every, store)
    for record in records.values():
        published(record)
    with contextlib.ExitStack() as locks:
        todo = []
        for run_id in sorted(every.keys() - records.keys()):  # in one order, so that two batches never wait for each other
            partial = store.partial(every[run_id], notify)
            locks.enter_context(partial.lock())
            if not force and (record := store.find(every[run_id])) is not None:  # trained while this process waited
                records[run_id] = record
                published(record)
                continue
            if not resume:
                partial.clear()
            todo.append(_Replica(every[run_id], partial))
        going_on = sum(replica.resumed is not None for replica in todo)
        if going_on:
            notify(f"{going_on} of {len(todo)} replicas go on from a saved state")
        if todo and device == "cpu" and two_layer.must_compile(todo[0].spec.model):
            notify("compiling the step of these networks, which takes some seconds")
            two_layer.compile_step(todo[0].spec)
        batch = _Batch(todo, store, device=device, threads=threads, replace=force, n_replicas=len(every), done=len(records))
        try:
            batch.train(SAVE_SECONDS if save_seconds is None else save_seconds, observe, published, should_stop)
        finally:
            batch.close()
    records |= batch.records
    if batch.diverged:
        rest = f"; the other {len(records)} are in the store" if records else ""
        raise LabError(f"{', '.join(batch.diverged)}; try a smaller optim.lr{rest}")
    return [records[run_id] for run_id in every]


def _require_one_shape(specs: Sequence[RunSpec]) -> None:
    first = shape(specs[0]) if specs else {}
    for spec in specs[1:]:
        other = shape(spec)
        name = next((name for name in first if first[name] != other.get(name)), None)
        if name is not None:
            raise LabError(
                f"{name} is {first[name]} of {specs[0].run_id} and {other.get(name)} of {spec.run_id}; "
                "replicas of one batch have the same; train them in batches of their own"
            )


def _finished(every: dict[str, RunSpec], store: Store) -> dict[str, Record]:
    found = {run_id: store.find(spec) for run_id, spec in every.items()}
    return {run_id: record for run_id, record in found.items() if record is not None}


def untracked_blocks(specs: Sequence[RunSpec], device: torch.device, threads: int) -> list[_Block]:
    """The blocks of a batch that nothing is saved of, for timing: `advance` goes on to the next row of metrics."""
    _require_one_shape(specs)
    return [_Block(part, device) for part in _blocks([_Replica(spec, None) for spec in specs], device, threads)]


@dataclass
class _Replica:
    """A run in a batch: its rows of metrics, its working state (none where nothing is saved), the seconds spent on it."""

    spec: RunSpec
    partial: Partial | None
    rows: list[Row] = field(default_factory=list)
    earlier: dict[str, np.ndarray] = field(default_factory=dict)
    resumed: dict[str, np.ndarray] | None = None
    step: int = 0
    seconds: float = 0.0
    diverged_at: int | None = None

    def __post_init__(self) -> None:
        loaded = self.partial.load_state() if self.partial is not None else None
        if loaded is None:
            return
        self.step, arrays, extra = loaded
        if extra["train_version"] != TRAIN_VERSION:
            raise LabError(f"{self.spec.run_id} was begun by another version of the training code; begin anew with --force")
        self.seconds, self.resumed = extra["seconds"], arrays
        self.earlier = {name.removeprefix("metrics/"): value for name, value in arrays.items() if name.startswith("metrics/")}

    @property
    def reached(self) -> int:
        """The step of the newest row; of one that has none here, where it was taken up, or its last step."""
        return int(self.rows[-1]["step"]) if self.rows else min(self.step, self.spec.steps)

    def add(self, row: Row) -> None:
        """Keep a row; from the first that is not finite on none."""
        if self.diverged_at is not None:
            return
        if not (math.isfinite(row["objective"]) and math.isfinite(row["gradient_norm"])):
            self.diverged_at = int(row["step"])
        else:
            self.rows.append(row)

    def metrics(self) -> dict[str, np.ndarray]:
        """All rows so far, an array per metric."""
        new = {name: np.stack([row[name] for row in self.rows]) for name in self.rows[0]} if self.rows else {}
        if not self.earlier:
            return new
        return {name: np.concatenate([self.earlier[name], new[name]]) if new else self.earlier[name] for name in self.earlier}


class _Block:
    """Replicas whose weights are stacked, at one step."""

    def __init__(self, replicas: Sequence[_Replica], device: torch.device) -> None:
        self.replicas, self.spec, self.step = replicas, replicas[0].spec, replicas[0].step
        specs = [replica.spec for replica in replicas]
        self.network = two_layer.TwoLayerBlock(specs) if _is_compiled(self.spec, device) else AutogradBlock(specs, device)
        self.stack = self.network.stack
        for r, replica in enumerate(replicas):
            if replica.resumed is not None:
                self.stack.put(self.stack.flat, r, replica.resumed["flat"])
                state = {name.removeprefix("optimizer/"): value for name, value in replica.resumed.items()}
                self.network.state.put(r, state)
                replica.resumed = None
        self.network.state.go_on_from(self.step)
        self.snapshots = [snapshot_steps(spec) for spec in specs]

    @property
    def is_done(self) -> bool:
        return self.step > self.spec.steps or all(replica.diverged_at is not None for replica in self.replicas)

    def advance(self) -> None:
        """From the row of metrics that is due to the next one; the last call only measures."""
        started, every = time.monotonic(), self.spec.record.metrics_every
        if self.step <= self.spec.steps and (self.step % every == 0 or self.step == self.spec.steps):
            self._measure()
            if self.step < self.spec.steps:
                self.network.update()
            self.step += 1
        until = min(-(-self.step // every) * every, self.spec.steps)
        if self.step < until:
            self.network.steps(until - self.step)
            self.step = until
        for replica in self.replicas:
            replica.step = self.step
            replica.seconds += (time.monotonic() - started) / len(self.replicas)

    def _measure(self) -> None:
        for r, replica in enumerate(self.replicas):
            if replica.partial is not None and self.step in self.snapshots[r] and replica.diverged_at is None:
                replica.partial.save_snapshot(self.step, self.stack.weights(r), replica.spec.record.snapshot_dtype)
        self.network.gradients()
        for replica, row in zip(self.replicas, self.network.rows(self.step), strict=True):
            replica.add(row)

    def save(self) -> None:
        """Write every replica's state, as a run alone does."""
        for r, replica in enumerate(self.replicas):
            if replica.partial is not None and replica.diverged_at is None:
                arrays = {f"metrics/{name}": values for name, values in replica.metrics().items()}
                arrays["flat"] = self.stack.one(self.stack.flat, r)
                for name, value in self.network.state.one(r).items():
                    arrays[f"optimizer/{name}"] = value
                extra = {"seconds": replica.seconds, "train_version": TRAIN_VERSION}
                replica.partial.save_state(self.step, arrays, extra)


class _Batch:
    """All replicas of a batch that are not finished, in blocks, some of which are in training."""

    def __init__(
        self,
        replicas: Sequence[_Replica],
        store: Store,
        *,
        device: str,
        threads: int | None,
        replace: bool,
        n_replicas: int,
        done: int,
    ) -> None:
        self.store, self.device, self.replace = store, torch.device(device), replace
        self.n_replicas, self.done, self.replicas = n_replicas, done, replicas
        self.records: dict[str, Record] = {}
        self.diverged: list[str] = []
        self.threads, self.threads_before = threads or torch.get_num_threads(), torch.get_num_threads()
        self.waiting = _blocks(replicas, self.device, self.threads)
        self.compiled = bool(replicas) and _is_compiled(replicas[0].spec, self.device)
        self.n_active = min(self.threads, len(self.waiting)) if self.compiled else 1
        self.pool = ThreadPoolExecutor(self.n_active, initializer=prepare_thread) if self.n_active > 1 else None
        self.block_threads = 1 if self.compiled else self.threads
        self.commit = machine.commit()

    def train(
        self,
        save_seconds: float,
        observe: Callable[[Status], None],
        published: Callable[[Record], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Train to the end and publish."""
        torch.set_num_threads(self.block_threads)
        active: list[_Block] = []
        with machine.flushed_denormals():
            saved_at = time.monotonic()
            while self.waiting or active:
                while self.waiting and len(active) < self.n_active:
                    active.append(_Block(self.waiting.pop(0), self.device))
                self._advance(active)
                self._tell(active, observe)
                for block in active:
                    if block.is_done:
                        self._publish(block, published)
                active = [block for block in active if not block.is_done]
                stop = bool(self.waiting or active) and should_stop()
                if stop or time.monotonic() - saved_at > save_seconds:
                    for block in active:
                        block.save()
                    saved_at = time.monotonic()
                if stop:
                    n = self.n_replicas - self.done - len(self.records)
                    raise Interrupted(f"{n} of {self.n_replicas} replicas are not finished; the same command goes on from there")

    def close(self) -> None:
        """End the threads, and give torch its number of them back."""
        if self.pool is not None:
            self.pool.shutdown()
        torch.set_num_threads(self.threads_before)

    def _advance(self, active: Sequence[_Block]) -> None:
        if self.pool is None:
            for block in active:
                block.advance()
        else:
            list(self.pool.map(_Block.advance, active))

    def _tell(self, active: Sequence[_Block], observe: Callable[[Status], None]) -> None:
        rows = [replica.rows[-1] for block in active for replica in block.replicas if replica.rows]
        if rows:
            steps = active[0].spec.steps
            reached = [steps if replica.diverged_at is not None else replica.reached for replica in self.replicas]
            step = (sum(reached) + self.done * steps) // self.n_replicas
            observe(Status(step, steps, {name: sum(float(row[name]) for row in rows) / len(rows) for name in SHOWN}))

    def _publish(self, block: _Block, published: Callable[[Record], None]) -> None:
        for r, replica in enumerate(block.replicas):
            run_id = replica.spec.run_id
            if replica.diverged_at is not None:
                self.diverged.append(f"{run_id} diverged before step {replica.diverged_at:,}")
                continue
            assert replica.partial is not None
            weights, snapshots = block.stack.weights(r), replica.partial.snapshot_files()
            self.records[run_id] = self.store.publish(
                replica.spec, self._provenance(replica), replica.metrics(), weights, snapshots, replace=self.replace
            )
            replica.partial.clear()
            replica.rows, replica.earlier = [], {}
            published(self.records[run_id])

    def _provenance(self, replica: _Replica) -> dict[str, Any]:
        """As of a run alone, with what compiled the steps; `wall_seconds` is the replica's share of its block's."""
        found = machine.provenance(self.device, threads=self.block_threads, seconds=replica.seconds, commit=self.commit)
        return {**found, "replicas": self.n_replicas, **({"numba": numba.__version__} if self.compiled else {})}


def _is_compiled(spec: RunSpec, device: torch.device) -> bool:
    """Whether the steps of this shape are compiled loops, one core to a block."""
    return device.type == "cpu" and two_layer.covers(spec.model)


def _blocks(replicas: Sequence[_Replica], device: torch.device, threads: int) -> list[list[_Replica]]:
    """Replicas that are computed together: at one step; where one core does it, a few, and an equal share for each core."""
    alike: dict[int, list[_Replica]] = {}
    for replica in replicas:
        alike.setdefault(replica.step, []).append(replica)
    found = []
    for part in alike.values():
        n = 1
        if _is_compiled(part[0].spec, device):
            n = min(len(part), whole(-(-len(part) // two_layer.REPLICAS), threads))
        found += [part[i * len(part) // n : (i + 1) * len(part) // n] for i in range(n)]
    return found


def prepare_thread() -> None:
    """Both settings belong to a thread."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
