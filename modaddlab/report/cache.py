"""The chapters' executed outputs, kept by jupyter-cache, as long as they are whole and nothing that they depend on has changed.

jupyter-cache finds an execution again under the hash of its cells. That hash does not cover what the cells read, so each
entry also holds the hash of everything that its execution read (see `trace`), the list of runs, and the libraries' versions;
and a checksum of the outputs themselves. An entry that has changed since it was written, in whatever way, is no entry; a cache
that cannot be read is removed, and an empty one takes its place; a cache that cannot be written is done without.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbformat import NotebookNode
from sqlalchemy.exc import SQLAlchemyError

from ..errors import explain
from ..paths import data_folder
from .fingerprint import library_versions
from .project import Book
from .qmd import Source
from .trace import digest

FOLDER = Path(".cache/jupyter/builtin")
TRACE_TYPE = "application/vnd.modaddlab.trace+json"


def data_of(book: Book) -> Path:
    """The data folder that a book's chapters read."""
    return data_folder() if "MODADDLAB_DATA" in os.environ else book.root / "data"


class Cache:
    """The executed outputs of a book's chapters.

    Args:
        book: the project.
        say: is told once when outputs cannot be kept.
    """

    def __init__(self, book: Book, say: Callable[[str], None] = lambda _: None) -> None:
        self._book, self._say = book, say
        self._folder = book.root / FOLDER
        self._cache = get_cache(str(self._folder))
        self._digest = functools.cache(digest)
        self._versions = library_versions()
        self._complained = False

    def find(self, notebook: NotebookNode) -> NotebookNode | None:
        """The executed notebook, or None when there is none, it is damaged, or something that it read has changed."""
        try:
            record = self._cache.match_cache_notebook(notebook)
            data = cast("Mapping[str, Any]", record.data)
            depends: Mapping[str, str] = data["depends"]
            if data["versions"] != self._versions or any(self._digest(path) != then for path, then in depends.items()):
                return None
            kept = self._cache.get_cache_bundle(int(record.pk)).nb  # type: ignore[arg-type]
            return kept if data["checksum"] == _checksum(kept) and len(kept.cells) == len(notebook.cells) else None
        except SQLAlchemyError:
            self._start_anew()
        except Exception:  # no such entry, or one in which anything at all may lie
            return None
        return None

    def runs(self) -> str:
        """The hash of the list of runs, which any chapter may have asked for."""
        return digest(str(self._runs))

    def keep(self, notebook: NotebookNode, source: Source, runs: str) -> None:
        """Store an executed notebook, unless something that it read changed while it ran: then nobody knows what it saw.

        Args:
            notebook: with its outputs.
            source: the chapter.
            runs: `runs()` before the execution.
        """
        read: Mapping[str, str] = notebook.cells[-1].outputs[-1]["data"][TRACE_TYPE]
        depends = {str(self._runs): runs}
        for name, found in read.items():
            followed = str(self._followed(Path(name)))
            depends[followed] = read.get(followed) or depends.get(followed) or (found if followed == name else digest(followed))
        if any(digest(path) != then for path, then in depends.items()):
            return
        data = {"versions": self._versions, "depends": depends, "checksum": _checksum(notebook)}
        bundle = CacheBundleIn(notebook, str(source.path), data=data)
        try:
            self._store(bundle)
        except Exception:
            try:
                self._start_anew()
                self._store(bundle)
            except Exception as error:
                if not self._complained:
                    self._complained = True
                    reason = explain(error) or " ".join(str(error).split("\n")[0].split())
                    self._say(f"outputs cannot be kept, so the next render executes again ({reason})")

    def _store(self, bundle: CacheBundleIn) -> None:
        _, key = self._cache.create_hashed_notebook(bundle.nb)
        with suppress(FileNotFoundError):  # what is there may be half an entry
            shutil.rmtree(self._folder / "executed" / key)
        self._cache.cache_notebook_bundle(bundle, overwrite=True)

    def _start_anew(self) -> None:
        """An empty cache in the place of one that cannot be read."""
        with suppress(Exception):
            self._cache.db.dispose()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._cache = get_cache(str(self._folder))

    @property
    def _runs(self) -> Path:
        return data_of(self._book) / "runs"

    def _followed(self, path: Path) -> Path:
        """The manifest in whose folder a file lies, if there is one; otherwise the file itself."""
        for folder in path.parents:
            if folder in (self._book.root.resolve(), data_of(self._book).resolve()):
                break
            if (folder / "manifest.json").is_file():
                return folder / "manifest.json"
        return path


def _checksum(notebook: NotebookNode) -> str:
    """The sha256 of all that a notebook's cells hold, in the form in which it is read from a file."""
    cells = nbformat.reads(nbformat.writes(notebook), as_version=4).cells
    content = [[cell.source, cell.outputs] for cell in cells]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
