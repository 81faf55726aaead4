"""The lottery: which frequency each neuron of a two-layer network ends up with, and which rule has named it beforehand.

The rules are those of `modaddlab.analysis.lottery`; they see the initial weights alone, which follow from a run's seed, so that a
record needs no snapshots for this (`Study.initial`). The null is a frequency drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from modaddlab import tables
from modaddlab.analysis import dynamics, leakage, lottery, two_layer
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    KNOWN_HARMONICS,
    ODD_MODULUS,
    RANDOM_START,
    SNAPSHOTS,
    TWO_LAYER,
    for_networks,
)
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Group, Value, factor, pooled, share, steps, total
from modaddlab.models.two_layer import theta_of
from modaddlab.study import Study

TITLES = {"descent": "u², plain gradient", "quadratic": "u², Adam", "standard": "ReLU, Adam"}
"""The kinds of training, as figures and tables name them."""

RULES = {
    "misalignment": "smallest |D|",
    "output": "largest β",
    "input": "largest α",  # noqa: RUF001
    "product": "largest α²β",
    "start": "largest α²β cos D",
    "race": "racing the equations",
}
"""The rules from the simplest to the complete one, as figures and tables name them."""

MOST = 0.9
"""The race of a network counts as run when this share of its neurons is led by the later winner."""

DRAWN = 150
"""How many neurons' draws are put on a map."""


@dataclass(frozen=True, kw_only=True)
class Hits(Group):
    """The share of neurons whose winner each rule names; the null is a frequency at random."""

    misalignment: Value
    output: Value
    input: Value
    product: Value
    start: Value
    race: Value
    matched: Value
    """Of a frequency that is drawn as often as it wins."""


@dataclass(frozen=True, kw_only=True)
class Lottery:
    """The lottery of one network, or of several seeds."""

    hits: Hits
    purity: Value
    """How much of a neuron's input energy the winner holds in the end; the null is the best frequency of random numbers."""
    drawn: lottery.Draw = field(repr=False)
    """The initial weights' magnitudes and misalignments."""
    winner_H: np.ndarray = field(repr=False)
    """The frequency that holds most of each neuron's input in the end."""
    share_H: np.ndarray = field(repr=False)
    """How much of it."""
    seeds: int = 1


@dataclass(frozen=True, kw_only=True)
class Races:
    """The frequencies of all neurons over training."""

    run_by: Value
    """The first snapshot at which nine of ten neurons are led by their later winner; NaN where that is never so."""
    loss_then: Value
    """The training loss there, over that of guessing."""
    step_T: np.ndarray = field(repr=False)
    alpha_THK: np.ndarray = field(repr=False)
    D_THK: np.ndarray = field(repr=False)
    led_T: np.ndarray = field(repr=False)
    """The share of neurons in which the later winner has the largest magnitude already."""

    def led_after(self, part: float) -> float:
        """The smallest share of neurons that are led by their winner from a part of the training on."""
        return float(self.led_T[self.step_T >= part * self.step_T[-1]].min())


@dataclass(frozen=True, kw_only=True)
class Example:
    """The neuron with the clearest end among those whose winner was not one of the two largest at the start."""

    neuron: Value
    winner: Value
    place: Value
    """The winner's place by initial magnitude."""
    frequencies: Value
    """How many there are."""
    step_T: np.ndarray = field(repr=False)
    alpha_TK: np.ndarray = field(repr=False)
    D_TK: np.ndarray = field(repr=False)

    @property
    def race(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """What its figure is drawn from."""
        return self.step_T, self.alpha_TK, self.D_TK, self.winner.value

    @property
    def columns(self) -> Columns:
        """The race as a figure's data."""
        sides = {"alpha": self.alpha_TK, "D": self.D_TK}
        return {"step": self.step_T} | {f"{name} {k + 1}": T for name, TK in sides.items() for k, T in enumerate(TK.T)}


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How long a frequency takes to outgrow every bound by the equations, by its start."""

    two_radians: Value
    """The time from two radians off over that of an aligned start."""
    D_M: np.ndarray = field(repr=False)
    magnitude_N: np.ndarray = field(repr=False)
    time_NM: np.ndarray = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The map as a figure's data."""
        n, m = self.time_NM.shape
        return {"magnitude": np.repeat(self.magnitude_N, m), "D": np.tile(self.D_M, n), "time": self.time_NM.ravel()}


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Where the frequencies of a network started, on the map of who beats a typical rival by the equations.

    A relative magnitude is the cube root of alpha^2 beta over its geometric mean in the neuron; the rival has magnitude 1 and a
    misalignment of pi/2.
    """

    neurons: Value
    winners_above: Value
    """The share of winners that beat the rival; the null is that of all others."""
    D_HK: np.ndarray = field(repr=False)
    relative_HK: np.ndarray = field(repr=False)
    won_HK: np.ndarray = field(repr=False)
    p: int = field(repr=False)

    @property
    def map(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Misalignments, relative magnitudes and the outcome against the rival."""
        D_M, ratio_N = np.linspace(0, np.pi, 121), np.geomspace(0.2, 5, 81)
        return D_M, ratio_N, lottery.outcome(D_M[None], ratio_N[:, None], self.p)

    @property
    def dots(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """The draws of some neurons: those that won, and the others."""
        D_HK, relative_HK, won_HK = self.D_HK[:DRAWN], self.relative_HK[:DRAWN], self.won_HK[:DRAWN]
        return (D_HK[won_HK], relative_HK[won_HK]), (D_HK[~won_HK], relative_HK[~won_HK])

    @property
    def columns(self) -> Columns:
        """These draws as a figure's data."""
        neuron, frequency = np.indices(self.won_HK[:DRAWN].shape).reshape(2, -1)
        draws = {"D": self.D_HK, "relative magnitude": self.relative_HK, "won": self.won_HK.astype(int)}
        return {"neuron": neuron, "frequency": frequency + 1} | {name: HK[:DRAWN].ravel() for name, HK in draws.items()}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The lottery in the book's three kinds of training."""

    descent: Lottery
    quadratic: Lottery
    standard: Lottery
    least_misalignment: Value
    most_misalignment: Value
    """How often the smallest misalignment is right, over the kinds of training."""
    example: Example
    growth: Growth
    starts: Starts
    quadratic_races: Races
    standard_races: Races

    @property
    def rules(self) -> dict[str, str]:
        """The rules by their names on the page."""
        return RULES

    @property
    def by_title(self) -> dict[str, Lottery]:
        """The kinds of training by their titles."""
        return {title: getattr(self, name) for name, title in TITLES.items()}

    @property
    def rates(self) -> dict[str, dict[str, tuple[float, float, float]]]:
        """Title -> rule -> share and its interval, NaN where there is none."""
        return {title: {rule: _with_ends(getattr(found.hits, rule)) for rule in RULES} for title, found in self.by_title.items()}

    @property
    def columns(self) -> Columns:
        """The rates as a figure's data."""
        rows = [(rule, title, *by_rule[rule]) for rule in RULES for title, by_rule in self.rates.items()]
        return {name: [row[i] for row in rows] for i, name in enumerate(("rule", "run", "share", "low", "high"))}

    @property
    def table(self) -> list[dict[str, str]]:
        """A row for every rule, for chance, and for the number of seeds."""
        hits = {title: one.hits for title, one in self.by_title.items()}
        rules = {name: {title: str(getattr(one, rule)) for title, one in hits.items()} for rule, name in RULES.items()}
        chance = {title: tables.percent(one.race.null) for title, one in hits.items()}
        matched = {title: one.matched.alone for title, one in hits.items()}
        rules |= {"chance": chance, "chance, knowing the winners’ frequencies": matched}  # noqa: RUF001
        rules["seeds"] = {title: str(one.seeds) for title, one in self.by_title.items()}
        return [{"rule": name} | row for name, row in rules.items()]

    @property
    def led(self) -> dict[str, Curve]:
        """The share of neurons that their later winner leads, over training."""
        return {"u²": (self.quadratic_races.step_T, self.quadratic_races.led_T)} | {
            "ReLU": (self.standard_races.step_T, self.standard_races.led_T)
        }

    @property
    def led_columns(self) -> Columns:
        """The same as a figure's data."""
        return curve_columns(self.led, every=1, what="share")


@for_networks(TWO_LAYER, KNOWN_HARMONICS, RANDOM_START, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def of(study: Study) -> Lottery:
    """What the neurons of a network drew and what became of it.

    Args:
        study: a run of the two-layer network from random weights.
    """
    start = study.initial
    final_HP = np.asarray(theta_of(study.record.final), dtype=np.float64).T
    drawn = lottery.draw(np.asarray(theta_of(start), dtype=np.float64).T, start["mlp.W_out"])
    winner_H = lottery.winners(final_HP)
    share_H = leakage.own_share(dynamics.waves(final_HP), winner_H)
    chance = lottery.chance(drawn.alpha_HK.shape[1])
    rates = {rule: share(rate, null=chance) for rule, rate in lottery.hit_rates(drawn, winner_H).items()}
    return Lottery(
        hits=Hits(**rates, matched=share(lottery.matched_chance(winner_H))),
        purity=share(share_H.mean(), null=two_layer.fve_by_chance(study.p)),
        drawn=drawn,
        winner_H=winner_H,
        share_H=share_H,
    )


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, ALL_WEIGHTS, SNAPSHOTS)
def races(study: Study) -> Races:
    """The frequencies of all neurons at the snapshots of a run; the winner is taken from the final weights."""
    step_T = np.asarray(study.record.snapshot_steps)
    weights = [study.record.snapshot(int(step)) for step in step_T]
    draws = [lottery.draw(np.asarray(theta_of(one), dtype=np.float64).T, one["mlp.W_out"]) for one in weights]
    winner_H = lottery.winners(np.asarray(theta_of(study.record.final), dtype=np.float64).T)
    alpha_THK = np.array([drawn.alpha_HK for drawn in draws])
    led_T = np.mean(alpha_THK.argmax(axis=2) + 1 == winner_H, axis=1)
    loss_T = np.interp(step_T, study.metrics["step"], study.metrics["train_loss"]) / np.log(study.p)
    there = led_T.max() >= MOST
    at = int(np.argmax(led_T >= MOST))
    return Races(
        run_by=steps(step_T[at] if there else None),
        loss_then=share(loss_T[at] if there else np.nan),
        step_T=step_T,
        alpha_THK=alpha_THK,
        D_THK=np.array([drawn.D_HK for drawn in draws]),
        led_T=led_T,
    )


def measure() -> Compared:
    """The finding, of the seeds that are trained.

    Raises:
        LabError: a record is damaged.
    """
    runs = {"descent": "mlp-quad-descent", "quadratic": "mlp-quad-random", "standard": "mlp-standard"}
    found = {name: _over(Study.seeds(run)) for name, run in runs.items()}
    study = Study.open(runs["quadratic"])
    one, raced = of(study), races(study)
    simple = [each.hits.misalignment.value for each in found.values()]
    return Compared(
        **found,
        least_misalignment=share(min(simple)),
        most_misalignment=share(max(simple)),
        example=example(one, raced),
        growth=_growth(study.p),
        starts=_starts(one),
        quadratic_races=raced,
        standard_races=races(Study.open(runs["standard"])),
    )


def example(found: Lottery, raced: Races) -> Example:
    """The neuron of a network that shows a race best.

    Args:
        found: the network's lottery.
        raced: its races.
    """
    place_H = lottery.place(found.drawn.alpha_HK, found.winner_H)
    neuron = int(np.argmax(np.where(place_H >= 3, found.share_H, 0)))
    return Example(
        neuron=total(neuron),
        winner=total(found.winner_H[neuron]),
        place=total(place_H[neuron]),
        frequencies=total(found.drawn.alpha_HK.shape[1]),
        step_T=raced.step_T,
        alpha_TK=raced.alpha_THK[:, neuron],
        D_TK=raced.D_THK[:, neuron],
    )


def _over(studies: list[Study]) -> Lottery:
    return replace(pooled([of(study) for study in studies]), seeds=len(studies))


def _growth(p: int) -> Growth:
    magnitude_N, D_M = np.linspace(0.01, 0.02, 41), np.linspace(0, 2 * np.pi, 121)
    off, aligned = dynamics.growth_time(0.02, 0.02, np.array([2.0, 0.0]), p)
    time_NM = dynamics.growth_time(magnitude_N[:, None], magnitude_N[:, None], D_M[None], p)
    return Growth(two_radians=factor(off / aligned), D_M=D_M, magnitude_N=magnitude_N, time_NM=time_NM)


def _starts(found: Lottery) -> Starts:
    size_HK = np.cbrt(found.drawn.alpha_HK**2 * found.drawn.beta_HK)
    relative_HK = size_HK / np.exp(np.log(size_HK).mean(axis=1, keepdims=True))
    D_HK, won_HK = np.abs(found.drawn.D_HK), np.arange(1, size_HK.shape[1] + 1) == found.winner_H[:, None]
    above_HK = lottery.outcome(D_HK, relative_HK, found.drawn.p) > 0
    return Starts(
        neurons=total(len(won_HK)),
        winners_above=share(above_HK[won_HK].mean(), null=above_HK[~won_HK].mean()),
        D_HK=D_HK,
        relative_HK=relative_HK,
        won_HK=won_HK,
        p=found.drawn.p,
    )


def _with_ends(value: Value) -> tuple[float, float, float]:
    low, high = (np.nan if end is None else end for end in (value.low, value.high))
    return value.value, low, high
