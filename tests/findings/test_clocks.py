"""A network that adds with clocks follows them when they are turned, and no other frequency."""

from __future__ import annotations

import pytest

import modaddlab
from modaddlab import findings


@pytest.mark.parametrize("form", ["clock", "pizza"])
def test_a_network_written_by_hand_follows_its_clocks(form: str) -> None:
    clocks = findings.clocks.of(modaddlab.closed_form(form, 29, frequencies=[3, 7, 11]))
    assert clocks.follows.value == 1
    assert clocks.follows.null == 0
    assert clocks.stays.value == 0


def test_half_a_turn_is_left_out_because_it_shows_nothing() -> None:
    clocks = findings.clocks.of(modaddlab.closed_form("clock", 16, frequencies=[3, 5]))
    assert (clocks.follows.value, clocks.stays.value) == (1, 0)
