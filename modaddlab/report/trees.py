"""What of a module's source an output can depend on: the hash of its syntax tree, without comments and docstrings.

To parse the whole package takes two seconds, so the hashes are kept in `.cache/trees.json` by the hash of each file.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from .. import kept
from ..closure import tree_of

PLACE = Path(".cache/trees.json")

_PYTHON = f"{sys.version_info[:2]}"
"""Whose trees they are."""


class Trees:
    """The hashes of modules' syntax trees.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self._place = root / PLACE
        content = kept.read(self._place, _PYTHON)
        self._known: dict[str, str] = {} if content is None else json.loads(content)

    def digests(self, paths: Iterable[Path]) -> dict[Path, str]:
        """The hash of each module's tree; of the file itself where that does not parse; "absent" where there is none."""
        before = len(self._known)
        found = {path: self._digest(path) for path in paths}
        if len(self._known) > before:
            kept.write(self._place, json.dumps(self._known).encode(), _PYTHON)
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


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
