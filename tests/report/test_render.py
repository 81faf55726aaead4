"""The render as a whole: whatever stops it, the last good site stays."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_books import write_book

from modaddlab.report import __main__ as command_line
from modaddlab.report import rendering
from modaddlab.report.errors import BookError

ROOT = Path(__file__).resolve().parents[2]
GOOD = "# Front\n\n```{python}\nprint('good')\n```\n"
OTHER = "# Other\n\nSee @sec-three.\n"
THREE = "# Three {#sec-three}\n\nText.\n"
SLEEPS = GOOD.replace("print('good')", "import os, time\nprint(os.getpid(), file=open('pid', 'w'), flush=True)\ntime.sleep(999)")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "modaddlab.report", "render", "--engine", "builtin", "--to", "html", *arguments]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book with a good site."""
    root = write_book(tmp_path_factory.mktemp("book"), {"index.qmd": GOOD, "other.qmd": OTHER, "three.qmd": THREE})
    rendering.render(root, "builtin", ["html"])
    return root


def heed_interrupts() -> None:
    """A shell starts what runs in its background deaf to Ctrl-C, and children inherit that: the tests may run so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_until_it_sleeps(root: Path) -> tuple[subprocess.Popen[str], int]:
    (root / "pid").unlink(missing_ok=True)
    (root / "index.qmd").write_text(SLEEPS)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command(),
        cwd=root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 600
    while not (root / "pid").exists() or not (root / "pid").read_text():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the cell did not start"
        time.sleep(0.05)
    return process, int((root / "pid").read_text())


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail(f"the kernel {pid} outlived its render")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signals between processes")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (9, -9)])
def test_an_interrupted_render_leaves_the_site_and_no_kernel(book: Path, number: int, code: int) -> None:
    before = contents(book / "_book")
    process, kernel = run_until_it_sleeps(book)
    process.send_signal(number)
    _, said = process.communicate(timeout=600)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert contents(book / "_book") == before
    wait_until_gone(kernel)
    (book / "index.qmd").write_text(GOOD)
    rendering.render(book, "builtin", ["html"])
    assert contents(book / "_book") == before
    assert not list(book.glob("._book*")), "what the killed render left behind is removed"


def test_a_failing_cell_stops_the_render(book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(book / "_book")
    (book / "index.qmd").write_text("# Front\n\n```{python}\n#| label: cell-bad\n1 / 0\n```\n")
    monkeypatch.chdir(book)
    assert command_line.main(["render", "--engine", "builtin"]) == 1
    said = capsys.readouterr().err
    for expected in ("index.qmd:5: cell cell-bad raised ZeroDivisionError", "1 / 0", "as it was before"):
        assert expected in said
    assert contents(book / "_book") == before
    (book / "index.qmd").write_text(GOOD)


def test_a_site_with_defects_is_not_put_in_place(book: Path) -> None:
    before = contents(book / "_book")
    (book / "three.qmd").write_text(THREE + "\n[dead](nowhere.html)\n")
    with pytest.raises(BookError, match=r"three.html:\d+: the link `nowhere.html` leads to no file"):
        rendering.render(book, "builtin", ["html"])
    assert contents(book / "_book") == before
    (book / "three.qmd").write_text(THREE)


@pytest.mark.parametrize("address", ["../outside.png", "x/../../outside.png", "/etc/passwd", "../../../../../../etc/passwd"])
def test_an_image_from_outside_is_refused_before_anything_is_written(book: Path, address: str) -> None:
    def of_users() -> dict[str, bytes]:
        beside = {path.name: path.read_bytes() for path in book.parent.iterdir() if path.is_file()}
        return beside | {name: content for name, content in contents(book).items() if ".cache" not in name}

    (book.parent / "outside.png").write_text("not for the site")
    before = of_users()
    (book / "three.qmd").write_text(f"{THREE}\n![An image.]({address})\n")
    with pytest.raises(BookError, match=r"three.qmd:5: an image must lie in the project's folder"):
        rendering.render(book, "builtin", ["html"])
    (book / "three.qmd").write_text(THREE)
    assert of_users() == before


def test_the_same_book_gives_the_same_bytes(book: Path) -> None:
    renders = []
    for _ in range(2):
        rendering.render(book, "builtin", ["html", "pdf"], "_twice")
        renders.append(contents(book / "_twice"))
    assert renders[0]["small.pdf"].startswith(b"%PDF")
    assert b"CreationDate" not in renders[0]["small.pdf"]
    assert renders[0] == renders[1]


def file_for_cache(root: Path) -> Path:
    shutil.rmtree(root / ".cache")
    (root / ".cache").touch()
    return root / ".cache"


def folder_for_lock(root: Path) -> Path:
    (root / ".cache/render.lock").unlink()
    (root / ".cache/render.lock").mkdir()
    return root / ".cache/render.lock"


@pytest.mark.parametrize("damage", [file_for_cache, folder_for_lock])
def test_what_stands_in_the_place_of_a_cache_is_named_and_kept(
    book: Path, damage: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(book)
    before, path = contents(book / "_book"), damage(book)
    assert command_line.main(["render", "--engine", "builtin", "--to", "html"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert str(path) in said[-1]
    assert "remove it" in said[-1]
    assert not [line for line in said if "Traceback" in line]
    assert path.exists()
    path.rmdir() if path.is_dir() else path.unlink()
    assert command_line.main(["render", "--engine", "builtin", "--to", "html"]) == 0
    assert contents(book / "_book") == before


REASONS = {errno.ENOSPC: "the disk is full", errno.EROFS: "read-only", errno.EACCES: "permission denied", None: "render again"}


def test_a_disk_that_takes_nothing_costs_neither_the_site_nor_more_than_a_line(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the render writes fails, one write after the other, each for another reason; or its folder is removed then."""
    monkeypatch.chdir(book)
    before, write, left = contents(book / "_book"), Path.write_text, [0]
    reasons = itertools.cycle(REASONS)

    def fails(path: Path, *arguments: str, **options: str) -> int:
        left[0] -= 1
        if left[0] == 0:
            if number is not None:
                raise OSError(number, os.strerror(number), str(path))
            shutil.rmtree(next(book.glob("._book-*.tmp")))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", fails)
    for failing in range(1, 20):
        left[0], number = failing, next(reasons)
        if command_line.main(["render", "--engine", "builtin", "--to", "html"]) == 0:
            break
        said = capsys.readouterr().err.splitlines()
        assert REASONS[number] in said[-1], said
        assert not [line for line in said if "Traceback" in line]
        assert contents(book / "_book") == before
        assert not list(book.glob("._book*"))
    assert 4 < failing < 19, "the pages, the search index and the mark"
    assert contents(book / "_book") == before


def test_single_chapters_are_rendered_into_the_site(book: Path) -> None:
    before = contents(book / "_book")
    (book / "index.qmd").write_text(GOOD.replace("good", "not executed"))
    (book / "other.qmd").write_text(OTHER + "\nA new sentence.\n")
    rendering.render(book, "builtin", ["html"], only=[Path("other.qmd")])
    after = contents(book / "_book")
    assert b"A new sentence." in after["other.html"]
    assert b"Chapter\xc2\xa03" in after["other.html"], "references to chapters that were not executed resolve"
    assert after["index.html"] == before["index.html"]
    assert set(after) == set(before)
    (book / "index.qmd").write_text(GOOD)
    (book / "other.qmd").write_text(OTHER)
    rendering.render(book, "builtin", ["html"])


def test_a_site_that_is_not_whole_takes_no_single_chapters(book: Path) -> None:
    kept = (book / "_book/three.html").read_bytes()
    (book / "_book/three.html").unlink()  # as after an interrupted `quarto render`
    with pytest.raises(BookError, match=r"three\.html is missing"):
        rendering.render(book, "builtin", ["html"], only=[Path("other.qmd")])
    (book / "_book/three.html").write_bytes(kept)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.qmd"], "no such chapter"),
        (["--to", "docx"], "html, pdf or both"),
        (["other.qmd", "--output", "elsewhere"], "render all"),
    ],
)
def test_wrong_arguments_get_one_line(
    book: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(book)
    assert command_line.main(["render", "--engine", "builtin", *arguments]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) == 1


def test_quarto_is_refused_where_there_is_none(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "find_quarto", lambda: None)
    with pytest.raises(BookError, match="--engine builtin"):
        rendering.choose("quarto")
    assert rendering.choose("auto") is None
