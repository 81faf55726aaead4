"""The data folder: one record per run, published whole, and no name that leads anywhere else."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import with_overrides
from modaddlab.store import Record, Store
from modaddlab.store import store as store_module
from modaddlab.store.record import RUN_ID, inspect, training_command
from modaddlab.training import machine

Put = Callable[..., Record]
Tree = Callable[[Path], dict[str, bytes | None]]


def intact(store: Store, run_id: str) -> bool:
    return all(problem is None for _, problem in inspect(store.data, run_id))


def test_an_empty_folder_has_no_records_and_stays_empty(store: Store, tiny: Any) -> None:
    assert store.runs() == []
    assert store.strays() == []
    assert store.find(tiny.spec) is None
    with pytest.raises(LabError, match=f"has no record {tiny.spec.run_id}; train it: python -m modaddlab.train "):
        store.open(tiny.spec)
    assert not store.data.exists()


def test_the_book_s_own_folder_needs_no_data_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path))
    for run in (catalogue.named("debug"), catalogue.named("debug").run_id):
        with pytest.raises(LabError, match=r"train it: python -m modaddlab\.train debug$"):
            Store().open(run)


def test_an_id_alone_recommends_no_other_run(store: Store) -> None:
    for run_id in ("debug-0123456789", "tiny-0123456789"):
        with pytest.raises(LabError, match=rf"has no record {run_id}, and an id does not tell .* MODADDLAB_DATA=DIR") as caught:
            store.open(run_id)
        assert "modaddlab.train" not in str(caught.value)
    in_a_sweep = catalogue.named("mlp-standard", p=101)
    with pytest.raises(LabError, match=r"train it: python -m modaddlab\.train mlp-standard --p 101 --data"):
        store.open(in_a_sweep.run_id)


@pytest.mark.parametrize("data", ["", 3, b"x"])
def test_a_data_folder_is_a_path(data: Any) -> None:
    with pytest.raises(LabError, match=r"must be the path of a data folder"):
        Store(data)


def test_packages_without_a_checkout_have_no_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    monkeypatch.delenv("MODADDLAB_DATA", raising=False)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(LabError, match=r"only a checkout has; name a folder for your own runs: --data DIR"):
        Store()
    with pytest.raises(LabError, match=rf"train it: python -m .* --data {tmp_path}/mine$"):
        Store(tmp_path / "mine").open(tiny.spec)
    assert machine.commit() is None
    assert paths.cache_folder() == tmp_path / "cache" / "modaddlab"
    (tmp_path / "_quarto.yml").touch()
    assert Store().data == tmp_path / "data"
    assert paths.cache_folder() == tmp_path / ".cache"


def test_asking_for_the_commit_locks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "modaddlab").mkdir()
    for name in ("_quarto.yml", "modaddlab/a.py"):
        (tmp_path / name).touch()
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    os.utime(tmp_path / "modaddlab/a.py", (1, 1))  # git would note the new time in its index, under a lock
    before = (tmp_path / ".git/index").read_bytes()
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    commit = machine.commit()
    assert commit is not None
    assert len(commit) == 40
    assert (tmp_path / ".git/index").read_bytes() == before


@pytest.mark.parametrize("name", list(catalogue.RUNS))
def test_a_missing_named_run_gives_the_short_command(store: Store, name: str) -> None:
    with pytest.raises(LabError, match=rf"train it: python -m modaddlab\.train {name} --data {store.data}$"):
        store.open(catalogue.RUNS[name])


CHANGES = st.lists(
    st.sampled_from(
        ["seed=7", "optim.lr=1e-05", "optim.batch_size=64", "optim.batch_size=none", "task.operation=a2+b2", "name=other",
         "model.d_mlp=100", "task.p=97", "record.snapshot_dtype=float32", "steps=10", "loss_dtype=float32"]
    ),
    unique_by=lambda change: change.partition("=")[0],
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(catalogue.RUNS)), CHANGES)
def test_the_command_in_an_error_trains_that_very_run(name: str, changes: list[str]) -> None:
    assume("task.p=97" not in changes or catalogue.RUNS[name].task.train_pairs is None)  # pairs that are named are of one modulus
    spec = with_overrides(catalogue.RUNS[name], changes)
    words = shlex.split(training_command(Path("/a b"), spec, again=True))
    assert words[:3] == ["python", "-m", "modaddlab.train"]
    assert words[-3:] == ["--force", "--data", "/a b"]
    pairs = list(zip(words[4:-3:2], words[5:-3:2], strict=True))
    chosen = {option.removeprefix("--"): int(value) for option, value in pairs if option != "--set"}
    assert set(chosen) <= {"p", "seed"}
    assignments = [value for option, value in pairs if option == "--set"]
    assert with_overrides(catalogue.named(words[3], **chosen), assignments) == spec


def test_runs_are_listed_by_id_and_foreign_things_apart(store: Store, record: Record) -> None:
    for name in ("README.md", ".gitkeep", "Not-a-run"):
        (store.folder / name).touch()
    assert store.runs() == [record.run_id]
    assert [path.name for path in store.strays()] == ["Not-a-run", "README.md"]


def test_an_intact_record_is_kept(store: Store, record: Record, tiny: Any, put: Put, list_tree: Tree) -> None:
    before = list_tree(store.folder)
    tiny.provenance["threads"] = 9
    assert put(store, tiny).provenance["threads"] == 1
    assert list_tree(store.folder) == before


def test_replace_puts_the_new_record_in_the_old_one_s_place(store: Store, record: Record, tiny: Any, put: Put) -> None:
    tiny.provenance["threads"] = 9
    assert put(store, tiny, replace=True).provenance["threads"] == 9
    assert os.listdir(store.folder) == [record.run_id]
    assert intact(store, record.run_id)


@pytest.mark.parametrize("thing", ["damaged", "file", "empty folder"])
def test_a_record_that_is_none_gives_way(store: Store, record: Record, tiny: Any, put: Put, thing: str) -> None:
    if thing == "damaged":
        (record.path / "final.safetensors").write_bytes(b"")
    else:
        shutil.rmtree(record.path)
        record.path.touch() if thing == "file" else record.path.mkdir()
        with pytest.raises(LabError, match=r"manifest\.json"):
            store.find(tiny.spec)
    put(store, tiny)
    assert intact(store, record.run_id)
    assert os.listdir(store.folder) == [record.run_id]


def test_an_unlisted_file_does_not_cost_a_record(store: Store, record: Record, tiny: Any, put: Put) -> None:
    (record.path / ".DS_Store").touch()
    put(store, tiny)
    assert (record.path / ".DS_Store").exists()


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        (
            "metrics",
            lambda run: run.metrics["train_loss"].__setitem__(1, np.nan),
            r"step \[10\] \(a run that diverges",
        ),
        (
            "final",
            lambda run: run.final.pop("unembed.W_U"),
            "cannot be recorded: key 'unembed.W_U' is missing",
        ),
        (
            "final",
            lambda run: run.final["embed.W_E"].__setitem__((0, 0), np.inf),
            "'embed.W_E' must have finite values",
        ),
        (
            "final",
            lambda run: run.final.update({k: v.astype("f8") for k, v in run.final.items()}),
            "dtype float32",
        ),
        (
            "snapshots",
            lambda run: run.snapshots[5].pop("embed.W_E"),
            "00005.safetensors: key 'embed.W_E' is missing",
        ),
        ("snapshots", lambda run: run.snapshots.update({21: run.final}), "must be a snapshot of the run"),
    ],
)
def test_what_could_not_be_read_is_not_published(
    store: Store, tiny: Any, put: Put, part: str, change: Callable[[Any], object], words: str
) -> None:
    change(tiny)
    with pytest.raises(LabError, match=words):
        put(store, tiny)
    assert store.runs() == []


def test_an_id_of_another_specification_is_noticed(
    store: Store, record: Record, make_tiny: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_tiny(seed=1).spec
    monkeypatch.setattr(type(other), "run_id", property(lambda spec: record.run_id))  # a collision of hashes
    with pytest.raises(LabError, match="has the run id of another specification"):
        store.find(other)


def test_leftovers_of_dead_processes_are_cleared_up_and_nothing_else(
    store: Store, record: Record, make_tiny: Callable[..., Any], put: Put
) -> None:
    run_id = record.run_id
    for name in (f".new-{run_id}-{'0' * 16}", f".old-{run_id}-{'1' * 16}"):
        shutil.copytree(record.path, store.folder / name)
    kept = [
        ".gitkeep",
        f".new-{run_id}",
        f".new-{run_id}-short",
        ".new-x-0123456789abcdef",
        f"new-{run_id}-{'0' * 16}",
    ]
    for name in kept:
        (store.folder / name).touch()
    other = put(store, make_tiny("other"))
    assert sorted(os.listdir(store.folder)) == sorted([*kept, run_id, other.run_id])


@pytest.mark.parametrize("how", ["find", "publish"])
def test_a_record_whose_successor_never_came_is_put_back(store: Store, record: Record, tiny: Any, put: Put, how: str) -> None:
    record.path.rename(store.folder / f".old-{record.run_id}-{'1' * 16}")
    tiny.provenance["threads"] = 9
    found = store.find(tiny.spec) if how == "find" else put(store, tiny)
    assert found is not None
    assert found.provenance["threads"] == 1
    assert os.listdir(store.folder) == [record.run_id]


@pytest.mark.parametrize("call", ["mkdir", "write", "first rename", "second rename"])
def test_a_publication_that_fails_leaves_the_store_as_it_was(
    store: Store,
    record: Record,
    tiny: Any,
    put: Put,
    list_tree: Tree,
    call: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = list_tree(store.folder)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    if call == "mkdir":
        monkeypatch.setattr(store_module, "_write_folder", full)
    elif call == "write":
        monkeypatch.setattr(store_module, "manifest_json", full)
    else:
        real, calls = os.rename, [0]

        def rename(source: Path, target: Path) -> None:
            calls[0] += 1
            if calls[0] == (1 if call == "first rename" else 2):
                full()
            real(source, target)

        monkeypatch.setattr(store_module.os, "rename", rename)
    with pytest.raises(LabError, match=r"cannot write .*: the disk is full"):
        put(store, tiny, replace=True)
    monkeypatch.undo()
    assert list_tree(store.folder) == before
    assert put(store, tiny, replace=True)


HOSTILE = [
    *("../x-0123456789", "/etc/x-0123456789", "a/b-0123456789", "..-0123456789", "a..b-0123456789", "~-0123456789"),
    *("", ".", "..", "x", "A-0123456789", "a-0123456789\n", "a\0-0123456789", "-a-0123456789"),
    *("a-01234567890", "a-012345678G", "a-\u0660123456789"),
]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HOSTILE) | st.text(max_size=30) | st.from_regex(r"[a-z./\\-]{1,20}-[0-9a-f]{10}", fullmatch=True))
def test_what_is_no_run_id_is_refused_before_anything_is_touched(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "data")
    if RUN_ID.fullmatch(name):
        assert store.find(name) is None
        assert store.partial(name).folder.parent == store.data / "partial"
    else:
        for use in (store.find, store.open, store.partial):
            with pytest.raises(LabError, match="is no run id") as caught:
                use(name)
            assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_no_run_ids(name: str) -> None:
    assert not RUN_ID.fullmatch(name)


@pytest.mark.parametrize("where", ["runs", "runs/<id>", "partial", "partial/<id>"])
def test_links_out_of_the_data_folder_are_refused(
    store: Store, record: Record, tiny: Any, put: Put, tmp_path: Path, list_tree: Tree, where: str
) -> None:
    outside = tmp_path / "outside"
    link = store.data / where.replace("<id>", record.run_id)
    if link.exists():
        shutil.move(link, outside)
    else:
        outside.mkdir()
        link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    before = list_tree(outside)
    with pytest.raises(LabError, match="leads out of the data folder"):
        put(store, tiny, replace=True)
    if where.startswith("runs"):
        for use in (store.find, store.open):
            with pytest.raises(LabError, match="leads out of the data folder"):
                use(tiny.spec)
    assert list_tree(outside) == before
