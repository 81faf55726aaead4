"""Quarto's cache is that of the present sources, whatever was edited, interrupted or damaged in between."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sample_books import write_book

from modaddlab.errors import LabError
from modaddlab.report import executions
from modaddlab.report.executions import LIVE, begin, caches, end

CHECKOUT = Path(__file__).resolve().parents[2]
STATE = Path(".cache/jupyter/quarto.json")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A book with chapters in two folders and a package of one module."""
    monkeypatch.delenv("MODADDLAB_DATA", raising=False)
    monkeypatch.delenv("JUPYTERCACHE", raising=False)
    write_book(tmp_path, {"index.qmd": "# T\n", "part/a.qmd": "# A\n"})
    (tmp_path / "modaddlab").mkdir()
    edit(tmp_path, 1)
    return tmp_path


def edit(root: Path, value: int) -> None:
    (root / "modaddlab/a.py").write_text(f"x = {value}\n")


def execute(root: Path, value: int) -> None:
    """What Quarto leaves beside the chapters."""
    for folder in (root, root / "part"):
        (folder / LIVE).mkdir(exist_ok=True)
        (folder / LIVE / "output").write_text(str(value))


def render(root: Path, value: int) -> None:
    begin(root)
    execute(root, value)
    end(root)


def live(root: Path) -> set[str]:
    """What the next render would take from the caches in place."""
    return {path.read_text() for path in root.rglob(f"{LIVE}/output")}


@pytest.mark.parametrize("file_systems", [1, 2])
def test_a_change_empties_the_cache_and_going_back_brings_it_back(
    root: Path, file_systems: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(old: Path, new: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(old))

    if file_systems == 2:  # .cache lies on another one
        monkeypatch.setattr(os, "rename", rename)
    render(root, 1)
    begin(root)
    assert live(root) == {"1"}
    end(root)
    edit(root, 2)
    begin(root)
    assert live(root) == set()
    execute(root, 2)
    end(root)
    edit(root, 1)
    begin(root)
    assert live(root) == {"1"}


def test_only_the_last_few_are_kept(root: Path) -> None:
    for value in range(executions.KEPT + 3):
        edit(root, value)
        render(root, value)
    aside = [path.read_text() for path in (root / ".cache").rglob("output")]
    assert len(set(aside)) == executions.KEPT
    assert live(root) == {str(executions.KEPT + 2)}


def test_what_was_executed_before_an_interruption_is_not_lost(root: Path) -> None:
    begin(root)
    execute(root, 1)
    begin(root)
    assert live(root) == {"1"}


@pytest.mark.parametrize("back", [True, False])
def test_an_edit_during_an_interrupted_render_leaves_nothing_stale(root: Path, back: bool) -> None:
    begin(root)
    edit(root, 2)
    execute(root, 2)
    if back:
        edit(root, 1)
    begin(root)
    assert live(root) == set()
    execute(root, 1 if back else 2)
    end(root)
    edit(root, 2 if back else 1)
    begin(root)
    assert live(root) == set()


def test_a_copy_with_an_older_date_is_an_edit(root: Path) -> None:
    begin(root)
    old = (root / "modaddlab/a.py").stat().st_mtime - 100
    edit(root, 1)
    os.utime(root / "modaddlab/a.py", (old, old))
    execute(root, 2)
    begin(root)
    assert live(root) == set()


@pytest.mark.parametrize("back", [True, False])
def test_an_edit_during_a_render_is_told_at_its_end(root: Path, back: bool) -> None:
    begin(root)
    edit(root, 2)
    execute(root, 2)
    if back:
        edit(root, 1)
    with pytest.raises(LabError, match="changed during the render"):
        end(root)
    begin(root)
    assert live(root) == set()


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"fingerprint": 3}'])
def test_caches_of_which_nothing_is_known_are_not_used(root: Path, text: str | None) -> None:
    render(root, 1)
    (root / STATE).unlink() if text is None else (root / STATE).write_text(text)
    begin(root)
    assert live(root) == set()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_in_the_place_of_the_state_is_not_waited_for(root: Path) -> None:
    render(root, 1)
    (root / STATE).unlink()
    os.mkfifo(root / STATE)
    begin(root)
    assert live(root) == set()
    assert (root / STATE).is_file()


def test_an_interrupted_exchange_leaves_nothing_stale(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render(root, 1)
    edit(root, 2)
    moves = iter([None])

    def move(old: Path, new: Path) -> None:
        next(moves)
        shutil.move(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(executions, "_move", move)
        patch.setattr(executions, "_aside", lambda root, name, folder: root / f"aside-{name}-{folder.name}")
        with pytest.raises(StopIteration):
            begin(root)
    begin(root)
    assert live(root) == set()


def test_two_quartos_with_different_sources_do_not_share(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = psutil.Process(os.getppid())
    monkeypatch.setattr(executions, "_quarto", lambda: (other.pid, other.create_time()))
    begin(root)
    monkeypatch.setattr(executions, "_quarto", lambda: (os.getpid(), 1.0))
    begin(root)  # the same sources
    end(root)
    edit(root, 2)
    with pytest.raises(LabError, match=f"process {other.pid}"):
        begin(root)
    monkeypatch.setattr(executions, "_quarto", lambda: (other.pid, other.create_time()))
    with pytest.raises(LabError, match="changed during the render"):
        end(root)
    monkeypatch.setattr(executions, "_quarto", lambda: (os.getpid(), 1.0))
    begin(root)


def test_an_owner_that_is_gone_does_not_count(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "_quarto", lambda: (os.getppid(), 1.0))  # a process with this number started later
    begin(root)
    execute(root, 1)
    monkeypatch.setattr(executions, "_quarto", lambda: None)
    edit(root, 2)
    begin(root)
    assert live(root) == set()


def test_another_place_of_the_cache_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERCACHE", "/elsewhere")
    with pytest.raises(LabError, match="JUPYTERCACHE"):
        begin(root)


def test_the_comparison_reads_the_present_caches_only(root: Path) -> None:
    render(root, 1)
    assert caches(root) == [root / LIVE, root / "part" / LIVE]
    edit(root, 2)
    assert caches(root) == []


def step(root: Path, name: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = str(CHECKOUT / "modaddlab/report/quarto_step.py")
    clean = {key: value for key, value in os.environ.items() if key not in ("MODADDLAB_DATA", "JUPYTERCACHE", "PYTHONPATH")}
    command = [sys.executable, *options, script, name]
    return subprocess.run(command, cwd=root, env=clean | environment, capture_output=True, text=True, check=False)


def test_quarto_runs_both_steps_as_a_file(root: Path) -> None:
    for name in ("begin", "end"):
        done = step(root, name)
        assert done.returncode == 0, done.stderr
    assert not (root / "_environment").exists(), "a preview ends when this file changes"
    refused = step(root, "begin", JUPYTERCACHE="/elsewhere")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("made", [True, False])
def test_a_bare_python_says_which_environment_to_activate(root: Path, made: bool) -> None:
    script = Path(".venv/bin/activate")
    if made:
        (root / script).parent.mkdir(parents=True)
        (root / script).touch()
    done = step(root, "begin", "-S")  # without the installed packages
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert str(script) in line
    assert ("make site" in line) != made


def test_the_project_runs_the_steps_and_git_is_told_what_quarto_leaves() -> None:
    lines = (CHECKOUT / "_quarto.yml").read_text().splitlines()
    assert "  pre-render: modaddlab/report/quarto_step.py begin" in lines
    assert "  post-render: modaddlab/report/quarto_step.py end" in lines
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    assert {"/.quarto/", "**/*.quarto_ipynb"} <= set(ignored), "Quarto adds these lines where it does not find them"
