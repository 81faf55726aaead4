"""Networks written by hand: their logits are the formulae, and what is known of them is found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import modaddlab
from modaddlab import LabError
from modaddlab.handwritten import FORMS
from modaddlab.models.closed_form import circle_logits

KEYS = [3, 7, 11]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("p", [29, 31])
def test_a_form_adds_and_its_keys_are_those_that_were_written(form: str, p: int) -> None:
    study = modaddlab.closed_form(form, p, frequencies=KEYS)
    assert study.keys == tuple(KEYS)
    assert (study.grid.logits_PPC.argmax(axis=2) == study.labels_PP).all()
    assert study.spec.origin is not None


def test_a_clock_s_logits_are_the_same_waves_for_all_pairs() -> None:
    p, phases = 29, 5
    logits_PPC = modaddlab.closed_form("clock", p, frequencies=KEYS, phases=phases, scale=0.5).grid.logits_PPC
    a, b, c = np.ogrid[:p, :p, :p]
    expected_PPC = sum(0.5 * phases * np.cos(2 * np.pi * k / p * (a + b - c)) for k in KEYS)
    assert np.abs(logits_PPC - expected_PPC).max() < 1e-5  # weights are kept in float32


@pytest.mark.parametrize(("form", "activation", "tolerance"), [("pizza", "relu", 2e-2), ("quadratic", "quad", 1e-5)])
def test_the_others_logits_are_their_formulae(form: str, activation: str, tolerance: float) -> None:
    study = modaddlab.closed_form(form, 29, frequencies=KEYS, phases=15)
    expected_PPC = circle_logits(29, dict.fromkeys(KEYS, 15), activation)
    assert np.abs(study.grid.logits_PPC - expected_PPC).max() < tolerance * np.abs(expected_PPC).max()


def test_a_clock_adds_at_an_even_modulus() -> None:
    study = modaddlab.closed_form("clock", 30, frequencies=[1, 7])
    assert (study.grid.logits_PPC.argmax(axis=2) == study.labels_PP).all()


@pytest.mark.parametrize(
    ("form", "p", "frequencies", "phases"),
    [
        ("wheel", 29, [3], None),
        ("pizza", 29, [15], None),
        ("pizza", 29, [], None),
        ("pizza", 30, [3], None),
        ("clock", 29, [3], 4),
        ("clock", 29, [1.5], None),
        ("clock", 29, ["3"], None),
        ("clock", 7.5, [3], None),
        ("clock", 1, [1], None),
    ],
)
def test_what_no_network_can_be_is_refused(form: str, p: Any, frequencies: list[Any], phases: int | None) -> None:
    with pytest.raises(LabError):
        modaddlab.closed_form(form, p, frequencies=frequencies, phases=phases)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_is_a_finite_number_above_0(scale: float) -> None:
    with pytest.raises(LabError, match="scale"):
        modaddlab.closed_form("clock", 29, frequencies=[3], scale=scale)


def test_numbers_of_numpy_are_numbers() -> None:
    given, plain = np.array([3, 5]), [3, 5]
    found = modaddlab.closed_form("clock", np.int64(29), frequencies=given)  # type: ignore[arg-type]
    assert found.record.run_id == modaddlab.closed_form("clock", 29, frequencies=plain).record.run_id
