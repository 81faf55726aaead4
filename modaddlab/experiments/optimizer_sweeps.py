"""The runs that compare update rules: a small two-layer network until it groks, each rule with as many settings to choose from.

Every rule has fifteen settings, five learning rates with three values of what else it leaves to choose, and one seed of each;
then ten other seeds of its fastest setting (`TUNED`) and of AdamW's usual one. A table of two rows and three columns takes a
published comparison apart (`crossed`). Records hold the curves and no weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modaddlab.experiments.overrides import changed
from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TwoLayerSpec

BASE = RunSpec(
    name="rule",
    task=TaskSpec(p=31, train_frac=0.8, unordered=True),
    model=TwoLayerSpec(d_mlp=128),
    record=RecordSpec(metrics_every=20, energies=False, weights="none"),
    steps=8_000,
    grokked_for=200,
)

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)

SEEDS = range(1, 11)
"""Of the chosen settings; seed 0 has chosen them."""

_DECAYS = ("optim.weight_decay", (0.3, 1.0, 2.0), 1.0)

RULES: Mapping[str, tuple[str, dict[str, Any], tuple[str, tuple[float, ...], float]]] = MappingProxyType(
    {
        "adamw": ("AdamW", {}, _DECAYS),
        "adam": (
            "Adam with an L2 penalty",
            {"optim.optimizer": "adam"},
            ("optim.weight_decay", (1e-4, 1e-3, 1e-2), 1e-3),
        ),
        "grokfast-average": ("AdamW, Grokfast's exponential mean", {"optim.gradient": "grokfast-average"}, _DECAYS),
        "grokfast-window": (
            "AdamW, Grokfast's window",
            {"optim.gradient": "grokfast-window", "optim.grokfast_steps": 100, "optim.grokfast_gain": 5.0},
            _DECAYS,
        ),
        "orthogonal": (
            "AdamW, OrthoGrad",
            {"optim.gradient": "orthogonal"},
            ("optim.weight_decay", (0.0, 0.3, 1.0), 0.0),
        ),
        "muon": ("Muon", {"optim.optimizer": "muon"}, _DECAYS),
        "constant-norm": (
            "AdamW at constant norm",
            {"optim.constant_norm": True, "optim.weight_decay": 0.0},
            ("model.init_scale", (2.0, 3.0, 4.0), 3.0),
        ),
    }
)
"""A rule by a short name: in words, what it changes, which other field has which values, and which of them is the usual one."""

TUNED: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "adamw": (0.1, 2.0),
        "adam": (0.1, 1e-3),
        "grokfast-average": (0.1, 1.0),
        "grokfast-window": (0.1, 2.0),
        "orthogonal": (0.1, 0.0),
        "muon": (0.1, 0.3),
        "constant-norm": (0.1, 2.0),
    }
)
"""The fastest of a rule's settings, seed 0: learning rate and the other field's value."""


def point(rule: str, rate: float, value: float, seed: int = 0) -> RunSpec:
    """One setting of a rule."""
    _, changes, (field, _, _) = RULES[rule]
    spec = changed(BASE, {**changes, "optim.lr": rate, field: value})
    return dataclasses.replace(spec, name=f"rule-{rule}-{rate:g}-{value:g}", seed=seed)


def grid(rule: str) -> tuple[RunSpec, ...]:
    """All settings of a rule, with seed 0."""
    return tuple(point(rule, rate, value) for rate in RATES for value in RULES[rule][2][1])


def usual(rule: str, seed: int = SEEDS[0]) -> RunSpec:
    """The rule with AdamW's usual numbers."""
    return dataclasses.replace(point(rule, BASE.optim.lr, RULES[rule][2][2], seed), name=f"rule-{rule}")


def tuned(rule: str, seed: int = SEEDS[0]) -> RunSpec:
    """The rule in its fastest setting."""
    return dataclasses.replace(point(rule, *TUNED[rule], seed), name=f"rule-{rule}-tuned")


PENALTIES = (0.0, 1e-4, 1e-3)
"""None, as in the published baseline of Grokfast, and two with which the network groks."""


def crossed(filtered: bool, penalty: float, seed: int) -> RunSpec:
    """Adam with an L2 penalty, without or with Grokfast's window as published: what does which of the two do?"""
    changes: dict[str, Any] = {"optim.optimizer": "adam", "optim.weight_decay": penalty}
    if filtered:
        changes |= RULES["grokfast-window"][1]
    return dataclasses.replace(changed(BASE, changes), name=f"rule-{'window' if filtered else 'plain'}-{penalty:g}", seed=seed)


VARIATIONS: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for rule in RULES for spec in (usual(rule), tuned(rule))})
"""Every rule in its two settings, with the first of their seeds."""


PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        make(rule).name: f"a small two-layer network: {words}, {setting}"
        for rule, (words, _, _) in RULES.items()
        for make, setting in ((usual, "with AdamW's usual numbers"), (tuned, "in the fastest of its settings"))
    }
)


def runs() -> tuple[RunSpec, ...]:
    """All of them: the choice of settings first."""
    chosen = [make(rule, seed) for make in (usual, tuned) for seed in SEEDS for rule in RULES]
    table = [crossed(filtered, penalty, seed) for seed in SEEDS for filtered in (False, True) for penalty in PENALTIES]
    return (*(spec for rule in RULES for spec in grid(rule)), *chosen, *table)
