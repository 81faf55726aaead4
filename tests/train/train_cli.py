"""What the tests of `python -m modaddlab.train` share: a small run, ways to call the command, to interrupt it and to watch it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import with_overrides
from modaddlab.train import main
from modaddlab.training import loop

ROOT = Path(__file__).parents[2]
SMALL = ("task.p=7", "model.d_model=8", "model.n_heads=2", "model.d_head=4", "model.d_mlp=12")
TINY = [argument for assignment in SMALL for argument in ("--set", assignment)]
SHORT = ["debug", *TINY, "--set", "steps=60"]
NUMBERS = r"train loss \d\.\de[+-]\d\d, accuracy [\d.]+%  test loss \d\.\de[+-]\d\d, accuracy [\d.]+%"


def specification(arguments: list[str]):
    assignments = [arguments[i + 1] for i, argument in enumerate(arguments) if argument == "--set"]
    return with_overrides(catalogue.named(arguments[0]), assignments)


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every path with its modification time and content."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch, times: int = 1, number: signal.Signals = signal.SIGINT) -> None:
    """Ctrl-C, or another signal, while that step is computed."""
    advance = loop._Training.advance

    def interrupting(training: loop._Training):
        if training.block.step <= step <= training.runs[0].next_row:
            for _ in range(times):
                signal.raise_signal(number)
        return advance(training)

    monkeypatch.setattr(loop._Training, "advance", interrupting)


def program(arguments: list[str], *, line_seconds: float = 10.0, row_seconds: float = 0.0) -> list[str]:
    """The command, with faster lines and slower rows, so that a test can watch it."""
    code = (
        "import sys, time; from modaddlab.training import display, measures; from modaddlab.train import main\n"
        f"display.LINE_SECONDS = {line_seconds}; row = measures.Measures.row\n"
        f"measures.Measures.row = lambda *of: (time.sleep({row_seconds}), row(*of))[1]\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", code, *arguments]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "TERM": "xterm"}
