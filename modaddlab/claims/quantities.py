"""The quantities that claims are about, each from one study: values of findings, and what only a claim asks."""

from __future__ import annotations

import functools
import math
from typing import Any

from modaddlab import findings
from modaddlab.analysis.attention import mean_attention
from modaddlab.claims.claim import Measure
from modaddlab.errors import LabError
from modaddlab.models.grid import run_grid
from modaddlab.study import Study

MAINLINE = "mainline"


def finding(name: str, null: bool = False) -> Measure:
    """A value of what the package finds in one network, such as "structure.n_keys" or "curves.grokked".

    Args:
        name: the subject, and the value's place in its finding.
        null: the value where its cause is absent: of the subject's `null`, or the one that the value has itself.
    """
    subject, *path = name.split(".")

    def measure(study: Study) -> float:
        module = getattr(findings, subject)
        apart = null and hasattr(module, "null")
        value = functools.reduce(getattr, path, (module.null if apart else module.of)(study))
        return float(value.null if null and not apart else value.value)

    return measure


def excluded_loss(study: Study) -> float:
    """The train loss without the waves of the network's keys, or of the mainline's where it has none of its own."""
    return findings.structure.of(study, keys=study.keys or Study.open(MAINLINE).keys).excluded_loss.value


def random_neurons_lost(study: Study) -> float:
    """How much accuracy as many random neurons cost as there are explained ones, set to zero."""
    n_draws = findings.ablation.DRAWS if study.spec.name == MAINLINE else 1  # over seeds one choice each is enough
    lost = findings.ablation.of(study, n_draws=n_draws).explained_zero.lost.null
    return math.nan if lost is None else lost


def squared(name: str, null: bool = False) -> Measure:
    """The square of a finding: the energy where it is a norm."""
    root = finding(name, null)
    return lambda study: root(study) ** 2


def all_heads_ignore(study: Study) -> float:
    """1 if the mean attention of every head to "=" is under a percent, else 0."""
    return float((findings.overtones.heads(study).to_equals_n < findings.parts.IGNORED).all())


def untrained_heads_ignore(study: Study) -> float:
    """The same before training."""
    grid: Any = run_grid(study.initial, study.spec.model, study.p)
    return float((mean_attention(grid.pattern_PPn3)[:, 2] < findings.parts.IGNORED).all())


def agreement(study: Study) -> float:
    """The share of all pairs that the transformer of the same seed answers alike; NaN where it has not been trained."""
    try:
        other = Study.open(MAINLINE) if study.spec.seed == 0 else Study.open("mainline-25k", seed=study.spec.seed)
    except LabError:
        return math.nan
    if other.spec.task != study.spec.task:
        raise LabError(f"{study.record.run_id} has another task or split than {other.record.run_id}: they agree about nothing")
    return findings.side.agreement([study, other])


@functools.cache
def reference(name: str, seed: int | None = None) -> Study:
    """Another run that a quantity is compared with."""
    return Study.open(name, seed=seed)
