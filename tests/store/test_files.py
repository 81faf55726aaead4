"""Files: what is written is read back bit for bit, whole or not at all, and nothing leads out of the data folder."""

from __future__ import annotations

import ast
import errno
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import modaddlab.store
from modaddlab.errors import LabError
from modaddlab.store import files

once = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

DTYPES = st.sampled_from(["<f2", "<f4", ">f4", "<f8", ">f8", "<i8", ">i4", "u1", "?"])
ARRAYS = DTYPES.flatmap(
    lambda dtype: npst.arrays(np.dtype(dtype), npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@once
@given(st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda key: key != "__metadata__"), ARRAYS, max_size=4))
def test_arrays_survive_bit_for_bit(arrays: dict[str, np.ndarray]) -> None:
    content = files.to_safetensors(arrays, "text")
    back, text = files.from_safetensors(content)
    assert text == "text"
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        native = array.astype(array.dtype.newbyteorder("="))
        assert back[name].dtype == native.dtype
        assert back[name].shape == array.shape
        assert back[name].tobytes() == native.tobytes()  # NaN's bits included
        assert not back[name].flags.writeable
    assert files.to_safetensors(dict(reversed(arrays.items())), "text") == content


@pytest.mark.parametrize(
    "view",
    [np.s_[::2], np.s_[::-1], np.s_[:, 1:3], np.s_[:, None, 2]],
    ids=["stride", "reversed", "columns", "column"],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_views_are_stored_as_they_look(view: object, order: str) -> None:
    array = np.asarray(np.arange(20.0).reshape(4, 5), order=order)[view]  # type: ignore[index, call-overload]
    back, _ = files.from_safetensors(files.to_safetensors({"x": array}))
    np.testing.assert_array_equal(back["x"], array)


@once
@given(JSON)
def test_json_survives(content: object) -> None:
    assert files.from_json(files.to_json(content)) == content


def test_json_depends_on_content_alone() -> None:
    assert files.to_json({"b": 1, "a": [1.5]}) == files.to_json({"a": [1.5], "b": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        files.to_json({"a": float("nan")})


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"nan"])
def test_what_is_no_json_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        files.from_json(content)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["BOMB"],)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    content = pickle.dumps(_Bomb())
    for read in (files.from_safetensors, files.from_json):
        with pytest.raises(ValueError, match=r"safetensors|decode"):
            read(content)
    assert not (tmp_path / "exploded").exists()


def test_the_store_imports_neither_pickle_nor_torch() -> None:
    for path in Path(str(modaddlab.store.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {
                "pickle",
                "torch",
                "joblib",
                "dill",
                "shelve",
            }
            assert not (isinstance(node, ast.Attribute) and ast.unparse(node) in {"np.load", "numpy.load"}), path
    code = "import sys, modaddlab.store, modaddlab.verify; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EFBIG, "largest size"),
    ],
)
def test_a_failing_disk_is_one_line_and_changes_nothing(
    call: str, number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.json"
    files.write_atomic(target, b"old")

    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    if call == "write":

        class Full:
            def __init__(self, path: Path, mode: str) -> None:
                self.file = open(path, mode)  # noqa: SIM115

            def __enter__(self) -> Full:
                return self

            def __exit__(self, *error: object) -> None:
                self.file.close()

            def write(self, content: bytes) -> None:
                self.file.write(content[:1])
                fail()

        monkeypatch.setattr(files, "open", Full, raising=False)
    else:
        monkeypatch.setattr(files.os, call, fail)
    with pytest.raises(LabError, match=words) as caught:
        files.write_atomic(target, b"new content")
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert target.read_bytes() == b"old"


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="the folder is gone"):
        files.write_atomic(tmp_path / "missing" / "a.json", b"")


def test_an_interruption_leaves_no_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomic(tmp_path / "a.json", b"x")
    assert not list(tmp_path.iterdir())


def test_only_our_temporaries_are_removed(tmp_path: Path) -> None:
    keep = [".hidden", "a.tmp", ".a.json.tmp", ".a.0123456789abcdeg.tmp"]
    for name in [*keep, ".a.json.0123456789abcdef.tmp"]:
        (tmp_path / name).touch()
    files.remove_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(keep)
    files.remove_temporaries(tmp_path / "missing")


@once
@given(st.lists(st.text(max_size=12) | st.sampled_from(["..", ".", "/", "/etc", "a/../..", "link", "\0"]), max_size=3))
def test_no_name_leads_out_of_a_folder(tmp_path: Path, parts: list[str]) -> None:
    root = tmp_path / "data"
    root.mkdir(exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(tmp_path)
    path = root.joinpath(*parts)
    try:
        inside = os.path.realpath(path) == str(root) or os.path.realpath(path).startswith(f"{root}/")
    except ValueError:  # a NUL byte
        inside = False
    if inside:
        assert files.confined(root, *parts) == path
    else:
        with pytest.raises(LabError, match="leads out") as caught:
            files.confined(root, *parts)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("parts", [("..",), ("/etc",), ("link",), ("link", "x"), ("loop",), ("a\0",), ("a", "..", "..")])
def test_hostile_paths_are_refused(tmp_path: Path, parts: tuple[str, ...]) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "loop").symlink_to(root / "loop")
    with pytest.raises(LabError, match="leads out of the data folder"):
        files.confined(root, *parts)


def test_a_data_folder_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert files.confined(tmp_path / "data", "runs") == tmp_path / "data" / "runs"
