"""About how long a run takes, and how much memory: for the lists of what is to be trained, before it is.

A step costs a little in any case, and for each pair that it computes the products of its hidden neurons with the outputs and the
passes over them. The rates are those of one core of the machine that trained the book's records, with nothing else on it;
another machine, or a busy one, may take several times as long.
"""

from __future__ import annotations

from collections.abc import Iterable

from modaddlab.experiments.spec import RunSpec, TwoLayerSpec

STEP_SECONDS = 1.5e-4
"""What a step of the two-layer network costs whatever its size."""

PRODUCT_RATE = 9e10
PASS_SECONDS = 1.2e-9
"""The two-layer network: floating-point operations a second in its dense products; seconds per hidden activation for all else."""

TRANSFORMER_STEP_SECONDS = 2.5e-3
TRANSFORMER_RATE = 3.8e10
LAYER_FACTOR = 3.15
"""What a step of a transformer costs whatever its size; a one-layer one's operations a second in the same products, all else
included; what each layer of a deeper one, by autograd, takes more."""

PROGRAM_BYTES = 260e6
AUTOGRAD_BYTES = 80e6
"""What a run takes whatever its size, torch included; what networks take besides that have no exact step."""


def seconds_per_step(spec: RunSpec) -> float:
    """An estimate of the time of a step, its share of the metrics included."""
    p, model = spec.task.p, spec.model
    n_train = min(int(spec.task.train_frac * p * p), spec.optim.batch_size or p * p)
    products = 6 * model.d_mlp * p  # three matrix products of two operations each, per pair
    if not isinstance(model, TwoLayerSpec):
        layers = 1 if model.n_layers == 1 else LAYER_FACTOR * model.n_layers
        step, on_all = n_train * products * layers / TRANSFORMER_RATE, p * p / n_train / 3
        return TRANSFORMER_STEP_SECONDS + step * (1 + on_all / spec.record.metrics_every)
    pairs = min(n_train, p * (p + 1) // 2)
    step = pairs * (products / PRODUCT_RATE + model.d_mlp * PASS_SECONDS)
    return STEP_SECONDS + step * (1 + 1 / spec.record.metrics_every)


def seconds(spec: RunSpec, from_step: int = 0) -> float:
    """An estimate of the time that a run takes on one core, from a step on; one that ends when it has grokked, at most."""
    return (spec.steps - from_step) * seconds_per_step(spec)


def memory(spec: RunSpec) -> float:
    """An estimate of the bytes that a run takes at most: the program, a step's arrays, and those of a row of metrics."""
    p, model = spec.task.p, spec.model
    n_train = min(int(spec.task.train_frac * p * p), spec.optim.batch_size or p * p)
    if isinstance(model, TwoLayerSpec):
        return PROGRAM_BYTES + p * (p + 1) / 2 * (8 * model.d_mlp + 16 * p)
    step = n_train * (12 * model.d_mlp + 8 * p)
    if model.n_layers > 1 or model.layer_norm or model.dropout:  # by autograd
        step += AUTOGRAD_BYTES + n_train * model.n_layers * 24 * model.d_mlp
    return PROGRAM_BYTES + step + p * p * (8 * model.d_mlp + 16 * p)


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
