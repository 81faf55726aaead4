"""What a network is asked, and how large it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modaddlab.findings.networks import TEST_PAIRS, for_networks
from modaddlab.findings.value import Group, Value, number, share, total
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Task(Group):
    """The questions of one network."""

    p: Value
    pairs: Value
    """All questions."""
    train: Value
    test: Value
    """How many of them it is shown, and how many are kept for the test."""
    blind_accuracy: Value
    blind_loss: Value
    """Of answering every residue with the same probability."""
    parameters: Value
    """How many numbers training changes."""


@for_networks(TEST_PAIRS)
def of(study: Study) -> Task:
    """What a network is asked.

    Raises:
        LabError: its split cannot be drawn again.
    """
    mask_PP = study.train_mask_PP
    shapes = study.spec.model.param_shapes(study.p)
    return Task(
        p=total(study.p),
        pairs=total(study.spec.task.n_pairs),
        train=total(mask_PP.sum()),
        test=total(study.test_mask_PP.sum()),
        blind_accuracy=share(1 / study.p),
        blind_loss=number(math.log(study.p)),
        parameters=total(sum(math.prod(shape) for shape in shapes.values())),
    )


def measure() -> Task:
    """The mainline's."""
    return of(Study.open("mainline"))
