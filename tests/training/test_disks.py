"""Training on a disk that is full, limited, read-only or forbidden: one line, an intact store, the same bits later."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks, limits and mounts of POSIX")

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
SETTINGS = ["task.p=11", "model.d_model=8", "model.n_heads=2", "model.d_head=4", "model.d_mlp=12", "steps=30"]
RUN = ["debug", *(word for setting in [*SETTINGS, "record.metrics_every=2", "record.snapshots=5"] for word in ("--set", setting))]


def complaints(what: str, data: Path, *before: str) -> list[str]:
    """The lines in which commands failed, without the data folder's path."""
    script = [sys.executable, "-W", "error", str(Path(__file__).with_name("bad_disks.py")), what, str(data), *RUN]
    done = subprocess.run([*before, *script], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [line.replace(str(data), "DATA") for line in json.loads(done.stdout)]


def own_disk(data: Path) -> list[str]:
    """A command before another that gives it a small file system of its own; skips where that is not allowed."""
    mount = f'mount -t tmpfs -o size=400k,nr_inodes=60 tmpfs "{data}" && exec "$@"'
    before = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    return before


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    lines = complaints("limited", tmp_path / "data")
    assert len(lines) == 6
    assert all(re.search(r"cannot write DATA/.*: the file would exceed the largest size allowed here", line) for line in lines)
    for part, count in {r"/state-\d+\.safetensors:": 3, r"/snapshots/step-\d+\.safetensors:": 2, "/runs/": 1}.items():
        assert sum(bool(re.search(part, line)) for line in lines) == count, lines


def test_a_read_only_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = complaints("read-only", data, *own_disk(data))
    assert len(lines) == 2
    assert all(re.search(r"cannot \w+ DATA.*: the file system is read-only; name another data folder", line) for line in lines)


def test_a_full_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    lines = complaints("full", data, *own_disk(data))
    assert all(re.search(r"cannot (write|lock) DATA/.*: the disk is full; free some space$", line) for line in lines), lines
    for part in (r"/debug-\w+\.lock:", r"/state-\d+\.safetensors:", r"/snapshots", "DATA/runs/"):
        assert any(re.search(part, line) for line in lines), (part, lines)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter; pytest's own are the user's alone."""
    folder = Path(tempfile.mkdtemp(prefix="modaddlab-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=True)
    shutil.rmtree(folder)


def test_a_folder_of_somebody_else(open_folder: Path) -> None:
    lines = complaints("forbidden", open_folder / "data")
    assert len(lines) == 5
    assert all(re.search(r"cannot \w+ DATA.*: permission denied; change the permissions or name another", line) for line in lines)
    for line, part in zip(lines, ["DATA/partial", "DATA/runs", "manifest.json", "final.safetensors", "state-"], strict=True):
        assert part in line
