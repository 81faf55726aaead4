"""The outer products of the committed debug run."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.analysis import circulants
from modaddlab.measurements import gradients
from modaddlab.models.gradients import gradient_outer_product, whole_differences
from modaddlab.models.registry import TransformerSpec
from modaddlab.tasks import all_pairs

MODEL = TransformerSpec(d_model=32, n_heads=2, d_head=16, d_mlp=64)
"""Of the debug run."""


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


def test_the_final_one_is_over_all_pairs(study: Study) -> None:
    expected = gradient_outer_product(study.record.final, MODEL, study.p, all_pairs(study.p))
    np.testing.assert_allclose(gradients.final(study), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_a_row_is_the_snapshot_s(study: Study) -> None:
    steps = study.record.snapshot_steps[[0, -1]]
    found = gradients.history(study, steps, keys=(1, 3))
    pairs = whole_differences(study.p, gradients.N_DIFFERENCES)
    alone = gradient_outer_product(study.record.snapshot(int(steps[1])), MODEL, study.p, pairs)
    np.testing.assert_allclose(found.products_TXX[1], alone, rtol=1e-9, atol=1e-15)
    parts = circulants.blocks(alone)
    across = circulants.shares(parts["ab"])
    assert found.across_T3[1].tolist() == [across.circulant, across.hankel, across.fourier]
    means = [(circulants.shares(parts["aa"]).hankel + circulants.shares(parts["bb"]).hankel) / 2]
    means.append((circulants.permuted_shares(parts["aa"]).circulant + circulants.permuted_shares(parts["bb"]).circulant) / 2)
    assert [found.within_T3[1, 1], found.within_null_T3[1, 0]] == pytest.approx(means)
    assert found.key_share_T[1] == pytest.approx(circulants.frequency_share(alone, (1, 3)))
    assert found.similarity_T.shape == (2,)
