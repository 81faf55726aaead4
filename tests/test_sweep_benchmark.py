"""The benchmark of sweeps on tiny runs; no assertion on time."""

from __future__ import annotations

from benchmarks import sweeps


def test_a_command_is_timed() -> None:
    assert sweeps.seconds(1, steps=2, n_runs=2) > 0


def test_the_table_divides_two_workers_by_one() -> None:
    assert sweeps.table([6.0, 5.5], [10.0, 10.0]).splitlines()[2:] == [
        "| 1 | 6.0 | 10.0 | **0.60** |",
        "| 2 | 5.5 | 10.0 | **0.55** |",
    ]
