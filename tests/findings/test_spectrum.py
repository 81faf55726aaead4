"""A network in waves: one whose frequencies are known, and the book's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modaddlab.findings import spectrum


@pytest.fixture(scope="module")
def found(by_design: Any) -> spectrum.Spectrum:
    return spectrum.of.__wrapped__(by_design)  # pyright: ignore[reportFunctionMemberAccess]


def test_all_of_a_network_written_by_hand_lies_in_its_keys(found: spectrum.Spectrum) -> None:
    assert (found.keys, str(found.n_keys), found.key_list.value) == ((3, 10), "two", "3, 10")
    assert (found.top.value, found.components.value, found.logits.components.value) == (4, 30, 31 * 31)
    assert found.embedding.share.value == pytest.approx(1)
    assert found.output.share.value == pytest.approx(1)
    assert found.logits.share.value == pytest.approx(8 / np.pi**2, abs=0.005)  # of |cos(omega d / 2)| cos omega(s - c)
    assert found.logits.products.value == 8
    assert found.disputed.value == "none"


def test_renaming_the_residues_takes_the_waves_away(found: spectrum.Spectrum) -> None:
    null = found.embedding.share.null
    assert null is not None
    assert found.embedding.renamed_low.value <= null <= found.embedding.renamed_high.value < 0.7


def test_the_weakest_key_is_the_one_with_fewer_neurons(found: spectrum.Spectrum) -> None:
    assert found.logits.weakest.value == "3"


def test_residues_lie_on_a_circle_in_the_plane_of_a_key(found: spectrum.Spectrum) -> None:
    for plane_P2 in found.planes.values():
        radius_P = np.linalg.norm(plane_P2, axis=1)
        assert radius_P == pytest.approx(radius_P[0])
    columns = found.circles
    assert {len(np.asarray(values)) for values in columns.values()} == {2 * 31}
    assert np.asarray(columns["cosine direction"])[31] == found.planes[10][0, 0]


def test_the_table_has_each_rule_and_what_two_of_them_find(found: spectrum.Spectrum) -> None:
    assert [row["frequencies"] for row in found.table] == ["3, 10"] * 5


def test_the_largest_components_are_in_order_and_in_place(found: spectrum.Spectrum) -> None:
    columns = {name: np.asarray(values) for name, values in found.logits.largest.items()}
    assert (np.diff(columns["norm"]) <= 0).all()
    a, b = columns["component of a"][1], columns["component of b"][1]
    assert columns["norm"][1] == found.logits.norms_PP[a, b]
    assert {(a + 1) // 2, (b + 1) // 2} <= {3, 10}
