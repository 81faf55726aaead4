"""Sweeps on a Dask cluster that runs already, as real processes: workers that join late, a scheduler that goes, records that are
trained again although a worker dies.

Every record is held against the bits of a serial run in this process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

import pytest
from sweep_processes import ENDLESS, LONG, SHORT, Cluster, Command, assert_same_bits, is_held, trains

from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and process groups")


def test_a_late_worker_is_used(command: Callable[..., Command], cluster: Cluster) -> None:
    """Dask has given both runs to the only worker by then; it takes back the one that waits there."""
    cluster.scheduler()
    first = cluster.worker("first")
    sweep = command(ENDLESS, "--scheduler", str(cluster.file))
    sweep.wait_for_state(*ENDLESS)
    (begun,) = sweep.saved(*ENDLESS)
    (left,) = [spec for spec in ENDLESS if spec.run_id != begun]
    second = cluster.worker("second")
    sweep.wait_until("the second worker", lambda: trains(second.pid, left, sweep.data))
    assert any(trains(first.pid, spec, sweep.data) for spec in ENDLESS if spec is not left)
    sweep.process.send_signal(signal.SIGINT)
    assert sweep.end() == 130
    assert "stopping; 2 runs in training save their state" in sweep.output


def test_a_lost_scheduler_costs_nothing_that_was_done(
    command: Callable[..., Command],
    cluster: Cluster,
    here: Callable[[Sequence[RunSpec]], tuple[int, str]],
    digest: Callable[[RunSpec], str],
) -> None:
    scheduler = cluster.scheduler(worker_saturation="1.0")  # a worker that is stopped holds one run and no more
    first = cluster.worker("first", holds=LONG)
    sweep = command([SHORT[0], *LONG], "--scheduler", str(cluster.file))
    sweep.wait_until("a state of the first worker", lambda: is_held(first))
    second = cluster.worker("second", holds=LONG)
    sweep.wait_until("a state of the second worker", lambda: is_held(second))
    sweep.wait_until("the end of the short run", lambda: f"{SHORT[0].run_id}: trained in" in sweep.output)
    assert len(sweep.saved(*LONG)) == 2
    scheduler.kill()
    for worker in (first, second):
        worker.send_signal(signal.SIGCONT)
    assert sweep.end() == 1
    output = sweep.output
    assert output.splitlines()[-1].startswith("modaddlab: the scheduler is gone, with 2 runs left; what was finished"), output
    assert "Traceback" not in output
    assert_same_bits(SHORT[:1], sweep.data, digest)
    for worker in (first, second):  # they save their runs and end
        worker.wait(timeout=500)
    saved = sweep.saved(*LONG)
    assert len(saved) == 2

    code, output = here([SHORT[0], *LONG])
    assert code == 0
    for run_id, step in saved.items():
        assert f"{run_id}: going on from step {step:,} of 100,000" in output
    assert_same_bits([SHORT[0], *LONG], sweep.data, digest)


def test_trained_again_on_a_cluster_a_run_outlives_its_worker(
    command: Callable[..., Command],
    cluster: Cluster,
    here: Callable[[Sequence[RunSpec]], tuple[int, str]],
    digest: Callable[[RunSpec], str],
) -> None:
    specs = [LONG[0], SHORT[0]]
    assert here(specs)[0] == 0
    cluster.scheduler()
    first = cluster.worker("first", holds=[LONG[0]])
    sweep = command(specs, "--scheduler", str(cluster.file), "--force")
    store = Store(sweep.data)
    before = {spec.run_id: store.open(spec).provenance for spec in specs}
    sweep.wait_until("a saved state", lambda: is_held(first))
    first.kill()
    assert store.open(LONG[0]).provenance == before[LONG[0].run_id]  # it stays until the new one is complete
    cluster.worker("second")
    assert sweep.end() == 0
    assert f"{LONG[0].run_id}: going on from step " in sweep.output
    for spec in specs:
        assert sweep.output.count(f"{spec.run_id}: trained in") == 1
        assert store.open(spec).provenance != before[spec.run_id]
    assert_same_bits(specs, sweep.data, digest)
