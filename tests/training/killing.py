"""Kills a training again and again: `python killing.py DATA SEED KILLS RUN...` prints what happened as JSON.

This process imports torch once and forks a child for every attempt, so that an attempt costs a tenth of a second. A child is
the command `python -m modaddlab.train RUN...` that saves its state every few milliseconds. Half of the kills come by the
clock, at any moment of the whole run. The others come at a call into the file system (or in the middle of a write) while a
state is saved, a snapshot written, the record published or the working state removed, which the clock would seldom meet.
After every kill all records on disk are verified. A run that comes to its end must have the bits of an undisturbed one;
then the folder is emptied and the next run begins. The last kill leaves an unfinished run.
"""

from __future__ import annotations

import contextlib
import io
import json
import mmap
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modaddlab import verify
from modaddlab.store import Partial, Store
from modaddlab.store import files as files_module
from modaddlab.train import main
from modaddlab.training import display, loop, machine
from modaddlab.training.compiled import block

PLACES = ["start", "step", "state", "snapshot", "publish", "clear", "end"]
SOME_STATES = 20
"""Calls into the file system by which at least one state is saved, and more than one under way."""

CALLS = ("fsync", "replace", "rename", "mkdir", "rmdir", "unlink")
shared = mmap.mmap(-1, 4096)  # seen by parent and child: byte 0 is the index of the place where the child is


def mark(owner: type, name: str, place: str) -> None:
    """Note in the shared memory while a method is at work."""
    real = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        before, shared[0] = shared[0], PLACES.index(place)
        try:
            return real(*arguments, **options)
        finally:
            shared[0] = max(before, PLACES.index("step")) if place == "step" else before  # between two steps is among them

    setattr(owner, name, call)


def watch_calls(at_call: Callable[[], bool]) -> None:
    """Ask before every call into the file system, and inside every write of a file, whether to die there."""

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def watch(name: str) -> None:
        # a killed process loses nothing that the system has, so nothing has to reach the disk here
        real = (lambda descriptor: None) if name == "fsync" else getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if at_call():
                die()
            return real(*arguments, **options)

        setattr(os, name, call)

    class File(io.FileIO):
        def write(self, content: Any) -> int:
            if at_call():
                super().write(content[: len(content) // 2])
                die()
            return super().write(content)

    for name in CALLS:
        watch(name)
    files_module.open = File  # type: ignore[attr-defined]


def attempt(
    arguments: list[str],
    log: Path,
    *,
    seconds: float | None = None,
    from_first_step: bool = False,
    call: tuple[str, int] | None = None,
) -> int:
    """Give the command in a child, and kill it after some seconds or at the n-th call of a place.

    Args:
        arguments: of the command.
        log: receives what it says.
        seconds: how long it lives; none: until its end.
        from_first_step: whether these seconds begin with its first step.
        call: the place, and the call into the file system there, at which it kills itself.

    Returns:
        the child's exit code, or minus the signal that ended it.
    """
    shared[0] = 0
    child = os.fork()
    if not child:
        counts = Counter[str]()

        def at_call() -> bool:
            place = PLACES[shared[0]]
            counts[place] += 1
            return call == (place, counts[place])

        code = 1
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 2)
            watch_calls(at_call)
            code = main(arguments)
            (log.parent / "counts.json").write_text(json.dumps(counts))
        finally:
            shared[0] = PLACES.index("end")
            os._exit(code)
    if seconds is not None:
        while from_first_step and not shared[0]:
            time.sleep(0.001)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)  # not yet waited for, so the number is still the child's
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def require_intact(data: Path) -> None:
    """Every record on disk is whole, and nothing else lies among them."""
    if (data / "runs").is_dir():
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            code = verify.main(["--data", str(data)])
        assert code == 0, said.getvalue()


def digest(data: Path) -> str:
    """The bits of the one record that is there."""
    store = Store(data)
    (run_id,) = store.runs()
    assert os.listdir(store.folder) == [run_id], os.listdir(store.folder)
    return store.open(run_id).digest


def run(data: Path, seed: int, n_kills: int, arguments: list[str]) -> dict[str, Any]:
    """Kill the run until it was killed often enough."""
    loop.SAVE_SECONDS = 0.004
    commit = machine.commit()
    machine.commit = lambda: commit  # two calls of git, a third of an attempt's time
    for owner, name, place in [
        (loop._Training, "advance", "step"),
        (Partial, "save_state", "state"),
        (Partial, "save_snapshot", "snapshot"),
        (Store, "publish", "publish"),
        (Partial, "clear", "clear"),
    ]:
        mark(owner, name, place)
    assert threading.active_count() == 1  # a fork copies no other thread
    assert display.Display  # imported once, here
    if arguments[0].startswith("mlp"):
        block.load()  # compiled, or read, once

    log, draw = data.with_name("log.txt"), random.Random(seed)
    command = [*arguments, "--data", str(data), "--threads", "1"]
    times = [time.monotonic()]
    assert attempt(command, log, seconds=0.0, from_first_step=True) == -signal.SIGKILL
    times.append(time.monotonic())
    shutil.rmtree(data, ignore_errors=True)
    assert attempt(command, log) == 0, log.read_text()
    start, duration = times[1] - times[0], max(time.monotonic() - 2 * times[1] + times[0], 0.1)
    calls = json.loads(data.with_name("counts.json").read_text())
    reference = digest(data)
    shutil.rmtree(data)

    died, finished, attempts = Counter[str](), 0, 0
    places = [place for place in PLACES if calls.get(place) and place != "start"]
    while sum(died.values()) < n_kills:
        attempts += 1
        assert attempts < 6 * n_kills, (died, finished)
        place = places[attempts // 2 % len(places)]
        if attempts == 1:
            code = attempt(command, log, call=("state", SOME_STATES))  # whatever the load, a later attempt has one to go on from
        elif attempts % 2:
            if draw.random() < 0.2:
                code = attempt(command, log, seconds=draw.uniform(0, start))
            else:
                code = attempt(command, log, seconds=draw.uniform(0, duration), from_first_step=True)
        else:
            code = attempt(command, log, call=(place, draw.randint(1, calls[place])))
        assert code in (0, -signal.SIGKILL), (code, log.read_text())
        require_intact(data)
        if code:
            died[PLACES[shared[0]]] += 1
        else:
            assert digest(data) == reference
            finished += 1
            shutil.rmtree(data)
    return {"reference": reference, "died": died, "finished": finished, "said": log.read_text().splitlines()}


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])))
