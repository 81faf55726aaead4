"""Blocks: one run, or several runs whose networks have one shape, at one step.

    CompiledBlock   a two-layer network on the CPU by compiled loops, one core
    ExactBlock      one run by the exact step of its network, anywhere
    StackedBlock    several runs by autograd on a GPU

`parts` and `new_block` decide who is computed with whom, and how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import torch

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.training.compiled import covers
from modaddlab.training.measures import Row


class Block(Protocol):
    """Networks of one shape, all at one step.

    Attributes:
        specs: the runs.
        step: how many updates they have had.
    """

    specs: list[RunSpec]
    step: int

    def measure(self) -> list[Row]:
        """The gradients at the weights now, and a row of metrics for each run."""
        ...

    def update(self) -> None:
        """One update of each run by its gradient."""
        ...

    def steps(self, n: int) -> None:
        """Gradients and updates, n times."""
        ...

    def weights(self, r: int) -> dict[str, np.ndarray]:
        """The weights of run r now, float32 by name."""
        ...

    def state(self, r: int) -> dict[str, np.ndarray]:
        """All that the next steps of run r depend on, in a form that does not tell of what kind the block was."""
        ...

    def restore(self, r: int, state: Mapping[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        ...


def shape(spec: RunSpec) -> dict[str, Any]:
    """What the runs of a batch have in common, by the names of the fields.

    Raises:
        LabError: the run draws something at every step (minibatches, dropout), has an L1 penalty or an update rule of its own; it
            trains alone.
    """
    alone = {
        "optim.batch_size": spec.optim.batch_size,
        "model.dropout": spec.model.dropout,
        "optim.l1": spec.optim.l1,
        "an update rule besides AdamW and SGD": not spec.optim.is_plain,
    }
    for name, value in alone.items():
        if value:
            raise LabError(f"{spec.run_id} has {name} set, which replicas in a batch cannot have; train it alone")
    return {
        "task.p": spec.task.p,
        "the number of training pairs (task.train_frac)": spec.task.n_train,
        "the kind of network": spec.model.kind,
        **{f"model.{name}": value for name, value in asdict(spec.model).items()},
        "optim.optimizer": spec.optim.optimizer,
        "record.metrics_every": spec.record.metrics_every,
        "record.energies": spec.record.energies,
        "steps": spec.steps,
        "loss_dtype": spec.loss_dtype,
    }


def require_one_shape(specs: Sequence[RunSpec]) -> None:
    """Raise a `LabError` that names the field in which two of some runs differ, where they cannot be in one batch."""
    first = shape(specs[0]) if len(specs) > 1 else {}
    for spec in specs[1:]:
        other = shape(spec)
        name = next((name for name in first if first[name] != other.get(name)), None)
        if name is not None:
            raise LabError(
                f"{name} is {first[name]} of {specs[0].run_id} and {other.get(name)} of {spec.run_id}; "
                "replicas of one batch have the same; train them in batches of their own"
            )


def group(specs: Sequence[RunSpec], most: int | None = None) -> list[list[RunSpec]]:
    """Runs in batches that can be trained together, in the order in which their first runs come; the same run counts once.

    Args:
        specs: the runs; one that cannot be in a batch is alone in its list.
        most: how many runs a batch has at most; none: any number.
    """
    batches: dict[object, list[RunSpec]] = {}
    for run_id, spec in {spec.run_id: spec for spec in specs}.items():
        try:
            key: object = tuple(shape(spec).items())
        except LabError:
            key = run_id
        batches.setdefault(key, []).append(spec)
    size = most or max(map(len, batches.values()), default=1)
    return [batch[start : start + size] for batch in batches.values() for start in range(0, len(batch), size)]


def is_compiled(spec: RunSpec, device: str) -> bool:
    """Whether a run is trained by compiled loops, on one core."""
    return device == "cpu" and covers(spec)


def is_faster_together(spec: RunSpec, device: str) -> bool:
    """Whether a batch gains anything: on a GPU always; on the CPU where each core computes a run of its own."""
    return device == "cuda" or is_compiled(spec, device)


def parts(steps: Sequence[int], device: str) -> list[list[int]]:
    """Which runs of a batch are computed together, as indices: on a GPU all that are at one step, on the CPU each alone.

    Args:
        steps: how far each run is.
        device: "cpu", "cuda" or "mps".
    """
    if device != "cuda":
        return [[r] for r in range(len(steps))]
    return [[r for r, step in enumerate(steps) if step == at] for at in dict.fromkeys(steps)]


def new_block(specs: Sequence[RunSpec], device: str, step: int = 0) -> Block:
    """Runs that are computed together, from their initial weights.

    Args:
        specs: the runs, of one shape.
        device: "cpu", "cuda" or "mps".
        step: how many updates they have had; their weights are to be restored then.
    """
    if len(specs) > 1:
        from modaddlab.training.stacked import StackedBlock

        return StackedBlock(specs, torch.device(device), step)
    if is_compiled(specs[0], device):
        from modaddlab.training.compiled.block import CompiledBlock

        return CompiledBlock(specs[0], step)
    from modaddlab.training.exact import ExactBlock

    return ExactBlock(specs[0], torch.device(device), step)
