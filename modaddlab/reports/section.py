"""A part of a report: the finding that it tells, the sentences of its values, its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab.errors import LabError
from modaddlab.findings import concentration, curves, stages, structure
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    ODD_MODULUS,
    OF_LOGARITHMS,
    TRANSFORMER,
    Need,
    initial_or_random,
    needs_of,
)
from modaddlab.study import Study


def first_weights(study: Study) -> structure.Structure:
    """The traces in the weights that it began with; where nobody knows these, in random ones."""
    try:
        return structure.null(study)
    except LabError:
        split_PP = study.train_mask_PP if study.spec.task.train_frac < 1 else None
        weights, model, operation = initial_or_random(study), study.spec.model, study.spec.task.operation
        first = Study.from_weights(weights, model, study.p, operation=operation, train_mask_PP=split_PP, name="random-weights")
        return structure.of(first, study.keys)


TRAINED = Need("a training that was recorded", lambda study: study.spec.origin is None and study.spec.steps > 0)
KEYS = Need("key frequencies", lambda study: bool(study.keys))
ATTENDS = Need("heads that attend to some residues more than to others", lambda study: _attends(study))
EXPLAINED = Need("neurons that one key explains", lambda study: structure.of(study).explained_neurons.value > 0)

WORDS = {TRANSFORMER: "a transformer with “=”"}
"""Needs that are told in other words, because Zhong et al.'s network is a transformer too."""

BY_LOGARITHM = {
    TRAINED: "a training that was recorded in waves of the logarithm",
    ODD_MODULUS: "an odd modulus, and that of logarithms is even",
    ADDITION: "addition, and a network that divides subtracts logarithms",
}
"""Needs that are told in other words of a network that is seen by its logarithms."""


AS_NAMED = (curves.of, curves.null, stages.of, concentration.of, concentration.of_characters)
"""Findings that are told of every network as it is."""


def seen(study: Study, find: Callable[..., Any]) -> Study:
    """The network that a finding is told of: of one that multiplies or divides, the one that adds or subtracts logarithms.

    Raises:
        LabError: it cannot be seen so, because its record keeps too little.
    """
    return study.by_logarithm if OF_LOGARITHMS.met_by(study) and find not in AS_NAMED else study


def lacks(study: Study, find: Callable[..., Any], *more: Need) -> str | None:
    """The first thing in words that a finding, or what is said of it, asks of a network in vain; None where there is none."""
    words = WORDS
    if OF_LOGARITHMS.met_by(study) and find not in AS_NAMED:
        if not ALL_WEIGHTS.met_by(study):
            return ALL_WEIGHTS.words
        try:
            study = seen(study, find)
        except LabError as error:
            return f"weights that can stand for logarithms: {error}"
        words = WORDS | BY_LOGARITHM
    needs = (*(needs_of(find) or ()), *more)
    return next((words.get(need, need.words) for need in needs if not need.met_by(study)), None)


Call = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]
"""A figure function and its arguments."""


def _attends(study: Study) -> bool:
    """Whether attention varies over the pairs, of a network that has any."""
    pattern = getattr(study.grid, "pattern_PPn3", None)
    return pattern is None or bool(np.ptp(pattern, axis=(0, 1)).max() > 1e-9)


@dataclass(frozen=True)
class Drawing:
    """A figure of a section.

    Attributes:
        name: what `Study.figure` calls it; of several of one name a network has one.
        caption: what it shows; what is drawn, not what it proves. What stands in brackets is about the null, where there is one.
        alt: for those who do not see it.
        call: the figure function and its arguments, from the finding, its null (None where there is none) and the network; None
            where there is nothing to draw.
    """

    name: str
    caption: str
    alt: str
    call: Callable[[Any, Any, Study], Call | None]


@dataclass(frozen=True)
class Section:
    """A finding in a report.

    Attributes:
        title: the heading; sections of one title that follow each other have it once.
        find: the finding of one network.
        says: a value's dotted name in the finding -> its sentence, the value standing for {}.
        draws: its figures.
        null: the finding where its cause is absent; a value that has a null of its own keeps that.
        opening: a sentence that says what this is about.
        needs: what its sentences ask of a network besides what the finding asks.
    """

    title: str
    find: Callable[[Study], Any]
    says: Mapping[str, str] = field(default_factory=dict)
    draws: tuple[Drawing, ...] = ()
    null: Callable[[Study], Any] | None = None
    opening: str = ""
    needs: tuple[Need, ...] = ()
