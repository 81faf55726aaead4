"""What was measured of the book's networks, kept with all that it depends on; and contents that are kept under their hash.

An entry holds the hash of the source that its measurement can reach (`modaddlab.closure`), the libraries' versions, the hash of
every file that was read for it and of the names in every folder that was listed (`modaddlab.trace`), and a checksum of itself. An
entry that is damaged, or of which something has changed, is no entry; one that cannot be written is done without.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from modaddlab import paths, source
from modaddlab.trace import Trace, digest

LIBRARIES = ("ipykernel", "ipython", "matplotlib", "matplotlib-inline", "numpy", "safetensors", "scipy", "torch")
"""The distributions whose version may change a number or a figure."""

Home = tuple[str, str]
"""A module of the package and the function in it that measures."""


def find(home: Home, folder: Path | None = None) -> Any:
    """What was told of a measurement; None when there is nothing, it is damaged, or something that it depends on has changed.

    Args:
        home: what measures it.
        folder: the cache; none: the checkout's, or the user's.
    """
    path = _path(home, folder)
    content = read(path)
    if content is None:
        return None
    about: dict[str, Any] = json.loads(content)
    if about["around"] != _around() or any(digest(file) != then for file, then in about["read"].items()):
        return None
    if any(source.IMPORTED.content(Path(file)) != then for file, then in about["files"].items()):
        if _version(home) != about["version"]:  # more than comments has changed
            return None
        write(path, json.dumps(about | {"files": _files(home)}).encode())
    return about["told"]


def measure(home: Home, tell: Callable[[Any], Any], folder: Path | None = None) -> Any:
    """Measured anew, and what is told of it kept, unless something changed meanwhile.

    Args:
        home: what measures it.
        tell: what to note of it, as JSON holds it.
        folder: as of `find`.
    """
    trace = _trace(str(paths.data_folder()))
    trace.report(modules=False)
    version = _version(home)
    finding = getattr(import_module(f"modaddlab.{home[0]}"), home[1])()
    read = {path: then for path, then in trace.report(modules=False).items() if not path.endswith(".py")}
    told = tell(finding)
    if version is not None and version == _version(home) and all(digest(path) == then for path, then in read.items()):
        about = {"version": version, "around": _around(), "read": read, "files": _files(home), "told": told}
        write(_path(home, folder), json.dumps(about).encode())
    return told


@functools.cache
def library_versions() -> dict[str, str]:
    """Python's version and those of the libraries that matter; a library that is not installed is "absent"."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


@functools.cache
def _trace(data: str) -> Trace:
    """The one of this process; a hook stays until its end."""
    return Trace([str(paths.ROOT), data])


def _around() -> list[Any]:
    return [library_versions(), str(paths.data_folder())]


def _homes(home: Home) -> list[Home]:
    return [(f"modaddlab.{module}", name) for module, name in (home, ("findings.value", "named"), ("findings.value", "parts"))]


def _version(home: Home) -> str | None:
    """The hash of the source that it depends on; None when this process has imported older source."""
    found = [source.IMPORTED.digest(*each) for each in _homes(home)]
    return None if None in found else hashlib.sha256(json.dumps(found).encode()).hexdigest()


def _files(home: Home) -> dict[str, str | None]:
    """The files with that source, each with its hash."""
    files = sorted({path for each in _homes(home) for path in source.IMPORTED.files(*each)})
    return {str(path): source.IMPORTED.content(path) for path in files}


def _path(home: Home, folder: Path | None) -> Path:
    return (folder or paths.cache_folder()) / "findings" / home[0].replace("findings.", "")


def read(place: Path, key: str = "") -> bytes | None:
    """A kept content; None when there is none under this key, or it is not as it was written."""
    try:
        head, _, content = (place.read_bytes() if place.is_file() else b"").partition(b"\n")  # a pipe would be waited for
    except OSError:
        return None
    return content if head == _head(key, content) else None


def write(place: Path, content: bytes, key: str = "") -> None:
    """Keep a content under a key, whole or not at all; a disk that takes nothing is done without."""
    with suppress(OSError):
        put(place, _head(key, content) + b"\n" + content)


def put(place: Path, content: bytes) -> None:
    """Write a file whole or not at all, and its folder if there is none; nothing else stays, unless the process is killed.

    Raises:
        OSError: the disk does not take it.
    """
    temporary = place.with_name(f".{place.name}.{os.getpid()}")  # beside it: another folder may lie on another file system
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(content)
        os.replace(temporary, place)
    except OSError as error:
        error.filename = error.filename or str(place)  # the system does not say what it was that did not fit
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _head(key: str, content: bytes) -> bytes:
    return f"{key} {hashlib.sha256(content).hexdigest()}".encode()
