"""Quantities of sweeps on records whose outcome is known."""

from __future__ import annotations

import math

import pytest

from modaddlab import Study
from modaddlab.claims import quantities_sweeps as qs
from modaddlab.claims.judgement import VERDICTS
from modaddlab.claims.scorecard import findings
from modaddlab.claims.sweeps_of_task import DEPTH, MODULI, OPERATIONS
from modaddlab.findings import outcomes


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


def test_every_claim_is_judged_and_what_is_not_trained_says_how_to_train_it() -> None:
    for found in findings((*OPERATIONS, *DEPTH, *MODULI)):
        assert found.verdict in VERDICTS
        if found.measured is None:
            assert found.judged.why == f"needs python -m modaddlab.train {found.claim.runs}"


def test_the_law_over_the_modulus_counts_runs_that_were_stopped() -> None:
    exponent, n = qs.exponent_over_moduli()
    rows = [row for row in outcomes.sweep("prime").rows if row.spec.task.p >= 59]
    assert n == len(rows) > sum(row.grokked > 0 for row in rows)
    assert exponent.low < exponent.value < exponent.high < 0  # type: ignore[operator]
