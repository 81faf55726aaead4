"""Replaces the site's folder in one step, and lets one render at a time do so.

A render writes into a fresh folder beside the site. Only when everything is there are the two folders exchanged, so a
cell that raises, Ctrl-C, or a killed process leaves the last good site as it was. What such a process left behind is
removed by the next one.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_RENAME_SWAP = 2


@contextmanager
def one_at_a_time(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the checkout's render lock; says so when it has to wait for another render."""
    path = root / ".cache" / "render.lock"
    path.parent.mkdir(exist_ok=True)
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


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """A new empty folder beside `target`, which takes its place when the block ends without an exception."""
    for left in target.parent.glob(f".{target.name}-*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = target.parent / f".{target.name}-{secrets.token_hex(4)}.tmp"
    fresh.mkdir(parents=True)
    try:
        yield fresh
        _put(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _put(fresh: Path, target: Path) -> None:
    if not target.exists():
        os.rename(fresh, target)
    elif not _exchange(fresh, target):
        # no atomic exchange on this file system: the site is away for the instant between two renames
        old = fresh.with_name(fresh.name.replace(".tmp", "-old.tmp"))
        os.rename(target, old)
        os.rename(fresh, target)
        shutil.rmtree(old, ignore_errors=True)


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
