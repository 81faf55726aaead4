"""A sweep of one's own on the command line: trained, taken up again, listed, drawn, and read as outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from train_cli import TINY, run

from modaddlab import Store
from modaddlab.errors import LabError
from modaddlab.findings import outcomes

FILE = """
run = "mlp-grokking"
p = 7
seeds = [0, 1]
[set]
optim.lr = [1e-4, 1e-2]
steps = 40
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(FILE)
    return path


def test_a_grid_is_listed_trained_and_not_trained_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(tmp_path / "data")]
    grid = ["debug", *TINY, "--set", "steps=20,30", "--seeds", "0-1", "--workers", "1", *data]
    code, out, _ = run([*grid, "--dry-run"], capsys)
    assert code == 0
    assert "4 runs: 0 done, 0 partly, 4 to do" in out
    assert "seed=1 steps=30" in out
    assert "of memory" in out
    assert not (tmp_path / "data").exists()
    first = run(["debug", *TINY, "--set", "steps=20", *data], capsys)
    assert first[0] == 0
    assert "debug: 4 runs, 1 trained before, 3 trained now" in run(grid, capsys)[2]
    assert len(Store(tmp_path / "data").runs("debug")) == 4
    found = outcomes.sweep(data=tmp_path / "data")
    assert found.varies == ("steps",)
    assert {value: point.n for value, point in found.points.items()} == {20: 2, 30: 2}


def test_a_file_is_trained_as_a_batch_drawn_and_read(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    command = ["--sweep", str(mine), "--replicas", "4", "--threads", "1", "--data", str(data), "--figure"]
    code, out, err = run([*command, str(tmp_path / "grokked.svg")], capsys)
    assert code == 0
    assert "mine: 4 runs, 0 trained before, 4 trained now" in err
    assert out == f"{tmp_path / 'grokked.svg'}: 4 of 4 runs\n"
    assert "<svg" in (tmp_path / "grokked.svg").read_text(encoding="utf-8")
    assert run([*command, str(tmp_path / "grokked.png"), "--dry-run"], capsys)[0] == 0
    assert (tmp_path / "grokked.png").read_bytes().startswith(b"\x89PNG")
    found = outcomes.sweep(mine, data=data)
    assert found.varies == ("optim.lr",)
    assert {lr: [row.spec.seed for row in point.rows] for lr, point in found.points.items()} == {1e-4: [0, 1], 1e-2: [0, 1]}
    assert found.table[0]["steps to grok"] == found.points[1e-4].words
    shown = found._repr_html_()
    assert shown.count("<tr>") == 3
    assert "<svg" in shown
    assert outcomes.sweep(data=data, varies=("seed", "optim.lr")).points[(1, 1e-2)].n == 1
    with pytest.raises(LabError, match="no run has a field 'lr'"):
        outcomes.sweep(data=data, varies=("lr",))


def test_a_wrong_figure_is_refused_before_training(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["--sweep", str(mine), "--data", str(tmp_path / "data"), "--figure", "x.gif"], capsys)
    assert (code, err) == (2, "modaddlab: --figure x.gif must end in .svg or .png\n")
    assert not (tmp_path / "data").exists()
