"""Results that follow from a record and are slow to compute: kept by content, computed once, never stale.

An entry's name is a hash of the record's bits (`Record.digest`), of what was computed with which arguments, of the source that
the computation depends on and of the versions of NumPy and SciPy. Whoever asks again with all of these unchanged gets the kept
arrays; when one of them changes, the name is another and the result is computed anew. The source and the versions are those that
this process has imported and computes with (`modaddlab.source`). A process of which a file in question has changed on the disk
since then, be it while it computes, computes for itself: it neither reads what newer code has kept nor keeps what is older than
the source.

Entries lie in the git-ignored `.cache/derived` of the checkout and can be deleted at any time. They are written atomically and
hold the hash of their own content, so that a damaged or truncated one counts as absent. Two processes that ask for the same
compute it once. A cache that cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import scipy

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.store import files

Arrays = Mapping[str, np.ndarray]

KEPT = 3
"""Of how many versions of the source the answer to a question is kept, the current one included."""


def remember(
    digest: str,
    what: str,
    arguments: Mapping[str, Any],
    compute: Callable[[], Arrays],
    version: Callable[[], str | None],
    folder: Path | None = None,
) -> dict[str, np.ndarray]:
    """The arrays that `compute` gives, from the cache when they were computed before.

    Args:
        digest: of the record that they follow from.
        what: names the computation.
        arguments: what else they depend on; values that JSON can hold.
        compute: gives arrays by name.
        version: gives the hash of the source that the computation depends on; None when it is no longer what was imported.
        folder: the cache; none: the checkout's, or the user's.

    Returns:
        read-only arrays.

    Raises:
        TypeError: an argument cannot be written as JSON.
    """
    question = json.dumps({"record": digest, "what": what, "arguments": dict(arguments)}, sort_keys=True)
    source = version()
    if source is None:
        return files.from_safetensors(files.to_safetensors(compute()))[0]
    key = json.dumps({"question": question, "source": source, "numpy": np.__version__, "scipy": scipy.__version__})
    folder = (folder or paths.cache_folder() / "derived") / what
    path = folder / f"{_sha256(question.encode())[:24]}-{_sha256(key.encode())[:24]}.safetensors"
    kept = _read(path, key)
    if kept is not None:
        return kept
    with _lock(path):
        kept = _read(path, key)  # another process computed it while this one waited
        if kept is not None:
            return kept
        content = files.to_safetensors(compute(), metadata=key)
        if version() == source:
            with contextlib.suppress(LabError, OSError):  # the result is right whether or not it can be kept
                files.write_atomic(path, _sha256(content).encode() + content)
                _forget_older(path)
    return files.from_safetensors(content)[0]


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process at a time computes an entry; where no lock can be had, each computes for itself."""
    try:
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


def _forget_older(path: Path) -> None:
    """Remove the answers to a question but the latest ones, and their locks."""
    answers = list(path.parent.glob(f"{path.name[:24]}-*.safetensors"))
    answers.sort(key=lambda answer: answer.stat().st_mtime, reverse=True)
    for old in answers[KEPT:]:
        old.unlink(missing_ok=True)
        old.with_suffix(".lock").unlink(missing_ok=True)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
