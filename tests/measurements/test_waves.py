"""The numbers of a two-layer network, on one written down in closed form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modaddlab.analysis import two_layer
from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, RunSpec, TaskSpec
from modaddlab.measurements import waves
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
    return waves.waves(study(neurons, **options))


EVERY = dict.fromkeys(range(1, P // 2 + 1), 9)


def test_a_network_of_pure_waves() -> None:
    found = measure(two_layer.even_neurons(P, EVERY, alpha=0.8, beta=1.1, misalignment=0.1), optimizer="sgd")
    assert found.accuracy == found.alive == found.same_frequency == 1
    assert np.allclose([found.input_fve, found.output_fve, found.ipr_frequencies, found.indicator_fve], 1, atol=0.02)
    assert np.isclose(found.misalignment, 0.1)
    assert np.allclose([found.variation_alpha, found.variation_alpha_beta2, found.variation_alpha2_beta], 0)
    assert np.allclose([found.alpha, found.beta], [0.8, 1.1])
    assert np.isclose(found.ghost_ratio, 0.5, atol=0.01)
    assert np.allclose(found.kept_ratio_N, found.ghost_ratio, atol=0.02)
    assert np.isclose(found.predicted_ratio, 0.5)
    assert np.isclose(found.waves_fve, 1)
    assert np.allclose(found.overtone_R, 0)
    assert np.allclose(found.imbalance_R, 0)
    assert found.imbalance_low < 1 < found.imbalance_high
    assert np.isnan(found.at_limit)
    assert found.swap_accuracy_N.shape == found.swap_loss_N.shape == (8,)


def test_how_far_a_weight_can_go() -> None:
    assert np.isclose(waves.speed_limit(OptimSpec(lr=0.01, weight_decay=0.0), 50), 0.5)
    weight, decay, lr = 0.0, 2.0, 0.01
    for _ in range(50):
        weight = weight * (1 - lr * decay) + lr
    assert np.isclose(waves.speed_limit(OptimSpec(lr=lr, weight_decay=decay), 50), weight)
    square = two_layer.even_neurons(P, EVERY)
    at_limit = measure(square, lr=1 / 100, weight_decay=0.0).at_limit
    assert np.isclose(at_limit, (np.abs(square.theta_HP) >= 0.9).mean())
    assert 0 < at_limit < 1


def test_means_over_networks() -> None:
    networks = [measure(two_layer.even_neurons(P, EVERY, beta=size), optimizer="sgd") for size in (1.0, 2.0, 3.0)]
    over = waves.over_seeds(networks, lambda network: network.beta)
    assert np.isclose(over.mean, 2)
    assert over.n == 3


def test_other_networks_are_refused() -> None:
    with pytest.raises(LabError, match="relu or quad"):
        measure(two_layer.even_neurons(P, EVERY), activation="id")
