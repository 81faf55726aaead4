"""What is measured of a network in motion, on the committed debug run, against single snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import LabError, Study, measurements, neurons, trajectory
from modaddlab.measurements import motion


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def activity(study: Study) -> motion.Activity:
    return motion.Activity(step_T=study.record.snapshot_steps, **motion.measure_activity(study))


def test_the_path_is_that_of_all_weights_in_one_row(study: Study) -> None:
    path = motion.path(study)
    rows = []
    for step in study.record.snapshot_steps:
        snapshot = study.record.snapshot(int(step))
        rows.append(np.concatenate([snapshot[name].astype(float).ravel() for name in sorted(snapshot)]))
    np.testing.assert_allclose(path.length_S, np.linalg.norm(np.diff(rows, axis=0), axis=1))
    np.testing.assert_allclose(path.from_start_T, np.linalg.norm(np.array(rows) - rows[0], axis=1), atol=1e-9)
    np.testing.assert_allclose(path.share_N, trajectory.path(np.array(rows)).share_N)
    assert path.point_TN.shape == (len(rows), 3)


def test_one_parameter_over_the_snapshots(study: Study) -> None:
    W_U_TDC = motion.weights(study, "unembed.W_U")
    assert W_U_TDC.dtype == np.float64
    step = int(study.record.snapshot_steps[2])
    np.testing.assert_array_equal(W_U_TDC[2], study.record.snapshot(step)["unembed.W_U"])
    with pytest.raises(LabError, match="W_X"):
        motion.weights(study, "W_X")


def test_the_embedding_s_axes_are_the_final_ones(study: Study) -> None:
    found = motion.embedding(study)
    final_PD = study.grid.W_E_PD
    own = trajectory.principal_axes(final_PD)
    np.testing.assert_allclose(found.axes.axes_ND, own.axes_ND)
    np.testing.assert_allclose(found.point_TP2[-1], own.coordinates(final_PD), atol=0.01)  # snapshots are float16
    assert found.share_T[-1] == pytest.approx(own.share_N.sum(), rel=1e-3)
    assert np.all(found.share_T <= found.own_share_T + 1e-12), "no axes hold more than a matrix's own"
    first_PD = motion.weights(study, "embed.W_E")[0, : study.p]
    assert found.own_share_T[0] == pytest.approx(trajectory.principal_axes(first_PD).share_N.sum())


def test_neurons_and_heads_of_a_snapshot(study: Study, activity: motion.Activity) -> None:
    row = 3
    grid = study.snapshot_grid(int(activity.step_T[row]))
    fits = neurons.fit_neurons(grid.neurons_PPH)
    np.testing.assert_array_equal(activity.frequency_TH[row], fits.frequency_H)
    np.testing.assert_allclose(activity.fve_TH[row], fits.fve_H, rtol=1e-5)
    np.testing.assert_allclose(activity.attention_TnP[row], grid.pattern_PPn3[..., 0].mean(axis=1).T, rtol=1e-5)


def test_followers_are_counted_above_the_threshold() -> None:
    activity = motion.Activity(
        step_T=np.array([0, 1]),
        frequency_TH=np.array([[3, 3, 1, 0], [3, 1, 1, 2]]),
        fve_TH=np.array([[0.9, 0.5, 0.86, 0.0], [0.85, 0.99, 0.9, 0.99]]),
        attention_TnP=np.zeros((2, 1, 7)),
    )
    assert activity.followers([1, 3]).tolist() == [[1, 1], [2, 0]]


def test_an_answer_is_the_grid_s(study: Study) -> None:
    logits_TC = motion.answers(study, 3, 11)
    last = int(study.record.snapshot_steps[-1])
    np.testing.assert_allclose(logits_TC[-1], study.snapshot_grid(last).logits_PPC[3, 11], rtol=1e-9)
    assert not np.allclose(logits_TC[-1], study.snapshot_grid(last).logits_PPC[11, 3])
    with pytest.raises(LabError, match=r"b \(=17\) must lie in 0..16"):
        motion.answers(study, 0, 17)


def test_what_is_kept_is_what_is_computed(study: Study, activity: motion.Activity) -> None:
    kept = measurements.motion.activity(study)
    for name in ("frequency_TH", "fve_TH", "attention_TnP"):
        np.testing.assert_allclose(getattr(kept, name), getattr(activity, name), rtol=1e-9)
