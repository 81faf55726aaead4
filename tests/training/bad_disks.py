"""Gives the training command on disks that are full, limited, read-only or forbidden: `python bad_disks.py KINDS DATA RUN...`.

This process imports torch once and forks a child for every command, on one of the KINDS (with commas between them) after the
other. After each failure: one clear line, exit code 2, every record intact, nothing half-written among them; and when the disk
is good again, the same command ends with the same bits.
Prints as JSON which paths could not be written and why, for each kind.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from modaddlab import verify
from modaddlab.store import Partial, Store, derived
from modaddlab.train import main
from modaddlab.training import display, loop, machine

NOBODY = 65534
UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def command(arguments: list[str], prepare: Callable[[], object] = lambda: None) -> tuple[int, str]:
    """Give the command in a child: its exit code and what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reader)
            os.dup2(writer, 1)
            os.dup2(writer, 2)
            prepare()
            code = main(arguments)
            sys.stdout.flush()
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def complaint(outcome: tuple[int, str]) -> str:
    """The one line in which a command failed."""
    code, said = outcome
    assert code == 2, outcome
    assert "Traceback" not in said, said
    (line,) = [line for line in said.splitlines() if line.startswith("modaddlab")]
    assert said.endswith(f"{line}\n"), said
    return line


def require_intact(data: Path, n_records: int) -> None:
    """That many records, all whole, and nothing else beside them."""
    store, said = Store(data), io.StringIO()
    assert len(store.runs()) == n_records, store.runs()
    left = os.listdir(store.folder) if store.folder.is_dir() else []
    assert sorted(left) == store.runs(), left
    if store.folder.is_dir():
        with contextlib.redirect_stdout(said):
            assert verify.main(["--data", str(data)]) == 0, said.getvalue()


def finish(data: Path, run: list[str], reference: str) -> None:
    """The same command on a good disk ends with the same bits; then the record is removed."""
    code, said = command(run)
    assert code == 0, said
    store = Store(data)
    (run_id,) = (run_id for run_id in store.runs() if not run_id.startswith("first-"))
    assert store.open(run_id).digest == reference
    require_intact(data, len(store.runs()))
    shutil.rmtree(store.folder / run_id)


def failing_at(owner: type, name: str, number: int, fail: Callable[[], object]) -> Callable[[], None]:
    """For `prepare`: something happens at the n-th call of a method."""

    def prepare() -> None:
        real, seen = getattr(owner, name), [0]

        def call(*arguments: Any, **options: Any) -> Any:
            seen[0] += 1
            if seen[0] == number:
                fail()
            return real(*arguments, **options)

        setattr(owner, name, call)

    return prepare


def limited(data: Path, run: list[str], reference: str) -> list[str]:
    """No file may have more than 100 bytes, from some moment on."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

    lines = []
    for owner, name, number in [
        *((Partial, "save_state", number) for number in (1, 2, 12)),
        *((Partial, "save_snapshot", number) for number in (1, 4)),
        (Store, "publish", 1),
    ]:
        lines.append(complaint(command(run, failing_at(owner, name, number, limit))))
        require_intact(data, 1)
        finish(data, run, reference)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    require_kept_results_are_done_without(data.with_name("cache"), may_lie_there=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, UNLIMITED)
    return lines


def require_kept_results_are_done_without(cache: Path, may_lie_there: int) -> None:
    """A result is right on a disk that cannot keep it, and no half of it stays."""
    x = loop.np.arange(100_000.0)
    for _ in range(2):
        assert (derived.remember("d" * 64, "f", {}, lambda: {"x": x}, lambda: "a", cache)["x"] == x).all()
    found = [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert len(found) == may_lie_there, found


@contextlib.contextmanager
def ballast(data: Path, *, free: int, unit: str) -> Iterator[None]:
    """Fill the disk, but for some pages or some files."""
    folder = data / "ballast"
    folder.mkdir()
    try:
        if unit == "pages":
            with open(folder / "x", "wb", 0) as file:
                with contextlib.suppress(OSError):
                    while file.write(b"x" * 4096):
                        pass
                file.truncate(max(0, file.tell() // 4096 - free) * 4096)
        else:
            made = 0
            with contextlib.suppress(OSError):
                while True:
                    (folder / str(made)).touch()
                    made += 1
            for number in range(made - free, made):
                (folder / str(number)).unlink()
        yield
    finally:
        shutil.rmtree(folder)


def full(data: Path, run: list[str], reference: str) -> list[str]:
    """The disk has room for some pages or some files only, from none to enough; the locks' files count too."""
    lines = []
    for unit, amounts in {"pages": (0, 4, 12, 18, 20, 26), "files": (0, 1, 2, 3, 5, 12, 26)}.items():
        for free in amounts:
            for lock in (data / "partial").glob("*.lock"):
                lock.unlink()
            with ballast(data, free=free, unit=unit):
                outcome = command(run)
                if free == amounts[-1]:
                    assert outcome[0] == 0, outcome
                else:
                    lines.append(complaint(outcome))
                require_intact(data, 1 if outcome[0] else 2)
                if unit == "pages" and not free:
                    require_kept_results_are_done_without(data / "cache", may_lie_there=0)
            finish(data, run, reference)
    return lines


def read_only(data: Path, run: list[str], reference: str) -> list[str]:
    """The file system is mounted read-only: what is there can be used, nothing can be trained."""
    first = ["debug", *run[1:], "--set", "name=first"]
    subprocess.run(["mount", "-o", "remount,ro", str(data)], check=True)
    lines = [complaint(command(run))]
    for arguments in (first, ["--list", "--data", str(data)], ["--verify", "--data", str(data)], [*run, "--dry-run"]):
        assert command(arguments)[0] == 0, arguments
    lines.append(complaint(command([*first, "--force"])))
    require_intact(data, 1)
    subprocess.run(["mount", "-o", "remount,rw", str(data)], check=True)
    finish(data, run, reference)
    return lines


def forbidden(data: Path, run: list[str], reference: str) -> list[str]:
    """The folder belongs to somebody else."""

    def as_nobody() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    first = ["debug", *run[1:], "--set", "name=first"]
    shutil.rmtree(data / "partial")
    data.chmod(0o555)
    (data / "runs").chmod(0o555)
    lines = [complaint(command(run, as_nobody))]
    assert command(first, as_nobody)[0] == 0
    data.chmod(0o777)
    lines.append(complaint(command(run, as_nobody)))  # the state can be saved, the record cannot be put into runs/
    require_intact(data, 1)
    (data / "runs").chmod(0o777)

    (run_id,) = Store(data).runs()
    for name in ("manifest.json", "final.safetensors"):
        path = data / "runs" / run_id / name
        path.chmod(0)
        lines.append(complaint(command(first, as_nobody)))
        code, said = command(["--verify", "--data", str(data)], as_nobody)
        assert code == 1
        assert f"cannot read {path}: permission denied" in said
        path.chmod(0o644)
    assert command(first, as_nobody)[0] == 0

    (state, *_) = sorted((data / "partial").rglob("state-*"), reverse=True)
    os.chmod(state, 0)
    lines.append(complaint(command(run, as_nobody)))
    assert state.exists()  # what cannot be read is not thrown away
    os.chmod(state, 0o644)
    for path in (data / "partial").rglob("*"):
        path.chmod(0o777)
    finish(data, run, reference)
    return lines


def start(kinds: str, data: Path, arguments: list[str]) -> list[list[str]]:
    """A record to begin with, the bits that the run has on a good disk, then what is asked for."""
    loop.SAVE_SECONDS = 0.0
    commit = machine.commit()
    machine.commit = lambda: commit
    assert display.Display  # imported once, here
    run = [*arguments, "--data", str(data), "--threads", "1"]
    assert command(run)[0] == 0
    (run_id,) = Store(data).runs()
    reference = Store(data).open(run_id).digest
    shutil.rmtree(data / "runs" / run_id)
    assert command(["debug", *run[1:], "--set", "name=first"])[0] == 0
    disks = {"limited": limited, "full": full, "read-only": read_only, "forbidden": forbidden}
    return [disks[kind](data, run, reference) for kind in kinds.split(",")]


if __name__ == "__main__":
    print(json.dumps(start(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])))
