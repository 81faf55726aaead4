"""Which key frequencies the attention heads of a network follow, and what becomes of those that none follows; once per record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.attention import head_scores, head_terms
from modaddlab.analysis.fourier import fve
from modaddlab.analysis.overtones import headless, logits_without, norm_ratios, overtone_of, overtones
from modaddlab.analysis.progress import mean_loss
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    NO_LAYER_NORM,
    ODD_MODULUS,
    ONE_LAYER,
    TRANSFORMER,
    for_networks,
)
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The heads of one network and its keys without a head; losses in nats over the test pairs.

    Attributes:
        keys_K: the key frequencies.
        frequency_n: each head's frequency, by its scores.
        score_fve_n: share of its scores' variance at that frequency.
        pattern_fve_n: share of its attention (to a, b and "=") that the softmax of the scores' waves explains; NaN for a
            head that attends alike to everything.
        products_n: share of what it writes along products of two waves of its own frequency.
        norm_ratio_K: the size of each key's overtone in W_E, over the median size of the other frequencies.
        headless_X: the key frequencies without a head.
        uneven_X, uneven_without_X: see `modaddlab.analysis.overtones.Overtone`.
        loss_without_X: when W_E has lost the overtone.
        loss_control: geometric mean when W_E has lost one of some other frequencies, neither keys nor overtones of keys.
        test_loss: of the network.
    """

    keys_K: np.ndarray
    frequency_n: np.ndarray
    score_fve_n: np.ndarray
    pattern_fve_n: np.ndarray
    products_n: np.ndarray
    norm_ratio_K: np.ndarray
    headless_X: np.ndarray
    uneven_X: np.ndarray
    uneven_without_X: np.ndarray
    loss_without_X: np.ndarray
    loss_control: np.ndarray
    test_loss: np.ndarray

    @property
    def without_head_K(self) -> np.ndarray:
        """Which of the keys have no head, (K,) bool."""
        return np.isin(self.keys_K, self.headless_X)


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def heads(study: Study) -> Heads:
    """The heads of a network of one layer without LayerNorm, from the cache or computed and kept there.

    Raises:
        LabError: the network has several layers, a LayerNorm or an even modulus, or is no transformer.
    """
    return Heads(**study.remember(measure_heads))


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def measure_heads(study: Study, n_controls: int = 2) -> dict[str, np.ndarray]:
    """The arrays of `Heads`, with `n_controls` other frequencies for the control; about five seconds for the mainline."""
    grid, keys, test_PP = study.grid, study.keys, ~study.train_mask_PP
    scores = head_scores(grid)
    without_head = headless(grid, keys)
    found = overtones(grid, study.labels_PP, test_PP, keys, chosen=without_head)
    taken = {*keys, *(overtone_of(study.p, key) for key in keys)}
    others = [k for k in range(1, (study.p - 1) // 2 + 1) if k not in taken]
    controls = np.random.default_rng(0).choice(others, min(n_controls, len(others)), replace=False)
    losses = [mean_loss(logits_without(grid, [int(k)]), study.labels_PP, test_PP) for k in controls]
    centred_PPn3 = grid.pattern_PPn3 - grid.pattern_PPn3.mean(axis=(0, 1))
    return {
        "keys_K": np.array(keys),
        "frequency_n": np.array(scores.frequency_n),
        "score_fve_n": scores.fve_n,
        "pattern_fve_n": fve(centred_PPn3, scores.wave_patterns() - scores.wave_patterns().mean(axis=(0, 1)), axis=(0, 1, 3)),
        "products_n": np.array([terms.products for terms in head_terms(grid.heads_PPnD, scores.frequency_n, keys)]),
        "norm_ratio_K": norm_ratios(grid.W_E_PD, keys),
        "headless_X": np.array(without_head, dtype=np.int64),
        "uneven_X": np.array([one.unevenness for one in found]),
        "uneven_without_X": np.array([one.unevenness_without for one in found]),
        "loss_without_X": np.array([one.loss for one in found]),
        "loss_control": np.array(np.exp(np.mean(np.log(losses))) if losses else np.nan),
        "test_loss": np.array(study.scores.test_loss),
    }
