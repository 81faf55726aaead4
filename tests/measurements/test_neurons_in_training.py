"""The measures of the dynamics and the stages on tiny networks of two layers, trained here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modaddlab import LabError, Store, Study
from modaddlab.analysis import dynamics as equations
from modaddlab.analysis import stages as rules
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec, TwoLayerSpec
from modaddlab.measurements import dynamics, stages
from modaddlab.training.loop import train

P = 7


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Study]:
    store = Store(tmp_path_factory.mktemp("data"))

    def run(name: str, model: dict[str, Any], optim: dict[str, Any], steps: int, frac: float = 1.0, snapshots: int = 6) -> Study:
        spec = RunSpec(
            name=name,
            task=TaskSpec(p=P, train_frac=frac),
            model=TwoLayerSpec(d_mlp=24, **model),
            optim=OptimSpec(weight_decay=0.0, **optim),
            record=RecordSpec(metrics_every=5, snapshots=snapshots, snapshot_dtype="float32"),
            steps=steps,
            seed=3,
        )
        return Study(train(spec, store=store, threads=1))

    return run


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Study, "remember", lambda self, function, **arguments: function(self, **arguments))


def test_a_quadratic_network_from_single_frequencies_follows_its_equations(trained: Callable[..., Study]) -> None:
    model = {"activation": "quad", "init": "single-frequency", "init_scale": 0.02}
    run = dynamics.single_frequency(trained("quad", model, {"optimizer": "sgd", "lr": 0.5}, 300))
    assert run.activation == "quad"
    assert run.until(0.05) == len(run.step_T) - 1  # still guessing evenly
    assert run.error_T[-1] < 0.01 < 0.2 < run.motion_T[-1]
    assert run.input_share_TH.min() > 0.999
    assert run.time_T[-1] == pytest.approx(0.5 * (300 - 5.5))  # the first ten steps' rates are 0, 0.05, ..., 0.45
    drifts = run.drifts()
    kept, nulls = list(drifts.values())[:3], list(drifts.values())[3:]
    assert max(float(drift_T[-1]) for drift_T in kept) < 0.02 < 0.04 < min(float(drift_T.max()) for drift_T in nulls)


def test_what_is_read_off_is_what_the_snapshot_holds(trained: Callable[..., Study]) -> None:
    model = {"init": "single-frequency", "init_scale": 0.002}
    study = trained("relu", model, {"optimizer": "sgd", "lr": 0.5}, 40)
    run = dynamics.single_frequency(study)
    params = study.record.snapshot(int(run.step_T[-1]))
    neuron, angle = 5, 2 * np.pi * run.frequency_H[5] * np.arange(P) / P
    theta_P = params["mlp.W_in"][:, neuron].astype(float)
    assert run.a_TH[-1, neuron] == pytest.approx(2 / P * np.sum(theta_P * np.exp(-1j * angle)))
    xi_P = params["mlp.W_out"][neuron].astype(float)
    assert run.norm_gap_TH[-1, neuron] == pytest.approx((theta_P**2).sum() - (xi_P**2).sum())
    assert run.input_share_TH[-1].min() < 0.9999  # the kink leaks
    assert run.input_ratio_TRH.shape == (len(run.step_T), len(dynamics.ORDERS), 24)


def test_other_runs_have_no_single_frequency(trained: Callable[..., Study]) -> None:
    with pytest.raises(LabError, match="initial weights of a single frequency"):
        dynamics.single_frequency(trained("random", {"activation": "quad", "init_scale": 0.1}, {"lr": 1e-3}, 20))


def test_stages_and_plateau_come_from_the_recorded_curves(trained: Callable[..., Study]) -> None:
    study = trained("memory", {}, {"lr": 1e-2}, 400, frac=0.6)
    found, level = stages.find(study), stages.plateau(study)
    metrics = study.metrics
    assert found.memorized == int(metrics["step"][np.argmax(metrics["train_accuracy"] >= 0.95)])
    assert level.mirrored == rules.mirror_share(study.train_mask_PP)
    assert level.complete is not None
    assert metrics["train_accuracy"][metrics["step"] == level.complete][0] == 1
    assert found.memorized is not None
    assert found.memorized < level.complete
    rows = (metrics["step"] >= level.complete) & (metrics["step"] <= 2 * level.complete)
    assert (metrics["train_accuracy"][metrics["step"] < level.complete] < 1).all()
    assert np.isclose(metrics["test_accuracy"][rows], level.flat).mean() == pytest.approx(level.flat_share)
    row = stages.boundaries([study])[0]
    assert (row.p, row.seed, row.memorized, row.test_loss) == (P, 3, found.memorized, metrics["test_loss"][-1])


def test_the_history_agrees_with_the_recorded_accuracy_and_is_symmetric(trained: Callable[..., Study]) -> None:
    study = trained("memory", {}, {"lr": 1e-2}, 400, frac=0.6)
    history = stages.history(study)
    for i, step in enumerate(history.step_T):
        test_accuracy = study.metrics["test_accuracy"][study.metrics["step"] == step][0]
        assert history.right_TPP[i][~study.train_mask_PP].mean() == pytest.approx(test_accuracy)
        loss = -np.log(history.probability_TPP[i][study.train_mask_PP]).mean()
        assert loss == pytest.approx(study.metrics["train_loss"][study.metrics["step"] == step][0], rel=1e-4, abs=1e-7)
    assert (history.right_TPP == history.right_TPP.transpose(0, 2, 1)).all()
    assert history.input_norm_T[0] == pytest.approx(study.metrics["norm/mlp.W_in"][0], rel=1e-5)
    assert equations.waves(study.record.final["mlp.W_in"].T).shape == (24, 3)
