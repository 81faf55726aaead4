"""`python -m modaddlab.train` as a program of its own: signals, plain lines, a terminal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from train_cli import ENVIRONMENT, NUMBERS, ROOT, SHORT, TINY, program, run, specification

from modaddlab.store.store import Store
from modaddlab.training import display, loop


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
def test_ctrl_c_leaves_a_resumable_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    longer = ["debug", *TINY, "--set", "steps=200"]
    arguments = [*longer, "--data", str(tmp_path), "--threads", "1"]
    command = program(arguments, line_seconds=0, row_seconds=0.1)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if "step 40/200" in line:
                process.send_signal(signal.SIGINT)
        code = process.wait()
    assert code == 130
    assert "Traceback" not in "".join(lines)
    stopped = re.search(r"stopped at step (\d+); the same command goes on from there$", lines[-1])
    assert stopped
    step = int(stopped[1])
    assert 40 < step < 200
    assert any(re.search(rf"step 40/200  [\d.]+ steps/s  \d:\d\d:\d\d left  {NUMBERS}", line) for line in lines)

    again, whole = tmp_path, tmp_path / "whole"
    code, _, err = run(arguments, capsys)
    assert code == 0
    assert f"going on from step {step} of 200" in err
    assert run([*arguments, "--data", str(whole)], capsys)[0] == 0
    spec = specification(longer)
    for name, value in Store(whole).open(spec).final.items():
        np.testing.assert_array_equal(Store(again).open(spec).final[name], value)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
def test_ctrl_c_ends_a_command_that_waits_for_another(tmp_path: Path) -> None:
    with Store(tmp_path).partial(specification(SHORT)).lock():
        command = program([*SHORT, "--data", str(tmp_path), "--threads", "1"])
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
            assert process.stderr is not None
            assert "is being trained by another process; waiting for it" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
    assert process.returncode == 130
    assert rest == "modaddlab: interrupted; what was saved is kept, and the same command goes on from there\n"


def test_a_terminal_shows_a_bar(tmp_path: Path, terminal: Callable[[list[str]], tuple[int, str]]) -> None:
    arguments = [*SHORT, "--data", str(tmp_path), "--threads", "1"]
    code, written = terminal(program(arguments, row_seconds=0.2))
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    run_id = specification(SHORT).run_id
    assert re.search(rf"{run_id} [━╸╺ ]+ +\d+/60 [\d.]+ steps/s 0:00:\d\d", plain)
    assert re.search(rf"^  {NUMBERS}$", plain.replace("\r", "\n"), re.M)
    bars = [line for line in re.split(r"[\r\n]+", plain) if "/60" in line or "train loss" in line]
    assert max(len(line) for line in bars if "trained in" not in line) <= 80
    assert f"{run_id}: trained in" in plain


def test_plain_lines_come_at_the_end_and_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    row: dict[str, float | np.ndarray] = {"train_loss": 0.5, "test_loss": 2.0, "train_accuracy": 0.75, "test_accuracy": 0.1}
    with display.Display() as shown:
        show = shown.run("mine")
        for step in range(0, 4001, 100):  # 5 s each
            show(loop.Status(step, 4000, row))
            clock[0] += 5.0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    numbers = "train loss 5.0e-01, accuracy 75.0%  test loss 2.0e+00, accuracy 10.0%"
    assert lines[0] == f"mine: step 200/4,000  20 steps/s  0:03:10 left  {numbers}"
    assert lines[-1] == f"mine: step 4,000/4,000  20 steps/s  0:00:00 left  {numbers}"
