"""Mirror images apart and together, and coarse circles: on runs whose curves and embeddings are made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made import run

from modaddlab import tasks
from modaddlab.findings import composite, concentration, mirrors
from modaddlab.tasks import TaskSpec

P = 12


def remembered(strongest: list[int]) -> Any:
    """A study of an even modulus with waves of these frequencies, and one of the sign."""
    angle_P = 2 * np.pi * np.arange(P) / P
    table_PD = np.stack([wave(k * angle_P) for k in strongest for wave in (np.cos, np.sin)], axis=1)
    study = run(100, p=P, frac=0.5).study
    study.embedding_PD, study.phases = table_PD, SimpleNamespace(generalization=100)
    study.remember = lambda function, **given: function.__wrapped__(study, **given)
    return study


def test_frequencies_with_a_common_factor_have_fewer_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composite.concentration, "of", concentration.of.__wrapped__)
    found = composite.of(remembered([3, 5, 6]))
    assert (str(found.keys), str(found.marks)) == ("3, 5 and 6", "4, 12 and 2")
    assert found.sign_is_key
    assert (found.coarse.value, found.coarse_share.value) == (2, pytest.approx(2 / 3))
    assert found.coarse_share.null == pytest.approx(4 / 6)  # 2, 3, 4 and 6 of 1..6
    assert found.sign.value == pytest.approx(1 / 3)  # as much as a wave's cosine and sine together


def test_where_mirror_images_are_together_none_is_left_for_the_test() -> None:
    studies = []
    for unordered in (False, True):
        task = TaskSpec(p=11, train_frac=0.5, unordered=unordered)
        study = SimpleNamespace(
            p=11,
            spec=SimpleNamespace(task=task),
            metrics={
                "step": np.arange(0, 500, 100),
                "train_accuracy": np.array([0, 1, 1, 1, 1.0]),
                "test_accuracy": np.array([0, 0.4, 0.4, 0.6, 1.0]) * (1 - unordered),
            },
            train_mask_PP=tasks.train_mask(task, 0),
            phases=SimpleNamespace(generalization=None if unordered else 400),
        )
        studies.append(study)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirrors.stages, "plateau", mirrors.stages.plateau.__wrapped__)
        patch.setattr(mirrors.stages, "find", mirrors.stages.find.__wrapped__)
        apart, together = (mirrors.split([study]) for study in studies)
    assert apart.mirrored.value > 0.3
    assert (apart.pause.value, apart.time.value, apart.grokked.value) == (0.4, 400, 1)
    assert (together.mirrored.value, together.pause.value, together.grokked.value) == (0, 0, 0)
    assert np.isnan(together.time.value)
