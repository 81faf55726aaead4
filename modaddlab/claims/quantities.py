"""The quantities that claims are about, each from one study: values of findings, and what only a claim asks."""

from __future__ import annotations

import functools
import math
from typing import Literal

import numpy as np

from modaddlab import findings
from modaddlab.claims.claim import Measure
from modaddlab.errors import LabError
from modaddlab.findings import ablation
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


def ablated(
    table: str, kind: str, score: str = "test_loss", *, which: Literal["", "least", "most"] = "", control: bool = False
) -> Measure:
    """A score after an ablation.

    Args:
        table, kind: which ablation; see `modaddlab.findings.ablation`.
        score: a field of `modaddlab.analysis.progress.Scores`.
        which: among several rows of that kind, the one that costs least or most.
        control: of as much chosen at random, the mean of the draws.
    """

    def measure(study: Study) -> float:
        n_draws = 10 if study.spec.name == MAINLINE else 1  # over seeds one choice each is enough
        rows = [row for row in ablation.tables(study, n_draws=n_draws)[table] if row.kind == kind]
        if not rows:
            return math.nan
        row = (max if which == "most" else min)(rows, key=lambda row: row.scores.test_loss)
        if not control:
            return getattr(row.scores, score)
        return row.control.summary(score).mean if row.control else math.nan

    return measure


def accuracy_lost(table: str, kind: str, control: bool = False) -> Measure:
    """How much test accuracy an ablation costs."""
    left = ablated(table, kind, "test_accuracy", control=control)
    before = finding("structure.test_accuracy")
    return lambda study: before(study) - left(study)


def agreement(study: Study) -> float:
    """The share of all pairs that the transformer of the same seed answers alike; NaN where it has not been trained."""
    try:
        other = Study.open(MAINLINE) if study.spec.seed == 0 else Study.open("mainline-25k", seed=study.spec.seed)
    except LabError:
        return math.nan
    if other.spec.task != study.spec.task:
        raise LabError(f"{study.record.run_id} has another task or split than {other.record.run_id}: they agree about nothing")
    answers = [np.argmax(each.grid.logits_PPC, axis=2) for each in (study, other)]
    return float(np.mean(answers[0] == answers[1]))


@functools.cache
def reference(name: str, seed: int | None = None) -> Study:
    """Another run that a quantity is compared with."""
    return Study.open(name, seed=seed)

