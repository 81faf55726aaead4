"""Data folders for the tests of the command line of training, and a terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from train_cli import ENVIRONMENT, ROOT, SHORT

from modaddlab.train import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the debug run and a short one."""
    data = tmp_path_factory.mktemp("trained")
    assert main(["debug", "--data", str(data), "--threads", "1"]) == 0
    assert main([*SHORT, "--data", str(data), "--threads", "1"]) == 0
    return data


@pytest.fixture
def data(trained: Path, tmp_path: Path) -> Path:
    """The same in the test's own folder."""
    return Path(shutil.copytree(trained, tmp_path / "data"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the book's data folder, even when it forgets --data."""
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path_factory.mktemp("default")))


@pytest.fixture
def terminal() -> Callable[[list[str]], tuple[int, str]]:
    """Runs a command on a terminal of 80 columns and returns its exit code and what it wrote there."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")

    def run_there(command: list[str]) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT) as process:
            os.close(theirs)
            written = b""
            try:
                while chunk := os.read(ours, 65536):
                    written += chunk
            except OSError:  # the other side was closed
                pass
            os.close(ours)
        return process.returncode, written.decode()

    return run_there
