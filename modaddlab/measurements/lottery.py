"""The lottery in trained two-layer networks: what each neuron drew, which frequency won, and which rule had named it.

The initial weights of our own runs follow from their seed, so that a record needs no snapshots for this (`Study.initial`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modaddlab.analysis import leakage, lottery
from modaddlab.analysis.dynamics import waves
from modaddlab.analysis.seeds import OverSeeds, over_seeds
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    KNOWN_HARMONICS,
    ODD_MODULUS,
    RANDOM_START,
    SNAPSHOTS,
    TWO_LAYER,
    for_networks,
)
from modaddlab.models.two_layer import theta_of
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A run's lottery.

    Attributes:
        drawn: the initial weights' magnitudes and misalignments.
        winner_H: the frequency that holds most of each neuron's input in the end.
        share_H: how much of it.
    """

    drawn: lottery.Draw
    winner_H: np.ndarray
    share_H: np.ndarray

    @property
    def hit_rates(self) -> dict[str, float]:
        """The share of neurons whose winner each rule has named."""
        return lottery.hit_rates(self.drawn, self.winner_H)


@dataclass(frozen=True, kw_only=True)
class Races:
    """The frequencies of all neurons over training.

    Attributes:
        step_T: the snapshots' steps.
        alpha_THK, beta_THK, D_THK: magnitudes and misalignments of every neuron and frequency.
        winner_H: the frequency that holds most of each neuron's input in the end.
    """

    step_T: np.ndarray
    alpha_THK: np.ndarray
    beta_THK: np.ndarray
    D_THK: np.ndarray
    winner_H: np.ndarray

    @property
    def decided_T(self) -> np.ndarray:
        """The share of neurons in which the later winner has the largest alpha already."""
        return np.mean(self.alpha_THK.argmax(axis=2) + 1 == self.winner_H, axis=1)


@for_networks(TWO_LAYER, KNOWN_HARMONICS, RANDOM_START, ADDITION, ODD_MODULUS, ALL_WEIGHTS)
def outcome(study: Study) -> Outcome:
    """What the neurons of a run drew and what became of it.

    Args:
        study: a run of the two-layer network from random weights.
    """
    start = study.initial
    final_HP = np.asarray(theta_of(study.record.final), dtype=np.float64).T
    winner_H = lottery.winners(final_HP)
    return Outcome(
        drawn=lottery.draw(np.asarray(theta_of(start), dtype=np.float64).T, start["mlp.W_out"]),
        winner_H=winner_H,
        share_H=leakage.own_share(waves(final_HP), winner_H),
    )


@for_networks(TWO_LAYER, ADDITION, ODD_MODULUS, ALL_WEIGHTS, SNAPSHOTS)
def races(study: Study) -> Races:
    """The frequencies of all neurons at the snapshots of a run; the winner is taken from the final weights."""
    draws = []
    for step in study.record.snapshot_steps:
        params = study.record.snapshot(int(step))
        draws.append(lottery.draw(np.asarray(theta_of(params), dtype=np.float64).T, params["mlp.W_out"]))
    return Races(
        step_T=np.asarray(study.record.snapshot_steps),
        alpha_THK=np.array([drawn.alpha_HK for drawn in draws]),
        beta_THK=np.array([drawn.beta_HK for drawn in draws]),
        D_THK=np.array([drawn.D_HK for drawn in draws]),
        winner_H=lottery.winners(np.asarray(theta_of(study.record.final), dtype=np.float64).T),
    )


def hit_rates(studies: Sequence[Study]) -> dict[str, OverSeeds]:
    """How often each rule is right, over seeds, with "chance" (1/K) and "matched" (`lottery.matched_chance`) as the last two.

    Args:
        studies: the seeds of one run.
    """
    rows = []
    for study in studies:
        found = outcome(study)
        n_frequencies = found.drawn.alpha_HK.shape[1]
        chances = {"chance": lottery.chance(n_frequencies), "matched": lottery.matched_chance(found.winner_H)}
        rows.append(found.hit_rates | chances)
    return {rule: over_seeds([row[rule] for row in rows]) for rule in (*lottery.RULES, "chance", "matched")}
