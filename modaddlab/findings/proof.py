"""What can be proven of a network's accuracy in fewer operations than trying all pairs (`modaddlab.analysis.proof`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import proof
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, NO_LAYER_NORM, ONE_LAYER, SNAPSHOTS, for_networks
from modaddlab.findings.sweep import Columns, Curve, curve_columns
from modaddlab.findings.value import Group, Value, count, factor, pooled, share, steps
from modaddlab.models.grid import Grid
from modaddlab.study import Study

EVERY = 6
"""Of the snapshots of a training every sixth is looked at."""

OTHERS = {
    "pizza": "the pizza",
    "clock": "the clock",
    "pizza-linear": "a linear model",
    "mlp-grokking": "two layers, ReLU, grokked",
    "mlp-quad-random": "two layers, squares",
    "mlp-standard": "two layers, ReLU, all pairs",
}
"""Run -> its name in a figure."""


@dataclass(frozen=True, kw_only=True)
class Proof(Group):
    """One network."""

    accuracy: Value
    """Over all pairs, by trying them."""
    bound: Value
    """The share of the pairs that is proven; its null keeps a random wave of each neuron in place of its loudest."""
    cost: Value
    """Operations of the check over those of trying all pairs."""
    left_in: Value
    """Of the neurons' variance outside the waves in."""
    left_out: Value
    """Of W_L's energy outside the waves that are kept of each neuron."""
    looseness: Value
    """How many times the allowance for what is left twice is as large as it is, in the mean."""


@dataclass(frozen=True, kw_only=True)
class Ladder(Group):
    """The share that is proven of one network by proofs that know less."""

    neither: Value
    waves_in: Value
    waves_out: Value


@for_networks(ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def of(study: Study) -> Proof:
    """The proof of one network, with one wave kept of each neuron."""
    found = study.remember(measure_proof)
    return Proof(
        accuracy=share(float(found["accuracy"])),
        bound=share(float(found["bound"]), null=float(found["random"])),
        cost=share(float(found["cost"])),
        left_in=share(float(found["left_in"])),
        left_out=share(float(found["left_out"])),
        looseness=factor(float(found["looseness"])),
    )


@for_networks(ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def ladder(study: Study) -> Ladder:
    """What proofs that know less show of the same network."""
    found = study.remember(measure_ladder)
    return Ladder(**{name: share(float(bound)) for name, bound in found.items()})


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """The mainline and its seeds, other networks, and the mainline over its training."""

    mainline: Proof
    ladder: Ladder
    n_frequencies: Value
    seeds: Proof
    n_seeds: Value
    least: Value
    """The smallest share that is proven of one of them."""
    n_whole: Value
    """How many have every pair proven that they have right."""
    standard: Proof
    grokked: Proof
    early: Value
    """The last step that is looked at with nothing proven,"""
    early_accuracy: Value
    """and the accuracy there."""
    proven: Value
    """The first step that is looked at with 99 % of all pairs proven,"""
    proven_accuracy: Value
    """and the accuracy there."""
    others: Mapping[str, Proof] = field(repr=False)
    curves: dict[str, Curve] = field(repr=False)

    @property
    def rows(self) -> dict[str, tuple[float, float]]:
        """Proof or network -> the share that is proven, and that which trying pairs with as many operations shows."""
        main, less = self.mainline, self.ladder
        known = {
            "mainline, knowing neither": less.neither.value,
            "... waves in": less.waves_in.value,
            "... waves out": less.waves_out.value,
            "... waves in, random waves out": main.bound.null,
            "... waves in and out": main.bound.value,
        }
        rows = {name: (float(bound or 0), main.cost.value) for name, bound in known.items()}
        return rows | {name: (one.bound.value, one.cost.value) for name, one in self.others.items()}

    @property
    def columns(self) -> Columns:
        """The same as a figure's data."""
        rows = self.rows
        return {"proof": list(rows), "proven": [row[0] for row in rows.values()], "tried": [row[1] for row in rows.values()]}

    @property
    def curve_columns(self) -> Columns:
        """The curves over training as a figure's data."""
        return curve_columns(self.curves, every=1, what="share of all pairs")

    @property
    def table(self) -> list[dict[str, str]]:
        """The other networks."""
        return [
            {
                "network": name,
                "operations": str(one.cost),
                "neurons: left": str(one.left_in),
                "outputs: left": str(one.left_out),
                "proven": str(one.bound),
                "right": str(one.accuracy),
            }
            for name, one in {"the mainline": self.mainline, **self.others}.items()
        ]


def measure() -> Proofs:
    """The finding.

    Raises:
        LabError: a run is not trained, or a record is damaged.
    """
    main = Study.open("mainline")
    seeds = [of(study) for study in (main, *Study.seeds("mainline-25k"))]
    others = {name: of(Study.open(run)) for run, name in OTHERS.items()}
    found = main.remember(measure_history)
    step_T, right_T, proven_T = found["step"], found["accuracy"], found["bound"]
    proven, early = int(np.argmax(proven_T >= 0.99)), int(np.flatnonzero(proven_T == 0)[-1])
    return Proofs(
        mainline=seeds[0],
        ladder=ladder(main),
        n_frequencies=count(len(proof.frequencies_of(main.grid.W_L_HC))),
        seeds=pooled(seeds),
        n_seeds=count(len(seeds)),
        least=share(min(one.bound.value for one in seeds)),
        n_whole=count(sum(one.bound.value == one.accuracy.value for one in seeds)),
        standard=others[OTHERS["mlp-standard"]],
        grokked=others[OTHERS["mlp-grokking"]],
        early=steps(step_T[early]),
        early_accuracy=share(right_T[early]),
        proven=steps(step_T[proven]),
        proven_accuracy=share(right_T[proven]),
        others=others,
        curves={"right": (step_T, right_T), "proven": (step_T, proven_T)},
    )


@for_networks(ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def measure_proof(study: Study) -> dict[str, np.ndarray]:
    """The numbers of `of`, a scalar each."""
    grid, model = study.grid, study.spec.model
    frequencies = proof.frequencies_of(grid.W_L_HC)
    kept_KH = proof.loudest(grid.W_L_HC, frequencies)
    found = _prove(grid, frequencies, kept_KH)
    error_PPC = grid.logits_PPC - found.ideal_PPC
    error_PPC -= error_PPC.mean(axis=2, keepdims=True)
    draw_H = np.random.default_rng(0).integers(len(frequencies), size=kept_KH.shape[1])
    random = _prove(grid, frequencies, np.arange(len(frequencies))[:, None] == draw_H)
    shared = model.pair_operations(study.p)
    cost = (shared + found.operations) / (shared + proof.brute_operations(study.p, model.d_mlp))
    error = np.abs(error_PPC).mean()
    numbers = {
        "accuracy": _accuracy(grid),
        "bound": found.bound,
        "random": random.bound,
        "cost": cost,
        "left_in": found.left_in,
        "left_out": found.left_out,
        "looseness": found.radius_PPC.mean() / error if error else 1.0,
    }
    return {name: np.array(value) for name, value in numbers.items()}


@for_networks(ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS)
def measure_ladder(study: Study) -> dict[str, np.ndarray]:
    """The shares of `ladder`."""
    frequencies = proof.frequencies_of(study.grid.W_L_HC)
    rungs = {"neither": (0, False), "waves_in": (0, True), "waves_out": (1, False)}
    return {
        name: np.array(
            _prove(study.grid, frequencies, proof.loudest(study.grid.W_L_HC, frequencies, n_out), waves_in=waves_in).bound
        )
        for name, (n_out, waves_in) in rungs.items()
    }


@for_networks(ONE_LAYER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, SNAPSHOTS)
def measure_history(study: Study, every: int = EVERY) -> dict[str, np.ndarray]:
    """The share of all pairs that is right, and that is proven, at every few snapshots."""
    step = np.array(study.record.snapshot_steps[::every])
    found = []
    for one in step:
        grid = study.snapshot_grid(int(one))
        frequencies = proof.frequencies_of(grid.W_L_HC)
        bound = _prove(grid, frequencies, proof.loudest(grid.W_L_HC, frequencies)).bound
        found.append((_accuracy(grid), bound))
    accuracy, bound = np.array(found).T
    return {"step": step, "accuracy": accuracy, "bound": bound}


def _prove(grid: Grid, frequencies: Sequence[int], kept_KH: np.ndarray, *, waves_in: bool = True) -> proof.Proof:
    direct_PPC = grid.logits_PPC - grid.neurons_PPH @ grid.W_L_HC
    parts = grid.neurons_PPH, grid.W_L_HC, direct_PPC
    return proof.prove(*parts, frequencies=tuple(frequencies), kept_KH=kept_KH, waves_in=waves_in)


def _accuracy(grid: Grid) -> float:
    answer_PP = np.add.outer(np.arange(grid.p), np.arange(grid.p)) % grid.p
    return float((grid.logits_PPC.argmax(axis=2) == answer_PP).mean())
