"""The chapters' executed outputs, kept by jupyter-cache, as long as they are whole and nothing that they depend on has changed.

jupyter-cache finds an execution again under the hash of its cells. That hash does not cover what the cells read, so each
entry also holds the hash of everything that its execution read (see `modaddlab.trace`; of a module that of its syntax tree
without docstrings, see `trees`) and the libraries' versions; and a checksum of the outputs themselves. An entry that has changed
since it was written, in whatever way, is no entry; a cache that cannot be read is removed, and an empty one takes its place; a
cache that cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbformat import NotebookNode
from sqlalchemy.exc import SQLAlchemyError

from ..errors import explain
from ..kept import library_versions
from ..paths import data_folder
from ..trace import digest
from .project import Book
from .qmd import Source
from .trees import Trees

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
        if any(not (path.is_file() or path.is_dir()) for path in self._folder.rglob("*")):  # a pipe would be waited for
            shutil.rmtree(self._folder, ignore_errors=True)
        self._cache = get_cache(str(self._folder))
        self._trees = Trees(book.root)
        self._seen: dict[str, str] = {}
        self._versions = library_versions()
        self._complained = False

    def find(self, notebook: NotebookNode) -> NotebookNode | None:
        """The executed notebook, or None when there is none, it is damaged, or something that it read has changed."""
        try:
            record = self._cache.match_cache_notebook(notebook)
            data = cast("Mapping[str, Any]", record.data)
            depends: Mapping[str, str] = data["depends"]
            self._seen |= self._states(path for path in depends if path not in self._seen)
            if data["versions"] != self._versions or any(self._seen[path] != then for path, then in depends.items()):
                return None
            kept = self._cache.get_cache_bundle(int(record.pk)).nb  # type: ignore[arg-type]
            return kept if data["checksum"] == _checksum(kept.cells) and len(kept.cells) == len(notebook.cells) else None
        except SQLAlchemyError:
            self._start_anew()
        except Exception:  # no such entry, or one in which anything at all may lie
            return None
        return None

    def keep(self, notebook: NotebookNode, source: Source) -> None:
        """Store an executed notebook, unless something that it read changed while it ran: then nobody knows what it saw.

        Args:
            notebook: with its outputs.
            source: the chapter.
        """
        read: Mapping[str, str] = notebook.cells[-1].outputs[-1]["data"][TRACE_TYPE]
        depends = self._states(read)
        if any(digest(path) != then for path, then in read.items()):
            return
        as_read = nbformat.reads(nbformat.writes(notebook), as_version=4)
        data = {"versions": self._versions, "depends": depends, "checksum": _checksum(as_read.cells)}
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

    def _states(self, paths: Iterable[str]) -> dict[str, str]:
        """What the outputs depend on of each file and folder, as it is now."""
        paths = list(paths)
        trees = self._trees.digests(Path(path) for path in paths if path.endswith(".py"))
        return {path: trees.get(Path(path)) or digest(path) for path in paths}

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


def _checksum(cells: Iterable[NotebookNode]) -> str:
    """The sha256 of all that cells hold, in the form in which they are read from a file."""
    content = [[cell.source, cell.outputs] for cell in cells]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
