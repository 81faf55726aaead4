"""Two networks by the same measures: what they agree on, what counts as used, where sums are hard."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from modaddlab import Study, logits
from modaddlab.findings import side


def answers(right_PP: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(grid=SimpleNamespace(logits_PPC=np.eye(3)[right_PP]))


def test_agreement_is_over_all_questions_and_all_networks() -> None:
    one = np.zeros((3, 3), int)
    other, third = one.copy(), one.copy()
    other[0, 1], third[2, 2] = 1, 2
    assert side.agreement([answers(one), answers(one)]) == 1  # type: ignore[list-item]
    assert side.agreement([answers(one), answers(other)]) == pytest.approx(8 / 9)  # type: ignore[list-item]
    assert side.agreement([answers(one), answers(other), answers(third)]) == pytest.approx(7 / 9)  # type: ignore[list-item]


def test_all_frequencies_are_used_where_none_stands_out() -> None:
    assert side._used(SimpleNamespace(keys=(3,), p=11)) == (3,)  # type: ignore[arg-type]
    assert side._used(SimpleNamespace(keys=(), p=11)) == (1, 2, 3, 4, 5)  # type: ignore[arg-type]


def test_margins_are_in_units_of_their_mean() -> None:
    study = Study.open("debug")
    one = side._one([study])
    margin_PP = logits.margins(study.grid.logits_PPC, study.labels_PP)
    assert one.margin[0].mean() == pytest.approx(1)
    assert one.equal.value == pytest.approx(np.diag(margin_PP).mean() / margin_PP.mean())
    assert one.margin[1].min() == pytest.approx(margin_PP.min() / margin_PP.mean())
    assert one.spread.value == pytest.approx(one.margin[0].std())
    assert one.hardest == one.margin[0].argmin()
    assert one.parameters.value == sum(value.size for value in study.record.final.values())
