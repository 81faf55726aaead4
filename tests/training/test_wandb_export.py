"""The export to Weights & Biases, for real and offline: what its file holds against the record; and what its failures harm."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import math
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec
from modaddlab.store.store import Store
from modaddlab.training import wandb_export
from modaddlab.training.jobs.single import How, train_or_load
from modaddlab.training.status import Interrupted, Status
from modaddlab.training.wandb_export import Export

TINY = RunSpec(
    name="tiny",
    task=TaskSpec(p=7, train_frac=0.6),
    model=TransformerSpec(d_model=8, n_heads=2, d_head=4, d_mlp=12),
    record=RecordSpec(metrics_every=5, snapshots=0),
    steps=40,
)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing looks for a host."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.delenv("WANDB_DIR", raising=False)


def train(store: Store, spec: RunSpec = TINY, stop_at: int | None = None) -> list[str]:
    """Train a run with the export, perhaps up to a step; the lines for the user."""
    lines: list[str] = []
    seen: list[int] = []
    how = How(threads=1, wandb="a-project")
    observe, stop = (lambda status: seen.append(status.step)), (lambda: stop_at is not None and seen[-1] >= stop_at)
    try:
        train_or_load(spec, store, how, observe=observe, notify=lines.append, should_stop=stop)
    except Interrupted:
        assert stop_at is not None
    return lines


def whole(path: Path) -> list[Any]:
    """The entries of a W&B file once it is written to its end, which is done by a process of W&B's own in its own time."""
    for _ in range(600):
        entries = list(content(path))
        if any(entry.WhichOneof("record_type") == "exit" for entry in entries):
            return entries
        time.sleep(0.1)
    raise AssertionError(f"{path} has no end")


def content(path: Path) -> Iterator[Any]:
    """The entries of a W&B file, which is a LevelDB log: a header of 7 bytes, then blocks of 32 KiB with parts of entries, each
    with a checksum (4 bytes), a length (2) and a type (1: whole, 2: first, 3: middle, 4: last)."""
    entry_type = importlib.import_module("wandb.proto.wandb_internal_pb2").Record
    data, at, entry = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        room = 32768 - at % 32768
        if room < 7:
            at += room
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        if at + 7 + length > len(data):  # a part that is half written yet
            return
        entry = (entry if kind in (3, 4) else b"") + data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield entry_type.FromString(entry)


def test_the_offline_file_holds_the_specification_and_every_row(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    store = Store(tmp_path)
    assert train(store, stop_at=15) == []
    lines = train(store)
    assert lines == [f"{TINY.run_id}: going on from step 16 of 40"]

    files = sorted((tmp_path / "wandb").glob(f"offline-run-*/run-{TINY.run_id}.wandb"))
    assert len(files) == 2  # a sitting each, of the same W&B run
    rows: dict[int, dict[str, float]] = {}
    for file in files:
        entries = whole(file)
        (run,) = [entry.run for entry in entries if entry.WhichOneof("record_type") == "run"]
        assert (run.run_id, run.display_name, run.project) == (TINY.run_id, TINY.run_id, "a-project")
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert {name: config[name] for name in TINY.to_dict()} == TINY.to_dict()
        for entry in entries:
            if entry.WhichOneof("record_type") == "history":
                items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in entry.history.item}
                rows[items["step"]] = items
    record = store.open(TINY)
    assert list(rows) == record.metrics["step"].tolist()
    for name, values in record.metrics.items():
        for step, value in zip(record.metrics["step"].tolist(), values, strict=True):
            sent = [rows[step][f"{name}/{k}"] for k in (1, 2, 3)] if values.ndim == 2 else rows[step][name]
            np.testing.assert_allclose(sent, value, rtol=1e-6, err_msg=name)


def test_a_failing_export_is_one_line_and_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Export, "_begin", lambda export: (_ for _ in ()).throw(OSError("no\nroute to host")))
    lines = train(Store(tmp_path / "failing"))
    assert lines == [f"{TINY.run_id}: Weights & Biases failed (OSError: no route to host); the training goes on"]
    alone = dataclasses.replace(How(threads=1))
    quiet = {"observe": lambda status: None, "notify": lines.append, "should_stop": lambda: False}
    train_or_load(TINY, Store(tmp_path / "alone"), alone, **quiet)
    assert Store(tmp_path / "failing").open(TINY).digest == Store(tmp_path / "alone").open(TINY).digest


class Double:
    """In place of a W&B run that has rows up to some step."""

    def __init__(self, step: int, *, broken: bool = False) -> None:
        self.step, self.broken = step, broken
        self.logged: list[int] = []
        self.exit_code: int | None = None

    def log(self, numbers: dict[str, float], step: int) -> None:
        self.logged.append(step)

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code
        if self.broken:
            raise RuntimeError("the upload hangs")


@pytest.mark.parametrize(("last", "exit_code"), [(40, 0), (30, 1)])
def test_rows_that_are_there_already_are_not_sent_again(
    last: int, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Double(step=21)
    monkeypatch.setattr(Export, "_begin", lambda export: run)
    with Export(TINY, "a-project", tmp_path, pytest.fail) as export:
        for step in range(0, last + 1, 10):
            export(Status(step, 40, {"train_loss": 1.0}))
    assert run.logged == list(range(30, last + 1, 10))
    assert run.exit_code == exit_code


@pytest.mark.parametrize("broken", [False, True])
def test_a_run_that_was_trained_before_sends_what_is_stored(
    broken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, double = Store(tmp_path), Double(step=0)
    quiet: dict[str, Any] = {"observe": lambda status: None, "notify": pytest.fail, "should_stop": lambda: False}
    train_or_load(TINY, store, How(threads=1), **quiet)
    begin = (lambda export: 1 / 0) if broken else (lambda export: double)
    monkeypatch.setattr(Export, "_begin", begin)
    (line,) = train(store)
    if broken:
        assert line.endswith("Weights & Biases failed (ZeroDivisionError: division by zero); the record is as it was")
    else:
        assert line == f"{TINY.run_id}: its 9 stored rows are sent to the Weights & Biases project a-project"
        assert double.logged == store.open(TINY).metrics["step"].tolist()
        assert double.exit_code == 0


def test_a_failing_end_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Export, "_begin", lambda export: Double(step=0, broken=True))
    lines: list[str] = []
    with Export(TINY, "a-project", tmp_path, lines.append) as export:
        export(Status(40, 40, {"train_loss": 1.0}))
    assert lines == [f"{TINY.run_id}: Weights & Biases failed (RuntimeError: the upload hangs); the training goes on"]


def test_numbers_leave_out_what_is_not_there() -> None:
    row = {"test_loss": math.nan, "train_loss": 0.5, "energy_W_E": np.array([1, 2], dtype=np.float32)}
    assert wandb_export.numbers(row) == {"train_loss": 0.5, "energy_W_E/1": 1.0, "energy_W_E/2": 2.0}


@pytest.mark.parametrize("project", ["", "a/b", "x" * 129])
def test_a_bad_project_is_refused(project: str) -> None:
    with pytest.raises(LabError, match="must be a project's name of 1 to 128 characters"):
        wandb_export.check(project)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"the package wandb is not installed; in the checkout: pip install -e '\.\[wandb\]'"):
        wandb_export.check("a-project")
