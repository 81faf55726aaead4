"""The stages on planted curves and splits, the mirror's share against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import tasks
from modaddlab.analysis import stages
from modaddlab.experiments.spec import TaskSpec

STEPS = np.arange(0, 101, 10)


def rising(step: int) -> np.ndarray:
    return np.where(step <= STEPS, 0.96, 0.7)


def test_stages_end_where_the_accuracies_reach_the_threshold() -> None:
    found = stages.find_stages(step_T=STEPS, train_accuracy_T=rising(20), test_accuracy_T=rising(70))
    assert found == stages.Stages(20, 70, 100)
    assert found.spans == (("I", 0, 20), ("II", 20, 70), ("III", 70, 100))
    relapsing = np.where(STEPS == 90, 0.5, rising(70))
    assert stages.find_stages(step_T=STEPS, train_accuracy_T=rising(20), test_accuracy_T=relapsing).generalized == 70
    stricter = stages.find_stages(step_T=STEPS, train_accuracy_T=rising(20), test_accuracy_T=rising(70), threshold=0.97)
    assert stricter == stages.Stages(None, None, 100)
    assert stricter.spans == ()


def test_a_run_that_does_not_generalize_has_no_third_stage() -> None:
    found = stages.find_stages(step_T=STEPS, train_accuracy_T=rising(20), test_accuracy_T=np.full(11, np.nan))
    assert found.spans == (("I", 0, 20), ("II", 20, 100))


def test_kinds_of_cells_by_their_definition() -> None:
    task = TaskSpec(p=13, train_frac=0.6)
    mask_PP = tasks.train_mask(task, 3)
    kinds_PP = stages.cell_kinds(mask_PP)
    for x in range(13):
        for y in range(13):
            trained, mirror = mask_PP[x, y], mask_PP[y, x]
            if x == y:
                expected = "trained, on the diagonal" if trained else "never seen"
            elif trained:
                expected = "trained in both orders" if mirror else "trained in one order"
            else:
                expected = "mirror image trained" if mirror else "never seen"
            assert stages.KINDS[kinds_PP[x, y]] == expected


def test_the_mirrors_share_is_the_accuracy_of_a_perfect_symmetric_memory() -> None:
    task = TaskSpec(p=23, train_frac=0.75)
    shares = []
    for seed in range(200):
        mask_PP = tasks.train_mask(task, seed)
        knows_PP = mask_PP | mask_PP.T
        shares.append(stages.mirror_share(mask_PP))
        assert shares[-1] == pytest.approx(knows_PP[~mask_PP].mean())
    assert np.mean(shares) == pytest.approx(stages.expected_plateau(0.75, 23), abs=0.01)
    assert stages.expected_plateau(0.75, 23) == pytest.approx(0.7174, abs=1e-4)
    assert np.isnan(stages.mirror_share(np.ones((5, 5), dtype=bool)))


def test_shares_of_right_answers() -> None:
    mask_PP = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]], dtype=bool)
    kinds_PP = stages.cell_kinds(mask_PP)
    right_TPP = np.zeros((3, 3, 3), dtype=bool)
    right_TPP[1:, 0, 1] = True
    right_TPP[2, 1, 0] = right_TPP[2, 0, 0] = True
    share_T5 = stages.share_right(right_TPP, kinds_PP)
    assert np.isnan(share_T5[:, 0]).all()
    np.testing.assert_allclose(share_T5[:, 1:], [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0.5, 1, 0]])
    assert stages.row_at(np.array([0, 5, 9]), 7) == 1
