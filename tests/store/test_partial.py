"""The working state: it comes back exactly, or the one before it does, and the user is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modaddlab.errors import LabError
from modaddlab.store import Partial, Store
from modaddlab.store import partial as partial_module
from modaddlab.store.files import from_safetensors, to_safetensors

RUN_ID = "tiny-0123456789"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def partial(tmp_path: Path, lines: list[str]) -> Iterator[Partial]:
    partial = Partial(tmp_path / "data", RUN_ID, lines.append)
    with partial.lock():
        assert partial.load_state() is None
        yield partial


def reopened(partial: Partial, lines: list[str] | None = None) -> Partial:
    """The same folder as another process would find it; the lock is taken for granted."""
    fresh = Partial(partial.folder.parent.parent, RUN_ID, (lines if lines is not None else []).append)
    fresh._locked = True
    return fresh


def state_files(partial: Partial) -> list[Path]:
    return sorted(partial.folder.glob("state-*"))


def arrays_at(step: int) -> dict[str, np.ndarray]:
    return {"flat": np.arange(5, dtype="f4") + step, "step": np.array(float(step)), "empty": np.zeros((0, 2))}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        assert (found[key].dtype, found[key].shape) == (array.dtype, array.shape)
        assert found[key].tobytes() == array.tobytes()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000_000), st.dictionaries(st.text(max_size=5), JSON, max_size=4), st.binary(max_size=64))
def test_a_state_comes_back_exactly(partial: Partial, step: int, extra: dict[str, Any], content: bytes) -> None:
    partial.clear()
    arrays = {**arrays_at(step), "generator": np.frombuffer(content, "u1")}
    partial.save_state(step, arrays, extra)
    found = reopened(partial).load_state()
    assert found is not None
    assert (found[0], found[2]) == (step, extra)
    assert_same(found[1], arrays)
    for array in found[1].values():
        array[...] = 0  # training goes on in them


def test_the_newest_two_states_are_kept(partial: Partial) -> None:
    for step in (9, 10, 100, 100, 250):
        partial.save_state(step, arrays_at(step), {})
    assert [path.name for path in state_files(partial)] == [
        "state-00000100.safetensors",
        "state-00000250.safetensors",
    ]
    found = reopened(partial).load_state()
    assert found is not None
    assert found[0] == 250


def damage_each(partial: Partial) -> None:
    for path in state_files(partial):
        path.write_bytes(path.read_bytes()[:-1])


def test_the_state_before_a_damaged_one_is_used(partial: Partial, lines: list[str]) -> None:
    for step in (10, 20):
        partial.save_state(step, arrays_at(step), {"at": step})
    newest = state_files(partial)[-1]
    newest.write_bytes(newest.read_bytes()[:-3])
    resumed = reopened(partial, lines)
    found = resumed.load_state()
    assert found is not None
    assert found[0] == 10
    assert found[2] == {"at": 10}
    assert_same(found[1], arrays_at(10))
    assert len(lines) == 1
    assert str(newest) in lines[0]
    assert "is damaged" in lines[0]
    assert "\n" not in lines[0]
    resumed.save_state(15, arrays_at(15), {})  # the damaged one is out of the way
    later = reopened(partial, lines).load_state()
    assert later is not None
    assert later[0] == 15
    assert len(lines) == 1


def test_without_an_intact_state_training_starts_anew(partial: Partial, lines: list[str]) -> None:
    for step in (10, 20):
        partial.save_state(step, arrays_at(step), {})
    damage_each(partial)
    assert reopened(partial, lines).load_state() is None
    assert len(lines) == 2
    assert state_files(partial) == []


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 7), st.booleans())
def test_a_changed_state_is_never_taken_for_a_true_one(partial: Partial, place: int, bit: int, cut: bool) -> None:
    partial.clear()
    partial.save_state(10, arrays_at(10), {"at": 10})
    partial.save_state(20, arrays_at(20), {"at": 20})
    newest = state_files(partial)[-1]
    content = bytearray(newest.read_bytes())
    if cut:
        del content[place % len(content) :]
    else:
        content[place % len(content)] ^= 1 << bit
    newest.write_bytes(content)
    lines: list[str] = []
    found = reopened(partial, lines).load_state()
    assert found is not None
    # a flip in the header's padding changes nothing that is read
    assert found[0] in ({10} if cut else {10, 20})
    assert found[2] == {"at": found[0]}
    assert len(lines) == (found[0] == 10)
    assert_same(found[1], arrays_at(found[0]))


def test_a_state_of_another_run_or_step_is_refused(partial: Partial, tmp_path: Path, lines: list[str]) -> None:
    other = Partial(tmp_path / "other", "other-0123456789")
    with other.lock():
        other.clear()
        other.save_state(10, arrays_at(10), {})
    partial.folder.mkdir(parents=True)
    shutil.copy(state_files(other)[0], partial.folder)
    partial.save_state(5, arrays_at(5), {})
    found = reopened(partial, lines).load_state()
    assert found is not None
    assert found[0] == 5
    assert len(lines) == 1
    assert "it is the state of other-0123456789 at step 10" in lines[0]
    shutil.copy(partial.folder / "state-00000005.safetensors", partial.folder / "state-00000006.safetensors")
    found = reopened(partial, lines).load_state()
    assert found is not None
    assert found[0] == 5
    assert len(lines) == 2


def test_a_state_with_a_true_checksum_and_no_sense_is_refused(partial: Partial, lines: list[str]) -> None:
    partial.save_state(5, arrays_at(5), {})
    arrays, _ = from_safetensors(state_files(partial)[0].read_bytes())
    for number, text in enumerate(['{"sha256": 1}', "[]", "{", "null", '"x"']):
        (partial.folder / f"state-0000001{number}.safetensors").write_bytes(to_safetensors(arrays, text))
    (partial.folder / "state-00000016.safetensors").write_bytes(to_safetensors(arrays))
    found = reopened(partial, lines).load_state()
    assert found is not None
    assert found[0] == 5
    assert len(lines) == 6


def test_snapshots_that_the_state_does_not_know_are_discarded(partial: Partial) -> None:
    weights = {"w": np.ones(3, "f4")}
    partial.save_snapshot(0, weights, "float16")
    partial.save_snapshot(5, weights, "float32")
    partial.save_state(7, arrays_at(7), {})
    partial.save_snapshot(10, weights, "float16")
    assert partial.snapshot_steps() == [0, 5, 10]
    (partial.folder / "snapshots" / "step-00000003.safetensors").write_bytes(b"foreign")
    resumed = reopened(partial)
    assert resumed.load_state() is not None
    assert resumed.snapshot_steps() == [0, 5]
    assert sorted(path.name for path in (partial.folder / "snapshots").iterdir()) == [
        "step-00000000.safetensors",
        "step-00000005.safetensors",
    ]
    dtypes = [from_safetensors(path.read_bytes())[0]["w"].dtype for path in resumed.snapshot_files().values()]
    assert dtypes == [np.dtype("f2"), np.dtype("f4")]


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_snapshot_leads_back_to_the_state_before_it(partial: Partial, lines: list[str], damage: str) -> None:
    weights = {"w": np.ones(3, "f4")}
    partial.save_snapshot(0, weights, "float16")
    partial.save_state(3, arrays_at(3), {})
    partial.save_snapshot(5, weights, "float16")
    partial.save_state(7, arrays_at(7), {})
    path = partial.snapshot_files()[5]
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(LabError, match="give the same command again"):
        partial.snapshot_files()
    resumed = reopened(partial, lines)
    found = resumed.load_state()
    assert found is not None
    assert found[0] == 3
    assert len(lines) == 1
    assert str(path) in lines[0]
    assert resumed.snapshot_steps() == [0]
    assert not path.exists()


def test_weights_that_do_not_fit_half_precision_are_refused(partial: Partial) -> None:
    weights = {"w": np.array([1.0, 1e6], "f4")}
    with pytest.raises(LabError, match=r"diverges: w is up to 1e\+06 at step 5; try a smaller optim.lr .*snapshot_dtype=float32"):
        partial.save_snapshot(5, weights, "float16")
    partial.save_snapshot(5, weights, "float32")
    assert partial.snapshot_steps() == [5]


def test_clear_removes_everything_but_the_lock(partial: Partial) -> None:
    partial.save_snapshot(0, {"w": np.ones(3, "f4")}, "float16")
    partial.save_state(3, arrays_at(3), {})
    partial.clear()
    assert not partial.folder.exists()
    assert partial.snapshot_steps() == []
    partial.clear()
    assert reopened(partial).load_state() is None


def test_temporaries_of_a_killed_process_are_removed_with_the_lock(tmp_path: Path) -> None:
    partial = Partial(tmp_path, RUN_ID)
    (partial.folder / "snapshots").mkdir(parents=True)
    for name in (
        ".state-00000005.safetensors.0123456789abcdef.tmp",
        "snapshots/.s.0123456789abcdef.tmp",
        "notes.txt",
    ):
        (partial.folder / name).touch()
    with partial.lock():
        assert [path.name for path in partial.folder.rglob("*") if path.is_file()] == ["notes.txt"]


def test_mistakes_in_the_order_of_calls_are_errors(tmp_path: Path) -> None:
    partial = Partial(tmp_path, RUN_ID)
    calls: list[Callable[[], object]] = [
        lambda: partial.save_state(1, {}, {}),
        lambda: partial.save_snapshot(1, {}, "float16"),
        partial.snapshot_steps,
        partial.snapshot_files,
    ]
    for call in [*calls, partial.load_state, partial.clear]:
        with pytest.raises(RuntimeError, match="lock"):
            call()
    with partial.lock():
        for call in calls:
            with pytest.raises(RuntimeError, match="load_state"):
                call()
        partial.load_state()
    with pytest.raises(RuntimeError, match="lock"):
        partial.load_state()


def test_a_full_disk_leaves_the_states_before(partial: Partial, monkeypatch: pytest.MonkeyPatch) -> None:
    partial.save_state(3, arrays_at(3), {})
    real = partial_module.write_atomic

    def full(path: Path, content: bytes) -> None:
        raise LabError("the disk is full")

    monkeypatch.setattr(partial_module, "write_atomic", full)
    with pytest.raises(LabError, match="full"):
        partial.save_state(7, arrays_at(7), {})
    monkeypatch.setattr(partial_module, "write_atomic", real)
    found = reopened(partial).load_state()
    assert found is not None
    assert found[0] == 3


def test_a_path_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    partial = Partial(tmp_path.joinpath(*["d" * 200] * 30), RUN_ID)
    for ask in (partial.newest_step, partial.is_locked):
        with pytest.raises(LabError, match=r"^cannot read .*: the name is too long for this file system; name another"):
            ask()


def test_the_store_gives_the_working_state_of_a_run(store: Store, tiny: Any) -> None:
    assert store.partial(tiny.spec).folder == store.data / "partial" / tiny.spec.run_id
    assert store.partial(tiny.spec.run_id).run_id == tiny.spec.run_id
