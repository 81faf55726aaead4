"""Checkpoints that others published, where they are: their facts, by our measures.

The files are not part of the project; `MODADDLAB_CHECKPOINTS` names the folder that has them.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from modaddlab import LabError, Store, Study, progress, two_layer
from modaddlab.analysis.neurons import explained_neurons, fit_neurons
from modaddlab.claims import checkpoints, released
from modaddlab.findings import lottery, pizza, waves
from modaddlab.read import read

FOLDER = Path(os.environ.get("MODADDLAB_CHECKPOINTS", "nowhere"))

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="MODADDLAB_CHECKPOINTS names no folder with published checkpoints")


def opened(name: str, tmp_path: Path, **options: object) -> Study:
    return Study(read(FOLDER / name, Store(tmp_path), **options))  # type: ignore[arg-type]


def cosine_parts(logits_PPC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of the logits, centred over the answers, along cos(w_k (a + b - c)) for k = 1..p//2, and those waves.

    Returns:
        correlations (K,), and for each k the wave of unit length over all (a, b, c) as a function of a + b - c, (K, P).

    Source:
        Chughtai et al. 2023, released code.
    """
    p = len(logits_PPC)
    centred_PPC = logits_PPC - logits_PPC.mean(axis=2, keepdims=True)
    sums_D = np.bincount(differences(p).ravel(), weights=centred_PPC.ravel(), minlength=p)
    waves_KD = np.cos(2 * np.pi * np.arange(1, p // 2 + 1)[:, None] * np.arange(p) / p)
    waves_KD /= p * np.linalg.norm(waves_KD, axis=1, keepdims=True)
    return waves_KD @ sums_D / np.linalg.norm(centred_PPC), waves_KD


def differences(p: int) -> np.ndarray:
    """(a + b - c) mod p, (P, P, P)."""
    residues = np.arange(p)
    return (residues[:, None, None] + residues[:, None] - residues) % p


@pytest.mark.parametrize(
    ("name", "loss", "keys", "explained", "restricted", "neurons"),
    [
        ("universality-C113-transformer-1.pt", 1.5852e-7, [16, 30, 56], 0.9685, 4.126e-8, 495),
        ("universality-C118-transformer-2.pt", 1.6568e-7, [8, 12, 27, 57], 0.9835, 4.054e-8, 325),
        ("universality-C113-mlp-1.pt", 2.0526e-5, [1, 4, 8, 11, 13, 16, 17, 22, 25, 32, 34, 44, 50], 0.9368, 1.843e-6, 109),
    ],
)
def test_universality(
    name: str, loss: float, keys: list[int], explained: float, restricted: float, neurons: int, tmp_path: Path
) -> None:
    study = opened(name, tmp_path)
    logits_PPC, p = study.grid.logits_PPC, study.p
    assert study.scores.train_loss == pytest.approx(loss, rel=5e-4)
    correlations_K, waves_KD = cosine_parts(logits_PPC)
    assert (1 + np.flatnonzero(correlations_K > 0.005)).tolist() == keys
    chosen = np.array(keys) - 1
    assert (correlations_K[chosen] ** 2).sum() == pytest.approx(explained, abs=5e-5)
    length = np.linalg.norm(logits_PPC - logits_PPC.mean(axis=2, keepdims=True))
    kept_D = length * correlations_K[chosen] @ waves_KD[chosen]
    assert progress.mean_loss(kept_D[differences(p)], study.labels_PP) == pytest.approx(restricted, rel=5e-4)
    assert len(explained_neurons(fit_neurons(study.grid.neurons_PPH, keys))) == neurons


def test_nanda_low_precision(tmp_path: Path) -> None:
    study = opened("nanda-low-precision.pth", tmp_path, split="seed:0")
    assert study.scores.train_loss == pytest.approx(2.04e-3, rel=5e-3)
    assert study.scores.test_loss == pytest.approx(3.25e-3, rel=5e-3)
    fits = fit_neurons(study.grid.neurons_PPH, range(1, 57))
    assert len(explained_neurons(fits)) == 405
    assert progress.sum_of_squares(study.record.final) == pytest.approx(1136, abs=0.5)


@pytest.mark.parametrize(
    ("name", "fields", "symmetric", "irrelevance", "circular", "clock", "as_pizza", "accompanying"),
    [
        ("pizza-model-A.pt", {"attention_rate": 0.0}, 0.9937, 0.1717, 0.9978,
         [0.7541, 0.7562, 0.7538], [0.9831, 0.9831, 0.9841], [0.9756, 0.9723, 0.9769]),
        ("pizza-linear-beta.pt", {"arrangement": "B"}, 1.0, 0.2302, 0.9950,
         [0.7527, 0.7471, 0.7546], [0.9799, 0.9748, 0.9822], []),
    ],
)  # fmt: skip
def test_pizza(
    name: str,
    fields: dict[str, object],
    symmetric: float,
    irrelevance: float,
    circular: float,
    clock: list[float],
    as_pizza: list[float],
    accompanying: list[float],
    tmp_path: Path,
) -> None:
    study = opened(name, tmp_path, **fields)
    found = pizza.of(study)
    assert study.p == 59
    assert found.symmetricity.value == pytest.approx(symmetric, abs=1e-3)  # theirs over 100 logits
    assert found.irrelevance.value == pytest.approx(irrelevance, abs=5e-5)
    assert found.circularity.value == pytest.approx(circular, abs=5e-5)
    alone = found.alone[: len(clock)]
    assert [circle.clock.value for circle in alone] == pytest.approx(clock, abs=6e-5)
    assert [circle.pizza.value for circle in alone] == pytest.approx(as_pizza, abs=6e-5)
    if accompanying:
        beside = [circle.accompanying.value for circle in found.alone if circle.form == "accompanying"]
        assert beside == pytest.approx(accompanying, abs=6e-5)
        assert study.scores.train_loss == pytest.approx(1.38e-7, rel=5e-3)
        assert progress.sum_of_squares(study.record.final) ** 0.5 == pytest.approx(22.854, abs=1e-3)


def test_embedmlp_relu(tmp_path: Path) -> None:
    grid = opened("embedmlp-p23-relu-step4800.pth", tmp_path, activation="relu").grid
    fits = two_layer.cosine_fits(grid.theta_HP, grid.xi_HP)
    assert fits.input_fve_H.mean() == pytest.approx(0.757, abs=5e-4)
    assert fits.output_fve_H.mean() == pytest.approx(0.803, abs=5e-4)


def test_embedmlp_quad(tmp_path: Path) -> None:
    grid = opened("embedmlp-p23-quad-step9800.pth", tmp_path, activation="quad").grid
    assert two_layer.ipr(grid.theta_HP).mean() == pytest.approx(0.368, abs=1e-3)
    assert two_layer.ipr(grid.xi_HP).mean() == pytest.approx(0.300, abs=1e-3)


@pytest.mark.parametrize(
    ("activation", "step", "misalignment", "largest", "race"),
    [("relu", 4800, 0.180, 0.453, 0.607), ("quad", 9800, 0.205, 0.488, 0.934)],
)
def test_embedmlp_lottery(activation: str, step: int, misalignment: float, largest: float, race: float, tmp_path: Path) -> None:
    """With the network's own initial weights. Of 512 neurons two or three may count otherwise: winners are nearly even there."""
    initial = FOLDER / f"embedmlp-p23-{activation}-step0.pth"
    hits = lottery.of(opened(f"embedmlp-p23-{activation}-step{step}.pth", tmp_path, activation=activation, initial=initial)).hits
    assert hits.misalignment.value == pytest.approx(misalignment, abs=3 / 512)
    assert hits.input.value == pytest.approx(largest, abs=3 / 512)
    assert hits.race.value == pytest.approx(race, abs=3 / 512)


@pytest.mark.parametrize("one", released.FILES, ids=lambda one: one.file)
def test_what_the_scorecard_says_of_a_checkpoint_follows_from_its_file(one: released.Released) -> None:
    if not (FOLDER / one.file).is_file():
        pytest.skip(f"needs {one.file} of {one.repository} in {FOLDER}")
    kept = released.values()
    measured = checkpoints.measured(one, FOLDER)
    assert measured == {name: pytest.approx(kept[name][1], rel=1e-6) for name in one.claims}
    with pytest.raises(LabError, match="must have the sha256 000"):
        checkpoints.measured(dataclasses.replace(one, sha256="0" * 64), FOLDER)


def test_a_folder_without_the_checkpoints_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (tmp_path, tmp_path / "nowhere", Path(__file__)):
        assert checkpoints.main([str(folder)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(not (FOLDER / "final.pth").is_file(), reason="needs He et al.'s final.pth (step 10,000) in that folder")
def test_participation_ratios_are_those_of_the_last_checkpoint(tmp_path: Path) -> None:
    """Of the mean over all neurons, by frequencies; at step 4,800 they are 0.616 and 0.682."""
    found = waves.neurons(opened("final.pth", tmp_path, activation="relu", initial=FOLDER / "embedmlp-p23-relu-step0.pth"))
    ratios = [float(two_layer.ipr(vectors_HP).mean()) for vectors_HP in (found.theta_HP, found.xi_HP)]
    assert ratios == [pytest.approx(0.691, abs=5e-4), pytest.approx(0.750, abs=5e-4)]
