"""modaddlab: how small neural networks learn modular addition.

The names below are the package's public ones; chapters use no others. They are loaded on first use, so that importing the
package is cheap and neither torch nor matplotlib is imported before it is needed.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC: dict[str, str] = {
    "LabError": "modaddlab.errors",
    "RunSpec": "modaddlab.experiments.spec",
    "Grid": "modaddlab.models.grid",
    "run_grid": "modaddlab.models.grid",
    "Study": "modaddlab.study",
    "Record": "modaddlab.store.record",
    "Store": "modaddlab.store.store",
    "open_record": "modaddlab.store.named",
}

_MODULES = ("ablation", "attention", "circuit", "fourier", "keys", "neurons", "phases", "progress", "spectra")
"""Modules of `modaddlab.analysis` that are public as a whole."""

__all__ = sorted([*_PUBLIC, *_MODULES, "figures", "tables", "tasks"])


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"modaddlab.analysis.{name}")
    if name in ("figures", "tables", "tasks"):
        return importlib.import_module(f"modaddlab.{name}")
    raise AttributeError(f"module 'modaddlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
