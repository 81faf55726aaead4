"""The lottery of networks whose draw and whose winners are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modaddlab import LabError
from modaddlab.analysis import two_layer
from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.findings import lottery
from modaddlab.models.registry import TwoLayerSpec

P, H = 11, 40


def weights(alpha_HK: np.ndarray, phi_HK: np.ndarray, beta_HK: np.ndarray, D_HK: np.ndarray) -> dict[str, np.ndarray]:
    """The network whose neurons hold these waves."""
    angle_KP = 2 * np.pi / P * np.outer(np.arange(1, P // 2 + 1), np.arange(P))
    theta_HP = np.einsum("hk,hkp->hp", alpha_HK, np.cos(angle_KP + phi_HK[:, :, None]))
    xi_HP = np.einsum("hk,hkp->hp", beta_HK, np.cos(angle_KP + (2 * phi_HK - D_HK)[:, :, None]))
    return {"mlp.W_in": theta_HP.T, "mlp.W_out": xi_HP}


def study(steps: dict[int, dict[str, np.ndarray]], **model: Any) -> Any:
    """A run with these weights at its snapshots."""
    spec = RunSpec(
        name="drawn", task=TaskSpec(p=P), model=TwoLayerSpec(d_mlp=H, activation="quad", **model), record=RecordSpec(), steps=100
    )
    record = SimpleNamespace(
        run_id=spec.run_id, snapshot_steps=list(steps), snapshot=lambda step: steps[step], final=steps[max(steps)]
    )
    metrics = {"step": np.array([0, 100]), "train_loss": np.log(P) * np.array([1.0, 0.5])}
    return SimpleNamespace(spec=spec, p=P, record=record, initial=steps[min(steps)], metrics=metrics)


def drawn(winner_H: np.ndarray, rng: np.random.Generator) -> dict[int, dict[str, np.ndarray]]:
    """Equal magnitudes, of which each neuron's winner is best aligned; at the end it holds nine tenths of the energy."""
    phi_HK, rows_H = rng.uniform(-np.pi, np.pi, (H, P // 2)), np.arange(H)
    D_HK = rng.uniform(1.0, 3.0, phi_HK.shape)
    D_HK[rows_H, winner_H - 1] = 0.3
    even_HK = np.ones_like(D_HK)
    end_HK = np.full_like(D_HK, np.sqrt(0.1 / (P // 2 - 1)))
    end_HK[rows_H, winner_H - 1] = np.sqrt(0.9)
    middle_HK = np.where(rows_H[:, None] < H // 2, end_HK, end_HK[:, ::-1])
    return {
        0: weights(even_HK, phi_HK, even_HK, D_HK),
        50: weights(middle_HK, phi_HK, even_HK, D_HK),
        100: weights(end_HK, phi_HK, even_HK, 0 * D_HK),
    }


def test_with_equal_magnitudes_every_rule_that_sees_the_misalignment_names_the_winner() -> None:
    rng = np.random.default_rng(0)
    winner_H = rng.integers(1, P // 2 + 1, H)
    found = lottery.of(study(drawn(winner_H, rng)))
    assert (found.winner_H == winner_H).all()
    assert found.hits.misalignment.value == found.hits.start.value == found.hits.race.value == 1
    assert found.hits.input.value < 0.9
    assert found.hits.race.null == pytest.approx(1 / (P // 2))
    assert found.purity.value == pytest.approx(0.9)
    assert found.purity.null == two_layer.fve_by_chance(P)


def test_a_race_is_run_when_the_later_winners_lead() -> None:
    rng = np.random.default_rng(1)
    raced = lottery.races(study(drawn(np.full(H, 2), rng)))
    assert raced.led_T[1:].tolist() == [0.5, 1]  # reversed, frequency 2 of 5 is 4
    assert (raced.run_by.value, raced.loss_then.value) == (100, 0.5)
    assert (raced.led_after(0.5), raced.led_after(0.9)) == (0.5, 1)
    early = study({50: drawn(np.full(H, 2), rng)[50]})
    early.record.final = drawn(np.full(H, 5), rng)[100]
    stopped = lottery.races(early)
    assert np.isnan(stopped.run_by.value)
    assert np.isnan(stopped.loss_then.value)


def test_one_wave_a_neuron_has_no_lottery() -> None:
    rng = np.random.default_rng(2)
    with pytest.raises(LabError, match="random initial weights"):
        lottery.of(study(drawn(np.full(H, 2), rng), init="single-frequency"))
