"""The story of grokking at four moments of one run: what the embedding, the residues and one answer look like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modaddlab.analysis import spectra
from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, CIRCLES, NO_LAYER_NORM, SNAPSHOTS, TEST_PAIRS, for_networks
from modaddlab.study import Study

QUESTION = 4321
"""Which of the unseen questions is asked, in the order of a and then b; in a smaller network counted from the start again."""

LATE = 15_000
"""A step at which the mainline no longer changes."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A network at one snapshot."""

    step: int
    norm_P: np.ndarray
    """Norms of W_E's Fourier components."""
    point_P2: np.ndarray
    """The residues in the plane of the final network's strongest key."""
    logits_C: np.ndarray
    """Of the question."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """One run."""

    moments: tuple[Moment, ...]
    """At the start, a third of the way to grokking, shortly before, and late."""
    keys: tuple[int, ...]
    key: int
    """The strongest of them."""
    question: tuple[int, int]


@for_networks(NO_LAYER_NORM, ADDITION, TEST_PAIRS, ALL_WEIGHTS, SNAPSHOTS, CIRCLES)
def of(study: Study) -> Story:
    """The story of a run; of one that does not grok, over all of its steps."""
    grokked = study.phases.generalization or study.spec.steps
    steps, energy_K = study.record.snapshot_steps, spectra.spectrum(study.grid.W_E_PD).energy_K
    key = max(study.keys, key=lambda k: energy_K[k - 1])
    directions = spectra.circle_directions(study.grid.W_E_PD, key)
    unseen = np.argwhere(~study.train_mask_PP)
    a, b = map(int, unseen[QUESTION % len(unseen)])
    chosen = [int(steps[np.abs(steps - target).argmin()]) for target in (0, grokked // 3, int(0.88 * grokked), LATE)]
    return Story(
        moments=tuple(_moment(study, step, directions, (a, b)) for step in chosen), keys=study.keys, key=key, question=(a, b)
    )


def measure() -> Story:
    """The mainline's."""
    return of(Study.open("mainline"))


def _moment(study: Study, step: int, directions_2D: np.ndarray, question: tuple[int, int]) -> Moment:
    grid = study.snapshot_grid(step)
    return Moment(
        step=step,
        norm_P=spectra.spectrum(grid.W_E_PD).norms_P,
        point_P2=grid.W_E_PD @ directions_2D.T,
        logits_C=grid.logits_PPC[question],
    )
