"""The working state of a run in training: one writer, resumable after any interruption.

    data/partial/<run id>.lock     held by the process that trains the run
    data/partial/<run id>/         state-00012000.safetensors   the newest state, and the one before it
                                   snapshots/step-00000100.safetensors ...

A state is one file: the arrays, and in its header a JSON text with the step, whatever else the loop needs,
the hash of every snapshot written so far, and a checksum of all of this. So a state vouches for its
snapshots: it is used only when its own checksum holds and each snapshot that it lists is intact. Otherwise
the state before it is used, and snapshots that the state in use does not list are discarded, so that a
resumed run goes through the same steps as one that was never stopped.

The lock is the operating system's: it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.store.files import (
    FileEntry,
    confined,
    disk_errors,
    from_safetensors,
    make_folder,
    read_regular,
    remove_temporaries,
    to_safetensors,
    whole_safetensors,
    write_atomic,
)
from modaddlab.store.record import check_run_id, snapshot_file

Notify = Callable[[str], None]
"""Receives a line for the user."""

STATE_FORMAT = 1
KEPT_STATES = 2

_STATE = re.compile(r"state-([0-9]{8})\.safetensors")


class Partial:
    """The working state of one run. Everything but construction, `is_locked` and `newest_step` needs the lock.

    partial = Partial(data, run_id, notify=print)
    with partial.lock():
        resumed = partial.load_state()      # or partial.clear()
        ...
        partial.save_snapshot(step, params, "float16")
        partial.save_state(step, arrays, extra)
    """

    def __init__(self, data: Path, run_id: str, notify: Notify = lambda line: None) -> None:
        """Name the working state of a run; nothing is read or written.

        Args:
            data: the data folder.
            run_id: the run.
            notify: receives lines for the user: that another process trains the run, that a state is damaged.

        Raises:
            LabError: the run id is none, or its folder leads out of the data folder.
        """
        self.run_id = check_run_id(run_id)
        self._data = data
        self.folder = confined(data, "partial", run_id)
        self._lock_path = confined(data, "partial", f"{run_id}.lock")
        self._notify = notify
        self._locked = False
        self._hashes: dict[int, str] | None = None  # sha256 of each snapshot; None before load_state or clear

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that trains this run; wait, and say so, while another one is.

        Whoever waited should look in the store first: the other process has probably finished the run.

        Raises:
            LabError: the data folder is full, read-only or forbidden, or lies where renders and `make clean` remove things.
        """
        with disk_errors(self._data, "read"):
            if paths.is_thrown_away(self._data):
                raise LabError(f"{self._data} is no place for records: renders or `make clean` would remove them; name another")
        make_folder(self._lock_path.parent)
        lock = filelock.FileLock(self._lock_path, poll_interval=0.2)
        with disk_errors(self._lock_path, "lock"):
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                self._notify(f"{self.run_id} is being trained by another process; waiting for it")
                lock.acquire()
        try:
            self._locked, self._hashes = True, None
            remove_temporaries(self.folder)
            remove_temporaries(self._inside("snapshots"))
            yield
        finally:
            self._locked = False
            lock.release()

    def is_locked(self) -> bool:
        """Whether a living process trains the run now; needs no lock, and leaves none.

        Raises:
            LabError: the data folder cannot be read.
        """
        with disk_errors(self._lock_path, "read"):
            if not self._lock_path.exists():
                return False
        lock = filelock.FileLock(self._lock_path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        except OSError:  # a folder that cannot be written: whoever could train there could lock there
            return False
        lock.release()
        return False

    def save_state(self, step: int, arrays: Mapping[str, np.ndarray], extra: Mapping[str, Any]) -> None:
        """Save what training needs to go on from `step` to the same bits; the state before is kept too.

        Args:
            step: steps done, 0..99,999,999.
            arrays: weights, optimizer moments, metrics so far, states of generators.
            extra: anything that survives JSON.

        Raises:
            LabError: the disk is full, read-only or forbidden; the states saved before are untouched.
        """
        hashes = self._history()
        body = {
            "format": STATE_FORMAT,
            "run_id": self.run_id,
            "step": int(step),
            "extra": extra,
            "snapshots": {str(at): sha256 for at, sha256 in hashes.items()},
        }
        text = json.dumps({**body, "sha256": _checksum(body, arrays)}, sort_keys=True)
        make_folder(self.folder)
        write_atomic(self.folder / _state_file(step), to_safetensors(arrays, text))
        for old in self._states()[KEPT_STATES:]:
            self._remove(self.folder / _state_file(old))

    def load_state(self) -> tuple[int, dict[str, np.ndarray], dict[str, Any]] | None:
        """The newest intact state, or None when there is none and training starts at step 0.

        Damaged states are named through `notify` and removed, as are snapshots that the state does not know.

        Returns:
            (steps done, arrays that own their memory, extra).
        """
        self._require_lock()
        found = None
        for step in self._states():
            path = self._inside(_state_file(step))
            try:
                found = self._read_state(path, step)
                break
            except ValueError as error:
                self._notify(f"{path} is damaged ({error}); going on from the state before it")
                self._remove(path)
        self._hashes = found[3] if found else {}
        known = {self._snapshot_path(step) for step in self._hashes}
        for path in (self.folder / "snapshots").glob("*"):
            if path not in known:
                self._remove(path)
        return found[:3] if found else None

    def save_snapshot(self, step: int, params: Mapping[str, np.ndarray], dtype: str) -> None:
        """Keep the weights of a step for the record; counts once the next `save_state` has listed it.

        Args:
            step: steps done.
            params: float32 weights by name.
            dtype: "float16" or "float32", the precision on disk.

        Raises:
            LabError: a weight does not fit float16, or the disk is full, read-only or forbidden.
        """
        hashes = self._history()
        with np.errstate(over="ignore"):
            stored = {name: array.astype(dtype) for name, array in params.items()}
        for name, array in stored.items():
            if not np.isfinite(array).all():
                raise LabError(
                    f"{self.run_id} diverges: {name} is up to {np.abs(params[name]).max():.3g} at step {step:,}; try a smaller "
                    f"optim.lr (weights so large do not fit {dtype}: record.snapshot_dtype=float32 keeps them)"
                )
        content = to_safetensors(stored)
        make_folder(self.folder / "snapshots")
        write_atomic(self._snapshot_path(step), content)
        hashes[int(step)] = FileEntry.of(content).sha256

    def snapshot_steps(self) -> list[int]:
        """The steps whose snapshots belong to the state in use, ascending."""
        return sorted(self._history())

    def snapshot_files(self) -> dict[int, Path]:
        """The snapshots' paths by step, each verified.

        Raises:
            LabError: one has been damaged since it was written.
        """
        for step, sha256 in self._history().items():
            problem = self._snapshot_problem(step, sha256)
            if problem:
                raise LabError(f"{problem}; give the same command again: it goes on from an earlier state")
        return {step: self._snapshot_path(step) for step in self.snapshot_steps()}

    def clear(self) -> None:
        """Remove the working state: the record is published, or training shall start anew.

        Raises:
            LabError: it cannot be removed.
        """
        self._require_lock()
        with disk_errors(self.folder, "remove"):
            if self.folder.is_symlink():
                self.folder.unlink()
            elif self.folder.exists():
                shutil.rmtree(self.folder)
        self._hashes = {}

    def newest_step(self) -> int | None:
        """The step of the newest saved state by its name, or None where there is none; needs no lock.

        Raises:
            LabError: the data folder cannot be read.
        """
        return max(self._states(), default=None)

    def _history(self) -> dict[int, str]:
        self._require_lock()
        if self._hashes is None:  # what lies on disk may belong to an earlier attempt
            raise RuntimeError("call load_state() or clear() first")
        return self._hashes

    def _require_lock(self) -> None:
        if not self._locked:
            raise RuntimeError("use it inside `with partial.lock():`")

    def _states(self) -> list[int]:
        """Steps of the saved states, newest first."""
        with disk_errors(self.folder, "read"):
            names = [path.name for path in self.folder.glob("state-*")]
        return sorted((int(match[1]) for match in map(_STATE.fullmatch, names) if match), reverse=True)

    def _read_state(self, path: Path, step: int) -> tuple[int, dict[str, np.ndarray], dict[str, Any], dict[int, str]]:
        """A state whose checksum holds and whose snapshots are intact; ValueError says what is wrong."""
        with disk_errors(path, "read"):
            try:
                content = read_regular(path, whole_safetensors())
            except FileNotFoundError:
                raise ValueError("a link that leads nowhere") from None
        arrays, text = from_safetensors(content)
        try:
            body = json.loads(text or "")
            checksum = body.pop("sha256")
            if checksum != _checksum(body, arrays):
                raise ValueError("its checksum does not hold")
            if (body["format"], body["run_id"], body["step"]) != (STATE_FORMAT, self.run_id, step):
                found = f"{body['run_id']} at step {body['step']} in format {body['format']}"
                raise ValueError(f"it is the state of {found}")
            hashes = {int(at): sha256 for at, sha256 in body["snapshots"].items()}
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"no state of a run: {error!r}") from None
        for at, sha256 in hashes.items():
            problem = self._snapshot_problem(at, sha256)
            if problem:
                raise ValueError(problem)
        return step, {name: array.copy() for name, array in arrays.items()}, body["extra"], hashes

    def _snapshot_problem(self, step: int, sha256: str) -> str | None:
        path = self._snapshot_path(step)
        with disk_errors(path, "read"):
            try:
                found = FileEntry.of(read_regular(path, whole_safetensors())).sha256
            except FileNotFoundError:
                return f"its snapshot {path} is missing"
            except ValueError as error:
                return f"its snapshot {path} {error}"
        return None if found == sha256 else f"its snapshot {path} has been changed"

    def _snapshot_path(self, step: int) -> Path:
        return self._inside(*snapshot_file(step).split("/"))

    def _inside(self, *parts: str) -> Path:
        """A path in the run's folder, refused when a link leads out of the data folder."""
        return confined(self._data, "partial", self.run_id, *parts)

    def _remove(self, path: Path) -> None:
        with disk_errors(path, "remove"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _state_file(step: int) -> str:
    return f"state-{step:08d}.safetensors"


def _checksum(body: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 over a state: its JSON part, then each array's name, dtype, shape and bytes, sorted by name."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, str(array.dtype.newbyteorder("=")), array.shape]).encode())
        digest.update(np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C").tobytes())
    return digest.hexdigest()
