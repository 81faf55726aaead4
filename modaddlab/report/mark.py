"""The mark by which a render knows a site of this project: the file `.modaddlab-site` inside it, with the names of its files.

Only what a mark lists is ever removed. A folder without a mark, a mark of another project, and a file that the mark does not
list are somebody's own. The built-in renderer and the command's renders through Quarto leave a mark; so does a bare `quarto
render`, of the whole book or of a chapter, because `before_quarto` and `after_quarto` run around it (`quarto_step.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

NAME = ".modaddlab-site"
_LEFT_BY_SYSTEMS = (NAME, ".DS_Store", "Thumbs.db", "desktop.ini")
"""Names of files that nobody's work is in."""
_NOTES = Path(".cache/before-quarto.json")
"""What of somebody's own lay in the site's folder when a bare Quarto began: name -> what the system says of the file."""


def write(folder: Path, root: Path, place: Path, without: Collection[str] = ()) -> None:
    """Mark everything that lies in a folder as a site.

    Args:
        folder: the site.
        root: the project's folder.
        place: where the site will lie, if not there already.
        without: names of files in it that are somebody's own.
    """
    files = sorted(set(_files(folder)) - set(without))
    content = {"project": os.path.relpath(root.resolve(), place.resolve()), "files": files}
    (folder / NAME).write_text(json.dumps(content, indent=0), encoding="utf-8", newline="\n")


def is_site(folder: Path, root: Path, place: Path | None = None) -> bool:
    """Whether a folder carries the mark of a site of the project in `root`, made for this place (by default: where it is)."""
    content = _read(folder)
    return content is not None and ((place or folder) / content["project"]).resolve() == root.resolve()


def foreign(folder: Path) -> str | None:
    """The first file of a marked folder that its mark does not list, relative to the folder; None when there is none."""
    listed = _listed(folder)
    return next((name for name in sorted(_files(folder)) if name not in listed), None)


def remove(folder: Path) -> None:
    """Remove the files that the folder's mark lists, and the folders that are empty then."""
    for name in _listed(folder) & set(_files(folder)):
        (folder / name).unlink(missing_ok=True)
    for parent, _, names in os.walk(folder, topdown=False):
        if set(names) <= set(_LEFT_BY_SYSTEMS):
            for name in names:
                (Path(parent) / name).unlink(missing_ok=True)
        with suppress(OSError):  # something of somebody's own is in it
            os.rmdir(parent)


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in [*names, *links]:
            if name not in _LEFT_BY_SYSTEMS:
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _listed(folder: Path) -> set[str]:
    content = _read(folder)
    return set() if content is None else set(content["files"])


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        whole = isinstance(content["project"], str) and all(isinstance(name, str) for name in content["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return content if whole else None


def before_quarto(root: Path) -> None:
    """Note which files in the folder that Quarto is about to write into are no site's."""
    folder, notes = folder_of_quarto(root), root / _NOTES
    listed = _listed(folder) if is_site(folder, root) else set()
    others = {name: _stamp(folder / name) for name in _files(folder) if name not in listed}
    notes.parent.mkdir(exist_ok=True)
    notes.write_text(json.dumps({"folder": str(folder), "others": others}), encoding="utf-8", newline="\n")


def after_quarto(root: Path) -> None:
    """Mark what Quarto made: all that lies in its folder, except what was there before and was no site's."""
    folder, notes = folder_of_quarto(root), root / _NOTES
    try:
        noted = json.loads(notes.read_text(encoding="utf-8"))
        others: dict[str, list[int]] = noted["others"]
        notes.unlink()
    except (OSError, ValueError, KeyError, TypeError):  # nobody knows whose the files are
        return
    if noted["folder"] != str(folder):
        return
    inside = root.resolve() in folder.resolve().parents
    theirs = (folder / NAME).exists() and not is_site(folder, root)
    if inside and folder.is_dir() and not theirs:
        kept = {name for name, then in others.items() if os.path.lexists(folder / name) and _stamp(folder / name) == then}
        write(folder, root, folder, without=kept)


def folder_of_quarto(root: Path) -> Path:
    """The folder that Quarto renders a project into, as its steps before and after a render are told."""
    return root / os.environ.get("QUARTO_PROJECT_OUTPUT_DIR", "_book")


def _stamp(path: Path) -> list[int]:
    status = path.lstat()
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
