"""What does not belong in a data folder: pipes, devices, folders, links, files of absurd length. It is named and never used.

Nothing here may hang or fill the memory, so every test ends after five minutes: a pipe that is opened without care waits for a
writer that never comes, and 2**40 bytes are more than any machine has.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

from modaddlab.errors import LabError
from modaddlab.store import Partial, Record, Store, derived, files
from modaddlab.store.record import inspect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, links and devices of POSIX")

HUGE = 2**40
FILES = [
    *("manifest.json", "spec.json", "provenance.json", "metrics.safetensors", "final.safetensors"),
    *(f"snapshots/step-{step:08d}.safetensors" for step in (0, 5, 20)),
]
WEIGHTS = {"w": np.ones(3, "f4")}


@pytest.fixture(autouse=True)
def within_five_minutes() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        pytest.fail("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(300)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def make_socket(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(path.parent)  # a socket's path has at most about a hundred characters
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def lengthen(path: Path) -> None:
    """The true content, then nothing but zeros: a sparse file that takes no room on the disk."""
    path.touch()
    os.truncate(path, HUGE)


def empty_and_huge(path: Path) -> None:
    path.write_bytes(b"")
    os.truncate(path, HUGE)


def replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


FOREIGN: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (replaced_by(os.mkfifo), "must be a file, found a pipe or a device"),
    "socket": (replaced_by(make_socket), "must be a file, found a pipe or a device"),
    "folder": (replaced_by(Path.mkdir), "must be a file, found a folder"),
    "huge": (lengthen, rf"must have .* bytes.*, found {HUGE}"),
    "huge and empty": (empty_and_huge, rf"must have .* bytes.*, found {HUGE}|must begin with a safetensors header"),
    "link to nowhere": (replaced_by(lambda path: path.symlink_to(path.parent / "nowhere")), "missing|leads nowhere"),
}
DEVICE = (replaced_by(lambda path: path.symlink_to("/dev/zero")), "leads out of the data folder")
LOOP = (replaced_by(lambda path: path.symlink_to(path)), "leads out of the data folder")
FOREIGN_IN_DATA = {**FOREIGN, "link to a device": DEVICE, "link to itself": LOOP}


def read_everything(store: Store, run_id: str) -> None:
    record = store.open(run_id)
    assert record.metrics
    assert record.final
    for step in record.snapshot_steps:
        assert record.snapshot(step)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", FOREIGN_IN_DATA)
def test_in_place_of_a_record_s_file(store: Store, record: Record, name: str, kind: str, put: Any, tiny: Any) -> None:
    make, words = FOREIGN_IN_DATA[kind]
    make(record.path / name)
    with pytest.raises(LabError, match=words) as caught:
        read_everything(store, record.run_id)
    assert str(record.path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    problems = {found: str(problem) for found, problem in inspect(store.data, record.run_id) if problem is not None}
    assert set(problems) == {name}
    if name in ("manifest.json", "final.safetensors"):
        put(store, tiny)  # the same run, trained again, gives a whole record
        read_everything(store, record.run_id)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def partial(store: Store, lines: list[str]) -> Partial:
    """A run in training with two states and a snapshot that only the second one knows, about to be resumed."""
    before = store.partial("tiny-0123456789")
    with before.lock():
        before.load_state()
        before.save_state(10, {"flat": np.arange(3.0)}, {})
        before.save_snapshot(15, WEIGHTS, "float32")
        before.save_state(20, {"flat": np.arange(4.0)}, {})
    return store.partial("tiny-0123456789", lines.append)


@pytest.mark.parametrize("name", ["state-00000020.safetensors", "snapshots/step-00000015.safetensors"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_in_place_of_a_state_or_its_snapshot(partial: Partial, lines: list[str], name: str, kind: str) -> None:
    make, words = FOREIGN[kind]
    make(partial.folder / name)
    with partial.lock():
        found = partial.load_state()
        assert found is not None
        assert found[0] == 10  # the state before it
        np.testing.assert_array_equal(found[1]["flat"], np.arange(3.0))
        (line,) = lines
        assert str(partial.folder / name) in line
        assert re.search(words, line), line
        assert not os.path.lexists(partial.folder / name)
        partial.save_snapshot(15, WEIGHTS, "float32")
        partial.save_state(20, {"flat": np.arange(4.0)}, {})
        found = partial.load_state()
    assert found is not None
    assert found[0] == 20
    assert len(lines) == 1


@pytest.mark.parametrize("name", ["state-00000020.safetensors", "snapshots/step-00000015.safetensors", "snapshots"])
def test_links_in_a_working_state_are_not_followed(partial: Partial, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    link = partial.folder / name
    target = outside / link.name
    shutil.move(link, target)
    link.symlink_to(target)
    before = sorted(outside.rglob("*"))
    with pytest.raises(LabError, match=rf"{link}.* leads out of the data folder .*; remove the link"), partial.lock():
        partial.load_state()
    assert sorted(outside.rglob("*")) == before
    assert (outside / "mine.txt").read_text() == "mine"


def test_a_folder_of_snapshots_that_leads_elsewhere_is_neither_written_nor_emptied(partial: Partial, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    with partial.lock():
        partial.load_state()
        shutil.rmtree(partial.folder / "snapshots")
        (partial.folder / "snapshots").symlink_to(outside)
        for use in (partial.load_state, lambda: partial.save_snapshot(17, WEIGHTS, "float32"), partial.snapshot_files):
            with pytest.raises(LabError, match="leads out of the data folder"):
                use()
    assert [path.name for path in outside.iterdir()] == ["mine.txt"]


LOCKS: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "link": lambda path: path.symlink_to(path.parents[2] / "mine"),
}


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("name", ["publish.lock", "<id>.lock"])
def test_in_place_of_a_lock(store: Store, tiny: Any, put: Any, tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "mine").write_text("mine")
    path = store.data / "partial" / name.replace("<id>", tiny.spec.run_id)
    path.parent.mkdir(parents=True)
    LOCKS[kind](path)
    words = "a folder is there in place of a file" if kind == "folder" else "leads out of the data folder"
    with pytest.raises(LabError, match=words) as caught:
        put(store, tiny)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "mine").read_text() == "mine"
    assert store.runs() == []


def test_a_pipe_in_place_of_a_lock_does_not_hang(store: Store, tiny: Any, put: Any) -> None:
    (store.data / "partial").mkdir(parents=True)
    for name in ("publish.lock", f"{tiny.spec.run_id}.lock"):
        os.mkfifo(store.data / "partial" / name)
    read_everything(store, put(store, tiny).run_id)


@pytest.mark.parametrize("kind", [*FOREIGN, "pickle", "another's"])
def test_in_place_of_a_kept_result(tmp_path: Path, kind: str) -> None:
    calls: list[int] = []

    def compute() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"x": np.arange(3.0)}

    def ask(what: str = "f") -> np.ndarray:
        return derived.remember("d" * 64, what, {}, compute, lambda: "a", tmp_path)["x"]

    ask()
    (path,) = tmp_path.rglob("*.safetensors")
    if kind == "pickle":
        path.write_bytes(pickle.dumps({"x": 1}))
    elif kind == "another's":
        ask("g")
        (other,) = set(tmp_path.rglob("*.safetensors")) - {path}
        shutil.copy(other, path)
    else:
        FOREIGN[kind][0](path)
    n_calls = len(calls)
    np.testing.assert_array_equal(ask(), np.arange(3.0))
    assert len(calls) == n_calls + 1
    if kind != "folder":  # a folder stays where it is, and the result is computed whenever it is asked for
        np.testing.assert_array_equal(ask(), np.arange(3.0))
        assert len(calls) == n_calls + 1


def header(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        b"\xff" * 100,
        header(b"{"),
        header(b"[]"),
        header(b'{"x": 1}'),
        header(b'{"x": {"data_offsets": []}}'),
        header(b'{"x": {"data_offsets": [0, "a"]}}'),
        header(b'{"x": {"data_offsets": [0, 8]}}') + b"1234567",
        header(b'{"x": {"data_offsets": [0, 8]}}') + b"123456789",
        header(b"[" * 100_000),
        header(b"\xff"),
    ],
)
def test_a_length_that_no_header_vouches_for_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        files.read_regular(tmp_path / "x", files.whole_safetensors())


def test_a_file_is_read_whole_where_its_header_vouches_for_it(tmp_path: Path) -> None:
    for arrays in ({}, {"x": np.arange(3.0), "y": np.zeros((0, 2)), "z": np.array(True)}):
        content = files.to_safetensors(arrays, "a text")
        (tmp_path / "x").write_bytes(b"before" + content)
        assert files.read_regular(tmp_path / "x", files.whole_safetensors(before=6)) == b"before" + content
