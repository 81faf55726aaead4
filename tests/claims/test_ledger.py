"""Finding a claim in the ledger, and reading what was published from it."""

from __future__ import annotations

import dataclasses
import math

import pytest

from modaddlab import LabError, claims
from modaddlab.claims import nanda_circuit
from modaddlab.claims.claim import EXACT, Band, Claim, exactly
from modaddlab.claims.ledger import CLAIMS
from modaddlab.study import Study


def one(_: Study) -> float:
    return 1.0


RANGE = Claim(
    id="range",
    source="nanda2023progress",
    place="section 0",
    statement="It takes some steps.",
    published=Band(5000, 10_000),
    measure=one,
    tolerance=EXACT,
    holds=Band(),
)


def test_every_claim_is_found_by_its_id() -> None:
    assert [claims.by_id(claim.id) for claim in CLAIMS] == list(CLAIMS)


def test_an_unknown_id_names_those_that_look_like_it() -> None:
    with pytest.raises(LabError, match="no claim has the id 'suite-decay3'; did you mean suite-decay-3 or"):
        claims.by_id("suite-decay3")
    with pytest.raises(LabError, match=r"no claim has the id '§'$"):
        claims.by_id("§")


def test_a_single_value_is_read_and_a_range_needs_a_middle() -> None:
    single = dataclasses.replace(RANGE, published=exactly(7.0))
    assert (single.value, single.steps, single.steps_text) == (7.0, (7.0, 7.0), "7")
    assert (RANGE.steps, RANGE.steps_text) == ((5000, 10_000), "5,000 to 10,000")
    with pytest.raises(LabError, match="range has no single published value but '5,000 to 10,000'"):
        _ = RANGE.value
    assert dataclasses.replace(RANGE, typical=7588).value == 7588


def test_what_did_not_happen_has_the_steps_of_the_source_s_run() -> None:
    never = dataclasses.replace(RANGE, published=exactly(0), trained_for=40_000)
    assert (never.steps, never.steps_text) == ((40_000, math.inf), "not within 40,000")


def test_words_have_neither_value_nor_steps() -> None:
    words = dataclasses.replace(RANGE, published=None, tolerance=None, says="sooner")
    for read in (lambda: words.value, lambda: words.steps, lambda: words.steps_text):
        with pytest.raises(LabError, match="'sooner'"):
            read()


def test_a_published_null_is_written_behind_ours() -> None:
    with_null = dataclasses.replace(RANGE, null=one, null_is="at random", null_published=0.25)
    assert with_null.null_text == "at random; theirs 0.25"
    assert dataclasses.replace(with_null, null_published=None).null_text == "at random"


@pytest.mark.parametrize("changes", [{"null_published": 0.5}, {"typical": 11_000.0}])
def test_values_that_stand_beside_nothing_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="claim range: "):
        dataclasses.replace(RANGE, **changes)  # pyright: ignore[reportArgumentType]


def test_what_is_listed_agrees_with_what_is_judged() -> None:
    """Single values of a source and the number that sums them up were once typed apart, and one of the two was wrong."""
    assert claims.by_id("replication-keys").value == len(claims.by_id("replication-keys").details["frequencies"])
    keys = claims.by_id("nanda-keys")
    assert keys.published == Band(min(keys.details["other seeds"]), len(keys.details["frequencies"]))
    n_keys = len(keys.details["frequencies"])
    for name, detail in (("nanda-logit-components", "components"), ("nanda-rank", "rank")):
        assert claims.by_id(name).details[detail] == (claims.by_id(name).value * n_keys,)
    directions = claims.by_id("nanda-directions")
    assert [len(shares) for shares in directions.details.values()] == [n_keys, n_keys]
    assert directions.value == pytest.approx(0.9624)
    neurons = claims.by_id("nanda-neurons").details
    assert (sum(neurons["clusters"]), *neurons["explained"], *neurons["in none"]) == (433, 433, 79)
    assert set(nanda_circuit.HEADS["frequencies"]) < set(keys.details["frequencies"])
