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


def test_neurons_of_the_last_frequency_make_no_key_of_another() -> None:
    study = Study.open("mainline-25k", seed=8)
    assert study.keys == (3, 37, 46, 56)
    assert 1 in study.key_rules.released.frequencies


def test_every_seed_of_a_run_that_is_there() -> None:
    studies = Study.seeds("p53-wd1")
    assert [study.spec.seed for study in studies] == [0, 1]
    assert {study.spec.name for study in studies} == {"p53-wd1"}
    assert Study.seeds("debug")[0].record.run_id == Study.open("debug").record.run_id
    with pytest.raises(LabError, match="unknown run"):
        Study.seeds("p54")


def test_only_the_package_s_functions_are_remembered(study: Study) -> None:
    with pytest.raises(TypeError, match="must be defined in modaddlab"):
        study.remember(lambda study: {"keys": np.array(study.keys)})


def test_a_missing_run_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"python -m modaddlab\.train mainline"):
        open_record("mainline", data=tmp_path)
    with pytest.raises(LabError, match="unknown run 'mainlin'"):
        open_record("mainlin", data=tmp_path)
    with pytest.raises(LabError, match="is a run id and has its seed already"):
        open_record("mainline-0123456789", seed=1, data=tmp_path)
