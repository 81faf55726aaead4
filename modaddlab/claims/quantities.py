"""The quantities that claims are about, each from one study: thin readers of the measurements that are kept per record."""

from __future__ import annotations

import functools
import math
from typing import Literal

import numpy as np

from modaddlab.analysis import phases
from modaddlab.claims.claim import Measure
from modaddlab.errors import LabError
from modaddlab.findings import ablation, progress
from modaddlab.measurements.structure import structure
from modaddlab.study import Study

MAINLINE = "mainline"


def traced(field: str, per_key: bool = False) -> Measure:
    """A field of `modaddlab.measurements.structure.Structure`, or that field for each key frequency; NaN without keys."""

    def measure(study: Study) -> float:
        found = structure(study)
        if per_key:
            return getattr(found, field) / found.n_keys if found.n_keys else math.nan
        return getattr(found, field)

    return measure


def untrained(field: str, per_key: bool = False) -> Measure:
    """The same of the untrained network, with the mainline's key frequencies."""

    def measure(_: Study) -> float:
        keys = Study.open(MAINLINE).keys
        value = getattr(structure(Study.open("untrained"), keys), field)
        return value / len(keys) if per_key else value

    return measure


def excluded_loss(study: Study) -> float:
    """The train loss without the waves of the network's keys, or of the mainline's where it has none of its own."""
    return structure(study, study.keys or Study.open(MAINLINE).keys).excluded_loss


def n_parameters(study: Study) -> float:
    """How many numbers training changes."""
    return float(sum(value.size for value in study.record.final.values()))


def n_training_pairs(study: Study) -> float:
    """How many pairs it is trained on."""
    return float(study.train_mask_PP.sum())


def n_test_pairs(study: Study) -> float:
    """How many pairs are kept for the test."""
    return float((~study.train_mask_PP).sum())


def final(name: str) -> Measure:
    """The last recorded value of a metric."""
    return lambda study: float(study.curve(name)[-1])


def step_memorized(study: Study) -> float:
    """First step with 99 % of the training pairs right; NaN if never."""
    return _or_nan(study.phases.memorization)


def step_generalized(study: Study) -> float:
    """First step with 95 % of the test pairs right; NaN if never."""
    return _or_nan(study.phases.generalization)


def step_cleanup_starts(study: Study) -> float:
    """The upper knot of the test loss's fall; NaN if there is none."""
    return _or_nan(study.phases.cleanup_start)


def step_cleanup_ends(study: Study) -> float:
    """The lower knot of the test loss's fall; NaN if there is none."""
    return _or_nan(study.phases.cleanup_end)


def step_of_excluded_turn(study: Study) -> float:
    """The step of the smallest excluded loss before generalization; needs snapshots."""
    history = progress.history(study)
    return _or_nan(phases.excluded_turn(history.step_T, history.curve("excluded_loss"), study.phases.generalization))


def key_energy_before_jump(study: Study) -> float:
    """The keys' share of W_E's energy at the last step with less than 5 % of the test pairs right, in units of an equal share;
    NaN without such a step."""
    before_T = np.flatnonzero(study.curve("test_accuracy") < 0.05)
    return _key_energy(study, before_T[-1]) if len(before_T) else math.nan


def key_energy_at_start(study: Study) -> float:
    """The same at step 0."""
    return _key_energy(study, 0)


def _key_energy(study: Study, row: int) -> float:
    """The keys' share of W_E's energy in a row of metrics, in units of an equal share; NaN without keys."""
    energy_K, keys = study.curve("energy_W_E")[row], study.keys
    return float(energy_K[np.array(keys) - 1].mean() / energy_K.mean()) if keys else math.nan


def groks(study: Study) -> float:
    """1 if it ever has 95 % of the test pairs right, otherwise 0."""
    return float(study.phases.generalization is not None)


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
    return lambda study: structure(study).test_accuracy - left(study)


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


def _or_nan(step: float | None) -> float:
    return math.nan if step is None else float(step)
