"""What is said of kernel machines, on small moduli and made-up runs."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.findings import kernel


def test_a_small_machine_is_followed_over_its_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "P", 11)
    monkeypatch.setattr(kernel, "SHOWN", (1, 4))
    run = kernel.measure_learning(operation="add", seed=0, part=0.8, fits=4)
    assert run["train_T"].tolist() == [1.0] * 4
    assert run["alignment_T"][-1] == pytest.approx(1)
    assert np.isnan(run["regular_T"][0])
    assert np.all(np.diff(run["regular_T"][1:]) > 0), "the block becomes circulant"
    assert run["regular_T"][-1] > run["null_T"][-1]
    assert np.array_equal(run["features_TXX"][0], np.eye(22))
    assert np.array_equal(run["features_TXX"][1][:11, 11:], run["block_PP"])
    assert run["right_2"][0] == pytest.approx(1 - 1 / 11, abs=1e-3)
    assert run["distance_P"].argmax() == 0


def test_random_circulants_do_what_their_entries_in_other_places_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "P", 23)
    monkeypatch.setattr(kernel, "SEEDS", range(2))
    found = {
        name: kernel.measure_random(block=name, part=0.7)["accuracy_S"] for name in ("circulant", "hankel", "shuffled", "renamed")
    }
    assert found["circulant"].min() > 0.9
    assert max(found[name].max() for name in ("hankel", "shuffled", "renamed")) < 0.2


def test_what_happens_before_the_accuracy_rises() -> None:
    made = {
        "train_T": np.ones(4),
        "test_T": np.array([0.0, 0.005, 0.6, 1.0]),
        "error_T": np.array([1e-9, 1e-8, 1e-9, 1e-9]),
        "regular_T": np.array([np.nan, 0.2, 0.5, 0.9]),
        "null_T": np.full(4, 0.02),
        "deviation_T": np.array([np.nan, 0.6, 0.4, 0.2]),
        "deviation_null_T": np.full(4, 0.96),
        "alignment_T": np.array([0.3, 0.7, 0.9, 1.0]),
        "right_2": np.array([0.9, 0.3]),
    }
    found = kernel._learned(made)
    assert (found.idle.value, found.halfway.value) == (2, 3)
    assert found.idle_way.value == pytest.approx(0.5)
    assert found.idle_alignment.value == 0.7
    assert found.error.value == 1e-8


def test_answers_of_one_wave_have_one_frequency() -> None:
    p = 13
    distance_P = np.cos(2 * np.pi * 3 * np.arange(p) / p)
    assert kernel._answers(distance_P, 1.0).frequencies.value == 1
    assert kernel._answers(np.eye(p)[0] - 1 / p, 1.0).frequencies.value == 6
    a, b, c = np.indices((p, p, p))
    assert kernel._distance_share(distance_P[(c - a - b) % p] + a, distance_P) == pytest.approx(1)
