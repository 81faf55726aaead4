"""The waves of a two-layer network, and how they add up.

The features are those of He et al. 2026 (one frequency a neuron, alignment, balance, equal sizes), the mechanism is theirs with
what goes beyond it: how high the ghosts of the right answer stand in the network itself, in its waves alone, and in its waves
with their overtones. `modaddlab.analysis.two_layer`, `indicator` and `activations` define each number. The null is that of
the untrained network (`null`), and beside some values what chance gives by a formula.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import activations, indicator, two_layer
from modaddlab.experiments.spec import OptimSpec
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    KNOWN_HARMONICS,
    ODD_MODULUS,
    TWO_LAYER,
    for_networks,
    with_random_weights,
)
from modaddlab.findings.value import Group, Value, loss, number, share, total
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
class Waves(Group):
    """One two-layer network, or several seeds. Angles in radians; means are over living neurons."""

    accuracy: Value
    loss: Value
    """Mean over all pairs, trained or not. The null is guessing."""
    least_probability: Value
    """The smallest probability of a right answer over all pairs."""
    bound: Value
    """What the formula for pure waves of equal size guarantees at this height of the right answers; 0 where that is nothing."""
    margin: Value
    """The smallest lead of a right logit over the best wrong one."""
    guaranteed: Value
    """The probability that this lead alone guarantees; 0 where that is nothing."""
    alive: Value
    """Share of the neurons that are alive (`two_layer.ALIVE`)."""
    alive_neurons: Value
    """How many that are."""
    same_frequency: Value
    """Share of the neurons whose input and output have the same best frequency."""
    input_fve: Value
    """Of the input vector by its wave, mean."""
    output_fve: Value
    """Of the output vector by the wave of the input's frequency, mean."""
    ipr_frequencies: Value
    """Inverse participation ratio over frequencies, mean of both layers."""
    ipr_coefficients: Value
    """Over coefficients, the constant among them."""
    misalignment: Value
    """Mean of |D|."""
    variation_alpha: Value
    """Coefficient of variation of the input amplitudes."""
    variation_beta: Value
    variation_alpha_beta2: Value
    """Of alpha beta^2, the published quantity."""
    variation_alpha2_beta: Value
    """Of alpha^2 beta, the size of a quadratic neuron's terms."""
    alpha: Value
    """Median input amplitude."""
    beta: Value
    at_limit: Value
    """Share of the input weights that are as far from 0 as AdamW's learning rate lets them get (`speed_limit`); NaN for SGD."""
    imbalance_2: Value
    imbalance_4: Value
    """n r^2 averaged over frequencies on the rings 2 and 4; the null is that of random phases."""
    resultant_2: Value
    resultant_4: Value
    """The length r of the mean there, averaged over frequencies."""
    main: Value
    """Height of the right answer above the background of the logits, by least squares."""
    ghosts: Value
    """Height of a ghost over that, of the network itself."""
    ghosts_in_waves: Value
    """The same with the input vectors cut down to their waves."""
    ghosts_with_third: Value
    """And with their overtone at three times the frequency."""
    ghosts_predicted: Value
    """For evenly spread pure waves."""
    third: Value
    """That overtone over the wave, mean; NaN where three times every frequency is a constant."""
    main_fve: Value
    """Of the logits by the answer alone."""
    indicator_fve: Value
    """By answer and ghosts."""
    waves_fve: Value
    """By what the waves predict without a fit (`indicator.answer_logits`)."""
    kept_ratio_N: np.ndarray = field(repr=False)
    """Ghost over answer with the input vectors cut to `KEPT`, (3,)."""
    overtone_R: np.ndarray = field(repr=False)
    """Overtone over wave at `ORDERS`, mean, (4,); NaN for a multiple of the modulus, which makes every overtone a constant."""
    imbalance_R: np.ndarray = field(repr=False)
    """n r^2 averaged over frequencies, at `HARMONICS`, (8,)."""
    imbalance_null: two_layer.Null = field(repr=False)
    """What random phases give."""

    @property
    def surer(self) -> bool:
        """Whether the least sure pair is surer than the formula's bound."""
        return self.least_probability.value > self.bound.value


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """The vectors of a network's neurons, and the best wave of each."""

    theta_HP: np.ndarray
    xi_HP: np.ndarray
    fits: two_layer.CosineFits

    @property
    def components(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The Fourier components of input and output vectors, and the frequencies by which neurons are sorted."""
        return two_layer.components(self.theta_HP), two_layer.components(self.xi_HP), self.fits.frequency_H

    def participation(self, over: two_layer.Participation) -> np.ndarray:
        """The inverse participation ratios of all vectors."""
        return np.concatenate([two_layer.ipr(vectors_HP, over) for vectors_HP in (self.theta_HP, self.xi_HP)])


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def of(study: Study) -> Waves:
    """The numbers of one two-layer network, with ReLU or the quadratic activation."""
    arrays, p = study.remember(measure_waves), study.p
    n = {name: float(array) for name, array in arrays.items() if not array.ndim}
    variations = ("variation_alpha", "variation_beta", "variation_alpha_beta2", "variation_alpha2_beta")
    shares = ("accuracy", "least_probability", "alive", "at_limit", "main_fve", "indicator_fve", "waves_fve")
    ring = dict(zip(HARMONICS, zip(arrays["imbalance_R"], arrays["resultant_R"], strict=True), strict=True))
    chance = 1 / two_layer.n_frequencies(p)
    return Waves(
        **{name: number(n[name]) for name in (*variations, "alpha", "beta", "main", "margin")},
        **{name: share(n[name]) for name in shares},
        loss=loss(n["loss"], null=np.log(p)),
        bound=share(max(0.0, indicator.softmax_bound(p, n["strength"]))),
        guaranteed=share(max(0.0, n["guaranteed"])),
        alive_neurons=total(round(n["alive"] * study.spec.model.d_mlp)),
        same_frequency=share(n["same_frequency"], null=chance),
        input_fve=share(n["input_fve"], null=two_layer.fve_by_chance(p)),
        output_fve=share(n["output_fve"], null=chance),
        ipr_frequencies=number(n["ipr_frequencies"], null=two_layer.ipr_by_chance(p)),
        ipr_coefficients=number(n["ipr_coefficients"], null=two_layer.ipr_by_chance(p, "coefficients")),
        misalignment=number(n["misalignment"], null=np.pi / 2),
        imbalance_2=number(ring[2][0], null=1.0),
        imbalance_4=number(ring[4][0], null=1.0),
        resultant_2=number(ring[2][1], null=n["resultant_null"]),
        resultant_4=number(ring[4][1], null=n["resultant_null"]),
        ghosts=number(n["ghost"] / n["main"]),
        ghosts_in_waves=number(arrays["kept_ratio_N"][0]),
        ghosts_with_third=number(arrays["kept_ratio_N"][1]),
        ghosts_predicted=number(n["predicted_ratio"]),
        third=number(arrays["overtone_R"][ORDERS.index(3)]),
        kept_ratio_N=arrays["kept_ratio_N"],
        overtone_R=arrays["overtone_R"],
        imbalance_R=arrays["imbalance_R"],
        imbalance_null=two_layer.Null(1.0, n["imbalance_low"], n["imbalance_high"]),
    )


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def null(study: Study) -> Waves:
    """The same of random weights."""
    return of(with_random_weights(study))


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def neurons(study: Study) -> Neurons:
    """A network's neurons and their waves."""
    theta_HP, xi_HP = study.grid.theta_HP, study.grid.xi_HP
    return Neurons(theta_HP=theta_HP, xi_HP=xi_HP, fits=two_layer.cosine_fits(theta_HP, xi_HP))


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
    """What `of` reads, NaN where there is none; about half a second for p = 23."""
    grid, name = study.grid, study.spec.model.activation
    theta_HP, xi_HP, logits_PPC = grid.theta_HP, grid.xi_HP, grid.logits_PPC
    sigma = activations.ACTIVATIONS[name]
    every = two_layer.cosine_fits(theta_HP, xi_HP)
    fits, alive_H = every.living(), every.alive_H
    sure, fit = indicator.certainty(logits_PPC), indicator.fit_indicator(logits_PPC)
    rings = two_layer.rings(fits, HARMONICS)
    imbalance = two_layer.imbalance_null(rings.counts_K)
    limit = speed_limit(study.spec.optim, study.spec.steps)
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
        "guaranteed": sure.bound,
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
        "strength": fit.strength(study.p),
        "ghost": fit.ghost,
        "indicator_fve": fit.fve,
        "main_fve": fit.main_fve,
        "waves_fve": indicator.logits_fve(logits_PPC, indicator.answer_logits(every, "quad" if name == "quad" else "relu")),
        "kept_ratio_N": [indicator.fit_indicator(logits).ratio for logits in cut],
        "predicted_ratio": indicator.ghost_ratio(study.p, sigma),
        "overtone_R": _mean_of_those_there(two_layer.overtones(theta_HP[alive_H], fits, ORDERS)),
        "resultant_R": rings.resultant_RK.mean(axis=1),
        "resultant_null": np.mean([two_layer.resultant_null(int(n)).mean for n in rings.counts_K]),
        "imbalance_R": rings.imbalance_R,
        "imbalance_low": imbalance.low,
        "imbalance_high": imbalance.high,
    }
    return {key: np.array(value, dtype=np.float64) for key, value in found.items()}


def _mean_of_those_there(values_RH: np.ndarray) -> np.ndarray:
    """Means over neurons, (R,), without the NaN; NaN where there is nothing else."""
    there_RH = np.isfinite(values_RH)
    n_R = there_RH.sum(axis=1)
    total_R = np.where(there_RH, values_RH, 0.0).sum(axis=1)
    return np.divide(total_R, n_R, out=np.full(len(n_R), np.nan), where=n_R > 0)
