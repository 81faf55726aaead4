"""A store under any sequence of trainings, publications, replacements, damage, crashes and full disks.

The model knows what was published whole and which states were saved. Whatever happens in between: a record that opens is one of
those, bit for bit, and the newest that a completed publication put there; a run goes on from its newest intact state; nothing is
lost but by the damage that the test does; and what the dead left behind is gone after the next publication. A crash is an
exception at the n-th call into the file system after which every further call fails too, as for a process that is dead; its lock
is free again. (Processes that are really killed are in test_faults.py.)
"""

from __future__ import annotations

import errno
import os
import runpy
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modaddlab.errors import LabError
from modaddlab.store import Partial, Store
from modaddlab.store.files import from_safetensors
from modaddlab.store.record import inspect

CALLS = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir")
NAMES = ("a", "b")
DAMAGED = "damaged"
FILES = ["manifest.json", "spec.json", "provenance.json", "metrics.safetensors", "final.safetensors"]


helpers = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
publish, tiny_run = helpers["publish"], helpers["tiny_run"]

Chain = tuple[int, ...]
"""A saved state by the versions that were saved up to it, each with a snapshot; () is no state."""


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
    for params in (run.final, *run.snapshots.values()):
        params["embed.W_E"][0, 0] = version
    return run


RUN_IDS = {name: content(0, name).spec.run_id for name in NAMES}


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)


def damaged(path: Path, place: int, *, cut: bool) -> None:
    """Cut a file short, or flip a bit of it."""
    changed = bytearray(path.read_bytes())
    if cut:
        del changed[place % len(changed) :]
    else:
        changed[place % len(changed)] ^= 1 << place % 8
    path.write_bytes(changed)


class StoreMachine(RuleBasedStateMachine):
    """Operations on a store with two runs, against a model.

    there: the version of each record, None, or DAMAGED.
    saved: of each run's working state the newest chain and the one before.
    """

    @initialize()
    def begin(self) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="modaddlab-machine-"))
        self.store = Store(self.data)
        self.latest: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.there: dict[str, int | str | None] = dict.fromkeys(NAMES)
        self.saved: dict[str, list[Chain]] = {name: [] for name in NAMES}

    def teardown(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)

    def new(self, name: str) -> Any:
        self.latest[name] += 1
        return content(self.latest[name], name)

    def on_disk(self, name: str) -> int | str | None:
        """What a reader finds; fails when something opens that nobody published."""
        try:
            record = self.store.find(RUN_IDS[name])
        except LabError:
            return DAMAGED
        if record is None:
            return None
        if any(problem is not None for _, problem in inspect(self.data, RUN_IDS[name])):
            return DAMAGED
        version = int(record.metrics["train_loss"][1])
        run = content(version, name)
        assert 0 < version <= self.latest[name]
        assert same(record.metrics, run.metrics)
        assert same(record.final, run.final)
        assert record.snapshot_steps.tolist() == sorted(run.snapshots)
        assert all(same(record.snapshot(step), params) for step, params in run.snapshots.items())
        return version

    def left_behind(self) -> set[str]:
        """What lies beside the records."""
        return set(os.listdir(self.store.folder) if self.store.folder.is_dir() else []) - set(self.store.runs())

    def state_in(self, partial: Partial, name: str) -> Chain:
        """The state that a training goes on from, with all its snapshots and no others."""
        found = partial.load_state()
        chain = tuple(partial.snapshot_steps())
        assert sorted(path.name for path in partial.folder.glob("snapshots/*")) == [f"step-{at:08d}.safetensors" for at in chain]
        if found is None:
            assert not chain
            return ()
        step, arrays, extra = found
        assert (step, extra) == (chain[-1], {"version": step})
        assert same(arrays, {"flat": np.arange(3.0) + step})
        for at, path in partial.snapshot_files().items():
            stored = from_safetensors(path.read_bytes())[0]
            assert same({key: array.astype("f4") for key, array in stored.items()}, content(at, name).final)
        return chain

    def work(self, name: str, version: int) -> None:
        """What a sitting of a training does: go on from the newest state, save another."""
        partial = self.store.partial(RUN_IDS[name])
        with partial.lock():
            assert self.state_in(partial, name) == (self.saved[name] or [()])[0]
            partial.save_snapshot(version, content(version, name).final, "float16")
            partial.save_state(version, {"flat": np.arange(3.0) + version}, {"version": version})

    @rule(name=st.sampled_from(NAMES))
    def train(self, name: str) -> None:
        self.attempt_to_train(name, failing(0, CrashError, for_good=False))

    @rule(name=st.sampled_from(NAMES), replace=st.booleans())
    def publish(self, name: str, replace: bool) -> None:
        run = self.new(name)
        with failing(0, CrashError, for_good=False):
            publish(self.store, run, replace=replace)
        if replace or self.there[name] in (None, DAMAGED):
            self.there[name] = self.latest[name]
        self.saved[name] = []
        assert not (self.data / "partial" / RUN_IDS[name]).exists()
        assert self.left_behind() == set()

    @rule(name=st.sampled_from(NAMES), at=st.integers(1, 60), training=st.booleans())
    def crash(self, name: str, at: int, training: bool) -> None:
        (self.attempt_to_train if training else self.attempt_to_publish)(name, failing(at, CrashError, for_good=True))

    @rule(
        name=st.sampled_from(NAMES),
        at=st.integers(1, 60),
        number=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EROFS]),
        training=st.booleans(),
    )
    def disk_error(self, name: str, at: int, number: int, training: bool) -> None:
        trouble = failing(at, lambda: OSError(number, os.strerror(number)), for_good=False)
        (self.attempt_to_train if training else self.attempt_to_publish)(name, trouble)

    def attempt_to_publish(self, name: str, trouble: Any) -> None:
        """A replacement that fails at some call leaves what was there or puts the new one in its place."""
        run, before, left = self.new(name), self.there[name], self.left_behind()
        try:
            with trouble:
                publish(self.store, run, replace=True)
            possible = {self.latest[name]}
        except CrashError:
            possible = {before, self.latest[name]}
        except LabError:  # whoever lives cleans up behind itself
            possible = {before, self.latest[name]}
            assert self.left_behind() <= left
        self.there[name] = self.on_disk(name)
        assert self.there[name] in possible
        partial = self.store.partial(RUN_IDS[name])
        with partial.lock():
            assert self.state_in(partial, name) in [(), *self.saved[name]]
            partial.clear()
        self.saved[name] = []

    def attempt_to_train(self, name: str, trouble: Any) -> None:
        """A sitting that fails at some call leaves the newest state as it was, or has saved the next one."""
        self.new(name)
        before = (self.saved[name] or [()])[0]
        after = (*before, self.latest[name])
        possible = [before, after]
        with suppress(CrashError, LabError):
            with trouble:
                self.work(name, self.latest[name])
            possible = [after]
        partial = self.store.partial(RUN_IDS[name])
        with partial.lock():
            found = self.state_in(partial, name)
        assert found in possible
        if found == after:
            self.saved[name] = [after, *self.saved[name]][:2]

    @precondition(lambda self: any(type(version) is int for version in self.there.values()))
    @rule(data=st.data(), file=st.sampled_from(FILES), place=st.integers(0, 10**6), cut=st.booleans())
    def damage_a_record(self, data: Any, file: str, place: int, cut: bool) -> None:
        name = data.draw(st.sampled_from([name for name in NAMES if type(self.there[name]) is int]))
        damaged(self.store.folder / RUN_IDS[name] / file, place, cut=cut)
        self.there[name] = DAMAGED

    @precondition(lambda self: any(self.saved.values()))
    @rule(data=st.data(), place=st.integers(0, 10**6), cut=st.booleans(), snapshot=st.booleans())
    def damage_a_state(self, data: Any, place: int, cut: bool, snapshot: bool) -> None:
        name = data.draw(st.sampled_from([name for name in NAMES if self.saved[name]]))
        newest = self.saved[name][0][-1]
        file = f"snapshots/step-{newest:08d}.safetensors" if snapshot else f"state-{newest:08d}.safetensors"
        damaged(self.data / "partial" / RUN_IDS[name] / file, place, cut=cut)
        del self.saved[name][0]

    @invariant()
    def what_is_there_is_what_was_published(self) -> None:
        if not hasattr(self, "store"):
            return
        assert {name: self.on_disk(name) for name in NAMES} == self.there
        assert self.store.runs() == sorted(RUN_IDS[name] for name in NAMES if self.there[name] is not None)
        assert self.store.strays() == []


StoreMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a failure takes seconds to find, and minutes to make smaller
)
TestStore = StoreMachine.TestCase
