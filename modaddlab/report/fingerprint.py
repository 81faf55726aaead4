"""Keeps Quarto's cached executions from showing a stale figure.

Quarto hands a chapter's notebook to jupyter-cache, which looks at the code cells and at nothing else: a changed package
or checkpoint goes unnoticed and the old figure stays on the page. So `python -m modaddlab.report.fingerprint` runs before
every `quarto render` (`pre-render` in `_quarto.yml`) and writes the file `_environment`, which Quarto reads after it:

    JUPYTERCACHE=<checkout>/.cache/jupyter/<fingerprint>

The fingerprint is a hash over everything that a cell's output can depend on: the package's source, the manifests of
all runs (each holds the hashes of its run's files), the project's options and the versions of the libraries. When one
of them changes, Quarto finds an empty cache and executes anew. The caches of the last few fingerprints are kept, so that
going back costs nothing, and older ones are removed.

The built-in renderer knows more exactly what each chapter read (see `trace`) and does not need this.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ..paths import data_folder

LIBRARIES = ("ipykernel", "ipython", "matplotlib", "matplotlib-inline", "numpy", "safetensors", "scipy", "torch")
"""The distributions whose version may change a number or a figure."""

KEPT = 4
"""How many fingerprints' caches are kept, the current one included."""

THREADS = "OMP_NUM_THREADS"


def library_versions() -> dict[str, str]:
    """Python's version and those of the libraries that matter; a library that is not installed is "absent"."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def hash_file(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents(root: Path) -> dict[str, Any]:
    """All that a cached output of Quarto's may depend on, as data."""
    data = data_folder() if "MODADDLAB_DATA" in os.environ else root / "data"
    sources = [path for ending in ("py", "js", "css") for path in sorted((root / "modaddlab").rglob(f"*.{ending}"))]
    files = [*sources, *sorted(data.glob("runs/*/manifest.json"))]
    files += sorted(path for path in root.rglob("_metadata.yml") if not _hidden(path.relative_to(root)))
    return {
        "files": {_name(path, root): hash_file(path) for path in files if not _is_report(path, root)},
        "options": _execution_options(root / "_quarto.yml"),
        "versions": library_versions(),
    }


def fingerprint(root: Path) -> str:
    """The first 16 hexadecimal digits of the sha256 of `contents`."""
    text = json.dumps(contents(root), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_environment(root: Path) -> Path:
    """Write `_environment` atomically, make its cache folder the newest and remove old ones; returns the cache folder."""
    cache = root.resolve() / ".cache" / "jupyter" / fingerprint(root)
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    lines = [f"JUPYTERCACHE={cache.as_posix()}", f"{THREADS}=1", ""]
    temporary = root / f"_environment.{os.getpid()}"
    temporary.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    os.replace(temporary, root / "_environment")
    for old in list(_newest_first(cache.parent))[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return cache


def _newest_first(folder: Path) -> Iterator[Path]:
    caches = [path for path in folder.iterdir() if len(path.name) == 16 and path.is_dir()]
    yield from sorted(caches, key=lambda path: path.stat().st_mtime, reverse=True)


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


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


if __name__ == "__main__":
    cache_folder = write_environment(Path.cwd())
    print(f"cached executions: {cache_folder.relative_to(Path.cwd().resolve())}", file=sys.stderr)
