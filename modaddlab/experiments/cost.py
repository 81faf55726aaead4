"""About how long a run takes, and how much memory: for the lists of what is to be trained, before it is.

A step costs a little in any case, and for each pair that it computes the products of its hidden neurons with the outputs and the
passes over them; every family of networks has its own rates. They are those of one core of the machine that trained the book's
records, with nothing else on it; another machine, or a busy one, may take several times as long.
"""

from __future__ import annotations

from collections.abc import Iterable

from modaddlab.experiments.spec import RunSpec

PROGRAM_BYTES = 260e6
"""What a run takes whatever its size, torch included."""


def seconds_per_step(spec: RunSpec) -> float:
    """An estimate of the time of a step, its share of the metrics included."""
    return spec.model.step_seconds(spec.task.p, _pairs_of_a_step(spec), spec.record.metrics_every)


def _pairs_of_a_step(spec: RunSpec) -> int:
    return min(spec.task.n_train, spec.optim.batch_size or spec.task.n_pairs)


def seconds(spec: RunSpec, from_step: int = 0) -> float:
    """An estimate of the time that a run takes on one core, from a step on; one that ends when it has grokked, at most."""
    return (spec.steps - from_step) * seconds_per_step(spec)


def memory(spec: RunSpec) -> float:
    """An estimate of the bytes that a run takes at most: the program, a step's arrays, and those of a row of metrics."""
    return PROGRAM_BYTES + spec.model.memory(spec.task.p, _pairs_of_a_step(spec))


def size(n_bytes: float) -> str:
    """A number of bytes as people say it: "300 MB", "2.5 GB", "40 GB"."""
    if n_bytes < 1e9:
        return f"{n_bytes / 1e6:.0f} MB"
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes < 9.95e9 else f"{n_bytes / 1e9:,.0f} GB"


def duration(seconds: float) -> str:
    """A time as people say it: "40 s", "12 min", "3.5 h", "12 days"."""
    for unit, size in (("days", 86_400 * 2), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            number = seconds / (86_400 if unit == "days" else size)
            return f"{number:.1f} {unit}" if number < 9.95 and unit != "min" else f"{number:,.0f} {unit}"
    return f"{seconds:.0f} s"


def estimated_cost(specs: Iterable[RunSpec]) -> str:
    """An estimate of the time that runs take on one core, as people say it."""
    return duration(sum(seconds(spec) for spec in specs))
