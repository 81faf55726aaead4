"""The progress measures of a run at all its snapshots: computed once per record, some 20 s for the mainline, and kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.progress import ProgressMeasures, progress_measures
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    NO_LAYER_NORM,
    SNAPSHOTS,
    TRANSFORMER,
    for_networks,
    transformer,
)
from modaddlab.models.token_tables import pair_logits
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class ProgressHistory:
    """The progress measures of a run at its snapshots.

    Attributes:
        step_T: the snapshots' steps, (T,).
        curves: every number of `modaddlab.analysis.progress.ProgressMeasures` over them, (T, ...), those of its two scores as
            "scores.test_loss" or "restricted.all_loss".
    """

    step_T: np.ndarray
    curves: Mapping[str, np.ndarray]

    def curve(self, name: str, of: str | None = None) -> np.ndarray:
        """One measure over the snapshots, (T, ...).

        Args:
            name: a field of `ProgressMeasures`, or of its part `of`.
            of: "scores" or "restricted", whose fields are losses and accuracies.
        """
        return self.curves[f"{of}.{name}" if of else name]


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def history(study: Study) -> ProgressHistory:
    """Every progress measure at every snapshot, with the final network's key frequencies."""
    arrays = study.remember(measure_snapshots)
    return ProgressHistory(step_T=study.record.snapshot_steps, curves=arrays)


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def measure_snapshots(study: Study) -> dict[str, np.ndarray]:
    """The curves of `ProgressHistory`; about a third of a second a snapshot for the mainline."""
    rows = [_flat(_measures(study, int(step))) for step in study.record.snapshot_steps]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}


def _measures(study: Study, step: int) -> ProgressMeasures:
    """What `study.progress_of(study.snapshot_grid(step))` gives; a transformer's logits are all that is needed of its grid."""
    if not TRANSFORMER.met_by(study):
        return study.progress_of(study.snapshot_grid(step))
    model = transformer(study)
    params = {name: np.asarray(value, np.float64) for name, value in study.record.snapshot(step).items()}
    maps = model.maps(params, study.p)
    return progress_measures(
        logits_PPC=pair_logits(params, model, study.p),
        W_E_PD=maps["W_E"],
        W_L_HC=maps["W_L"].T,
        params=params,
        labels_PP=study.labels_PP,
        train_mask_PP=study.train_mask_PP,
        keys=study.keys,
    )


def _flat(measures: ProgressMeasures) -> dict[str, np.ndarray]:
    flat = {}
    for field in dataclasses.fields(measures):
        value = getattr(measures, field.name)
        if dataclasses.is_dataclass(value):
            flat |= {f"{field.name}.{part.name}": np.asarray(getattr(value, part.name)) for part in dataclasses.fields(value)}
        else:
            flat[field.name] = np.asarray(value)
    return flat
