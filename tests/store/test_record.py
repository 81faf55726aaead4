"""A record hands out exactly what was put in, and nothing at all from a file that is not what it must be."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modaddlab.errors import LabError
from modaddlab.store import Record, Store, files
from modaddlab.store import record as record_module
from modaddlab.store.content import metrics_sha256
from modaddlab.store.record import inspect, manifest_json, unlisted

ARRAY_FILES = ["metrics.safetensors", "final.safetensors", "snapshots/step-00000005.safetensors"]
FILES = ["manifest.json", "spec.json", "provenance.json", *ARRAY_FILES]


def read_everything(store: Store, run_id: str) -> None:
    record = store.open(run_id)
    assert record.metrics
    assert record.final
    for step in record.snapshot_steps:
        assert record.snapshot(step)


def problems(store: Store, run_id: str) -> dict[str, str]:
    return {name: str(problem) for name, problem in inspect(store.data, run_id) if problem is not None}


def rewrite(record: Record, name: str, content: bytes) -> None:
    """Replace a file and its hash in the manifest: a record that is consistent, but not what its specification demands."""
    (record.path / name).write_bytes(content)
    entries = {**record.files, name: files.FileEntry.of(content)}
    (record.path / "manifest.json").write_bytes(manifest_json(record.run_id, entries))


def test_what_was_published_is_read_back(store: Store, record: Record, tiny: Any) -> None:
    for read in (record, store.open(tiny.spec), store.open(tiny.spec.run_id)):
        assert read.run_id == tiny.spec.run_id == read.path.name
        assert read.spec == tiny.spec
        assert read.provenance == {**tiny.provenance, "metrics_sha256": metrics_sha256(tiny.metrics)}
        assert read.snapshot_steps.tolist() == [0, 5, 20]
        assert read.snapshot_steps.dtype == np.int64
        for found, expected in [
            (read.metrics, tiny.metrics),
            (read.final, tiny.final),
            (read.snapshot(5), tiny.snapshots[5]),
        ]:
            assert found.keys() == expected.keys()
            for key, array in expected.items():
                assert found[key].dtype == array.dtype
                np.testing.assert_array_equal(found[key], array)


def test_snapshots_lie_in_half_precision_and_are_widened(record: Record) -> None:
    content = (record.path / "snapshots/step-00000005.safetensors").read_bytes()
    assert {array.dtype for array in files.from_safetensors(content)[0].values()} == {np.dtype("f2")}
    assert {array.dtype for array in record.snapshot(5).values()} == {np.dtype("f4")}


def test_arrays_are_read_once_and_cannot_be_spoilt(store: Store, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    real = record_module._read
    monkeypatch.setattr(record_module, "_read", lambda *key: reads.append(key[2]) or real(*key))
    fresh = store.open(record.run_id)
    assert reads == ["manifest.json", "spec.json", "provenance.json"]
    for _ in range(2):
        values = fresh.final, fresh.metrics, fresh.snapshot(5)
        for arrays in values:
            for array in arrays.values():
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0
            arrays.clear()
    assert reads[3:] == ["final.safetensors", "metrics.safetensors", "snapshots/step-00000005.safetensors"]


@pytest.mark.parametrize(
    ("wrote", "seconds", "words"),
    [({"wall_seconds": 2.5, "commit": "abc"}, 2.5, "abc"), ({"wall_seconds": 3, "commit": ""}, 3.0, "unknown"),
     ({}, None, "unknown"),
     ({"wall_seconds": "2", "commit": ["x"]}, None, "unknown"), ({"wall_seconds": True, "commit": None}, None, "unknown"),
     ({"wall_seconds": -1, "commit": 7}, None, "7")],
)  # fmt: skip
def test_others_may_write_less_or_other_things_into_the_provenance(
    store: Store, record: Record, wrote: dict[str, Any], seconds: float | None, words: str
) -> None:
    rewrite(record, "provenance.json", json.dumps(wrote).encode())
    record = store.open(record.run_id)
    assert (record.wall_seconds, record.told("commit")) == (seconds, words)


def test_a_snapshot_that_was_not_kept_names_those_that_were(record: Record) -> None:
    with pytest.raises(LabError, match="keeps no weights of step 7; steps kept: 0, 5, 20"):
        record.snapshot(7)


def test_the_digest_is_of_the_bits_and_not_of_the_provenance(
    tmp_path: Path, make_tiny: Callable[..., Any], put: Callable[..., Record], record: Record
) -> None:
    run = make_tiny()
    run.provenance["threads"] = 7
    assert put(Store(tmp_path / "a"), run).digest == record.digest
    run.final["embed.W_E"][0, 0] += 1
    assert put(Store(tmp_path / "b"), run).digest != record.digest


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated": truncate,
    "flipped": flip,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"embed.W_E": 1})),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named_and_never_used(store: Store, record: Record, name: str, damage: str) -> None:
    DAMAGES[damage](record.path / name)
    with pytest.raises(LabError) as caught:
        read_everything(store, record.run_id)
    message = str(caught.value)
    if name == "spec.json" and damage != "truncated":  # by the last line end; otherwise nobody knows what to train again
        assert "its settings are unknown: give the command that trained it once more, with --force" in message
    else:
        assert "train it again: python -m modaddlab.train " in message
        assert message.endswith(f" --force --data {store.data}")
    assert "\n" not in message
    if (name, damage) == (
        "manifest.json",
        "flipped",
    ):  # a flipped hash looks like damage of the file it is for
        assert len(problems(store, record.run_id)) == 1
        return
    assert str(record.path / name) in message
    assert set(problems(store, record.run_id)) == {name}
    if name in ARRAY_FILES:  # the others are as good as before
        opened = store.open(record.run_id)
        assert opened.snapshot(20)
        assert name == "final.safetensors" or opened.final
        assert name == "metrics.safetensors" or opened.metrics


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.integers(0, 10**6), st.integers(0, 7))
def test_any_flipped_bit_is_noticed(store: Store, record: Record, name: str, place: int, bit: int) -> None:
    path = record.path / name
    original = path.read_bytes()
    content = bytearray(original)
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    try:
        assert problems(store, record.run_id)
        with pytest.raises(LabError):
            read_everything(store, record.run_id)
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_run_is_refused(
    store: Store, record: Record, name: str, make_tiny: Callable[..., Any], put: Callable[..., Record]
) -> None:
    other = make_tiny(seed=1)
    other.provenance["threads"] = 2
    shutil.copy(put(store, other).path / name, record.path / name)
    with pytest.raises(LabError, match=r"must be|must have"):
        read_everything(store, record.run_id)
    assert name in problems(store, record.run_id)
    assert not problems(store, other.spec.run_id)


def test_a_record_under_another_name_is_refused(store: Store, record: Record, make_tiny: Callable[..., Any]) -> None:
    other = make_tiny("other").spec.run_id
    shutil.copytree(record.path, store.folder / other)
    with pytest.raises(LabError, match=rf"'run_id' must be {other}, found '{record.run_id}'"):
        store.open(other)
    (store.folder / other / "manifest.json").write_bytes(manifest_json(other, record.files))
    with pytest.raises(LabError, match=rf"spec\.json: its run id must be the folder's name {other}, found {record.run_id}"):
        store.open(other)


def test_an_edited_specification_is_refused_even_with_its_hash(store: Store, record: Record) -> None:
    spec = json.loads((record.path / "spec.json").read_text())
    spec["optim"]["lr"] = 0.5
    rewrite(record, "spec.json", files.to_json(spec))
    with pytest.raises(LabError, match="its run id must be the folder's name"):
        store.open(record.run_id)
    spec["optim"]["lr"] = "fast"
    rewrite(record, "spec.json", files.to_json(spec))
    with pytest.raises(LabError, match=r"spec.json: optim.lr \(='fast'\)"):
        store.open(record.run_id)
    rewrite(record, "spec.json", b"[1]\n")
    with pytest.raises(LabError, match=r"spec\.json: a run must be a table"):
        store.open(record.run_id)


PARAM_DAMAGES: dict[str, tuple[Callable[[dict[str, np.ndarray]], object], str]] = {
    "missing": (lambda arrays: arrays.pop("unembed.W_U"), "key 'unembed.W_U' is missing"),
    "unknown": (lambda arrays: arrays.update(extra=np.ones(1, "f4")), "key 'extra' is unknown"),
    "shape": (
        lambda arrays: arrays.update({"blocks.0.mlp.b_in": np.ones(4, "f4")}),
        r"key 'blocks.0.mlp.b_in' must have the shape \(3,\), found \(4,\)",
    ),
    "dtype": (
        lambda arrays: arrays.update({"blocks.0.mlp.b_in": np.ones(3)}),
        "key 'blocks.0.mlp.b_in' must have the dtype float(32|16), found float64",
    ),
    "nan": (
        lambda arrays: arrays.update({"blocks.0.mlp.b_in": arrays["blocks.0.mlp.b_in"] * np.float16("nan")}),
        "key 'blocks.0.mlp.b_in' must have finite values, found NaN",
    ),
}


@pytest.mark.parametrize("name", ARRAY_FILES[1:])
@pytest.mark.parametrize("damage", PARAM_DAMAGES)
def test_weights_that_the_specification_does_not_have_are_refused(store: Store, record: Record, name: str, damage: str) -> None:
    arrays = files.from_safetensors((record.path / name).read_bytes())[0]
    change, words = PARAM_DAMAGES[damage]
    change(arrays)
    rewrite(record, name, files.to_safetensors(arrays))
    with pytest.raises(LabError, match=words):
        read_everything(store, record.run_id)
    assert set(problems(store, record.run_id)) == {name}


def with_value(key: str, index: int, value: float) -> Callable[[dict[str, np.ndarray]], object]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[key] = arrays[key].copy()
        arrays[key][index] = value

    return change


METRIC_DAMAGES: dict[str, tuple[Callable[[dict[str, np.ndarray]], object], str]] = {
    "missing": (lambda arrays: arrays.pop("test_loss"), "key 'test_loss' is missing"),
    "length": (
        lambda arrays: arrays.update(test_loss=np.ones(2)),
        r"key 'test_loss' must have the shape \(3,\), found \(2,\)",
    ),
    "frequencies": (
        lambda arrays: arrays.update(energy_W_E=np.ones((3, 3))),
        r"must have the shape \(3, 2\)",
    ),
    "step dtype": (
        lambda arrays: arrays.update(step=np.arange(3, dtype="i4")),
        "'step' must have the dtype int64",
    ),
    "step order": (with_value("step", 0, 15), "must have the 3 rows 0..20, every 10 steps, found 3 rows, 15..20"),
    "step beyond": (with_value("step", 2, 30), "must have the 3 rows 0..20, every 10 steps, found 3 rows, 0..30"),
    "loss dtype": (
        lambda arrays: arrays.update(test_loss=np.ones(3, int)),
        "'test_loss' must have a float dtype",
    ),
    "train nan": (with_value("train_loss", 1, np.nan), r"'train_loss' must have finite values.*step \[10\]"),
    "test nan": (
        with_value("test_accuracy", 2, np.inf),
        r"'test_accuracy' must have finite values.*step \[20\]",
    ),
    "norm nan": (with_value("norm/embed.W_E", 0, np.nan), r"'norm/embed.W_E' must have finite values"),
}


@pytest.mark.parametrize("damage", METRIC_DAMAGES)
def test_metrics_that_do_not_fit_are_refused(store: Store, record: Record, damage: str) -> None:
    arrays = record.metrics
    change, words = METRIC_DAMAGES[damage]
    change(arrays)
    rewrite(record, "metrics.safetensors", files.to_safetensors(arrays))
    with pytest.raises(LabError, match=words):
        read_everything(store, record.run_id)


MANIFEST_DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format": (lambda manifest: manifest.update(format=2), "'format' must be 1, found 2"),
    "no final": (lambda manifest: manifest["files"].pop("final.safetensors"), "must list final.safetensors: the run keeps all"),
    "no table": (lambda manifest: manifest.update(files=[]), "'files' must be a table"),
    "outside": (
        lambda manifest: manifest["files"].update({"../../secret": {"sha256": "0" * 64, "bytes": 1}}),
        "lists '../../secret', which no record has",
    ),
    "hash": (
        lambda manifest: manifest["files"]["spec.json"].update(sha256="abc"),
        "must be 64 hex digits, found 'abc'",
    ),
    "entry": (lambda manifest: manifest["files"].update({"spec.json": None}), "must give spec.json a sha256"),
    "extra key": (lambda manifest: manifest.update(more=1), "keys format, run_id and files"),
}


@pytest.mark.parametrize("damage", MANIFEST_DAMAGES)
def test_a_malformed_manifest_is_refused(store: Store, record: Record, damage: str) -> None:
    manifest = json.loads((record.path / "manifest.json").read_text())
    change, words = MANIFEST_DAMAGES[damage]
    change(manifest)
    (record.path / "manifest.json").write_bytes(files.to_json(manifest))
    with pytest.raises(LabError, match=words) as caught:
        store.open(record.run_id)
    assert str(record.path / "manifest.json") in str(caught.value)
    assert set(problems(store, record.run_id)) == {"manifest.json"}


def test_a_file_that_leads_elsewhere_is_not_followed(store: Store, record: Record, tmp_path: Path) -> None:
    outside = tmp_path / "final.safetensors"
    shutil.move(record.path / "final.safetensors", outside)
    (record.path / "final.safetensors").symlink_to(outside)
    with pytest.raises(LabError, match="leads out of the data folder"):
        read_everything(store, record.run_id)
    assert set(problems(store, record.run_id)) == {"final.safetensors"}


def test_unlisted_files_are_found_and_do_no_harm(store: Store, record: Record) -> None:
    assert unlisted(store.data, record.run_id) == []
    extra = [record.path / "notes.txt", record.path / "snapshots" / "step-00000007.safetensors"]
    for path in extra:
        path.write_bytes(b"x")
    assert unlisted(store.data, record.run_id) == extra
    read_everything(store, record.run_id)
    assert store.open(record.run_id).snapshot_steps.tolist() == [0, 5, 20]
