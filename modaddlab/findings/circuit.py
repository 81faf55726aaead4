"""The algorithm in a one-layer transformer, part by part: what its heads follow, what its neurons multiply, what W_L reads.

Numbers that many networks are compared by are in `structure`; here is what drawings need, and what one network has for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis import attention, by_hand, circuit, neurons, overtones, progress
from modaddlab.analysis.attention import HeadFit
from modaddlab.analysis.circuit import DirectionFit
from modaddlab.analysis.neurons import NeuronFits
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    NO_LAYER_NORM,
    ONE_LAYER,
    SUMS,
    TRANSFORMER,
    for_networks,
    initial_or_random,
    transformer,
)
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, number, share, total, words
from modaddlab.models.grid import Grid, run_grid
from modaddlab.models.transformer import TransformerGrid
from modaddlab.shapes import table_columns
from modaddlab.study import Study

SHOWN = 4
"""Neurons that are drawn, one for each of so many frequencies."""


@dataclass(frozen=True, kw_only=True)
class Heads(Group):
    """What the heads' attention to a follows."""

    explained: Value
    """Of the variation of each head, by one frequency."""
    most: Value
    """The largest of these shares."""
    followed: Value
    """The keys that heads' scores follow."""
    headless: Value
    """The keys that no head follows."""
    fits: tuple[HeadFit, ...] = field(repr=False)
    pattern_PPn: np.ndarray = field(repr=False)

    @property
    def drawn(self) -> tuple[np.ndarray, list[int], list[float]]:
        """The attention, and each head's frequency with its share, for a figure."""
        return self.pattern_PPn, [fit.frequency for fit in self.fits], [fit.fve for fit in self.fits]

    @property
    def fit_Pn(self) -> np.ndarray:
        """The waves."""
        return np.stack([fit.fit_P for fit in self.fits], axis=1)

    @property
    def columns(self) -> Columns:
        """The mean attention as a figure's data."""
        return {"a": np.arange(len(self.fit_Pn)), **{f"head {fit.head}": fit.mean_P for fit in self.fits}}


@dataclass(frozen=True, kw_only=True)
class Neurons(Group):
    """The neurons as polynomials of degree two in the waves of one frequency."""

    explained: Value
    """How many have more than 85 % of their variance explained."""
    total: Value
    fits: NeuronFits = field(repr=False)
    shown: tuple[int, ...]
    """Of each cluster of a key, up to `SHOWN`, the neuron that varies most."""
    activations_PPN: np.ndarray = field(repr=False)
    polynomials_PPN: np.ndarray = field(repr=False)

    @property
    def drawn(self) -> tuple[np.ndarray, np.ndarray, tuple[int, ...], list[int], np.ndarray]:
        """Those neurons, their polynomials and their frequencies, for a figure."""
        chosen = list(self.shown)
        frequencies = [int(frequency) for frequency in self.fits.frequency_H[chosen]]
        return self.activations_PPN, self.polynomials_PPN, self.shown, frequencies, self.fits.fve_H[chosen]

    @property
    def columns(self) -> Columns:
        """Those neurons as a figure's data."""
        return _tables({f"neuron {h}": self.activations_PPN[..., n] for n, h in enumerate(self.shown)})


@dataclass(frozen=True, kw_only=True)
class Directions(Group):
    """What W_L reads of the neurons."""

    n: Value
    """Directions of the keys, two for each."""
    last: Value
    next: Value
    """Singular values of W_L: the last of so many, and the first beyond."""
    beyond: Value
    """The share of W_L's norm beyond."""
    fits: tuple[DirectionFit, ...] = field(repr=False)
    idle: tuple[DirectionFit, ...] = field(repr=False)
    """Those of the frequencies that are no keys."""

    @property
    def best(self) -> DirectionFit:
        """The one that is most nearly the cosine of the sum."""
        return max(self.fits, key=lambda fit: fit.fve_u)

    @property
    def identity(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Its two products, what the network holds, and its frequency, for a figure."""
        return self.best.cos_cos_PP, self.best.sin_sin_PP, self.best.u_PP, self.best.frequency

    @property
    def identity_columns(self) -> Columns:
        """The same as a figure's data."""
        return _tables({"cos cos": self.best.cos_cos_PP, "sin sin": self.best.sin_sin_PP, "network": self.best.u_PP})

    @property
    def points(self) -> dict[int, np.ndarray]:
        """Where each pair stands in the plane of u and v, by frequency, for a figure."""
        return {fit.frequency: np.stack([fit.u_PP, fit.v_PP], axis=-1) for fit in self.fits}

    @property
    def columns(self) -> Columns:
        """The same as a figure's data."""
        found = ((fit.frequency, name, values) for fit in self.fits for name, values in (("u", fit.u_PP), ("v", fit.v_PP)))
        return _tables({f"{name} {frequency}": values_PP for frequency, name, values_PP in found})

    def table(self, untrained: Directions, published: Iterable[tuple[int, float, float]], source: str) -> list[dict[str, str]]:
        """How much of u and v is the cosine and the sine of the sum, beside two controls and a published network.

        Args:
            untrained: the same of the untrained network.
            published: frequency and the two shares of another network's keys.
            source: the citation of that network.
        """
        ours = [(fit.frequency, fit.fve_u, fit.fve_v) for fit in self.fits]
        return [
            *(_row("this one", *line) for line in ours),
            *(_row(f"published [@{source}]", *line) for line in published),
            _row("control: untrained", "the keys", *_means(untrained.fits)),
            _row("control: this one", "not keys", *_means(self.idle)),
        ]


@dataclass(frozen=True, kw_only=True)
class Answer(Group):
    """The logits as a sum of one wave for each key."""

    a: Value
    b: Value
    """The unseen question with as many that are answered more surely as less."""
    accuracy: Value
    """Of the sum of waves in place of the network, on the test."""
    logits_C: np.ndarray = field(repr=False)
    """Of that question, less their mean."""
    wave_KC: np.ndarray = field(repr=False)
    margin_P: np.ndarray = field(repr=False)

    @property
    def columns(self) -> Columns:
        """Logits and waves of that question as a figure's data."""
        waves = {f"wave {n}": wave_C for n, wave_C in enumerate(self.wave_KC, 1)}
        return {"c": np.arange(len(self.logits_C)), "network": self.logits_C, **waves}

    @property
    def margins(self) -> Columns:
        """The mean margins as a figure's data."""
        return {"offset d": np.arange(len(self.margin_P)), "margin": self.margin_P}


@dataclass(frozen=True, kw_only=True)
class Circuit(Group):
    """One network."""

    keys: tuple[int, ...]
    n_keys: Value
    heads: Heads
    neurons: Neurons
    directions: Directions
    answer: Answer


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def of(study: Study) -> Circuit:
    """The algorithm in a network."""
    return _circuit(study, study.grid)


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def null(study: Study) -> Circuit:
    """The same of the weights that it began with, or of random ones, with the keys of the trained network."""
    return _circuit(study, run_grid(initial_or_random(study), transformer(study), study.p))


@for_networks(NO_LAYER_NORM, SUMS, ALL_WEIGHTS)
def of_neurons(study: Study) -> Neurons:
    """What the neurons follow, in a network of any kind."""
    return _neurons(study.grid)


@for_networks(NO_LAYER_NORM, SUMS, ALL_WEIGHTS)
def null_of_neurons(study: Study) -> Neurons:
    """The same of the weights that it began with, or of random ones."""
    return _neurons(run_grid(initial_or_random(study), study.spec.model, study.p))


@dataclass(frozen=True, kw_only=True)
class BeforeAndAfter:
    """The mainline, trained and untrained."""

    trained: Circuit
    untrained: Circuit


def measure() -> BeforeAndAfter:
    """The book's."""
    study = Study.open("mainline")
    return BeforeAndAfter(trained=of(study), untrained=null(study))


def _circuit(study: Study, grid: TransformerGrid) -> Circuit:
    keys = study.keys
    return Circuit(
        keys=keys,
        n_keys=count(len(keys)),
        heads=_heads(grid, keys),
        neurons=_neurons(grid),
        directions=_directions(grid, [key for key in keys if 2 * key != grid.p]),  # the sign p/2 has no second direction
        answer=_answer(study, grid.logits_PPC),
    )


def _heads(grid: TransformerGrid, keys: tuple[int, ...]) -> Heads:
    fits = attention.head_fits(grid.pattern_PPn3)
    followed = set(attention.head_scores(grid).frequency_n) & set(keys)
    return Heads(
        explained=words(tables.listing([tables.percent(fit.fve) for fit in fits])),
        most=share(max(fit.fve for fit in fits)),
        followed=words(tables.listing(sorted(followed))),
        headless=words(tables.listing(overtones.headless(grid, keys))),
        fits=fits,
        pattern_PPn=grid.pattern_PPn3[..., 0],
    )


def _neurons(grid: Grid) -> Neurons:
    fits = neurons.fit_neurons(grid.neurons_PPH)
    deviation_H = grid.neurons_PPH.std(axis=(0, 1))
    clusters = [cluster.neurons for cluster in neurons.clusters(fits) if cluster.frequency][:SHOWN]
    shown = tuple(int(members[np.argmax(deviation_H[members])]) for members in clusters)
    return Neurons(
        explained=total(len(neurons.explained_neurons(fits))),
        total=total(len(fits.fve_H)),
        fits=fits,
        shown=shown,
        activations_PPN=grid.neurons_PPH[..., list(shown)],
        polynomials_PPN=neurons.polynomial_activations(fits, grid.p, shown),
    )


def _directions(grid: TransformerGrid, keys: list[int]) -> Directions:
    values = circuit.map_rank(grid.W_L_HC, keys).singular_values
    n = 2 * len(keys)
    idle = [k for k in range(1, (grid.p - 1) // 2 + 1) if k not in keys]
    return Directions(
        n=total(n),
        last=number(values[n - 1] if n else np.nan),
        next=number(values[n] if n < len(values) else np.nan),
        beyond=share(np.sqrt((values[n:] ** 2).sum() / (values**2).sum())),
        fits=circuit.direction_fits(grid.neurons_PPH, grid.W_L_HC, keys),
        idle=circuit.direction_fits(grid.neurons_PPH, grid.W_L_HC, idle),
    )


def _answer(study: Study, logits_PPC: np.ndarray) -> Answer:
    keys, labels_PP, mask_PP = study.keys, study.labels_PP, study.train_mask_PP
    waves = circuit.fit_waves(logits_PPC, keys)
    a, b = by_hand.most_ordinary_pair(logits_PPC, mask_PP if mask_PP.all() else ~mask_PP)
    logits_C = logits_PPC[a, b] - logits_PPC[a, b].mean()
    return Answer(
        a=total(a),
        b=total(b),
        accuracy=share(progress.score(waves.logits_PPC, labels_PP, mask_PP).test_accuracy),
        logits_C=logits_C,
        wave_KC=circuit.output_waves(logits_C, keys),
        margin_P=circuit.mean_margin(logits_PPC),
    )


def _tables(arrays: dict[str, np.ndarray]) -> Columns:
    """Tables over (a, b) as a figure's data, in three decimals."""
    index = {axis: values for axis, values in table_columns(next(iter(arrays.values())), "a", "b").items() if axis != "value"}
    return index | {name: np.round(values_PP, 3).ravel() for name, values_PP in arrays.items()}


def _means(fits: tuple[DirectionFit, ...]) -> tuple[float, float]:
    return float(np.mean([fit.fve_u for fit in fits])), float(np.mean([fit.fve_v for fit in fits]))


def _row(network: str, frequency: object, fve_u: float, fve_v: float) -> dict[str, str]:
    shares = {"u: explained by cos": tables.percent(fve_u), "v: explained by sin": tables.percent(fve_v)}
    return {"network": network, "frequency": str(frequency), **shares}
