"""The README's Python is true: its examples are run, on smaller runs."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pytest

from modaddlab.train import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(title: str, language: str) -> list[str]:
    """The code of a section."""
    section = re.split(rf"^## {title}$", README, flags=re.M)[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    return tmp_path


def test_use_it_from_python(folder: Path) -> None:
    (code,) = blocks("Use it from Python", "python")
    names: dict[str, object] = {}
    shorter = code.replace('{"optim.weight_decay": 0.3}', '{"optim.weight_decay": 0.3, "steps": 300}')
    assert shorter != code
    exec(shorter, names)
    assert (folder / "curves.pdf").stat().st_size
    assert len(list((folder / "my-runs" / "runs").iterdir())) == 1


def test_a_sweep_of_ones_own(folder: Path) -> None:
    (file,) = blocks("Sweeps", "toml")
    shorter = file.replace("steps = 3000", "steps = 30").replace('"0-9"', '"0-1"')
    (folder / "my-sweep.toml").write_text(shorter)
    assert main(["--sweep", "my-sweep.toml", "--data", "my-runs", "--workers", "1"]) == 0
    code = next(code for code in blocks("Sweeps", "python") if "outcomes" in code)
    names: dict[str, object] = {}
    exec(code, names)
    assert len(names["found"].rows) == 6  # type: ignore[attr-defined]
    assert (folder / "my-sweep.pdf").stat().st_size
