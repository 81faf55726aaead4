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


def complaints(kinds: str, data: Path, *before: str) -> list[list[str]]:
    """The lines in which commands failed on each kind of disk, without the data folder's path."""
    script = [sys.executable, "-W", "error", str(Path(__file__).with_name("bad_disks.py")), kinds, str(data), *RUN]
    done = subprocess.run([*before, *script], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [[line.replace(str(data), "DATA") for line in lines] for lines in json.loads(done.stdout)]


def own_disk(data: Path) -> list[str]:
    """A command before another that gives it a small file system of its own; skips where that is not allowed."""
    mount = f'mount -t tmpfs -o size=400k,nr_inodes=60 tmpfs "{data}" && exec "$@"'
    before = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    if not shutil.which("unshare") or subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    return before


def test_a_full_disk_and_a_read_only_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    full, read_only = complaints("full,read-only", data, *own_disk(data))
    assert all(re.search(r"cannot (write|lock) DATA/.*: the disk is full; free some space$", line) for line in full), full
    for part in (r"/debug-\w+\.lock:", r"/state-\d+\.safetensors:", r"/snapshots", "DATA/runs/"):
        assert any(re.search(part, line) for line in full), (part, full)
    assert len(read_only) == 2
    for line in read_only:
        assert re.search(r"cannot \w+ DATA.*: the file system is read-only; name another data folder", line)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter; pytest's own are the user's alone."""
    folder = Path(tempfile.mkdtemp(prefix="modaddlab-"))
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=True)
    shutil.rmtree(folder)


def test_a_limit_on_the_size_of_files_and_a_folder_of_somebody_else(open_folder: Path) -> None:
    limited, forbidden = complaints("limited,forbidden", open_folder / "data")
    assert len(limited) == 6
    assert all(re.search(r"cannot write DATA/.*: the file would exceed the largest size allowed here", line) for line in limited)
    for part, count in {r"/state-\d+\.safetensors:": 3, r"/snapshots/step-\d+\.safetensors:": 2, "/runs/": 1}.items():
        assert sum(bool(re.search(part, line)) for line in limited) == count, limited
    assert len(forbidden) == 5
    assert all(re.search(r"cannot \w+ DATA.*: permission denied; change the permissions or name", line) for line in forbidden)
    for line, part in zip(forbidden, ["DATA/partial", "DATA/runs", "manifest.json", "final.safetensors", "state-"], strict=True):
        assert part in line
