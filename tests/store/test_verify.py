"""`python -m modaddlab.verify`: its verdicts, its exit codes, and the comparison with a retrained run."""

from __future__ import annotations

import math
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modaddlab import rows, verify
from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.store import Record, Store, files
from modaddlab.store.record import manifest_json

Put = Callable[..., Record]


@pytest.fixture
def make_tiny(make_tiny: Callable[..., Any]) -> Callable[..., Any]:
    """Tiny runs whose last row of metrics is that of their final weights."""

    def make(*arguments: Any, **options: Any) -> Any:
        tiny = make_tiny(*arguments, **options)
        for name, value in rows.row_of(tiny.spec, tiny.final).items():
            tiny.metrics.setdefault(name, np.zeros((3, *value.shape)))[-1] = value
        return tiny

    return make


@pytest.fixture
def tiny(make_tiny: Callable[..., Any]) -> Any:
    return make_tiny()


@pytest.fixture
def record(store: Store, put: Put, tiny: Any) -> Record:
    return put(store, tiny)


def rewrite(record: Record, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Replace a file and its hash in the manifest."""
    content = files.to_safetensors(arrays)
    (record.path / name).write_bytes(content)
    entries = {**record.files, name: files.FileEntry.of(content)}
    (record.path / "manifest.json").write_bytes(manifest_json(record.run_id, entries))


def run(*arguments: object) -> int:
    return verify.main([str(argument) for argument in arguments])


def test_intact_records_are_counted(store: Store, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", store.data) == 0
    output, errors = capsys.readouterr()
    lines = output.splitlines()
    assert lines[0].startswith(f"ok       {record.run_id}  8 files, ")
    assert lines[1].startswith("1 record, 8 files, ")
    assert lines[1].endswith("all intact")
    assert errors == ""


@pytest.mark.parametrize("name", ["manifest.json", "spec.json", "provenance.json", "metrics.safetensors", "final.safetensors"])
def test_every_damaged_file_is_named(
    store: Store, record: Record, make_tiny: Any, put: Put, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = put(store, make_tiny("sound"))
    damaged = [name] if name == "manifest.json" else [name, "snapshots/step-00000005.safetensors"]
    for path in damaged:
        (record.path / path).write_bytes(b"{}")
    assert run("--data", store.data) == 1
    output, _ = capsys.readouterr()
    assert f"DAMAGED  {record.run_id}" in output
    assert f"ok       {sound.run_id}" in output
    for path in damaged:
        assert output.count(f"{record.path / path}: ") == 1
    assert output.splitlines()[-1].endswith(": 1 damaged")
    assert run("sound", "--data", store.data) == 0
    assert run(record.run_id, "sound", "--data", store.data) == 1


def test_arrays_are_held_against_the_specification_and_not_only_their_hash(
    store: Store, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(record, "final.safetensors", {**record.final, "unembed.W_U": np.zeros((4, 5), "f4")})
    assert run("--data", store.data) == 1
    assert "key 'unembed.W_U' must have the shape (4, 6), found (4, 5)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "norm/embed.W_E", "energy_W_E"])
def test_a_last_row_that_is_not_that_of_the_final_weights_is_named(
    store: Store, record: Record, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = {key: array.copy() for key, array in record.metrics.items()}
    metrics[name][-1] += 0.25
    rewrite(record, "metrics.safetensors", metrics)
    assert run("--data", store.data) == 1
    output = capsys.readouterr().out
    assert f"DAMAGED  {record.run_id}" in output
    assert f"not of one run: {name} is " in output
    assert "--force" in output


def test_forged_final_weights_are_named(store: Store, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(record, "final.safetensors", {**record.final, "unembed.W_U": -record.final["unembed.W_U"]})  # the same norms
    assert run("--data", store.data) == 1
    output = capsys.readouterr().out
    assert "train_loss is " in output
    assert "norm/" not in output


def test_a_forged_row_in_the_middle_is_named(store: Store, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(record, "metrics.safetensors", {**record.metrics, "test_loss": record.metrics["test_loss"] * [1, 0.5, 1]})
    assert run("--data", store.data) == 1
    assert "of which its provenance has the checksum" in capsys.readouterr().out


def test_an_older_record_has_no_checksum(store: Store, record: Record) -> None:
    content = files.to_json({key: value for key, value in record.provenance.items() if key != "metrics_sha256"})
    (record.path / "provenance.json").write_bytes(content)
    entries = {**record.files, "provenance.json": files.FileEntry.of(content)}
    (record.path / "manifest.json").write_bytes(manifest_json(record.run_id, entries))
    assert run("--data", store.data) == 0


@pytest.mark.parametrize("weights", ["embedding", "none"])
@pytest.mark.parametrize("model", [TransformerSpec(d_model=4, n_heads=2, d_head=2, d_mlp=3), TwoLayerSpec(d_mlp=3, d_model=4)])
def test_what_was_kept_in_part_is_compared_in_part(
    store: Store, model: Any, weights: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = RunSpec(name="part", task=TaskSpec(p=5), model=model, record=RecordSpec(weights=weights, metrics_every=2), steps=4)
    final = model.init_params(5, seed=1)
    row = rows.row_of(spec, final)
    metrics = {name: np.repeat(value[None], 3, axis=0) for name, value in row.items()}
    record = store.publish(spec, {}, metrics | {"step": np.array([0, 2, 4])}, final)
    assert run("--data", store.data) == 0
    if weights == "none":
        return
    other = model.init_params(5, seed=2)
    rewrite(record, "final.safetensors", {name: other[name] for name in record.kept})
    assert run("--data", store.data) == 1
    output = capsys.readouterr().out
    for name in ("norm/embed.W_E", "gini_W_E", "energy_W_E"):
        assert f"{name} is " in output
    assert "loss" not in output


def test_a_missing_row_of_metrics_is_named(store: Store, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    for rows_left in ([0, 1], [0, 2], [1, 2]):
        rewrite(record, "metrics.safetensors", {name: array[rows_left] for name, array in record.metrics.items()})
        assert run("--data", store.data) == 1
        assert "'step' must have the 3 rows 0..20, every 10 steps, found 2 rows" in capsys.readouterr().out


def test_files_that_nobody_listed_are_named(store: Store, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    (record.path / "extra.npz").touch()
    assert run("--data", store.data) == 1
    assert f"{record.path / 'extra.npz'}: no file of the record" in capsys.readouterr().out


def test_what_is_no_record_is_named(store: Store, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    (store.folder / ".gitkeep").touch()
    (store.folder / f".new-{record.run_id}-{'0' * 16}").mkdir()
    assert run("--data", store.data) == 0
    shutil.copytree(record.path, store.folder / "Copy of a record")
    assert run(record.run_id, "--data", store.data) == 0
    assert run("--data", store.data) == 1
    output = capsys.readouterr().out
    assert f"FOREIGN  {store.folder / 'Copy of a record'}" in output
    assert output.splitlines()[-1].endswith("all intact, 1 foreign")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "no record named 'nonsense'; on disk: tiny"),
        (["../tiny"], "no record named '../tiny'"),
        (["--retrain", "nonsense"], "no record named 'nonsense'"),
        (["tiny", "--retrain", "tiny"], "--retrain NAME takes no other names"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    store: Store, record: Record, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--data", store.data) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert words in errors
    assert errors.count("\n") == 1


def test_a_folder_without_records_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", tmp_path) == 2
    assert "is no folder; name a data folder" in capsys.readouterr().err
    (tmp_path / "runs").mkdir()
    assert run("--data", tmp_path) == 0
    assert run("--unknown-option") == 2


def test_a_name_of_several_records_cannot_be_retrained(
    store: Store, record: Record, make_tiny: Any, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    other = put(store, make_tiny(seed=1))
    assert run("--retrain", "tiny", "--data", store.data) == 2
    errors = capsys.readouterr().err
    assert record.run_id in errors
    assert other.run_id in errors


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, put: Put) -> Callable[[Any], None]:
    """Puts a training in the loop's place that gives the run it is told."""

    def install(result: Any) -> None:
        def train(spec: RunSpec, store: Store, *, threads: int | None, observe: object) -> Record:
            assert (spec, threads) == (result.spec, 1)
            return put(store, result)

        monkeypatch.setitem(sys.modules, "modaddlab.training.loop", types.SimpleNamespace(train=train))

    return install


def test_a_retrained_run_is_compared_bit_for_bit(
    store: Store, record: Record, tiny: Any, trainer: Callable[[Any], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.provenance["wall_seconds"] = 99.0
    trainer(tiny)
    assert run("--retrain", "tiny", "--data", store.data) == 0
    assert f"ok       {record.run_id}: identical bit for bit, 3 snapshots included" in capsys.readouterr().out

    tiny.provenance.update(threads=4, torch="3.0")
    tiny.final["embed.W_E"][2, 1] += 0.25
    tiny.snapshots[5]["unembed.W_U"][0, 0] += 0.5
    tiny.metrics["train_loss"][1] = np.nextafter(tiny.metrics["train_loss"][1], 2)
    assert run("--retrain", record.run_id, "--data", store.data) == 1
    output = capsys.readouterr().out
    assert "DIFFERS" in output
    for line in ("snapshot 5: unembed.W_U: 0.5\n", "final: embed.W_E: 0.25\n", "metrics: train_loss: 1.11e-16\n"):
        assert line in output
    assert "threads: 1 recorded, 4 here\n" in output
    assert "torch: 2.13.0 recorded, 3.0 here\n" in output
    assert "wall_seconds" not in output


def test_nan_equals_nan_and_nothing_else(tmp_path: Path, make_tiny: Any, put: Put, record: Record) -> None:
    one, other = make_tiny(), make_tiny()
    one.metrics["gini_W_E"] = np.array([np.nan, 1.0, 2.0])
    other.metrics["gini_W_E"] = np.array([np.nan, 1.0, 2.5])
    first, second = put(Store(tmp_path / "a"), one), put(Store(tmp_path / "b"), other)
    assert verify.compare(first, first) == []
    assert verify.compare(first, second) == [verify.Deviation("metrics", "gini_W_E", 0.5)]
    assert verify.compare(first, record) == [verify.Deviation("metrics", "gini_W_E", math.inf)]
    other.metrics["gini_W_E"] = np.array([0.0, 1.0, 2.0])
    third = put(Store(tmp_path / "c"), other)
    assert verify.compare(first, third) == [verify.Deviation("metrics", "gini_W_E", math.inf)]


def test_a_snapshot_that_one_record_lacks_is_a_deviation(tmp_path: Path, tiny: Any, put: Put, record: Record) -> None:
    del tiny.snapshots[5]
    other = put(Store(tmp_path / "a"), tiny)
    assert verify.compare(record, other) == [verify.Deviation("snapshot 5", "(all)", math.inf)]
    assert verify.compare(other, record) == [verify.Deviation("snapshot 5", "(all)", math.inf)]


def test_a_real_run_is_trained_and_retrained_to_the_same_bits(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    from modaddlab.training.loop import train

    spec = RunSpec(
        name="real",
        task=TaskSpec(p=7, train_frac=0.5),
        model=TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=8),
        record=RecordSpec(snapshots=2),
        steps=20,
    )
    record = train(spec, store, threads=1)
    assert run("--data", store.data) == 0
    assert run("--retrain", "real", "--data", store.data) == 0
    assert f"ok       {record.run_id}: identical bit for bit" in capsys.readouterr().out


def test_an_empty_name_is_no_data_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main(["--data", ""]) == 2
    assert "data (='') must be the path of a data folder" in capsys.readouterr().err
