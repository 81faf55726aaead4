"""A kernel machine that learns its features from its gradients, at the published settings: p = 61, half of the pairs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from modaddlab import tasks
from modaddlab.analysis import circulants, kernel_machine, logits
from modaddlab.analysis.fourier import energy_per_frequency
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Group, Value, change, chosen, count, number, over, pooled, setting, share, steps, total
from modaddlab.study import Study, remember

P, HALF, FITS, SEEDS = 61, 0.5, 20, range(10)
SHOWN = (2, 10, FITS)
"""The fits whose features are drawn."""

FEWER, FEWER_FITS, FEWER_SEEDS = 0.3, 60, range(3)
SHARES = (0.1, 0.2, FEWER, 0.4, HALF)


@dataclass(frozen=True, kw_only=True)
class Learned(Group):
    """One machine, with the block of its features across the two positions."""

    error: Value
    """The largest mean squared error on the training pairs of any fit."""
    train_accuracy: Value
    """The least of any fit."""
    accuracy: Value
    """On test pairs after the last fit; its null is the first."""
    halfway: Value
    """The first fit with half of the test pairs right."""
    idle: Value
    """The last fit with less than a percent above the first of them right,"""
    idle_way: Value
    """how much of its way the circulant deviation has gone there; its null has the residues in random orders,"""
    idle_alignment: Value
    """and the cosine between the gradient outer product there and the last one; its null is that of the first fit."""
    regular: Value
    """The share of the block that is circulant, or Hankel for `subtract` and `divide`; its null has residues in random orders."""
    deviation: Value
    """The published circulant deviation; its null has the residues in random orders."""
    right_train: Value
    right_test: Value
    """The mean output of the right answer at the end, less the mean over all outputs."""


@dataclass(frozen=True, kw_only=True)
class Answers(Group):
    """The part of the outputs of a machine or a network that depends on the distance c - a - b from the sum alone."""

    share: Value
    """Its share of their variance within pairs."""
    frequencies: Value
    """The fewest frequencies that hold 99 % of its energy,"""
    possible: Value
    """and how many there are."""
    energy_K: np.ndarray = field(repr=False)
    """The share of its energy at each frequency."""


@dataclass(frozen=True, kw_only=True)
class Drawn(Group):
    """Accuracy on test pairs after one fit, with a random block across the positions."""

    circulant: Value
    hankel: Value
    shuffled: Value
    """The circulant block's entries in random places."""
    renamed: Value
    """The circulant block with the residues of either position in a random order, which leaves its singular values."""


@dataclass(frozen=True, kw_only=True)
class Fewer(Group):
    """With a smaller share of the pairs."""

    part: Value
    drawn: Value
    """Accuracy on test pairs with random circulant blocks,"""
    learned: Value
    """of machines that learn their own,"""
    gained: Value
    """and the first less the second, on the same splits."""
    n_fits: Value
    n: Value
    """How often they are fitted, and how many that learn there are."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The chapter's machines, random features, and networks beside them."""

    p: Value
    n_train: Value
    bandwidth: Value
    n_fits: Value
    n_seeds: Value
    seeds: Learned
    subtract: Learned
    multiply: Learned
    divide: Learned
    unordered: Value
    """The deviation of the block of multiplication with the residues in their own order."""
    drawn: Drawn
    fewer: Fewer
    machine: Answers
    transformer: Answers
    two_layers: Answers
    learning: dict[str, list[np.ndarray]] = field(repr=False)
    """Name -> each seed's curve over the fits."""
    features: Mapping[str, np.ndarray] = field(repr=False)
    blocks: Mapping[str, np.ndarray] = field(repr=False)
    by_share: dict[str, Curve] = field(repr=False)

    @property
    def learning_columns(self) -> Columns:
        """The first seed's curves as a figure's data."""
        return {"fit": np.arange(1, FITS + 1)} | {name: curves[0] for name, curves in self.learning.items()}

    @property
    def feature_columns(self) -> Columns:
        """The features of the last fit as a figure's data."""
        return _entries(list(self.features.values())[-1])

    @property
    def block_columns(self) -> Columns:
        """The last of the blocks as a figure's data."""
        return _entries(list(self.blocks.values())[-1])

    @property
    def energies(self) -> dict[str, np.ndarray]:
        """Name -> the share of the energy of the answers at each frequency."""
        of = {"kernel machine": self.machine, "two-layer network": self.two_layers, "transformer": self.transformer}
        return {name: answers.energy_K for name, answers in of.items()}

    @property
    def energy_columns(self) -> Columns:
        """The same as a figure's data."""
        return curve_columns(
            {name: (np.arange(1, len(energy_K) + 1), energy_K) for name, energy_K in self.energies.items()},
            every=1,
            what="share of the energy",
            along="frequency",
        )

    @property
    def controls(self) -> dict[str, float]:
        """Random blocks that are not circulant -> their accuracy with half of the pairs."""
        return {name: getattr(self.drawn, name).value for name in ("hankel", "shuffled")}

    @property
    def share_columns(self) -> Columns:
        """Accuracies by the share of pairs as a figure's data."""
        return curve_columns(self.by_share, every=1, along="share of the pairs")


def measure() -> Kernel:
    """The finding.

    Raises:
        LabError: a network that stands beside it is not trained, or its record is damaged.
    """
    run = functools.partial(remember, measure_learning)
    runs = [run(operation="add", seed=seed, part=HALF, fits=FITS) for seed in SEEDS]
    others = {name: run(operation=name, seed=0, part=HALF, fits=FITS) for name in ("subtract", "multiply", "divide")}
    fewer = [run(operation="add", seed=seed, part=FEWER, fits=FEWER_FITS) for seed in FEWER_SEEDS]
    circulant = [_random("circulant", part) for part in SHARES]
    others_drawn = {name: _random(name, HALF) for name in ("hankel", "shuffled", "renamed")}
    learned_S = [float(one["test_T"][-1]) for one in fewer]
    drawn_S = remember(measure_random, block="circulant", part=FEWER)["accuracy_S"]
    fewer_learned = over([share(accuracy) for accuracy in learned_S])
    fewer_drawn = circulant[SHARES.index(FEWER)]
    multiply_PP = others["multiply"]["block_PP"]
    learned = over([share(float(one["test_T"][-1])) for one in runs])
    keys = {"train": "train_T", "test": "test_T", "circulant": "regular_T", "random order": "null_T"}
    return Kernel(
        p=total(P),
        n_train=total(tasks.TaskSpec(p=P, train_frac=HALF).n_train),
        bandwidth=setting(kernel_machine.BANDWIDTH),
        n_fits=total(FITS),
        n_seeds=count(len(SEEDS)),
        seeds=pooled([_learned(one) for one in runs]),
        subtract=_learned(others["subtract"]),
        multiply=_learned(others["multiply"]),
        divide=_learned(others["divide"]),
        unordered=share(kernel_machine.deviation(multiply_PP, sums=False)),
        drawn=Drawn(circulant=replace(circulant[-1], null=others_drawn["shuffled"].value), **others_drawn),
        fewer=Fewer(
            part=chosen(FEWER),
            drawn=fewer_drawn,
            learned=fewer_learned,
            gained=over([change(ours - theirs) for ours, theirs in zip(drawn_S, learned_S, strict=False)]),
            n_fits=total(FEWER_FITS),
            n=count(len(fewer)),
        ),
        machine=_answers(runs[0]["distance_P"], float(runs[0]["distance_share"])),
        transformer=_network(Study.open("mainline")),
        two_layers=_network(Study.open("mlp-grokking")),
        learning={name: [one[key] for one in runs] for name, key in keys.items()},
        features={f"fit {fit}": X_XX for fit, X_XX in zip(SHOWN, runs[0]["features_TXX"], strict=True)},
        blocks={
            "a − b": others["subtract"]["block_PP"],  # noqa: RUF001
            "a · b": multiply_PP,
            "a · b, by logarithm": kernel_machine.by_logarithm(multiply_PP),
        },
        by_share={
            "random circulant": (np.array(SHARES), np.array([one.value for one in circulant])),
            "learned": (np.array([FEWER, HALF]), np.array([fewer_learned.value, learned.value])),
        },
    )


def measure_learning(*, operation: tasks.Operation, seed: int, part: float, fits: int) -> dict[str, np.ndarray]:
    """A machine that learns: over its fits, and what its last features and outputs look like."""
    task = tasks.TaskSpec(operation=operation, p=P, train_frac=part)
    (train_N, test_N), answer_P2 = tasks.split(task, seed), tasks.labels(task, seed)
    rows, features, products = [], [], []
    for machine in islice(kernel_machine.learn(train_N, answer_P2), fits):
        outputs_QC = machine.outputs_PPC.reshape(-1, P)
        right_Q = outputs_QC.argmax(axis=1) == answer_P2
        error = ((outputs_QC[train_N] - np.eye(P)[answer_P2[train_N]]) ** 2).mean()
        features.append(np.asarray(machine.features_XX, dtype=np.float64))
        products.append(machine.gradient_outer_product)
        rows.append((right_Q[train_N].mean(), right_Q[test_N].mean(), error, *_structure(features[-1], operation)))
    names = ("train_T", "test_T", "error_T", "regular_T", "null_T", "deviation_T", "deviation_null_T")
    distance_P, own_Q = logits.by_distance(machine.outputs_PPC), outputs_QC[np.arange(P * P), answer_P2] - outputs_QC.mean(axis=1)
    return dict(zip(names, np.array(rows, dtype=np.float64).T, strict=True)) | {
        "alignment_T": np.array([_cosine(G_XX, products[-1]) for G_XX in products]),
        "features_TXX": np.array([features[fit - 1] for fit in SHOWN]),
        "block_PP": circulants.blocks(features[-1])["ab"],
        "distance_P": distance_P,
        "distance_share": np.array(_distance_share(machine.outputs_PPC, distance_P)),
        "right_2": np.array([own_Q[train_N].mean(), own_Q[test_N].mean()]),
    }


def _structure(features_XX: np.ndarray, operation: tasks.Operation) -> tuple[float, ...]:
    """The regular share of the block across the positions and its circulant deviation, each with its null; NaN for no block."""
    block_PP, sums = circulants.blocks(features_XX)["ab"], operation in ("subtract", "divide")
    if not block_PP.any():
        return (np.nan,) * 4
    if operation in ("multiply", "divide"):
        block_PP = kernel_machine.by_logarithm(block_PP)
    order = np.random.default_rng(0).permutation(len(block_PP))
    drawn_PP = block_PP[np.ix_(order, order)]
    found = [circulants.shares(x_PP) for x_PP in (block_PP, drawn_PP)]
    deviations = (kernel_machine.deviation(x_PP, sums=sums) for x_PP in (block_PP, drawn_PP))
    return *(one.hankel if sums else one.circulant for one in found), *deviations


def measure_random(*, block: str, part: float) -> dict[str, np.ndarray]:
    """The accuracies of one of `Drawn` at a share of the pairs: a draw and a split for each seed."""
    task, found = tasks.TaskSpec(p=P, train_frac=part), []
    answer_P2 = tasks.labels(task, 0)
    for seed in SEEDS:
        train_N, test_N = tasks.split(task, seed)
        block_PP = _random_block(block, np.random.default_rng(seed))
        machine = kernel_machine.fit(kernel_machine.from_block(block_PP), train_N, answer_P2)
        found.append((machine.outputs_PPC.reshape(-1, P).argmax(axis=1) == answer_P2)[test_N].mean())
    return {"accuracy_S": np.array(found)}


def _random_block(name: str, rng: np.random.Generator) -> np.ndarray:
    """One of `Drawn`, its rows and columns with a sum of 0."""
    i_P, entries_P = np.arange(P), rng.random(P)
    entries_P -= entries_P.mean()
    circulant_PP = entries_P[i_P[:, None] - i_P]
    match name:
        case "hankel":
            return entries_P[(i_P[:, None] + i_P) % P]
        case "shuffled":
            return circulants.without_constant(rng.permutation(circulant_PP.ravel()).reshape(P, P))
        case "renamed":
            return circulant_PP[np.ix_(rng.permutation(P), rng.permutation(P))]
    return circulant_PP


def _random(block: str, part: float) -> Value:
    return over([share(float(one)) for one in remember(measure_random, block=block, part=part)["accuracy_S"]])


def _learned(run: Mapping[str, np.ndarray]) -> Learned:
    test_T, deviation_T = run["test_T"], run["deviation_T"]
    idle = int(np.flatnonzero(test_T < test_T[0] + 0.01)[-1])
    way, null = ((1 - one_T[idle]) / (1 - deviation_T[-1]) for one_T in (deviation_T, run["deviation_null_T"]))
    return Learned(
        error=number(run["error_T"].max()),
        train_accuracy=share(run["train_T"].min()),
        accuracy=share(test_T[-1], null=float(test_T[0])),
        halfway=steps(int(np.argmax(test_T >= 0.5)) + 1),
        idle=steps(idle + 1),
        idle_way=share(way, null=float(null)),
        idle_alignment=share(run["alignment_T"][idle], null=float(run["alignment_T"][0])),
        regular=share(run["regular_T"][-1], null=float(run["null_T"][-1])),
        deviation=share(deviation_T[-1], null=float(run["deviation_null_T"][-1])),
        right_train=number(run["right_2"][0]),
        right_test=number(run["right_2"][1]),
    )


def _answers(distance_P: np.ndarray, part: float) -> Answers:
    energy_K = energy_per_frequency(distance_P)
    energy_K /= energy_K.sum()
    n = int(np.searchsorted(np.cumsum(np.sort(energy_K)[::-1]), 0.99)) + 1
    return Answers(share=share(part), frequencies=count(n), possible=count(len(energy_K)), energy_K=energy_K)


def _network(study: Study) -> Answers:
    logits_PPC = study.grid.logits_PPC[..., : study.p]
    distance_P = logits.by_distance(logits_PPC)
    return _answers(distance_P, _distance_share(logits_PPC, distance_P))


def _distance_share(outputs_PPC: np.ndarray, distance_P: np.ndarray) -> float:
    """The share of the outputs' variance within pairs that depends on c - a - b alone."""
    return float((distance_P**2).mean() / np.var(outputs_PPC, axis=2, dtype=np.float64).mean())


def _cosine(x_XX: np.ndarray, y_XX: np.ndarray) -> float:
    return float((x_XX * y_XX).sum() / (np.linalg.norm(x_XX) * np.linalg.norm(y_XX)))


def _entries(x_RC: np.ndarray) -> Columns:
    row_RC, column_RC = np.indices(x_RC.shape)
    return {"row": row_RC.ravel(), "column": column_RC.ravel(), "entry": np.round(x_RC, 4).ravel()}
