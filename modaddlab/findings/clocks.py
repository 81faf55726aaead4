"""Turning the clocks: whether the circles of its key frequencies are what a network adds with (`modaddlab.analysis.turning`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis.turning import turned
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, CIRCLES, for_networks
from modaddlab.findings.value import Group, Value, share
from modaddlab.study import Study

TURNS = 5
"""By how many different numbers of residues the circles are turned; half a turn is left out, which leaves a + b as it is."""


@dataclass(frozen=True, kw_only=True)
class Clocks(Group):
    """One network whose embedding is turned; shares of all pairs, means over the turns by d."""

    follows: Value
    """Answered with a + b + 2d when the circles of all keys are turned. The null turns as many other frequencies, chosen at
    random, where there are so many."""
    stays: Value
    """Answered with a + b all the same, as a network does that takes no notice."""


@for_networks(ADDITION, ALL_WEIGHTS, CIRCLES)
def of(study: Study) -> Clocks:
    """What a network answers when its clocks are turned; two seconds for p = 113, and kept."""
    found = {name: float(values_D.mean()) for name, values_D in study.remember(measure_clocks).items()}
    control = found["control"]
    return Clocks(follows=share(found["follows"], null=None if math.isnan(control) else control), stays=share(found["stays"]))


@for_networks(ADDITION, ALL_WEIGHTS, CIRCLES)
def measure_clocks(study: Study) -> dict[str, np.ndarray]:
    """The shares for each turn, (D,): "follows", "stays", and "control", NaN without enough other frequencies."""
    p, keys, model = study.p, list(study.keys), study.spec.model
    params = {name: np.asarray(value, np.float64) for name, value in study.record.final.items()}
    tables = [name for name in model.residue_weights if name.startswith("embed.")] or model.residue_weights[:1]
    others = [k for k in range(1, p // 2 + 1) if k not in keys]
    generator = np.random.default_rng(0)
    found: dict[str, list[float]] = {"follows": [], "stays": [], "control": []}

    def shift_PP(frequencies: list[int], d: int) -> np.ndarray:
        """How far each answer is from a + b."""
        changed = dict(params)
        for name in tables:
            changed[name] = np.concatenate([turned(params[name][:p], frequencies, d), params[name][p:]])
        return (model.pair_logits(changed, p).argmax(axis=-1) - study.labels_PP) % p

    for d in np.linspace(1, p - 1, TURNS).astype(int):
        if 2 * d % p == 0:
            continue
        shifted_PP = shift_PP(keys, int(d))
        found["follows"].append(float((shifted_PP == 2 * d % p).mean()))
        found["stays"].append(float((shifted_PP == 0).mean()))
        if len(others) < len(keys):
            found["control"].append(math.nan)
        else:
            drawn = [int(k) for k in generator.choice(others, len(keys), replace=False)]
            found["control"].append(float((shift_PP(drawn, int(d)) == 2 * d % p).mean()))
    return {name: np.array(values) for name, values in found.items()}


def measure() -> Clocks:
    """The mainline's."""
    return of(Study.open("mainline"))
