"""Real processes that are killed, stopped, or meet each other: the run ends once, with the bits of an undisturbed one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modaddlab import train, verify
from modaddlab.store.store import Store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="forks and signals")

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
SETTINGS = ["task.p=11", "model.d_mlp=12", "record.snapshots=6"]
RUNS = {
    "transformer": [
        *("debug", *SETTINGS, "steps=60", "record.metrics_every=4"),
        *("model.d_model=8", "model.n_heads=2", "model.d_head=4"),
    ],
    "two-layer": ["mlp-standard", *SETTINGS, "steps=6000", "record.metrics_every=60"],
}
SEED = int(os.environ.get("MODADDLAB_KILL_SEED", "1"))
"""Draws the moments of the kills; another one looks at other moments."""


def words(network: str) -> list[str]:
    """The command's words for a small run: its name and its settings."""
    name, *settings = RUNS[network]
    return [name, *(word for setting in settings for word in ("--set", setting))]


@pytest.mark.parametrize(("network", "n_kills"), [("transformer", 12), ("two-layer", 8)])
def test_a_run_that_is_killed_at_random_points_ends_with_the_same_bits(network: str, n_kills: int, tmp_path: Path) -> None:
    data, again = tmp_path / "data", f"MODADDLAB_KILL_SEED={SEED}"
    script = [sys.executable, "-W", "error", str(Path(__file__).with_name("killing.py"))]
    done = subprocess.run(
        [*script, str(data), str(SEED), str(n_kills), *words(network)],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, f"{again}\n{done.stderr}"
    result = json.loads(done.stdout)
    said = "\n".join(result["said"])
    assert sum(result["died"].values()) == n_kills
    assert len(result["died"]) >= 3, (again, result["died"])  # kinds of places: in a step, saving, publishing, ...
    assert "going on from step" in said, again
    assert result["finished"] >= 1, again
    assert "damaged" not in said, again

    assert train.main([*words(network), "--data", str(data), "--threads", "1"]) == 0, again  # after the last kill
    store = Store(data)
    (run_id,) = store.runs()
    assert store.open(run_id).digest == result["reference"], again
    assert verify.main(["--data", str(data)]) == 0


WATCHED = """
import sys, time
from pathlib import Path
from modaddlab.train import main
from modaddlab.training.measures import Measures
row, rows = Measures.row, []
def slow(*of):
    rows.append(of)
    if len(rows) == 3:
        (Path(sys.argv[1]) / "began").touch()
        while not (Path(sys.argv[1]) / "go").exists():
            time.sleep(0.01)
    return row(*of)
Measures.row = slow
sys.exit(main(sys.argv[2:]))
"""


def watched(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process that makes `folder/began` at its third row of metrics and waits there for `folder/go`."""
    command = [sys.executable, "-c", WATCHED, str(folder), *arguments, "--threads", "1"]
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)


def test_a_run_that_is_told_to_end_saves_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*words("two-layer"), "--data", str(tmp_path / "data")]
    process = watched(tmp_path, *arguments)
    wait_for(tmp_path / "began", process)
    process.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    _, said = process.communicate(timeout=600)
    assert process.returncode == 130, said
    assert re.search(r"stopped at step \d+; the same command goes on from there$", said.strip()), said
    assert not Store(tmp_path / "data").runs()

    assert train.main([*arguments, "--threads", "1"]) == 0
    assert "going on from step" in capsys.readouterr().err
    assert train.main([*words("two-layer"), "--data", str(tmp_path / "whole"), "--threads", "1"]) == 0
    (run_id,) = Store(tmp_path / "data").runs()
    assert Store(tmp_path / "data").open(run_id).digest == Store(tmp_path / "whole").open(run_id).digest


def test_two_commands_on_one_run_train_it_once(tmp_path: Path) -> None:
    arguments = [*words("two-layer"), "--data", str(tmp_path / "data")]
    first = watched(tmp_path, *arguments)
    wait_for(tmp_path / "began", first)
    second = watched(tmp_path, *arguments)
    assert second.stderr is not None
    assert "is being trained by another process; waiting for it" in second.stderr.readline()
    (tmp_path / "go").touch()
    said = [process.communicate(timeout=600)[1] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert re.search(r": trained in \d+ s;", said[0])
    assert re.search(r": was trained before in \d+ s;", said[1])
    assert verify.main(["--data", str(tmp_path / "data")]) == 0


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
