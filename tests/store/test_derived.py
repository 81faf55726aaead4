"""Results kept by content: computed once, never stale, never half."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from modaddlab import Study, paths
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
    question = {"digest": "d" * 64, "what": "analysis.f", "arguments": {"n": 3}, "version": lambda: "a"} | changes
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


def test_other_code_is_another_computation(tmp_path: Path) -> None:
    compute = Counter()
    for version in ("a", "b", "b", "a"):
        ask(tmp_path, compute, version=lambda version=version: version)
    assert compute.calls == 2


def test_a_process_whose_source_has_changed_neither_reads_nor_keeps(tmp_path: Path) -> None:
    compute = Counter()
    ask(tmp_path, compute)
    for n in (3, 4):
        np.testing.assert_array_equal(ask(tmp_path, compute, arguments={"n": n}, version=lambda: None)["x"], RESULT["x"])
    assert compute.calls == 3
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1


def test_what_was_computed_while_the_source_changed_is_not_kept(tmp_path: Path) -> None:
    versions = iter(("a", None))  # a file is saved in the middle
    np.testing.assert_array_equal(ask(tmp_path, Counter(), version=lambda: next(versions))["x"], RESULT["x"])
    assert list(tmp_path.rglob("*.safetensors")) == []


WARM = """
import pathlib, sys
from modaddlab import Study, fourier
study = Study.open("debug")
study.phases
module = pathlib.Path("modaddlab/analysis/keys.py")
module.write_text(module.read_text() + sys.argv[1])
print(study.keys)
"""

NEWER = """

def compare_rules(*arrays, old=compare_rules):
    return RuleComparison(**{**vars(old(*arrays)), "majority": (1, 2)})
"""


def test_a_warm_process_does_not_keep_its_results_as_those_of_newer_code(tmp_path: Path) -> None:
    shutil.copytree(paths.ROOT / "modaddlab", tmp_path / "modaddlab", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(paths.ROOT / "_quarto.yml", tmp_path)  # the mark of a checkout, whose cache is in it

    def ask_process(program: str, *arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MODADDLAB_DATA": str(paths.ROOT / "data")}
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    before = ask_process(WARM, NEWER)
    assert before.strip() == str(Study.open("debug").keys)
    assert before.strip() != "(1, 2)"
    after = "from modaddlab import Study; print(Study.open('debug').keys)"
    assert ask_process(after).strip() == "(1, 2)"
    kept = list(tmp_path.rglob("*.safetensors"))
    assert len(kept) == 1  # the second process keeps its own


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
        go_on.wait(600)
        return compute()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, tmp_path, slowly)
        assert started.wait(600)
        second = pool.submit(ask, tmp_path, compute)
        go_on.set()
        for result in (first, second):
            np.testing.assert_array_equal(result.result(600)["x"], RESULT["x"])
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


def test_answers_of_old_code_are_removed_and_other_questions_keep_theirs(tmp_path: Path) -> None:
    ask(tmp_path, Counter(), arguments={"n": 4})
    compute = Counter()
    for version in "abcdef":
        ask(tmp_path, compute, version=lambda version=version: version)
    assert len(list(tmp_path.rglob("*.safetensors"))) == derived.KEPT + 1
    ask(tmp_path, compute, version=lambda: "f")
    assert compute.calls == 6


def test_an_argument_that_is_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="JSON"):
        ask(tmp_path, Counter(), arguments={"keys": {1, 2}})
