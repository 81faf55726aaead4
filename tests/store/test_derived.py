"""Results kept by content: computed once, never stale, never half."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from modaddlab.store import derived

RESULT = {"x": np.arange(6.0).reshape(2, 3), "flag": np.array(True)}


class Counter:
    """Computes a result and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return RESULT


def ask(folder: Path, compute: Callable[[], dict[str, np.ndarray]], **changes: object) -> dict[str, np.ndarray]:
    question = {"digest": "d" * 64, "what": "analysis.f", "arguments": {"n": 3}} | changes
    return derived.remember(**question, compute=compute, folder=folder)  # type: ignore[arg-type]


def entry(folder: Path) -> Path:
    (path,) = folder.rglob("*.safetensors")
    return path


def test_it_is_computed_once(tmp_path: Path) -> None:
    compute = Counter()
    first, second = ask(tmp_path, compute), ask(tmp_path, compute)
    assert compute.calls == 1
    for arrays in (first, second):
        assert set(arrays) == set(RESULT)
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, RESULT[name])
            assert array.dtype == RESULT[name].dtype
            assert not array.flags.writeable


@pytest.mark.parametrize("changes", [{"digest": "e" * 64}, {"what": "analysis.g"}, {"arguments": {"n": 4}}, {"arguments": {}}])
def test_another_question_is_another_computation(tmp_path: Path, changes: dict[str, object]) -> None:
    compute = Counter()
    ask(tmp_path, compute)
    ask(tmp_path, compute, **changes)
    assert compute.calls == 2


def test_other_code_is_another_computation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute = Counter()
    for version in ("a" * 16, "b" * 16, "b" * 16, "a" * 16):
        monkeypatch.setattr(derived, "code_version", lambda version=version: version)
        ask(tmp_path, compute)
    assert compute.calls == 2


def test_the_code_version_follows_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "modaddlab"
    for part in derived.NUMERICAL:
        path = package / part if part.endswith(".py") else package / part / "module.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1")
    (package / "figures").mkdir()
    monkeypatch.setattr(derived.paths, "ROOT", tmp_path)

    def version() -> str:
        derived.code_version.cache_clear()
        return derived.code_version()

    try:
        before = version()
        (package / "figures" / "theme.py").write_text("x = 2")
        assert version() == before
        for part in derived.NUMERICAL:
            path = package / part if part.endswith(".py") else package / part / "module.py"
            path.write_text("x = 3")
            after = version()
            assert after != before, part
            before = after
    finally:
        derived.code_version.cache_clear()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_a_damaged_entry_is_computed_again(tmp_path: Path, damage: str) -> None:
    compute = Counter()
    ask(tmp_path, compute)
    path = entry(tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-3] ^= 1
    changed = {"truncated": content[:-1], "flipped": content, "empty": b"", "foreign": b"not safetensors" * 20}[damage]
    path.write_bytes(changed)
    np.testing.assert_array_equal(ask(tmp_path, compute)["x"], RESULT["x"])
    assert compute.calls == 2
    ask(tmp_path, compute)
    assert compute.calls == 2


def test_another_question_s_entry_under_this_name_is_not_taken(tmp_path: Path) -> None:
    compute = Counter()
    ask(tmp_path, compute)
    path = entry(tmp_path)
    ask(tmp_path, compute, what="analysis.g")
    (other,) = set(tmp_path.rglob("*.safetensors")) - {path}
    path.write_bytes(other.read_bytes())
    ask(tmp_path, compute)
    assert compute.calls == 3


def test_two_at_once_compute_once(tmp_path: Path) -> None:
    started, go_on, compute = threading.Event(), threading.Event(), Counter()

    def slowly() -> dict[str, np.ndarray]:
        started.set()
        go_on.wait(20)
        return compute()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, tmp_path, slowly)
        assert started.wait(20)
        second = pool.submit(ask, tmp_path, compute)
        go_on.set()
        for result in (first, second):
            np.testing.assert_array_equal(result.result(20)["x"], RESULT["x"])
    assert compute.calls == 1


def test_a_failure_is_passed_on_and_not_kept(tmp_path: Path) -> None:
    def fails() -> dict[str, np.ndarray]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(tmp_path, fails)
    compute = Counter()
    ask(tmp_path, compute)
    assert compute.calls == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    compute = Counter()
    np.testing.assert_array_equal(ask(blocked, compute)["x"], RESULT["x"])
    assert compute.calls == 1
    assert blocked.read_text() == "in the way"


def test_results_of_old_code_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(6):
        monkeypatch.setattr(derived, "code_version", lambda index=index: f"{index:016x}")
        ask(tmp_path, Counter())
    assert sorted(path.name for path in tmp_path.iterdir())[-1] == f"{5:016x}"
    assert len(list(tmp_path.iterdir())) == derived.KEPT


def test_an_argument_that_is_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="JSON"):
        ask(tmp_path, Counter(), arguments={"keys": {1, 2}})
