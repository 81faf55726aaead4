"""`python -m benchmarks.replicas [--all] [--seconds N] [--threads 1 2]`: replicas in a batch beside one run at a time.

    one at a time   steps of `modaddlab.training.loop`, with the rows of metrics of the run
    batch           as many replicas as the row says, each with its own seed; the same steps with the same rows of metrics
    plain           one run at a time by the plain step of `benchmarks.steps`, as public code has it; at its first weights

All are timed in one process, in turn: a stretch of one, a stretch of the other, each of whole rows of metrics; of the plain
step, which is slow, some steps. The table shows the median over the stretches, in steps of one replica a second and in whole
replicas an hour; a ratio is the median of the ratios of neighbouring stretches. The threads of a row are the batch's, which
divides its replicas among them; a run alone takes one, as in training: to divide its small products costs more than it gains.

A step of the two-layer network is one call that is compiled for this processor (`modaddlab.training.compiled`), for one run and
for each of several.

With a GPU there is a row for the mainline transformer on it; "one at a time" is then a run alone on that GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.steps import PLAIN_BLOCK, SMALL_FACTOR, WARM_STEPS, Ours, PlainTraining, _load, _ProgressLine
from modaddlab import command
from modaddlab.experiments.catalogue import named
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import RunSpec

GROKKING = named("mlp-grokking")
NETWORKS = {
    "mlp-grokking": GROKKING,
    "mlp-standard": named("mlp-standard"),
    "mlp-grokking, 128 neurons": with_overrides(GROKKING, ["name=narrow", "model.d_mlp=128"]),
    "mlp-grokking, 32 neurons": with_overrides(GROKKING, ["name=narrower", "model.d_mlp=32"]),
}
"""Two-layer networks with p = 23; 512 neurons where nothing else is said."""

USUAL = ("mlp-grokking", "mlp-standard")
"""Those that are measured unless all are asked for."""

REPLICAS = 8
STRETCH = 100
"""Steps of a stretch, rounded up to whole rows of metrics."""

ON_GPU, REPLICAS_ON_GPU = named("mainline"), 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """What was measured of one network; times in seconds for a step of one replica."""

    network: str
    n_replicas: int
    threads: int
    steps: int
    alone: list[float]
    batch: list[float]
    plain: list[float]

    @property
    def ratio(self) -> float:
        """How many times more replicas the batch trains in the same time than runs alone do."""
        return statistics.median(alone / batch for alone, batch in zip(self.alone, self.batch, strict=True))

    @property
    def ratio_to_plain(self) -> float:
        """The same beside the plain step."""
        return statistics.median(plain / batch for plain, batch in zip(self.plain, self.batch, strict=True))


def table(timings: Sequence[Timing]) -> str:
    """The measurements as a Markdown table."""
    lines = [
        "| network | replicas | threads of the batch | plain (steps/s) | one at a time (steps/s) | batch (replicas x steps/s) "
        "| replicas an hour | batch / plain | batch / one at a time |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for timing in timings:
        plain, alone, batch = (1 / statistics.median(seconds) for seconds in (timing.plain, timing.alone, timing.batch))
        hourly = " against ".join(f"{3600 * rate / timing.steps:,.0f}" for rate in (batch, alone))
        counts = str(timing.n_replicas), str(timing.threads)
        ratios = f"**{timing.ratio_to_plain:.0f}**", f"**{timing.ratio:.1f}**"
        cells = [timing.network, *counts, f"{plain:,.0f}", f"{alone:,.0f}", f"{batch:,.0f}", hourly, *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(
    network: str,
    spec: RunSpec,
    n_replicas: int,
    threads: int,
    seconds: float,
    report: Callable[[str], None],
    *,
    device: str = "cpu",
    warm_steps: int = WARM_STEPS,
) -> Timing:
    """Time a batch of replicas, a run alone and the plain step, in turn.

    Args:
        network: its name in the table.
        spec: the run; the replicas have its seed and the next ones.
        n_replicas: how many.
        threads: CPU threads of the batch; the others take one.
        seconds: how long to measure; at least three stretches of each.
        report: receives lines of progress.
        device: "cpu" or "cuda".
        warm_steps: steps before anything is timed.
    """
    import torch

    from modaddlab.training.blocks import is_compiled
    from modaddlab.training.compiled import block
    from modaddlab.training.machine import flushed_denormals, prepare_thread

    before, n_steps = torch.get_num_threads(), -(-STRETCH // spec.record.metrics_every) * spec.record.metrics_every
    specs = [dataclasses.replace(spec, seed=spec.seed + i) for i in range(n_replicas)]
    if is_compiled(spec, device):
        block.load()
    alone_run = Ours([spec], device)
    batches = [Ours([each], device) for each in specs] if device == "cpu" else [Ours(specs, device)]
    plain_run, n_plain = PlainTraining(spec, alone_run.weights()), PLAIN_BLOCK * SMALL_FACTOR

    def alone() -> None:
        torch.set_num_threads(1)
        alone_run.advance(n_steps)

    def batch() -> None:
        torch.set_num_threads(1 if len(batches) > 1 else threads)
        list((pool.map if pool else map)(lambda each: each.advance(n_steps), batches))

    def plain() -> None:
        torch.set_num_threads(1)
        plain_run.advance(n_plain)

    def timed(function: Callable[[], None], n_steps: int) -> float:
        started = time.perf_counter()
        function()
        return (time.perf_counter() - started) / n_steps

    n_workers = min(threads, len(batches))
    pool = ThreadPoolExecutor(n_workers, initializer=prepare_thread) if n_workers > 1 else None
    alone_seconds: list[float] = []
    batch_seconds: list[float] = []
    plain_seconds: list[float] = []
    try:
        with flushed_denormals():
            for stretch in range(-(-warm_steps // n_steps)):
                report(f"{network}, threads {threads}: warm-up, step {stretch * n_steps} of {warm_steps}")
                alone()
                batch()
            started = time.perf_counter()
            while (spent := time.perf_counter() - started) < seconds or len(alone_seconds) < 3:
                report(f"{network}, threads {threads}: stretch {len(alone_seconds) + 1}, {spent:.0f} of {seconds:.0f} s")
                alone_seconds.append(timed(alone, n_steps))
                batch_seconds.append(timed(batch, n_steps * n_replicas))
                plain_seconds.append(timed(plain, n_plain))
    finally:
        if pool is not None:
            pool.shutdown()
        torch.set_num_threads(before)
    return Timing(
        network=network,
        n_replicas=n_replicas,
        threads=threads,
        steps=spec.steps,
        alone=alone_seconds,
        batch=batch_seconds,
        plain=plain_seconds,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    return command.run(lambda: _run(_parser().parse_args(arguments)), name="benchmarks.replicas")


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(
        prog="python -m benchmarks.replicas", description="Time replicas in a batch beside one run at a time."
    )
    parser.add_argument("--seconds", type=float, default=6, metavar="N", help="measuring time for each row (default: 6)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], metavar="N", help="CPU threads of the batch (default: 1 2)"
    )
    parser.add_argument("--all", action="store_true", help="narrower networks too")
    return parser


def _run(options: argparse.Namespace) -> None:
    import torch

    progress = _ProgressLine()
    timings = [
        measure(network, NETWORKS[network], REPLICAS, threads, options.seconds, progress)
        for network in (NETWORKS if options.all else USUAL)
        for threads in options.threads
    ]
    if torch.cuda.is_available():
        name = f"mainline on {torch.cuda.get_device_name()}"
        timings.append(measure(name, ON_GPU, REPLICAS_ON_GPU, 1, options.seconds, progress, device="cuda"))
    progress.clear()
    print("Runs that differ in their seeds: by the plain step one after another, by ours one after another, by ours in a batch.")
    print()
    print(table(timings))
    print()
    fewest = min(len(timing.alone) for timing in timings)
    print(f"Medians over {fewest} or more stretches of each, in turn. Load of the machine while measuring: {_load()}.")


if __name__ == "__main__":
    sys.exit(main())
