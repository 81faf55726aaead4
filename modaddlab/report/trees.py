"""What of a module's source an output can depend on: the hash of its syntax tree, without comments and docstrings.

To parse the whole package takes two seconds, so the hashes are kept in `.cache/trees.json` by the hash of each file.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..closure import tree_of

PLACE = Path(".cache/trees.json")


class Trees:
    """The hashes of modules' syntax trees.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self._place = root / PLACE
        self._known: dict[str, str] = {}
        with suppress(OSError, ValueError, LookupError, TypeError):
            kept = json.loads(self._place.read_text(encoding="utf-8"))
            self._known = kept["trees"] if kept["of"] == _of(kept["trees"]) else {}

    def digests(self, paths: Iterable[Path]) -> dict[Path, str]:
        """The hash of each module's tree; of the file itself where that does not parse; "absent" where there is none."""
        before = len(self._known)
        found = {path: self._digest(path) for path in paths}
        if len(self._known) > before:
            self._keep()
        return found

    def _digest(self, path: Path) -> str:
        try:
            content = path.read_bytes()
        except OSError:
            return "absent"
        name = _sha256(content)
        if name not in self._known:
            try:
                self._known[name] = _sha256(ast.dump(tree_of(content)).encode())
            except (SyntaxError, ValueError, RecursionError):
                return name
        return self._known[name]

    def _keep(self) -> None:
        temporary = self._place.with_suffix(f".{os.getpid()}")
        text = {"of": _of(self._known), "trees": self._known}
        with suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(text), encoding="utf-8", newline="\n")
            os.replace(temporary, self._place)


def _of(trees: dict[str, str]) -> str:
    """What the hashes belong to, and that they are whole: the Python whose trees they are is part of it."""
    return _sha256(json.dumps([sys.version_info[:2], trees]).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
