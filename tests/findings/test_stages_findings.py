"""The stages of a tiny network of two layers, trained here."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import Store, Study
from modaddlab.analysis import stages as rules
from modaddlab.analysis import two_layer
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.findings import stages
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.training.loop import train

P = 7


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    spec = RunSpec(
        name="memory",
        task=TaskSpec(p=P, train_frac=0.6),
        model=TwoLayerSpec(d_mlp=24),
        optim=OptimSpec(weight_decay=0.0, lr=1e-2),
        record=RecordSpec(metrics_every=5, snapshots=6, snapshot_dtype="float32"),
        steps=400,
        seed=3,
    )
    return Study(train(spec, store=Store(tmp_path_factory.mktemp("data")), threads=1))


@pytest.fixture(autouse=True)
def without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Study, "remember", lambda self, function, **arguments: function(self, **arguments))


def test_stages_and_plateau_come_from_the_recorded_curves(study: Study) -> None:
    found, level = stages.of(study), stages.plateau(study)
    metrics = study.metrics
    assert found.memorized.value == metrics["step"][np.argmax(metrics["train_accuracy"] >= 0.95)]
    assert level.mirrored.value == rules.mirror_share(study.train_mask_PP)
    complete = level.complete.value
    assert found.memorized.value < complete
    assert metrics["train_accuracy"][metrics["step"] == complete][0] == 1
    assert (metrics["train_accuracy"][metrics["step"] < complete] < 1).all()
    rows = (metrics["step"] >= complete) & (metrics["step"] <= 2 * complete)
    assert np.isclose(metrics["test_accuracy"][rows], level.flat.value).mean() > 0.5
    assert level.lowest.value == metrics["test_accuracy"][metrics["step"] <= complete].min()
    assert found.test_loss.value == metrics["test_loss"][-1]


def test_the_history_agrees_with_the_recorded_accuracy_and_is_symmetric(study: Study) -> None:
    history = stages.history(study)
    for i, step in enumerate(history.step_T):
        test_accuracy = study.metrics["test_accuracy"][study.metrics["step"] == step][0]
        assert history.right_TPP[i][~study.train_mask_PP].mean() == pytest.approx(test_accuracy)
        loss = -np.log(history.probability_TPP[i][study.train_mask_PP]).mean()
        assert loss == pytest.approx(study.metrics["train_loss"][study.metrics["step"] == step][0], rel=1e-4, abs=1e-7)
    assert (history.right_TPP == history.right_TPP.transpose(0, 2, 1)).all()
    assert history.input_norm_T[0] == pytest.approx(study.metrics["norm/mlp.W_in"][0], rel=1e-5)


def test_the_table_of_answers_over_training(study: Study) -> None:
    found, history = stages.answers(study), stages.history(study)
    trained_PP = study.train_mask_PP
    done = np.flatnonzero(found.step_T == found.complete.value)[0]
    assert found.complete.value >= stages.plateau(study).complete.value
    assert history.right_TPP[done][trained_PP].all()
    assert found.mirrored.value == history.right_TPP[done][trained_PP.T & ~trained_PP].mean() == 1
    assert found.left.value == (~history.right_TPP[-1]).sum()
    assert found.left_unseen.value == (~history.right_TPP[-1])[~trained_PP & ~trained_PP.T].sum()
    single = trained_PP & ~trained_PP.T
    half = np.flatnonzero(found.step_T == found.half_single.value)[0]
    assert history.right_TPP[half][single].mean() >= 0.5 > history.right_TPP[half - 1][single].mean()


def test_the_weights_over_the_stages(study: Study) -> None:
    found = stages.weights(study)
    start, first, _, last = found.ends.values()
    sine_T = found.history.sine_T
    assert found.aligned.value == pytest.approx((sine_T[start] - sine_T[first]) / (sine_T[start] - sine_T[last]))
    assert found.largest_at.value == found.history.step_T[found.history.input_norm_T.argmax()]
    input_NP, output_NP = list(found.decoded.values())[-1]
    some = two_layer.sample_of_rows(two_layer.cosine_fits(study.grid.theta_HP, study.grid.xi_HP).frequency_H)
    np.testing.assert_allclose(np.linalg.norm(input_NP, axis=1), np.linalg.norm(study.grid.theta_HP[some], axis=1), rtol=1e-5)
    assert (np.diff(two_layer.energies(study.grid.theta_HP[some]).argmax(axis=1)) >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(output_NP, axis=1), np.linalg.norm(study.grid.xi_HP[some], axis=1), rtol=1e-5)
