"""The claims about sweeps of the training, on runs whose outcome is known."""

from __future__ import annotations

import pytest

from modaddlab import Study
from modaddlab.analysis.scaling import power_law
from modaddlab.claims import nanda_training, quantities
from modaddlab.claims import sweeps_of_training as training
from modaddlab.claims.claim import Claim
from modaddlab.claims.scorecard import Finding, findings

ALL = (*training.DECAY, *training.DATA, *training.RATE, *training.PRODUCT)
CLAIMS = {claim.id: claim for claim in ALL}


def found(name: str) -> Finding:
    (finding,) = findings([CLAIMS[name]])
    return finding


def test_the_sentence_and_the_numbers_of_one_appendix_cannot_both_be_true() -> None:
    sentence = found("nanda-decay-sentence")
    assert sentence.verdict == "replicates"
    steps = [quantities.finding("curves.grokked")(Study.open(name)) for name in ("mainline", "decay-3")]
    assert sentence.measured is not None
    assert sentence.measured.values_S[0] == pytest.approx(steps[0] / steps[1])
    (numbers,) = findings([claim for claim in nanda_training.DECAY if claim.id == "nanda-decay-3"])
    assert numbers.verdict == "does not replicate"


def test_thirty_percent_is_no_network_that_generalizes_at_once() -> None:
    at_once = found("nanda-fraction-0.7")
    assert at_once.null is not None
    assert at_once.measured is not None
    assert at_once.null > 10 * training.AT_ONCE > training.AT_ONCE > at_once.measured.mean
    half = found("nanda-fraction-0.5").measured
    assert half is not None
    assert half.mean > training.AT_ONCE


@pytest.mark.parametrize("claim", [claim for claim in ALL if claim.pooled is None], ids=lambda claim: claim.id)
def test_a_claim_whose_run_is_missing_names_the_command(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modaddlab.claims.scorecard.family", lambda claim: iter(()))
    (finding,) = findings([claim])
    assert finding.verdict == "open"
    assert claim.undecided or f"python -m modaddlab.train {claim.runs}" in finding.judged.why


def test_the_exponent_of_the_released_runs_is_that_of_their_steps() -> None:
    law = power_law(list(training.RELEASED), list(training.RELEASED.values()))
    assert law is not None
    assert round(law.exponent, 2) == CLAIMS["nanda-fraction-law"].value
