"""`python -m benchmarks.steps [--all] [--seconds N] [--threads 1 2]`: our training step beside a plain one, as a Markdown table.

    ours     a step of `modaddlab.training.loop` as in a run: exact fast step, fused AdamW, and every tenth step a full row of
             metrics (losses and accuracies on all p*p pairs, Gini coefficients, energies, norms)
    plain    a step as research code usually has it. Transformer: the network at all positions with autograd, the loss in
             float64, torch's AdamW, and the loss of all test pairs every epoch. Two-layer network: one-hot vectors with autograd,
             and every epoch loss and accuracy on the training and on the test pairs, a forward pass for each of the four, as
             the code released with He et al. 2026 has it; the row "shared passes" takes loss and accuracy from one pass

Both train the same network from the same weights, in one process, in turn: a block of ours, a block of the plain step, and so
on. A row shows the median over the blocks (and their range), and as ratio the median of the ratios of neighbouring blocks,
which a machine that is busy now and then disturbs least. Both run with denormal numbers flushed, as training does; without
that the plain step would be slower still once the network is sure. A small network takes one thread, in training and here:
with two the plain step is many times slower on a busy machine, and nobody would use them.

The peak memory is that of a training of 200 steps in a process of its own, with its imports and its record.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modaddlab import command
from modaddlab.experiments.catalogue import named
from modaddlab.experiments.cost import seconds_per_step
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from modaddlab.training.steps.plain import PlainStep

WARM_STEPS = 100
"""Steps before anything is timed, so that the weights are those of a network in training."""

OUR_BLOCK = 20
PLAIN_BLOCK = 3
"""Steps of a block; ours holds two rows of metrics of a transformer."""

SMALL_P, SMALL_FACTOR = 50, 10
"""Below this modulus steps are short, and blocks this many times longer."""

MAINLINE, GROKKING = named("mainline"), named("mlp-grokking")
NETWORKS = {
    "one layer": MAINLINE,
    "two layers": with_overrides(MAINLINE, ["name=two-layers", "model.n_layers=2"]),
    "three layers": with_overrides(MAINLINE, ["name=three-layers", "model.n_layers=3"]),
    "two-layer network": GROKKING,
    "attention rate 1": named("clock"),
    "wide two-layer network": with_overrides(GROKKING, ["name=wide", "task.p=97", "model.d_mlp=1024"]),
}
USUAL = ("one layer", "two-layer network")
"""Those that are measured unless all are asked for: the plain steps of the others take minutes and gigabytes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    """What was measured of one network with one number of threads; times in seconds a step."""

    network: str
    p: int
    n_pairs: int
    threads: int
    ours: list[float]
    plain: list[float]

    @property
    def ratio(self) -> float:
        """How many times longer the plain step takes."""
        return statistics.median(plain / ours for plain, ours in zip(self.plain, self.ours, strict=True))


def table(timings: Sequence[Timing]) -> str:
    """The measurements as a Markdown table, milliseconds a step."""
    lines = ["| network | threads | ours (ms) | plain (ms) | plain / ours |", "|---|---:|---:|---:|---:|"]
    for timing in timings:
        network = f"{timing.network}, p = {timing.p}, {timing.n_pairs:,} pairs"
        cells = [network, str(timing.threads), _spread(timing.ours), _spread(timing.plain), f"**{timing.ratio:.1f}**"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(seconds: Sequence[float]) -> str:
    middle, low, high = (1000 * value for value in (statistics.median(seconds), min(seconds), max(seconds)))
    digits = 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


class Ours:
    """Our training of some runs, as `modaddlab.training.loop` does it; nothing is written.

    Args:
        specs: the runs; several are for a GPU.
        device: "cpu" or "cuda".
    """

    def __init__(self, specs: Sequence[RunSpec], device: str = "cpu") -> None:
        from modaddlab.training.blocks import new_block

        self.spec = specs[0]
        self.block = new_block(specs, device)

    def advance(self, n_steps: int) -> None:
        """So many steps, each row of metrics included."""
        every, end = self.spec.record.metrics_every, self.block.step + n_steps
        while self.block.step < end:
            if self.block.step % every == 0:
                self.block.measure()
                self.block.update()
            self.block.steps(min(-(-self.block.step // every) * every, end) - self.block.step)

    def weights(self) -> dict[str, Tensor]:
        """The first run's weights now, by name."""
        import torch

        return {name: torch.tensor(value) for name, value in self.block.weights(0).items()}


def warmed_up(network: str, spec: RunSpec, report: Callable[[str], None], n_steps: int = WARM_STEPS) -> Ours:
    """A run that was trained for some steps; nothing is written.

    Args:
        network: its name in the table.
        spec: the run.
        report: receives lines of progress.
        n_steps: how far to train.
    """
    from modaddlab.training.blocks import is_compiled
    from modaddlab.training.compiled import block
    from modaddlab.training.machine import flushed_denormals

    if is_compiled(spec, "cpu"):
        block.load()
    run = Ours([spec])
    with flushed_denormals():
        while run.block.step < n_steps:
            run.advance(1)
            report(f"{network}: warm-up, step {run.block.step} of {n_steps}")
    return run


def measure(
    network: str, run: Ours, threads: int, seconds: float, report: Callable[[str], None], *, shared_passes: bool = False
) -> Timing:
    """Time both steps of a network in turn.

    Args:
        network: its name in the table.
        run: a run in training; it goes on.
        threads: CPU threads.
        seconds: how long to measure; at least three blocks of each.
        report: receives lines of progress.
        shared_passes: see `PlainTraining`.
    """
    import torch

    from modaddlab.training.machine import flushed_denormals

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with flushed_denormals():
            plain = PlainTraining(run.spec, run.weights(), shared_passes=shared_passes)
            run.advance(1)
            plain.step()
            factor = SMALL_FACTOR if run.spec.task.p < SMALL_P else 1
            ours_seconds: list[float] = []
            plain_seconds: list[float] = []
            started = time.perf_counter()
            while (spent := time.perf_counter() - started) < seconds or len(ours_seconds) < 3:
                report(f"{network}, threads {threads}: block {len(ours_seconds) + 1}, {spent:.0f} of {seconds:.0f} s")
                ours_seconds.append(_seconds_per_step(run.advance, OUR_BLOCK * factor))
                plain_seconds.append(_seconds_per_step(plain.advance, PLAIN_BLOCK * factor))
    finally:
        torch.set_num_threads(before)
    return Timing(
        network=network,
        p=run.spec.task.p,
        n_pairs=int(run.spec.task.train_frac * run.spec.task.p**2),
        threads=threads,
        ours=ours_seconds,
        plain=plain_seconds,
    )


class PlainTraining:
    """The plain training step.

    Args:
        spec: a run.
        weights: those that it has now, by name; they are copied.
        shared_passes: of a two-layer network take loss and accuracy from one forward pass, not from two.
    """

    def __init__(self, spec: RunSpec, weights: Mapping[str, Tensor], *, shared_passes: bool = False) -> None:
        import torch

        from modaddlab import tasks
        from modaddlab.training.steps.plain import PlainStep

        self.shared_passes = shared_passes
        self.params = {name: torch.nn.Parameter(value.detach().clone()) for name, value in weights.items()}
        self.grads = {name: torch.zeros_like(value) for name, value in weights.items()}
        pairs, labels = torch.tensor(tasks.all_pairs(spec.task.p)), torch.tensor(tasks.labels(spec.task, spec.seed))
        for name, param in self.params.items():
            param.grad = self.grads[name]
        self.train, self.test = (
            PlainStep(spec.model, spec.task.p, pairs[rows], labels[rows]) for rows in tasks.split(spec.task, spec.seed)
        )
        self.optimizer = torch.optim.AdamW(
            self.params.values(),
            lr=spec.optim.lr,
            betas=(spec.optim.beta1, spec.optim.beta2),
            weight_decay=spec.optim.weight_decay,
        )
        self.p = spec.task.p
        if spec.model.kind == "two-layer":
            warmup = max(spec.optim.warmup_steps, 1)
            self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: min(step / warmup, 1))

    def advance(self, n_steps: int) -> None:
        """So many epochs."""
        for _ in range(n_steps):
            self.step()

    def step(self) -> tuple[float, float]:
        """One epoch; its training and test loss."""
        import torch

        if self.train.model.kind == "two-layer":
            return self._two_layer_step()
        train_loss = self.train.gradients(self.params, self.grads)
        with torch.no_grad():
            logits = self.test.logits(self.params)
            test_loss = torch.nn.functional.cross_entropy(logits.double(), self.test.labels_B)
        self.optimizer.step()
        return train_loss.item(), test_loss.item()

    def _two_layer_step(self) -> tuple[float, float]:
        import torch

        train_logits, test_logits = self._one_hot_logits(self.train), self._one_hot_logits(self.test)
        train_loss, test_loss = (
            torch.nn.functional.cross_entropy(logits.double(), part.labels_B)
            for logits, part in ((train_logits, self.train), (test_logits, self.test))
        )
        if not self.shared_passes:
            train_logits, test_logits = self._one_hot_logits(self.train), self._one_hot_logits(self.test)
        self.accuracies = [
            (logits.argmax(dim=1) == part.labels_B).double().mean().item()
            for logits, part in ((train_logits, self.train), (test_logits, self.test))
        ]
        self.optimizer.zero_grad()
        train_loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        return train_loss.item(), test_loss.item()

    def _one_hot_logits(self, part: PlainStep) -> Tensor:
        import torch

        one_hot_BP = torch.nn.functional.one_hot(part.pairs_B2, num_classes=self.p).float().sum(dim=1)
        return torch.relu(one_hot_BP @ self.params["mlp.W_in"]) @ self.params["mlp.W_out"]


def peak_memory_mb(spec: RunSpec, threads: int) -> int:
    """The peak memory of training a named run for 200 steps in a process of its own, in MB.

    The caller should be small: Linux counts the memory of the process that starts another one as the other's.
    """
    with tempfile.TemporaryDirectory(prefix="modaddlab-bench-") as folder:
        arguments = [spec.name, "--set", "steps=200", "--data", folder, "--threads", str(threads)]
        subprocess.run([sys.executable, "-m", "modaddlab.train", *arguments], check=True, stderr=subprocess.DEVNULL)
        store = Store(Path(folder))
        return store.open(store.runs()[0]).provenance["peak_memory_mb"]


def _seconds_per_step(advance: Callable[[int], object], n_steps: int) -> float:
    started = time.perf_counter()
    advance(n_steps)
    return (time.perf_counter() - started) / n_steps


class _ProgressLine:
    """A line on a terminal that is overwritten; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self.live, self.last = sys.stderr.isatty(), 0.0

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self.last > (0.1 if self.live else 10.0):
            print(f"\r\x1b[K{text}" if self.live else text, end="" if self.live else "\n", file=sys.stderr, flush=True)
            self.last = now

    def clear(self) -> None:
        if self.live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    return command.run(lambda: _run(_parser().parse_args(arguments)), name="benchmarks.steps")


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(prog="python -m benchmarks.steps", description="Time our training step beside a plain one.")
    parser.add_argument("--seconds", type=float, default=6, metavar="N", help="measuring time for each row (default: 6)")
    parser.add_argument(
        "--threads", type=int, nargs="+", metavar="N", help="CPU threads (default: 1 for small networks, else 1 and 2)"
    )
    parser.add_argument("--all", action="store_true", help="deeper, wider and other networks too, which take minutes and 3 GB")
    return parser


def _run(options: argparse.Namespace) -> None:
    from modaddlab.training.machine import SMALL_STEP

    progress = _ProgressLine()
    progress("peak memory: training the mainline for 200 steps")
    memory = peak_memory_mb(MAINLINE, max(options.threads or [2]))
    timings = []
    for network in NETWORKS if options.all else USUAL:
        spec = NETWORKS[network]
        run = warmed_up(network, spec, progress)
        numbers = options.threads or ([1] if seconds_per_step(spec) < SMALL_STEP else [1, 2])
        timings += [measure(network, run, threads, options.seconds, progress) for threads in numbers]
        if spec.model.kind == "two-layer":
            name = f"{network}, shared passes"
            timings.append(measure(name, run, numbers[0], options.seconds, progress, shared_passes=True))
    progress.clear()
    print("A step of training: ours is exact and keeps a run's curves; plain is autograd with the test loss, as usual.")
    print()
    print(table(timings))
    print()
    fewest = min(len(timing.ours) for timing in timings)
    print(f"Milliseconds a step: median (range) over {fewest} or more blocks in turn, both with the same threads.")
    print(f"Peak memory of training the mainline: {memory} MB. Load of the machine while measuring: {_load()}.")


def _load() -> str:
    return "unknown" if sys.platform == "win32" else f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
