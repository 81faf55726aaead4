"""One sum followed through the network: the unseen question in the middle, with as many that are answered more surely as less.

Each step has the network's numbers and the formula's (`modaddlab.analysis.by_hand`); the lead is that of the right answer's
logit over the best wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from modaddlab import tables
from modaddlab.analysis import attention, by_hand
from modaddlab.analysis.by_hand import Step, Walk, lead
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    CIRCLES,
    NO_LAYER_NORM,
    ONE_LAYER,
    TEST_PAIRS,
    TRANSFORMER,
    for_networks,
    transformer,
)
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, loss, number, share, total, words
from modaddlab.models.grid import run_grid
from modaddlab.study import Study

EXPLAINED = 0.85
"""A neuron follows a key when its polynomial explains more than this share."""

PLACES = ("a", "b", "=")


@dataclass(frozen=True, kw_only=True)
class Explained(Group):
    """What the formula of one step gets right."""

    here: Value
    """Of the numbers of this question."""
    everywhere: Value
    """Over all questions; the null is that of the untrained network."""


@dataclass(frozen=True, kw_only=True)
class First(Group):
    """a on the circle of the first key."""

    key: Value
    radius: Value
    formula_x: Value
    formula_y: Value
    network_x: Value
    network_y: Value


@dataclass(frozen=True, kw_only=True)
class Followers(Group):
    """The neurons that follow a key."""

    n: Value
    all: Value
    silent: Value
    """The share of them that put out nothing for this question."""
    chosen: tuple[int, ...]
    """For each key the one that speaks most for the right answer."""
    members: np.ndarray = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Clocks(Group):
    """The sum on the circles of the keys."""

    n: Value
    worst: Value
    worst_off: Value
    """In places of the circle."""
    right_alone: Value
    """How many are off by less than half a place."""


@dataclass(frozen=True, kw_only=True)
class Answers(Group):
    """The logits."""

    network: Value
    formula: Value
    """The five highest answers of each, in order."""
    doubt: Value
    doubt_formula: Value
    """The probability that is left for all other answers."""
    lead: Value
    least: Value
    most: Value
    """The lead when the formula stands in at one step: the least and the most."""
    better: Value
    """At how many steps it is then larger than the network's."""
    steps: Value
    weakest: Value
    weakest_share: Value
    """The step whose formula explains least of this question's numbers."""
    untrained: Value
    """The most that the same formulae explain in the untrained network."""


@dataclass(frozen=True, kw_only=True)
class Followed:
    """One question."""

    a: Value
    b: Value
    plain_sum: Value
    p: Value
    answer: Value
    rounding: Value
    """The largest error of the bookkeeping, as a share of the value at hand."""
    embedding: Explained
    attention: Explained
    heads: Explained
    neurons: Explained
    sum: Explained
    logits: Explained
    first: First
    followers: Followers
    clocks: Clocks
    answers: Answers
    walk: Walk = field(repr=False)
    control: dict[str, float] = field(repr=False)

    @property
    def circles(self) -> Columns:
        """All residues on the circles as a figure's data."""
        walk = self.walk
        residue, k = np.tile(np.arange(walk.p), len(walk.keys)), np.repeat(walk.keys, walk.p)
        x, y = walk.circle_KP2.reshape(-1, 2).T
        radius = np.repeat(walk.radius_K, walk.p)
        return {"k": k, "residue": residue, "cosine direction": x, "sine direction": y, "radius of the circle": radius}

    @property
    def attentions(self) -> Columns:
        """The heads' attention as a figure's data."""
        walk = self.walk
        columns = {"head": np.arange(len(walk.pattern_n3)), "frequency": walk.head_frequency_n}
        columns |= {f"to {name}": walk.pattern_n3[:, i] for i, name in enumerate(PLACES)}
        return columns | {f"formula, to {name}": walk.pattern_formula_n3[:, i] for i, name in enumerate(PLACES)}

    @property
    def sums(self) -> Columns:
        """What adds up in every neuron as a figure's data."""
        row = self.walk.neurons
        columns = {"neuron": np.arange(len(row.output_H)), "frequency": row.frequency_H, "equals sign": row.parts_XH[0]}
        columns |= {f"head {head}": part_H for head, part_H in enumerate(row.parts_XH[1:])}
        columns |= {"input": row.input_H, "output": row.output_H}
        return columns | {f"term: {name}": term_H for name, term_H in row.terms.items()} | {"formula": row.polynomial_H}

    @property
    def cluster(self) -> Columns:
        """The neurons that follow a key as a figure's data."""
        row, members = self.walk.neurons, self.followers.members
        columns = {"frequency": row.frequency_H, "formula": row.polynomial_H, "network": row.output_H}
        return {"neuron": members} | {name: values_H[members] for name, values_H in columns.items()}

    @property
    def hands(self) -> Columns:
        """The sum on the circles as a figure's data."""
        walk = self.walk
        columns = {"k": walk.keys, "u": walk.sum_K2[:, 0], "v": walk.sum_K2[:, 1], "radius of the circle": walk.alpha_K}
        formula = {"formula, u": walk.sum_formula_K2[:, 0], "formula, v": walk.sum_formula_K2[:, 1]}
        return columns | {"places off": walk.places_off_K} | formula

    @property
    def scores(self) -> Columns:
        """The logits as a figure's data."""
        walk = self.walk
        waves = {f"wave of k = {k}": wave_C for k, wave_C in zip(walk.keys, walk.wave_KC, strict=True)}
        return {"c": np.arange(walk.p), "network": walk.logits_C, "formula": walk.formula_C, **waves}

    @property
    def leads(self) -> dict[str, float]:
        """The lead of the right answer when the formula stands in, by step."""
        return {step.name: lead(step.logits_C, self.walk.answer) for step in self.walk.steps}

    @property
    def columns(self) -> Columns:
        """All steps as a figure's data."""
        steps = self.walk.steps
        return {
            "step": [step.name for step in steps],
            "explained": [step.explained for step in steps],
            "explained, all pairs": [step.explained_all for step in steps],
            "explained, all pairs, untrained": [self.control[step.name] for step in steps],
            "lead": list(self.leads.values()),
            "lead of the network": [self.answers.lead.value] * len(steps),
            "error of the bookkeeping": [step.error for step in steps],
        }


@for_networks(TRANSFORMER, ONE_LAYER, NO_LAYER_NORM, ADDITION, TEST_PAIRS, ALL_WEIGHTS, CIRCLES)
def of(study: Study) -> Followed:
    """One question followed through a network.

    Raises:
        LabError: the network is another one, or the weights that it began with are unknown.
    """
    grid, keys = study.grid, study.keys
    a, b = by_hand.most_ordinary_pair(grid.logits_PPC, ~study.train_mask_PP)
    walk = by_hand.walk(grid, keys, a, b)
    before = by_hand.walk(run_grid(study.initial, transformer(study), study.p), keys, a, b)
    control = {step.name: step.explained_all for step in before.steps}
    return Followed(
        a=total(a),
        b=total(b),
        plain_sum=total(a + b),
        p=total(study.p),
        answer=total(walk.answer),
        rounding=number(max(step.error for step in walk.steps)),
        first=_first(walk),
        followers=_followers(walk, grid.W_L_HC),
        clocks=_clocks(walk),
        answers=_answers(walk, max(control.values())),
        walk=walk,
        control=control,
        **{step.name: _explained(step, control[step.name]) for step in walk.steps},
    )


def measure() -> Followed:
    """The mainline's."""
    return of(Study.open("mainline"))


def highest(logits_C: np.ndarray, n: int = 5) -> list[int]:
    """The answers with the highest logits, the highest first."""
    return [int(c) for c in np.argsort(-logits_C, kind="stable")[:n]]


def _explained(step: Step, null: float) -> Explained:
    return Explained(here=share(step.explained), everywhere=share(step.explained_all, null=null))


def _first(walk: Walk) -> First:
    angle, radius = 2 * np.pi * walk.keys[0] * walk.a / walk.p, float(walk.radius_K[0])
    x, y = walk.circle_KP2[0, walk.a]
    return First(
        key=total(walk.keys[0]),
        radius=number(radius),
        formula_x=number(radius * np.cos(angle)),
        formula_y=number(radius * np.sin(angle)),
        network_x=number(x),
        network_y=number(y),
    )


def _followers(walk: Walk, W_L_HC: np.ndarray) -> Followers:
    row = walk.neurons
    support_H = row.output_H * W_L_HC[:, walk.answer]
    by_key = [np.flatnonzero((row.frequency_H == key) & (row.fve_H > EXPLAINED)) for key in walk.keys]
    members = np.concatenate(by_key)
    return Followers(
        n=total(len(members)),
        all=total(len(row.output_H)),
        silent=share(np.mean(row.output_H[members] == 0) if len(members) else np.nan),
        chosen=tuple(int(followers[np.argmax(support_H[followers])]) for followers in by_key if len(followers)),
        members=members,
    )


def _clocks(walk: Walk) -> Clocks:
    off_K = np.abs(walk.places_off_K)
    worst = int(np.argmax(off_K))
    return Clocks(
        n=count(len(walk.keys)),
        worst=total(walk.keys[worst]),
        worst_off=number(off_K[worst]),
        right_alone=count(int((off_K < 0.5).sum())),
    )


def _answers(walk: Walk, untrained: float) -> Answers:
    right, own = walk.answer, lead(walk.logits_C, walk.answer)
    leads = [lead(step.logits_C, right) for step in walk.steps]
    weakest = min(walk.steps, key=lambda step: step.explained)
    return Answers(
        network=words(tables.listing(highest(walk.logits_C))),
        formula=words(tables.listing(highest(walk.formula_C))),
        doubt=loss(1 - attention.softmax(walk.logits_C)[right]),
        doubt_formula=loss(1 - attention.softmax(walk.formula_C)[right]),
        lead=number(own),
        least=number(min(leads)),
        most=number(max(leads)),
        better=count(sum(one > own for one in leads)),
        steps=count(len(leads)),
        weakest=words(weakest.name),
        weakest_share=share(weakest.explained),
        untrained=share(untrained),
    )
