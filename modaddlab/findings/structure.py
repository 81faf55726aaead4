"""The numbers that describe the algorithm in a network: what Nanda et al. 2023 report of their transformer (section 4).

How many key frequencies, how sparse the logits, the rank of W_L, the fits of its directions, neurons and heads, the logits as a
sum of waves. A network that subtracts is one that adds with b named -b, so that its waves are in a - b. `null` is the same of the
weights that the network began with, with the keys of the trained one: what a network has of all this by chance. A two-layer
network has no heads; everything else is measured on it by the same functions, theta standing for the embedding and xi for the
neuron-logit map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from modaddlab.analysis import attention, circuit, neurons, progress, spectra
from modaddlab.analysis.keys import compare_rules
from modaddlab.findings.networks import ALL_WEIGHTS, NO_LAYER_NORM, SUMS, TRANSFORMER, for_networks, keys_of
from modaddlab.findings.value import Group, Value, loss, number, share, total
from modaddlab.models.grid import run_grid
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Structure(Group):
    """The algorithm's traces in one network; NaN where it has none, such as a fit to heads in a network without heads."""

    n_keys: Value
    """Key frequencies, by the majority of the three rules."""
    n_embedding_keys: Value
    """Frequencies of W_E above its largest gap."""
    n_neuron_keys: Value
    """Frequencies that some neuron follows best, of all p // 2."""
    n_logit_components: Value
    """Significant components of the logits in two dimensions (largest gap)."""
    components_per_key: Value
    logit_key_share: Value
    """Share of the logits' energy over (a, b) in the four products of each key's cosine and sine."""
    W_L_rank: Value
    """Singular values of W_L above their largest gap."""
    rank_per_key: Value
    W_L_residual: Value
    """Share of W_L's Frobenius norm outside the cosines and sines of the keys."""
    wave_fve: Value
    """Of the logits by sum_k alpha_k cos omega_k(a+b-c)."""
    wave_loss: Value
    """Test loss of that sum."""
    direction_fve_low: Value
    """Of u_k . MLP and v_k . MLP by the cosine and sine of the sum: the smallest of the 2K."""
    direction_fve_mean: Value
    direction_fve_high: Value
    explained_neurons: Value
    """Share of the neurons whose polynomial in one key explains more than 85 %."""
    smallest_cluster: Value
    """Share of the neurons in the smallest cluster of a key; 0 where a key has none."""
    largest_cluster: Value
    head_fve_low: Value
    """Of a head's mean attention to a by one frequency: the smallest of the heads."""
    head_fve_mean: Value
    head_pair_fve_mean: Value
    """Of a head's attention to a over all pairs by the published antisymmetric form: the mean of the heads."""
    attention_to_equals: Value
    """Attention from "=" to "=", mean over pairs and heads."""
    attention_to_equals_high: Value
    """The largest head's mean."""
    sum_of_squares: Value
    gini_W_E: Value
    gini_W_L: Value
    restricted_loss: Value
    """Over all pairs, as in the released code."""
    excluded_loss: Value
    """Over the training pairs, all keys removed."""
    test_loss: Value
    test_accuracy: Value
    train_accuracy: Value


_KINDS = {
    total: ("n_keys", "n_embedding_keys", "n_neuron_keys", "n_logit_components", "W_L_rank"),
    number: ("components_per_key", "rank_per_key", "sum_of_squares", "gini_W_E", "gini_W_L"),
    loss: ("wave_loss", "restricted_loss", "excluded_loss", "test_loss"),
}
"""How fields are written; all others are shares."""


@for_networks(NO_LAYER_NORM, SUMS, ALL_WEIGHTS)
def of(study: Study, keys: Sequence[int] | None = None) -> Structure:
    """The algorithm's traces in a network.

    Args:
        study: of a one-layer transformer or a two-layer network, trained or not.
        keys: the key frequencies to look for; by default the network's own.

    Raises:
        LabError: the network is another one, keeps too little, or a key is not in 1..p//2.
    """
    return _structure(study.remember(measure_structure, keys=keys_of(study, keys), start=False))


@for_networks(NO_LAYER_NORM, SUMS, ALL_WEIGHTS)
def null(study: Study, keys: Sequence[int] | None = None) -> Structure:
    """The same of the weights that it began with.

    Args:
        study, keys: as of `of`; the keys are by default those of the trained network.

    Raises:
        LabError: as `of`, and where these weights are unknown.
    """
    return _structure(study.remember(measure_structure, keys=keys_of(study, keys), start=True))


@dataclass(frozen=True, kw_only=True)
class BeforeAndAfter:
    """The mainline, trained and untrained."""

    trained: Structure
    untrained: Structure


def measure() -> BeforeAndAfter:
    """The book's."""
    study = Study.open("mainline")
    return BeforeAndAfter(trained=of(study), untrained=null(study))


@for_networks(NO_LAYER_NORM, SUMS, ALL_WEIGHTS)
def measure_structure(study: Study, keys: Sequence[int], start: bool) -> dict[str, np.ndarray]:
    """The fields of `Structure` as numbers; about three seconds for p = 113."""
    given: Any = run_grid(study.initial, study.spec.model, study.p) if start else study.grid
    grid, labels_PP, mask_PP = _as_sum(study, given)
    rules = compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH) if start else study.key_rules
    logits, rank = spectra.logit_spectrum(grid.logits_PPC), circuit.map_rank(grid.W_L_HC, keys)
    blocks = spectra.logit_blocks(logits.norms_PP, keys)
    waves = circuit.fit_waves(grid.logits_PPC, keys)
    circles = [key for key in keys if 2 * key != study.p]  # the sign p/2 has no second direction
    directions = circuit.direction_fits(grid.neurons_PPH, grid.W_L_HC, circles)
    direction_fve = np.array([fve for fit in directions for fve in (fit.fve_u, fit.fve_v)])
    fits = neurons.fit_neurons(grid.neurons_PPH, keys)
    members = {group.frequency: len(group.neurons) for group in neurons.clusters(fits)}
    sizes = np.array([members.get(key, 0) for key in keys]) / len(fits.fve_H)
    heads = pairs = to_equals = np.array([np.nan])
    if TRANSFORMER.met_by(study):
        heads = np.array([fit.fve for fit in attention.head_fits(given.pattern_PPn3)])
        pairs = np.array([fit.antisymmetric_fve for fit in attention.pattern_fits(given.pattern_PPn3)])
        to_equals = attention.mean_attention(given.pattern_PPn3)[:, 2]
    scores = progress.score(grid.logits_PPC, labels_PP, mask_PP)
    n = len(keys) or np.nan
    found = {
        "n_keys": len(rules.majority),
        "n_embedding_keys": len(rules.rules[0].frequencies),
        "n_neuron_keys": len(rules.rules[2].frequencies),
        "n_logit_components": len(logits.significant),
        "components_per_key": len(logits.significant) / n,
        "logit_key_share": sum(block.energy_share for block in blocks),
        "W_L_rank": rank.rank,
        "rank_per_key": rank.rank / n,
        "W_L_residual": rank.residual,
        "wave_fve": waves.fve,
        "wave_loss": progress.mean_loss(waves.logits_PPC, labels_PP, ~mask_PP),
        "direction_fve_low": direction_fve.min(initial=np.inf),
        "direction_fve_mean": direction_fve.mean() if len(direction_fve) else np.nan,
        "direction_fve_high": direction_fve.max(initial=-np.inf),
        "explained_neurons": len(neurons.explained_neurons(fits)) / len(fits.fve_H),
        "smallest_cluster": sizes.min(initial=np.inf),
        "largest_cluster": sizes.max(initial=-np.inf),
        "head_fve_low": heads.min(),
        "head_fve_mean": heads.mean(),
        "head_pair_fve_mean": pairs.mean(),
        "attention_to_equals": to_equals.mean(),
        "attention_to_equals_high": to_equals.max(),
        "sum_of_squares": progress.sum_of_squares(grid.params),
        "gini_W_E": progress.weight_gini(grid.W_E_PD),
        "gini_W_L": progress.weight_gini(grid.W_L_HC.T),
        "restricted_loss": progress.restricted_loss(grid.logits_PPC, labels_PP, keys),
        "excluded_loss": progress.excluded_loss(grid.logits_PPC, labels_PP, mask_PP, keys),
        "test_loss": scores.test_loss,
        "test_accuracy": scores.test_accuracy,
        "train_accuracy": scores.train_accuracy,
    }
    return {name: np.array(value if np.isfinite(value) else np.nan, dtype=np.float64) for name, value in found.items()}


def _as_sum(study: Study, grid: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    """A grid, the right answers and the training pairs, with b named so that the operation is a sum."""
    labels_PP, mask_PP = study.labels_PP, study.train_mask_PP
    if study.spec.task.operation == "add":
        return grid, labels_PP, mask_PP
    back_P = -np.arange(study.p) % study.p
    return grid.mirrored(), labels_PP[:, back_P], mask_PP[:, back_P]


def _structure(arrays: dict[str, np.ndarray]) -> Structure:
    kinds = {name: kind for kind, names in _KINDS.items() for name in names}
    return Structure(**{field.name: kinds.get(field.name, share)(float(arrays[field.name])) for field in fields(Structure)})
