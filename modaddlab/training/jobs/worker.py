"""What a Dask worker does in a sweep: it trains one run, and tells the command how it goes.

The task and its answer are plain tables of numbers and texts; the code is the worker's own installation, which must be the same
version. Events go to the topic that the task names, each a table with the run, the worker's address and

    kind = "begun"    the worker has taken up the run
           "row"      step, steps and the latest losses and accuracies, at most one a second
           "line"     text: a line for the user
           "ended"    the worker has laid the run down, however that came about

A run is laid down, its state saved, when the worker is being closed (then Dask gives the run to another one) or when nobody waits
for it any more: the command was interrupted, or died.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Reschedule, Status, Worker, get_worker

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store
from modaddlab.training import status
from modaddlab.training.jobs.single import How, reason, train_or_load

EVENT_SECONDS = 1.0
"""Least time between two rows that a run tells."""

SHOWN = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")

Task = dict[str, Any]


def task_of(spec: RunSpec, store: Store, how: How, topic: str, *, wait: bool) -> Task:
    """The task of training a run, for `train_run`.

    Args:
        spec: the run.
        store: where its record goes; the worker must see the same folder.
        how: how it is trained.
        topic: where the worker's events go.
        wait: whether to wait when another process trains the run, or to come back at once.
    """
    return {
        "spec": spec.to_dict(),
        "run_id": spec.run_id,
        "data": str(store.data),
        "how": {name: getattr(how, name) for name in How.__dataclass_fields__},
        "topic": topic,
        "wait": wait,
    }


def train_run(task: Task) -> dict[str, str]:
    """Train one run on the worker that this is called on.

    Args:
        task: from `task_of`.

    Returns:
        "state" is "done", "failed", "busy" (another process trains the run) or "stopped"; "text" a line for the user.
    """
    worker = get_worker()
    key = worker.get_current_task()

    def tell(kind: str, **content: Any) -> None:
        worker.log_event(task["topic"], {"kind": kind, "run": task["run_id"], "worker": worker.address, **content})

    def unwanted() -> bool:
        mine = worker.state.tasks.get(key)
        return _closing(worker) or mine is None or mine.state == "cancelled"

    tell("begun")
    try:
        return _train(task, tell, unwanted)
    except status.Interrupted as interruption:
        if _closing(worker):
            raise Reschedule from None
        return {"state": "stopped", "text": str(interruption)}
    except Exception as error:  # whatever it is, the other runs go on
        return {"state": "failed", "text": reason(error)}
    finally:
        tell("ended")


def _closing(worker: Worker) -> bool:
    return worker.status not in (Status.running, Status.paused)


def _train(task: Task, tell: Callable[..., None], unwanted: Callable[[], bool]) -> dict[str, str]:
    spec, store = RunSpec.from_dict(task["spec"]), Store(Path(task["data"]))
    if spec.run_id != task["run_id"]:
        raise LabError("the worker has another version of modaddlab, to which this run has another id; install the same on both")
    if not task["wait"] and store.partial(spec).is_locked():
        return {"state": "busy", "text": ""}
    told = 0.0

    def observe(now: status.Status) -> None:
        nonlocal told
        if time.monotonic() - told >= EVENT_SECONDS or now.step == now.steps:
            told = time.monotonic()
            tell("row", step=now.step, steps=now.steps, row={name: float(now.row[name]) for name in SHOWN})

    text = train_or_load(
        spec,
        store,
        How(**task["how"]),
        observe=observe,
        notify=lambda line: tell("line", text=line),
        should_stop=unwanted,
    )
    return {"state": "done", "text": text}
