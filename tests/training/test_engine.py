"""Sweeps with workers of their own, as real processes: workers that are killed, once or again and again, a run that fails,
Ctrl-C, a run that another process trains.

Everything runs as a user runs it; every record is held against the bits of a serial run in this process.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from sweep_processes import ALLOWED_FAILURES, ENDLESS, LONG, SHORT, Command, assert_same_bits, small

from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store
from modaddlab.training.jobs.engine import _Sweep
from modaddlab.training.loop import train
from modaddlab.training.status import Interrupted, Status

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and process groups")

DIVERGING = small(
    "diverging",
    1000,
    "model.activation=quad",
    "model.init_scale=100",
    "optim.optimizer=sgd",
    "optim.lr=10",
    "optim.weight_decay=0",
)


def kill_beyond(step: int, spec: RunSpec, sweep: Command) -> int:
    """Kill the worker that trains a run once a later state than that of `step` is saved; the last saved step."""
    sweep.wait_until("another state", lambda: sweep.saved(spec).get(spec.run_id, 0) > step and sweep.workers_at(spec))
    (victim,) = sweep.workers_at(spec)
    victim.kill()
    psutil.wait_procs([victim], timeout=600)
    return sweep.saved(spec)[spec.run_id]


def test_a_run_outlives_its_workers_and_one_that_fails_or_is_trained_elsewhere_stops_no_other(
    tmp_path: Path, command: Callable[..., Command], here: Callable[..., tuple[int, str]], digest: Callable[[RunSpec], str]
) -> None:
    longer, held, step, store, go_on = small("longer", 200_000), SHORT[1], 0, Store(tmp_path / "data"), threading.Event()
    specs = [longer, DIVERGING, held, SHORT[0]]

    def wait(_: Status) -> None:
        go_on.wait(600)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(train, held, store, threads=1, observe=wait)
        sweep = command(specs, "--workers", "2")
        try:
            for _ in range(ALLOWED_FAILURES + 1):
                step = kill_beyond(step, longer, sweep)
            waits = f"{held.run_id} is being trained by another process; waiting for it"
            sweep.wait_until("that it waits", lambda: waits in sweep.output)
            assert store.find(SHORT[0]), "it was put off until after the others"
        finally:
            go_on.set()
        other.result()
    assert sweep.end() == 1
    run_id, output = longer.run_id, sweep.output
    assert re.search(rf"{run_id}: its worker tcp://\S+ was lost; another one goes on from the last saved state", output)
    assert len(re.findall(rf"{run_id}: going on from step [\d,]+ of 200,000", output)) >= ALLOWED_FAILURES + 1
    assert "given up" not in output
    assert output.count(f"{held.run_id}: was trained before") == 1
    assert output.count(f"{DIVERGING.run_id}: failed: diverged before step 100; try a smaller optim.lr") == 1
    assert output.endswith(f"1 failed:\n  {DIVERGING.run_id}: diverged before step 100; try a smaller optim.lr\n")
    assert "Traceback" not in output
    assert "distributed" not in output
    assert_same_bits([longer, held, SHORT[0]], sweep.data, digest)

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
    assert set(Store(sweep.data).runs()) <= {spec.run_id for spec in LONG} - saved.keys()  # one may have come to its end
    assert not sweep.saved(*SHORT)  # none is begun only to be stopped

    code, output = here(specs)
    assert code == 0
    for run_id, step in saved.items():
        assert f"{run_id}: going on from step {step:,} of 100,000" in output
    assert_same_bits(specs, sweep.data, digest)


def test_a_run_under_which_every_worker_dies_is_given_up_and_the_others_go_on(
    tmp_path: Path, command: Callable[..., Command], digest: Callable[[RunSpec], str]
) -> None:
    doomed = ENDLESS[0]
    with pytest.raises(Interrupted):
        train(doomed, Store(tmp_path / "data"), threads=1, should_stop=lambda: True)
    sweep = command([doomed, *SHORT], "--workers", "2", "--save-every", "1000")
    n_killed, deadline = 0, time.monotonic() + 600
    while sweep.process.poll() is None:
        assert time.monotonic() < deadline, sweep.output
        for worker in sweep.workers_at(doomed):
            with contextlib.suppress(psutil.NoSuchProcess):  # it was killed already, and its parent had not heard of it
                worker.kill()
                n_killed += 1
        time.sleep(0.05)
    assert sweep.end() == 1
    assert n_killed > ALLOWED_FAILURES, sweep.output
    reason = (
        "given up: 2 workers were lost while they trained it, and none came beyond step 1, its last saved state; is memory short?"
    )
    assert sweep.output.count(f"{doomed.run_id}: failed: {reason}\n") == 1
    assert sweep.output.endswith(f"small: 4 runs, 0 trained before, 3 trained now, 1 failed:\n  {doomed.run_id}: {reason}\n")
    assert "Traceback" not in sweep.output
    assert_same_bits(SHORT, sweep.data, digest)
    assert Store(sweep.data).find(doomed) is None


@pytest.mark.parametrize("status", ["lost", "pending"])
def test_an_answer_that_is_lost_with_its_worker_is_waited_for_again(status: str) -> None:
    """The run had ended, its worker died before the answer was fetched: Dask calls another worker; no scheduler is gone."""
    waited_for: list[object] = []
    sweep = object.__new__(_Sweep)
    sweep.client, sweep.completed = SimpleNamespace(status="running"), SimpleNamespace(add=waited_for.append)  # type: ignore[assignment]
    future: Any = SimpleNamespace(status=status, key="key")
    sweep.submitted = {"key": (future, SHORT[0])}
    sweep._finish(future)
    assert waited_for == [future]
    assert list(sweep.submitted) == ["key"]
