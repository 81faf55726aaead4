"""What is found of a network in motion, on the committed debug run, against single snapshots."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import LabError, Study, neurons, trajectory
from modaddlab.findings import motion


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def found(study: Study) -> motion.Motion:
    return motion.of(study)


def test_the_path_is_that_of_all_weights_in_one_row(study: Study, found: motion.Motion) -> None:
    snapshots = [study.record.snapshot(int(step)) for step in study.record.snapshot_steps]
    rows_TW = np.array([np.concatenate([one[name].astype(float).ravel() for name in sorted(one)]) for one in snapshots])
    moved_T = np.linalg.norm(rows_TW - rows_TW[0], axis=1)
    assert found.way.moved.value == pytest.approx(moved_T[-1])
    assert found.way.farthest.value == pytest.approx(moved_T.max())
    walk = trajectory.random_walk(np.linalg.norm(np.diff(rows_TW, axis=0), axis=1))
    assert found.way.moved.null == pytest.approx(walk.from_start_T[-1])
    assert found.way.two_axes.value == pytest.approx(trajectory.path(rows_TW).share_N[:2].sum())
    with pytest.raises(LabError, match="four snapshots"):
        motion.of(Study.open("p53-wd1"))


def test_the_embedding_s_axes_are_the_final_ones(study: Study, found: motion.Motion) -> None:
    final_PD, first_PD = study.grid.W_E_PD, study.initial["embed.W_E"][: study.p].astype(float)
    own = trajectory.principal_axes(final_PD)
    last = list(found.points)[-1]
    np.testing.assert_allclose(found.points[last], own.coordinates(final_PD), atol=0.01)  # snapshots are float16
    assert found.ring.held.value == pytest.approx(own.share_N.sum())
    assert found.ring.held.null == pytest.approx(trajectory.principal_axes(first_PD).share_N.sum())
    assert np.all(found.shares["final axes"] <= found.shares["own axes"] + 1e-12), "no axes hold more than a matrix's own"


def test_a_ring_of_one_wave_is_pure() -> None:
    class Circle:
        p, angle_P = 11, 2 * np.pi * 3 * np.arange(11) / 11
        embedding_PD = np.stack([2 * np.cos(angle_P), np.sin(angle_P), np.zeros(11)], axis=1)

    ring = motion.ring.__wrapped__(Circle())  # type: ignore[attr-defined]
    assert (ring.first.value, ring.second.value) == (3, 3)
    assert ring.purity.value == pytest.approx(1)
    assert ring.held.value == pytest.approx(1)


def test_neurons_and_heads_of_a_snapshot(study: Study) -> None:
    activity, row = motion.measure_activity(study), 3
    grid = study.snapshot_grid(int(study.record.snapshot_steps[row]))
    fits = neurons.fit_neurons(grid.neurons_PPH)
    np.testing.assert_array_equal(activity["frequency_TH"][row], fits.frequency_H)
    np.testing.assert_allclose(activity["fve_TH"][row], fits.fve_H, rtol=1e-5)
    np.testing.assert_allclose(activity["attention_TnP"][row], grid.pattern_PPn3[..., 0].mean(axis=1).T, rtol=1e-5)


def test_when_neurons_chose() -> None:
    activity = {
        "frequency_TH": np.array([[3, 3, 1, 0], [3, 1, 1, 2], [3, 1, 3, 2]]),
        "fve_TH": np.array([[0.5, 0.5, 0.5, 0.0], [0.85, 0.99, 0.9, 0.99], [0.9, 0.9, 0.9, 0.9]]),
    }
    choice = motion._choice(activity, [1, 3], 11, np.array([0, 10, 20]), [0, 1, 2])
    assert choice.followers_TK.tolist() == [[0, 0], [2, 0], [1, 2]]
    assert (choice.neurons.value, choice.none_until.value) == (3, 0)
    assert (choice.at_start.value, choice.at_turn.value, choice.at_cleanup.value) == pytest.approx((1 / 3, 2 / 3, 1))
    assert (choice.at_start.null, choice.at_turn.null) == (1 / 5, 1 / 2)


def test_the_film_asks_an_unseen_question(study: Study, found: motion.Motion) -> None:
    a, b = found.film.a.value, found.film.b.value
    assert not study.train_mask_PP[a, b]
    last = int(study.record.snapshot_steps[-1])
    logits_C = study.snapshot_grid(last).logits_PPC[a, b]
    np.testing.assert_allclose(found.film.story["logits_TC"][-1], logits_C, rtol=1e-9)
    right = np.exp(logits_C)[(a + b) % study.p] / np.exp(logits_C).sum()
    assert found.columns["film"]["probability of the right answer"][-1] == pytest.approx(right)  # type: ignore[index]


def test_the_floor_is_the_median_of_all_other_frequencies() -> None:
    energy_TK = np.array([[2.0, 4.0, 1.0, 3.0, 5.0], [2.0, 1.0, 2.0, 0.3, 9.0]])
    floor = motion._floor(energy_TK, [1, 3], 0)
    assert floor.keys.value == pytest.approx(4 / 3)
    assert floor.others.value == pytest.approx(1 / 4)
