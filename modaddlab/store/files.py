"""Files that are whole or absent, and their bytes as JSON and safetensors.

A write goes to a uniquely named temporary in the target's folder, is flushed to the disk and takes the
target's name by `os.replace`, which either happens or does not; then the folder is flushed, so that the name
survives a power cut. Whoever is killed in between leaves a temporary that nothing ever reads. A read gets all
bytes of a file at once, so that what is hashed is what is parsed; before that it looks at what lies there, so that it
neither waits for a pipe nor fills the memory with a file of the wrong length. Nothing here can load a pickle: arrays
are safetensors, everything else is JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from modaddlab.errors import LabError, disk_reason

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")

MOST_HEADER = 100_000_000
"""Bytes that a safetensors header has at most; the library's own limit."""


@dataclass(frozen=True)
class FileEntry:
    """What the manifest says of one file: the sha256 of its bytes in hexadecimal, and their number."""

    sha256: str
    bytes: int

    @classmethod
    def of(cls, content: bytes) -> FileEntry:
        return cls(hashlib.sha256(content).hexdigest(), len(content))


@contextlib.contextmanager
def disk_errors(path: Path, action: str = "write") -> Iterator[None]:
    """Turn what a disk can do to a user (full, read-only, forbidden) into one line that says so.

    Raises:
        LabError: for those errors; any other OSError passes through.
    """
    try:
        yield
    except OSError as error:
        reason = disk_reason(error, "data folder with --data DIR")
        if reason is None:
            raise
        raise LabError(f"cannot {action} {path}: {reason}") from error


def confined(root: Path, *parts: str) -> Path:
    """`root/parts...`, refused when "..", an absolute part or a symbolic link leads out of `root`.

    Raises:
        LabError: the path leads out of the folder.
    """
    path = root.joinpath(*parts)
    try:
        with disk_errors(path, "use"):
            inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL byte
        inside = False
    if not inside:
        raise LabError(f"{str(path)!r} leads out of the data folder {root}; remove the link or give another --data DIR")
    return path


def unique_name(start: str) -> str:
    """A name that nothing else uses: `start` and 16 random hex digits."""
    return f"{start}{secrets.token_hex(8)}"


def read_regular(path: Path, fits: Callable[[BinaryIO, int], None]) -> bytes:
    """All bytes of a file, whose length is looked at before it is read.

    Args:
        path: the file; a pipe or a device is refused and not waited for.
        fits: gets the opened file and its length in bytes, and raises ValueError when they are not what they must be.

    Raises:
        ValueError: it is no regular file, or does not fit.
        OSError: it cannot be read.
    """
    _require_regular(os.stat(path))
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _require_regular(status)
        fits(file, status.st_size)
        file.seek(0)
        return file.read(status.st_size)


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"must be a file, found {'a folder' if stat.S_ISDIR(status.st_mode) else 'a pipe or a device'}")


def whole_safetensors(before: int = 0) -> Callable[[BinaryIO, int], None]:
    """For `read_regular`: the file is as long as its safetensors header says.

    Args:
        before: bytes before the header.
    """

    def fits(file: BinaryIO, size: int) -> None:
        file.seek(before)
        length = int.from_bytes(file.read(8), "little")
        start = before + 8 + length
        if length > MOST_HEADER or start > size:
            raise ValueError(f"its header cannot have {length} bytes; the file has {size}")
        try:
            header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            expected = start + max(ends, default=0)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"must begin with a safetensors header ({type(error).__name__})") from None
        if size != expected:
            raise ValueError(f"must have {expected} bytes by its header, found {size}")

    return fits


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all.

    Args:
        path: the target; its folder must exist. A file or link of that name is replaced.
        content: all its bytes.

    Raises:
        LabError: the disk is full, read-only or forbidden, the folder is gone; the target is as it was before.
    """
    temporary = path.with_name(unique_name(f".{path.name}.") + ".tmp")
    with disk_errors(path):
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except FileNotFoundError:
            raise LabError(f"cannot write {path}: the folder is gone, or holds no files; make it or name another") from None
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Flush a folder's table of names to the disk (where the system can)."""
    if sys.platform == "win32":  # it opens no folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing.

    Raises:
        LabError: it cannot be made.
    """
    with disk_errors(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise LabError(f"{folder} must be a folder, found a file; remove it or name another with --data DIR") from None
        except FileNotFoundError:  # as in /proc
            raise LabError(f"{folder} cannot be made; name another data folder with --data DIR") from None
    return folder


def remove_temporaries(folder: Path) -> None:
    """Remove what interrupted `write_atomic`s left; to be called by whoever holds the lock on the folder."""
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if _TEMPORARY.fullmatch(path.name):
            with disk_errors(path, "remove"):
                path.unlink(missing_ok=True)


def to_json(content: Any) -> bytes:
    """Readable JSON, the same bytes for the same content: sorted keys, two spaces, no NaN."""
    return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def from_json(content: bytes) -> Any:
    """Inverse of `to_json`.

    Raises:
        ValueError: the bytes are no JSON.
    """
    try:
        return json.loads(content.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


def to_safetensors(arrays: Mapping[str, np.ndarray], metadata: str | None = None) -> bytes:
    """Arrays as the bytes of a safetensors file, the same bytes for the same arrays.

    Args:
        arrays: by name; any layout in memory, any byte order.
        metadata: one text kept in the header.
    """
    # safetensors takes memory as it lies: strides and byte order have to be the plain ones
    plain = {name: np.array(array, dtype=array.dtype.newbyteorder("="), order="C") for name, array in arrays.items()}
    # one key alone: the library writes several in random order
    return safetensors.save(plain, None if metadata is None else {"modaddlab": metadata})


def from_safetensors(content: bytes) -> tuple[dict[str, np.ndarray], str | None]:
    """Inverse of `to_safetensors`; the arrays are read-only.

    Raises:
        ValueError: the bytes are no safetensors file, or hold a dtype that NumPy lacks.
    """
    try:
        arrays = safetensors.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"no readable safetensors file ({type(error).__name__}: {error})") from None
    for array in arrays.values():
        array.flags.writeable = False
    return arrays, header.get("__metadata__", {}).get("modaddlab")
