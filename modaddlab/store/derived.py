"""Results that follow from a record and are slow to compute: kept by content, computed once, never stale.

An entry's name is a hash of the record's bits (`Record.digest`), of what was computed with which arguments, of the package's
numerical source and of the versions of NumPy and SciPy. Whoever asks again with all of these unchanged gets the kept arrays;
when one of them changes, the name is another and the result is computed anew. The source and the versions are those that this
process has imported and computes with (`modaddlab.source`). A process whose source has changed on the disk since then, be it
while it computes, computes for itself: it neither reads what newer code has kept nor keeps what is older than the source.

Entries lie in the git-ignored `.cache/derived` of the checkout and can be deleted at any time. They are written atomically and
hold the hash of their own content, so that a damaged or truncated one counts as absent. Two processes that ask for the same
compute it once. A cache that cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import scipy

from modaddlab import paths, source
from modaddlab.errors import LabError
from modaddlab.store import files

Arrays = Mapping[str, np.ndarray]

KEPT = 3
"""Versions of the source whose results are kept, the current one included."""


def code_version() -> str | None:
    """Hash of the numerical source and of the libraries that this process computes with: 16 hexadecimal digits.

    Returns:
        None when the source on the disk is no longer what this process imported.
    """
    digest = source.IMPORTED.digest
    if digest is None:
        return None
    parts = {"source": digest, "numpy": np.__version__, "scipy": scipy.__version__}
    return _sha256(json.dumps(parts, sort_keys=True).encode())[:16]


def remember(
    digest: str, what: str, arguments: Mapping[str, Any], compute: Callable[[], Arrays], folder: Path | None = None
) -> dict[str, np.ndarray]:
    """The arrays that `compute` gives, from the cache when they were computed before.

    Args:
        digest: of the record that they follow from.
        what: names the computation.
        arguments: what else they depend on; values that JSON can hold.
        compute: gives arrays by name.
        folder: the cache; none: the checkout's, or the user's.

    Returns:
        read-only arrays.

    Raises:
        TypeError: an argument cannot be written as JSON.
    """
    key = json.dumps({"record": digest, "what": what, "arguments": dict(arguments)}, sort_keys=True)
    version = code_version()
    if version is None:
        return files.from_safetensors(files.to_safetensors(compute()))[0]
    folder = (folder or paths.cache_folder() / "derived") / version
    path = folder / f"{_sha256(key.encode())[:32]}.safetensors"
    kept = _read(path, key)
    if kept is not None:
        return kept
    with _lock(path):
        kept = _read(path, key)  # another process computed it while this one waited
        if kept is not None:
            return kept
        content = files.to_safetensors(compute(), metadata=key)
        if code_version() == version:  # a module that was loaded meanwhile is of the same source
            with contextlib.suppress(LabError, OSError):  # the result is right whether or not it can be kept
                files.write_atomic(path, _sha256(content).encode() + content)
    return files.from_safetensors(content)[0]


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process at a time computes an entry; where no lock can be had, each computes for itself."""
    try:
        if not path.parent.is_dir():
            _make_room(path.parent.parent)
            files.make_folder(path.parent)
        lock = filelock.FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except (LabError, OSError):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _read(path: Path, key: str) -> dict[str, np.ndarray] | None:
    """The arrays of an entry, or None when it is absent, damaged or another key's."""
    try:
        content = files.read_regular(path, files.whole_safetensors(before=64))
        digest, content = content[:64], content[64:]
        if digest != _sha256(content).encode():
            return None
        arrays, found = files.from_safetensors(content)
    except (OSError, ValueError):
        return None
    return arrays if found == key else None


def _make_room(cache: Path) -> None:
    """Remove the results of all but the latest versions of the source."""
    versions = [path for path in cache.iterdir() if path.is_dir()] if cache.is_dir() else []
    versions.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in versions[KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
