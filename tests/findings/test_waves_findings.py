"""The numbers of a two-layer network, on one written down in closed form."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modaddlab.analysis import activations, two_layer
from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RunSpec, TaskSpec
from modaddlab.findings import mechanism, waves, ways
from modaddlab.findings.value import pooled
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TwoLayerSpec

P = 11


def study(neurons: two_layer.CosineNeurons, activation: str = "quad", **optim: Any) -> Any:
    """What the measurement reads of a study, for a network in closed form; nothing is kept."""
    model = TwoLayerSpec(d_mlp=len(neurons.phi_H), activation=activation)  # pyright: ignore[reportArgumentType]
    spec = RunSpec(name="closed-form", task=TaskSpec(p=P), model=model, optim=OptimSpec(**optim), steps=100)
    grid = run_grid({"mlp.W_in": neurons.theta_HP.T, "mlp.W_out": neurons.xi_HP}, model, P)
    return Forgetful(grid=grid, spec=spec, p=P, record=SimpleNamespace(run_id=spec.run_id, snapshot_steps=()))


class Forgetful(SimpleNamespace):
    """A study that computes what it is asked for every time."""

    def remember(self, function: Any) -> Any:
        return function(self)


def measure(neurons: two_layer.CosineNeurons, **options: Any) -> waves.Waves:
    return waves.of(study(neurons, **options))


EVERY = dict.fromkeys(range(1, P // 2 + 1), 9)


def test_a_network_of_pure_waves() -> None:
    found = measure(two_layer.even_neurons(P, EVERY, alpha=0.8, beta=1.1, misalignment=0.1), optimizer="sgd")
    assert found.accuracy.value == found.alive.value == found.same_frequency.value == 1
    assert found.alive_neurons.value == 9 * len(EVERY)
    ones = [found.input_fve, found.output_fve, found.ipr_frequencies, found.indicator_fve, found.waves_fve]
    assert np.allclose([one.value for one in ones], 1, atol=0.02)
    assert np.isclose(found.misalignment.value, 0.1)
    zeros = [found.variation_alpha, found.variation_alpha_beta2, found.variation_alpha2_beta, found.third, found.imbalance_2]
    assert np.allclose([one.value for one in zeros], 0)
    assert np.allclose([found.alpha.value, found.beta.value], [0.8, 1.1])
    assert np.isclose(found.ghosts.value, 0.5, atol=0.01)
    assert np.allclose(found.kept_ratio_N, found.ghosts.value, atol=0.02)
    assert np.isclose(found.ghosts_predicted.value, 0.5)
    assert np.allclose(found.imbalance_R, 0)
    assert found.imbalance_null.low < 1 < found.imbalance_null.high
    assert np.isnan(found.at_limit.value)
    strength = 0.8**2 * 1.1 * 9 * np.cos(0.1)  # of an answer that is a tenth of a radian off
    assert found.bound.value == pytest.approx(1 - (P - 1) * np.exp(-strength * P / 8), abs=1e-2)
    assert found.guaranteed.value == pytest.approx(1 - (P - 1) * np.exp(-found.margin.value))


def test_how_far_a_weight_can_go() -> None:
    assert np.isclose(waves.speed_limit(OptimSpec(lr=0.01, weight_decay=0.0), 50), 0.5)
    weight, decay, lr = 0.0, 2.0, 0.01
    for _ in range(50):
        weight = weight * (1 - lr * decay) + lr
    assert np.isclose(waves.speed_limit(OptimSpec(lr=lr, weight_decay=decay), 50), weight)
    square = two_layer.even_neurons(P, EVERY)
    at_limit = measure(square, lr=1 / 100, weight_decay=0.0).at_limit.value
    assert np.isclose(at_limit, (np.abs(square.theta_HP) >= 0.9).mean())
    assert 0 < at_limit < 1


def test_rings_below_chance_are_those_of_the_mean_over_seeds() -> None:
    balanced, rng = measure(two_layer.even_neurons(P, EVERY)), np.random.default_rng(0)
    crowded = two_layer.even_neurons(P, EVERY, phase_range=0.2)
    assert (measure(crowded).imbalance_R > balanced.imbalance_null.high).all()
    names = {name: [balanced, balanced] for name in ways.RUNS} | {"standard": [balanced, measure(crowded)]}
    assert (ways._below(names).standard.value, ways._below(names).none) == ("none", ("standard",))
    assert ways._below(names).grokking.value == "1, 2, 3, 4, 5, 6, 7 and 8"
    assert pooled([balanced, measure(crowded)]).imbalance_2.value > 1
    phi_H = rng.uniform(-np.pi, np.pi, 9 * len(EVERY))
    random = dataclasses.replace(crowded, phi_H=phi_H, psi_H=2 * phi_H)
    assert ways._circle(two_layer.cosine_fits(random.theta_HP, random.xi_HP)).neurons.value == 9


def test_even_functions_keep_the_answers_and_odd_ones_lose_them() -> None:
    network = study(two_layer.even_neurons(P, EVERY, alpha=0.8))
    found = mechanism.swaps(network)
    accuracy = dict(zip(activations.SWAPS, (value.value for value in found.accuracy), strict=True))
    even = dict(zip(activations.SWAPS, (value.value for value in found.even), strict=True))
    assert {name for name, value in accuracy.items() if value > 0.99} >= {"|x|", "x²", "x⁴", "eˣ"}
    assert max(accuracy["x"], accuracy["x³"]) < 0.5
    assert (even["x²"], even["x³"]) == (1, pytest.approx(0))
    assert found.exponential.value == accuracy["eˣ"]
    twice = pooled([found, found])
    assert [value.value for value in twice.accuracy] == pytest.approx(list(accuracy.values()))
    assert (twice.soft.low, twice.soft.high) == (pytest.approx(found.soft.value), pytest.approx(found.soft.value))


def test_a_pure_wave_is_the_three_terms_and_balanced_phases_cancel_two_of_them() -> None:
    network = waves.neurons(study(two_layer.even_neurons(P, EVERY)))
    assert mechanism._neuron(network).explained.value == pytest.approx(1)
    left = mechanism._cancellation(network.fits)
    assert [left.answer.value, left.output.value, left.wrong.value] == pytest.approx([1, 0, 0], abs=1e-9)
    assert left.each.value == 9


def test_other_networks_are_refused() -> None:
    with pytest.raises(LabError, match="relu or quad"):
        measure(two_layer.even_neurons(P, EVERY), activation="id")
