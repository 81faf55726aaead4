"""What the arrays of a record must be by its specification; checked when they are written and when read.

Weights have the names and shapes of their network's `param_shapes`; of the final ones a record may keep only a part
(`kept_shapes`). Metrics share the axis T of recorded steps, which are every `record.metrics_every`-th and the last one
(`last_step`): "step" is int64, everything else a float with T first; an `energy_*` has the K = p//2 frequencies second, and is
there unless the specification leaves it out. Losses are mean nats. Test metrics may be NaN only when the split leaves no test
pair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from modaddlab.analysis import phases
from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec

REQUIRED_METRICS = ("step", "train_loss", "test_loss", "train_accuracy", "test_accuracy")

_MUST_BE_FINITE = ("train_loss", "train_accuracy", "objective", "gradient_norm")
_DIVERGED = " (a run that diverges needs a lower optim.lr)"


def kept_shapes(spec: RunSpec) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the final weights that a run's record keeps; empty when `record.weights` is none.

    "embedding" are the weights that stand for a residue (`Network.residue_weights`).
    """
    shapes = spec.model.param_shapes(spec.task.p)
    match spec.record.weights:
        case "all":
            return shapes
        case "embedding":
            return {name: shapes[name] for name in spec.model.residue_weights}
        case "none":
            return {}


def check_params(spec: RunSpec, params: Mapping[str, np.ndarray], dtype: str) -> None:
    """Check all the weights of a run.

    Args:
        spec: the run.
        params: arrays by name.
        dtype: "float32", or "float16" for a snapshot stored so.

    Raises:
        LabError: a name is missing or unknown, a shape or dtype differs, a value is not finite.
    """
    _check_arrays(params, spec.model.param_shapes(spec.task.p), dtype)


def check_final(spec: RunSpec, params: Mapping[str, np.ndarray]) -> None:
    """Check the final weights that a record keeps.

    Raises:
        LabError: as `check_params`.
    """
    _check_arrays(params, kept_shapes(spec), "float32")


def _check_arrays(params: Mapping[str, np.ndarray], expected: Mapping[str, tuple[int, ...]], dtype: str) -> None:
    _check_keys(params, expected)
    for name, shape in expected.items():
        _require(name, f"the shape {shape}", params[name].shape, params[name].shape == shape)
        _require(name, f"the dtype {dtype}", params[name].dtype, params[name].dtype == dtype)
        finite = np.isfinite(params[name]).all()
        _require(name, "finite values", f"NaN or infinity{_DIVERGED}", finite)


def last_step(spec: RunSpec, step_T: np.ndarray, test_accuracy_T: np.ndarray) -> int:
    """The step at which a run ends: its last, or where it has grokked for as long as `grokked_for` says.

    Args:
        spec: the run.
        step_T: the steps of its rows so far, (T,).
        test_accuracy_T: their test accuracies, (T,).

    Returns:
        one of `step_T` when it has ended; otherwise where it will end if it stays as it is in the newest row.
    """
    if spec.grokked_for is None:
        return spec.steps
    settled = phases.settled_step(step_T, test_accuracy_T, spec.grokked_for)
    if settled is not None:
        return settled
    since, every = phases.grokking_step(step_T, test_accuracy_T, sustained=True), spec.record.metrics_every
    return spec.steps if since is None else min(-(-(since + spec.grokked_for) // every) * every, spec.steps)


def check_metrics(spec: RunSpec, metrics: Mapping[str, np.ndarray]) -> None:
    """Check the metrics of a run.

    Raises:
        LabError: a required one is missing, a length, shape or dtype differs, a row is missing or too much, or a
            value that must be finite is not.
    """
    missing = [name for name in REQUIRED_METRICS if name not in metrics]
    if missing:
        raise LabError(f"key {missing[0]!r} is missing; found {', '.join(sorted(metrics)) or 'no keys'}")
    step = metrics["step"]
    _require("step", "the dtype int64", step.dtype, step.dtype == np.int64)
    _require("step", "the shape (T,) with T >= 1", step.shape, step.ndim == 1 and step.size >= 1)
    accuracy, every = metrics["test_accuracy"], spec.record.metrics_every
    _require("test_accuracy", f"the shape {step.shape}", accuracy.shape, accuracy.shape == step.shape)
    end = last_step(spec, step, accuracy)
    rows = np.unique([*range(0, end, every), end])
    found = f"{step.size} rows, {step[0]}..{step[-1]}"
    _require("step", f"the {rows.size} rows 0..{end}, every {every} steps", found, np.array_equal(step, rows))

    energies = sorted(name for name in metrics if name.startswith("energy_"))
    if energies and not spec.record.energies:
        raise LabError(f"key {energies[0]!r} is unknown: the specification says record.energies=False")
    n_test = spec.task.n_pairs - spec.task.n_train
    for name, array in metrics.items():
        if name == "step":
            continue
        _require(name, "a float dtype", array.dtype, array.dtype.kind == "f")
        shape = (step.size, spec.task.p // 2) if name.startswith("energy_") else (step.size,)
        _require(name, f"the shape {shape}", array.shape, array.shape == shape)
        if name in _MUST_BE_FINITE or name.startswith("norm/") or (name.startswith("test_") and n_test):
            bad = step[~np.isfinite(array)]
            _require(name, "finite values", f"NaN or infinity at step {bad[:1]}{_DIVERGED}", bad.size == 0)


def metrics_sha256(metrics: Mapping[str, np.ndarray]) -> str:
    """A checksum of a run's metrics, which a record's provenance keeps apart from the file that holds them."""
    total = hashlib.sha256()
    for name in sorted(metrics):
        array = np.ascontiguousarray(metrics[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    return total.hexdigest()


def _check_keys(found: Mapping[str, np.ndarray], expected: Mapping[str, object]) -> None:
    missing, unknown = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing:
        raise LabError(f"key {missing[0]!r} is missing; found {', '.join(sorted(found)) or 'no keys'}")
    if unknown:
        raise LabError(f"key {unknown[0]!r} is unknown; expected {', '.join(expected)}")


def _require(name: str, expected: str, found: object, condition: object) -> None:
    if not condition:
        raise LabError(f"key {name!r} must have {expected}, found {found}")
