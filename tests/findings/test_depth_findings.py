"""What depth does, on runs whose curves are made."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from made import point, run

from modaddlab.findings import depth
from modaddlab.models.registry import TransformerSpec

STEP_T = np.arange(0, 10_050, 50)


def deep(n: int, operation: str, grokked: float, spikes: int, seed: int = 0, low: float = 0.96) -> object:
    """A run whose training loss has spikes, and whose accuracy falls to `low` at the end."""
    train_T = np.full(len(STEP_T), 1e-6)
    train_T[40 + 20 * np.arange(spikes)] = 1e-3
    curves = {"step": STEP_T, "train_loss": train_T, "test_loss": 2 * train_T}
    curves |= {"test_accuracy": np.where(grokked > STEP_T, 0.0, 0.99), "train_accuracy": np.ones(len(STEP_T))}
    curves["test_accuracy"][-1] = low
    model = TransformerSpec(n_layers=n)
    row = run(grokked, operation=operation, model=model, steps=10_000, waves=n, seed=seed, curves=curves)
    vars(row.study).update(metrics=curves, phases=SimpleNamespace(memorization=100, generalization=int(grokked), spans=(),
                                                                  cleanup_start=None, cleanup_end=None))  # fmt: skip
    return row


POINTS = {
    (1, "add"): point(deep(1, "add", 4_000, 0), deep(1, "add", 9_000, 0, seed=1)),
    (2, "add"): point(deep(2, "add", 3_000, 5)),
    (1, "multiply"): point(deep(1, "multiply", 6_000, 0)),
    (2, "multiply"): point(deep(2, "multiply", 5_000, 2)),
    (3, "multiply"): point(deep(3, "multiply", 4_000, 4, low=0.4)),
}


def test_ratios_are_those_of_geometric_means() -> None:
    found = depth._times(POINTS, {})
    assert (found.sum_ratio.value, found.three_ratio.value) == (pytest.approx(2), pytest.approx(1.5))
    assert (found.deep.value, found.largest) == (3, pytest.approx(2))
    assert list(found.points) == ["a + b\n1 layer", "a + b\n2 layers", "a · b\n1 layer", "a · b\n2 layers", "a · b\n3 layers"]
    assert [row["rises"] for row in found.table] == ["0", "5", "0", "2", "4"]


def test_spikes_and_falls_are_those_of_the_deep_networks() -> None:
    found = depth._steady(POINTS)
    assert (found.least.value, found.most.value) == (2, 5)
    assert found.lowest.value == 0.4
    assert (found.shallow.value, found.shallow_rises.value, found.shallow_steps.value) == (3, 0, 30_000)
    spiky = depth._steady(POINTS | {(1, "add"): point(deep(1, "add", 4_000, 0), deep(1, "add", 9_000, 3, seed=1, low=0.7))})
    assert (spiky.shallow_rises.value, spiky.shallow_lowest.value) == (3, 0.7)


def test_frequencies_of_deep_networks_that_grok_are_held_against_their_nulls() -> None:
    found = depth._circles(POINTS, {key: [row.concentration() for row in made.rows] for key, made in POINTS.items()})
    assert found.networks.value == 3
    assert found.largest == pytest.approx(3 / found.found["a · b\n3 layers"][0].effective.null)  # pyright: ignore
