"""What the package knows of its own source: unchanged since the import, or not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modaddlab import source
from modaddlab.source import Source


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for part in source.NUMERICAL:
        path = tmp_path / part if part.endswith(".py") else tmp_path / part / "module.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1")
    (tmp_path / "figures").mkdir()
    return tmp_path


def written(package: Path) -> None:
    (package / "study.py").write_text("x = 2")


def written_with_its_old_date(package: Path) -> None:
    path = package / "analysis" / "module.py"
    status = path.stat()
    path.write_text("x = 2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced_by_an_older_copy(package: Path) -> None:
    path = package / "models" / "module.py"
    copy = package / "copy"
    copy.write_text("x = 2")
    os.utime(copy, (1e9, 1e9))
    os.replace(copy, path)


def written_and_written_back(package: Path) -> None:
    written(package)
    (package / "study.py").write_text("x = 1")


def added(package: Path) -> None:
    (package / "measurements" / "new.py").write_text("x = 2")


def removed(package: Path) -> None:
    (package / "tasks.py").unlink()


def gone(package: Path) -> None:
    shutil.rmtree(package / "analysis")


CHANGES = (written, written_with_its_old_date, replaced_by_an_older_copy, written_and_written_back, added, removed, gone)


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_no_digest_once_a_file_has_changed(package: Path, change: Callable[[Path], None], asked_before: bool) -> None:
    then = Source(package)
    if asked_before:
        assert then.digest
    change(package)
    assert then.digest is None


def test_the_digest_follows_every_numerical_file_and_no_other(package: Path) -> None:
    digests = [Source(package).digest]
    for path in sorted(package.rglob("*.py")):
        path.write_text("x = 3")
        digests.append(Source(package).digest)
    assert None not in digests
    assert len(set(digests)) == len(source.NUMERICAL) + 1
    (package / "figures" / "theme.py").write_text("x = 2")
    (package / "study.py").with_name(".#study.py").symlink_to("an editor's lock")
    assert Source(package).digest == digests[-1]


def test_a_package_without_its_source_has_none(tmp_path: Path) -> None:
    assert Source(tmp_path).digest is None
    assert source.IMPORTED.digest
