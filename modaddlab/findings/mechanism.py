"""How the waves of a two-layer network add up to an answer: one neuron's terms, their cancellation, ghosts, other activations.

The calculation is in `modaddlab.analysis.indicator`, `activations` and `subsets`. What it gives for any network is
among `modaddlab.findings.waves`; here is what the chapter shows of single ones, and of networks in closed form.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab import tables
from modaddlab.analysis import activations, indicator, subsets, two_layer
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, KNOWN_HARMONICS, ODD_MODULUS, TWO_LAYER, UNTRAINED, for_networks
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, factor, loss, number, pooled, share, total, words
from modaddlab.findings.waves import ORDERS, Neurons, Waves, neurons, of
from modaddlab.study import Study

FREQUENCY, OUTPUT = 3, 5
"""Of the neuron that is taken apart, and the answer that it is shown writing to."""

ROW, PAIR = 3, (6, 12)
"""The x whose logits are shown for all y, and the pair whose logits are shown one by one."""

SCALES = np.geomspace(0.25, 4, 17)
MIXED = ("x²", "log(1+e²ˣ)", "eˣ", "x³")
"""The factors on the arguments, and the functions whose accuracy they change or not."""

RANGES = (0.4, 0.8, 1.2, 1.6, 2.0)
"""The published parts of the circle that phases cover, in multiples of pi."""


@dataclass(frozen=True, kw_only=True)
class Neuron:
    """What one neuron of the quadratic network writes, and the three terms of its wave."""

    explained: Value
    """The share of it that they explain."""
    written_PP: np.ndarray = field(repr=False)
    """To one answer."""
    terms: indicator.NeuronTerms = field(repr=False)

    @property
    def drawn(self) -> tuple[np.ndarray, indicator.NeuronTerms, int]:
        """What its figure is drawn from."""
        return self.written_PP, self.terms, OUTPUT

    @property
    def panels_NPP(self) -> np.ndarray:
        """What it writes and the three terms, as a figure's data."""
        terms = (self.terms.answer_PPC, self.terms.output_PPC, self.terms.total_PPC)
        return np.stack([self.written_PP, *(term_PPC[..., OUTPUT] for term_PPC in terms)]).round(8)


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    """What is left of each term when all neurons of a frequency are in; means over the frequencies."""

    answer: Value
    output: Value
    """The null is that of random phases."""
    wrong: Value
    each: Value
    """Neurons of a frequency."""
    shares: dict[int, np.ndarray] = field(repr=False)
    """Frequency -> (N, 3) after the first n neurons."""

    @property
    def columns(self) -> Columns:
        """The shares as a figure's data."""
        names = ("frequency", "neurons", "answer", "output only", "wrong place")
        rows = [(k, n + 1, *row) for k, share_N3 in self.shares.items() for n, row in enumerate(share_N3)]
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}


@dataclass(frozen=True, kw_only=True)
class Logits:
    """The logits of single networks beside the formula; titles as in `modaddlab.findings.ways`."""

    example: Value
    """Of the network in closed form for p = 7, 8 neurons a frequency and 4 + 6."""
    example_right: Value
    example_ghosts: Value
    rays: dict[str, np.ndarray] = field(repr=False)
    """The mean logit on each ray."""
    profiles: dict[str, np.ndarray] = field(repr=False)
    """The same of pure waves."""
    strips: dict[str, np.ndarray] = field(repr=False)
    """All logits of one x."""
    pair: dict[str, np.ndarray] = field(repr=False)
    formula: dict[str, np.ndarray] = field(repr=False)
    """The logits of one pair, and the formula's of the same height."""

    @property
    def ray_columns(self) -> Columns:
        """The rays as a figure's data."""
        return _beside({"network": self.rays, "waves": self.profiles}, "u")

    @property
    def pair_columns(self) -> Columns:
        """The pair as a figure's data."""
        return _beside({"network": self.pair, "formula": self.formula}, "output")


@dataclass(frozen=True, kw_only=True)
class Swaps(Group):
    """A network with other functions in place of its own, or several seeds of it."""

    exponential: Value
    soft: Value
    """The accuracy with e^x, and with log(1 + e^2x)."""
    accuracy: tuple[Value, ...] = field(repr=False)
    loss: tuple[Value, ...] = field(repr=False)
    even: tuple[Value, ...] = field(repr=False)
    """For each function: the accuracy, the mean loss, and how much of the function's variation is even."""


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """The standard network with its arguments multiplied."""

    enough: Value
    """The factor from which e^x answers 99 % of the questions."""
    longer: Value
    """How many times as large the weights are of a network that was trained twice as long."""
    longer_steps: Value
    chance: float = field(repr=False)
    by_function: dict[str, np.ndarray] = field(repr=False)

    @property
    def drawn(self) -> tuple[np.ndarray, dict[str, np.ndarray], float, float]:
        """What its figure is drawn from."""
        return SCALES, self.by_function, self.chance, self.longer.value

    @property
    def columns(self) -> Columns:
        """The accuracies as a figure's data."""
        return {"factor": SCALES} | self.by_function


@dataclass(frozen=True, kw_only=True)
class Thinned:
    """Networks in closed form with fewer frequencies, or phases on a part of the circle."""

    half_circle: Value
    """The loss with phases on half of the circle."""
    fewer: tuple[subsets.SubsetLoss, ...] = field(repr=False)
    redealt: tuple[subsets.SubsetLoss, ...] = field(repr=False)
    """With n frequencies: without the others' neurons, and with the whole budget dealt out anew."""
    ranges: tuple[subsets.PhaseRangeLoss, ...] = field(repr=False)

    @property
    def lines(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The losses by the number of frequencies, as their figure takes them."""
        both = {"fewer neurons": self.fewer, "same number of neurons": self.redealt}
        pairs = {name: [(row.n_frequencies, row.mean) for row in rows] for name, rows in both.items()}
        return {name: (np.array(rows)[:, 0].astype(int), np.array(rows)[:, 1]) for name, rows in pairs.items()}

    @property
    def columns(self) -> Columns:
        """The same as a figure's data."""
        return {"frequencies": self.lines["fewer neurons"][0]} | {name: losses for name, (_, losses) in self.lines.items()}

    def by_number(self, published: Mapping[int, float]) -> list[dict[str, Any]]:
        """A row for every number of frequencies, beside published losses."""
        return [
            {"frequencies": row.n_frequencies, "choices": len(row.loss_N), "neurons": round(row.n_neurons, 1),
             "published loss": published[row.n_frequencies], "our loss": row.mean, "with 128 neurons": other.mean,
             "accuracy": tables.percent(row.accuracy)}
            for row, other in zip(self.fewer, self.redealt, strict=True)
        ]  # fmt: skip

    def by_range(self, published: Mapping[float, float]) -> list[dict[str, Any]]:
        """A row for every part of the circle, beside published losses."""
        return [
            {"phases up to": f"{multiple:g} π", "published loss": published[multiple], "our loss": row.mean,
             "median over pairs": row.median, "accuracy": tables.percent(row.accuracy)}
            for multiple, row in zip(RANGES, self.ranges, strict=True)
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """How waves add up to an answer."""

    neuron: Neuron
    cancellation: Cancellation
    logits: Logits
    chance: Value
    """How far from 0 the overtone at 3k of an untrained network lies in 95 of 100 cases."""
    standard: Swaps
    grokking: Swaps
    longer: Swaps
    """The swaps over seeds, and of a network that was trained twice as long."""
    scaled: Scaled
    thinned: Thinned
    swaps: dict[str, list[float]] = field(repr=False)
    """The accuracies of one network each."""

    def swap_table(self, published: Mapping[str, float]) -> list[dict[str, str]]:
        """A row for every function, beside published accuracies."""
        return [
            {"function": name, "published": tables.percent(published[name]), "standard": str(self.standard.accuracy[i]),
             "grokking": str(self.grokking.accuracy[i]), "loss, standard": str(self.standard.loss[i]),
             "even": self.standard.even[i].alone}
            for i, name in enumerate(activations.SWAPS)
        ]  # fmt: skip

    @property
    def swap_columns(self) -> Columns:
        """The accuracies of single networks as a figure's data."""
        return {"function": list(activations.SWAPS)} | self.swaps


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def swaps(study: Study) -> Swaps:
    """A network with the functions of `activations.SWAPS` in place of its own, nothing trained again."""
    found = study.remember(measure_swaps)
    accuracy = tuple(share(value) for value in found["accuracy_N"])
    by_name = dict(zip(activations.SWAPS, accuracy, strict=True))
    return Swaps(
        exponential=by_name["eˣ"],
        soft=by_name["log(1+e²ˣ)"],
        accuracy=accuracy,
        loss=tuple(loss(value) for value in found["loss_N"]),
        even=tuple(share(value) for value in found["even_N"]),
    )


@for_networks(TWO_LAYER, KNOWN_HARMONICS, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def measure_swaps(study: Study) -> dict[str, np.ndarray]:
    """Accuracy, loss and even share with each function, (8,)."""
    found = activations.swap(study.grid.theta_HP, study.grid.xi_HP)
    names = {"accuracy_N": "accuracy", "loss_N": "loss", "even_N": "even_share"}
    return {key: np.array([getattr(one, name) for one in found]) for key, name in names.items()}


def measure() -> Mechanism:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    studies = {"quadratic": Study.open("mlp-quad-random"), "standard": Study.open("mlp-standard")}
    studies["grokking"] = Study.open("mlp-grokking")
    longer = Study.open("mlp-longer")
    quadratic, untrained = neurons(studies["quadratic"]), neurons(Study.open(UNTRAINED))
    third_H = two_layer.overtones(untrained.theta_HP, untrained.fits, (3,))[0]
    shown = {"standard": studies["standard"], "twice as long": longer, "grokking": studies["grokking"]}
    return Mechanism(
        neuron=_neuron(quadratic),
        cancellation=_cancellation(quadratic.fits),
        logits=_logits(studies),
        chance=number(1.96 * third_H.std() / np.sqrt(len(third_H))),
        standard=pooled([swaps(study) for study in Study.seeds("mlp-standard")]),
        grokking=pooled([swaps(study) for study in Study.seeds("mlp-grokking")]),
        longer=swaps(longer),
        scaled=_scaled(studies["standard"], longer),
        thinned=thinned(),
        swaps={name: [value.value for value in swaps(study).accuracy] for name, study in shown.items()},
    )


@functools.cache
def thinned() -> Thinned:
    """The networks in closed form with fewer frequencies and with fewer phases."""
    half = subsets.phase_range_losses(ranges=[np.pi])[0]
    return Thinned(
        half_circle=loss(half.mean),
        fewer=subsets.subset_losses(),
        redealt=subsets.subset_losses(redeal=True),
        ranges=tuple(subsets.phase_range_losses(ranges=[multiple * np.pi for multiple in RANGES])),
    )


def overtones(each: Mapping[str, list[Waves]]) -> tuple[dict[str, np.ndarray], tuple[int, ...], dict[str, np.ndarray]]:
    """How input waves are bent and what it does to the ghosts, means over seeds, as their figure takes them.

    Args:
        each: title -> the seeds.
    """
    bent = {title: np.mean([one.overtone_R for one in seeds], axis=0) for title, seeds in each.items()}
    heights = {title: [np.append(one.kept_ratio_N, one.ghosts.value) for one in seeds] for title, seeds in each.items()}
    return bent, ORDERS, {title: np.mean(rows, axis=0) for title, rows in heights.items()}


def example_logits() -> np.ndarray:
    """The logits of the network in closed form for p = 7 with 8 neurons a frequency, (P, P, C)."""
    example = two_layer.even_neurons(7, dict.fromkeys((1, 2, 3), 8))
    return two_layer.network_logits(example.theta_HP, example.xi_HP, activations.QUAD)


def _neuron(found: Neurons) -> Neuron:
    of_k = found.fits.of_frequency(FREQUENCY)
    h = int(of_k[np.argmax(found.fits.input_fve_H[of_k])])
    squared_PP = (found.theta_HP[h][:, None] + found.theta_HP[h]) ** 2
    whole_PPC, terms = squared_PP[..., None] * found.xi_HP[h], indicator.neuron_terms(found.fits, [h])
    left = ((whole_PPC - terms.sum_PPC) ** 2).sum() / (whole_PPC**2).sum()
    return Neuron(explained=share(1 - left), written_PP=whole_PPC[..., OUTPUT], terms=terms)


def _cancellation(fits: two_layer.CosineFits) -> Cancellation:
    shares = {k: indicator.cancellation(fits, k) for k in range(1, fits.p // 2 + 1)}
    answer, output, wrong = np.mean([share_N3[-1] for share_N3 in shares.values()], axis=0)
    n = round(float(np.mean([len(share_N3) for share_N3 in shares.values()])))
    chance = two_layer.resultant_null(n).mean
    return Cancellation(
        answer=share(answer), output=share(output, null=chance), wrong=share(wrong, null=chance), each=total(n), shares=shares
    )


def _logits(studies: dict[str, Study]) -> Logits:
    p, sigma = studies["standard"].p, {"quadratic": activations.QUAD}
    logits = {name: study.grid.logits_PPC for name, study in studies.items()}
    centred = {name: logits_PPC - logits_PPC.mean(axis=2, keepdims=True) for name, logits_PPC in logits.items()}
    two = ("quadratic", "standard")
    strength = {name: 4 * of(studies[name]).main.value / p for name in two}
    example_C = example_logits()[4, 6]
    return Logits(
        example=words(tables.listing([tables.number(round(value)) for value in example_C])),
        example_right=total(round(example_C[3])),
        example_ghosts=total(round(example_C[1])),
        rays={name: indicator.by_ray(logits_PPC) for name, logits_PPC in logits.items()},
        profiles={name: indicator.ray_profile(p, sigma.get(name, activations.RELU)) for name in logits},
        strips={"the formula": indicator.flawed_indicator(p, 1.0)[ROW]} | {f"{one}, trained": centred[one][ROW] for one in two},
        pair={name: centred[name][PAIR] for name in two},
        formula={name: indicator.flawed_indicator(p, strength[name])[PAIR] for name in two},
    )


def _scaled(study: Study, longer: Study) -> Scaled:
    chosen = {name: activations.SWAPS[name] for name in MIXED}
    found = activations.accuracy_by_scale(study.grid.theta_HP, study.grid.xi_HP, list(SCALES), chosen)
    return Scaled(
        enough=factor(SCALES[np.argmax(found["eˣ"] >= 0.99)]),
        longer=number(of(longer).alpha.value / of(study).alpha.value),
        longer_steps=total(longer.spec.steps),
        chance=1 / study.p,
        by_function=found,
    )


def _beside(columns: Mapping[str, Mapping[str, np.ndarray]], axis: str) -> Columns:
    """Arrays over one axis by what they are and by network, as a figure's data."""
    found = {f"{name}, {what}": values for what, by_name in columns.items() for name, values in by_name.items()}
    return {axis: np.arange(len(next(iter(found.values()))))} | found
