"""The average gradient outer product of a record's network: over training on a sample of pairs, at the end on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis import circulants
from modaddlab.findings.networks import (
    ALL_WEIGHTS,
    NO_LAYER_NORM,
    ONE_LAYER,
    SNAPSHOTS,
    TRANSFORMER,
    for_networks,
    keys_of,
    transformer,
)
from modaddlab.models.gradients import gradient_outer_product, whole_differences
from modaddlab.study import Study

N_DIFFERENCES = 12
"""Differences a - b whose pairs are a snapshot's sample; about a second for the mainline's network."""


@dataclass(frozen=True, kw_only=True)
class GradientHistory:
    """The outer products at some snapshots, and what `modaddlab.analysis.circulants` measures of them.

    Attributes:
        step_T: the snapshots' steps, (T,).
        products_TXX: the outer products, (T, 2P, 2P).
        within_T3: circulant, Hankel and Fourier share of the blocks within a position, mean of the two, (T, 3).
        across_T3: the same of the block across the positions.
        within_null_T3, across_null_T3: the same with the residues in random orders.
        similarity_T: cosine between the blocks within and across, (T,).
        key_share_T: share of the trace at the key frequencies, (T,).
    """

    step_T: np.ndarray
    products_TXX: np.ndarray
    within_T3: np.ndarray
    across_T3: np.ndarray
    within_null_T3: np.ndarray
    across_null_T3: np.ndarray
    similarity_T: np.ndarray
    key_share_T: np.ndarray


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ALL_WEIGHTS)
def final(study: Study, n_differences: int | None = None) -> np.ndarray:
    """The outer product of the final network, (2P, 2P).

    Args:
        study: the run.
        n_differences: how many differences a - b are its sample; by default all p, some 7 s for the mainline.
    """
    return study.remember(measure_final, n_differences=n_differences or study.p)["product_XX"]


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ALL_WEIGHTS)
def measure_final(study: Study, *, n_differences: int) -> dict[str, np.ndarray]:
    """The array behind `final`."""
    pairs = whole_differences(study.p, n_differences)
    return {"product_XX": gradient_outer_product(study.record.final, transformer(study), study.p, pairs)}


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, SNAPSHOTS)
def history(study: Study, steps: Sequence[int] | np.ndarray, keys: Sequence[int] | None = None) -> GradientHistory:
    """The outer products at the snapshots of some steps, with their structure.

    Args:
        study: the run.
        steps: steps with a snapshot.
        keys: key frequencies; by default the final network's.
    """
    keys = keys_of(study, keys)
    arrays = study.remember(measure_snapshots, steps=[int(step) for step in steps], n_differences=min(N_DIFFERENCES, study.p))
    return structure(np.asarray(steps), arrays["products_TXX"], keys)


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, SNAPSHOTS)
def measure_snapshots(study: Study, *, steps: Sequence[int], n_differences: int) -> dict[str, np.ndarray]:
    """The arrays behind `history`: the same sample of pairs at every step."""
    pairs = whole_differences(study.p, n_differences)
    model = transformer(study)
    products = [gradient_outer_product(study.record.snapshot(step), model, study.p, pairs) for step in steps]
    return {"products_TXX": np.array(products)}


def structure(step_T: np.ndarray, products_TXX: np.ndarray, keys: Sequence[int]) -> GradientHistory:
    """What the outer products look like.

    Args:
        step_T: (T,).
        products_TXX: (T, 2P, 2P).
        keys: key frequencies.
    """
    within, across, within_null, across_null, similarity, key_share = [], [], [], [], [], []
    for G_XX in products_TXX:
        parts = circulants.blocks(G_XX)
        for measure, inside, outside in (
            (circulants.shares, within, across),
            (circulants.permuted_shares, within_null, across_null),
        ):
            inside.append(np.mean([_row(measure(parts[name])) for name in ("aa", "bb")], axis=0))
            outside.append(_row(measure(parts["ab"])))
        similarity.append(np.mean([circulants.similarity(parts[name], parts["ab"]) for name in ("aa", "bb")]))
        key_share.append(circulants.frequency_share(G_XX, keys))
    return GradientHistory(
        step_T=step_T,
        products_TXX=products_TXX,
        within_T3=np.array(within),
        across_T3=np.array(across),
        within_null_T3=np.array(within_null),
        across_null_T3=np.array(across_null),
        similarity_T=np.array(similarity),
        key_share_T=np.array(key_share),
    )


def _row(found: circulants.Shares) -> np.ndarray:
    return np.array([found.circulant, found.hankel, found.fourier])
