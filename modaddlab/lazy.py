"""Public names that are loaded on first use.

A package imports what it offers in its `__init__.py` under `if TYPE_CHECKING:`, where type checkers, editors and
`modaddlab.closure` see it. That one list is its public names; whoever asks for one gets it from its home then, and no other
module of the package is loaded for it.

    if TYPE_CHECKING:
        from modaddlab.figures.curves import training_curves

    __getattr__, __dir__, __all__ = lazy.names(__name__, __file__)
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modaddlab.errors import LabError, explain


def names(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """What a package needs to load its names on first use.

    Args:
        package: its full name.
        file: its `__init__.py`.

    Returns:
        `__getattr__`, `__dir__` and `__all__`. `__getattr__` raises a `LabError` that names the extra to install where a name
        needs one.
    """
    homes = _homes(Path(file))
    public = sorted(homes)

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = load_from(homes[name], name)
        for other, home in homes.items():  # a module of the package may have the name of what is defined in it
            if home == homes[name]:
                setattr(sys.modules[package], other, _at_home(home, other))
        return found

    return load, lambda: public, public


def load_from(home: str, name: str) -> Any:
    """What a module defines, or a module of a package, imported now.

    Args:
        home: the module's full name.
        name: what is wanted of it.

    Raises:
        LabError: a package is missing; the line names the extra to install.
    """
    try:
        return _at_home(home, name)
    except ModuleNotFoundError as error:
        line = explain(error)
        if line is None:
            raise
        raise LabError(line) from None


def _at_home(home: str, name: str) -> Any:
    module = importlib.import_module(home)
    return vars(module)[name] if name in vars(module) else importlib.import_module(f"{home}.{name}")


def _homes(file: Path) -> dict[str, str]:
    """The modules from which names are imported under `if TYPE_CHECKING:`."""
    tree = ast.parse(file.read_bytes(), str(file))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}
