"""How few frequencies an embedding uses, on embeddings whose waves are known."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from modaddlab import LabError, Study
from modaddlab.analysis import characters
from modaddlab.claims.quantities import finding
from modaddlab.findings import concentration
from modaddlab.findings.value import Value

ANGLE_P = 2 * np.pi * np.arange(113) / 113


def measured(table_PD: np.ndarray, basis: str = "additive") -> concentration.Concentration:
    study = SimpleNamespace(p=len(table_PD), embedding_PD=table_PD, record=SimpleNamespace(run_id="made"))
    return concentration.read(inspect.unwrap(concentration.measure_concentration)(study, basis=basis))  # type: ignore[arg-type]


def null(value: Value) -> float:
    """A value's null, which it has."""
    assert value.null is not None
    return value.null


def test_one_wave_is_one_frequency_and_its_null_is_flat() -> None:
    found = measured(np.outer(np.cos(14 * ANGLE_P), np.ones(8)))
    assert found.strongest == (14,)
    assert found.effective.value == pytest.approx(1)
    assert found.top_share.value == pytest.approx(1)
    assert null(found.effective) > 20
    assert null(found.n_significant) < 1 / 2 > null(found.top_share)
    assert found.text == f"1.0 ({found.effective.null:.0f})"


def test_the_five_strongest_of_seven_equal_waves_have_five_sevenths() -> None:
    found = measured(np.stack([np.cos(k * ANGLE_P) for k in range(1, 8)], axis=1))
    assert found.top_share.value == pytest.approx(5 / 7)
    assert (found.effective.value, found.n_significant.value) == (pytest.approx(7), 7)


def test_a_wave_of_logarithms_is_one_character_and_noise_to_addition() -> None:
    wave_P = np.zeros(113)
    wave_P[1:] = np.cos(2 * np.pi * 9 * characters.discrete_logarithms(113) / 112)
    found = measured(np.outer(wave_P, np.ones(3)), "multiplicative")
    assert found.strongest == (9,)
    assert measured(np.outer(wave_P, np.ones(3))).effective.value > 30
    with pytest.raises(LabError, match="15 is no prime"):
        measured(np.eye(15), "multiplicative")


def test_the_mainline_uses_few_frequencies() -> None:
    found = concentration.of(Study.open("mainline"))
    assert found.n_significant.value == len(found.strongest) > 0 == found.n_significant.null
    assert found.top_share.value > 0.9 > 0.25 > null(found.top_share)


def test_a_claim_takes_the_value_and_its_null() -> None:
    mainline, found = Study.open("mainline"), concentration.of(Study.open("mainline"))
    assert finding("concentration.top_share")(mainline) == found.top_share.value
    assert finding("concentration.top_share", null=True)(mainline) == found.top_share.null
