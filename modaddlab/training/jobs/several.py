"""Several runs in one command: what is done is skipped, the rest is trained in this process, in turn or in batches, or side by
side on a cluster.

A run that fails (it diverges, its record is damaged, its worker runs out of memory) is told in a line, and the others go on; the
failures are told again at the end.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modaddlab.errors import LabError
from modaddlab.experiments import cost
from modaddlab.experiments.catalogue import label
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.files import make_folder
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.training.jobs import engine
from modaddlab.training.jobs.single import How, describe, loaded, reason, train_or_load
from modaddlab.training.status import Interrupted, Status
from modaddlab.training.stop import Stop

if TYPE_CHECKING:
    from modaddlab.training.display import Display, SweepDisplay


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where several runs are trained.

    Attributes:
        workers: how many at once on this machine; none: one for each core, or one alone on a GPU.
        scheduler: address or file of a Dask scheduler whose workers train instead, if any.
        replicas: at most so many runs of one shape are trained together as one batch, in this process; none: no batches.
    """

    workers: int | None = None
    scheduler: str | None = None
    replicas: int | None = None


def train_several(
    specs: Sequence[RunSpec], store: Store, how: How, where: Where, name: str | None, display: Display, stop: Stop
) -> int:
    """Train what is not trained yet, and say how it went.

    Args:
        specs: the runs.
        store: where the records go.
        how, where: how and where they are trained.
        name: of the list, or None where they were named one by one; then each that was trained before gets its line.
        display: shows it.
        stop: says when to save and stop.

    Returns:
        0, or 1 when a run failed.

    Raises:
        LabError: the data folder cannot be written, or the cluster cannot be reached.
        SchedulerLost: the cluster was lost meanwhile.
        Interrupted, KeyboardInterrupt: the user wants to stop.
    """
    every = {spec.run_id: spec for spec in specs}
    todo: dict[str, RunSpec] = {}
    failures: dict[str, str] = {}
    for run_id, spec in every.items():
        try:
            record = None if how.force else store.find(spec)
            if record is None:
                todo[run_id] = spec
            else:
                line = loaded(record)
                if name is None:
                    display.line(line)
        except LabError as error:
            failures[run_id] = str(error)
            display.line(f"{run_id}: failed: {error}")
    n_before = len(every) - len(todo) - len(failures)
    if how.wandb is not None and n_before:
        said = f"{n_before} of the runs were trained before and are not sent to Weights & Biases"
        display.line(f"modaddlab: {said}; a command that names one run alone sends its stored curves")
    if todo:
        failures |= _train(todo, store, how, where, name or "runs", n_before, display, stop)
    n_failed = len(failures)
    failed = f", {n_failed} failed:" if n_failed else ""
    n_now = len(every) - n_before - n_failed
    display.line(f"{name or 'modaddlab'}: {len(every)} runs, {n_before} trained before, {n_now} trained now{failed}")
    for run_id, why in failures.items():
        display.line(f"  {run_id}: {why}")
    return 1 if failures else 0


def train_here(spec: RunSpec, store: Store, how: How, display: Display, stop: Stop, progress: SweepDisplay | None = None) -> str:
    """Train or load a run in this process.

    Args:
        spec: the run.
        store: where its record goes.
        how: how it is trained.
        display: shows it.
        stop: says when to save and stop.
        progress: of the list that the run belongs to, if any.

    Returns:
        a line about it.

    Raises:
        LabError, Interrupted: as `modaddlab.training.loop.train`.
    """
    show, stop.training = display.run(label(spec)), False

    def observe(status: Status) -> None:
        stop.training = True
        show(status)
        if progress is not None:
            progress.at(spec.run_id, status)

    try:
        return train_or_load(spec, store, how, observe=observe, notify=display.line, should_stop=lambda: stop.requested)
    finally:
        show.close()


def _train(
    todo: Mapping[str, RunSpec], store: Store, how: How, where: Where, name: str, n_before: int, display: Display, stop: Stop
) -> dict[str, str]:
    """Why runs failed, by run id."""
    make_folder(store.data / "partial")  # what every run would complain about is said once
    cores = 1 if how.device != "cpu" else engine.n_cores()
    n_workers = min(where.workers or cores, len(todo))
    costs = {run_id: cost.seconds(spec, store.partial(spec).newest_step() or 0) for run_id, spec in todo.items()}
    if where.replicas is not None:
        return _train_in_batches(todo, store, how, where.replicas, display, stop, display.sweep(name, costs, n_before))
    if where.scheduler is None and n_workers == 1:
        return _train_in_turn(todo, store, how, display, stop, display.sweep(name, costs, n_before))
    with contextlib.ExitStack() as stack:
        if where.scheduler is not None:
            client = stack.enter_context(engine.remote_cluster(where.scheduler, display))
        else:
            client = stack.enter_context(engine.local_cluster(n_workers, display))
        if not how.resume:  # begun anew here, so that a lost worker's run is not
            for spec in todo.values():
                partial = store.partial(spec, display.line)
                with partial.lock():
                    partial.clear()
            how = replace(how, resume=True)
        stop.training = True  # until here Ctrl-C ends the command at once
        progress = display.sweep(name, costs, n_before)
        return engine.train_all(
            list(todo.values()), store, how, client, display=display, progress=progress, should_stop=lambda: stop.requested
        )


def _train_in_turn(
    todo: Mapping[str, RunSpec], store: Store, how: How, display: Display, stop: Stop, progress: SweepDisplay
) -> dict[str, str]:
    failures: dict[str, str] = {}
    for run_id, spec in todo.items():
        if stop.requested:  # during the last moments of the run before
            raise KeyboardInterrupt
        try:
            display.line(train_here(spec, store, how, display, stop, progress))
            progress.done(run_id)
        except Interrupted:
            raise
        except Exception as error:
            failures[run_id] = reason(error).removeprefix(f"{run_id} ")
            display.line(f"{run_id}: failed: {failures[run_id]}")
            progress.done(run_id, failed=True)
    return failures


def _train_in_batches(
    todo: Mapping[str, RunSpec], store: Store, how: How, most: int, display: Display, stop: Stop, progress: SweepDisplay
) -> dict[str, str]:
    """Why runs failed, by run id; runs that a batch would not make faster are trained in turn."""
    from modaddlab.training.blocks import group, is_faster_together

    failures: dict[str, str] = {}
    for batch in group(list(todo.values()), most):
        if stop.requested:  # during the last moments of the batch before
            raise KeyboardInterrupt
        if len(batch) == 1 or not is_faster_together(batch[0], how.device):
            alone = replace(how, threads=how.threads or 1)
            failures |= _train_in_turn({spec.run_id: spec for spec in batch}, store, alone, display, stop, progress)
        else:
            failures |= _train_batch(batch, store, how, display, stop, progress)
    return failures


def _train_batch(
    batch: Sequence[RunSpec], store: Store, how: How, display: Display, stop: Stop, progress: SweepDisplay
) -> dict[str, str]:
    from modaddlab.training.loop import train_together

    show, stop.training = display.run(f"{label(batch[0])} and {len(batch) - 1} more"), False
    waiting = {spec.run_id: spec for spec in batch}

    def observe(status: Status) -> None:
        stop.training = True
        show(status)
        for run_id in waiting:
            progress.at(run_id, status)

    def published(record: Record) -> None:
        del waiting[record.run_id]
        display.line(describe(record, "trained"))
        progress.done(record.run_id)

    failure = ""
    try:
        train_together(
            batch,
            store,
            device=how.device,
            threads=how.threads,
            force=how.force,
            resume=how.resume,
            save_seconds=how.save_seconds,
            observe=observe,
            notify=display.line,
            published=published,
            should_stop=lambda: stop.requested,
        )
    except Interrupted:
        raise
    except Exception as error:
        failure = reason(error)
        display.line(failure)
    finally:
        show.close()
    for run_id in waiting:
        progress.done(run_id, failed=True)
    return dict.fromkeys(waiting, failure)
