"""`python -m benchmarks.sweeps [--steps N] [--rounds N]`: eight equal runs with two workers beside one, as a Markdown table.

    two workers    `modaddlab.train --sweep ... --workers 2`: Dask's local cluster, one thread for each run
    one worker     the same with `--workers 1`: the runs one after the other in the command's own process, one thread each

Both are whole commands in processes of their own, with their imports, the start of the cluster and the writing of the records, on
data folders of their own, in turn: two workers, one worker, and so on. A row shows the wall time of a command and, as ratio, two
workers over one: 0.5 is the best there can be on two idle cores. Longer runs bring it closer to that, because the start of the
cluster, which is measured too, weighs less.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from benchmarks.steps import _load
from modaddlab import command

N_RUNS = 8

COMMAND = """
import sys
from modaddlab.experiments import sweeps
from modaddlab.experiments.catalogue import named
from modaddlab.experiments.overrides import with_overrides
from modaddlab.train import main
runs = tuple(with_overrides(named("mlp-grokking", seed=seed), ["steps=" + sys.argv[1]]) for seed in range(int(sys.argv[2])))
sweeps.SWEEPS = {"equal": sweeps.Sweep(name="equal", purpose="a benchmark", varies=("seed",), runs=lambda: runs)}
sys.exit(main(["--sweep", "equal", *sys.argv[3:]]))
"""


def seconds(n_workers: int, steps: int, n_runs: int = N_RUNS) -> float:
    """The wall time of training runs of the two-layer network at p = 23 that differ in their seeds alone.

    Args:
        n_workers: how many at once.
        steps: of each run.
        n_runs: how many runs.
    """
    with tempfile.TemporaryDirectory(prefix="modaddlab-bench-") as folder:
        arguments = [str(steps), str(n_runs), "--workers", str(n_workers), "--data", folder]
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", COMMAND, *arguments], check=True, stderr=subprocess.DEVNULL)
        return time.perf_counter() - started


def table(two: Sequence[float], one: Sequence[float]) -> str:
    """The measurements as a Markdown table.

    Args:
        two, one: seconds of the commands with two workers and with one, a pair for each round.
    """
    lines = ["| round | two workers (s) | one worker (s) | two / one |", "|---:|---:|---:|---:|"]
    for number, (fast, slow) in enumerate(zip(two, one, strict=True), start=1):
        lines.append(f"| {number} | {fast:.1f} | {slow:.1f} | **{fast / slow:.2f}** |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    return command.run(lambda: _run(_parser().parse_args(arguments)), name="benchmarks.sweeps")


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(prog="python -m benchmarks.sweeps", description="Time a sweep on two workers beside one.")
    parser.add_argument("--steps", type=int, default=5_000, metavar="N", help="steps of each of the eight runs (default: 5000)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="how often both are measured (default: 1)")
    return parser


def _run(options: argparse.Namespace) -> None:
    two: list[float] = []
    one: list[float] = []
    for number in range(1, options.rounds + 1):
        for n_workers, times in ((2, two), (1, one)):
            print(f"round {number} of {options.rounds}, {n_workers} at once", file=sys.stderr, flush=True)
            times.append(seconds(n_workers, options.steps))
    print("A sweep of small runs, as a whole command: two workers, start of the cluster included, beside one.")
    print()
    print(table(two, one))
    ratio = statistics.median(fast / slow for fast, slow in zip(two, one, strict=True))
    print(f"\n{N_RUNS} runs of {options.steps:,} steps; median ratio {ratio:.2f}. Load of the machine at the end: {_load()}.")


if __name__ == "__main__":
    sys.exit(main())
