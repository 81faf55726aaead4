"""The algorithm's traces, in the book's first network and in the one that it began as."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import Study, findings
from modaddlab.analysis import progress


@pytest.fixture(scope="module")
def debug() -> Study:
    return Study.open("debug")


def test_numbers_are_those_of_the_final_weights(debug: Study) -> None:
    found = findings.structure.of(debug)
    assert found.n_keys.value == len(debug.keys)
    assert found.test_loss.value == pytest.approx(debug.scores.test_loss)
    assert found.train_accuracy.value == debug.scores.train_accuracy
    assert found.rank_per_key.value == pytest.approx(found.W_L_rank.value / len(debug.keys))
    assert str(found.n_keys) == str(len(debug.keys))


def test_the_null_has_the_weights_of_the_start_and_the_keys_of_the_end(debug: Study) -> None:
    before = Study.open("debug")
    before.__dict__["grid"] = debug.snapshot_grid(0)  # kept in half the digits
    null = findings.structure.null(debug)
    expected = progress.score(before.grid.logits_PPC, debug.labels_PP, debug.train_mask_PP)
    assert null.test_loss.value == pytest.approx(expected.test_loss, rel=0.01)
    assert null.test_accuracy.value < 0.5 < findings.structure.of(debug).train_accuracy.value
    assert null.sum_of_squares.value == pytest.approx(sum(float(np.sum(w**2)) for w in debug.initial.values()))
    assert null.n_keys.value != len(debug.keys)


def test_other_keys_are_looked_for_when_they_are_given(debug: Study) -> None:
    others = [k for k in range(1, debug.p // 2 + 1) if k not in debug.keys][:2]
    assert findings.structure.of(debug, others).wave_fve.value < findings.structure.of(debug).wave_fve.value
