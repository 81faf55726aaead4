"""`--replicas`: runs of one shape are trained as one batch, the others in turn; what is done is skipped."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from train_cli import run

from modaddlab import Store
from modaddlab.errors import LabError
from modaddlab.experiments import catalogue, sweeps
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import RunSpec
from modaddlab.experiments.sweeps import Sweep
from modaddlab.training.loop import train


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> tuple[RunSpec, ...]:
    """A sweep of three two-layer runs of one shape and one of another."""
    small = ["task.p=7", "model.d_mlp=16", "steps=60", "record.snapshots=0"]
    grokking = [catalogue.named("mlp-grokking", seed=seed) for seed in (1, 2, 3)]
    same = [with_overrides(spec, [*small, f"optim.weight_decay={spec.seed}"]) for spec in grokking]
    runs = (*same, with_overrides(catalogue.named("mlp-standard"), small))
    monkeypatch.setattr(
        sweeps, "SWEEPS", {"mixed": Sweep(name="mixed", purpose="a test", varies=("optim.weight_decay",), runs=lambda: runs)}
    )
    return runs


def test_batches_are_trained_and_the_rest_in_turn(
    mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sweep", "mixed", "--replicas", "8", "--threads", "1", "--data", str(tmp_path / "batch")]
    code, _, err = run(arguments, capsys)
    assert code == 0
    assert re.search(r"and 2 more: step", err)
    assert "mixed: 4 runs, 0 trained before, 4 trained now" in err
    replicas = [Store(tmp_path / "batch").open(spec).provenance.get("replicas") for spec in mixed]
    assert replicas == [3, 3, 3, None]
    for spec in mixed:
        alone = train(spec, Store(tmp_path / "alone"), threads=1)
        together = Store(tmp_path / "batch").open(spec)
        for name, value in alone.final.items():
            np.testing.assert_allclose(together.final[name], value, rtol=1e-3, atol=1e-5)
    assert "mixed: 4 runs, 4 trained before, 0 trained now" in run(arguments, capsys)[2]


def test_at_most_so_many_together(mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--sweep", "mixed", "--replicas", "2", "--threads", "1", "--data", str(tmp_path)], capsys)[0] == 0
    assert [Store(tmp_path).open(spec).provenance.get("replicas") for spec in mixed] == [2, 2, None, None]


def test_a_replica_that_diverges_is_named_and_the_others_are_kept(
    mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = with_overrides(mixed[0], ["optim.optimizer=sgd", "optim.lr=10", "model.activation=quad", "model.init_scale=5"])
    tame = with_overrides(fast, ["optim.lr=1e-9"])
    runs = (fast, tame, with_overrides(tame, ["optim.weight_decay=0"]))
    monkeypatch.setattr(sweeps, "SWEEPS", {"wild": Sweep(name="wild", purpose="", varies=("optim.lr",), runs=lambda: runs)})
    code, _, err = run(["--sweep", "wild", "--replicas", "8", "--threads", "1", "--data", str(tmp_path)], capsys)
    assert code == 1
    assert f"{fast.run_id} diverged" in err
    assert "1 failed" in err
    assert Store(tmp_path).find(fast) is None
    assert Store(tmp_path).find(tame) is not None


@pytest.mark.parametrize("extra", [["--workers", "2"], ["--scheduler", "tcp://127.0.0.1:1"], ["--wandb", "mine"]])
def test_batches_stay_in_this_process(extra: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["--sweep", "two-layer", "--replicas", "4", *extra, "--data", str(tmp_path)], capsys)
    assert code == 2
    assert err.count("\n") == 1
    assert "--replicas trains in this process" in err


def test_a_batch_that_fails_is_not_told_as_trained(
    mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--sweep", "mixed", "--replicas", "8", "--threads", "1", "--data", str(tmp_path)]
    assert run(arguments, capsys)[0] == 0
    publish, allowed = Store.publish, [min(spec.run_id for spec in mixed[:3])]

    def full(store: Store, spec: RunSpec, *args: object, **options: object) -> object:
        if spec.run_id not in allowed:
            raise LabError("the disk is full")
        return publish(store, spec, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "publish", full)
    code, _, err = run([*arguments, "--force"], capsys)
    assert code == 1
    assert "4 runs, 0 trained before, 1 trained now, 3 failed" in err
    assert re.findall(r"^(\S+): trained in", err, re.MULTILINE) == allowed
    assert err.count("the disk is full") >= 3


def test_a_damaged_record_of_a_sweep_is_told(
    mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sweep", "mixed", "--replicas", "8", "--threads", "1", "--data", str(tmp_path)]
    assert run(arguments, capsys)[0] == 0
    with open(Store(tmp_path).open(mixed[1]).path / "metrics.safetensors", "ab") as file:
        file.write(b"xx")
    code, _, err = run(arguments, capsys)
    assert code == 1
    assert f"{mixed[1].run_id}: failed:" in err
    assert "4 runs, 3 trained before, 0 trained now, 1 failed" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["--sweep", "two-layer", "--replicas", "4", "--device", "cuda", "--data", str(tmp_path)], capsys)
    assert code == 2
    assert err.count("\n") == 1
    assert "no CUDA device" in err
