"""A store under any sequence of publications, replacements, damage, crashes and full disks.

The model knows what was published whole. Whatever happens in between: a record that opens is one of those, bit for bit, and
the newest that a completed publication put there; nothing that was published is lost but by the damage that the test does.
A crash is an exception at the n-th call into the file system after which every further call fails too, as for a process that
is dead; its lock is free again. (Processes that are really killed are in test_faults.py.)
"""

from __future__ import annotations

import errno
import os
import runpy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modaddlab.errors import LabError
from modaddlab.store import Store
from modaddlab.store.record import inspect

CALLS = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir")
NAMES = ("a", "b")
DAMAGED = "damaged"
FILES = ["manifest.json", "spec.json", "provenance.json", "metrics.safetensors", "final.safetensors"]


helpers = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
publish, tiny_run = helpers["publish"], helpers["tiny_run"]


class CrashError(BaseException):
    """The process is dead."""


@contextmanager
def failing(at: int, error: Callable[[], BaseException], *, for_good: bool) -> Iterator[None]:
    """Let the n-th call into the file system fail, and with `for_good` every one after it."""
    seen = 0
    real = {name: getattr(os, name) for name in CALLS}

    def wrap(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == at or (for_good and seen > at):
                raise error()
            return None if name == "fsync" else real[name](*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, wrap(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def content(version: int, name: str) -> Any:
    """What a training would hand over; different in every version."""
    run = tiny_run(name)
    run.metrics["train_loss"][1] = version
    run.final["embed.W_E"][0, 0] = version
    return run


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)


class StoreMachine(RuleBasedStateMachine):
    """Operations on a store with two runs, against a model: the version of each that is there, None, or DAMAGED."""

    @initialize()
    def begin(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="modaddlab-machine-"))
        self.store = Store(self.data)
        self.latest: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.there: dict[str, int | str | None] = dict.fromkeys(NAMES)

    def teardown(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)

    def new(self, name: str) -> Any:
        self.latest[name] += 1
        return content(self.latest[name], name)

    def on_disk(self, name: str) -> int | str | None:
        """What a reader finds; fails when something opens that nobody published."""
        run_id = content(0, name).spec.run_id
        record = None
        try:
            record = self.store.find(run_id)
        except LabError:
            return DAMAGED
        if record is None:
            return None
        if any(problem is not None for _, problem in inspect(self.data, run_id)):
            return DAMAGED
        version = int(record.metrics["train_loss"][1])
        run = content(version, name)
        assert 0 < version <= self.latest[name]
        assert same(record.metrics, run.metrics)
        assert same(record.final, run.final)
        assert record.snapshot_steps.tolist() == sorted(run.snapshots)
        assert all(same(record.snapshot(step), params) for step, params in run.snapshots.items())
        return version

    @rule(name=st.sampled_from(NAMES), replace=st.booleans())
    def publish(self, name: str, replace: bool) -> None:
        run = self.new(name)
        with failing(0, CrashError, for_good=False):
            publish(self.store, run, replace=replace)
        if replace or self.there[name] in (None, DAMAGED):
            self.there[name] = self.latest[name]

    @rule(name=st.sampled_from(NAMES), at=st.integers(1, 60))
    def crash(self, name: str, at: int) -> None:
        self.attempt(name, at, CrashError, for_good=True)

    @rule(name=st.sampled_from(NAMES), at=st.integers(1, 60), number=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EROFS]))
    def disk_error(self, name: str, at: int, number: int) -> None:
        self.attempt(name, at, lambda: OSError(number, os.strerror(number)), for_good=False)

    def attempt(self, name: str, at: int, error: Callable[[], BaseException], *, for_good: bool) -> None:
        """A replacement that fails at some call leaves what was there or puts the new one in its place."""
        run, before = self.new(name), self.there[name]
        try:
            with failing(at, error, for_good=for_good):
                publish(self.store, run, replace=True)
            possible = {self.latest[name]}
        except (CrashError, LabError):
            possible = {before, self.latest[name]}
        self.there[name] = self.on_disk(name)
        assert self.there[name] in possible

    @rule(name=st.sampled_from(NAMES), file=st.sampled_from(FILES), place=st.integers(0, 10**6), cut=st.booleans())
    def damage(self, name: str, file: str, place: int, cut: bool) -> None:
        path = self.store.folder / content(0, name).spec.run_id / file
        if self.there[name] in (None, DAMAGED):
            return
        changed = bytearray(path.read_bytes())
        if cut:
            del changed[place % len(changed) :]
        else:
            changed[place % len(changed)] ^= 1 << place % 8
        path.write_bytes(changed)
        self.there[name] = DAMAGED

    @invariant()
    def what_is_there_is_what_was_published(self) -> None:
        if not hasattr(self, "store"):
            return
        assert {name: self.on_disk(name) for name in NAMES} == self.there
        expected = sorted(content(0, name).spec.run_id for name in NAMES if self.there[name] is not None)
        assert self.store.runs() == expected
        assert self.store.strays() == []


StoreMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None, derandomize=True)
TestStore = StoreMachine.TestCase
