"""Single questions of the committed debug run, against the definitions written out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modaddlab import LabError, Study
from modaddlab.findings import questions


@pytest.fixture(scope="module")
def study() -> Study:
    return Study.open("debug")


@pytest.fixture(scope="module")
def found(study: Study) -> questions.Questions:
    return questions.of(study)


def test_the_last_moment_is_the_final_network(study: Study, found: questions.Questions) -> None:
    right, rivals = {}, []
    for a in range(study.p):
        for b in range(study.p):
            logits = study.grid.logits_PPC[a, b]
            label = (a + b) % study.p
            rivals.append(logits[label] - max(np.delete(logits, label)))
            group = "shown" if study.train_mask_PP[a, b] else "mirrored" if study.train_mask_PP[b, a] else "other"
            right.setdefault(group, []).append(logits.argmax() == label)
    assert found.last.step.value == study.spec.steps
    assert found.last.least_margin.value == pytest.approx(min(rivals))
    assert found.last.mirrored_right.value == pytest.approx(np.mean(right["mirrored"]))
    assert found.last.other_right.value == pytest.approx(np.mean(right["other"]))
    assert sum(map(len, found.groups[f"step {study.spec.steps:,}"].values())) == study.p**2


def test_the_parts_of_the_logits_add_up_and_waves_depend_on_the_sum(study: Study, found: questions.Questions) -> None:
    parts = list(found.tables.values())[-1]
    np.testing.assert_allclose(parts["waves of the keys"] + parts["the rest"], parts["full"], atol=1e-9)
    np.testing.assert_allclose(parts["full"].mean(axis=1), 0, atol=1e-9)
    logits_PPC = study.grid.logits_PPC
    a = questions.FIRST % study.p if study.p > questions.FIRST else study.p - 1
    np.testing.assert_allclose(parts["full"] + logits_PPC[a].mean(axis=1, keepdims=True), logits_PPC[a], atol=1e-9)


def test_moments_are_the_closest_snapshots(study: Study) -> None:
    study = Study(study.record)
    vars(study)["phases"] = dataclasses.replace(study.phases, generalization=500)
    distance_T = np.abs(study.record.snapshot_steps - 0.14 * 500)
    assert abs(questions.near(study, 0.14) - 0.14 * 500) == distance_T.min()
    assert questions.moments(study)["turn"] == questions.near(study, 1.0)


def test_data_of_the_figures_have_a_row_for_each_question(study: Study, found: questions.Questions) -> None:
    for columns in (found.table_columns, found.surface_columns, found.loss_columns):
        assert {len(np.asarray(values)) for values in columns.values()} == {study.p**2}
    name = f"step {study.spec.steps:,}"
    row = 3 * study.p + 5
    assert (found.loss_columns["a"][row], found.loss_columns["b"][row]) == (3, 5)  # type: ignore[index]
    assert found.loss_columns[name][row] == pytest.approx(found.losses[name][3, 5], rel=0.01)  # type: ignore[index]
    counted = found.group_columns[f"test, {name}"]
    assert np.sum(counted) == len(found.groups[name]["test"])


def test_a_record_without_snapshots_is_refused() -> None:
    with pytest.raises(LabError, match=r"questions\.of is for"):
        questions.of(Study.open("mlp-mainline"))
