"""What a cached output of Quarto's may depend on, as one hash.

Quarto hands a chapter's notebook to jupyter-cache, which looks at the code cells and at nothing else: a changed package
or checkpoint goes unnoticed and the old figure stays on the page. The fingerprint is a hash over everything that a cell's
output can depend on: the package's source without comments and docstrings, the manifests of all runs (each holds the hashes of
its run's files), the project's options and the versions of the libraries. `executions` keeps one cache per fingerprint.

The built-in renderer knows more exactly what each chapter read (see `modaddlab.trace`) and does not need this.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ..kept import library_versions
from ..paths import data_folder
from .trees import Trees


def hash_file(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sources(root: Path) -> list[Path]:
    """The files that a cached output of Quarto's may depend on, other than the project's options."""
    data = data_folder() if "MODADDLAB_DATA" in os.environ else root / "data"
    package = [path for ending in ("py", "js", "css") for path in sorted((root / "modaddlab").rglob(f"*.{ending}"))]
    files = [*package, *sorted(data.glob("runs/*/manifest.json"))]
    return [path for path in [*files, *_folder_options(root)] if not _is_report(path, root)]


def contents(root: Path) -> dict[str, Any]:
    """All that a cached output of Quarto's may depend on, as data."""
    return {
        "files": {_name(path, root): found for path, found in _hashes(root).items()},
        "options": _execution_options(root / "_quarto.yml"),
        "versions": library_versions(),
    }


def fingerprint(root: Path) -> str:
    """The first 16 hexadecimal digits of the sha256 of `contents`."""
    text = json.dumps(contents(root), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _hashes(root: Path) -> dict[Path, str]:
    files = sources(root)
    return {path: hash_file(path) for path in files} | Trees(root).digests(path for path in files if path.suffix == ".py")


def _execution_options(path: Path) -> dict[str, Any]:
    """What `_quarto.yml` and its formats say about executing cells and the size of figures."""
    if not path.is_file():
        return {}
    options = yaml.safe_load(path.read_text(encoding="utf-8"))
    scopes = {"": options} | {name: scope for name, scope in (options.get("format") or {}).items() if isinstance(scope, dict)}
    return {
        f"{name}/{key}": value
        for name, scope in scopes.items()
        for key, value in scope.items()
        if key in ("execute", "jupyter") or key.startswith("fig-")
    }


def _name(path: Path, root: Path) -> str:
    """A file's path in the checkout, the same on every system; the whole path of a file that lies elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _is_report(path: Path, root: Path) -> bool:
    """Whether a file belongs to the renderer itself, which chapters do not import (a test of the imports holds that)."""
    return path.is_relative_to(root / "modaddlab" / "report")


def _folder_options(root: Path) -> Iterator[Path]:
    """The `_metadata.yml` of every folder; hidden ones, an environment with its 50,000 files among them, are not entered."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        if "_metadata.yml" in names:
            yield Path(folder, "_metadata.yml")
