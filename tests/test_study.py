"""Studies: a record with its analyses, on the committed debug run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modaddlab
from modaddlab import LabError, Store, Study, open_record
from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import with_overrides
from modaddlab.training.loop import train


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
    with pytest.raises(TypeError, match="must be a function of a module of modaddlab"):
        study.remember(lambda study: {"keys": np.array(study.keys)})


def test_runs_in_another_folder_are_opened_by_name_or_id(tmp_path: Path) -> None:
    spec = with_overrides(catalogue.named("mlp-untrained"), ["task.p=7", "model.d_mlp=12", "name=mine"])
    run_id = train(spec, Store(tmp_path), threads=1).run_id
    for name in ("mine", run_id):
        for data in (tmp_path, str(tmp_path)):
            assert Study.open(name, data=data).record.run_id == run_id
    assert [study.spec for study in Study.seeds("mlp-untrained", data=tmp_path)] == []
    train(with_overrides(spec, ["seed=1"]), Store(tmp_path), threads=1)
    with pytest.raises(LabError, match=r"'mine' stands for 2 runs in .*; give a run id: mine-\w+, mine-\w+$"):
        Study.open("mine", data=tmp_path)


@pytest.mark.parametrize("name", [None, Path("debug"), 3])
def test_what_is_no_name_is_said_in_a_line(name: Any) -> None:
    with pytest.raises(LabError, match=r"a run has a name, a run id or a RunSpec, such as 'mainline', found .*; data= names a"):
        Study.open(name)


def test_a_missing_run_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"python -m modaddlab\.train mainline"):
        open_record("mainline", data=tmp_path)
    with pytest.raises(LabError, match="unknown run 'mainlin'"):
        open_record("mainlin", data=tmp_path)
    with pytest.raises(LabError, match="is a run of its own and has its seed already"):
        open_record("mainline-0123456789", seed=1, data=tmp_path)


def test_a_study_shows_its_run(study: Study) -> None:
    assert repr(study).startswith(f"Study({study.record.run_id}: a transformer of 1 layer; a + b modulo 17; 1,000 steps; loss ")
    shown = study._repr_html_()
    assert study.record.run_id in shown
    assert f"at step {study.phases.memorization:,}" in shown
    assert f"accuracy {study.scores.test_accuracy:.2%}" in shown
    assert shown.count("<svg") == shown.count("</svg>") == 1
    assert "<?xml" not in shown


def test_a_study_of_weights_that_were_trained_elsewhere(study: Study, tmp_path: Path) -> None:
    again = Study.from_weights(study.record.final, study.spec.model, 17, train_mask_PP=study.train_mask_PP)
    assert again.keys == study.keys
    np.testing.assert_array_equal(again.train_mask_PP, study.train_mask_PP)
    for name in ("train_loss", "test_loss", "test_accuracy"):
        assert again.metrics[name][0] == pytest.approx(study.metrics[name][-1], rel=1e-4)
    assert "not trained here" in repr(again)
    assert "<svg" not in again._repr_html_()
    unknown = Study.from_weights(study.record.final, study.spec.model, 17, name="mine", data=tmp_path)
    assert Study.open("mine", data=tmp_path).record.run_id == unknown.record.run_id != again.record.run_id
    assert unknown.scores.train_loss == pytest.approx(study.scores.all_loss)
    with pytest.raises(LabError, match="must have the names and shapes"):
        Study.from_weights(study.record.final, study.spec.model, 19)
    broken = {**study.record.final, "unembed.W_U": np.full_like(study.record.final["unembed.W_U"], np.nan)}
    with pytest.raises(LabError, match="finite"):
        Study.from_weights(broken, study.spec.model, 17)


def test_a_run_is_opened_and_trained_by_its_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {"steps": 20, "optim.weight_decay": 0.5, "record.snapshots": 0}
    observed: list[int] = []
    observe = lambda status: observed.append(status.step)  # noqa: E731
    trained = modaddlab.train("debug", changes, seed=3, data=tmp_path, progress=True, observe=observe)
    assert "step 20/20" in capsys.readouterr().err
    assert observed[-1] == 20
    spec = trained.spec
    assert (spec.steps, spec.optim.weight_decay, spec.seed, spec.name) == (20, 0.5, 3, "debug")
    for opened in (
        Study.open("debug", changes, seed=3, data=tmp_path),
        Study.open(spec, data=tmp_path),
        Study.open(trained.record.run_id, data=tmp_path),
        modaddlab.train(spec, data=tmp_path),
    ):
        assert opened.record.run_id == trained.record.run_id
    with pytest.raises(LabError, match=r"unknown field 'optim\.rate'"):
        Study.open("debug", {"optim.rate": 1}, data=tmp_path)
    with pytest.raises(LabError, match=r"steps \(='many'\)"):
        modaddlab.train("debug", {"steps": "many"}, data=tmp_path)
    with pytest.raises(LabError, match="unknown run 'nothing'"):
        modaddlab.train("nothing", data=tmp_path)


def test_the_function_is_there_whether_or_not_its_module_was_imported() -> None:
    assert callable(modaddlab.train)
    module = importlib.import_module("modaddlab.train")
    assert callable(module)
    with pytest.raises(LabError, match="unknown run 'nothing'"):
        module("nothing")
