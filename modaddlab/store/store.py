"""The data folder: finding, opening and publishing records.

A record is published by one rename: its files are written into a temporary folder beside the target
(`.new-<run id>-...`), the manifest last, all flushed to the disk, and that folder takes the record's name. A
record that is replaced is moved aside first (`.old-<run id>-...`) and removed when the new one is in place.
One publication happens at a time, under a lock of the operating system. So whoever holds the lock knows that
temporary folders belong to processes that died, and clears up after them: an unfinished one is removed, a
record moved aside whose successor never came is put back.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.experiments.sweeps import by_run_id
from modaddlab.store.content import check_metrics, check_params, kept_shapes, metrics_sha256
from modaddlab.store.files import (
    FileEntry,
    confined,
    disk_errors,
    fsync_folder,
    make_folder,
    to_json,
    to_safetensors,
    unique_name,
    write_atomic,
)
from modaddlab.store.partial import Notify, Partial
from modaddlab.store.record import (
    FINAL,
    MANIFEST,
    METRICS,
    PROVENANCE,
    RUN_ID,
    SPEC,
    Record,
    check_run_id,
    inspect,
    manifest_json,
    parse_arrays,
    snapshot_file,
    training_command,
)

LOCK_TIMEOUT = 600
"""Seconds to wait for another process's publication; one takes about a second."""

_TEMPORARY = re.compile(r"\.(new|old)-(.+)-[0-9a-f]{16}")


class Store:
    """The records in one data folder."""

    def __init__(self, data: str | os.PathLike[str] | None = None) -> None:
        """Name a data folder; nothing is read or written.

        Args:
            data: the folder with `runs/` and `partial/`; none: the book's, or $MODADDLAB_DATA.

        Raises:
            LabError: it is no path, or none is named and there is no checkout.
        """
        if not (data is None or isinstance(data, str | os.PathLike)) or data == "":
            raise LabError(f"data (={data!r}) must be the path of a data folder, or None for the book's")
        self.data = paths.data_folder() if data is None else Path(data).absolute()
        self.folder = self.data / "runs"

    def is_book(self) -> bool:
        """Whether this is the data folder of the book itself."""
        return paths.in_checkout() and self.data == paths.ROOT / "data"

    def unfinished(self) -> list[str]:
        """The run ids of which there is a working state, or that are being trained now; sorted."""
        folder = confined(self.data, "partial")
        with disk_errors(folder, "read"):
            names = {path.name.removesuffix(".lock") for path in folder.iterdir()} if folder.is_dir() else set()
        partials = [self.partial(name) for name in sorted(names) if RUN_ID.fullmatch(name)]
        return [partial.run_id for partial in partials if partial.folder.is_dir() or partial.is_locked()]

    def runs(self, name: str | None = None) -> list[str]:
        """The run ids in the folder, sorted, whether intact or not.

        Args:
            name: only the runs of this name.
        """
        found = self._entries(f"{name}-??????????" if name else "*")
        return [run_id for run_id in found if RUN_ID.fullmatch(run_id) and name in (None, run_id.rpartition("-")[0])]

    def strays(self) -> list[Path]:
        """What lies among the records and is none; hidden files and our own temporaries are left out."""
        return [self.folder / name for name in self._entries() if not RUN_ID.fullmatch(name) and name[0] != "."]

    def find(self, run: str | RunSpec) -> Record | None:
        """The record of a run, or None where there is none.

        Raises:
            LabError: the run id is none, or there is a record and it is damaged.
        """
        run_id = check_run_id(run.run_id if isinstance(run, RunSpec) else run)
        target = confined(self.data, "runs", run_id)
        with disk_errors(target, "read"):
            is_there = os.path.lexists(target)
        if not is_there and any(name.startswith(f".old-{run_id}-") for name in self._entries(run_id)):
            with self._publishing():  # it is being replaced, or whoever did that died; the lock's holder knows
                pass
        if not os.path.lexists(target):
            return None
        record = Record.load(self.data, run_id)
        if isinstance(run, RunSpec) and record.spec != run:
            raise LabError(f"{target} has the run id of another specification; give one of them another name")
        return record

    def open(self, run: str | RunSpec) -> Record:
        """The record of a run.

        Raises:
            LabError: there is none, or it is damaged.
        """
        record = self.find(run)
        if record is None:
            spec = run if isinstance(run, RunSpec) else by_run_id(run)
            if spec is None:
                raise LabError(
                    f"{self.folder} has no record {run}, and an id does not tell a run's settings; name the data folder that has "
                    "it: --data DIR, data=DIR in Python, or MODADDLAB_DATA=DIR in the environment"
                )
            raise LabError(f"{self.folder} has no record {spec.run_id}; train it: {training_command(self.data, spec)}")
        return record

    def partial(self, run: str | RunSpec, notify: Notify = lambda line: None) -> Partial:
        """The working state of a run in training, beside the records."""
        return Partial(self.data, run.run_id if isinstance(run, RunSpec) else run, notify)

    def publish(
        self,
        spec: RunSpec,
        provenance: Mapping[str, Any],
        metrics: Mapping[str, np.ndarray],
        final: Mapping[str, np.ndarray],
        snapshots: Mapping[int, Path] | None = None,
        *,
        replace: bool = False,
    ) -> Record:
        """Put a finished run into the store, whole or not at all.

        An intact record that is already there is kept, unless `replace` is set.

        Args:
            spec: the run.
            provenance: what it was trained with, in JSON types.
            metrics: arrays over the recorded steps, see `modaddlab.store.content`.
            final: all the final weights, float32; those that `record.weights` names are kept.
            snapshots: files that `Partial.save_snapshot` wrote, by step; they are copied.
            replace: whether a record that is there gives way to this one.

        Returns:
            the record that is now in the store.

        Raises:
            LabError: the arrays are not what the specification demands (of a run that diverged, say), or the
                disk is full, read-only or forbidden. The store is as it was before.
        """
        target = confined(self.data, "runs", spec.run_id)
        contents = _contents(spec, provenance, metrics, final, snapshots or {})
        with self._publishing():
            if os.path.lexists(target) and not replace and _is_intact(self.data, spec.run_id):
                return Record.load(self.data, spec.run_id)
            new = self.folder / unique_name(f".new-{spec.run_id}-")
            old = self.folder / unique_name(f".old-{spec.run_id}-")
            with disk_errors(target):
                try:
                    _write_folder(new, spec.run_id, contents)
                    if os.path.lexists(target):
                        os.rename(target, old)
                    os.rename(new, target)
                    fsync_folder(self.folder)
                except BaseException:
                    _remove(new)
                    if os.path.lexists(old) and not os.path.lexists(target):
                        with contextlib.suppress(OSError):  # if even this fails, the next lock's holder does it
                            os.rename(old, target)
                    raise
            _remove(old)
            return Record.load(self.data, spec.run_id)

    def _entries(self, asked: str = "*") -> list[str]:
        """The names of all that lies in the folder of records, sorted; `asked` says which names the answer will depend on."""
        sys.audit("modaddlab.list", str(self.folder), asked)  # for `modaddlab.trace`
        confined(self.data, "runs")
        with disk_errors(self.folder, "read"):
            return sorted(os.listdir(self.folder)) if self.folder.is_dir() else []

    @contextlib.contextmanager
    def _publishing(self) -> Iterator[None]:
        """Hold the publications' lock, after clearing up what dead processes left."""
        make_folder(confined(self.data, "runs"))
        make_folder(confined(self.data, "partial"))
        lock_path = confined(self.data, "partial", "publish.lock")
        lock = filelock.FileLock(lock_path)
        with disk_errors(lock_path, "lock"):
            try:
                lock.acquire(timeout=LOCK_TIMEOUT)
            except filelock.Timeout:
                held = f"another process has held {lock_path} for {LOCK_TIMEOUT} s"
                raise LabError(f"{held}; end it, then try again") from None
        try:
            self._clear_up()
            yield
        finally:
            lock.release()

    def _clear_up(self) -> None:
        for name in self._entries():
            match = _TEMPORARY.fullmatch(name)
            if not match or not RUN_ID.fullmatch(match[2]):
                continue
            target = self.folder / match[2]
            if match[1] == "old" and not os.path.lexists(target):
                with disk_errors(target):
                    os.rename(self.folder / name, target)
            else:
                _remove(self.folder / name)


def _contents(
    spec: RunSpec,
    provenance: Mapping[str, Any],
    metrics: Mapping[str, np.ndarray],
    final: Mapping[str, np.ndarray],
    snapshots: Mapping[int, Path],
) -> dict[str, bytes]:
    """The bytes of a record's files by their path in it, checked as a reader will check them."""
    try:
        check_metrics(spec, metrics)
        check_params(spec, final, "float32")
    except LabError as error:
        raise LabError(f"{spec.run_id} cannot be recorded: {error}") from None
    kept = {name: final[name] for name in kept_shapes(spec)}
    contents = {
        SPEC: to_json(spec.to_dict()),
        PROVENANCE: to_json({**provenance, "metrics_sha256": metrics_sha256(metrics)}),
        METRICS: to_safetensors(metrics),
        **({FINAL: to_safetensors(kept)} if kept else {}),
    }
    for step, path in sorted(snapshots.items()):
        with disk_errors(path, "read"):
            content = path.read_bytes()
        try:
            parse_arrays(spec, snapshot_file(step), content)
        except LabError as error:
            raise LabError(f"{path}: {error}; give the command again with --force") from None
        contents[snapshot_file(step)] = content
    return contents


def _write_folder(folder: Path, run_id: str, contents: Mapping[str, bytes]) -> None:
    folder.mkdir()
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, content)
    files = {name: FileEntry.of(content) for name, content in contents.items()}
    write_atomic(folder / MANIFEST, manifest_json(run_id, files))


def _is_intact(data: Path, run_id: str) -> bool:
    return all(problem is None for _, problem in inspect(data, run_id))


def _remove(path: Path) -> None:
    """Remove a temporary as far as possible; what remains is cleared up by the next publication."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
