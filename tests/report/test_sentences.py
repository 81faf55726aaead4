"""Values in sentences: what is refused, what is replaced, and that the book's own chapters and findings fit."""

from __future__ import annotations

import errno
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from modaddlab import findings, kept, source
from modaddlab.findings.value import Value, share
from modaddlab.report import sentences
from modaddlab.report.errors import BookError

NAMES = {"x.share": "75.4 %", "x.law.n": "13"}
GUARD = '```{python}\n#| include: false\nfindings.expect(x.law.n > 0, "falls HOW")\n```\n'
RIGHT = "# Title\n\nIt falls fast, to {{< var x.share >}}.\n\n" + GUARD.replace("HOW", "fast")


def problems(text: str) -> list[str]:
    return sentences.problems({Path("a.qmd"): text}, NAMES)


def test_a_chapter_that_fits_has_no_problem() -> None:
    assert problems(RIGHT) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (RIGHT + "{{< var x.shore >}}", "a.qmd:9: no value is named 'x.shore'"),
        (RIGHT + "{{< var x >}}", "a.qmd:9: no value is named 'x'"),
        (RIGHT + "$y = {{< var x.share >}}$", "a.qmd:9: a formula takes no value; write it in words"),
        (RIGHT + "$$\ny = {{< var x.share >}}\n$$", "a.qmd:9: a formula takes no value; write it in words"),
        ("# Title {{< var x.share >}}\n", "a.qmd:1: the title of a chapter takes no value; write it in words"),
        ("\n" + GUARD.replace("HOW", "slowly"), "a.qmd:4: the words of this guard are not in the chapter: 'falls slowly'"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_values_are_put_in_everywhere_but_in_code() -> None:
    values = {"x": {"share": "75.4 %"}}
    text = '{{< var x.share >}}\n\n```{python}\n#| fig-alt: "to {{< var x.share >}}"\nexpect(x, "to {{< var x.share >}}")\n```\n'
    assert sentences.substitute(text, values, Path("a.qmd")) == (
        '75.4 %\n\n```{python}\n#| fig-alt: "to 75.4 %"\nexpect(x, "to {{< var x.share >}}")\n```\n'
    )
    with pytest.raises(BookError, match=r"a\.qmd:2: no value is named 'x\.shore'"):
        sentences.substitute("\n{{< var x.shore >}}", values, Path("a.qmd"))


def test_the_values_are_written_as_a_tree_and_only_when_they_change(tmp_path: Path) -> None:
    sentences.write(tmp_path, NAMES)
    assert sentences.read(tmp_path) == {"x": {"share": "75.4 %", "law": {"n": "13"}}}
    (tmp_path / "_variables.yml").chmod(0o444)
    before = (tmp_path / "_variables.yml").stat().st_mtime_ns
    sentences.write(tmp_path, NAMES)
    assert (tmp_path / "_variables.yml").stat().st_mtime_ns == before
    assert sentences.read(tmp_path / "elsewhere") == {}
    for damaged in (b"x: {share", b"\xff", b"- 1"):
        (tmp_path / "_variables.yml").chmod(0o644)
        (tmp_path / "_variables.yml").write_bytes(damaged)
        assert sentences.read(tmp_path) == {}
        sentences.write(tmp_path, NAMES)
        assert sentences.read(tmp_path) == {"x": {"share": "75.4 %", "law": {"n": "13"}}}


def test_a_cache_on_another_file_system_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def within_a_file_system(old: Path, new: Path) -> None:
        if old.parent != new.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(old))
        replace(old, new)

    monkeypatch.setattr(os, "replace", within_a_file_system)
    sentences.write(tmp_path, {"a.b": "1"})
    assert sentences.read(tmp_path) == {"a": {"b": "1"}}

    def full(old: Path, new: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left") as error:
        sentences.write(tmp_path, {"a.b": "2"})
    assert error.value.filename == str(tmp_path / sentences.VARIABLES)
    kept.write(tmp_path / "entry", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["_variables.yml"], "what a full disk took of a file is removed"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_in_the_place_of_an_entry_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "entry")
    assert kept.read(tmp_path / "entry") is None
    kept.write(tmp_path / "entry", b"content")
    assert kept.read(tmp_path / "entry") == b"content"
    os.mkfifo(tmp_path / sentences.VARIABLES)
    assert sentences.read(tmp_path) == {}
    sentences.write(tmp_path, {"a.b": "2"})
    assert sentences.read(tmp_path) == {"a": {"b": "2"}}


def test_findings_are_kept_until_something_changes_and_damage_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path / "data"))
    (tmp_path / "data/runs").mkdir(parents=True)
    record = tmp_path / "data/runs/record"
    record.write_text("1")
    measured: list[str] = []

    def measure() -> Value:
        measured.append(record.read_text())
        return share(0.5)

    def values() -> int:
        assert sentences.measure(tmp_path, {Path("a.qmd"): 'findings.measure("speed")'}) == ({"speed": "50.0 %"}, [])
        return len(measured)

    monkeypatch.setattr(findings.speed, "measure", measure)
    assert [values(), values()] == [1, 1]
    home, folder = ("findings.speed", "measure"), tmp_path / ".cache"
    place = folder / "findings/speed"
    place.write_bytes(place.read_bytes().replace(b"50.0", b"60.0"))
    assert kept.find(home, folder) is None
    assert [values(), values()] == [2, 2], "damage"
    (tmp_path / "data/runs/other").write_text("1")
    assert values() == 2, "another record"
    record.write_text("2")
    assert [values(), values()] == [3, 3], "the record that it read"
    with monkeypatch.context() as patch:
        patch.setattr(source.IMPORTED, "content", lambda path: f"a comment in {path}")
        assert [values(), values()] == [3, 3], "other files of the same source"
        patch.setattr(kept, "_version", lambda home: "another")
        assert values() == 3
        patch.setattr(source.IMPORTED, "content", lambda path: "another")
        assert [values(), values()] == [4, 4], "other source"


SLOW = """
import os, sys, time
from pathlib import Path
from modaddlab import command
from modaddlab.report import sentences

def slow(root, subject):
    (root / f"{os.getpid()}.measures").touch()
    time.sleep(999)

if __name__ == "__main__":
    command.end_with_input()
    sentences._measure_alone = slow
    sys.exit(command.run(lambda: sentences._values_of(Path.cwd(), ["a", "b", "c"])))
"""
RENDER = """
import sys
from pathlib import Path
from modaddlab import command
from modaddlab.report import rendering
sys.exit(command.run(lambda: rendering._finished("slow", Path.cwd())))
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_no_process_goes_on_measuring_for_one_that_is_gone(number: int, code: int, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    environment = os.environ | {"PYTHONPATH": str(Path(sentences.__file__).parents[2])}
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs do not
    process = subprocess.Popen(
        [sys.executable, "-c", RENDER], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=heed
    )
    while not list(tmp_path.glob("*.measures")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3, "the child and its two workers"
    process.send_signal(number)
    assert process.wait(600) == code
    assert psutil.wait_procs(family, 600)[1] == []
    assert "Traceback" not in process.communicate()[1]
