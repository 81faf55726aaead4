"""Compiled code that is kept between commands, so that a short run does not wait for it.

    <cache folder>/compiled/<key>/    what numba has written, and sums.json with the sha256 of each of its files

The key is a hash of all that the code depends on: our source, the versions of Python, numba and LLVM, and the processor with its
instructions; so another processor on the same disk has code of its own. A folder is filled under another name and then renamed:
it is there as a whole or not at all, whoever else fills it at the same time. It is used only when every file has its sum; a
damaged one is compiled anew. A cache that cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numba
from numba.core.registry import cpu_target

from modaddlab import paths
from modaddlab.training.compiled import arrays, loops

SUMS = "sums.json"
KEPT = 6
"""Folders that are kept, the newest."""

_loaded: set[ModuleType] = set()


def load(module: ModuleType, use: Callable[[], None], notify: Callable[[str], None] = lambda line: None) -> None:
    """Have loops ready in this process: from the cache, or compiled and then kept.

    Args:
        module: where they are.
        use: calls every one of its `ENTRIES`.
        notify: is told when they are to be compiled, which takes some seconds.
    """
    if module in _loaded:
        return
    folder = paths.cache_folder() / "compiled" / key(module)
    if is_intact(folder):
        _with_cache(folder, module, use)
    else:
        notify("compiling the step of these networks, which takes some seconds")
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            filling = Path(tempfile.mkdtemp(prefix="filling-", dir=folder.parent))
        except OSError:
            use()
        else:
            _fill(filling, folder, module, use)
    _loaded.add(module)


def key(module: ModuleType) -> str:
    """Hash of all that compiled code depends on."""
    digest = hashlib.sha256()
    for source in (arrays, loops, module):
        digest.update(Path(str(source.__file__)).read_bytes())
    versions = platform.python_version(), numba.__version__, importlib.metadata.version("llvmlite")
    processor = cpu_target.target_context.codegen().magic_tuple()  # pyright: ignore[reportAttributeAccessIssue]
    digest.update(json.dumps([*versions, *map(str, processor)]).encode())
    return digest.hexdigest()[:20]


def is_intact(folder: Path) -> bool:
    """Whether a folder holds what its sums say, and nothing else."""
    try:
        return json.loads((folder / SUMS).read_text(encoding="utf-8")) == _sums(folder)
    except (OSError, ValueError):
        return False


def _sums(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SUMS)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _fill(filling: Path, folder: Path, module: ModuleType, use: Callable[[], None]) -> None:
    try:
        _with_cache(filling, module, use)
        with contextlib.suppress(OSError):
            (filling / SUMS).write_text(json.dumps(_sums(filling)), encoding="utf-8", newline="\n")
            filling.rename(folder)  # or another process was sooner
    finally:
        shutil.rmtree(filling, ignore_errors=True)
    with contextlib.suppress(OSError):  # another process removes them too
        others = [path for path in folder.parent.iterdir() if not path.name.startswith("filling-")]
        for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def _with_cache(folder: Path, module: ModuleType, use: Callable[[], None]) -> None:
    """Call the loops while numba reads and writes a folder."""
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)  # type: ignore[attr-defined]
    try:
        for entry in module.ENTRIES:
            entry.enable_caching()
        use()
    except OSError:  # the disk filled up, or the folder went: what is compiled by now is used, the rest is compiled again
        use()
    finally:
        numba.config.CACHE_DIR = before  # type: ignore[attr-defined]
