"""Command lines: what a user or the machine causes is one line and an exit code; a defect of ours keeps its traceback."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modaddlab
from modaddlab import LabError, command, verify
from modaddlab.report import __main__ as report

ROOT = Path(__file__).parent.parent


def fails_with(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


def too_large_for_numpy() -> int:
    return len(np.empty((2**40, 2**10)))


def too_large_for_torch() -> int:
    return len(torch.empty(2**50))


def gpu_too_small() -> int:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nGPU 0 has ...")


def full_disk() -> int:
    raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/file")


class TooManyFilesError(Exception):
    """As ZeroMQ says it."""

    errno = errno.EMFILE


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (fails_with(LabError("no such run")), "mine: no such run"),
        (too_large_for_numpy, "mine: the memory does not suffice (Unable to allocate"),
        (too_large_for_torch, "mine: the memory does not suffice ("),
        (gpu_too_small, "mine: the memory does not suffice (CUDA out of memory. Tried to allocate 20.00 GiB.); make"),
        (fails_with(MemoryError()), "mine: the memory does not suffice; make the network smaller"),
        (fails_with(RuntimeError("std::bad_alloc")), "mine: the memory does not suffice (std::bad_alloc); make"),
        (full_disk, "mine: cannot use /somewhere/file: the disk is full; free some space"),
        (fails_with(OSError(errno.ENOSPC, "?", "/from", None, "/to")), "mine: cannot use /to: the disk is full; free some space"),
        (fails_with(OSError(errno.ELOOP, "?", "/somewhere/link")), "mine: cannot use /somewhere/link: links lead in a circle;"),
        (fails_with(TooManyFilesError("Too many open files")), "mine: too many files are open at once; raise the limit"),
        (
            lambda: importlib.import_module("dask_jobqueue"),
            "mine: the package dask_jobqueue is not installed; in the checkout: pip",
        ),
    ],
)
def test_what_a_user_can_cause_is_a_line(body: Callable[[], Any], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(body, name="mine") == 2
    said = capsys.readouterr().err
    assert said.startswith(words)
    assert said.count("\n") == 1


def test_ctrl_c_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(fails_with(KeyboardInterrupt()), name="mine", interrupted="stopped") == 130
    assert capsys.readouterr().err == "mine: stopped\n"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
def test_ctrl_c_ends_a_command_that_is_still_being_imported(tmp_path: Path) -> None:
    """Also where the import would swallow it, as a bare `except` around one does."""
    swallows = "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\nexcept:\n    pass\nimport random\n"
    (tmp_path / "numpy.py").write_text(swallows)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-m", "modaddlab.verify"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_is_heeded_again_when_the_command_begins() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        command.loading()
        assert command.run(lambda: signal.raise_signal(signal.SIGINT)) == 130
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as `nohup` and `&` have it
        command.loading()
        assert command.run(lambda: signal.raise_signal(signal.SIGINT)) == 0
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "error", [KeyError("x"), OSError(errno.EINVAL, "?"), RuntimeError("shapes"), ModuleNotFoundError(name="os")]
)
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        command.run(fails_with(error))


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize(
    ("module", "arguments"), [("modaddlab.train", ["--sweep", "two-layer", "--dry-run"]), ("modaddlab.verify", ["debug"])]
)
def test_output_that_nobody_reads_ends_a_command_silently(module: str, arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=nobody, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_output_onto_a_full_disk_is_a_line() -> None:
    with open("/dev/full", "wb") as full:
        run = [sys.executable, "-m", "modaddlab.train", "--list-fields"]
        done = subprocess.run(run, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "modaddlab: cannot use the output: the disk is full; free some space\n")


@pytest.mark.skipif(os.name != "posix", reason="closes descriptors as a shell does")
@pytest.mark.parametrize("closed", ["0<&-", ">&-", "2>&-", "0<&- >&- 2>&-"])
def test_a_closed_stream_is_an_empty_one_whose_number_no_file_gets(closed: str, tmp_path: Path) -> None:
    program = (
        "import sys; from modaddlab import command; from pathlib import Path\n"
        "def body():\n"
        "    with open('kept', 'w') as file:\n"
        "        print(sys.stdin.read(), 'x', file=sys.stdout), print('x', file=sys.stderr)\n"
        "        file.write(str(file.fileno() > 2))\n"
        "sys.exit(command.run(body))"
    )
    line = f'"$1" -c "$2" {"" if "0" in closed else "</dev/null"} {closed}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", line, "sh", sys.executable, program], cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, (tmp_path / "kept").read_text()) == (0, "True"), done.stderr.decode()


def test_every_command_line_complains_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for main in (verify.main, report.main):
        assert main(["--nonsense"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "--help shows every option" in said


def test_a_missing_extra_is_a_line() -> None:
    program = "import sys; sys.modules['yaml'] = None; from modaddlab.report.__main__ import main; sys.exit(main(['render']))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    line = "error: the package yaml is not installed; in the checkout: pip install -e '.[book]'\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_a_missing_extra_of_a_public_name_is_a_lab_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.delattr(modaddlab, "figures", raising=False)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(LabError, match=r"matplotlib is not installed; in the checkout: pip install -e '\.\[book\]'"):
        modaddlab.figures  # noqa: B018
