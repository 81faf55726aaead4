"""One run from the question whether it is done to the line that says how it went; in this process or on a sweep's worker."""

from __future__ import annotations

import contextlib
import shlex
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modaddlab import paths
from modaddlab.errors import explain
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.record import Record, inspect
from modaddlab.store.store import Store
from modaddlab.training.status import Status


@dataclass(frozen=True, kw_only=True)
class How:
    """How runs are trained. Nothing of it belongs to a run's specification; `threads` decides the last bits.

    Attributes:
        device: "cpu", "cuda" or "mps".
        threads: CPU threads of a run; none: as many as torch chooses.
        force: train again what is trained.
        resume: go on from a saved state; none: unless `force` is set.
        save_seconds: seconds between two saved states; none: the loop's own.
        wandb: the Weights & Biases project that receives the curves, if any.
    """

    device: str = "cpu"
    threads: int | None = None
    force: bool = False
    resume: bool | None = None
    save_seconds: float | None = None
    wandb: str | None = None


def train_or_load(
    spec: RunSpec,
    store: Store,
    how: How,
    *,
    observe: Callable[[Status], None],
    notify: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> str:
    """Train a run, or load it when the store has it, and say so.

    Args:
        spec: the run.
        store: where the record and the working state go.
        how: how it is trained.
        observe, notify, should_stop: as of `modaddlab.training.loop.train`.

    Returns:
        a line for the user.

    Raises:
        LabError: as `train`; or the record that is there is damaged.
        Interrupted: see `should_stop`.
    """
    from modaddlab.training.loop import train

    trained = False
    with contextlib.ExitStack() as stack:
        observers, export = [observe], None
        if how.wandb is not None:
            from modaddlab.training.wandb_export import Export

            export = stack.enter_context(Export(spec, how.wandb, store.data, notify))
            observers.append(export)

        def observe_all(status: Status) -> None:
            nonlocal trained
            trained = True
            for each in observers:
                each(status)

        record = train(
            spec,
            store,
            device=how.device,
            threads=how.threads,
            force=how.force,
            resume=how.resume,
            save_seconds=how.save_seconds,
            observe=observe_all,
            notify=notify,
            should_stop=should_stop,
        )
        if export is not None and not trained:
            export.send(record)
    return describe(record, "trained") if trained else loaded(record)


def loaded(record: Record) -> str:
    """The line about a run that was trained before.

    Raises:
        LabError: its record is damaged.
    """
    for _, problem in inspect(record.data, record.run_id):
        if problem is not None:
            raise problem
    return describe(record, "was trained before")


def describe(record: Record, what: str) -> str:
    """A line about a record: how long it took, the last losses, where it lies.

    Args:
        record: the record.
        what: "trained" or "was trained before".
    """
    metrics, seconds = record.metrics, record.wall_seconds
    took = "" if seconds is None else f" in {seconds:.0f} s"
    test = f", test loss {metrics['test_loss'][-1]:.2e}, test accuracy {metrics['test_accuracy'][-1]:.2%}"
    return (
        f"{record.run_id}: {what}{took}; train loss {metrics['train_loss'][-1]:.2e}"
        f"{test if record.spec.task.train_frac < 1 else ''}; {record.path}"
    )


def opening(spec: RunSpec, store: Store) -> str:
    """How a run is opened in Python."""
    data = "" if paths.is_data_folder(store.data) else f", data={str(store.data)!r}"
    return f"Study.open({spec.run_id!r}{data})"


def reporting(spec: RunSpec, store: Store) -> str:
    """The command that writes a run's report."""
    data = "" if paths.is_data_folder(store.data) else f" --data {shlex.quote(str(store.data))}"
    return f"python -m modaddlab.report run {spec.run_id}{data}"


def reason(error: Exception) -> str:
    """Why a run failed, in a line: what a user or the machine caused is said, all else is named with its place in the source."""
    line = explain(error)
    if line is not None:
        return line
    place = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {words} ({Path(place.filename).name}:{place.lineno})"
