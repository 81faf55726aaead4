"""The heads in numbers: those of the analyses, on the committed debug run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab import Study, attention, neurons, overtones
from modaddlab.findings import parts
from modaddlab.findings.overtones import Heads, heads, measure_heads


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def measured(study: Study) -> Heads:
    return Heads(**measure_heads(study))


def test_the_numbers_are_those_of_the_analyses(study: Study, measured: Heads) -> None:
    scores = attention.head_scores(study.grid)
    assert tuple(measured.keys_K) == study.keys
    assert tuple(measured.frequency_n) == scores.frequency_n
    pattern_PPn3, waves_PPn3 = study.grid.pattern_PPn3, scores.wave_patterns()
    for head, found in enumerate(measured.pattern_fve_n):
        spread, left = 0.0, 0.0
        for position in range(3):
            spread += pattern_PPn3[..., head, position].var()
            left += (pattern_PPn3[..., head, position] - waves_PPn3[..., head, position]).var()
        assert found == pytest.approx(1 - left / spread)
    terms = attention.head_terms(study.grid.heads_PPnD, scores.frequency_n, study.keys)
    assert measured.products_n.tolist() == [term.products for term in terms]
    assert measured.test_loss == study.scores.test_loss


def test_keys_without_a_head_are_followed_up(study: Study, measured: Heads) -> None:
    expected = overtones.headless(study.grid, study.keys)
    assert tuple(measured.headless_X) == expected
    for field in dataclasses.fields(measured):
        if field.name.endswith("_X"):
            assert len(getattr(measured, field.name)) == len(expected)
    found = overtones.overtones(study.grid, study.labels_PP, ~study.train_mask_PP, study.keys, chosen=expected)
    np.testing.assert_allclose(measured.loss_without_X, [one.loss for one in found], rtol=1e-9)
    assert measured.loss_control > 0
    everything = overtones.overtones(study.grid, study.labels_PP, ~study.train_mask_PP, study.keys)
    np.testing.assert_allclose(measured.norm_ratio_K, [one.norm_ratio for one in everything], rtol=1e-9)
    np.testing.assert_array_equal(measured.keys_K[measured.without_head_K], expected)


def test_what_is_kept_is_what_is_computed(study: Study, measured: Heads) -> None:
    kept = heads(study)
    for field in dataclasses.fields(kept):
        np.testing.assert_allclose(getattr(kept, field.name), getattr(measured, field.name), rtol=1e-9, err_msg=field.name)


def test_attention_to_equals_is_that_of_the_patterns(study: Study, measured: Heads) -> None:
    for head, found in enumerate(measured.to_equals_n):
        assert found == pytest.approx(study.grid.pattern_PPn3[:, :, head, 2].mean())


def test_the_circuit_is_the_mean_over_heads(study: Study, measured: Heads) -> None:
    found = parts.of(study)
    assert found.scores.value == pytest.approx(np.mean(measured.score_fve_n))
    assert found.products.value == pytest.approx(np.mean(measured.products_n))
    assert found.headless.value == len([key for key in study.keys if key not in measured.frequency_n])


def test_every_neuron_is_in_one_cluster_or_in_none(study: Study) -> None:
    found, fits = parts._neurons(study, study), neurons.fit_neurons(study.grid.neurons_PPH)
    groups = {group.frequency: len(group.neurons) for group in neurons.clusters(fits, parts.CLUSTERED)}
    assert found.counts == groups
    assert found.in_none.value == groups[0]
    assert set(found.cluster_H[found.drawn]) == set(groups) - {0}
    assert found.elsewhere.value == pytest.approx(np.mean([k not in study.keys for k in fits.frequency_H]))
    assert {len(np.asarray(x)) for x in found.spectrum_columns.values()} == {len(fits.fve_H)}
