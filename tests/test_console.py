"""The console script `modaddlab`: every command is that of its module."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import modaddlab
from modaddlab.__main__ import COMMANDS, main


def test_the_script_is_this_function() -> None:
    script = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]["scripts"]["modaddlab"]
    module, _, name = script.partition(":")
    assert getattr(importlib.import_module(module), name) is main


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_handed_its_words(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, first, _ = COMMANDS[name]
    heard: list[list[str]] = []
    monkeypatch.setattr(importlib.import_module(module), "main", lambda words: heard.append(words) or 3)
    assert main([name, "--data", "x", ""]) == 3
    assert heard == [[*first, "--data", "x", ""]]


def test_help_loads_none_of_them() -> None:
    program = "import sys; from modaddlab.__main__ import main; code = main(['--help']); print(*sys.modules); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert not {"numpy", "torch", "modaddlab.train", "modaddlab.report"} & set(done.stdout.split())


def test_what_is_no_command_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert capsys.readouterr().err.startswith("modaddlab: unknown command 'trian'; did you mean train?")
    assert main([]) == 2
    assert main(["--version"]) == 0
    assert modaddlab.__version__ in capsys.readouterr().out
