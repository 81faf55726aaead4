"""Neuron fits against least squares on the written-out polynomials, and on networks whose neurons are known."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modaddlab import neurons
from modaddlab.models.closed_form import QUAD_FVE, QUAD_SUM_FVE, RELU_FVE, circle_transformer, neuron_phases
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec

MODULI = (3, 7, 10, 11)


def activations(p: int, n: int = 6) -> np.ndarray:
    return np.maximum(np.random.default_rng(p).standard_normal((p, p, n)) + 0.3, 0)


def of_pairs(p: int, function: Callable[[int, int], float]) -> np.ndarray:
    return np.array([[function(a, b) for b in range(p)] for a in range(p)])


def factors(p: int, k: int) -> list[tuple[str, Callable[[int], float]]]:
    omega = 2 * np.pi * k / p
    found: list[tuple[str, Callable[[int], float]]] = [("1", lambda j: 1.0), ("cos", lambda j: np.cos(omega * j))]
    return found if 2 * k == p else [*found, ("sin", lambda j: np.sin(omega * j))]


def energy(values_PP: np.ndarray, columns: list[np.ndarray]) -> float:
    """The sum of squares of the least-squares fit of centred values by columns of mean zero."""
    design = np.stack([column.ravel() for column in columns], axis=1)
    centred = values_PP.ravel() - values_PP.mean()
    return float(np.sum((design @ np.linalg.lstsq(design, centred, rcond=1e-9)[0]) ** 2))


def columns(p: int, k: int, which: str) -> list[np.ndarray]:
    omega = 2 * np.pi * k / p
    if which in ("sum", "difference"):
        sign = 1 if which == "sum" else -1
        return [of_pairs(p, lambda a, b, f=f: f(omega * (a + sign * b))) for f in (np.cos, np.sin)]
    products = [
        (f"{one} {two}", of_pairs(p, lambda a, b, f=f, g=g: f(a) * g(b)))
        for (one, f), (two, g) in itertools.product(factors(p, k), repeat=2)
    ]
    return [x for name, x in products if name != "1 1" and (which == "polynomial" or "1" in name)]


@pytest.mark.parametrize("p", MODULI)
def test_energies_are_those_of_least_squares(p: int) -> None:
    x_PPH = activations(p)
    found = neurons.neuron_energies(x_PPH)
    parts = {
        "polynomial": found.polynomial_KH,
        "linear": found.linear_KH,
        "sum": found.sum_KH,
        "difference": found.difference_KH,
    }
    for h in range(6):
        assert found.centred_H[h] == pytest.approx(np.sum((x_PPH[..., h] - x_PPH[..., h].mean()) ** 2))
        for name, value_KH in parts.items():
            assert value_KH.shape == (p // 2, 6)
            for k in range(1, p // 2 + 1):
                expected = energy(x_PPH[..., h], columns(p, k, name))
                assert value_KH[k - 1, h] == pytest.approx(expected, abs=1e-10), (name, k)


@pytest.mark.parametrize("allowed", [None, (1, 3), (3,)])
@pytest.mark.parametrize("p", [7, 10, 11])
def test_fits_take_the_best_frequency_that_is_allowed(p: int, allowed: tuple[int, ...] | None) -> None:
    x_PPH = activations(p)
    fits = neurons.fit_neurons(x_PPH, allowed)
    polynomials_PPH = neurons.polynomial_activations(fits, p)
    for h in range(6):
        x_PP = x_PPH[..., h]
        total = np.sum((x_PP - x_PP.mean()) ** 2)
        shares = {k: energy(x_PP, columns(p, k, "polynomial")) / total for k in allowed or range(1, p // 2 + 1)}
        best = max(shares, key=lambda k: shares[k])
        assert fits.frequency_H[h] == best
        for name, value_H in (
            ("polynomial", fits.fve_H),
            ("linear", fits.linear_fve_H),
            ("sum", fits.sum_fve_H),
            ("difference", fits.difference_fve_H),
        ):
            assert value_H[h] == pytest.approx(energy(x_PP, columns(p, best, name)) / total, abs=1e-10), name
        design = np.stack([np.ones(p * p), *(column.ravel() for column in columns(p, best, "polynomial"))], axis=1)
        fitted = design @ np.linalg.lstsq(design, x_PP.ravel(), rcond=1e-9)[0]
        np.testing.assert_allclose(polynomials_PPH[..., h].ravel(), fitted, atol=1e-10)
        wave_PP = of_pairs(p, lambda a, b: np.cos(2 * np.pi * best * (a + b) / p + fits.sum_phase_H[h]))  # noqa: B023
        assert energy(x_PP, [wave_PP]) == pytest.approx(energy(x_PP, columns(p, best, "sum")), abs=1e-10)
        assert np.sum(wave_PP * x_PP) / np.sum(wave_PP**2) == pytest.approx(fits.sum_amplitude_H[h], abs=1e-10)
    some = neurons.polynomial_activations(fits, p, [4, 1])
    np.testing.assert_allclose(some, polynomials_PPH[..., [4, 1]], atol=1e-12)


def test_one_wave_comes_back_with_its_amplitude_and_phase() -> None:
    p = 11
    phases = np.array([-3.0, -1.2, 0.0, 0.4, 2.9])
    x_PPH = np.stack([of_pairs(p, lambda a, b, t=t: 4 + 1.5 * np.cos(2 * np.pi * 3 * (a + b) / p + t)) for t in phases], axis=2)
    fits = neurons.fit_neurons(x_PPH)
    assert fits.frequency_H.tolist() == [3] * 5
    np.testing.assert_allclose(fits.sum_phase_H, phases, atol=1e-12)
    np.testing.assert_allclose(fits.sum_amplitude_H, 1.5)
    np.testing.assert_allclose(fits.fve_H, 1)
    np.testing.assert_allclose(fits.sum_fve_H, 1)


@pytest.mark.parametrize("activation", ["relu", "quad"])
def test_the_neurons_of_the_network_written_by_hand(activation: Any) -> None:
    p, counts = 31, {3: 5, 10: 7}
    model = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=14, activation=activation)
    grid = run_grid(circle_transformer(model, p, counts), model, p)
    fits = neurons.fit_neurons(grid.neurons_PPH)
    frequencies, phases = neuron_phases(counts)
    assert fits.frequency_H.tolist() == [*frequencies, 0, 0]
    np.testing.assert_allclose(np.cos(fits.sum_phase_H[:12] - phases), 1, atol=1e-3)
    assert not np.any(fits.fve_H[12:])
    if activation == "quad":
        np.testing.assert_allclose(fits.fve_H[:12], QUAD_FVE)
        np.testing.assert_allclose(fits.sum_fve_H[:12], QUAD_SUM_FVE)
        np.testing.assert_allclose(fits.difference_fve_H[:12], QUAD_SUM_FVE)
        np.testing.assert_allclose(fits.sum_amplitude_H[:12], 1)
    else:
        np.testing.assert_allclose(fits.fve_H[:12], RELU_FVE, atol=0.01)
    groups = neurons.clusters(fits, 0.7)
    assert [(group.frequency, sorted(group.neurons)) for group in groups] == [
        (3, list(range(5))),
        (10, list(range(5, 12))),
        (0, [12, 13]),
    ]
    assert neurons.explained_neurons(fits, 0.7).tolist() == list(range(12))


def test_clusters_are_sorted_by_what_they_explain() -> None:
    fits = neurons.fit_neurons(activations(7, 9))
    for threshold in (0.0, float(np.median(fits.fve_H)), 1.0):
        groups = neurons.clusters(fits, threshold)
        assert groups[-1].frequency == 0
        assert sorted(h for group in groups for h in group.neurons) == list(range(9))
        assert [group.frequency for group in groups[:-1]] == sorted({group.frequency for group in groups[:-1]})
        for group in groups:
            assert list(fits.fve_H[group.neurons]) == sorted(fits.fve_H[group.neurons], reverse=True)
            if len(group.neurons):
                assert group.mean_fve == pytest.approx(np.mean([fits.fve_H[h] for h in group.neurons]))
            for h in group.neurons:
                assert (fits.fve_H[h] > threshold) == (group.frequency != 0)
                assert group.frequency in (0, fits.frequency_H[h])
        expected = [h for h in range(9) if fits.fve_H[h] > threshold]
        assert neurons.explained_neurons(fits, threshold).tolist() == expected
    assert np.isnan(neurons.clusters(fits, 0.0)[-1].mean_fve)


def test_a_neuron_is_explained_above_85_percent() -> None:
    fits = dataclasses.replace(
        neurons.fit_neurons(activations(7, 4)), fve_H=np.array([0.84, 0.85, 0.86, 0.99]), frequency_H=np.array([1, 2, 3, 3])
    )
    assert neurons.explained_neurons(fits).tolist() == [2, 3]
    assert [(group.frequency, group.neurons.tolist()) for group in neurons.clusters(fits)] == [(3, [3, 2]), (0, [1, 0])]


def test_a_constant_neuron_follows_nothing() -> None:
    x_PPH = activations(7, 3)
    x_PPH[..., 1] = 0.1  # whose mean over 49 pairs is not 0.1 to the last digit
    x_PPH[..., 2] = 0
    fits = neurons.fit_neurons(x_PPH)
    assert fits.frequency_H[1:].tolist() == [0, 0]
    for values in (fits.fve_H, fits.linear_fve_H, fits.sum_fve_H, fits.difference_fve_H, fits.sum_amplitude_H, fits.sum_phase_H):
        assert not np.any(values[1:])
    np.testing.assert_allclose(neurons.polynomial_activations(fits, 7)[..., 1:], x_PPH[..., 1:], atol=1e-12)
    assert neurons.neuron_energies(x_PPH).centred_H[1] == 0
    assert 1 not in neurons.explained_neurons(fits, -1)


@pytest.mark.parametrize("pair", [(0, 0), (3, 8), (10, 1)])
def test_a_neuron_that_fires_once_follows_the_lowest_frequency(pair: tuple[int, int]) -> None:
    """All frequencies explain the same share of it, and rounding must not choose."""
    neurons_PPH = np.zeros((11, 11, 1))
    neurons_PPH[pair] = np.pi
    fits = neurons.fit_neurons(neurons_PPH)
    assert fits.frequency_H.tolist() == [1]
    assert fits.fve_H == pytest.approx([8 / (11**2 - 1)])
    assert neurons.fit_neurons(neurons_PPH, frequencies=(5, 4)).frequency_H.tolist() == [4]


def test_a_large_constant_does_not_hide_a_small_wave() -> None:
    wave_PP = of_pairs(7, lambda a, b: np.cos(2 * np.pi * 2 * (a + b) / 7))
    fits = neurons.fit_neurons((1e6 + 1e-3 * wave_PP)[..., None])
    assert fits.frequency_H[0] == 2
    assert fits.fve_H[0] == pytest.approx(1, abs=1e-5)


def test_without_a_frequency_only_the_means_are_left() -> None:
    x_PPH = activations(7, 2)
    fits = neurons.fit_neurons(x_PPH, ())
    assert fits.frequency_H.tolist() == [0, 0]
    expected = np.broadcast_to(x_PPH.mean(axis=(0, 1)), x_PPH.shape)
    np.testing.assert_allclose(neurons.polynomial_activations(fits, 7), expected)


def test_frequencies_and_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="frequency \\(=4\\)"):
        neurons.fit_neurons(activations(7), (4,))
    with pytest.raises(ValueError, match="neurons_PPH"):
        neurons.neuron_energies(activations(7)[:, :5])
