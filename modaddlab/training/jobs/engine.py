"""Sweeps on Dask: the command's side. Runs are submitted as tasks; what comes back is shown.

Dask starts the workers (`LocalCluster`) or has them already, gives them runs, and gives a lost worker's run to another one, which
goes on from the last saved state: the store's lock is the operating system's and ends with the process that held it. Here it is
decided what to submit, when to stop, and what to say.

A run that was on several lost workers (Dask's allowed-failures, 3 unless configured otherwise) is given up only when it made no
progress meanwhile: otherwise the machines are to blame, not the run. A run that another command trains on the same data folder is
put off to the end and then waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import queue
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modaddlab.errors import LabError
from modaddlab.experiments.catalogue import label
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.files import disk_errors, from_json
from modaddlab.store.store import Store
from modaddlab.training.jobs.single import How
from modaddlab.training.status import Interrupted, SchedulerLost, Status

if TYPE_CHECKING:
    from distributed import Client, Future

    from modaddlab.training.display import Display, SweepDisplay

ALLOWED_FAILURES = 3
"""Of the workers that are started here: so many may be lost under a run, the next one ends it."""

CONNECT_SECONDS = 10.0
SAVING_SECONDS = 60.0
SILENT_SECONDS = 30.0
"""How long to wait for an answer of a scheduler; for the workers' saving when the command is interrupted; for a first worker
before the user is told that there is none."""

MOST_FILE = 2**20
"""Bytes that are read of a scheduler's file, which has some hundreds."""

_ADDRESS = re.compile(r"((tcp|tls|ucx|ws|wss)://)?[^/\s]+:[0-9]+/?")


def n_cores() -> int:
    """The cores that this process may use."""
    from dask.system import CPU_COUNT

    return CPU_COUNT


def address_of(scheduler: str) -> str:
    """The address of a scheduler.

    Args:
        scheduler: what the user gave: an address, or the path of the scheduler's file.

    Raises:
        LabError: it is neither.
    """
    path, address = Path(scheduler), scheduler
    if path.is_file():
        try:
            with disk_errors(path, "read"), open(path, "rb") as file:
                address = from_json(file.read(MOST_FILE))["address"]
        except (ValueError, KeyError, TypeError):
            address = None
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise LabError(f"--scheduler {scheduler} is no file of a Dask scheduler, which writes one with --scheduler-file FILE")
    if not _ADDRESS.fullmatch(address):
        raise LabError(f"--scheduler {scheduler} is neither an address such as tcp://10.0.0.1:8786 nor a scheduler file")
    return address


def require_scheduler(address: str) -> None:
    """Ask whatever listens at an address who it is, before anything depends on the answer.

    Raises:
        LabError: no Dask scheduler answers there within `CONNECT_SECONDS`.
    """
    from distributed.core import rpc
    from distributed.security import Security

    async def kind() -> object:
        security = Security().get_connection_args("client")
        async with asyncio.timeout(CONNECT_SECONDS + 1):  # a connection has less time, and closes its sockets
            async with rpc(address, timeout=CONNECT_SECONDS, connection_args=security) as server:
                identity: Any = await server.identity()
                return identity["type"]

    try:
        found = asyncio.run(kind())
    except TimeoutError:
        found, why = None, "it says nothing"
    except Exception as error:  # whatever talks there may say anything
        found, why = None, " ".join(f"{type(error).__name__}: {error}".split())[:200]
    else:
        why = f"it is a Dask {found}"
    if found != "Scheduler":
        raise LabError(f"no Dask scheduler answers at {address} ({why}); is it running, and can this machine reach it?")


@contextlib.contextmanager
def local_cluster(n_workers: int, display: Display) -> Iterator[Client]:
    """Workers on this machine, one process of one thread each, for the time of the context.

    Args:
        n_workers: how many.
        display: told how many, and where the dashboard is, when there is one.
    """
    _be_quiet()
    import dask.config
    from distributed import Client, LocalCluster

    display.line(f"modaddlab: starting {n_workers} workers on this machine")
    settings: dict[str, Any] = {
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        "distributed.scheduler.worker-saturation": 1.0,  # a worker is given a run when it is free, so that late ones find some
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        with _no_interrupts_for_children():
            cluster: Any = stack.enter_context(
                LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    processes=True,
                    memory_limit=None,  # the data of a run are small, and Dask's limits are for results that pile up
                    dashboard_address="127.0.0.1:0",  # some free port: several sweeps may run at once on a machine
                    silence_logs=logging.CRITICAL,
                )
            )
            client = stack.enter_context(Client(cluster, set_as_default=False))
        if importlib.util.find_spec("bokeh"):
            display.line(f"modaddlab: dashboard at {cluster.dashboard_link}")
        yield client


@contextlib.contextmanager
def remote_cluster(scheduler: str, display: Display) -> Iterator[Client]:
    """The cluster of a scheduler that runs already.

    Args:
        scheduler: its address, such as tcp://10.0.0.1:8786, or the path of its scheduler file.
        display: told what was reached.

    Raises:
        LabError: it is neither, or nothing answers there.
    """
    address = address_of(scheduler)
    _be_quiet()
    require_scheduler(address)
    from distributed import Client

    try:
        client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # it went in this moment
        raise LabError(f"the Dask scheduler at {address} is gone ({type(error).__name__}); give the command again") from None
    try:
        display.line(f"modaddlab: training on the cluster of {client.scheduler.address}")
        yield client
    finally:
        with contextlib.suppress(Exception):  # of a scheduler that is gone
            client.close(timeout=2)


def train_all(
    specs: Sequence[RunSpec],
    store: Store,
    how: How,
    client: Client,
    *,
    display: Display,
    progress: SweepDisplay,
    should_stop: Callable[[], bool],
) -> dict[str, str]:
    """Train runs on a cluster, several at a time.

    Args:
        specs: the runs that are to do, each once.
        store: where the records go; the workers must see the same folder.
        how: how they are trained.
        client: of the cluster.
        display, progress: where to show it.
        should_stop: asked several times a second; when true the workers save their runs and stop.

    Returns:
        the reason by run id for each run that failed.

    Raises:
        SchedulerLost: what was finished stays, and the workers save what they are training.
        Interrupted: see `should_stop`; the states are saved.
    """
    return _Sweep(specs, store, how, client, display, progress).run(should_stop)


class _Sweep:
    def __init__(
        self,
        specs: Sequence[RunSpec],
        store: Store,
        how: How,
        client: Client,
        display: Display,
        progress: SweepDisplay,
    ) -> None:
        from distributed import as_completed

        self.store, self.how, self.client = store, how, client
        self.display, self.progress = display, progress
        self.specs = {spec.run_id: spec for spec in specs}
        self.topic = f"modaddlab-{secrets.token_hex(8)}"
        self.events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.completed = as_completed(loop=client.loop)
        self.submitted: dict[Any, tuple[Future, RunSpec]] = {}
        self.put_off: list[RunSpec] = []
        self.failures: dict[str, str] = {}
        self.bars: dict[str, Any] = {}
        self.worker_of: dict[str, str] = {}  # of each run in training
        self.begun: dict[str, int] = {}  # how often since it was submitted
        self.step_before: dict[str, int] = {}  # saved when it was submitted
        self.n_submitted = 0
        self.silent_since: float | None = time.monotonic()  # until the first worker has taken up a run
        client.subscribe_topic(self.topic, lambda event: self.events.put(event[1]))
        client.subscribe_topic("all", lambda event: self.events.put({"kind": "cluster", "content": event[1]}))

    def run(self, should_stop: Callable[[], bool]) -> dict[str, str]:
        for spec in self.specs.values():
            self._submit(spec)
        while self.submitted or self.put_off:
            if not self.submitted:
                waiting, self.put_off = self.put_off, []
                for spec in waiting:
                    self._submit(spec, wait=True)
            self._listen(0.2)
            if self.silent_since is not None and time.monotonic() - self.silent_since > SILENT_SECONDS:
                self.silent_since = None
                self.display.line("modaddlab: no worker has taken up a run yet; is one connected to the scheduler?")
            if should_stop():
                self._stop()
            if self.client.status != "running":
                raise self._scheduler_lost()
            for future in self.completed.next_batch(block=False):
                self._finish(future)
        self._listen(0)
        return self.failures

    def _submit(self, spec: RunSpec, *, wait: bool = False) -> None:
        from modaddlab.training.jobs.worker import task_of, train_run

        self.n_submitted += 1
        self.begun[spec.run_id] = 0
        self.step_before[spec.run_id] = self.store.partial(spec).newest_step() or 0
        task = task_of(spec, self.store, self.how, self.topic, wait=wait)
        key = (self.topic, spec.run_id, self.n_submitted)
        future = self.client.submit(train_run, task, key=key, pure=False)
        self.submitted[key] = future, spec
        self.completed.add(future)

    def _finish(self, future: Future) -> None:
        if future.status in ("lost", "pending") and self.client.status == "running":
            # the worker was lost with the answer of a run that had ended: Dask calls another one, which finds the record
            self.completed.add(future)
            return
        _, spec = self.submitted.pop(future.key)
        self._lay_down(spec.run_id)
        if future.status == "finished":
            try:
                result = future.result()
            except OSError:  # the connection ended while it was asked for the answer
                raise self._scheduler_lost() from None
            match result["state"]:
                case "done":
                    self.progress.done(spec.run_id)
                    self.display.line(result["text"])
                case "busy":
                    self.put_off.append(spec)
                case "stopped":  # the scheduler took the run back from the worker, and no one asked for that here
                    self._submit(spec)
                case "failed":
                    self._fail(spec, result["text"])
        elif future.status == "error":
            self._failed_outside(spec, future)
        else:  # cancelled: the scheduler was restarted
            raise self._scheduler_lost()

    def _failed_outside(self, spec: RunSpec, future: Future) -> None:
        """A run ended without our function's answer: its workers were lost, or it could not even begin."""
        from distributed import KilledWorker

        error = future.exception()
        if not isinstance(error, KilledWorker):
            return self._fail(spec, f"{type(error).__name__}: {' '.join(str(error).split())}")
        n_lost, step = error.allowed_failures + 1, self.store.partial(spec).newest_step() or 0
        if step > self.step_before[spec.run_id] or self.begun[spec.run_id] < n_lost:
            return self._submit(spec)
        where = f"beyond step {step:,}, its last saved state" if step else "to a saved state"
        self._fail(spec, f"given up: {n_lost} workers were lost while they trained it, and none came {where}; is memory short?")

    def _fail(self, spec: RunSpec, reason: str) -> None:
        self.failures[spec.run_id] = reason.removeprefix(f"{spec.run_id} ")
        self.progress.done(spec.run_id, failed=True)
        self.display.line(f"{spec.run_id}: failed: {self.failures[spec.run_id]}")

    def _listen(self, seconds: float) -> None:
        """Handle the events that are there, or come within so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self.events.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                return
            if event["kind"] == "cluster":
                self._hear_cluster(event["content"])
            elif event["run"] in self.specs:
                self._hear(event)

    def _hear(self, event: dict[str, Any]) -> None:
        run = event["run"]
        match event["kind"]:
            case "begun":
                self.silent_since = None
                self._lay_down(run)
                self.begun[run] += 1
                self.worker_of[run] = event["worker"]
            case "row" if run in self.worker_of:
                status = Status(event["step"], event["steps"], event["row"])
                if run not in self.bars:
                    self.bars[run] = self.display.run(label(self.specs[run]))
                self.bars[run](status)
                self.progress.at(run, status)
            case "line":
                self.display.line(event["text"])
            case "ended":
                self._lay_down(run)

    def _hear_cluster(self, content: Any) -> None:
        """A worker that left under a run is worth a line."""
        if not isinstance(content, dict) or content.get("action") != "remove-worker" or content.get("expected"):
            return
        for run in [run for run, worker in self.worker_of.items() if worker == content.get("worker")]:
            self._lay_down(run)
            self.display.line(f"{run}: its worker {content['worker']} was lost; another one goes on from the last saved state")

    def _lay_down(self, run: str) -> None:
        self.worker_of.pop(run, None)
        if run in self.bars:
            self.bars.pop(run).close()
        self.progress.lost(run)

    def _stop(self) -> None:
        """Take all runs back from the cluster, and wait until the workers have saved those in training."""
        n_training = len(self.worker_of)
        self.display.line(f"modaddlab: stopping; {n_training} runs in training save their state (Ctrl-C again: end at once)")
        self.client.cancel([future for future, _ in self.submitted.values()])
        deadline = time.monotonic() + SAVING_SECONDS
        while self.worker_of and time.monotonic() < deadline and self.client.status == "running":
            self._listen(0.2)
        unsaved = f", but {', '.join(self.worker_of)} did not answer in time" if self.worker_of else ""
        raise Interrupted(f"interrupted; what was trained is saved{unsaved}, and the same command goes on from there")

    def _scheduler_lost(self) -> SchedulerLost:
        n_left = len(self.submitted) + len(self.put_off)
        return SchedulerLost(
            f"the scheduler is gone, with {n_left} runs left; what was finished is kept, runs in training keep their last saved "
            "state, and the same command goes on from there once a scheduler runs (without --scheduler it uses this machine)"
        )


def _be_quiet() -> None:
    """Keep Dask's own log out of sight, and what asyncio says late of Dask's tasks when a scheduler is gone;
    DASK_LOGGING__DISTRIBUTED=info in the environment shows it."""
    if "DASK_LOGGING__DISTRIBUTED" in os.environ:
        return
    import distributed  # noqa: F401 - it sets up its loggers

    for name in ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextlib.contextmanager
def _no_interrupts_for_children() -> Iterator[None]:
    """Threads and processes that begin here never receive Ctrl-C, which a terminal sends to all processes of a command: the
    command asks its workers to save. They inherit the mask; an interrupt meanwhile comes to this thread at the end. On Windows
    they inherit that the console's Ctrl-C is ignored."""
    if sys.platform == "win32":
        import ctypes

        ignore_ctrl_c = ctypes.windll.kernel32.SetConsoleCtrlHandler
        ignore_ctrl_c(None, True)
        try:
            yield
        finally:
            ignore_ctrl_c(None, False)
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # its start would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
