"""Clock or pizza: where a network stands between multiplying and adding waves, its circles one by one, and the attention rate.

The measures are those of `modaddlab.analysis.pizza`. Symmetricity is averaged over all answers to a fixed choice of pairs.
Nulls are the same measures of untrained weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import logits, pizza
from modaddlab.findings import outcomes
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    EMBEDS_BOTH,
    NO_LAYER_NORM,
    ODD_MODULUS,
    ONE_LAYER,
    for_networks,
)
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, chosen, count, number, over, pooled, share, total
from modaddlab.study import Study

N_PAIRS = 300
"""Random pairs that symmetricity is averaged over, with every answer to each."""

CHUNK = 60
"""Pairs whose gradients are computed at once."""

ANSWERS = 0.5
"""A circle counts as a form where that explains more of its logits than this."""

FORMS = ("clock", "pizza", "accompanying")

PIZZA, CLOCK, SUMS = "pizza", "clock", ("pizza-linear", "pizza-linear-b", "pizza-linear-c", "pizza-linear-d")
"""The two published networks, and the linear models A to D of `modaddlab.models.linear_layers`."""

FACE = (12, 1, 4)
"""Modulus and residues of the drawing of both."""

_NEEDS = (ADDITION, ODD_MODULUS, ONE_LAYER, NO_LAYER_NORM, EMBEDS_BOTH, ALL_WEIGHTS)


@dataclass(frozen=True, kw_only=True)
class Stand(Group):
    """Where a network stands."""

    symmetricity: Value
    irrelevance: Value
    """The distance irrelevance of the right answer's logit."""
    circularity: Value


@dataclass(frozen=True, kw_only=True)
class Alone(Group):
    """One circle of the embedding, the network running on it alone."""

    frequency: Value
    purity: Value
    clock: Value
    pizza: Value
    accompanying: Value
    """How much of its logits each form explains; a circle accompanies that of half its frequency."""
    accuracy: Value
    """The share of questions that it answers right."""
    by_difference_P: np.ndarray = field(repr=False)
    """The right answer's logit over a - b, the largest being 1."""

    @property
    def form(self) -> str:
        """The form that explains most of it; empty where none explains enough."""
        best = max(FORMS, key=lambda form: getattr(self, form).value)
        return best if getattr(self, best).value > ANSWERS else ""


@dataclass(frozen=True, kw_only=True)
class Circles(Stand):
    """Where a network stands, and its circles."""

    answering: Value
    """How many circles are a clock or a pizza."""
    by_clock: Value
    by_pizza: Value
    """How much of their logits each form explains, their mean; NaN where there are none."""
    accompanying: Value
    """How many circles accompany another."""
    by_accompanying: Value
    alone: tuple[Alone, ...] = field(repr=False)

    @property
    def explained_X3(self) -> np.ndarray:
        """How much of each circle's logits the forms explain, in the order of `FORMS`."""
        return np.array([[getattr(circle, form).value for form in FORMS] for circle in self.alone]).reshape(-1, len(FORMS))

    def first(self, form: str) -> Alone:
        """The largest circle of this form."""
        return next(circle for circle in self.alone if circle.form == form)


@dataclass(frozen=True, kw_only=True)
class Transition:
    """The two measures over the attention rate."""

    rates: Value
    networks: Value
    seeds: Value
    trained_for: Value
    symmetric: Value
    irrelevant: Value
    """The rate from which on symmetricity and distance irrelevance are beyond half-way between their ends, over the seeds."""
    apart: Value
    """By how much the symmetricity is later, seed by seed."""
    constant: Stand
    usual: Stand
    """The networks at the ends, over their seeds."""
    found: Mapping[float, list[Stand]] = field(repr=False)

    def series(self, name: str) -> dict[float, list[float]]:
        """A measure of every network, by attention rate."""
        return {rate: [getattr(stand, name).value for stand in stands] for rate, stands in self.found.items()}

    def null(self, name: str) -> dict[float, float]:
        """The mean of a measure over the untrained networks, by attention rate."""
        return {rate: float(np.mean([getattr(stand, name).null for stand in stands])) for rate, stands in self.found.items()}

    @property
    def columns(self) -> Columns:
        """The networks as a figure's data."""
        rows = [(rate, stand) for rate, stands in self.found.items() for stand in stands]
        names = ("symmetricity", "irrelevance", "circularity")
        columns = {"attention rate": [rate for rate, _ in rows]}
        return columns | {
            f"{name}{part}": [getattr(getattr(stand, name), what) for _, stand in rows]
            for name in names
            for part, what in (("", "value"), (" untrained", "null"))
        }


@dataclass(frozen=True, kw_only=True)
class Pizza:
    """The book's networks."""

    pizza: Circles
    clock: Circles
    """With constant attention and with the usual one."""
    linear: Circles
    beta: Circles
    """One dense layer on the sum of the two embeddings, and two."""
    gamma: Circles
    """The first of two dense layers before the sum."""
    delta: Circles
    """One dense layer on two embeddings side by side."""
    turned: Value
    """How uneven the turns are by which the neurons of the last one are blind apart; its null draws them at random."""
    modulus: Value
    train_frac: Value
    trained_for: Value
    n_mainlines: Value
    mainline: Stand
    """Over its seeds."""
    transition: Transition

    @property
    def networks(self) -> dict[str, Circles]:
        """Those whose circles were taken alone, by their attention."""
        return {
            "usual": self.clock,
            "constant": self.pizza,
            "none, one layer": self.linear,
            "none, two layers": self.beta,
            "none, a layer before the sum": self.gamma,
            "none, side by side": self.delta,
        }

    @property
    def circles(self) -> dict[str, np.ndarray]:
        """How much of each circle's logits the forms explain, by attention."""
        return {name: found.explained_X3 for name, found in self.networks.items()}

    @property
    def circle_columns(self) -> Columns:
        """The circles as a figure's data."""
        rows = [(name, circle) for name, found in self.networks.items() for circle in found.alone]
        names = ("frequency", "purity", *FORMS, "accuracy")
        columns: Columns = {"attention": [name for name, _ in rows]}
        return columns | {name: [getattr(circle, name).value for _, circle in rows] for name in names}

    @property
    def face_columns(self) -> Columns:
        """The drawing's points as its data."""
        p, a, b = FACE
        angle = 2 * np.pi / p * np.array([a, b, a + b])
        x, y = np.cos(angle), np.sin(angle)
        points = {"x": [*x, x[:2].mean()], "y": [*y, y[:2].mean()]}
        return {"point": ["a", "b", "a + b, of the clock", "midpoint, of the pizza"], **points}

    @property
    def distances(self) -> dict[str, np.ndarray]:
        """The right answer's logit over a - b, of one circle alone, by what it is."""
        return {
            "a circle with constant attention": _unwrapped(self.pizza.first("pizza")),
            "a circle that accompanies it": _unwrapped(self.pizza.first("accompanying")),
        }

    @property
    def distance_columns(self) -> Columns:
        """These curves as a figure's data."""
        n = len(next(iter(self.distances.values())))
        return {"angle on the circle, in turns": np.arange(n) / n, **self.distances}


def measure() -> Pizza:
    """The book's.

    Raises:
        LabError: a run is not trained, or its record is damaged.
    """
    first, last = Study.open(PIZZA), Study.open(CLOCK)
    mainlines = [Study.open("mainline"), *Study.seeds("mainline-25k")]
    constant, usual = of(first), of(last)
    sums = [Study.open(run) for run in SUMS]
    summed, twice, before, beside = map(of, sums)
    return Pizza(
        pizza=constant,
        clock=usual,
        linear=summed,
        beta=twice,
        gamma=before,
        delta=beside,
        turned=_turned(sums[-1]),
        modulus=total(first.p),
        train_frac=chosen(first.spec.task.train_frac),
        trained_for=total(first.spec.steps),
        n_mainlines=count(len(mainlines)),
        mainline=pooled([stand(study) for study in mainlines]),
        transition=_transition(),
    )


@for_networks(*_NEEDS)
def stand(study: Study) -> Stand:
    """Where a network stands, beside where it began."""
    arrays = study.remember(measure_stand)
    values, nulls = arrays["values"].tolist(), arrays["nulls"].tolist()
    return Stand(
        symmetricity=number(values[0], null=nulls[0]),
        irrelevance=number(values[1], null=nulls[1]),
        circularity=share(values[2], null=nulls[2]),
    )


@for_networks(*_NEEDS)
def of(study: Study) -> Circles:
    """Where a network stands, and its circles one by one."""
    where, arrays = stand(study), study.remember(measure_circles)
    alone = tuple(
        Alone(
            frequency=total(arrays["frequency_X"][x]),
            purity=share(arrays["purity_X"][x]),
            **{form: number(arrays["explained_X3"][x, i]) for i, form in enumerate(FORMS)},
            accuracy=share(arrays["accuracy_X"][x], null=1 / study.p),
            by_difference_P=arrays["by_difference_XP"][x],
        )
        for x in range(len(arrays["frequency_X"]))
    )
    answering = [circle for circle in alone if circle.form in ("clock", "pizza")]
    beside = [circle for circle in alone if circle.form == "accompanying"]
    return Circles(
        **vars(where),
        answering=count(len(answering)),
        by_clock=_mean([circle.clock.value for circle in answering]),
        by_pizza=_mean([circle.pizza.value for circle in answering]),
        accompanying=count(len(beside)),
        by_accompanying=_mean([circle.accompanying.value for circle in beside]),
        alone=alone,
    )


@for_networks(*_NEEDS)
def measure_stand(study: Study) -> dict[str, np.ndarray]:
    """The three measures, at the end and of weights as its seed draws them."""
    params = study.spec.model.init_params(study.p, study.spec.seed)
    return {"values": np.array(_stand(study, study.record.final)), "nulls": np.array(_stand(study, params))}


@for_networks(*_NEEDS)
def measure_circles(study: Study) -> dict[str, np.ndarray]:
    """Every circle of the embedding with the network on it alone: the arrays of `Alone`."""
    p, weights = study.p, _float64(study.record.final)
    rows: dict[str, list[object]] = {}
    for circle in pizza.circles(weights["embed.W_E"][:p], min(pizza.N_COMPONENTS, 2 * (p // 4))):
        W_E = weights["embed.W_E"].copy()
        W_E[:p] = circle.W_E_PD
        logits_PPC = study.spec.model.pair_logits(weights | {"embed.W_E": W_E}, p)
        correct_PP = np.take_along_axis(logits_PPC, study.labels_PP[:, :, None], axis=2)[:, :, 0] - logits_PPC.mean(axis=2)
        mean_P = logits.by_difference(correct_PP).mean_P
        forms = (
            pizza.q_clock(p, circle.frequency),
            pizza.q_pizza(p, circle.frequency),
            pizza.q_accompanying(p, pizza.halved(circle.frequency, p)),
        )
        found = {
            "frequency_X": circle.frequency,
            "purity_X": circle.purity,
            "explained_X3": [pizza.explained(logits_PPC, form) for form in forms],
            "accuracy_X": np.mean(logits_PPC.argmax(axis=2) == study.labels_PP),
            "by_difference_XP": mean_P / np.abs(mean_P).max(),
        }
        for name, value in found.items():
            rows.setdefault(name, []).append(value)
    return {name: np.array(values) for name, values in rows.items()}


def _stand(study: Study, params: Mapping[str, np.ndarray]) -> list[float]:
    """The three measures of float32 weights; the logits are in float32 too, which moves the second by some 1e-7."""
    p, weights = study.p, _float64(params)
    chosen_B = np.random.default_rng(0).permutation(p * p)[:N_PAIRS]
    pairs_B2, gradients_of = np.stack(np.divmod(chosen_B, p), axis=1), study.spec.model.token_gradients
    symmetric_B = np.concatenate(
        [
            pizza.symmetricity(gradients_of(weights, pairs_B2[start : start + CHUNK], p))
            for start in range(0, len(pairs_B2), CHUNK)
        ]
    )
    irrelevance = pizza.distance_irrelevance(study.spec.model.pair_logits(params, p))
    return [float(symmetric_B.mean()), irrelevance, pizza.circularity(weights["embed.W_E"][:p])]


def _float64(params: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value.astype(np.float64) for name, value in params.items()}


def _turned(study: Study) -> Value:
    """Of the neurons of a linear model D, by frequency: the mean of exp(i (phase of the wave in a - phase of the wave in b)), its
    modulus averaged over the keys. A neuron is blind where a - b turns its circle by that difference and half a turn."""
    weights = _float64(study.record.final)
    halves_2DH = np.split(weights["l1.W"], 2)
    waves_2KH = np.array([np.fft.fft(weights["embed.W_E"] @ half_DH, axis=0)[1 : study.p // 2 + 1] for half_DH in halves_2DH])
    frequency_H = 1 + (np.abs(waves_2KH) ** 2).sum(axis=0).argmax(axis=0)
    from_a_H, from_b_H = waves_2KH[:, frequency_H - 1, np.arange(len(frequency_H))]
    turn_H = np.exp(1j * np.angle(from_a_H / from_b_H))
    of_keys = [turn_H[frequency_H == key] for key in study.keys]
    uneven = float(np.mean([abs(turns.mean()) for turns in of_keys]))
    return number(uneven, null=float(np.mean([np.sqrt(np.pi / 4 / len(turns)) for turns in of_keys])))


def _mean(values: Sequence[float]) -> Value:
    return number(float(np.mean(values)) if values else float("nan"))


def _unwrapped(circle: Alone) -> np.ndarray:
    """Its curve with the differences in the order of their angles on the circle, from one turn's beginning to its end."""
    p, frequency = len(circle.by_difference_P), circle.frequency.value
    if circle.form == "accompanying":
        frequency = pizza.halved(frequency, p)
    return circle.by_difference_P[np.arange(p) * pow(frequency, -1, p) % p]


def _transition() -> Transition:
    found: dict[float, dict[int, Stand]] = {}
    steps = 0
    for rate, point in sorted(outcomes.sweep("attention-rate").points.items()):
        found[rate], steps = {row.spec.seed: stand(row.study) for row in point.rows}, point.rows[0].spec.steps
    seeds = sorted(set.intersection(*(set(stands) for stands in found.values())))
    halves = {
        name: [_half_way(list(found), [getattr(stands[seed], name).value for stands in found.values()]) for seed in seeds]
        for name in ("symmetricity", "irrelevance")
    }
    apart = np.subtract(halves["symmetricity"], halves["irrelevance"])
    return Transition(
        rates=count(len(found)),
        networks=total(sum(map(len, found.values()))),
        seeds=count(len(seeds)),
        trained_for=total(steps),
        symmetric=over([number(rate) for rate in halves["symmetricity"]]),
        irrelevant=over([number(rate) for rate in halves["irrelevance"]]),
        apart=over([number(float(rate)) for rate in apart]),
        constant=pooled([*found[min(found)].values()]),
        usual=pooled([*found[max(found)].values()]),
        found={rate: list(stands.values()) for rate, stands in found.items()},
    )


def _half_way(rate_R: Sequence[float], value_R: Sequence[float]) -> float:
    """The rate from which on a measure is beyond half-way from its first value to its last, by straight lines between the rates.

    Pizzas differ in distance irrelevance from rate to rate, so that the first time half-way may be one of them.
    """
    passed_R = (np.array(value_R) - value_R[0]) / (value_R[-1] - value_R[0])
    before = int(np.flatnonzero(passed_R < 0.5)[-1])
    return float(np.interp(0.5, passed_R[before : before + 2], rate_R[before : before + 2]))
