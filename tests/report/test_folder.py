"""The site's folder is replaced as a whole or not at all, and only where nothing but an earlier site, or nothing, can be lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from sample_books import write_book

from modaddlab.report import folder as folder_module
from modaddlab.report import mark, rendering
from modaddlab.report.errors import BookError
from modaddlab.report.folder import fresh_folder, one_at_a_time, site_folder
from modaddlab.report.project import Book, load_book

SOURCES = {"index.qmd": "# Front\n\nText.\n", "chapters/one.qmd": "# One\n\nText.\n"}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    (tmp_path / "project").mkdir()
    return load_book(write_book(tmp_path / "project", SOURCES))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def everything(folder: Path) -> dict[str, bytes | str]:
    """All files and links below a folder, but for the lock of renders."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file() and path.name != "render.lock":
            found[str(path)] = path.read_bytes()
    return found


def put(book: Book, target: Path, name: str, text: str = "") -> None:
    with fresh_folder(book, target) as fresh:
        (fresh / name).write_text(text or name)


@pytest.mark.parametrize("atomic", [True, False])
def test_the_new_folder_takes_the_place_of_the_old(book: Book, atomic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not atomic:
        monkeypatch.setattr(folder_module, "_exchange", lambda one, other: False)
    before = names(book.root)
    (book.root / "_book").mkdir()
    for name in ("first.html", "second.html"):
        put(book, book.root / "_book", name)
    assert names(book.root / "_book") == [mark.NAME, "second.html"]
    assert names(book.root) == sorted([*before, "_book"])


def test_an_exception_leaves_the_old_folder(book: Book) -> None:
    put(book, book.root / "_book", "good.html")
    before = everything(book.root)

    def stopped() -> None:
        with fresh_folder(book, book.root / "_book") as fresh:
            (fresh / "bad.html").write_text("bad")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert everything(book.root) == before


@pytest.mark.parametrize(
    "output", [".", "..", "../..", "chapters", "chapters/new", ".git", ".git/new", "data/new", "modaddlab/x", ".cache",
               ".cache/x", "notes", "tracked/new", "file.txt", "link", "dangling", "link/../chapters", "empty\0", " ",
               "other-site", "_book/x"]
)  # fmt: skip
@pytest.mark.parametrize("way", ["option", "project file"])
@pytest.mark.parametrize("name", ["builtin", "quarto"])
def test_whatever_else_is_there_is_refused_before_anything_is_executed(
    book: Book, output: str, way: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, project = book.root, "project:\n"
    for path in ("notes/mine.txt", "file.txt", ".git/config", "tracked/a.txt", "../outside.txt"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("mine")
    (root / "link").symlink_to("notes")
    (root / "dangling").symlink_to("nowhere")
    put(book, root / "_book", "index.html")
    mark_of_another = '{"project": "../../another", "files": ["mine.html"]}'
    for path, text in (("mine.html", "mine"), (mark.NAME, mark_of_another)):
        (root / "other-site").mkdir(exist_ok=True)
        (root / "other-site" / path).write_text(text)
    monkeypatch.setattr(folder_module, "_tracked", lambda _: [root / "tracked"])
    monkeypatch.setattr(rendering, "choose", lambda _: pytest.fail("it went on"))
    if way == "project file":
        text = (root / "_quarto.yml").read_text()
        (root / "_quarto.yml").write_text(text.replace(project, f"{project}  output-dir: {output!r}\n".replace("'", '"'), 1))
    before = everything(root.parent)
    with pytest.raises(BookError, match="the site") as caught:
        rendering.render(root, name, ["html"], output if way == "option" else None)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("_quarto.yml:2: ") is (way == "project file")
    assert everything(root.parent) == before


@pytest.mark.parametrize("output", ["_book", "new", "deep/new", "../beside", ".cache/preview", "empty"])
def test_what_holds_nothing_or_an_earlier_site_is_taken(book: Book, output: str) -> None:
    (book.root / "empty").mkdir()
    for name in ("first.html", "second.html"):
        target = site_folder(book, output)
        put(book, target, name)
        assert names(target) == [mark.NAME, "second.html" if name == "second.html" else "first.html"]


def test_a_mount_point_is_refused_before_anything_is_made(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "_book")
    (book.root / "_book").mkdir()
    with pytest.raises(BookError, match=r"mounted there.* name a folder inside it"):
        site_folder(book)


def test_a_file_that_somebody_put_into_the_site_is_not_lost(book: Book) -> None:
    put(book, book.root / "_book", "index.html")
    (book.root / "_book/.DS_Store").write_text("a system's")
    site_folder(book)
    (book.root / "_book/deep").mkdir()
    (book.root / "_book/deep/CNAME").write_text("mine")
    with pytest.raises(BookError, match="no render made the file deep/CNAME in it; move it away"):
        site_folder(book)
    mark.remove(book.root / "_book")
    assert [path for path in everything(book.root) if "_book" in path] == [str(book.root / "_book/deep/CNAME")]


def test_a_file_that_comes_while_the_site_is_made_is_not_lost(book: Book) -> None:
    put(book, book.root / "_book", "index.html")
    with pytest.raises(BookError, match=r"notes\.txt"), fresh_folder(book, book.root / "_book"):
        (book.root / "_book/notes.txt").write_text("mine")
    assert names(book.root / "_book") == [mark.NAME, "index.html", "notes.txt"]


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_new_site_that_is_removed_while_it_is_made_does_not_take_the_place(book: Book, goes_on: bool) -> None:
    put(book, book.root / "_book", "good.html")

    def removed() -> None:
        with fresh_folder(book, book.root / "_book") as fresh:
            shutil.rmtree(fresh.parent)
            if goes_on:
                fresh.mkdir(parents=True)
            (fresh / "half.html").write_text("half")

    with pytest.raises(BookError, match="was removed while the site was made"):
        removed()
    assert names(book.root / "_book") == [mark.NAME, "good.html"]


def test_a_moved_project_knows_its_site_and_another_project_does_not(book: Book, tmp_path: Path) -> None:
    put(book, book.root / "_book", "index.html")
    moved = load_book(book.root.rename(tmp_path / "moved"))
    assert site_folder(moved) == moved.root / "_book"
    (tmp_path / "other").mkdir()
    other = load_book(write_book(tmp_path / "other", SOURCES))
    with pytest.raises(BookError, match="no render of this project made it"):
        site_folder(other, "../moved/_book")


def test_what_git_tracks_is_known(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/a.txt").touch()
    assert folder_module._tracked(tmp_path) == []
    for arguments in (["init", "-q"], ["add", "kept"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    assert folder_module._tracked(tmp_path) == [tmp_path / "kept"]


def test_what_killed_renders_left_behind_is_removed_and_what_is_not_surely_theirs_stays(book: Book) -> None:
    left = {
        "._book-01234567.tmp": {"making": "", "site/half.html": "half"},
        "._book-01234568.tmp": {"making": ""},
        "._book-01234569.tmp": {"site/index.html": "old", f"site/{mark.NAME}": '{"project": "..", "files": ["index.html"]}'},
        "._book-0123456a.tmp": {"notes.txt": "mine"},
        "._book-0123456b.tmp": {"site/notes.txt": "mine"},
        "._book-mine.tmp": {"making": "mine", "site/x": "mine"},
    }
    for name, files in left.items():
        for path, text in files.items():
            (book.root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (book.root / name / path).write_text(text)
    put(book, book.root / "_book", "index.html")
    assert sorted(path.name for path in book.root.glob("._book-*")) == [
        "._book-0123456a.tmp", "._book-0123456b.tmp", "._book-mine.tmp",
    ]  # fmt: skip


def test_a_site_that_was_on_its_way_between_two_renames_comes_back(book: Book) -> None:
    put(book, book.root / "_book", "good.html")
    work = book.root / "._book-01234567.tmp"
    work.mkdir()
    (book.root / "_book").rename(work / "old")
    with pytest.raises(ZeroDivisionError), fresh_folder(book, book.root / "_book"):
        raise ZeroDivisionError
    assert names(book.root / "_book") == [mark.NAME, "good.html"]
    assert not work.exists()


def test_what_a_bare_quarto_makes_is_the_sites_and_what_was_there_before_is_not(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = book.root / "_book"
    monkeypatch.setenv("QUARTO_PROJECT_OUTPUT_DIR", "_book")

    def quarto(*names: str) -> None:
        mark.before_quarto(book.root)
        for name in names:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text("made")
        mark.after_quarto(book.root)

    quarto("index.html", "site_libs/a.js")
    assert site_folder(book) == site
    quarto("chapters/one.html", "chapters/one_files/figure.svg")  # a chapter alone, into the marked site
    assert site_folder(book) == site
    (site / "mine.txt").write_text("mine")
    quarto("index.html", "site_libs/b.js")
    with pytest.raises(BookError, match=r"no render made the file mine\.txt"):
        site_folder(book)
    mark.remove(site)
    assert names(site) == [mark.NAME, "mine.txt"], "all of Quarto's files are known, and no other"
    (site / mark.NAME).unlink()
    quarto("chapters/one.html")  # into a folder that is not a site's
    mark.remove(site)
    assert names(site) == [mark.NAME, "mine.txt"]


def test_a_folder_outside_or_another_projects_or_of_unknown_files_is_not_marked(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = book.root / "other"
    for folder in (book.root.parent / "outside", other):
        folder.mkdir()
        (folder / "theirs.html").touch()
    (other / mark.NAME).write_text('{"project": "../..", "files": ["theirs.html"]}')
    before = everything(book.root.parent)
    for folder in ("../outside", "other"):
        monkeypatch.setenv("QUARTO_PROJECT_OUTPUT_DIR", folder)
        mark.before_quarto(book.root)
        mark.after_quarto(book.root)
    assert everything(book.root.parent) == before
    (book.root / "_book").mkdir()
    monkeypatch.setenv("QUARTO_PROJECT_OUTPUT_DIR", "_book")
    mark.after_quarto(book.root)  # without what came before
    assert names(book.root / "_book") == []


def test_a_second_render_waits_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    waiting, order = threading.Event(), []

    def say(text: str) -> None:
        said.append(text)
        waiting.set()

    def second() -> None:
        with one_at_a_time(tmp_path, say):
            order.append("second")

    with one_at_a_time(tmp_path, said.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(timeout=300)
        order.append("first")
    thread.join(timeout=300)
    assert order == ["first", "second"]
    assert len(said) == 1
    assert "another render" in said[0]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="the system has no /proc")
def test_where_no_folder_can_be_made_is_told_in_a_line(book: Book) -> None:
    said = r"no folder can be made in /proc \(.*\); name another place"
    with pytest.raises(BookError, match=said), fresh_folder(book, Path("/proc/x")):
        pass
