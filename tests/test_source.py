"""What the package knows of its own source: what a result depends on is unchanged since the import, or not."""

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
    study = "from lab.analysis import keys\ndef measure():\n    return keys.K\n"
    texts = {"study": study, "analysis/__init__": "", "analysis/keys": "K = 1\n", "figures": "X = 1\n"}
    for name, text in texts.items():
        path = tmp_path / "lab" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "lab"


def digest(of: Source) -> str | None:
    return of.digest("lab.study", "measure")


def written(package: Path) -> None:
    (package / "study.py").write_text("K = 2")


def written_with_its_old_date(package: Path) -> None:
    path = package / "analysis" / "keys.py"
    status = path.stat()
    path.write_text("K = 2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced_by_an_older_copy(package: Path) -> None:
    copy = package / "copy"
    copy.write_text("K = 2\n")
    os.utime(copy, (1e9, 1e9))
    os.replace(copy, package / "analysis" / "keys.py")


def written_and_written_back(package: Path) -> None:
    text = (package / "study.py").read_text()
    written(package)
    (package / "study.py").write_text(text)


def removed(package: Path) -> None:
    (package / "analysis" / "keys.py").unlink()


def gone(package: Path) -> None:
    shutil.rmtree(package)


CHANGES = (written, written_with_its_old_date, replaced_by_an_older_copy, written_and_written_back, removed, gone)


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_no_digest_once_a_file_has_changed(package: Path, change: Callable[[Path], None], asked_before: bool) -> None:
    then = Source(package)
    if asked_before:
        assert digest(then)
    change(package)
    try:
        assert digest(then) is None
    except LookupError:
        assert not asked_before
        assert change in (written, gone), "the definition itself is gone"


def test_a_change_elsewhere_changes_nothing(package: Path) -> None:
    then = Source(package)
    before = digest(then)
    (package / "figures.py").write_text("X = 2\n")
    (package / "new.py").write_text("X = 2\n")
    (package / "study.py").with_name(".#study.py").symlink_to("an editor's lock")
    assert before
    assert digest(then) == digest(Source(package)) == before
    (package / "analysis" / "keys.py").write_text("K = 1  # a comment\n")
    assert digest(then) is None
    assert digest(Source(package)) == before


def test_the_whole_package_has_a_hash_until_a_file_changes(package: Path) -> None:
    then = Source(package)
    before = then.whole()
    assert before == Source(package).whole() is not None
    (package / "figures.py").write_text("X = 2\n")
    assert then.whole() is None
    changed = Source(package)
    assert changed.whole() not in (None, before)
    (package / "new.py").write_text("")
    assert changed.whole() is None


def test_the_package_s_own_source_is_known() -> None:
    assert source.IMPORTED.digest("modaddlab.study", "measure_keys")
