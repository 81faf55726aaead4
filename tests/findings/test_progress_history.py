"""The progress measures at every snapshot, and what is found in them, on the committed debug run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.findings.progress import DRAWS, ProgressHistory, history, measure_others, measure_snapshots, of


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def measured(study: Study) -> ProgressHistory:
    return ProgressHistory(step_T=study.record.snapshot_steps, curves=measure_snapshots(study))


def test_a_row_for_every_snapshot(study: Study, measured: ProgressHistory) -> None:
    test_loss_T = measured.curve("test_loss", of="scores")
    recorded_T = study.metrics["test_loss"][np.isin(study.metrics["step"], measured.step_T)]
    np.testing.assert_allclose(test_loss_T, recorded_T, rtol=0.02)  # snapshots are float16
    assert measured.curve("excluded_loss_per_key").shape == (len(measured.step_T), len(study.keys))


def test_a_row_is_the_snapshot_s_measures(study: Study, measured: ProgressHistory) -> None:
    step = int(measured.step_T[3])
    alone = study.progress_of(study.snapshot_grid(step))
    for name in (
        "excluded_loss",
        "excluded_loss_per_key",
        "sum_of_squares",
        "gini_W_E",
        "gini_W_L",
        "energy_W_E_K",
        "energy_W_L_K",
    ):
        np.testing.assert_allclose(measured.curve(name)[3], getattr(alone, name), rtol=1e-6, err_msg=name)
    for name in ("train_loss", "test_loss", "all_loss", "train_accuracy", "test_accuracy", "all_accuracy"):
        for part in ("scores", "restricted"):
            found, expected = measured.curve(name, of=part)[3], getattr(getattr(alone, part), name)
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=f"{part}.{name}")


def test_other_frequencies_in_the_place_of_the_keys_never_answer(study: Study, measured: ProgressHistory) -> None:
    loss_TD = measure_others(study)["loss_TD"]
    assert loss_TD.shape == (len(measured.step_T), DRAWS)
    assert measured.curve("all_loss", of="restricted")[-1] < 0.5 < 0.9 * np.log(study.p) < loss_TD.min()


def test_the_sum_of_squares_of_a_snapshot_is_that_of_the_recorded_norms(study: Study, measured: ProgressHistory) -> None:
    norms_T = np.sum([values**2 for name, values in study.metrics.items() if name.startswith("norm/")], axis=0)
    recorded_T = norms_T[np.isin(study.metrics["step"], measured.step_T)]
    np.testing.assert_allclose(measured.curve("sum_of_squares"), recorded_T, rtol=2e-3)


def test_what_is_kept_is_what_is_computed(study: Study, measured: ProgressHistory) -> None:
    kept = history(study)
    assert set(kept.curves) == set(measured.curves)
    for name, values in measured.curves.items():
        np.testing.assert_allclose(kept.curves[name], values, rtol=1e-9)


def test_what_is_found_is_what_the_curves_say(study: Study, measured: ProgressHistory) -> None:
    study, last = Study(study.record), len(measured.step_T) - 1
    vars(study)["phases"] = dataclasses.replace(study.phases, generalization=600)  # it has never got there
    found = of(study)
    below = [step for step, value in zip(measured.step_T, measured.curve("all_loss", of="restricted"), strict=True)
             if value < np.log(study.p) / 2]  # fmt: skip
    assert found.waves_answer.value == below[0]
    assert np.isnan(found.network_answers.value)
    assert measured.curve("test_loss", of="scores").min() > np.log(study.p) / 2
    before = [(value, step) for value, step in zip(measured.curve("excluded_loss"), measured.step_T, strict=True)
              if step <= 600]  # fmt: skip
    assert found.turn.value == min(before)[1]
    assert found.spans[0] == ("memorization", 0, found.turn.value)
    assert found.excluded.value == measured.curve("excluded_loss")[last]
    for name, (step_T, share_T) in found.shares.items():
        at_end = measured.curve(f"key_share_{name}")[last]
        assert share_T[step_T == measured.step_T[last]] == pytest.approx(at_end, rel=1e-2), name  # snapshots are float16


def test_a_quarter_of_the_rise_lies_between_its_ends(study: Study) -> None:
    found = of(study)
    (step_T, share_T), gathering = found.shares["W_E"], found.gathering
    before, after = share_T[step_T < gathering.quarter.value], share_T[step_T >= gathering.quarter.value]
    level = 0.75 * share_T[0] + 0.25 * share_T[-1]
    assert before.max() < level
    assert after.max() == pytest.approx(gathering.share.value)
    assert gathering.share.null == len(study.keys) / 8  # p = 17 has eight frequencies


def test_figures_end_where_they_are_told_to(study: Study) -> None:
    found = of(study, until=500)
    assert found.step_T[-1] <= 500 < study.record.snapshot_steps[-1]
    for columns in (found.glance_columns, found.loss_columns, found.key_columns, found.share_columns, found.sparsity_columns):
        lengths = {len(np.asarray(values)) for values in columns.values()}
        assert len(lengths) == 1
        assert np.max(columns["step"]) <= 500
