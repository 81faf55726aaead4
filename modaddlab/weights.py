"""Weights that were not trained here, as a record: its origin is in the specification, its run id covers the weights, and it has
one row of metrics, which is computed from them.

Without a split all pairs count as trained on, so that loss and accuracy are over all of them, and what compares training with
test pairs is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.spec import OriginSpec, RecordSpec, RunSpec
from modaddlab.models.network import Network
from modaddlab.rows import row_of
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.tasks import TaskSpec


def digest(params: Mapping[str, np.ndarray]) -> str:
    """sha256 of weights: every name, shape and float32 byte."""
    total = hashlib.sha256()
    for name in sorted(params):
        value = np.ascontiguousarray(params[name], dtype="<f4")
        total.update(f"{name} {value.shape}\n".encode() + value.tobytes())
    return total.hexdigest()


def publish(
    store: Store,
    name: str,
    model: Network,
    task: TaskSpec,
    params: Mapping[str, np.ndarray],
    *,
    seed: int = 0,
    origin: OriginSpec | None = None,
    told: Mapping[str, Any] | None = None,
) -> Record:
    """Put weights into a store, as the record of a network that was not trained here.

    Args:
        store: where the record goes.
        name: the readable start of its run id.
        model: the network.
        task: its task; with `train_frac` 1 where the split is not known.
        params: its weights by our names, any float type; kept in float32.
        seed: of the split.
        origin: the file that they come from; its hash of the weights is filled in.
        told: what else is known of them, in JSON types, for the provenance.

    Raises:
        LabError: the name is that of a run of ours, or the weights are not those of the network.
    """
    if name in catalogue.RUNS:
        raise LabError(f"{name} is the name of a run that is trained here; give these weights another name")
    small = {key: np.asarray(value, np.float32) for key, value in params.items()}
    spec = RunSpec(
        name=name,
        task=task,
        model=model,
        seed=seed,
        steps=0,
        record=RecordSpec(metrics_every=1),
        origin=dataclasses.replace(origin or OriginSpec(weights="0" * 64), weights=digest(small)),
    )
    shapes = {key: value.shape for key, value in small.items()}
    if shapes != model.param_shapes(task.p):
        raise LabError(f"weights of {name} must have the names and shapes {model.param_shapes(task.p)}, found {shapes}")
    metrics = {key: value[None] for key, value in row_of(spec, small).items()} | {"step": np.zeros(1, np.int64)}
    return store.publish(spec, {"origin": dataclasses.asdict(spec.origin), **(told or {})}, metrics, small)  # type: ignore[arg-type]
