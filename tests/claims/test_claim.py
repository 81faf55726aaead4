"""A claim's verdict follows from the numbers, and from nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modaddlab.claims.claim import LOSS, SHARE, Band, Claim, exactly
from modaddlab.study import Study


def one(_: Study) -> float:
    return 1.0


def claim(**changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": "test",
        "source": "nanda2023progress",
        "place": "section 0",
        "statement": "A loss is small.",
        "published": exactly(1e-7),
        "measure": one,
        "tolerance": LOSS,
        "holds": Band(0, 1e-4),
    }
    return Claim(**fields | changes)


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (1e-7, "replicates"),
        (2.99e-7, "replicates"),
        (3.4e-8, "replicates"),
        (3.1e-7, "replicates with a difference"),
        (3.2e-8, "replicates with a difference"),
        (0.9e-4, "replicates with a difference"),
        (1.1e-4, "does not replicate"),
        (math.nan, "does not replicate"),
    ],
)
def test_near_is_the_same_true_is_a_difference_and_else_it_fails(value: float, verdict: str) -> None:
    assert claim().judge(value, None) == verdict


def test_what_the_null_does_too_is_not_shown() -> None:
    assert claim().judge(1e-7, 4.7) == "replicates"
    assert claim().judge(1e-7, 1e-5) == "does not replicate"


def test_a_claim_in_words_holds_or_fails() -> None:
    words = claim(published=None, says="groks", tolerance=None, holds=Band(0.95, 1))
    assert words.judge(0.97, None) == "replicates"
    assert words.judge(0.94, None) == "does not replicate"
    assert words.published_text == "groks"


def test_a_range_is_widened_at_both_ends() -> None:
    widened = SHARE.around(Band(0.5, 0.6))
    assert (widened.low, widened.high) == pytest.approx((0.45, 0.65))
    assert LOSS.around(Band(3.0, 4.0)) == Band(1.0, 12.0)
    assert claim(published=Band(3, 5)).published_text == "3 to 5"


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": None},
        {"untestable": "too large"},
        {"published": None},
        {"says": "small"},
        {"tolerance": None},
        {"null": one},
        {"null_is": "untrained"},
        {"place": "section 1; appendix"},
    ],
)
def test_a_claim_that_lacks_a_part_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="claim test: "):
        claim(**changes)
