"""The parts of a network one by one: which key frequencies its heads follow, what they write, and what its neurons share out.

What attention and neurons are compared with is defined in `modaddlab.analysis.attention` and `neurons`; what becomes of a key
that no head follows is in `modaddlab.findings.overtones`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables as writing
from modaddlab.analysis import attention, neurons
from modaddlab.analysis.attention import HeadTerms, head_scores, head_terms
from modaddlab.findings import structure
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    NO_LAYER_NORM,
    ODD_MODULUS,
    ONE_LAYER,
    TRANSFORMER,
    for_networks,
)
from modaddlab.findings.overtones import Heads, heads
from modaddlab.findings.structure import Structure
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, over, pooled, share, total, words
from modaddlab.study import Study
from modaddlab.tasks import all_pairs

ASKED = tuple((a, b) for a in (7, 45, 90) for b in (20, 60, 101))
"""The questions whose attention is drawn."""

IGNORED = 0.01
"""A head whose mean attention to "=" is below this share ignores it."""

CLUSTERED = 0.85
"""A neuron belongs to a frequency that explains more than this share of its variance (Nanda et al. 2023)."""

DRAWN = 3
"""Neurons of each frequency that are drawn by lot for the gallery."""


@for_networks(TRANSFORMER, ALL_WEIGHTS)
def measure_neurons(study: Study) -> dict[str, np.ndarray]:
    """The best frequency of each neuron, (H,), the share of its variance that this explains, and its energies, (K, H)."""
    fits, energies = neurons.fit_neurons(study.grid.neurons_PPH), neurons.neuron_energies(study.grid.neurons_PPH)
    return {"frequency_H": fits.frequency_H, "fve_H": fits.fve_H, "energy_KH": energies.polynomial_KH}


@dataclass(frozen=True, kw_only=True)
class Circuit(Group):
    """The heads of one network, or of several together; means over the heads."""

    scores: Value
    """Of the variance of a head's scores, the part at one frequency."""
    patterns: Value
    """Of all of its attention, the part that the softmax of the scores' waves explains."""
    products: Value
    """Of what it writes, the part along products of two waves of its own frequency."""
    headless: Value
    """How many keys no head follows."""


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def of(study: Study) -> Circuit:
    """The heads of one network; NaN where a head attends alike to everything."""
    found = heads(study)
    return Circuit(
        scores=share(found.score_fve_n.mean()),
        patterns=share(found.pattern_fve_n.mean()),
        products=share(found.products_n.mean()),
        headless=total(len(found.headless_X)),
    )


@dataclass(frozen=True, kw_only=True)
class Attention(Group):
    """Where the mainline's heads look; least and most over its heads."""

    n_heads: Value
    pairs_least: Value
    pairs_most: Value
    """In the published form, a wave in a minus a wave in b."""
    patterns_least: Value
    patterns_most: Value
    """As the softmax of the scores' waves."""
    equals_most: Value
    """Mean attention to "="."""
    n_ignoring: Value
    ignoring_least: Value
    ignoring_most: Value
    """The heads of all networks whose attention to "=" is below `IGNORED`: how many, and their least and most."""
    n_looking: Value
    looking_least: Value
    looking_most: Value
    """The other heads."""
    table: list[dict[str, str]] = field(repr=False)
    patterns_Bn33: np.ndarray = field(repr=False)
    """On the questions `ASKED`."""
    mean_n33: np.ndarray = field(repr=False)
    to_a_PPn: np.ndarray = field(repr=False)
    frequency_n: tuple[int, ...] = field(repr=False)

    @property
    def question_columns(self) -> Columns:
        """The attention on single questions as a figure's data."""
        every = np.round(np.concatenate([self.mean_n33[None], self.patterns_Bn33]), 5)
        question, head, start, end = (index.ravel() for index in np.indices(every.shape))
        named = np.array(["mean", *(f"{a} + {b}" for a, b in ASKED)])
        return {"input": named[question], "head": head, "from": start, "to": end, "attention": every.ravel()}

    @property
    def pair_columns(self) -> Columns:
        """The attention to a on all questions as a figure's data."""
        a, b = (index.ravel() for index in np.indices(self.to_a_PPn.shape[:2]))
        to_a = np.round(self.to_a_PPn, 4)
        return {"a": a, "b": b} | {f"head {head}": to_a[..., head].ravel() for head in range(to_a.shape[2])}


@dataclass(frozen=True, kw_only=True)
class Writing(Group):
    """What the mainline's heads write: the part along products of two waves of the own frequency."""

    least: Value
    most: Value
    untrained_most: Value
    terms: dict[str, tuple[HeadTerms, ...]] = field(repr=False)
    """Network -> what each of its heads writes."""

    @property
    def columns(self) -> Columns:
        """All parts as a figure's data."""
        parts = ("linear", "products", "linear_others", "products_others", "mixed", "rest")
        rows = [(name or "trained", term) for name, terms in self.terms.items() for term in terms]
        found = {"network": [name for name, _ in rows], "head": [term.head for _, term in rows]}
        found["frequency"] = [term.frequency for _, term in rows]
        return found | {part: [getattr(term, part) for _, term in rows] for part in parts}


@dataclass(frozen=True, kw_only=True)
class Neurons(Group):
    """How the mainline's neurons share out its keys."""

    elsewhere: Value
    elsewhere_untrained: Value
    """How many have another frequency than a key as their best, before training too."""
    sizes: Value
    in_none: Value
    drawn: list[int] = field(repr=False)
    drawn_PPN: np.ndarray = field(repr=False)
    W_L_NC: np.ndarray = field(repr=False)
    """The neurons of the gallery: numbers, activations, contributions to the answers."""
    frequency_H: np.ndarray = field(repr=False)
    fve_H: np.ndarray = field(repr=False)
    cluster_H: np.ndarray = field(repr=False)
    """The frequency of each one's cluster, 0 for none."""
    energy_KH: np.ndarray = field(repr=False)
    untrained: tuple[np.ndarray, np.ndarray] = field(repr=False)
    """Frequency and explained share of each neuron before training."""

    @property
    def counts(self) -> dict[int, int]:
        """Frequency -> neurons in its cluster, 0 standing for those in none."""
        sizes = {int(k): int((self.cluster_H == k).sum()) for k in np.unique(self.cluster_H) if k}
        return sizes | {0: int((self.cluster_H == 0).sum())}

    @property
    def gallery_columns(self) -> Columns:
        """Contributions to the answers as a figure's data."""
        pairs = zip(self.drawn, self.W_L_NC, strict=True)
        named = {f"neuron {h}, k = {self.frequency_H[h]}": np.round(row, 5) for h, row in pairs}
        return {"c": np.arange(self.W_L_NC.shape[1])} | named

    @property
    def spectrum_columns(self) -> Columns:
        """The spectra of all neurons as a figure's data."""
        share_KH = self.energy_KH / np.maximum(self.energy_KH.sum(axis=0), np.finfo(float).tiny)
        spectra = {f"k = {k}": np.round(share_H, 4) for k, share_H in enumerate(share_KH, 1)}
        return {"neuron": np.arange(len(self.cluster_H)), "cluster": self.cluster_H} | spectra

    @property
    def fit_columns(self) -> Columns:
        """The best frequency of each neuron as a figure's data."""
        before = dict(zip(("frequency untrained", "explained untrained"), self.untrained, strict=True))
        return {"neuron": np.arange(len(self.fve_H)), "frequency": self.frequency_H, "explained": self.fve_H} | before

    @property
    def count_columns(self) -> Columns:
        """The sizes of the clusters as a figure's data."""
        return {"frequency": list(self.counts), "neurons": list(self.counts.values())}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The mainline's parts, and those of its seeds."""

    attention: Attention
    writing: Writing
    neurons: Neurons
    mainline: Circuit
    others: Circuit
    untrained: Circuit
    traces: Structure
    traces_others: Structure
    traces_untrained: Structure
    """The algorithm's traces in the mainline, in its other seeds, and, with its keys, before training."""
    energy: Value
    energy_others: Value
    """Of W_L's energy, the part outside the keys: the square of that of its norm."""
    n_networks: Value
    n_others: Value
    n_keys: Value
    keys: tuple[int, ...]


def measure() -> Parts:
    """The finding, from the mainline, its seeds and an untrained network.

    Raises:
        LabError: a record is damaged.
    """
    study, untrained, others = Study.open("mainline"), Study.open("untrained"), Study.seeds("mainline-25k")
    networks = [study, *others]
    found = [heads(one) for one in networks]
    traces = [structure.of(one) for one in networks]
    energies = [share(one.W_L_residual.value**2) for one in traces]
    return Parts(
        attention=_attention(study, untrained, found),
        writing=_writing(study, untrained),
        neurons=_neurons(study, untrained),
        mainline=of(study),
        others=pooled([of(one) for one in others]),
        untrained=of(untrained),
        traces=traces[0],
        traces_others=pooled(traces[1:]),
        traces_untrained=structure.of(untrained, study.keys),
        energy=energies[0],
        energy_others=over(energies[1:]),
        n_networks=count(len(networks)),
        n_others=count(len(others)),
        n_keys=count(len(study.keys)),
        keys=study.keys,
    )


def _attention(study: Study, untrained: Study, every: Sequence[Heads]) -> Attention:
    grid, before, mine = study.grid, untrained.grid, every[0]
    means, pairs = attention.head_fits(grid.pattern_PPn3), attention.pattern_fits(grid.pattern_PPn3)
    rows = [
        {
            "head": str(head),
            "frequency": str(mine.frequency_n[head] or writing.MISSING),
            "averaged over b": writing.percent(means[head].fve),
            "wave in a − wave in b": writing.percent(pairs[head].antisymmetric_fve),  # noqa: RUF001
            "scores": writing.percent(mine.score_fve_n[head]),
            "softmax of the wave": writing.percent(mine.pattern_fve_n[head]),
            "to =": writing.percent(mine.to_equals_n[head]),
        }
        for head in range(len(means))
    ]
    most = (
        max(fit.fve for fit in attention.head_fits(before.pattern_PPn3)),
        max(fit.antisymmetric_fve for fit in attention.pattern_fits(before.pattern_PPn3)),
        heads(untrained).score_fve_n.max(),
        heads(untrained).pattern_fve_n.max(),
    )
    null = [f"≤ {writing.percent(value)}" for value in most]
    rows.append(dict(zip(rows[0], ["untrained", "any", *null, writing.MISSING], strict=True)))
    to_equals = np.concatenate([one.to_equals_n for one in every])
    ignoring, looking = to_equals[to_equals < IGNORED], to_equals[to_equals >= IGNORED]
    return Attention(
        n_heads=count(len(means)),
        pairs_least=share(min(fit.antisymmetric_fve for fit in pairs)),
        pairs_most=share(max(fit.antisymmetric_fve for fit in pairs)),
        patterns_least=share(mine.pattern_fve_n.min()),
        patterns_most=share(mine.pattern_fve_n.max()),
        equals_most=share(mine.to_equals_n.max()),
        n_ignoring=total(len(ignoring)),
        ignoring_least=share(ignoring.min()),
        ignoring_most=share(ignoring.max()),
        n_looking=count(len(looking)),
        looking_least=share(looking.min()),
        looking_most=share(looking.max()),
        table=rows,
        patterns_Bn33=attention.patterns_at(grid, np.array(ASKED)),
        mean_n33=attention.patterns_at(grid, all_pairs(study.p)).mean(axis=0),
        to_a_PPn=grid.pattern_PPn3[..., 0],
        frequency_n=tuple(int(k) for k in mine.frequency_n),
    )


def _writing(study: Study, untrained: Study) -> Writing:
    networks = {"": study.grid, "untrained": untrained.grid}
    terms = {name: head_terms(grid.heads_PPnD, head_scores(grid).frequency_n, study.keys) for name, grid in networks.items()}
    products = [term.products for term in terms[""]]
    return Writing(
        least=share(min(products)),
        most=share(max(products)),
        untrained_most=share(max(term.products for term in terms["untrained"])),
        terms=terms,
    )


def _neurons(study: Study, untrained: Study) -> Neurons:
    mine, before = study.remember(measure_neurons), untrained.remember(measure_neurons)
    clustered_H = (mine["fve_H"] > CLUSTERED) & (mine["frequency_H"] > 0)
    cluster_H = np.where(clustered_H, mine["frequency_H"], 0)
    lot, drawn = np.random.default_rng(0), []
    for frequency in np.unique(cluster_H[clustered_H]):
        members = np.flatnonzero(cluster_H == frequency)
        members = members[np.argsort(-mine["fve_H"][members], kind="stable")]  # best explained first
        drawn += [int(h) for h in np.sort(lot.choice(members, min(DRAWN, len(members)), replace=False))]
    sizes = [int((cluster_H == frequency).sum()) for frequency in np.unique(cluster_H[clustered_H])]
    return Neurons(
        elsewhere=share(float(np.mean(~np.isin(mine["frequency_H"], study.keys)))),
        elsewhere_untrained=share(float(np.mean(~np.isin(before["frequency_H"], study.keys)))),
        sizes=words(writing.listing([str(size) for size in sizes])),
        in_none=total((~clustered_H).sum()),
        drawn=drawn,
        drawn_PPN=study.grid.neurons_PPH[..., drawn],
        W_L_NC=study.grid.W_L_HC[drawn],
        frequency_H=mine["frequency_H"],
        fve_H=mine["fve_H"],
        cluster_H=cluster_H,
        energy_KH=mine["energy_KH"],
        untrained=(before["frequency_H"], before["fve_H"]),
    )
