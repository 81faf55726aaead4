"""Quantities of sweeps on records whose outcome is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.claims import quantities_sweeps as qs
from modaddlab.claims.claim import VERDICTS
from modaddlab.claims.scorecard import findings
from modaddlab.claims.sweeps_of_task import CLAIMS
from modaddlab.measurements.outcomes import Outcome


@pytest.fixture(scope="module")
def mainline() -> Study:
    return Study.open("mainline")


def test_a_run_that_stays_up_is_steady_and_one_that_never_gets_there_is_not(mainline: Study) -> None:
    assert qs.unsteady(mainline) == 0
    assert qs.unsteady(Study.open("no-decay")) == 1


def test_a_run_is_once_as_fast_as_itself_and_never_without_grokking(mainline: Study) -> None:
    assert qs.times_as_fast_as("mainline")(mainline) == 1
    assert math.isnan(qs.times_as_fast_as("mainline")(Study.open("no-decay")))
    steps = Study.open("no-decay").spec.steps
    assert qs.times_as_fast_as("no-decay")(mainline) == steps / mainline.phases.generalization  # type: ignore[operator]


def test_the_ratio_of_the_two_steps(mainline: Study) -> None:
    assert qs.delay_ratio(mainline) == mainline.phases.generalization / mainline.phases.memorization  # type: ignore[operator]


def test_renaming_takes_the_frequencies_away(mainline: Study) -> None:
    assert qs.n_frequencies(mainline) == Outcome(mainline, ()).concentration().n_significant > 0
    assert qs.n_frequencies_renamed(mainline) == 0
    assert qs.top_share(mainline) > 0.9
    assert qs.top_share_renamed(mainline) < 0.25


def test_the_share_of_the_strongest_of_a_known_matrix() -> None:
    angle_P = 2 * np.pi * np.arange(17) / 17
    table = np.stack([np.cos(k * angle_P) for k in range(1, 8)], axis=1)
    assert qs.share_of_strongest(table) == pytest.approx(5 / 7)


def test_every_claim_is_judged_and_what_is_not_trained_says_how_to_train_it() -> None:
    for found in findings(CLAIMS):
        assert found.verdict in VERDICTS
        if found.verdict == "cannot be tested":
            assert found.why == f"not trained here: python -m modaddlab.train {found.claim.runs}"
