"""Weights that were not trained here, as a record: its origin is in the specification, its run id covers the weights, and it has
a row of metrics that is computed from them, and one of the initial weights where these are known.

Without a split all pairs count as trained on, so that loss and accuracy are over all of them, and what compares training with
test pairs is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.spec import OriginSpec, RecordSpec, RunSpec
from modaddlab.models.network import Network
from modaddlab.rows import row_of
from modaddlab.store.files import to_safetensors
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.tasks import TaskSpec


def digest(*weights: Mapping[str, np.ndarray]) -> str:
    """sha256 of weights: every name, shape and float32 byte."""
    total = hashlib.sha256()
    for params in weights:
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
    initial: Mapping[str, np.ndarray] | None = None,
    steps: int = 1,
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
        initial: the weights that the training began with, where they are known; a snapshot of the record.
        steps: how many steps later the others are; asked with `initial`.
        origin: the file that they come from; its hash of the weights is filled in.
        told: what else is known of them, in JSON types, for the provenance.

    Raises:
        LabError: the name is that of a run of ours, or the weights are not those of the network.
    """
    if name in catalogue.RUNS:
        raise LabError(f"{name} is the name of a run that is trained here; give these weights another name")
    rows = [initial, params] if initial is not None else [params]
    small = [{key: np.asarray(value, np.float32) for key, value in each.items()} for each in rows]
    for each in small:
        shapes = {key: value.shape for key, value in each.items()}
        if shapes != model.param_shapes(task.p):
            raise LabError(f"weights of {name} must have the names and shapes {model.param_shapes(task.p)}, found {shapes}")
    spec = RunSpec(
        name=name,
        task=task,
        model=model,
        seed=seed,
        steps=0 if initial is None else steps,
        record=RecordSpec(metrics_every=max(steps, 1), snapshots=0 if initial is None else 1, snapshot_dtype="float32"),
        origin=dataclasses.replace(origin or OriginSpec(weights="0" * 64), weights=digest(*small)),
    )
    found = [row_of(spec, each) for each in small]
    metrics = {key: np.stack([row[key] for row in found]) for key in found[0]}
    metrics["step"] = np.array([0, steps][: len(rows)], dtype=np.int64)
    provenance = {"origin": dataclasses.asdict(spec.origin), **(told or {})}  # type: ignore[call-overload]
    with tempfile.TemporaryDirectory(prefix="modaddlab-weights-") as folder:
        snapshots = {}
        if initial is not None:
            snapshots[0] = Path(folder) / "initial.safetensors"
            snapshots[0].write_bytes(to_safetensors(small[0]))
        return store.publish(spec, provenance, metrics, small[-1], snapshots)
