"""What would change a network's answers: its average gradient outer product, over training and at the end, and its structure.

The outer product is that of `modaddlab.models.gradients`, and what is measured of its blocks is defined in
`modaddlab.analysis.circulants`. Over training, and over seeds, it is taken on a sample of pairs: all those of some differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import circulants
from modaddlab.analysis.circulants import Directions
from modaddlab.analysis.fourier import fourier_basis
from modaddlab.findings import progress, questions
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
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, number, pooled, share, total
from modaddlab.models.gradients import gradient_outer_product, whole_differences
from modaddlab.study import Study

N_DIFFERENCES = 12
"""Differences a - b whose pairs are a snapshot's sample; about half a second for the mainline's network."""

COURSE = (0.0, 0.05, 0.14, 0.27, 0.45, 0.61, 0.74, 0.87, 1.0, 1.17, 1.5, 2.1)
"""Where its course is looked at, as parts of the step at which the network generalizes."""

N_LEADING, PURE = 16, 0.9
"""How many leading directions are looked at, and from which share on one belongs to a frequency."""


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
        n_differences: how many differences a - b are its sample; by default all p, some 5 s for the mainline.
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


@dataclass(frozen=True, kw_only=True)
class Blocks(Group):
    """What the outer product of one network looks like; the null of a share has the residues in random orders."""

    within: Value
    """How circulant the blocks within a position are, as a share of their squared norm."""
    across: Value
    """How circulant the block across the positions is."""
    across_hankel: Value
    across_frequency: Value
    """The shares of that block that are Hankel, and of equal frequency."""
    similarity: Value
    """The cosine between the blocks within and across."""
    keys: Value
    """The keys' share of the trace."""


@dataclass(frozen=True, kw_only=True)
class Gradients:
    """The mainline's outer product, and those of its seeds."""

    mainline: Blocks
    """At the end, over all questions."""
    untrained: Blocks
    """Of an untrained network, with the mainline's keys."""
    seeds: Blocks
    n: Value
    """How many networks that are."""
    n_sampled: Value
    n_differences: Value
    """The questions and the differences of the samples."""
    off_within: Value
    off_across: Value
    off_similarity: Value
    """How far the mainline's sample is from all questions at the end."""
    similarity_at_turn: Value
    n_pure: Value
    """How many of the leading directions are waves of a key."""
    n_keys: Value
    n_frequencies: Value
    key_frequencies: tuple[int, ...]
    course: GradientHistory = field(repr=False)
    spans: list[tuple[str, float, float]] = field(repr=False)
    """The phases, as figures take them."""
    products: dict[str, np.ndarray] = field(repr=False)
    """Moment -> the outer product over the residues."""
    leading: Directions = field(repr=False)
    leading_untrained: Directions = field(repr=False)

    @property
    def components(self) -> dict[str, np.ndarray]:
        """The products over frequencies instead of residues."""
        return {name: over_frequencies(G_XX) for name, G_XX in self.products.items()}

    @property
    def product_columns(self) -> Columns:
        """The product at the end as a figure's data."""
        G_XX = list(self.products.values())[-1]
        row_XX, column_XX = np.indices(G_XX.shape)
        scaled_XX = np.round(G_XX / np.diag(G_XX).mean(), 3)
        return {"row": row_XX.ravel(), "column": column_XX.ravel(), "at the end, mean diagonal = 1": scaled_XX.ravel()}

    @property
    def within(self) -> dict[str, np.ndarray]:
        """The shares of the blocks within a position over training."""
        return {"circulant": self.course.within_T3[:, 0], "Hankel": self.course.within_T3[:, 1]}

    @property
    def across(self) -> dict[str, np.ndarray]:
        """The shares of the block across the positions over training."""
        return {"circulant": self.course.across_T3[:, 0], "Hankel": self.course.across_T3[:, 1]}

    @property
    def nulls(self) -> dict[str, np.ndarray]:
        """The circulant shares with the residues in random orders over training."""
        return {"within/circulant": self.course.within_null_T3[:, 0], "across/circulant": self.course.across_null_T3[:, 0]}

    @property
    def share_columns(self) -> Columns:
        """The shares over training as a figure's data."""
        within = {f"within, {name}": share_T for name, share_T in self.within.items()}
        across = {f"across, {name}": share_T for name, share_T in self.across.items()}
        nulls = {f"{name.replace('/', ', ')}, random order": share_T for name, share_T in self.nulls.items()}
        others = {"trace at the keys": self.course.key_share_T, "cosine of within and across": self.course.similarity_T}
        return {"step": self.course.step_T} | within | across | nulls | others

    @property
    def leading_columns(self) -> Columns:
        """The leading directions as a figure's data."""
        return {
            "rank": np.arange(1, N_LEADING + 1),
            "share of the trace": self.leading.share_R,
            "frequency": self.leading.frequency_R,
            "purity": self.leading.purity_R,
            "untrained, purity": self.leading_untrained.purity_R,
        }


def measure() -> Gradients:
    """The finding, from the mainline, its seeds that generalize, and an untrained network.

    Raises:
        LabError: a record is damaged.
    """
    study, untrained = Study.open("mainline"), Study.open("untrained")
    family = [study, *(one for one in Study.seeds("mainline-25k") if one.phases.generalization is not None)]
    course = history(study, sorted({questions.near(study, part) for part in COURSE}))
    before, turn = (int(np.flatnonzero(course.step_T == questions.near(study, part))[0]) for part in (COURSE[2], 1.0))
    exact, blank = final(study), final(untrained, N_DIFFERENCES)
    everywhere, sample = _blocks(exact, study.keys), of(study)
    leading = circulants.leading_directions(exact, N_LEADING)
    return Gradients(
        mainline=everywhere,
        untrained=_blocks(blank, study.keys),
        seeds=pooled([of(one) for one in family]),
        n=count(len(family)),
        n_sampled=total(N_DIFFERENCES * study.p),
        n_differences=count(N_DIFFERENCES),
        off_within=_off(sample.within, everywhere.within),
        off_across=_off(sample.across, everywhere.across),
        off_similarity=_off(sample.similarity, everywhere.similarity),
        similarity_at_turn=number(course.similarity_T[turn]),
        n_pure=total(int(np.sum(np.isin(leading.frequency_R, study.keys) & (leading.purity_R > PURE)))),
        n_keys=count(len(study.keys)),
        n_frequencies=total(study.p // 2),
        key_frequencies=study.keys,
        course=course,
        spans=progress.of(study).spans,
        products={"untrained": blank}
        | {f"step {course.step_T[row]:,}": course.products_TXX[row] for row in (before, turn)}
        | {f"step {study.spec.steps:,}": exact},
        leading=leading,
        leading_untrained=circulants.leading_directions(blank, N_LEADING),
    )


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ALL_WEIGHTS)
def of(study: Study) -> Blocks:
    """The structure of one network's outer product, on a sample of pairs."""
    return _blocks(final(study, min(N_DIFFERENCES, study.p)), study.keys)


def over_frequencies(G_XX: np.ndarray) -> np.ndarray:
    """An outer product (2P, 2P) in the Fourier basis of each position."""
    p = len(G_XX) // 2
    basis_XX = np.kron(np.eye(2), fourier_basis(p))
    return basis_XX @ G_XX @ basis_XX.T


def _blocks(G_XX: np.ndarray, keys: Sequence[int]) -> Blocks:
    found = structure(np.zeros(1), G_XX[None], keys)
    circulant, hankel, fourier = range(3)
    return Blocks(
        within=share(found.within_T3[0, circulant], null=found.within_null_T3[0, circulant]),
        across=share(found.across_T3[0, circulant], null=found.across_null_T3[0, circulant]),
        across_hankel=share(found.across_T3[0, hankel], null=found.across_null_T3[0, hankel]),
        across_frequency=share(found.across_T3[0, fourier], null=found.across_null_T3[0, fourier]),
        similarity=number(found.similarity_T[0]),
        keys=share(found.key_share_T[0]),
    )


def _off(sample: Value, exact: Value) -> Value:
    return number(abs(sample.value - exact.value))
