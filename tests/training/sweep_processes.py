"""What the tests of sweeps share: small runs, a sweep in a process of its own, a Dask scheduler and its workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from modaddlab.experiments.catalogue import named
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
ALLOWED_FAILURES = 1
"""So many workers may be lost under a run; as a command has it, it takes twice as many processes to lose one more."""
COMMAND = f"""
import json, sys
from modaddlab.experiments import sweeps
from modaddlab.training.jobs import engine
from modaddlab.experiments.spec import RunSpec
from modaddlab.train import main
specs = tuple(RunSpec.from_dict(content) for content in json.loads(sys.argv[1]))
sweeps.SWEEPS = {{"small": sweeps.Sweep(name="small", purpose="a test", varies=(), runs=lambda: specs)}}
engine.ALLOWED_FAILURES = {ALLOWED_FAILURES}
sys.exit(main(["--sweep", "small", *sys.argv[2:]]))
"""


def small(name: str, steps: int, *more: str) -> RunSpec:
    """A run of which 10,000 steps take less than half a second."""
    fields = ["task.p=7", "model.d_mlp=12", "record.snapshots=3", f"steps={steps}", f"name={name}"]
    rows = [] if any(field.startswith("record.metrics_every=") for field in more) else ["record.metrics_every=100"]
    return with_overrides(named("mlp-standard"), [*fields, *rows, *more])


ENDLESS = [small(f"endless-{seed}", 10_000_000, f"seed={seed}", "record.metrics_every=1000") for seed in range(2)]
LONG = [small(f"long-{seed}", 100_000, f"seed={seed}") for seed in range(2)]
SHORT = [small(f"short-{seed}", 300, f"seed={seed}") for seed in range(3)]


HOLDS = """
import os, signal
from modaddlab.store.partial import Partial

held = {held!r}

def save_and_hold(partial, *arguments, save_state=Partial.save_state):
    save_state(partial, *arguments)
    if partial.run_id in held:
        held.clear()
        os.kill(os.getpid(), signal.SIGSTOP)

Partial.save_state = save_and_hold
"""
"""What a worker loads that is to stop itself as soon as it has saved the first state of some run: no other process is fast enough
to stop it there on a busy machine."""


class Command:
    """A sweep that is being trained by a process of its own; what it wrote is in `output` once it has ended."""

    def __init__(self, specs: Sequence[RunSpec], data: Path, *options: str) -> None:
        arguments = [json.dumps([spec.to_dict() for spec in specs]), "--data", str(data), "--save-every", "0.15", *options]
        self.log, self.data = data.parent / f"{data.name}-{time.monotonic_ns()}.log", data
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", COMMAND, *arguments], stderr=log, env=ENVIRONMENT, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def end(self) -> int:
        return self.process.wait(timeout=600)

    def wait_until(self, what: str, happens: Callable[[], object]) -> None:
        """Wait for something that a running command does."""
        deadline = time.monotonic() + 600
        while not happens():
            assert self.process.poll() is None, f"it ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"no sign of {what}:\n{self.output}"
            time.sleep(0.05)

    def wait_for_state(self, *specs: RunSpec) -> None:
        """Wait until one of these runs is in training and has saved a state."""
        self.wait_until("a saved state", lambda: self.saved(*specs))

    def saved(self, *specs: RunSpec) -> dict[str, int]:
        """The steps of the saved states by run id."""
        steps = {spec.run_id: Store(self.data).partial(spec).newest_step() for spec in specs}
        return {run_id: step for run_id, step in steps.items() if step}

    def workers_at(self, spec: RunSpec) -> list[psutil.Process]:
        """The command's own worker that trains a run, if there is one now."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if trains(child.pid, spec, self.data)]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, as far as they are still there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def trains(process_id: int, spec: RunSpec, data: Path) -> bool:
    """Whether that process holds the run's lock."""
    lock = str(data / "partial" / f"{spec.run_id}.lock")
    try:
        return any(file.path == lock for file in psutil.Process(process_id).open_files())
    except psutil.Error:  # it ended meanwhile, or is none of ours
        return False


def is_held(worker: subprocess.Popen[bytes]) -> bool:
    """Whether a worker has stopped itself; SIGCONT lets it go on."""
    return psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED


def assert_same_bits(specs: Sequence[RunSpec], data: Path, digest: Callable[[RunSpec], str]) -> None:
    assert {spec.name: Store(data).open(spec).digest for spec in specs} == {spec.name: digest(spec) for spec in specs}


class Cluster:
    """A Dask scheduler and its workers, as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, program: str, *options: str, **settings: str) -> subprocess.Popen[bytes]:
        arguments = [program, "--scheduler-file", str(self.file), "--no-dashboard", *options]
        environment = ENVIRONMENT | {f"DASK_DISTRIBUTED__SCHEDULER__{name.upper()}": value for name, value in settings.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], stderr=subprocess.DEVNULL, start_new_session=True, env=environment
        )
        self.processes.append(process)
        return process

    def scheduler(self, **settings: str) -> subprocess.Popen[bytes]:
        """A scheduler with Dask's own settings, but for those given."""
        self.file.unlink(missing_ok=True)
        process = self.start("scheduler", "--host", "127.0.0.1", "--port", "0", **settings)
        deadline = time.monotonic() + 600
        while not self.file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    def worker(self, name: str, holds: Sequence[RunSpec] = ()) -> subprocess.Popen[bytes]:
        """A worker that stops itself with the first saved state of one of some runs in its hands; see `is_held`."""
        preload = self.folder / f"{name}.py"
        preload.write_text(HOLDS.format(held=[spec.run_id for spec in holds]))
        options = ["--name", name, "--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder)]
        return self.start("worker", *options, "--preload", str(preload))
