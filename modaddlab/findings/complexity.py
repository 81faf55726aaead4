"""How complex what a network has found is: its local learning coefficient over training, by the modulus, of clock and pizza.

Chains are those of `modaddlab.analysis.learning_coefficient`. The loss is that over the training pairs; of a network with many of
them each step of a chain takes some, drawn anew. The null is a network of the same shape that memorizes answers at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from modaddlab.analysis.learning_coefficient import estimate, sample, sharpness
from modaddlab.findings.networks import ALL_WEIGHTS, ONE_LAYER, SAMPLED, SNAPSHOTS, TEST_PAIRS, for_networks
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Group, Value, count, exponent, factor, number, over, pooled, setting, share, steps, total
from modaddlab.models.weight_gradients import objective
from modaddlab.study import Study, remember

GAMMA, STEP, STEPS, SKIPPED = 5.0, 1e-2, 240, 80
"""The tether is that of Panickssery and Vaintrob's released code; their chains have 2,000 to 3,000 steps of 1e-3."""

TETHERS, STRIDES, CHAINS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0), (3e-3, 1e-2, 2e-2), 3
"""What else is tried on the first networks: tethers, sizes of the step, and chains of the usual ones."""

BATCH, BATCH_STEPS = 256, 120
BATCHED = {400.0: 1e-4, 600.0: 1e-4}
"""Of the transformers: pairs of a step, steps of a chain, and the tethers with the steps that they allow."""

SEEDS, RANDOM_SEEDS, MODULUS, MODULI, MODULUS_SEEDS = range(42, 52), range(42, 47), 23, (23, 29, 37, 47), range(42, 45)
ADD, RANDOM = "add", "random"
CIRCUITS = {"pizza": "attention-rate-0", "clock": "attention-rate-1"}

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
    rest: Value
    rest_step: Value
    """At the first saved step with the training loss at rest,"""
    settled: Value
    """that over the last,"""
    rest_accuracy: Value
    accuracy: Value
    """and the accuracy on test pairs there and at the end."""
    step_T: np.ndarray = field(repr=False)
    found_T: np.ndarray = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Circuit(Group):
    """One of clock and pizza, by the looser and the tighter tether."""

    loose: Value
    tight: Value


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """The chapter's numbers."""

    n_seeds: Value
    n_random: Value
    n_modulus_seeds: Value
    p: Value
    n_train: Value
    n_weights: Value
    gamma: Value
    step: Value
    n_steps: Value
    n_samples: Value
    round: Value
    trough: Value
    crossing: Value
    """The estimates of `VALLEYS`; their nulls are the coefficients themselves."""
    add: Path
    random: Path
    same: Value
    """At the last step, memorizing over adding, of the same seeds; and at the largest modulus."""
    apart: Value
    largest: Value
    add_exponent: Value
    random_exponent: Value
    """Of the power law of the modulus; the null of the first is the second."""
    steeper: Value
    """The second less the first, seed by seed."""
    tethers: Value
    """The largest estimate over the smallest by the tethers, the step being the usual one."""
    strides: Value
    """The same by the sizes of the step, the tether being the usual one."""
    chains: Value
    """The largest over the smallest of some chains with nothing but other noise."""
    pizza: Circuit
    clock: Circuit
    loose: Value
    tight: Value
    """Their tethers."""
    more: Value
    more_tight: Value
    """Pizza over clock by either, over seeds."""
    n_circuits: Value
    valleys: Mapping[str, np.ndarray] = field(repr=False)
    """Name -> some of the weights that a chain went through, (N, 2)."""
    traces: dict[str, Curve] = field(repr=False)
    """n beta times the loss above that of w*, along chains of the first network, by the tether."""
    by_tether: dict[str, dict[float, Curve]] = field(repr=False)
    """Kind -> step size -> tethers and estimates."""
    paths: dict[str, list[Curve]] = field(repr=False)
    accuracy: list[Curve] = field(repr=False)
    loss: list[Curve] = field(repr=False)
    by_modulus: dict[str, np.ndarray] = field(repr=False)
    """Kind -> estimates (M, S)."""
    circuits: dict[str, dict[str, np.ndarray]] = field(repr=False)
    """Tether -> circuit -> estimates (S,)."""

    @property
    def moduli(self) -> tuple[int, ...]:
        """Those of `by_modulus`."""
        return MODULI

    @property
    def valley_columns(self) -> Columns:
        """The points of the first figure as its data."""
        names = [name for name, points_N2 in self.valleys.items() for _ in points_N2]
        x_N, y_N = np.concatenate(list(self.valleys.values())).T
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
        return {"modulus": np.repeat(MODULI, len(MODULUS_SEEDS))} | {
            kind: found_MS.ravel() for kind, found_MS in self.by_modulus.items()
        }

    @property
    def circuit_columns(self) -> Columns:
        """Clock and pizza as a figure's data."""
        rows = [(name, kind, one) for name, of in self.circuits.items() for kind, found_S in of.items() for one in found_S]
        return {name: [row[i] for row in rows] for i, name in enumerate(("tether", "circuit", "estimate"))}


@for_networks(SAMPLED, ONE_LAYER, ALL_WEIGHTS)
def of(study: Study) -> Coefficient:
    """The estimate at the end, with the settings of the book's small networks."""
    return Coefficient(coefficient=number(float(_last(study)[0])))


@for_networks(SAMPLED, ONE_LAYER, ALL_WEIGHTS, TEST_PAIRS, SNAPSHOTS)
def path(study: Study) -> Path:
    """The estimate at every saved step."""
    step_T = np.array(study.record.snapshot_steps)
    found_T = _estimates(study, saved=step_T.tolist(), gamma=GAMMA, step=STEP, n_steps=STEPS)
    at_T = np.searchsorted(study.metrics["step"], step_T)
    loss_T, accuracy_T = (study.metrics[name][at_T] for name in ("train_loss", "test_accuracy"))
    peak, rest = int(np.argmax(found_T)), int(np.flatnonzero(np.append(np.inf, loss_T) > AT_REST * loss_T[-1])[-1])
    return Path(
        start=number(found_T[0]),
        peak=number(found_T[peak]),
        peak_step=steps(step_T[peak]),
        last=number(found_T[-1]),
        fall=factor(found_T[peak] / found_T[-1]),
        rest=number(found_T[rest]),
        rest_step=steps(step_T[rest]),
        settled=number(found_T[rest] / found_T[-1]),
        rest_accuracy=share(accuracy_T[rest]),
        accuracy=share(accuracy_T[-1]),
        step_T=step_T,
        found_T=found_T,
    )


def measure() -> Complexity:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    studies = {
        ADD: [_network(ADD, MODULUS, seed) for seed in SEEDS],
        RANDOM: [_network(RANDOM, MODULUS, s) for s in RANDOM_SEEDS],
    }
    paths = {kind: [path(study) for study in ones] for kind, ones in studies.items()}
    by_modulus = {
        kind: np.array([[_last(_network(kind, p, seed))[0] for seed in MODULUS_SEEDS] for p in MODULI]) for kind in studies
    }
    slopes = {kind: np.polyfit(np.log(MODULI), np.log(found_MS), 1)[0] for kind, found_MS in by_modulus.items()}
    first = studies[ADD][0]
    by_tether = {kind: _by_tether(ones[0]) for kind, ones in studies.items()}
    tethers = by_tether[ADD][STEP][1]
    strides = [estimate_G[TETHERS.index(GAMMA)] for _, estimate_G in by_tether[ADD].values()]
    chains = _last(first, n=CHAINS)
    circuits = {_tether(gamma): {name: _circuit(run, gamma) for name, run in CIRCUITS.items()} for gamma in BATCHED}
    loose, tight = circuits.values()
    valleys = {name: remember(measure_valley, name=name, n_steps=40_000) for name in VALLEYS}
    round_, trough, crossing = (number(float(arrays["found"]), null=VALLEYS[name]) for name, arrays in valleys.items())
    pizza, clock = (Circuit(loose=_over_seeds(loose[name]), tight=_over_seeds(tight[name])) for name in CIRCUITS)
    adds, memorizes = pooled(paths[ADD]), pooled(paths[RANDOM])
    adds = replace(adds, **{name: _beside(getattr(adds, name), getattr(memorizes, name)) for name in ("fall", "settled")})
    exponents = {kind: over([exponent(float(slope)) for slope in slopes_S]) for kind, slopes_S in slopes.items()}
    return Complexity(
        n_seeds=count(len(SEEDS)),
        n_random=count(len(RANDOM_SEEDS)),
        n_modulus_seeds=count(len(MODULUS_SEEDS)),
        p=total(MODULUS),
        n_train=total(int(np.triu(first.train_mask_PP).sum())),
        n_weights=total(sum(weights.size for weights in first.record.final.values())),
        gamma=setting(GAMMA),
        step=setting(STEP),
        n_steps=total(STEPS),
        n_samples=total(SAMPLES),
        round=round_,
        trough=trough,
        crossing=crossing,
        add=adds,
        random=memorizes,
        same=_numbers(by_modulus[RANDOM][0] / by_modulus[ADD][0]),
        apart=_over_seeds(by_modulus[RANDOM][-1] / by_modulus[ADD][-1]),
        largest=total(MODULI[-1]),
        add_exponent=_beside(exponents[ADD], exponents[RANDOM]),
        random_exponent=exponents[RANDOM],
        steeper=over([exponent(float(slope)) for slope in slopes[RANDOM] - slopes[ADD]]),
        tethers=factor(tethers.max() / tethers.min()),
        strides=factor(max(strides) / min(strides)),
        chains=factor(chains.max() / chains.min()),
        pizza=pizza,
        clock=clock,
        loose=setting(min(BATCHED)),
        tight=setting(max(BATCHED)),
        more=_over_seeds(loose["pizza"] / loose["clock"]),
        more_tight=_over_seeds(tight["pizza"] / tight["clock"]),
        n_circuits=count(len(loose["clock"])),
        valleys={name: arrays["points_N2"] for name, arrays in valleys.items()},
        traces={_tether(gamma): _trace(first, gamma) for gamma in (TETHERS[1], GAMMA, TETHERS[-1])},
        by_tether=by_tether,
        paths={kind: [(one.step_T, one.found_T) for one in ones] for kind, ones in paths.items()},
        accuracy=[(study.metrics["step"], study.metrics["test_accuracy"]) for study in studies[ADD]],
        loss=[(study.metrics["step"], study.metrics["train_loss"]) for study in studies[ADD]],
        by_modulus=by_modulus,
        circuits=circuits,
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
    found = estimate(losses_T, 0.0, SAMPLES, from_step=n_steps // 10)
    return {"found": np.array(found), "points_N2": np.array(points[:: n_steps // 400])}


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
    (n, whole), shapes = objective(model, pairs_N2, labels_N, p), model.param_shapes(p)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]

    def at(weights_W: np.ndarray, some: bool = bool(batch)) -> tuple[float, np.ndarray]:
        params = {name: part.reshape(shapes[name]) for name, part in zip(shapes, np.split(weights_W, ends), strict=True)}
        drawn_B = rng.choice(len(train_N), batch, replace=False) if some else train_N
        loss, gradient = (objective(model, pairs_N2[drawn_B], labels_N[drawn_B], p)[1] if some else whole)(params)
        return loss, _flat(gradient, shapes)

    losses, start = [], []
    for weights in [study.record.snapshot(at) for at in saved] or [study.record.final]:
        start_W = _flat(weights, shapes)
        for seed in seeds:
            start.append(at(start_W, some=False)[0])
            losses.append(sample(at, start_W, n, gamma=gamma, step=step, n_steps=n_steps, seed=seed))
    return {"excess_XT": sharpness(n) * (np.array(losses) - np.array(start)[:, None])}


def _flat(weights: Mapping[str, np.ndarray], shapes: Mapping[str, object]) -> np.ndarray:
    return np.concatenate([np.asarray(weights[name], dtype=np.float32).ravel() for name in shapes])


def _excess(
    study: Study,
    *,
    gamma: float,
    step: float,
    n_steps: int,
    saved: Sequence[int] = (),
    batch: int = 0,
    seeds: Sequence[int] = (0,),
) -> np.ndarray:
    """n beta times the loss above that of w*, (X, T)."""
    settings = {"saved": list(saved), "gamma": gamma, "step": step, "n_steps": n_steps, "batch": batch, "seeds": list(seeds)}
    return study.remember(measure_chains, **settings)["excess_XT"]


def _estimates(study: Study, **settings: object) -> np.ndarray:
    """The estimate of each chain, (X,), by its last two thirds; settings as for `_excess`."""
    excess_XT = _excess(study, **settings)  # pyright: ignore[reportArgumentType]
    return excess_XT[:, excess_XT.shape[1] * SKIPPED // STEPS :].mean(axis=1)


def _last(study: Study, n: int = 1) -> np.ndarray:
    """The final weights by the usual settings, (n,): as many chains."""
    return _estimates(study, gamma=GAMMA, step=STEP, n_steps=STEPS, seeds=range(n))


def _by_tether(study: Study) -> dict[float, Curve]:
    """Step size -> tethers and estimates; NaN where a chain runs away."""
    return {
        stride: (
            np.array(TETHERS),
            np.array([_estimates(study, gamma=gamma, step=stride, n_steps=STEPS)[0] for gamma in TETHERS]),
        )
        for stride in STRIDES
    }


def _trace(study: Study, gamma: float) -> Curve:
    excess_T = _excess(study, gamma=gamma, step=STEP, n_steps=STEPS)[0]
    return np.arange(len(excess_T)), excess_T


def _circuit(run: str, gamma: float) -> np.ndarray:
    """The estimates of a transformer's seeds, (S,)."""
    settings = {"gamma": gamma, "step": BATCHED[gamma], "n_steps": BATCH_STEPS, "batch": BATCH}
    return np.array([_estimates(study, **settings)[0] for study in Study.seeds(run)])


def _network(kind: str, p: int, seed: int) -> Study:
    return Study.open(f"mlp-complexity-{kind}-{p}", seed=seed)


def _tether(gamma: float) -> str:
    return f"tether {gamma:g}"


def _beside(value: Value, null: Value) -> Value:
    """A value with its null."""
    return replace(value, null=float(null.value))


def _over_seeds(found_S: np.ndarray) -> Value:
    """On a log scale."""
    return over([factor(float(found)) for found in found_S])


def _numbers(found_S: np.ndarray) -> Value:
    return over([number(float(found)) for found in found_S])
