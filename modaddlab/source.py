"""The package's source as it was when this process imported it, and whether what a result depends on still is.

A process computes with what it imported, not with what lies on the disk now. Whoever keeps a result under the hash of what it
depends on must therefore know that none of it was written in between. This module is the first that `import modaddlab` loads,
before any other file of the package is read; it notes what the system says of each file: its place on the disk, its size, and
when its content and its entry were last written. No file is opened for that.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modaddlab.closure import Closure, Package

PACKAGE = Path(__file__).resolve().parent


class Source:
    """The source at one moment.

    Args:
        package: the package's folder.
    """

    def __init__(self, package: Path = PACKAGE) -> None:
        self.package = package
        self._then = {path: stamp for path in package.rglob("*.py") if (stamp := _stamp(path))}
        self._files: Package | None = None
        self._closures: dict[tuple[str, str], Closure] = {}
        self._contents: dict[Path, str] = {}

    def digest(self, module: str, name: str) -> str | None:
        """The hash of all that a definition depends on (see `modaddlab.closure`) as it was then.

        Args:
            module: its module's full name.
            name: its own name there.

        Returns:
            None when a file with a part of that has been written, added or removed since.

        Raises:
            LookupError: the package has no such definition.
        """
        closure = self._closure(module, name)
        if closure is None or any(not self._is_as_then(path) for path in closure.files):  # after reading: what was read was there
            return None
        return closure.digest

    def files(self, module: str, name: str) -> frozenset[Path]:
        """The files with a part of what a definition depends on; arguments and errors as of `digest`."""
        closure = self._closure(module, name)
        return closure.files if closure else frozenset()

    def content(self, path: Path) -> str | None:
        """The hash of a file's content; None when it has been written, added or removed since."""
        with contextlib.suppress(OSError):
            if path not in self._contents:
                self._contents[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            return self._contents[path] if self._is_as_then(path) else None
        return None

    def _closure(self, module: str, name: str) -> Closure | None:
        if (module, name) not in self._closures:
            from modaddlab.closure import Package

            try:
                if not all(path.is_file() for path in self._then):  # what is gone would not be found
                    return None
                self._files = self._files or Package(self.package)
                self._closures[module, name] = self._files.closure(module, name)
            except (OSError, SyntaxError):  # a file vanished in between, or is being edited
                return None
        return self._closures[module, name]

    def _is_as_then(self, path: Path) -> bool:
        return _stamp(path) == self._then.get(path)

    def whole(self) -> str | None:
        """The hash of all of the package as it was then; None when a file has been written, added or removed since."""
        if {path: stamp for path in self.package.rglob("*.py") if (stamp := _stamp(path))} != self._then:
            return None
        found = hashlib.sha256()
        for path in sorted(self._then):
            found.update(f"{path.relative_to(self.package)}\n".encode() + path.read_bytes())
        return found.hexdigest()


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What the system says of a file: numbers that change whenever it is written or replaced."""
    with contextlib.suppress(OSError):
        status = path.stat()  # the last number moves on even when a file's date is set back
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return None


IMPORTED = Source()
"""The source when the package was imported."""
