"""A render that is killed, at whichever change on the disk, costs nothing: the site is the old or the new one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks, signals, folders exchanged in both ways")

HERE = Path(__file__).parent


def killed(folder: Path, what: str) -> dict[str, int]:
    """How many kills left what behind."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
    command = [sys.executable, str(HERE / "killed_renders.py"), str(folder / "book"), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["found"]


@pytest.mark.parametrize("way", ["atomic", "by-renames"])
def test_a_render_that_is_killed_at_any_change_leaves_a_whole_site_and_the_next_one_is_right(way: str, tmp_path: Path) -> None:
    found = killed(tmp_path, way)
    assert found["old"] >= 10
    assert found["new"] >= 4
    assert found.get("none", 0) == (way != "atomic"), "between two renames the site is away, and the next render begins with it"


def test_outputs_that_are_kept_when_the_render_is_killed_are_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    found = killed(tmp_path, "cache")
    assert found["nothing"] >= 8
    assert found["whole"] >= 1
