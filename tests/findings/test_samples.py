"""One law for data and modulus, on runs whose outcomes are made."""

from __future__ import annotations

import math
from typing import Any

import pytest
from made import point, run

from modaddlab.findings import samples
from modaddlab.findings.outcomes import Outcome


def made(exponent: float, **changes: Any) -> Outcome:
    """A run that groks by a power of its number of samples."""
    return run(8_000 * samples.samples_of(run(**changes)) ** exponent, **changes)


MODULI = {p: point(made(-2, p=p)) for p in (59, 67, 89, 113)}
SHARES = {frac: point(made(-2, frac=frac)) for frac in (0.25, 0.4, 0.6)}


def test_samples_are_pairs_in_units_of_p_ln_p() -> None:
    assert samples.samples_of(run(p=113, frac=0.3)) == pytest.approx(3830 / (113 * math.log(113)))


def test_one_law_is_found_where_there_is_one_and_pairs_alone_miss_it() -> None:
    found = samples.through(MODULI, SHARES)
    assert found.law.exponent.value == pytest.approx(-2)
    assert found.law.spread.value == pytest.approx(1, abs=1e-6)
    assert found.by_pairs.value > 1.1


def test_two_laws_differ_and_one_through_both_is_worse_than_either() -> None:
    found = samples.through(MODULI, {frac: point(made(-4, frac=frac)) for frac in (0.25, 0.4, 0.6)})
    assert found.moduli.exponent.value == pytest.approx(-2)
    assert found.shares.exponent.value == pytest.approx(-4)
    assert found.law.spread.value > 1.2 > found.moduli.spread.value


def test_where_networks_begin_to_grok_and_where_all_do() -> None:
    silent = {31: point(run(p=31)), 53: point(run(900, p=53), run(p=53))}
    found = samples.through(silent | MODULI, SHARES)
    assert found.silent.value == pytest.approx(samples.samples_of(run(p=53)))
    assert found.sure.value == pytest.approx(samples.samples_of(run(p=59)))


def test_settings_that_meet_need_not_be_as_fast() -> None:
    found = samples.Meeting.of(MODULI, SHARES | {0.2: point(run(frac=0.2, steps=40_000))})
    assert (found.modulus.value, found.share.value, found.silent_for.value) == (67, 0.2, 40_000)
    assert found.later
    assert not samples.Meeting.of(MODULI, SHARES | {0.2: point(run(frac=0.2, steps=100))}).later
