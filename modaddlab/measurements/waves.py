"""The numbers that describe a two-layer network's waves and how they add up: one set per record, computed once and kept.

The features are those of He et al. 2026 (one frequency a neuron, alignment, balance, equal sizes), the mechanism is theirs with
what goes beyond it: how high the ghosts of the right answer stand in the network itself, in its waves alone, and in its waves
with their overtones. `modaddlab.analysis.two_layer`, `indicator` and `activations` define each number. The null is that of
the untrained network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modaddlab.analysis import activations, indicator, seeds, two_layer
from modaddlab.experiments.spec import OptimSpec
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, KNOWN_HARMONICS, ODD_MODULUS, TWO_LAYER, for_networks
from modaddlab.study import Study

HARMONICS = (1, 2, 3, 4, 5, 6, 7, 8)
"""The rings on which the balance of phases is measured."""

ORDERS = (2, 3, 5, 7)
"""The overtones of the input waves."""

KEPT = ((1,), (1, 3), (1, 3, 5))
"""The multiples of a neuron's frequency that its input vector is cut down to, its output vector being cut to its wave."""

AT_LIMIT = 0.9
"""An input weight counts as at its limit from this share of the limit on."""


@dataclass(frozen=True, kw_only=True)
class Waves:
    """One two-layer network. Shares and FVE lie in [0, 1]; angles in radians; means are over living neurons."""

    accuracy: float
    loss: float
    """Mean over all pairs, trained or not, nats."""
    least_probability: float
    """The smallest probability of a right answer over all pairs."""
    margin: float
    """The smallest lead of a right logit over the best wrong one."""
    alive: float
    """Share of the neurons that are alive (`two_layer.ALIVE`)."""
    same_frequency: float
    """Share of the neurons whose input and output have the same best frequency."""
    input_fve: float
    """Of the input vector by its wave, mean."""
    output_fve: float
    """Of the output vector by the wave of the input's frequency, mean."""
    ipr_frequencies: float
    """Inverse participation ratio over frequencies, mean of both layers."""
    ipr_coefficients: float
    """Over coefficients, the constant among them."""
    misalignment: float
    """Mean of |D|."""
    variation_alpha: float
    """Coefficient of variation of the input amplitudes."""
    variation_beta: float
    variation_alpha_beta2: float
    """Of alpha beta^2, the published quantity."""
    variation_alpha2_beta: float
    """Of alpha^2 beta, the size of a quadratic neuron's terms."""
    alpha: float
    """Median input amplitude."""
    beta: float
    at_limit: float
    """Share of the input weights that are as far from 0 as AdamW's learning rate lets them get (`speed_limit`); NaN for SGD."""
    main: float
    """Height of the right answer above the background of the logits, by least squares."""
    ghost: float
    """Height of each ghost."""
    indicator_fve: float
    """Of the logits by answer and ghosts."""
    main_fve: float
    """Of the logits by the answer alone."""
    waves_fve: float
    """Of the logits by what the waves predict without a fit (`indicator.answer_logits`)."""
    kept_ratio_N: np.ndarray
    """Ghost over answer with the input vectors cut to `KEPT`, (3,)."""
    predicted_ratio: float
    """Ghost over answer for evenly spread pure waves."""
    overtone_R: np.ndarray
    """Overtone over wave at `ORDERS`, mean, (4,); NaN for a multiple of the modulus, which makes every overtone a constant."""
    resultant_R: np.ndarray
    """|mean exp(i iota phi)| averaged over frequencies, at `HARMONICS`, (8,)."""
    imbalance_R: np.ndarray
    """n r^2 averaged over frequencies, (8,)."""
    imbalance_low: float
    """2.5 % quantile of what random phases give."""
    imbalance_high: float
    swap_accuracy_N: np.ndarray
    """With each nonlinearity of `activations.SWAPS`, (8,)."""
    swap_loss_N: np.ndarray

    @property
    def ghost_ratio(self) -> float:
        """Ghost over answer of the network itself."""
        return self.ghost / self.main


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def waves(study: Study) -> Waves:
    """The numbers of one two-layer network, with ReLU or the quadratic activation."""
    arrays = study.remember(measure_waves)
    values: dict[str, Any] = {name: array if array.ndim else float(array) for name, array in arrays.items()}
    return Waves(**values)


def over_seeds(networks: Sequence[Waves], value: Callable[[Waves], float], scale: seeds.Scale = "linear") -> seeds.OverSeeds:
    """Mean and 95 % interval of one number over networks that differ in their seed.

    Args:
        networks: the `waves` of each.
        value: which number.
        scale: as in `modaddlab.analysis.seeds.over_seeds`.
    """
    return seeds.over_seeds([value(network) for network in networks], scale)


def speed_limit(optim: OptimSpec, steps: int) -> float:
    """How far from 0 AdamW can take a weight that it always moves in one direction: NaN for plain gradient descent.

    A step of constant gradients has the size of the learning rate lr, whatever the gradient's; after T steps the weight is at
    lr T, or with decoupled decay w at (1 - (1 - lr w)^T) / w.
    """
    if optim.optimizer != "adamw":
        return float("nan")
    if not optim.weight_decay:
        return optim.lr * steps
    return (1 - (1 - optim.lr * optim.weight_decay) ** steps) / optim.weight_decay


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def measure_waves(study: Study) -> dict[str, np.ndarray]:
    """The fields of `Waves`, NaN where there is none; about half a second for p = 23."""
    grid, name = study.grid, study.spec.model.activation
    theta_HP, xi_HP, logits_PPC = grid.theta_HP, grid.xi_HP, grid.logits_PPC
    sigma = activations.ACTIVATIONS[name]
    every = two_layer.cosine_fits(theta_HP, xi_HP)
    fits, alive_H = every.living(), every.alive_H
    sure, fit = indicator.certainty(logits_PPC), indicator.fit_indicator(logits_PPC)
    rings = two_layer.rings(fits, HARMONICS)
    null = two_layer.imbalance_null(rings.counts_K)
    limit = speed_limit(study.spec.optim, study.spec.steps)
    swaps = activations.swap(theta_HP, xi_HP)
    cut = [
        two_layer.network_logits(two_layer.keep_multiples(theta_HP, every.frequency_H, orders), every.xi_HP, sigma)
        for orders in KEPT
    ]

    def participation(over: two_layer.Participation) -> float:
        return float(np.nanmean([two_layer.ipr(vectors_HP[alive_H], over) for vectors_HP in (theta_HP, xi_HP)]))

    found = {
        "accuracy": sure.accuracy,
        "loss": sure.mean_loss,
        "least_probability": sure.least,
        "margin": sure.margin,
        "alive": alive_H.mean(),
        "same_frequency": fits.same_frequency_H.mean(),
        "input_fve": np.nanmean(fits.input_fve_H),
        "output_fve": np.nanmean(fits.output_fve_H),
        "ipr_frequencies": participation("frequencies"),
        "ipr_coefficients": participation("coefficients"),
        "misalignment": np.abs(fits.misalignment_H).mean(),
        "variation_alpha": two_layer.variation(fits.alpha_H),
        "variation_beta": two_layer.variation(fits.beta_H),
        "variation_alpha_beta2": two_layer.variation(fits.alpha_H * fits.beta_H**2),
        "variation_alpha2_beta": two_layer.variation(fits.alpha_H**2 * fits.beta_H),
        "alpha": np.median(fits.alpha_H),
        "beta": np.median(fits.beta_H),
        "at_limit": (np.abs(theta_HP) >= AT_LIMIT * limit).mean() if limit > 0 else np.nan,
        "main": fit.main,
        "ghost": fit.ghost,
        "indicator_fve": fit.fve,
        "main_fve": fit.main_fve,
        "waves_fve": indicator.logits_fve(logits_PPC, indicator.answer_logits(every, "quad" if name == "quad" else "relu")),
        "kept_ratio_N": [indicator.fit_indicator(logits).ratio for logits in cut],
        "predicted_ratio": indicator.ghost_ratio(study.p, sigma),
        "overtone_R": _mean_of_those_there(two_layer.overtones(theta_HP[alive_H], fits, ORDERS)),
        "resultant_R": rings.resultant_RK.mean(axis=1),
        "imbalance_R": rings.imbalance_R,
        "imbalance_low": null.low,
        "imbalance_high": null.high,
        "swap_accuracy_N": [swap.accuracy for swap in swaps],
        "swap_loss_N": [swap.loss for swap in swaps],
    }
    return {key: np.array(value, dtype=np.float64) for key, value in found.items()}


def _mean_of_those_there(values_RH: np.ndarray) -> np.ndarray:
    """Means over neurons, (R,), without the NaN; NaN where there is nothing else."""
    there_RH = np.isfinite(values_RH)
    n_R = there_RH.sum(axis=1)
    total_R = np.where(there_RH, values_RH, 0.0).sum(axis=1)
    return np.divide(total_R, n_R, out=np.full(len(n_R), np.nan), where=n_R > 0)
