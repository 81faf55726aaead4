"""How a network moves while it is trained: its weights' path, its embedding, its neurons, its attention, one of its answers.

Everything is measured at a record's snapshots. What needs the network on all pairs, or all weights of all snapshots, is
computed once per record and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis import trajectory
from modaddlab.analysis.neurons import fit_neurons
from modaddlab.errors import LabError
from modaddlab.findings.networks import ALL_WEIGHTS, PATH, SNAPSHOTS, TRANSFORMER, for_networks, transformer
from modaddlab.models.grid import run_grid
from modaddlab.models.token_tables import pair_neurons, token_tables
from modaddlab.models.transformer import forward
from modaddlab.study import Study

CLUSTERED = 0.85
"""A neuron belongs to a frequency that explains more than this share of its variance (Nanda et al. 2023)."""


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What neurons and heads follow, at each snapshot.

    Attributes:
        step_T: the snapshots' steps, (T,).
        frequency_TH: the frequency that explains most of each neuron, (T, H); 0 for a constant neuron.
        fve_TH: the share of its variance that a polynomial of degree 2 in that frequency explains, (T, H).
        attention_TnP: each head's attention from "=" to a, averaged over b, (T, n, P); fractions.
    """

    step_T: np.ndarray
    frequency_TH: np.ndarray
    fve_TH: np.ndarray
    attention_TnP: np.ndarray

    def followers(self, frequencies: Sequence[int]) -> np.ndarray:
        """How many neurons belong to each of some frequencies at each snapshot, (T, K) integers."""
        belongs_TH = self.fve_TH > CLUSTERED
        return np.stack([np.sum(belongs_TH & (self.frequency_TH == k), axis=1) for k in frequencies], axis=1)


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """The embedding at each snapshot, seen along the principal axes of the final one.

    Attributes:
        step_T: the snapshots' steps, (T,).
        axes: the first two principal axes of the final W_E.
        point_TP2: the residues along them, (T, P, 2).
        share_T: the share of each snapshot's variance along them, (T,).
        own_share_T: the share of each snapshot's variance along its own first two axes, (T,).
    """

    step_T: np.ndarray
    axes: trajectory.PrincipalAxes
    point_TP2: np.ndarray
    share_T: np.ndarray
    own_share_T: np.ndarray


@for_networks(SNAPSHOTS)
def weights(study: Study, name: str) -> np.ndarray:
    """One parameter at every snapshot, (T, ...) float64.

    Args:
        study: the run.
        name: of the parameter, such as "embed.W_E" (its last row is "=").

    Raises:
        LabError: the record has no snapshots, or the network no such parameter.
    """
    names = study.spec.model.param_shapes(study.p)
    if name not in names:
        raise LabError(f"{study.record.run_id} has no parameter {name!r}; it has {', '.join(names)}")
    return np.stack([np.asarray(study.record.snapshot(int(step))[name], np.float64) for step in study.record.snapshot_steps])


@for_networks(PATH)
def path(study: Study) -> trajectory.Path:
    """The path of all weights together, along its first three principal axes."""
    return trajectory.Path(**study.remember(measure_path))


@for_networks(TRANSFORMER, ALL_WEIGHTS, SNAPSHOTS)
def embedding(study: Study) -> Embedding:
    """The embedding of the residues along the principal axes of the final one."""
    W_E_TPD = weights(study, "embed.W_E")[:, : study.p]
    axes = trajectory.principal_axes(np.asarray(study.record.final["embed.W_E"], np.float64)[: study.p])
    return Embedding(
        step_T=study.record.snapshot_steps,
        axes=axes,
        point_TP2=np.stack([axes.coordinates(W_E_PD) for W_E_PD in W_E_TPD]),
        share_T=np.array([axes.share_of(W_E_PD) for W_E_PD in W_E_TPD]),
        own_share_T=np.array([trajectory.principal_axes(W_E_PD).share_N.sum() for W_E_PD in W_E_TPD]),
    )


@for_networks(TRANSFORMER, SNAPSHOTS)
def activity(study: Study) -> Activity:
    """What neurons and heads follow, at each snapshot.

    Raises:
        LabError: the network is no transformer, or has no snapshots.
    """
    return Activity(step_T=study.record.snapshot_steps, **study.remember(measure_activity))


@for_networks(TRANSFORMER, SNAPSHOTS)
def answers(study: Study, a: int, b: int) -> np.ndarray:
    """The logits of one pair at every snapshot, (T, P) float64.

    Raises:
        LabError: a or b is no residue, or the network is no transformer, or has no snapshots.
    """
    if not (0 <= a < study.p and 0 <= b < study.p):
        raise LabError(f"a (={a}) and b (={b}) must lie in 0..{study.p - 1}")
    tokens_13 = np.array([[a, b, study.p]])
    model, steps = transformer(study), study.record.snapshot_steps
    rows = [forward(_parameters(study, int(step)), tokens_13, model, last_only=True)[0, : study.p] for step in steps]
    return np.stack(rows)


@for_networks(PATH)
def measure_path(study: Study) -> dict[str, np.ndarray]:
    """The fields of a `Path`; half a second for the mainline."""
    snapshots = [study.record.snapshot(int(step)) for step in study.record.snapshot_steps]
    weights_TW = np.stack([np.concatenate([snapshot[name].ravel() for name in sorted(snapshot)]) for snapshot in snapshots])
    return dict(vars(trajectory.path(weights_TW)))


@for_networks(TRANSFORMER, SNAPSHOTS)
def measure_activity(study: Study) -> dict[str, np.ndarray]:
    """The fields of an `Activity` without its steps; a quarter of a second a snapshot for the mainline."""
    model = transformer(study)
    found: dict[str, list[np.ndarray]] = {"frequency_TH": [], "fve_TH": [], "attention_TnP": []}
    for step in study.record.snapshot_steps:
        params = _parameters(study, int(step))
        fits = fit_neurons(pair_neurons(params, model, study.p))
        found["frequency_TH"].append(fits.frequency_H.astype(np.int16))
        found["fve_TH"].append(fits.fve_H.astype(np.float32))
        found["attention_TnP"].append(_pattern(study, params)[..., 0].mean(axis=1).T.astype(np.float32))
    return {name: np.stack(rows) for name, rows in found.items()}


def _parameters(study: Study, step: int) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, np.float64) for name, value in study.record.snapshot(step).items()}


def _pattern(study: Study, params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Attention from "=" on every pair, (P, P, n, 3)."""
    model, p = transformer(study), study.p
    if model.n_layers != 1 or model.layer_norm:
        return run_grid(params, model, p).pattern_PPn3
    return token_tables(params, model, p).pattern(np.arange(p)[:, None], np.arange(p))
