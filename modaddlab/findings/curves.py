"""What the recorded curves say of a run: when it knows its training questions, when it has the rule, how it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis import phases, stability
from modaddlab.findings.networks import for_networks
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, factor, loss, pooled, share, steps
from modaddlab.study import Study

KEPT = ("step", "train_loss", "test_loss", "train_accuracy", "test_accuracy")


@dataclass(frozen=True, kw_only=True)
class Curves(Group):
    """One run. Steps that are never reached are NaN."""

    memorized: Value
    """First step with 99 % of the training pairs right."""
    grokked: Value
    """First step with 95 % of the test pairs right."""
    groks: Value
    """1 if there is such a step."""
    cleanup_start: Value
    cleanup_end: Value
    """The knots of the test loss's fall."""
    quiet_accuracy: Value
    """The median test accuracy between the two first steps."""
    worst_test_loss: Value
    """The largest."""
    train_loss: Value
    test_loss: Value
    test_accuracy: Value
    """At the end."""
    times_later: Value
    """How many times as long it took to grok as to memorize; NaN where it knew all from step 0."""
    lowest_after: Value
    """The lowest test accuracy from the time to grok on."""
    collapsed: Value
    """First step after it with fewer than half of the test pairs right."""
    trained_for: Value
    phases: tuple[tuple[str, int, int], ...] = field(repr=False)
    """As figures mark them."""
    metrics: dict[str, np.ndarray] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """Losses and accuracies as a figure's data."""
        return {name: self.metrics[name] for name in KEPT}

    @property
    def norms(self) -> Columns:
        """The lengths of the weight matrices as a figure's data."""
        return {name: self.metrics[name] for name in self.metrics if name == "step" or name.startswith("norm/")}

    @property
    def length_T(self) -> np.ndarray:
        """The length of the vector of all weights."""
        return np.sqrt(sum(values_T**2 for name, values_T in self.metrics.items() if name.startswith("norm/")))


@for_networks()
def of(study: Study) -> Curves:
    """What a run's curves say."""
    found, metrics = study.phases, study.metrics
    since, until = (math.nan if step is None else step for step in (found.memorization, found.generalization))
    tested = metrics["step"], metrics["test_accuracy"]
    quiet_T = metrics["test_accuracy"][(metrics["step"] > since) & (metrics["step"] < until)]
    return Curves(
        memorized=steps(found.memorization),
        grokked=steps(found.generalization),
        groks=share(found.generalization is not None),
        cleanup_start=steps(found.cleanup_start),
        cleanup_end=steps(found.cleanup_end),
        quiet_accuracy=share(np.median(quiet_T) if len(quiet_T) else math.nan),
        worst_test_loss=loss(metrics["test_loss"].max()),
        train_loss=loss(metrics["train_loss"][-1]),
        test_loss=loss(metrics["test_loss"][-1]),
        test_accuracy=share(metrics["test_accuracy"][-1]),
        times_later=factor(until / since if since else math.nan),
        lowest_after=share(stability.lowest_after(*tested, found.generalization)),
        collapsed=steps(phases.collapse_step(*tested, found.generalization)),
        trained_for=steps(study.spec.steps),
        phases=found.spans,
        metrics=metrics,
    )


@dataclass(frozen=True, kw_only=True)
class Blind(Group):
    """One that knows nothing."""

    train_loss: Value
    test_loss: Value
    test_accuracy: Value


@for_networks()
def null(study: Study) -> Blind:
    """Every answer is as likely as every other."""
    uniform = loss(math.log(study.p))
    return Blind(train_loss=uniform, test_loss=uniform, test_accuracy=share(1 / study.p))


@dataclass(frozen=True, kw_only=True)
class Family:
    """The mainline, and the other random starts of the same setup."""

    mainline: Curves
    seeds: Curves
    n_seeds: Value


def measure() -> Family:
    """The book's."""
    others = Study.seeds("mainline-25k")
    return Family(mainline=of(Study.open("mainline")), seeds=pooled([of(study) for study in others]), n_seeds=count(len(others)))
