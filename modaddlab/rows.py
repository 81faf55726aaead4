"""A row of metrics, computed once more from weights: whether a record's curves and its weights belong together.

The row at a step describes the weights at that step (`modaddlab.training.measures`). Whoever has both can therefore ask whether
they agree: `python -m modaddlab.verify` asks it of the last row and the final weights, and `Study.initial`, which draws a run's
initial weights again from its seed, asks it of the first row. Of weights that were kept in part, that part is compared.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modaddlab import tasks
from modaddlab.analysis.fourier import fourier_basis, gini, sum_over_rows
from modaddlab.analysis.progress import cross_entropy
from modaddlab.experiments.spec import RunSpec

RELATIVE = {"loss": 1e-4, "energy": 1e-5, "gini": 1e-6, "norm": 1e-6}
"""How far a recorded value may lie from the one computed again in float64, as a share of it (of the largest, for energies).
Losses are recorded from float32 logits, energies in float32; over all records of the book they differ by up to 3e-6 and 6e-8, and
the others by 2e-14."""

MOST_WORK = 1e11
"""p^3 times the hidden neurons of the largest network whose answers are computed again, some ten seconds; the mainline's: 7e8."""

BLOCK = 2**18
"""Numbers in the hidden layer of the pairs that are computed at once; they fit a processor's cache."""

LEAST_LOSS = 1e-9
"""Losses are compared up to this: a smaller one is the rounding of its logits."""

TIES = 2
"""Pairs whose two largest logits may be so close that float32 and float64 order them differently."""


def row_of(spec: RunSpec, params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The metrics of some weights, float64 by their names in a record, as far as the weights tell them.

    Args:
        spec: the run.
        params: its weights, all, some or none. Losses and accuracies need all, of a network that is not beyond `MOST_WORK`.
    """
    p, model = spec.task.p, spec.model
    weights = {name: np.asarray(value, np.float64) for name, value in params.items()}
    row = {f"norm/{name}": np.linalg.norm(value) for name, value in weights.items()}
    for name, x_PX in model.maps(weights, p).items():
        norms_P = np.linalg.norm(fourier_basis(p) @ x_PX, axis=1)
        row |= {f"gini_{name}": gini(norms_P), f"energy_{name}": sum_over_rows(norms_P**2)}
    if weights.keys() == model.param_shapes(p).keys() and p**3 * model.d_mlp <= MOST_WORK:
        row |= _scores(spec, weights)
    return {name: np.asarray(value, np.float64) for name, value in row.items()}


def contradictions(spec: RunSpec, metrics: Mapping[str, np.ndarray], index: int, params: Mapping[str, np.ndarray]) -> list[str]:
    """Where a row of metrics says something else than the weights of its step.

    Args:
        spec: the run.
        metrics: of its record.
        index: of the row; -1 is the last.
        params: the weights, as for `row_of`.

    Returns:
        a phrase for each metric, such as "test_loss is 0.301, by the weights 5.13"; none when they agree.
    """
    found = []
    for name, computed in row_of(spec, params).items():
        if name not in metrics:
            continue
        recorded = np.asarray(metrics[name][index], np.float64)
        far = np.abs(recorded - computed) > _allowed(spec, name, computed)
        if np.any(far | (np.isnan(recorded) != np.isnan(computed))):
            at = np.unravel_index(np.argmax(far), far.shape)
            found.append(f"{name} is {recorded[at]:.6g}, by the weights {computed[at]:.6g}")
    return found


def _scores(spec: RunSpec, weights: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Losses and accuracies of the split's two parts, by the plain computation on some pairs at a time."""
    p, model = spec.task.p, spec.model
    pairs_B2, labels_B = tasks.all_pairs(p), tasks.labels(spec.task, spec.seed)
    loss_B, right_B = np.empty(p * p), np.empty(p * p, dtype=bool)
    at_once = max(1, BLOCK // max(model.d_mlp, p))
    for start in range(0, p * p, at_once):
        rows = slice(start, start + at_once)
        logits_BC = model.logits(weights, pairs_B2[rows], p)[:, :p]
        loss_B[rows] = cross_entropy(logits_BC, labels_B[rows])
        right_B[rows] = logits_BC.argmax(axis=1) == labels_B[rows]
    parts = zip(("train", "test"), tasks.split(spec.task, spec.seed), strict=True)
    return {
        f"{part}_{name}": float(values_B[pairs].mean()) if len(pairs) else float("nan")
        for part, pairs in parts
        for name, values_B in (("loss", loss_B), ("accuracy", right_B))
    }


def _allowed(spec: RunSpec, name: str, computed: np.ndarray) -> np.ndarray:
    """How far a recorded value may be from the computed one."""
    if name.endswith("accuracy"):
        n_train = spec.task.n_train
        n_pairs = n_train if name.startswith("train") else spec.task.n_pairs - n_train
        return np.array(TIES / max(n_pairs, 1) + 1e-12)
    if name.endswith("loss"):
        return RELATIVE["loss"] * np.maximum(np.abs(computed), LEAST_LOSS)
    kind = next(kind for kind in RELATIVE if name.startswith(kind))
    return np.array(RELATIVE[kind] * np.abs(computed).max(initial=0))
