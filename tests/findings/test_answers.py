"""Which questions are answered right at each saved step."""

from __future__ import annotations

import numpy as np

from modaddlab.findings import answers
from modaddlab.study import Study


def test_the_answers_at_saved_steps_are_those_of_the_grid() -> None:
    study = Study.open("debug")
    found = answers.of(study)
    assert list(found.step_T) == list(study.record.snapshot_steps)
    for i in (0, len(found.step_T) - 1):
        grid = study.snapshot_grid(int(found.step_T[i]))
        assert (found.right_TPP[i] == (grid.logits_PPC.argmax(axis=-1) == study.labels_PP)).all()
        energy_K = (np.abs(np.fft.fft(grid.W_E_PD, axis=0)[1:9]) ** 2).sum(axis=1) * 2 / study.p
        assert np.allclose(found.norm_TK[i] ** 2, energy_K)
    recorded = dict(zip(study.metrics["step"].astype(int), study.metrics["test_accuracy"], strict=True))
    for step, share in zip(found.step_T, np.asarray(found.columns["other pairs right"]), strict=True):
        if int(step) in recorded:
            assert abs(recorded[int(step)] - share) < 0.02  # snapshots are kept in 16 bits
    assert found.at([1]).right_TPP.shape == (1, 17, 17)


def test_a_network_without_saved_steps_has_none() -> None:
    assert answers.of(Study.open("mlp-standard", p=15)).right_TPP.shape == (0, 15, 15)
