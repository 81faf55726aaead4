"""The outer products of the committed debug run."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.analysis import circulants
from modaddlab.findings import gradients
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
    np.testing.assert_allclose(gradients.final(study), expected, rtol=0, atol=1e-6 * np.abs(expected).max())


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


def test_blocks_of_stripes_of_both_kinds() -> None:
    p, i = 11, np.arange(11)
    circulant, hankel = (np.cos(2 * np.pi * 3 * (i[:, None] + sign * i) / p) for sign in (-1, 1))
    G = np.block([[circulant, hankel], [hankel.T, circulant]])
    found = gradients._blocks(G, [3])
    assert (found.within.value, found.across.value, found.across_hankel.value) == pytest.approx((1, 0, 1))
    assert (found.across_frequency.value, found.keys.value) == pytest.approx((1, 1))
    assert abs(found.similarity.value) < 1e-9
    assert found.within.null is not None
    assert found.within.null < 0.5
    components = gradients.over_frequencies(G)
    np.testing.assert_allclose(np.sum(components**2), np.sum(G**2))
    rows = np.flatnonzero(np.abs(components).max(axis=1) > 1e-9)
    assert rows.tolist() == [5, 6, 16, 17]  # cosine and sine of frequency 3, at each of the two positions


def test_one_network_is_measured_on_the_sample(study: Study) -> None:
    found = gradients.of(study)
    product = gradients.final(study, gradients.N_DIFFERENCES)
    assert found.keys.value == pytest.approx(circulants.frequency_share(product, study.keys))
    assert found.across_hankel.value == circulants.shares(circulants.blocks(product)["ab"]).hankel
