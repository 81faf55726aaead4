"""The runs of the two-layer network: five configurations, each for any odd p and any seed (He et al. 2026).

    mlp-standard            all pairs, AdamW: which features are learned
    mlp-grokking            75 % of the pairs with weight decay: memorization first, generalization later
    mlp-quad-random         as standard, with the quadratic activation
    mlp-quad-single-freq    quadratic, plain gradient descent from one cosine a neuron: the dynamics that the theory solves
    mlp-relu-single-freq    the same with ReLU, whose kink leaks to other frequencies

Seed 42 at p = 23 is the one that the book follows step by step, so that run alone keeps its weights along the way; other seeds
and moduli keep their curves and final weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TwoLayerSpec

DEFAULT_P, DEFAULT_SEED = 23, 42


def d_mlp_rule(p: int) -> int:
    """The number of hidden neurons that belongs to a modulus: max(512, ceil(512/529 p^2)), that of p = 23 scaled by the number
    of pairs.

    Source:
        He et al. 2026, released code.
    """
    return max(512, -(-512 * p * p // 529))


_STANDARD = RunSpec(
    name="mlp-standard",
    task=TaskSpec(p=DEFAULT_P, train_frac=1.0),
    model=TwoLayerSpec(),
    optim=OptimSpec(lr=5e-5, weight_decay=0.0),
    record=RecordSpec(snapshots=48),
    steps=5_000,
    seed=DEFAULT_SEED,
)
_FROM_ONE_FREQUENCY = RecordSpec(metrics_every=20, snapshots=36, snapshot_dtype="float32")

_RUNS: list[tuple[RunSpec, str]] = [
    (_STANDARD, "two layers, ReLU, all pairs: which features are learned"),
    (
        dataclasses.replace(
            _STANDARD,
            name="mlp-grokking",
            task=TaskSpec(p=DEFAULT_P, train_frac=0.75),
            optim=OptimSpec(lr=1e-4, weight_decay=2.0),
            record=RecordSpec(metrics_every=100, snapshots=48),
            steps=50_000,
        ),
        "two layers, ReLU, 75 % of the pairs, weight decay: grokking in three stages",
    ),
    (
        dataclasses.replace(
            _STANDARD, name="mlp-quad-random", model=TwoLayerSpec(activation="quad"), record=RecordSpec(snapshots=24)
        ),
        "two layers, quadratic activation, all pairs",
    ),
    (
        dataclasses.replace(
            _STANDARD,
            name="mlp-quad-single-freq",
            model=TwoLayerSpec(activation="quad", init="single-frequency", init_scale=0.02),
            optim=OptimSpec(optimizer="sgd", lr=0.1, weight_decay=0.0),
            record=_FROM_ONE_FREQUENCY,
            steps=10_000,
        ),
        "two layers, quadratic, gradient descent from one cosine a neuron",
    ),
    (
        dataclasses.replace(
            _STANDARD,
            name="mlp-relu-single-freq",
            model=TwoLayerSpec(init="single-frequency", init_scale=0.002),
            optim=OptimSpec(optimizer="sgd", lr=0.01, weight_decay=0.0),
            record=_FROM_ONE_FREQUENCY,
            steps=10_000,
        ),
        "two layers, ReLU, gradient descent from one cosine a neuron",
    ),
    (
        dataclasses.replace(_STANDARD, name="mlp-untrained", record=RecordSpec(), steps=0),
        "the initial weights of mlp-standard and mlp-grokking: the null of every structure",
    ),
]

CONFIGURATIONS: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for spec, _ in _RUNS if spec.steps})
"""The five configurations, p = 23 and seed 42."""

FAMILY: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for spec, _ in _RUNS})
"""The runs that are there for every modulus: the five configurations and the untrained network."""

PURPOSES: Mapping[str, str] = MappingProxyType({spec.name: purpose for spec, purpose in _RUNS})


def check_test_pairs(spec: RunSpec) -> None:
    """Refuse a split without test pairs where the run is about the difference between training and test pairs.

    Raises:
        LabError: the specification is called mlp-grokking and trains on all pairs.
    """
    task = spec.task
    if spec.name == "mlp-grokking" and task.n_train == task.n_pairs:
        raise LabError(
            f"task.train_frac (={task.train_frac:g}) leaves no test pair, and {spec.name} compares test with training pairs; "
            "take less than 1, or train mlp-standard"
        )


def two_layer(name: str, *, p: int = DEFAULT_P, seed: int = DEFAULT_SEED) -> RunSpec:
    """A run of the family at a modulus, with as many neurons as `d_mlp_rule` gives it.

    Args:
        name: a name of `FAMILY`.
        p: the modulus; odd for the configurations that begin with single frequencies.
        seed: of the split and the initial weights.

    Raises:
        LabError: p or the seed is not allowed.
    """
    spec = FAMILY[name]
    followed = (p, seed) == (DEFAULT_P, DEFAULT_SEED)
    task, record = dataclasses.replace(spec.task, p=p), spec.record
    if not followed:
        record = RecordSpec(metrics_every=spec.record.metrics_every)
    model = dataclasses.replace(spec.model, d_mlp=d_mlp_rule(p))
    return dataclasses.replace(spec, task=task, model=model, record=record, seed=seed)
