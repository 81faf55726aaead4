"""How complex what a network has found is: its local learning coefficient over training, by the modulus, of clock and pizza.

Chains are those of `modaddlab.analysis.learning_coefficient`. The loss is that over the training pairs; of a network with many of
them each step of a chain takes some, drawn anew. The null is a network of the same shape that memorizes answers at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from modaddlab.analysis.learning_coefficient import estimate, excess, sample
from modaddlab.findings.networks import ALL_WEIGHTS, ONE_LAYER, SAMPLED, SNAPSHOTS, TEST_PAIRS, for_networks
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Group, Value, count, exponent, factor, number, over, pooled, setting, share, steps, total
from modaddlab.study import Study, remember

GAMMA, STEP, STEPS = 5.0, 1e-2, 240
"""The tether is that of Panickssery and Vaintrob's released code; their chains have 2,000 to 3,000 steps of 1e-3."""

TETHERS, STRIDES, CHAINS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0), (3e-3, 1e-2, 2e-2), 3
"""What else is tried on the first networks: tethers, sizes of the step, and chains of the usual ones."""

USUAL = {"saved": [], "gamma": GAMMA, "step": STEP, "n_steps": STEPS, "batch": 0, "seeds": [0]}
"""One chain from the final weights; see `measure_chains`."""

BATCHED, LOOSE, TIGHT = {"step": 1e-4, "n_steps": 120, "batch": 256, "seeds": [*range(4)]}, 400.0, 600.0
"""What is other for transformers, and their two tethers."""

ADD, RANDOM, SEEDS = "add", "random", {"add": range(42, 52), "random": range(42, 47)}
MODULUS, MODULI, MODULUS_SEEDS = 23, (23, 29, 37, 47), range(42, 45)
CIRCUITS = ("pizza", "clock")

AT_REST = 1.5
"""The training loss is at rest from where on it is within this factor of the last."""

VALLEYS = {"round": 1.0, "trough": 0.5, "crossing": 0.5}
"""Losses of two weights for the first figure, x^2 + y^2, x^2 and x^2 y^2, and their learning coefficients."""

SAMPLES = 1000
"""What those count as the mean of."""


@dataclass(frozen=True, kw_only=True)
class Coefficient(Group):
    """A network at the end."""

    coefficient: Value
    """The estimate; NaN where its chain runs away."""


@dataclass(frozen=True, kw_only=True)
class Path(Group):
    """A network over its saved steps."""

    start: Value
    peak: Value
    peak_step: Value
    last: Value
    fall: Value
    """The peak over the last."""
    rest_step: Value
    """The first saved step with the training loss at rest,"""
    settled: Value
    """the estimate there over the last,"""
    rest_accuracy: Value
    accuracy: Value
    """and the accuracy on test pairs there and at the end."""
    found: Curve = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Circuit(Group):
    """One of clock and pizza, by the looser and the tighter tether."""

    loose: Value
    tight: Value


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """The chapter's numbers."""

    n_seeds: Value = count(len(SEEDS[ADD]))
    n_random: Value = count(len(SEEDS[RANDOM]))
    n_modulus_seeds: Value = count(len(MODULUS_SEEDS))
    n_circuits: Value
    n_circuit_chains: Value = count(len(BATCHED["seeds"]))
    p: Value = total(MODULUS)
    largest: Value = total(MODULI[-1])
    n_train: Value
    n_weights: Value
    gamma: Value = setting(GAMMA)
    step: Value = setting(STEP)
    n_steps: Value = total(STEPS)
    n_samples: Value = total(SAMPLES)
    round: Value
    trough: Value
    crossing: Value
    """The estimates of `VALLEYS`; their nulls are the coefficients themselves."""
    add: Path
    random: Path
    same: Value
    """At the last step, memorizing over adding, of the same seeds; and at the largest modulus,"""
    apart: Value
    losses_apart: Value
    """where this is the ratio of their training losses."""
    add_exponent: Value
    random_exponent: Value
    """Of the power law of the modulus; the null of the first is the second."""
    steeper: Value
    """The second less the first, seed by seed."""
    tethers: Value
    """The largest estimate over the smallest by the tethers, the step being the usual one;"""
    strides: Value
    """by the sizes of the step, the tether being the usual one;"""
    chains: Value
    """and of some chains with nothing but other noise."""
    pizza: Circuit
    clock: Circuit
    loose: Value = setting(LOOSE)
    tight: Value = setting(TIGHT)
    """Their tethers."""
    more: Value
    more_tight: Value
    """Pizza over clock by either, over seeds."""
    valleys: Mapping[str, np.ndarray] = field(repr=False)
    """Name -> some of the weights that a chain went through, (N, 2)."""
    traces: dict[str, Curve] = field(repr=False)
    """n beta times the loss above that of w*, along chains of the first network, by the tether."""
    by_tether: dict[str, dict[float, Curve]] = field(repr=False)
    """Kind -> step size -> tethers and estimates."""
    paths: dict[str, list[Curve]] = field(repr=False)
    accuracy: list[Curve] = field(repr=False)
    loss: list[Curve] = field(repr=False)
    moduli: Sequence[int] = MODULI
    by_modulus: dict[str, np.ndarray] = field(repr=False)
    """Kind -> estimates (M, S)."""
    circuits: dict[str, dict[str, np.ndarray]] = field(repr=False)
    """Tether -> circuit -> estimates (S,)."""

    @property
    def valley_columns(self) -> Columns:
        """The points of the first figure as its data."""
        x_N, y_N = np.concatenate(list(self.valleys.values())).T
        names = np.repeat(list(self.valleys), [len(points_N2) for points_N2 in self.valleys.values()])
        return {"loss": names, "first weight": x_N, "second weight": y_N}

    @property
    def tether_columns(self) -> Columns:
        """The estimates by tether and step as a figure's data."""
        curves = {f"{kind}, step {stride:g}": curve for kind, by in self.by_tether.items() for stride, curve in by.items()}
        return curve_columns(curves, every=1, what="estimate", along="tether")

    @property
    def path_columns(self) -> Columns:
        """The networks over training as a figure's data."""
        curves = {f"{kind} {seed}": curve for kind, found in self.paths.items() for seed, curve in enumerate(found)}
        return curve_columns(curves, every=1, what="estimate")

    @property
    def modulus_columns(self) -> Columns:
        """The estimates by modulus as a figure's data."""
        by_network = {kind: found_MS.ravel() for kind, found_MS in self.by_modulus.items()}
        return {"modulus": np.repeat(MODULI, len(MODULUS_SEEDS)), **by_network}

    @property
    def circuit_columns(self) -> Columns:
        """Clock and pizza as a figure's data."""
        rows = [(name, kind, one) for name, of in self.circuits.items() for kind, found_S in of.items() for one in found_S]
        return dict(zip(("tether", "circuit", "estimate"), map(list, zip(*rows, strict=True)), strict=True))


@for_networks(SAMPLED, ONE_LAYER, ALL_WEIGHTS)
def of(study: Study) -> Coefficient:
    """The estimate at the end, with the settings of the book's small networks."""
    return Coefficient(coefficient=number(_estimates(study)[0]))


@for_networks(SAMPLED, ONE_LAYER, ALL_WEIGHTS, TEST_PAIRS, SNAPSHOTS)
def path(study: Study) -> Path:
    """The estimate at every saved step."""
    step_T = np.array(study.record.snapshot_steps)
    found_T = _estimates(study, saved=step_T.tolist())
    at_T = np.searchsorted(study.metrics["step"], step_T)
    loss_T, accuracy_T = (study.metrics[name][at_T] for name in ("train_loss", "test_accuracy"))
    peak, rest = int(np.argmax(found_T)), int(np.flatnonzero(np.append(np.inf, loss_T) > AT_REST * loss_T[-1])[-1])
    return Path(
        start=number(found_T[0]),
        peak=number(found_T[peak]),
        peak_step=steps(step_T[peak]),
        last=number(found_T[-1]),
        fall=factor(found_T[peak] / found_T[-1]),
        rest_step=steps(step_T[rest]),
        settled=number(found_T[rest] / found_T[-1]),
        rest_accuracy=share(accuracy_T[rest]),
        accuracy=share(accuracy_T[-1]),
        found=(step_T, found_T),
    )


def measure() -> Complexity:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    studies = {kind: [_network(kind, MODULUS, seed) for seed in seeds] for kind, seeds in SEEDS.items()}
    first = studies[ADD][0]
    paths = {kind: [path(study) for study in ones] for kind, ones in studies.items()}
    adds, memorizes = pooled(paths[ADD]), pooled(paths[RANDOM])
    by_tether = {kind: {stride: _by_tether(ones[0], stride) for stride in STRIDES} for kind, ones in studies.items()}
    usual = TETHERS.index(GAMMA)
    networks = {kind: [[_network(kind, p, seed) for seed in MODULUS_SEEDS] for p in MODULI] for kind in SEEDS}
    by_modulus = {kind: np.array([[_estimates(one)[0] for one in ones] for ones in rows]) for kind, rows in networks.items()}
    slopes = {kind: np.polyfit(np.log(MODULI), np.log(found_MS), 1)[0] for kind, found_MS in by_modulus.items()}
    add_exponent, random_exponent = (_over(exponent, slopes[kind]) for kind in (ADD, RANDOM))
    losses = {kind: np.array([one.metrics["train_loss"][-1] for one in rows[-1]]) for kind, rows in networks.items()}
    loose, tight = _circuits(LOOSE), _circuits(TIGHT)
    pizza, clock = (Circuit(loose=_over(factor, loose[name]), tight=_over(factor, tight[name])) for name in CIRCUITS)
    valleys = {name: remember(measure_valley, name=name, n_steps=40_000) for name in VALLEYS}
    round_, trough, crossing = (number(float(arrays["found"]), null=VALLEYS[name]) for name, arrays in valleys.items())
    return Complexity(
        n_circuits=count(len(loose["clock"])),
        n_train=total(int(np.triu(first.train_mask_PP).sum())),
        n_weights=total(sum(weights.size for weights in first.record.final.values())),
        round=round_,
        trough=trough,
        crossing=crossing,
        add=replace(adds, fall=_beside(adds.fall, memorizes.fall), settled=_beside(adds.settled, memorizes.settled)),
        random=memorizes,
        same=_over(number, by_modulus[RANDOM][0] / by_modulus[ADD][0]),
        apart=_over(factor, by_modulus[RANDOM][-1] / by_modulus[ADD][-1]),
        losses_apart=_over(factor, losses[RANDOM] / losses[ADD]),
        add_exponent=_beside(add_exponent, random_exponent),
        random_exponent=random_exponent,
        steeper=_over(exponent, slopes[RANDOM] - slopes[ADD]),
        tethers=_spread(by_tether[ADD][STEP][1]),
        strides=_spread([found_G[usual] for _, found_G in by_tether[ADD].values()]),
        chains=_spread(_estimates(first, seeds=[*range(CHAINS)])),
        pizza=pizza,
        clock=clock,
        more=_over(factor, loose["pizza"] / loose["clock"]),
        more_tight=_over(factor, tight["pizza"] / tight["clock"]),
        valleys={name: arrays["points_N2"] for name, arrays in valleys.items()},
        traces={_tether(gamma): (np.arange(STEPS), _excess(first, gamma=gamma)[0]) for gamma in (1.0, GAMMA, 20.0)},
        by_tether=by_tether,
        paths={kind: [one.found for one in ones] for kind, ones in paths.items()},
        accuracy=[(study.metrics["step"], study.metrics["test_accuracy"]) for study in studies[ADD]],
        loss=[(study.metrics["step"], study.metrics["train_loss"]) for study in studies[ADD]],
        by_modulus=by_modulus,
        circuits={_tether(LOOSE): loose, _tether(TIGHT): tight},
    )


def measure_valley(*, name: str, n_steps: int) -> dict[str, np.ndarray]:
    """A chain on one of `VALLEYS`: the estimate, and some of the weights that it went through."""
    points: list[np.ndarray] = []

    def loss(w_2: np.ndarray) -> tuple[float, np.ndarray]:
        x, y = w_2
        match name:
            case "round":
                return x**2 + y**2, 2 * w_2
            case "trough":
                return x**2, np.array([2 * x, 0])
        return x**2 * y**2, np.array([2 * x * y**2, 2 * x**2 * y])

    losses_T = sample(
        loss, np.zeros(2), SAMPLES, gamma=1, step=1e-3, n_steps=n_steps, visit=lambda w_2: points.append(w_2.copy())
    )
    found = estimate(excess(losses_T, 0.0, SAMPLES), from_step=n_steps // 10)
    return {"found": found, "points_N2": np.array(points[:: n_steps // 400])}


@for_networks(SAMPLED, ONE_LAYER, ALL_WEIGHTS)
def measure_chains(
    study: Study, *, saved: Sequence[int], gamma: float, step: float, n_steps: int, batch: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """The training loss along chains; n is the number of different questions.

    Args:
        study: the network.
        saved: the steps of training whose weights chains begin with; none: the final weights.
        gamma, step, n_steps, seeds: of the chains, see `analysis.learning_coefficient.sample`.
        batch: training pairs of a step; 0: all.

    Returns:
        excess_XT: n beta times the loss above that of the weights, a row for each of them and each seed.
    """
    model, p, rng = study.spec.model, study.p, np.random.default_rng(0)
    train_N = np.flatnonzero(study.train_mask_PP)
    pairs_N2, labels_N = np.stack(np.divmod(train_N, p), axis=1), study.labels_PP.ravel()[train_N]
    (n, whole), shapes = model.weight_gradients(pairs_N2, labels_N, p), model.param_shapes(p)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]

    def at(weights_W: np.ndarray, some: bool = bool(batch)) -> tuple[float, np.ndarray]:
        params = {name: part.reshape(shapes[name]) for name, part in zip(shapes, np.split(weights_W, ends), strict=True)}
        drawn_B = rng.choice(len(train_N), batch, replace=False) if some else train_N
        loss, gradient = (model.weight_gradients(pairs_N2[drawn_B], labels_N[drawn_B], p)[1] if some else whole)(params)
        return loss, _flat(gradient, shapes)

    losses, start = [], []
    for weights in [study.record.snapshot(at) for at in saved] or [study.record.final]:
        start_W = _flat(weights, shapes)
        for seed in seeds:
            start.append(at(start_W, some=False)[0])
            losses.append(sample(at, start_W, n, gamma=gamma, step=step, n_steps=n_steps, seed=seed))
    return {"excess_XT": excess(np.array(losses), np.array(start), n)}


def _flat(weights: Mapping[str, np.ndarray], shapes: Mapping[str, object]) -> np.ndarray:
    return np.concatenate([np.asarray(weights[name], dtype=np.float32).ravel() for name in shapes])


def _excess(study: Study, **settings: Any) -> np.ndarray:
    """n beta times the loss above that of w*, (X, T); settings are those of `USUAL` unless given."""
    return study.remember(measure_chains, **(USUAL | settings))["excess_XT"]


def _estimates(study: Study, **settings: Any) -> np.ndarray:
    """The estimate of each chain, (X,), by its last two thirds; NaN where it runs away."""
    excess_XT = _excess(study, **settings)
    return estimate(excess_XT, from_step=excess_XT.shape[1] // 3)


def _by_tether(study: Study, step: float) -> Curve:
    return np.array(TETHERS), np.array([_estimates(study, gamma=gamma, step=step)[0] for gamma in TETHERS])


def _circuits(gamma: float) -> dict[str, np.ndarray]:
    """Circuit -> the estimates of its seeds, each the mean of some chains, (S,)."""
    seeds = {name: Study.seeds(name) for name in CIRCUITS}
    return {name: np.array([_estimates(one, gamma=gamma, **BATCHED).mean() for one in ones]) for name, ones in seeds.items()}


def _network(kind: str, p: int, seed: int) -> Study:
    return Study.open(f"mlp-complexity-{kind}-{p}", seed=seed)


def _tether(gamma: float) -> str:
    return f"tether {gamma:g}"


def _beside(value: Value, null: Value) -> Value:
    """A value with its null."""
    return replace(value, null=float(null.value))


def _over(kind: Callable[[float], Value], found_S: Iterable[float]) -> Value:
    """Numbers of several seeds as one value."""
    return over([kind(found) for found in found_S])


def _spread(found: Sequence[float] | np.ndarray) -> Value:
    """The largest over the smallest."""
    return factor(max(found) / min(found))
