"""The learning coefficient of small networks, against what a sampler of their own gives, and on paths that are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.findings import complexity
from modaddlab.models.registry import AttentionRateSpec, TwoLayerSpec
from modaddlab.train import train


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Study:
    spec = RunSpec(
        task=TaskSpec(p=7, train_frac=0.6, unordered=True),
        model=TwoLayerSpec(d_mlp=12, activation="quad"),
        optim=OptimSpec(lr=1e-2),
        record=RecordSpec(metrics_every=10, snapshots=4),
        steps=200,
    )
    return train(spec, data=tmp_path_factory.mktemp("data"))


def test_a_step_of_a_chain_is_langevins_on_the_loss_of_different_questions(squares: Study) -> None:
    settings = {"gamma": 5.0, "step": 1e-2, "n_steps": 2, "batch": 0, "seeds": [0, 1]}
    final_XT = complexity.measure_chains(squares, saved=[], **settings)["excess_XT"]
    n = int(np.triu(squares.train_mask_PP).sum())
    nb, start = n / np.log(n), {name: squares.record.final[name].astype(np.float64) for name in ("mlp.W_in", "mlp.W_out")}
    noise_W = np.random.default_rng(0).standard_normal(sum(value.size for value in start.values()), dtype=np.float32)
    noises = dict(zip(start, np.split(noise_W, [start["mlp.W_in"].size]), strict=True))
    moved = {
        name: value - 1e-2 / 2 * nb * _gradient(squares, start, name) + 0.1 * noises[name].reshape(value.shape)
        for name, value in start.items()
    }
    assert final_XT[:, 0] == pytest.approx(0)
    assert final_XT[0, 1] == pytest.approx(nb * (_loss(squares, moved) - _loss(squares, start)), rel=1e-3)
    saved_XT = complexity.measure_chains(squares, saved=[0, 200], **settings)["excess_XT"]
    assert saved_XT[2:] == pytest.approx(final_XT, rel=0.1), "but for the rounding of what is saved on the way"


def test_a_path_tells_its_peak_and_what_happens_at_rest(squares: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    found_T = np.array([3.0, 9.0, 4.0, 2.5, 2.0])
    monkeypatch.setattr(complexity, "_estimates", lambda study, **settings: found_T)
    path = complexity.path(squares)
    step_T, loss_T = squares.metrics["step"], squares.metrics["train_loss"]
    assert (path.peak.value, path.fall.value, path.last.value) == (9.0, 4.5, 2.0)
    assert path.peak_step.value == squares.record.snapshot_steps[1]
    at_rest = [step for step in squares.record.snapshot_steps if loss_T[step_T == step] <= complexity.AT_REST * loss_T[-1]]
    assert path.rest_step.value == at_rest[0]
    assert path.settled.value == found_T[list(squares.record.snapshot_steps).index(at_rest[0])] / 2.0


def test_a_transformer_is_sampled_by_batches(tmp_path: Path) -> None:
    model = AttentionRateSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12)
    spec = RunSpec(task=TaskSpec(p=7, train_frac=0.6), model=model, record=RecordSpec(metrics_every=5), steps=5)
    study = train(spec, data=tmp_path)
    excess_XT = complexity.measure_chains(study, saved=[], gamma=50.0, step=1e-3, n_steps=20, batch=9, seeds=[0])["excess_XT"]
    assert np.isfinite(excess_XT).all()
    assert excess_XT[0, 0] != pytest.approx(0, abs=1e-6), "the first batch is not all pairs"


def test_a_round_valley_has_more_than_a_trough() -> None:
    found = {name: float(complexity.measure_valley(name=name, n_steps=4000)["found"]) for name in complexity.VALLEYS}
    assert found["round"] == pytest.approx(1, abs=0.3)
    assert found["trough"] == pytest.approx(found["round"] / 2, abs=0.2)


def _loss(study: Study, weights: dict[str, np.ndarray]) -> float:
    a_N, b_N = np.nonzero(np.triu(study.train_mask_PP))
    times_N = np.where(a_N == b_N, 1, 2) / study.train_mask_PP.sum()
    logits_NC = (weights["mlp.W_in"][a_N] + weights["mlp.W_in"][b_N]) ** 2 @ weights["mlp.W_out"]
    right_N = logits_NC[np.arange(len(a_N)), (a_N + b_N) % study.p]
    return float(times_N @ np.log(np.exp(logits_NC - right_N[:, None]).sum(axis=1)))


def _gradient(study: Study, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """By differences."""
    gradient = np.zeros(weights[name].shape)
    for place in np.ndindex(gradient.shape):
        ends = [weights[name].copy() for _ in range(2)]
        ends[0][place] += 1e-5
        ends[1][place] -= 1e-5
        gradient[place] = (_loss(study, weights | {name: ends[0]}) - _loss(study, weights | {name: ends[1]})) / 2e-5
    return gradient
