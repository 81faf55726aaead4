"""The package's numerical source as it was when this process imported it, and whether it still is.

A process computes with what it imported, not with what lies on the disk now. Whoever keeps a result under the hash of the source
must therefore know that no file was written in between. This module is the first that `import modaddlab` loads, before any other
file of the package is read; it notes what the system says of each numerical file: its place on the disk, its size, and when its
content and its entry were last written. No file is opened for that.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

NUMERICAL = (
    "analysis", "experiments", "fields.py", "findings", "measurements", "models", "rows.py", "shapes.py", "study.py", "tasks.py",
)  # fmt: skip
"""The parts of the package on which a result can depend."""


class Source:
    """The numerical source at one moment.

    Args:
        package: the package's folder.
    """

    def __init__(self, package: Path = PACKAGE) -> None:
        self.package = package
        self._then = _stamps(package)
        self._digest: str | None = None

    @property
    def digest(self) -> str | None:
        """sha256 over all numerical files as they were then; None when one has been written, added or removed since."""
        try:
            digest = self._digest or _digest(self.package)
            if _stamps(self.package) != self._then:  # looked at after reading: what was read is what was there
                return None
        except OSError:  # a file vanished in between
            return None
        self._digest = digest
        return digest


def _stamps(package: Path) -> dict[Path, tuple[int, ...]]:
    """What the system says of each file: numbers that change whenever it is written or replaced."""
    found = {}
    for path in _files(package):
        with contextlib.suppress(OSError):
            status = path.stat()  # the last number moves on even when a file's date is set back
            found[path] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def _digest(package: Path) -> str:
    total = hashlib.sha256()
    for path in _files(package):
        total.update(f"{path.relative_to(package).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _files(package: Path) -> list[Path]:
    """The numerical files, sorted; an editor's hidden files are none."""
    places = [package / part for part in NUMERICAL]
    files = [path for place in places for path in ([place] if place.suffix else place.rglob("*.py"))]
    return sorted(path for path in files if not path.name.startswith("."))


IMPORTED = Source()
"""The source when the package was imported."""
