"""The algorithm, part by part, in a network that was built to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modaddlab.findings import circuit


@pytest.fixture(scope="module")
def found(by_design: Any) -> circuit.Circuit:
    return circuit.of.__wrapped__(by_design)  # pyright: ignore[reportFunctionMemberAccess]


def test_every_living_neuron_is_a_polynomial_of_one_key(found: circuit.Circuit) -> None:
    assert found.neurons.total.value == 15
    assert found.neurons.explained.value == ((found.neurons.fits.fve_H > 0.85) & (found.neurons.fits.frequency_H > 0)).sum()
    assert [int(found.neurons.fits.frequency_H[h]) for h in found.neurons.shown] == [3, 10]
    activations, polynomials, ids, frequencies, fve = found.neurons.drawn
    residual = np.var(activations - polynomials, axis=(0, 1)) / np.var(activations, axis=(0, 1))
    assert residual == pytest.approx(1 - fve)
    assert (list(ids), frequencies) == (list(found.neurons.shown), [3, 10])


def test_the_map_has_two_directions_for_each_key_and_none_beyond(found: circuit.Circuit) -> None:
    read = found.directions
    assert read.n.value == 4
    assert read.next.value < 1e-9 < read.last.value
    assert read.beyond.value < 1e-9
    assert [fit.frequency for fit in read.fits] == [3, 10]
    assert len(read.idle) == 13
    assert read.best.fve_u == max(fit.fve_u for fit in read.fits)
    assert read.points[10][4, 5, 1] == read.fits[1].v_PP[4, 5]


def test_the_table_of_directions_has_ours_theirs_and_the_controls(found: circuit.Circuit) -> None:
    rows = found.directions.table(found.directions, [(14, 0.932, 0.935)], "key")
    assert [row["frequency"] for row in rows] == ["3", "10", "14", "the keys", "not keys"]
    assert rows[2] == {
        "network": "published [@key]", "frequency": "14", "u: explained by cos": "93.2 %", "v: explained by sin": "93.5 %",
    }  # fmt: skip


def test_the_sum_of_waves_answers_alone(found: circuit.Circuit, by_design: Any) -> None:
    answer = found.answer
    assert answer.accuracy.value == 1
    assert not by_design.train_mask_PP[answer.a.value, answer.b.value]
    assert answer.logits_C.argmax() == (answer.a.value + answer.b.value) % 31
    assert answer.wave_KC.sum(axis=0).argmax() == answer.logits_C.argmax()
    assert (answer.margin_P[1:] > 0).all()


def test_heads_that_look_at_both_alike_follow_nothing(found: circuit.Circuit) -> None:
    assert found.heads.followed.value == "none"
    assert found.heads.headless.value == "3 and 10"


def test_tables_are_long_columns_in_three_decimals(found: circuit.Circuit) -> None:
    columns = {name: np.asarray(values) for name, values in found.directions.identity_columns.items()}
    assert list(columns) == ["a", "b", "cos cos", "sin sin", "network"]
    row = 7 * 31 + 2
    assert (columns["a"][row], columns["b"][row]) == (7, 2)
    assert columns["network"][row] == round(found.directions.best.u_PP[7, 2], 3)
