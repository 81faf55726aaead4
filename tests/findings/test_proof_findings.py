"""Proofs of the book's networks beside what trying all pairs shows."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.analysis import proof as mathematics
from modaddlab.findings import proof


@pytest.mark.parametrize("run", ["mlp-grokking", "mlp-standard", "debug", "mlp-untrained"])
def test_no_pair_is_proven_that_the_network_has_wrong(run: str) -> None:
    study = Study.open(run)
    grid = study.grid
    frequencies = mathematics.frequencies_of(grid.W_L_HC)[:8]
    kept_KH = mathematics.loudest(grid.W_L_HC, frequencies, 2)
    direct_PPC = grid.logits_PPC - grid.neurons_PPH @ grid.W_L_HC
    found = mathematics.prove(grid.neurons_PPH, grid.W_L_HC, direct_PPC, frequencies=frequencies, kept_KH=kept_KH)
    right_PP = grid.logits_PPC.argmax(axis=2) == study.labels_PP
    assert not (found.proven_PP & ~right_PP).any()
    assert found.bound <= right_PP.mean()


def test_a_network_of_waves_is_proven_and_its_history_ends_where_its_proof_is() -> None:
    study = Study.open("mlp-quad-random")
    found, history = proof.of(study), proof.measure_history(study, every=16)
    assert found.bound.value == found.accuracy.value == 1
    assert found.bound.null == 0
    assert 0 < found.cost.value < 1
    assert found.looseness.value > 1
    assert proof.ladder(study).waves_out.value < found.bound.value
    assert np.all(history["bound"] <= history["accuracy"])
    assert history["step"][0] == 0
    assert history["bound"][0] == 0
