"""The frequency that no head follows: which heads follow which key, and what the overtone does for a key without one.

`heads` has the numbers of one network, computed once per record and kept; what they mean is defined in
`modaddlab.analysis.attention` and `overtones`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables as writing
from modaddlab.analysis.attention import head_scores, head_terms, mean_attention
from modaddlab.analysis.fourier import fve
from modaddlab.analysis.overtones import Overtone, headless, logits_without, norm_ratios, overtone_of, overtones
from modaddlab.analysis.progress import mean_loss
from modaddlab.analysis.seeds import share_interval
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    NO_LAYER_NORM,
    ODD_MODULUS,
    ONE_LAYER,
    TRANSFORMER,
    for_networks,
)
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Value, count, factor, loss, share, total
from modaddlab.study import Study

COSINE = math.sqrt(1 / 2 - 4 / math.pi**2) * math.pi / 2
"""The standard deviation of |cos| over its mean: 0.48."""

NEARLY = 0.8
"""A wave whose height varies by more than this part of it is a pizza's, or nearly."""


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The heads of one network and its keys without a head; losses in nats over the test pairs.

    Attributes:
        keys_K: the key frequencies.
        frequency_n: each head's frequency, by its scores.
        score_fve_n: share of its scores' variance at that frequency.
        pattern_fve_n: share of its attention (to a, b and "=") that the softmax of the scores' waves explains; NaN for a
            head that attends alike to everything.
        to_equals_n: its mean attention to "=".
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
    to_equals_n: np.ndarray
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
        "to_equals_n": mean_attention(grid.pattern_PPn3)[:, 2],
        "products_n": np.array([terms.products for terms in head_terms(grid.heads_PPnD, scores.frequency_n, keys)]),
        "norm_ratio_K": norm_ratios(grid.W_E_PD, keys),
        "headless_X": np.array(without_head, dtype=np.int64),
        "uneven_X": np.array([one.unevenness for one in found]),
        "uneven_without_X": np.array([one.unevenness_without for one in found]),
        "loss_without_X": np.array([one.loss for one in found]),
        "loss_control": np.array(np.exp(np.mean(np.log(losses))) if losses else np.nan),
        "test_loss": np.array(study.scores.test_loss),
    }


@dataclass(frozen=True, kw_only=True)
class Overtones:
    """The mainline's key without a head, and the same in all networks; sizes in units of an idle frequency."""

    key: Value
    overtone: Value
    size: Value
    uneven: Value
    uneven_without: Value
    """How much the height of the key's wave varies with the overtone in the embedding, and without."""
    uneven_cosine: Value
    """The same of |cos|."""
    loss_without: Value
    loss_idle: Value
    """The test loss without the overtone, and without an idle frequency."""
    followed_least: Value
    followed_most: Value
    followed_without_least: Value
    followed_without_most: Value
    """How much the heights of the keys with a head vary, with their overtones and without."""
    n_with: Value
    """How many networks have such a key."""
    share_low: Value
    share_high: Value
    """The 95 % interval of their share."""
    n_alone: Value
    n_pizzas: Value
    """How many such keys they have together, and how many of these vary without their overtone as a pizza does, or nearly."""
    size_least: Value
    size_median: Value
    size_most: Value
    other_least: Value
    other_median: Value
    other_most: Value
    """Over all networks, of the overtones of keys without and with a head."""
    harm_least: Value
    harm_most: Value
    idle_most: Value
    """By what the loss is multiplied without the overtone, and without an idle frequency."""
    table: list[dict[str, str]] = field(repr=False)
    found: tuple[Overtone, ...] = field(repr=False)

    @property
    def heights(self) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        """Key -> the height of its wave over a - b, with its overtone and without."""
        return {one.key: one.amplitude_P for one in self.found}, {one.key: one.without_P for one in self.found}

    @property
    def columns(self) -> Columns:
        """The heights as a figure's data."""
        with_it, without = self.heights
        every = {f"k = {key}": height_P for key, height_P in with_it.items()}
        every |= {f"k = {key}, without {overtone_of(len(height_P), key)}": height_P for key, height_P in without.items()}
        return {"d = a - b": np.arange(len(self.found[0].amplitude_P))} | every


def measure() -> Overtones:
    """The finding, from the mainline and its seeds.

    Raises:
        LabError: a record is damaged.
    """
    networks = [Study.open("mainline"), *Study.seeds("mainline-25k")]
    study, every = networks[0], [heads(one) for one in networks]
    found = overtones(study.grid, study.labels_PP, ~study.train_mask_PP, study.keys)
    alone, kept = next(one for one in found if not one.heads), [one for one in found if one.heads]
    uneven, without = [one.unevenness for one in kept], [one.unevenness_without for one in kept]
    sizes = np.concatenate([one.norm_ratio_K[one.without_head_K] for one in every])
    followed = np.concatenate([one.norm_ratio_K[~one.without_head_K] for one in every])
    harm = np.concatenate([one.loss_without_X / one.test_loss for one in every])
    alone_X = np.concatenate([one.uneven_without_X for one in every])
    n_with = sum(len(one.headless_X) > 0 for one in every)
    low, high = share_interval(n_with, len(every))
    pairs = zip(networks, every, strict=True)
    rows = [_overtone_row(network, one, x) for network, one in pairs for x in range(len(one.headless_X))]
    return Overtones(
        key=total(alone.key),
        overtone=total(alone.overtone),
        size=total(round(alone.norm_ratio)),
        uneven=share(alone.unevenness),
        uneven_without=share(alone.unevenness_without),
        uneven_cosine=share(COSINE),
        loss_without=loss(alone.loss),
        loss_idle=loss(float(every[0].loss_control)),
        followed_least=share(min(uneven)),
        followed_most=share(max(uneven)),
        followed_without_least=share(min(without)),
        followed_without_most=share(max(without)),
        n_with=count(n_with),
        share_low=share(low),
        share_high=share(high),
        n_alone=total(len(alone_X)),
        n_pizzas=count(int((alone_X > NEARLY * COSINE).sum())),
        size_least=total(round(sizes.min())),
        size_median=total(round(float(np.median(sizes)))),
        size_most=total(round(sizes.max())),
        other_least=total(round(followed.min())),
        other_median=total(round(float(np.median(followed)))),
        other_most=total(round(followed.max())),
        harm_least=factor(harm.min()),
        harm_most=factor(harm.max()),
        idle_most=share(max(float(one.loss_control / one.test_loss) for one in every) - 1),
        table=rows,
        found=found,
    )


def _overtone_row(study: Study, found: Heads, x: int) -> dict[str, str]:
    key = int(found.headless_X[x])
    return {
        "seed": str(study.spec.seed),
        "no head for": str(key),
        "overtone": str(overtone_of(study.p, key)),
        "size": f"{found.norm_ratio_K[found.without_head_K][x]:.0f}",
        "uneven": writing.percent(found.uneven_X[x], 0),
        "without": writing.percent(found.uneven_without_X[x], 0),
        "loss without": f"× {writing.number(float(found.loss_without_X[x] / found.test_loss), 2)}",  # noqa: RUF001
    }
