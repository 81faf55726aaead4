"""`require_shape`: what it returns and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.shapes import require_shape


def test_it_returns_the_size_of_each_letter() -> None:
    assert require_shape("logits_PPC", np.empty((5, 5, 6)), "P P C") == {"P": 5, "C": 6}
    assert require_shape("x", np.empty((5, 3)), "P 3", P=5, D=2) == {"P": 5, "D": 2}
    assert require_shape("scalar", np.float64(1), "") == {}


@pytest.mark.parametrize(
    ("shape", "axes", "sizes", "words"),
    [
        ((5, 6), "P P", {}, r"\(P=5, P=5\), found \(5, 6\)"),
        ((5, 6), "P", {}, r"\(P\), found \(5, 6\)"),
        ((5,), "P D", {}, r"\(P, D\), found \(5,\)"),
        ((5, 6), "P D", {"P": 7}, r"\(P=7, D\), found \(5, 6\)"),
        ((5, 4), "P 3", {}, r"\(P=5, 3\), found \(5, 4\)"),
        ((), "P", {}, r"\(P\), found \(\)"),
    ],
)
def test_it_names_the_array_the_rule_and_what_it_found(
    shape: tuple[int, ...], axes: str, sizes: dict[str, int], words: str
) -> None:
    with pytest.raises(ValueError, match=r"W_E must have the shape " + words):
        require_shape("W_E", np.empty(shape), axes, **sizes)
