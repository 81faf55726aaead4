"""One finished run on disk, read lazily, every byte verified before it is used.

    data/runs/<run id>/  spec.json  provenance.json  metrics.safetensors  final.safetensors (unless record.weights is none)
                         snapshots/step-00000100.safetensors ...  manifest.json

The manifest holds the sha256 and length of every other file. Opening a record reads the manifest, the
specification and the provenance; arrays are read when asked for and then kept. A file whose bytes differ from
the manifest, whose arrays differ from what the specification demands, or a folder whose name is not the run
id of its own specification, is an error that names the file, the expectation, the finding and the command
that repairs it, as far as its settings are known; its content is never handed out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.experiments import catalogue, sweeps
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.content import check_final, check_metrics, check_params
from modaddlab.store.files import FileEntry, confined, disk_errors, from_json, from_safetensors, read_regular, to_json

FORMAT = 1
"""The manifest's "format": raised when a record's layout changes."""

MANIFEST, SPEC, PROVENANCE = "manifest.json", "spec.json", "provenance.json"
METRICS, FINAL = "metrics.safetensors", "final.safetensors"
RUN_ID = re.compile(r"(?!.*\.\.)([a-z0-9][a-z0-9.-]{0,59})-[0-9a-f]{10}")

MOST_MANIFEST = 2**20
"""Bytes that a manifest has at most; one with 1,001 snapshots has a fifth of it."""

_SNAPSHOT = re.compile(r"snapshots/step-([0-9]{8})\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_run_id(run_id: str) -> str:
    """The run id itself, when it is one: it then is a plain folder name.

    Raises:
        LabError: it is no run id.
    """
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise LabError(
            f"{run_id!r} is no run id: that is a name of lower-case letters, digits, '-' and '.', then '-' "
            "and ten hex digits; `python -m modaddlab.verify` lists those on disk"
        )
    return run_id


def snapshot_file(step: int) -> str:
    """A snapshot's path inside a record."""
    return f"snapshots/step-{step:08d}.safetensors"


def training_command(data: Path, spec: RunSpec, *, again: bool = False) -> str:
    """The command that trains a run, or trains it again although there is a record.

    Args:
        data: the data folder.
        spec: the run.
        again: whether there is a record, which is to be replaced.
    """
    words = [catalogue.nearest(spec).name]
    for key, value in catalogue.differences(spec).items():
        words.append(f"--{key} {value}" if key in ("p", "seed") else f"--set {key}={'none' if value is None else value}")
    words += ["--force"] * again
    words += [] if paths.is_data_folder(data) else [f"--data {shlex.quote(str(data))}"]
    return " ".join(["python -m modaddlab.train", *words])


def way_back(data: Path, spec: RunSpec) -> str:
    """What brings a record back: training the run again, or reading the file again that its weights came from."""
    if spec.origin is None:
        return f"train it again: {training_command(data, spec, again=True)}"
    where = f" with --layout {spec.origin.layout}" if spec.origin.file else ""
    return f"move its folder away and read its weights again: python -m modaddlab.read {spec.origin.file or 'FILE'}{where}"


@dataclass(frozen=True, eq=False)
class Record:
    """A finished run. Arrays are read-only and verified on first read."""

    run_id: str
    spec: RunSpec
    provenance: dict[str, Any] = field(repr=False)
    path: Path
    files: Mapping[str, FileEntry] = field(repr=False)

    @classmethod
    def load(cls, data: Path, run_id: str) -> Record:
        """Open `data/runs/<run_id>`.

        Raises:
            LabError: the manifest, the specification or the provenance is missing, damaged or another run's.
        """
        files = read_manifest(data, run_id)
        spec = _read_spec(data, run_id, files)
        _check_final_listed(data, spec, files)
        content = _read_verified(data, run_id, PROVENANCE, files[PROVENANCE])
        with _damage(data, run_id, PROVENANCE):
            provenance = _parse_provenance(content)
        return cls(run_id, spec, provenance, data / "runs" / run_id, files)

    @property
    def data(self) -> Path:
        """The data folder that the record lies in."""
        return self.path.parent.parent

    @property
    def wall_seconds(self) -> float | None:
        """How long it was trained, over all sittings; None where its provenance does not say: others write less into it."""
        seconds = self.provenance.get("wall_seconds")
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < math.inf:
            return float(seconds)
        return None

    def told(self, what: str) -> str:
        """What its provenance says, "unknown" where it says nothing in a word or a number."""
        found = self.provenance.get(what)
        return str(found) if isinstance(found, str | int | float) and found != "" else "unknown"

    @property
    def digest(self) -> str:
        """sha256 over the hashes of all files but the provenance: equal when two runs gave the same bits."""
        table = {name: entry.sha256 for name, entry in self.files.items() if name != PROVENANCE}
        return hashlib.sha256(to_json(table)).hexdigest()

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """What was recorded through training: "step" (T,) int64 and floats of shape (T,) or (T, K), by name.

        Raises:
            LabError: the file is missing or damaged.
        """
        return dict(sorted(self._metrics.items()))

    @property
    def final(self) -> dict[str, np.ndarray]:
        """All the final weights, float32, by TransformerLens's names.

        Raises:
            LabError: the record keeps only a part of them, or the file is missing or damaged.
        """
        if self.spec.record.weights != "all":
            raise LabError(
                f"{self.run_id} does not keep all its final weights (record.weights={self.spec.record.weights}); train it with "
                f"all: {training_command(self.data, _with_all_weights(self.spec))}"
            )
        return dict(self._final)

    @property
    def kept(self) -> dict[str, np.ndarray]:
        """The final weights that were kept, float32, by TransformerLens's names; empty when there are none.

        Raises:
            LabError: the file is missing or damaged.
        """
        return dict(self._final)

    @property
    def snapshot_steps(self) -> np.ndarray:
        """The steps whose weights were kept, ascending: int64 of shape (T,)."""
        return np.array(sorted(map(_snapshot_step, filter(_SNAPSHOT.fullmatch, self.files))), dtype=np.int64)

    def snapshot(self, step: int) -> dict[str, np.ndarray]:
        """The weights after `step` steps, float32 (stored in `spec.record.snapshot_dtype`).

        Raises:
            LabError: no snapshot was kept at that step, or its file is missing or damaged.
        """
        if snapshot_file(step) not in self.files:
            kept = ", ".join(map(str, self.snapshot_steps)) or "none (its record.snapshots says so)"
            raise LabError(f"{self.run_id} keeps no weights of step {step}; steps kept: {kept}")
        if step not in self._snapshots:
            self._snapshots[step] = self._read_arrays(snapshot_file(step))
        return dict(self._snapshots[step])

    @cached_property
    def _metrics(self) -> dict[str, np.ndarray]:
        return self._read_arrays(METRICS)

    @cached_property
    def _final(self) -> dict[str, np.ndarray]:
        return self._read_arrays(FINAL) if FINAL in self.files else {}

    @cached_property
    def _snapshots(self) -> dict[int, dict[str, np.ndarray]]:
        return {}

    def _read_arrays(self, name: str) -> dict[str, np.ndarray]:
        content = _read_verified(self.data, self.run_id, name, self.files[name])
        with _damage(self.data, self.run_id, name):
            return parse_arrays(self.spec, name, content)


def inspect(data: Path, run_id: str) -> Iterator[tuple[str, LabError | None]]:
    """Verify every file of a record, damaged ones too.

    Yields:
        (path inside the record, None or what is wrong), the manifest first; a damaged manifest ends it.
    """
    try:
        files = read_manifest(data, run_id)
    except LabError as error:
        yield MANIFEST, error
        return
    spec, problem = None, None
    try:
        spec = _read_spec(data, run_id, files)
        _check_final_listed(data, spec, files)
    except LabError as error:
        if spec is not None:  # the manifest contradicts an intact specification
            yield MANIFEST, error
            return
        problem = error
    yield MANIFEST, None
    yield SPEC, problem
    for name in sorted(set(files) - {SPEC}):
        try:
            content = _read_verified(data, run_id, name, files[name])
            with _damage(data, run_id, name):
                if name == PROVENANCE:
                    _parse_provenance(content)
                elif spec is not None:
                    parse_arrays(spec, name, content)
        except LabError as error:
            yield name, error
        else:
            yield name, None


def unlisted(data: Path, run_id: str) -> list[Path]:
    """What lies in a record's folder without being in its manifest (which is intact): nobody reads it."""
    known = {MANIFEST, *read_manifest(data, run_id)}
    folder = confined(data, "runs", run_id)
    files = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    return [path for path in files if path.relative_to(folder).as_posix() not in known]


def read_manifest(data: Path, run_id: str) -> dict[str, FileEntry]:
    """The manifest's table of files, checked in form: every name in it is one that a record can have.

    Raises:
        LabError: it is missing, damaged, of another format or of another run.
    """
    content = _read(data, run_id, MANIFEST)
    with _damage(data, run_id, MANIFEST):
        try:
            manifest = from_json(content)
        except ValueError as error:
            raise LabError(f"must be JSON, found {error}") from None
        if not isinstance(manifest, dict) or set(manifest) != {"format", "run_id", "files"}:
            raise LabError("must be a table with the keys format, run_id and files")
        if manifest["format"] != FORMAT:
            raise LabError(f"key 'format' must be {FORMAT}, found {manifest['format']!r}")
        if manifest["run_id"] != run_id:
            raise LabError(f"key 'run_id' must be {run_id}, found {manifest['run_id']!r}")
        if not isinstance(manifest["files"], dict):
            raise LabError("key 'files' must be a table of files")
        required = {SPEC, PROVENANCE, METRICS}
        missing = sorted(required - set(manifest["files"]))
        if missing:
            raise LabError(f"key 'files' must list {missing[0]}")
        files = {}
        for name, entry in manifest["files"].items():
            if name not in required | {FINAL} and not _SNAPSHOT.fullmatch(name):
                raise LabError(f"key 'files' lists {name!r}, which no record has")
            if not isinstance(entry, dict) or set(entry) != {"sha256", "bytes"} or type(entry["bytes"]) is not int:
                raise LabError(f"key 'files' must give {name} a sha256 and a number of bytes, found {entry!r}")
            if not isinstance(entry["sha256"], str) or not _SHA256.fullmatch(entry["sha256"]):
                raise LabError(f"the sha256 of {name} must be 64 hex digits, found {entry['sha256']!r}")
            files[name] = FileEntry(**entry)
        if content != manifest_json(run_id, files):
            raise LabError("must be as it was written, found other line ends, spaces or order")
        return files


def manifest_json(run_id: str, files: Mapping[str, FileEntry]) -> bytes:
    """The manifest's bytes."""
    table = {name: {"sha256": entry.sha256, "bytes": entry.bytes} for name, entry in files.items()}
    return to_json({"format": FORMAT, "run_id": run_id, "files": table})


def parse_arrays(spec: RunSpec, name: str, content: bytes) -> dict[str, np.ndarray]:
    """The arrays in a record's file, held against the specification; float16 weights are widened to float32.

    Raises:
        LabError: the bytes are no safetensors file, or the arrays are not what the specification demands.
    """
    try:
        arrays, _ = from_safetensors(content)
    except ValueError as error:
        raise LabError(f"must be a safetensors file: {error}") from None
    if name == METRICS:
        check_metrics(spec, arrays)
        return arrays
    if name == FINAL:
        check_final(spec, arrays)
        return arrays
    if not spec.record.snapshots or _snapshot_step(name) > spec.steps:
        kept = f"{spec.steps} steps and record.snapshots={spec.record.snapshots!r}"
        raise LabError(f"must be a snapshot of the run, whose specification says {kept}")
    check_params(spec, arrays, spec.record.snapshot_dtype)
    wide = {key: array.astype(np.float32, copy=False) for key, array in arrays.items()}
    for array in wide.values():
        array.flags.writeable = False
    return wide


def _read_spec(data: Path, run_id: str, files: Mapping[str, FileEntry]) -> RunSpec:
    content = _read_verified(data, run_id, SPEC, files[SPEC])
    with _damage(data, run_id, SPEC):
        return _parse_spec(run_id, content)


def _parse_spec(run_id: str, content: bytes) -> RunSpec:
    try:
        spec = RunSpec.from_dict(from_json(content))
    except (ValueError, TypeError) as error:
        raise LabError(f"must be a run's specification in JSON, found {error}") from None
    if spec.run_id != run_id:
        raise LabError(
            f"its run id must be the folder's name {run_id}, found {spec.run_id}: the folder was renamed, "
            "the specification edited, or it was trained by another version"
        )
    return spec


def _check_final_listed(data: Path, spec: RunSpec, files: Mapping[str, FileEntry]) -> None:
    """Raise when the manifest lists final weights of a run that keeps none, or none of one that keeps some."""
    weights = spec.record.weights
    if (FINAL in files) != (weights != "none"):
        must = "must not" if FINAL in files else "must"
        raise damaged(data, spec.run_id, MANIFEST, f"key 'files' {must} list {FINAL}: the run keeps {weights} of its weights")


def _with_all_weights(spec: RunSpec) -> RunSpec:
    return dataclasses.replace(spec, record=dataclasses.replace(spec.record, weights="all"))


def _parse_provenance(content: bytes) -> dict[str, Any]:
    try:
        provenance = from_json(content)
    except ValueError as error:
        raise LabError(f"must be JSON, found {error}") from None
    if not isinstance(provenance, dict):
        raise LabError("must be a JSON table")
    return provenance


def _snapshot_step(name: str) -> int:
    match = _SNAPSHOT.fullmatch(name)
    assert match, name
    return int(match[1])


def _read(data: Path, run_id: str, name: str, length: int | None = None) -> bytes:
    """A file's bytes, which have the length that the manifest says; the manifest itself has a limit."""

    def fits(file: BinaryIO, size: int) -> None:
        if length is None:
            _short(file, size)
        elif size != length:
            raise ValueError(f"must have {length} bytes by the manifest, found {size}")

    path = confined(data, "runs", check_run_id(run_id), *name.split("/"))
    with disk_errors(path, "read"):
        try:
            return read_regular(path, fits)
        except FileNotFoundError:
            raise damaged(data, run_id, name, "the file is missing") from None
        except ValueError as error:
            raise damaged(data, run_id, name, str(error)) from None


def _read_verified(data: Path, run_id: str, name: str, entry: FileEntry) -> bytes:
    """A file's bytes, held against the manifest."""
    content = _read(data, run_id, name, entry.bytes)
    found = FileEntry.of(content)
    if found != entry:
        finding = f"its sha256 must be {entry.sha256[:16]}... by the manifest, found {found.sha256[:16]}..."
        raise damaged(data, run_id, name, finding)
    return content


def damaged(data: Path, run_id: str, name: str, finding: str) -> LabError:
    """The error for a damaged file: its path, what was expected and found, the command that repairs it."""
    path, one_line = data / "runs" / run_id / name, " ".join(finding.split())
    try:  # a specification vouches for itself: the run id is its hash
        spec = _parse_spec(run_id, read_regular(confined(data, "runs", run_id, SPEC), _short))
    except (LabError, OSError, ValueError):
        spec = sweeps.by_run_id(run_id)
    if spec is None:
        way_out = "its settings are unknown: give the command that trained it once more, with --force, or move its folder away"
    else:
        way_out = way_back(data, spec)
    return LabError(f"{path}: {one_line}; {way_out}")


def _short(file: BinaryIO, size: int) -> None:
    if size > MOST_MANIFEST:
        raise ValueError(f"must have at most {MOST_MANIFEST} bytes, found {size}")


@contextmanager
def _damage(data: Path, run_id: str, name: str) -> Iterator[None]:
    """Name the file and the repairing command in an error about its content."""
    try:
        yield
    except LabError as error:
        raise damaged(data, run_id, name, str(error)) from None
