"""The dynamics of tiny networks of two layers from one frequency a neuron, trained here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modaddlab import LabError, Store, Study
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.findings import single_frequency
from modaddlab.models.registry import TwoLayerSpec
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
    study = trained("quad", model, {"optimizer": "sgd", "lr": 0.5}, 300)
    run, found = single_frequency.run_of(study), single_frequency.of(study)
    assert run.activation == "quad"
    assert run.until(0.05) == len(run.step_T) - 1  # still guessing evenly
    assert run.error_T[-1] < 0.01 < 0.2 < run.motion_T[-1]
    assert (found.until.value, found.error.value, found.error.null) == (300, run.error_T[-1], run.motion_T[-1])
    assert found.misaligned.value == pytest.approx(np.abs(run.D_TH[-1]).mean())
    assert run.input_share_TH.min() > 0.999
    late_H, weight_H = np.abs(run.D_TH[-1]) > 0.2, np.abs(run.a_TH[-1] ** 2 * run.b_TH[-1])
    assert found.late.value == late_H.mean() > 0
    assert found.late_weight.value == pytest.approx(weight_H[late_H].mean() / weight_H[~late_H].mean())
    assert run.time_T[-1] == pytest.approx(0.5 * (300 - 5.5))  # the first ten steps' rates are 0, 0.05, ..., 0.45
    drifts = run.drifts()
    kept, nulls = list(drifts.values())[:3], list(drifts.values())[3:]
    assert (found.size.value, found.phase.null) == (kept[0].max(), nulls[1].max())
    assert max(float(drift_T[-1]) for drift_T in kept) < 0.02 < 0.04 < min(float(drift_T.max()) for drift_T in nulls)


def test_what_is_read_off_is_what_the_snapshot_holds(trained: Callable[..., Study]) -> None:
    model = {"init": "single-frequency", "init_scale": 0.002}
    study = trained("relu", model, {"optimizer": "sgd", "lr": 0.5}, 40)
    run = single_frequency.run_of(study)
    params = study.record.snapshot(int(run.step_T[-1]))
    neuron, angle = 5, 2 * np.pi * run.frequency_H[5] * np.arange(P) / P
    theta_P = params["mlp.W_in"][:, neuron].astype(float)
    assert run.a_TH[-1, neuron] == pytest.approx(2 / P * np.sum(theta_P * np.exp(-1j * angle)))
    xi_P = params["mlp.W_out"][neuron].astype(float)
    assert run.norm_gap_TH[-1, neuron] == pytest.approx((theta_P**2).sum() - (xi_P**2).sum())
    assert run.input_share_TH[-1].min() < 0.9999  # the kink leaks
    assert run.input_ratio_TRH.shape == (len(run.step_T), len(single_frequency.ORDERS), 24)


def test_other_runs_have_no_single_frequency(trained: Callable[..., Study]) -> None:
    with pytest.raises(LabError, match="initial weights of a single frequency"):
        single_frequency.run_of(trained("random", {"activation": "quad", "init_scale": 0.1}, {"lr": 1e-3}, 20))
