"""Quarto's cached executions: one cache for each fingerprint of what they depend on.

jupyter-cache keeps a chapter's outputs in `.jupyter_cache` beside it and knows nothing of the package and the records
(see `fingerprint`). So Quarto runs `begin` before and `end` after every render (`_quarto.yml`, by way of `quarto_step.py`):

- `begin` puts the cache of the present fingerprint in that place, an empty one if there is none, and sets the former aside in
  `.cache/jupyter/<fingerprint>`; the last few are kept, so that going back costs nothing. The place itself never changes, and
  neither does Quarto's environment: a preview would end if it did.
- `end` closes the cache if the sources are what they were. A cache that was not closed, because the render failed or was
  interrupted, goes on only if no source has been touched since it was opened; otherwise an output in it may be older than
  its source, and it is thrown away. So is every cache about which nothing is known.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ..errors import LabError
from ..kept import put
from .fingerprint import fingerprint, sources

LIVE = ".jupyter_cache"
KEPT = 3
"""How many fingerprints' caches are set aside."""

_CHAPTER = re.compile(r"""[^\s"',\[\]]+\.qmd""")


@dataclass(frozen=True, kw_only=True)
class _State:
    """What the live caches belong to: fingerprint, when opened (None: closed), by which Quarto (pid, start)."""

    fingerprint: str | None = None
    opened: float | None = None
    owner: tuple[int, float] | None = None


def begin(root: Path) -> str:
    """Put the caches of the present sources in place; returns their fingerprint.

    Raises:
        LabError: `JUPYTERCACHE` leads elsewhere, another Quarto is at work on other sources, or a cache cannot be moved.
    """
    if os.environ.get("JUPYTERCACHE"):
        raise LabError(f"JUPYTERCACHE is set to {os.environ['JUPYTERCACHE']}, where outdated figures are not noticed; unset it")
    now, state = time.time(), _read(root)
    current = fingerprint(root)
    whole = state.opened is None or not _touched_since(root, state.opened)
    if state.opened is not None and state.owner not in (None, _quarto()) and _alive(state.owner):
        if state.fingerprint != current or not whole:
            pid = state.owner[0]
            raise LabError(f"Quarto (process {pid}) is rendering from other sources; wait until it is done, or stop it")
        return current
    if state.fingerprint != current or not whole:
        _write(root, _State())  # whoever is interrupted from here on leaves caches that nobody trusts
        for folder in _folders(root):
            if state.fingerprint is None or state.opened is not None:
                _remove(folder / LIVE)
            else:
                _move(folder / LIVE, _aside(root, state.fingerprint, folder))
            _move(_aside(root, current, folder), folder / LIVE)
        shutil.rmtree(_shelf(root) / current, ignore_errors=True)
        for old in _newest_first(root)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    _write(root, _State(fingerprint=current, opened=now, owner=_quarto()))
    return current


def end(root: Path) -> None:
    """Close the caches, or throw them away if a source has changed under way.

    Raises:
        LabError: it has; the pages may mix old and new.
    """
    state = _read(root)
    if state.opened is None or (state.owner not in (None, _quarto()) and _alive(state.owner)):
        return
    if state.fingerprint == fingerprint(root) and not _touched_since(root, state.opened):
        _write(root, _State(fingerprint=state.fingerprint))
        return
    _write(root, _State())
    raise LabError("the package, a record or an option has changed during the render, so pages may mix old and new; render again")


def caches(root: Path) -> list[Path]:
    """The folders that hold Quarto's executions of the present sources; none when the last render was of others."""
    if _read(root).fingerprint != fingerprint(root):
        return []
    return [folder / LIVE for folder in _folders(root) if (folder / LIVE).is_dir()]


def _folders(root: Path) -> Iterator[Path]:
    """The folders in which the project file lists chapters."""
    text = (root / "_quarto.yml").read_text(encoding="utf-8")
    folders = {(root / path).parent for path in _CHAPTER.findall(text)}
    yield from sorted(folder for folder in folders if folder.is_dir() and folder.is_relative_to(root))


def _shelf(root: Path) -> Path:
    return root / ".cache" / "jupyter"


def _aside(root: Path, name: str, folder: Path) -> Path:
    """Where the cache of a chapters' folder lies while another fingerprint's is live."""
    return _shelf(root) / name / ("-".join(folder.relative_to(root).parts) or "root")


def _newest_first(root: Path) -> list[Path]:
    folders = [path for path in _shelf(root).iterdir() if len(path.name) == 16 and path.is_dir()]
    return sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)


def _move(old: Path, new: Path) -> None:
    if old.is_dir():
        new.parent.mkdir(parents=True, exist_ok=True)
        _remove(new)
        shutil.move(old, new)  # .cache may lie on another file system


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _touched_since(root: Path, moment: float) -> bool:
    """Whether a source may have been written since; the inode's time tells what a copied modification time hides."""
    files = [*sources(root), root / "_quarto.yml"]
    return any(max(path.stat().st_mtime, path.stat().st_ctime) > moment for path in files)


def _read(root: Path) -> _State:
    """The state; an unknown one if its file is missing or damaged."""
    path = _shelf(root) / "quarto.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8") if path.is_file() else "")
        owner = values["owner"] and (int(values["owner"][0]), float(values["owner"][1]))
        opened = None if values["opened"] is None else float(values["opened"])
        return _State(fingerprint=values["fingerprint"], opened=opened, owner=owner)
    except (OSError, ValueError, LookupError, TypeError):
        return _State()


def _write(root: Path, state: _State) -> None:
    put(_shelf(root) / "quarto.json", json.dumps(asdict(state)).encode())


def _quarto() -> tuple[int, float] | None:
    """The Quarto that started this process: its pid and when it started."""
    for process in psutil.Process().parents():
        if process.name().lower().startswith(("deno", "quarto")):
            return process.pid, process.create_time()
    return None


def _alive(owner: tuple[int, float]) -> bool:
    try:
        return psutil.Process(owner[0]).create_time() == owner[1]
    except psutil.Error:
        return False
