"""A network's weights and logits in waves: on how few frequencies they stand, and which of them count as keys.

"Energy" is a squared norm of Fourier components, the constant left out. The null of a share is the same matrix with its residues
renamed at random: the same numbers without their order on the circle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis import overtones, spectra
from modaddlab.analysis.keys import RuleComparison, compare_rules
from modaddlab.findings.networks import ALL_WEIGHTS, NO_LAYER_NORM, for_networks, initial_or_random
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, number, share, total, words
from modaddlab.models.grid import Grid, run_grid
from modaddlab.study import Study

RULES = {"embedding": "norms of $W_E$", "neuron-logit": "norms of $W_L$", "neurons": "votes of the neurons"}
"""What each rule looks at."""


@dataclass(frozen=True, kw_only=True)
class Matrix(Group):
    """A matrix along its residues or answers."""

    share: Value
    """Of the energy in the largest components, two for each key; its null is the mean over renamings."""
    renamed_low: Value
    renamed_high: Value
    """Between these lie 95 % of the renamings."""
    gini: Value
    norms_P: np.ndarray = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Logits(Group):
    """The logits as tables over both inputs."""

    share: Value
    """Of the energy in the products of waves of one key."""
    products: Value
    """Their number, four for each key."""
    components: Value
    """Of all products of two waves."""
    counted: Value
    """Components above the largest gap."""
    weakest: Value
    """The key whose products hold least."""
    norms_PP: np.ndarray = field(repr=False)

    @property
    def largest(self) -> Columns:
        """The largest components as a figure's data."""
        order = np.argsort(-self.norms_PP.ravel())[:400]
        a, b = np.divmod(order, len(self.norms_PP))
        return {"component of a": a, "component of b": b, "norm": self.norms_PP.ravel()[order]}


@dataclass(frozen=True, kw_only=True)
class Spectrum(Group):
    """One network in waves."""

    keys: tuple[int, ...]
    n_keys: Value
    key_list: Value
    top: Value
    """Components that the keys have, two for each."""
    components: Value
    """Of all waves."""
    embedding: Matrix
    output: Matrix
    logits: Logits
    disputed: Value
    """Frequencies that not all rules find."""
    planes: dict[int, np.ndarray] = field(repr=False)
    """The residues along the two directions of each key: (P, 2)."""
    rules: RuleComparison = field(repr=False)

    @property
    def circles(self) -> Columns:
        """The residues in all planes as a figure's data."""
        p = len(self.embedding.norms_P)
        points = np.concatenate(list(self.planes.values()))
        residue = np.tile(np.arange(p), len(self.planes))
        names = {"k": np.repeat(list(self.planes), p), "residue": residue}
        return names | {"cosine direction": points[:, 0], "sine direction": points[:, 1]}

    @property
    def by_rule(self) -> tuple[dict[str, np.ndarray], dict[str, tuple[int, ...]], tuple[int, ...], dict[str, float]]:
        """What each rule looks at, what it finds, the keys and where it cuts, for a figure."""
        found = {RULES[one.rule]: one for one in self.rules.rules}
        return (
            {name: one.score_K for name, one in found.items()},
            {name: one.frequencies for name, one in found.items()},
            self.keys,
            {name: one.gap.threshold for name, one in found.items() if one.gap},
        )

    @property
    def scores(self) -> Columns:
        """What each rule looks at, as a figure's data."""
        found = {one.rule: one.score_K for one in self.rules.rules}
        return {"k": np.arange(1, 1 + len(found["neurons"])), **found}

    @property
    def table(self) -> list[dict[str, str]]:
        """What each rule finds."""
        found = {RULES[one.rule]: one.frequencies for one in self.rules.rules}
        found |= {"the same vote, as released": self.rules.released.frequencies, "at least two rules": self.keys}
        return [{"rule": name, "frequencies": tables.cell(keys), "found": str(len(keys))} for name, keys in found.items()]


@for_networks(NO_LAYER_NORM, ALL_WEIGHTS)
def of(study: Study) -> Spectrum:
    """A network in waves."""
    return _spectrum(study.grid, study.keys, study.key_rules)


@for_networks(NO_LAYER_NORM, ALL_WEIGHTS)
def null(study: Study) -> Spectrum:
    """The weights that it began with, or random ones, seen at the keys of the trained network."""
    grid = run_grid(initial_or_random(study), study.spec.model, study.p)
    return _spectrum(grid, study.keys, compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH))


@dataclass(frozen=True, kw_only=True)
class BeforeAndAfter:
    """The mainline, trained and untrained."""

    trained: Spectrum
    untrained: Spectrum
    overtone: Value
    """The disputed frequency that is twice a key,"""
    overtone_of: Value
    """and that key."""


def measure() -> BeforeAndAfter:
    """The book's."""
    study = Study.open("mainline")
    trained = of(study)
    doubled = {overtones.overtone_of(study.p, key): key for key in study.keys}
    (overtone,) = doubled.keys() & set(trained.rules.disputed)
    return BeforeAndAfter(trained=trained, untrained=null(study), overtone=total(overtone), overtone_of=total(doubled[overtone]))


def _spectrum(grid: Grid, keys: tuple[int, ...], rules: RuleComparison) -> Spectrum:
    p, W_E_PD = grid.p, grid.W_E_PD
    circles = [key for key in keys if 2 * key != p]  # the sign p/2 has no second direction
    return Spectrum(
        keys=keys,
        n_keys=count(len(keys)),
        key_list=words(tables.cell(keys)),
        top=total(2 * len(keys)),
        components=total(p - 1),
        embedding=_matrix(W_E_PD, 2 * len(keys)),
        output=_matrix(grid.W_L_HC.T, 2 * len(keys)),
        logits=_logits(grid.logits_PPC, keys),
        disputed=words(tables.listing(rules.disputed)),
        planes={key: W_E_PD @ spectra.circle_directions(W_E_PD, key).T for key in circles},
        rules=rules,
    )


def _matrix(table_PD: np.ndarray, n_top: int) -> Matrix:
    def top(x: np.ndarray) -> float:
        return spectra.top_share(spectra.spectrum(x).norms_P, n_top)

    found, renamed = spectra.spectrum(table_PD), spectra.permutation_null(table_PD, top)
    return Matrix(
        share=share(top(table_PD), null=renamed.mean),
        renamed_low=share(renamed.low),
        renamed_high=share(renamed.high),
        gini=number(found.gini),
        norms_P=found.norms_P,
    )


def _logits(logits_PPC: np.ndarray, keys: tuple[int, ...]) -> Logits:
    found = spectra.logit_spectrum(logits_PPC)
    blocks = spectra.logit_blocks(found.norms_PP, keys)
    weakest = min(blocks, key=lambda block: block.energy_share, default=None)
    return Logits(
        share=share(sum(block.energy_share for block in blocks)),
        products=total(4 * len(keys)),
        components=total(found.norms_PP.size),
        counted=total(len(found.significant)),
        weakest=words("none" if weakest is None else str(weakest.frequency)),
        norms_PP=found.norms_PP,
    )
