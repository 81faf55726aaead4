"""Hostile names and values: whatever a name, a `--set` or a data folder says, nothing appears outside the data folder.

Every command here is given in earnest, to networks so small that they are trained in milliseconds, with the data folder in
the middle of a tree; the rest of the tree must be as it was.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from modaddlab import verify
from modaddlab.errors import LabError
from modaddlab.experiments.overrides import field_names
from modaddlab.experiments.spec import RunSpec
from modaddlab.store import Store, files
from modaddlab.store.record import RUN_ID, inspect, manifest_json
from modaddlab.train import main

often = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

SMALL = [
    word
    for setting in ("task.p=5", "model.d_model=2", "model.n_heads=1", "model.d_head=2", "model.d_mlp=2", "steps=1")
    for word in ("--set", setting)
]
WORST = [
    *(
        "..",
        ".",
        "../evil",
        "../../evil",
        "a/../../evil",
        "/tmp/evil",
        "//evil",
        "a/b",
        "a\\..\\b",
        "~",
        "~root",
        "$HOME",
        "`id`",
    ),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "a\nb",
        "a\r",
        "\x1b[2J",
        "-rf",
        "--data",
        "-",
        ".hidden",
        "con",
        "nul",
        "com1",
        "aux.txt",
        "a" * 300,
    ),
    *(
        "a" * 61,
        "a" * 60,
        "a.",
        "a..b",
        "\u2024\u2024/x",
        "\uff0e\uff0e\uff0fevil",
        "\u2215etc",
        "\u212a",
        "\u0430bc",
        "A",
        "\udcff",
    ),
    *("data", "runs", "partial", "publish.lock", ".new-a-0123456789-0123456789abcdef", "%2e%2e%2f", "{0}", "[bold]a[/bold]"),
]
LETTERS = st.sampled_from("ab./\\-~\0\n\r\t :*?\"<>|$`'\u2024\uff0f\u202e\u0430\u00e9A0")
NAMES = st.sampled_from(WORST) | st.text(LETTERS, max_size=12) | st.text(max_size=20)


def tree(folder: Path) -> dict[str, Any]:
    """Every path with what it is: its content, or where it leads."""
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder around a data folder; it is also the home and the current folder, so that nothing relative gets away."""
    for name in ("evil", "etc", "tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path / "elsewhere"))
    return tmp_path


def give(place: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Give the command with the data folder `place/data`; what lies outside of it must stay as it is."""
    before = {path: content for path, content in tree(place).items() if path.partition("/")[0] != "data"}
    code = main([*arguments, "--threads", "1", "--data", str(place / "data")])
    after = {path: content for path, content in tree(place).items() if path.partition("/")[0] != "data"}
    assert after == before
    said = capsys.readouterr().err
    if code:
        assert code == 2
        assert said.startswith("modaddlab")
        assert said.count("\n") == 1, said
        assert said[:-1].isprintable(), said
    return code, said


@often
@given(NAMES)
@example("good.name-1")
def test_the_name_of_a_run(place: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, _ = give(place, "debug", *SMALL, "--set", f"name={name}", capsys=capsys)
    stripped = name.strip()
    good = 0 < len(stripped) <= 60 and ".." not in stripped and stripped[0] in "abcdefghijklmnopqrstuvwxyz0123456789"
    good = good and set(stripped) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert code == (0 if good else 2)
    runs = place / "data" / "runs"
    for path in runs.iterdir() if runs.is_dir() else []:
        assert RUN_ID.fullmatch(path.name)
    assert not good or any(path.name.startswith(f"{stripped}-") for path in runs.iterdir())


@often
@given(st.sampled_from([*field_names(), "model.kind", "__class__", "../x", ""]), NAMES)
@example("name", "x\ny")
@example("steps", "1\n2")
@example("optim.lr", "9" * 5000)
def test_the_value_of_any_field(place: Path, capsys: pytest.CaptureFixture[str], field: str, value: str) -> None:
    give(place, "debug", *SMALL, "--set", f"{field}={value}", "--dry-run", capsys=capsys)
    assert not (place / "data").exists()


@often
@given(NAMES.filter(lambda name: name[:1] != "-"))
def test_the_name_of_a_run_to_train_verify_or_sweep(place: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    for arguments in ([name], ["--sweep", name], ["--verify", name], ["debug", name]):
        code, _ = give(place, *arguments, capsys=capsys)
        assert code == 2
    assert not (place / "data").exists()


@pytest.fixture
def record_folder(place: Path) -> Path:
    assert main(["debug", *SMALL, "--threads", "1", "--data", str(place / "data")]) == 0
    (folder,) = (place / "data" / "runs").iterdir()
    return folder


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def is_run(content: bytes, run_id: str) -> bool:
    try:
        return RunSpec.from_dict(json.loads(content)).run_id == run_id
    except (LabError, ValueError):
        return False


@often
@given(st.data())
def test_a_specification_on_disk_with_a_hostile_value(place: Path, record_folder: Path, data: st.DataObject) -> None:
    """The manifest agrees with the file; so it is the content alone that gives it away."""
    good = {path: path.read_bytes() for path in record_folder.rglob("*") if path.is_file()}
    before = tree(place)
    spec = json.loads(good[record_folder / "spec.json"])
    table, field = data.draw(st.sampled_from([(None, name) for name in spec] + [("model", "d_mlp"), ("record", "weights")]))
    (spec[table] if table else spec)[field] = data.draw(JSON)
    content = json.dumps(spec).encode("utf-8", "surrogatepass")
    entries = {
        path.relative_to(record_folder).as_posix(): files.FileEntry.of(content if path.name == "spec.json" else there)
        for path, there in good.items()
        if path.name != "manifest.json"
    }
    (record_folder / "spec.json").write_bytes(content)
    (record_folder / "manifest.json").write_bytes(manifest_json(record_folder.name, entries))
    store = Store(place / "data")
    try:
        if not is_run(content, record_folder.name):  # a table left out may stand for its defaults
            with pytest.raises(LabError, match=r"spec\.json") as caught:
                store.open(record_folder.name)
            assert "\n" not in str(caught.value)
            assert [name for name, problem in inspect(store.data, record_folder.name) if problem] == ["spec.json"]
            assert verify.main(["--data", str(store.data)]) == 1
    finally:
        for path, there in good.items():
            path.write_bytes(there)
    assert tree(place) == before


@often
@given(NAMES)
@example("snapshots/../../../evil/mine")
@example("snapshots/step-00000000.safetensors\n")
def test_a_manifest_that_lists_a_hostile_path(place: Path, record_folder: Path, name: str) -> None:
    manifest = json.loads((record_folder / "manifest.json").read_text())
    manifest["files"][name] = {"sha256": files.FileEntry.of(b"mine").sha256, "bytes": 4}
    good = (record_folder / "manifest.json").read_bytes()
    before = tree(place)
    (record_folder / "manifest.json").write_bytes(json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n")
    try:
        with pytest.raises(LabError, match=r"manifest\.json: key 'files' lists .*, which no record has") as caught:
            Store(place / "data").open(record_folder.name)
        assert "\n" not in str(caught.value)
    finally:
        (record_folder / "manifest.json").write_bytes(good)
    assert tree(place) == before


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300, "a\0b", "loop", "/dev/null", "/proc/nothing"])
def test_a_data_folder_that_cannot_be_one(place: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (place / "file").write_text("mine")
    (place / "loop").symlink_to(place / "loop")
    before = tree(place)
    for arguments in (["debug", *SMALL, "--threads", "1"], ["--verify"]):
        code = main([*arguments, "--data", name if name.startswith("/") else str(place / name)])
        said = capsys.readouterr().err
        assert code == 2
        assert said.count("\n") == 1, said
    assert tree(place) == before


def test_what_a_command_suggests_is_safe_to_paste(place: Path) -> None:
    data = place / "a folder; rm -rf $HOME `id`"
    with pytest.raises(LabError) as caught:
        Store(data).open(RunSpec(name="x", steps=3))
    command = str(caught.value).partition("train it: ")[2]
    assert shlex.split(command)[-2:] == ["--data", str(data)]
