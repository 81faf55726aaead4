"""Which folder a site may take the place of, the exchange of the old site for the new one, and the lock of a render.

A site replaces a site of this project, an empty folder, or nothing; never a folder with anything else in it, a file, a link,
or a place among the project's sources. A render writes into a fresh folder beside the site. Only when everything is there are
the two folders exchanged, so a cell that raises, Ctrl-C, or a killed process leaves the last good site as it was. What such a
process left behind is removed by the next one:

    .NAME-<hex>.tmp/making        present until the new site is whole
    .NAME-<hex>.tmp/site/         the new site; after the exchange, the old one
    .NAME-<hex>.tmp/old/          the old one where two folders cannot be exchanged; put back if the new one did not follow
"""

from __future__ import annotations

import ctypes
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import explain
from ..paths import data_folder
from . import mark
from .errors import BookError, Place
from .project import PROJECT_FILE, Book, line_of

PREVIEW = ".cache/preview"
"""Where the preview's site lies."""

_KEPT_FREE = (".cache", ".git", ".quarto", ".venv", "assets", "data", "modaddlab", "tests")
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2


@contextmanager
def one_at_a_time(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the checkout's render lock; says so when it has to wait for another render.

    Raises:
        BookError: `.cache` is a file.
    """
    path = root / ".cache" / "render.lock"
    try:
        path.parent.mkdir(exist_ok=True)
    except FileExistsError:
        raise BookError(None, f"{path.parent} must be a folder, found a file; remove it, and it is made anew") from None
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say("another render of this book is at work; waiting for it to end (Ctrl-C to give up)")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def site_folder(book: Book, output: str | None = None) -> Path:
    """The folder that the book's site takes the place of.

    Args:
        book: the project.
        output: its name, relative to the project; the project file's by default.

    Raises:
        BookError: something else is there, or the place belongs to the project's sources.
    """
    place = None
    if output is None:
        text = (book.root / PROJECT_FILE).read_text(encoding="utf-8")
        place = Place(Path(PROJECT_FILE), line_of(text, "output-dir"))
    name = book.output if output is None else output
    if not name.strip() or "\0" in name:
        raise BookError(place, "the site's folder must have a name, such as _book")
    target = Path(os.path.abspath(book.root / name))
    if problem := _problem(book, target):
        raise BookError(place, f"the site cannot be put in {name}: {problem}")
    return target


def _problem(book: Book, target: Path) -> str | None:
    """Why a site may not take a folder's place, with the next step; None when it may."""
    root = book.root.resolve()
    if any(_same(target, folder) for folder in (root, *root.parents)):
        return "that is the project's own folder or one that holds it; name a folder of the site's own, such as _book"
    if target.is_symlink():
        return "that is a link, and a site takes the place of a folder; remove the link or name another folder"
    if target.exists() and not target.is_dir():
        return "that is a file, and a site takes the place of a folder; remove it or name another folder"
    if target.is_mount():
        return "a file system is mounted there, so that no other folder can take its place; name a folder inside it"
    if any(mark.is_site(folder, root) for folder in target.parents):
        return "that lies inside another site of the project; name a folder of the site's own, such as _book"
    if mark.is_site(target, root):
        name = mark.foreign(target)
        return name and f"no render made the file {name} in it; move it away, or name another folder"
    if target.is_dir() and any(target.iterdir()):
        return "it is not empty, and no render of this project made it; if nothing in it is needed, delete it yourself"
    if target == book.root / PREVIEW:
        return None
    for source in _sources(book):
        if any(_same(folder, source) for folder in (target, *target.parents)):
            return f"{source.name} is kept for other things; name a folder of the site's own, such as _book"
    for folder in _tracked(root):
        if any(_same(above, folder) for above in target.parents):
            return f"{folder.name} holds sources of the project; name a folder of the site's own, such as _book"
    return None


def _same(one: Path, other: Path) -> bool:
    """Whether two paths name one folder, also by way of links, or of letters that the file system does not tell apart."""
    with suppress(OSError):
        return one.samefile(other)
    return one == other


def _sources(book: Book) -> list[Path]:
    names = {*_KEPT_FREE, *(chapter.path.parts[0] for chapter in book.chapters if len(chapter.path.parts) > 1)}
    return [*(book.root.resolve() / name for name in sorted(names)), data_folder()]


def _tracked(root: Path) -> list[Path]:
    """The project's folders in which git keeps a file; none where there is no git."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=False)
    except OSError:
        return []
    names = {os.fsdecode(name).partition("/")[0] for name in done.stdout.split(b"\0") if b"/" in name}
    return [root / name for name in sorted(names)]


@contextmanager
def fresh_folder(book: Book, target: Path) -> Iterator[Path]:
    """A new empty folder beside `target`, which takes its place when the block ends without an exception.

    Raises:
        BookError: there can be no folder; meanwhile something was put in the target's place, or the new folder was removed.
    """
    _tidy(book.root, target)
    work = target.parent / f".{target.name}-{secrets.token_hex(4)}.tmp"
    fresh = work / "site"
    try:
        fresh.mkdir(parents=True)
        (work / "making").touch()
    except OSError as error:
        reason = explain(error) or f"no folder can be made in {target.parent} ({error.strerror})"
        raise BookError(None, f"{reason}; name another place for the site") from None
    try:
        yield fresh
        mark.write(fresh, book.root, target)
        if problem := _problem(book, target):
            raise BookError(None, f"the site cannot be put in {target}: {problem}")
        (work / "making").unlink()
        _put(fresh, target)
    except FileNotFoundError:
        if fresh.is_dir() and (work / "making").exists():
            raise
        raise BookError(None, f"{work} was removed while the site was made in it; render again") from None
    finally:
        _discard(work, target, book.root)
    if work.exists():
        raise BookError(None, f"the site is in place; what was put into the old one meanwhile lies in {work}")


def _tidy(root: Path, target: Path) -> None:
    """Remove what killed renders left beside the target."""
    pattern = re.compile(rf"\.{re.escape(target.name)}-[0-9a-f]{{8}}\.tmp")
    for work in target.parent.iterdir() if target.parent.is_dir() else []:
        if pattern.fullmatch(work.name) and work.is_dir() and not work.is_symlink():
            _discard(work, target, root)


def _discard(work: Path, target: Path, root: Path) -> None:
    """Remove a render's working folder: all of it while the site is made, afterwards what its sites' marks list."""
    if not target.exists() and mark.is_site(work / "old", root, place=target):
        os.rename(work / "old", target)
    if (work / "making").is_file():
        shutil.rmtree(work / "site", ignore_errors=True)
        (work / "making").unlink(missing_ok=True)
    for name in ("site", "old"):
        mark.remove(work / name)
    with suppress(OSError):  # something of somebody's own is in it
        os.rmdir(work)


def _put(fresh: Path, target: Path) -> None:
    if not target.exists():
        os.rename(fresh, target)
    elif not _exchange(fresh, target):
        # no atomic exchange on this file system: the site is away for the instant between two renames
        os.rename(target, fresh.with_name("old"))
        os.rename(fresh, target)


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders swap their names atomically; False where the system cannot."""
    if sys.platform == "win32":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        return libc.renamex_np(os.fsencode(one), os.fsencode(other), _RENAME_SWAP) == 0
    if not hasattr(libc, "renameat2"):
        return False
    return libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0
