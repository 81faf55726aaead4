"""A claim's verdict follows from the numbers, and from nothing else."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modaddlab.analysis.seeds import over_seeds, range_of_one_more
from modaddlab.claims.claim import LOSS, SHARE, STEPS, YES_NO, Band, Claim, exactly
from modaddlab.claims.judgement import judge, measured
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


def verdict(claim: Claim, *values: float, null: float | None = None, trained_for: int = 1000) -> str:
    return judge(claim, measured(claim, values, [trained_for] * len(values)), null).verdict


@pytest.mark.parametrize(
    ("value", "expected"),
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
def test_near_is_the_same_true_is_a_difference_and_else_it_fails(value: float, expected: str) -> None:
    assert verdict(claim(), value) == expected


def test_a_published_value_that_one_more_network_could_have_replicates() -> None:
    far = [5e-7, 6e-7, 1.7e-7, 3.2e-7, 3.5e-7]
    found = measured(claim(), far, [1000] * 5)
    assert found.one_more == Band(*range_of_one_more(over_seeds(far, "log"), "log"))
    judged = judge(claim(), found)
    assert (judged.verdict, judged.near, judged.likely) == ("replicates", False, True)
    assert verdict(claim(), *far[:2]) == "replicates with a difference"  # two networks have no such range
    assert verdict(claim(), 4e-7, 4.1e-7, 4.2e-7, 4.1e-7) == "replicates with a difference"
    judged = judge(claim(), measured(claim(), [2e-7, 2.1e-7, 2.05e-7], [1000] * 3))
    assert (judged.verdict, judged.near, judged.likely) == ("replicates", True, False)
    assert verdict(claim(), 1e-8, 1e-5, 1e-6) == "replicates with a difference"  # a range over decades says nothing


def test_what_the_null_does_too_is_not_shown() -> None:
    assert verdict(claim(), 1e-7, null=4.7) == "replicates"
    assert verdict(claim(), 1e-7, null=1e-5) == "open"


def test_a_claim_in_words_holds_or_fails() -> None:
    words = claim(published=None, says="groks", tolerance=None, holds=Band(0.95, 1))
    assert verdict(words, 0.97) == "replicates"
    assert verdict(words, 0.94) == "does not replicate"
    assert words.published_text == "groks"


def test_what_is_undecided_or_was_trained_for_less_is_open() -> None:
    assert verdict(claim(undecided="unknown strength"), 1e-7) == "open"
    assert verdict(claim(trained_for=1001), 1e-7) == "open"
    assert verdict(claim(trained_for=1000), 1e-7) == "replicates"


@pytest.mark.parametrize(
    ("published", "steps", "trained_for", "expected"),
    [
        (0, [math.nan] * 3, [40_000] * 3, "replicates"),
        (0, [math.nan], [25_000], "open"),
        (0, [math.nan, 30_000, math.nan], [40_000] * 3, "replicates with a difference"),
        (0, [20_000, math.nan], [40_000] * 2, "open"),
        (0, [20_000, math.nan], [25_000] * 2, "open"),
        (0, [20_000, 10_000], [25_000] * 2, "does not replicate"),
        (0, [41_000, math.nan], [60_000] * 2, "replicates"),  # later than the source looked
        (1, [20_000], [25_000], "replicates"),
        (1, [20_000, math.nan, 3000], [25_000] * 3, "open"),
        (1, [20_000, math.nan, 3000, 4000], [25_000, 40_000, 25_000, 9000], "replicates with a difference"),
        (1, [math.nan, math.nan, 3000], [40_000] * 3, "does not replicate"),
    ],
)
def test_yes_and_no_are_counted_at_the_steps_of_the_source(
    published: int, steps: list[float], trained_for: list[int], expected: str
) -> None:
    never = claim(published=exactly(published), tolerance=YES_NO, trained_for=40_000)
    judged = judge(never, measured(never, steps, trained_for))
    assert judged.verdict == expected
    assert bool(judged.why) == (expected == "open")


def test_steps_that_some_networks_never_reach_are_censored() -> None:
    late = claim(published=exactly(3000), tolerance=STEPS, holds=Band())
    found = measured(late, [2000, 3000, math.nan], [4000] * 3)
    assert found.mean > (2000 * 3000 * 4000) ** (1 / 3)
    assert measured(late, [2000, 3000], [4000] * 2).mean == pytest.approx(6e6**0.5)
    assert math.isnan(measured(late, [2000, math.nan], [4000] * 2).mean)
    lacking = measured(claim(), [1e-7, math.nan], [4000] * 2)
    assert lacking.mean == pytest.approx(1e-7)  # a loss that a network does not have is left out


def test_a_range_is_widened_at_both_ends() -> None:
    widened = SHARE.around(Band(0.5, 0.6))
    assert (widened.low, widened.high) == pytest.approx((0.45, 0.65))
    widened = LOSS.around(Band(3.0, 4.0))
    assert (widened.low, widened.high) == pytest.approx((1.0, 12.0))
    assert claim(published=Band(3, 5)).published_text == "3 to 5"


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": None},
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
