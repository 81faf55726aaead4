"""Sweeps on Dask with real processes: workers that are killed or join late, a scheduler that goes, Ctrl-C, a run that fails.

Everything runs as a user runs it, as a command with its own workers or with those of a scheduler; every record is held against
the bits of a serial run in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from modaddlab.experiments import sweeps
from modaddlab.experiments.catalogue import named
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store
from modaddlab.train import main
from modaddlab.training.loop import train

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and process groups")

ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",  # of the schedulers that are started here: no worker hoards runs
}
COMMAND = """
import json, sys
from modaddlab.experiments import sweeps
from modaddlab.experiments.spec import RunSpec
from modaddlab.train import main
specs = tuple(RunSpec.from_dict(content) for content in json.loads(sys.argv[1]))
sweeps.SWEEPS = {"small": sweeps.Sweep(name="small", purpose="a test", varies=(), runs=lambda: specs)}
sys.exit(main(["--sweep", "small", *sys.argv[2:]]))
"""


def small(name: str, steps: int, *more: str) -> RunSpec:
    """A run of which 10,000 steps take about a second."""
    fields = ["task.p=7", "model.d_mlp=12", "record.metrics_every=100", "record.snapshots=3", f"steps={steps}", f"name={name}"]
    return with_overrides(named("mlp-standard"), [*fields, *more])


LONG = [small(f"long-{seed}", 20_000, f"seed={seed}") for seed in range(2)]
SHORT = [small(f"short-{seed}", 300, f"seed={seed}") for seed in range(3)]
DIVERGING = small(
    "diverging",
    1000,
    "model.activation=quad",
    "model.init_scale=100",
    "optim.optimizer=sgd",
    "optim.lr=10",
    "optim.weight_decay=0",
)


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[RunSpec], str]:
    """The bits of a run that is trained alone."""
    store = Store(tmp_path_factory.mktemp("serial"))
    return lambda spec: train(spec, store, threads=1).digest


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
        return self.process.wait(timeout=300)

    def wait_until(self, what: str, happens: Callable[[], object]) -> None:
        """Wait for something that a running command does."""
        deadline = time.monotonic() + 200
        while not happens():
            assert self.process.poll() is None, f"it ended before {what}:\n{self.output}"
            assert time.monotonic() < deadline, f"no sign of {what}:\n{self.output}"
            time.sleep(0.01)

    def wait_for_state(self, *specs: RunSpec) -> None:
        """Wait until one of these runs is in training and has saved a state."""
        self.wait_until("a saved state", lambda: self.saved(*specs))

    def saved(self, *specs: RunSpec) -> dict[str, int]:
        """The steps of the saved states by run id."""
        steps = {spec.run_id: Store(self.data).partial(spec).newest_step() for spec in specs}
        return {run_id: step for run_id, step in steps.items() if step}


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts sweeps on the test's own data folder; none outlives the test."""
    begun: list[Command] = []

    def start(specs: Sequence[RunSpec], *options: str) -> Command:
        begun.append(Command(specs, tmp_path / "data", *options))
        return begun[-1]

    yield start
    for each in begun:
        stop(each.process)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Sequence[RunSpec]], tuple[int, str]]:
    """Trains a sweep in this process, one run after the other, on the data folder of `command`: exit code and output."""

    def run(specs: Sequence[RunSpec]) -> tuple[int, str]:
        sweep = sweeps.Sweep(name="small", purpose="a test", varies=(), runs=lambda: tuple(specs))
        monkeypatch.setattr(sweeps, "SWEEPS", {"small": sweep})
        code = main(["--sweep", "small", "--workers", "1", "--data", str(tmp_path / "data")])
        return code, capsys.readouterr().err

    return run


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


def assert_same_bits(specs: Sequence[RunSpec], data: Path, digest: Callable[[RunSpec], str]) -> None:
    assert {spec.name: Store(data).open(spec).digest for spec in specs} == {spec.name: digest(spec) for spec in specs}


def test_a_killed_workers_run_goes_on_and_a_failing_one_stops_no_other(
    command: Callable[..., Command], here: Callable[..., tuple[int, str]], digest: Callable[[RunSpec], str]
) -> None:
    specs = [*LONG, DIVERGING, SHORT[0]]
    sweep = command(specs, "--workers", "2")
    sweep.wait_for_state(LONG[0])
    children = psutil.Process(sweep.process.pid).children(recursive=True)
    (victim,) = [child for child in children if trains(child.pid, LONG[0], sweep.data)]
    victim.kill()
    assert sweep.end() == 1
    run_id, output = LONG[0].run_id, sweep.output
    assert re.search(rf"{run_id}: its worker tcp://\S+ was lost; another one goes on from the last saved state", output)
    assert re.search(rf"{run_id}: going on from step [\d,]+ of 20,000", output)
    assert output.count(f"{DIVERGING.run_id}: failed: diverged before step 0; try a smaller optim.lr") == 1
    assert output.endswith(
        "small: 4 runs, 0 trained before, 3 trained now, 1 failed:\n"
        f"  {DIVERGING.run_id}: diverged before step 0; try a smaller optim.lr\n"
    )
    assert "Traceback" not in output
    assert "distributed" not in output
    assert_same_bits([*LONG, SHORT[0]], sweep.data, digest)

    code, output = here(specs)  # what is done is skipped, and the one that is left fails again
    assert code == 1
    assert "small: 4 runs, 3 trained before, 0 trained now, 1 failed" in output
    assert "was trained before" not in output


def test_ctrl_c_saves_and_the_same_command_ends_with_the_same_bits(
    command: Callable[..., Command], here: Callable[..., tuple[int, str]], digest: Callable[[RunSpec], str]
) -> None:
    specs = [*LONG, *SHORT]
    sweep = command(specs, "--workers", "2")
    sweep.wait_for_state(*LONG)
    os.killpg(sweep.process.pid, signal.SIGINT)  # as a terminal does: to the command and to its workers
    assert sweep.end() == 130
    output = sweep.output
    assert re.search(r"stopping; [12] runs in training save their state", output)
    assert output.endswith("modaddlab: interrupted; what was trained is saved, and the same command goes on from there\n")
    assert "Traceback" not in output
    assert "was lost" not in output
    saved = sweep.saved(*LONG)
    assert saved
    assert not Store(sweep.data).runs()
    assert not sweep.saved(*SHORT)  # none is begun only to be stopped

    code, output = here(specs)
    assert code == 0
    for run_id, step in saved.items():
        assert f"{run_id}: going on from step {step:,} of 20,000" in output
    assert_same_bits(specs, sweep.data, digest)


class Cluster:
    """A Dask scheduler and its workers, as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, program: str, *options: str) -> subprocess.Popen[bytes]:
        arguments = [program, "--scheduler-file", str(self.file), "--no-dashboard", *options]
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments], stderr=subprocess.DEVNULL, start_new_session=True, env=ENVIRONMENT
        )
        self.processes.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        self.file.unlink(missing_ok=True)
        process = self.start("scheduler", "--host", "127.0.0.1", "--port", "0")
        deadline = time.monotonic() + 120
        while not self.file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        options = ["--name", name, "--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder)]
        return self.start("worker", *options)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    for process in cluster.processes:
        stop(process)


def test_a_late_worker_is_used_and_a_lost_scheduler_costs_nothing_that_was_done(
    command: Callable[..., Command], cluster: Cluster, digest: Callable[[RunSpec], str]
) -> None:
    scheduler = cluster.scheduler()
    first = cluster.worker("first")
    options = ["--scheduler", str(cluster.file)]
    sweep = command([SHORT[0], *LONG], *options)
    sweep.wait_for_state(LONG[0])  # on the only worker there is
    assert trains(first.pid, LONG[0], sweep.data)
    first.send_signal(signal.SIGSTOP)  # it keeps its run while the other one comes
    second = cluster.worker("second")
    sweep.wait_for_state(LONG[1])
    assert trains(second.pid, LONG[1], sweep.data)
    first.send_signal(signal.SIGCONT)

    scheduler.kill()
    assert sweep.end() == 1
    output = sweep.output
    assert output.splitlines()[-1].startswith("modaddlab: the scheduler is gone, with ")
    assert "the same command goes on from there once a scheduler runs" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert_same_bits(SHORT[:1], sweep.data, digest)
    for worker in (first, second):  # they save their runs and end
        worker.wait(timeout=100)
    saved = sweep.saved(*LONG)
    assert len(saved) == 2

    cluster.scheduler()
    cluster.worker("third")
    again = command([SHORT[0], *LONG], *options)
    assert again.end() == 0
    for run_id, step in saved.items():
        assert f"{run_id}: going on from step {step:,} of 20,000" in again.output
    assert_same_bits([SHORT[0], *LONG], sweep.data, digest)
