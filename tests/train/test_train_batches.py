"""`--replicas`: runs of one shape as one batch, the others in turn; what is done is skipped. `--minutes` and `--pack`."""

from __future__ import annotations

import re
import tarfile
import threading
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
from modaddlab.store.pack import PADDING, pack
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


def test_when_the_time_is_over_all_is_saved_and_what_is_finished_is_packed(
    mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now: list[threading.Timer] = []

    class Timer(threading.Timer):
        def start(self) -> None:
            now.append(self)

    monkeypatch.setattr("modaddlab.training.stop.threading.Timer", Timer)
    publish = Store.publish

    def first(self: Store, *arguments: object, **options: object) -> object:
        try:
            return publish(self, *arguments, **options)  # pyright: ignore[reportArgumentType]
        finally:
            now[-1].function()  # the time is over once a record is there

    packs = tmp_path / "packs"
    arguments = ["--sweep", "mixed", "--replicas", "1", "--threads", "1", "--data", str(tmp_path / "data"), "--pack", str(packs)]
    with monkeypatch.context() as once:
        once.setattr(Store, "publish", first)
        code, out, err = run([*arguments, "--minutes", "12"], capsys)
    assert (code, out.split()) == (0, [str(packs / "records-001.tar")])
    assert "12 minutes are over" in err
    assert len(Store(tmp_path / "data").runs()) == 1
    assert run(arguments, capsys)[0] == 0
    home = tmp_path / "home"
    for path in packs.iterdir():
        with tarfile.open(path) as archive:
            archive.extractall(home, filter="data")
    assert {record.run_id for spec in mixed if (record := Store(home).find(spec))} == {spec.run_id for spec in mixed}


def test_packs_are_bounded_and_hold_whole_records(
    mixed: tuple[RunSpec, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["--sweep", "mixed", "--replicas", "8", "--threads", "1", "--data", str(tmp_path)], capsys)
    store = Store(tmp_path)
    sizes = [sum(path.stat().st_size + 1024 for path in (store.folder / run_id).iterdir()) for run_id in store.runs()]
    most = max(sizes) + PADDING  # one record and not two
    paths = pack(store, store.runs(), tmp_path / "packs", most)
    assert len(paths) > 1
    assert max(path.stat().st_size for path in paths) <= most
    names = []
    for path in paths:
        with tarfile.open(path) as archive:
            names.append({name.split("/")[1] for name in archive.getnames()})
    assert sum(map(len, names)) == len(set().union(*names)) == len(mixed)
