"""Studies: a record with its analyses, on the committed debug run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modaddlab import LabError, Study, open_record


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


def test_the_grid_gives_the_recorded_accuracies_and_losses(study: Study) -> None:
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        assert getattr(study.scores, name) == pytest.approx(study.metrics[name][-1], rel=1e-4), name


def test_the_split_is_the_task_s(study: Study) -> None:
    assert study.train_mask_PP.sum() == int(study.spec.task.train_frac * study.p**2)
    assert study.labels_PP[5, 15] == (5 + 15) % study.p


def test_progress_has_a_row_for_every_snapshot(study: Study) -> None:
    history = study.progress()
    np.testing.assert_array_equal(history.step_T, study.record.snapshot_steps)
    test_loss_T = history.curve("test_loss", of="scores")
    recorded_T = study.metrics["test_loss"][np.isin(study.metrics["step"], history.step_T)]
    np.testing.assert_allclose(test_loss_T, recorded_T, rtol=0.02)  # snapshots are float16
    assert history.curve("excluded_loss_per_key").shape == (len(history.step_T), len(study.keys))
    assert study.progress() is history


def test_the_sum_of_squares_of_a_snapshot_is_that_of_the_recorded_norms(study: Study) -> None:
    norms_T = np.sum([values**2 for name, values in study.metrics.items() if name.startswith("norm/")], axis=0)
    history = study.progress()
    recorded_T = norms_T[np.isin(study.metrics["step"], history.step_T)]
    np.testing.assert_allclose(history.curve("sum_of_squares"), recorded_T, rtol=2e-3)


def test_a_missing_run_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"python -m modaddlab\.train mainline"):
        open_record("mainline", data=tmp_path)
    with pytest.raises(LabError, match="unknown run 'mainlin'"):
        open_record("mainlin", data=tmp_path)
    with pytest.raises(LabError, match="is a run id and has its seed already"):
        open_record("mainline-0123456789", seed=1, data=tmp_path)
