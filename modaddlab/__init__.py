"""modaddlab: how small neural networks learn modular addition.

The names below are the package's public ones; chapters use no others. They are loaded on first use, so that importing the
package is cheap and neither torch nor matplotlib is imported before it is needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modaddlab import source as source  # before any other file of the package is read
from modaddlab.errors import LabError, explain

__version__ = "0.1.0"

__all__ = [
    "RUNS",
    "SWEEPS",
    "Grid",
    "LabError",
    "Record",
    "RunSpec",
    "Store",
    "Study",
    "ablation",
    "activations",
    "attention",
    "by_hand",
    "characters",
    "circuit",
    "circulants",
    "claims",
    "dynamics",
    "estimated_cost",
    "figures",
    "findings",
    "fourier",
    "indicator",
    "keys",
    "leakage",
    "logits",
    "lottery",
    "measurements",
    "neurons",
    "open_record",
    "overtones",
    "phases",
    "progress",
    "run_grid",
    "scaling",
    "seeds",
    "spectra",
    "squares",
    "stability",
    "stages",
    "subsets",
    "symmetry",
    "tables",
    "tasks",
    "trajectory",
    "two_layer",
]

_HOMES = {
    "RUNS": "experiments.catalogue",
    "SWEEPS": "experiments.sweeps",
    "Grid": "models.grid",
    "Record": "store.record",
    "RunSpec": "experiments.spec",
    "Store": "store.store",
    "Study": "study",
    "estimated_cost": "experiments.cost",
    "open_record": "store.named",
    "run_grid": "models.grid",
}
"""Where the public classes and functions are defined; the other public names are modules."""

_TOP_MODULES = ("claims", "figures", "findings", "measurements", "tables", "tasks")
"""The public modules that are not in `modaddlab.analysis`."""

if TYPE_CHECKING:  # what a type checker and an editor see
    from modaddlab import claims, figures, findings, measurements, tables, tasks
    from modaddlab.analysis import (
        ablation,
        activations,
        attention,
        by_hand,
        characters,
        circuit,
        circulants,
        dynamics,
        fourier,
        indicator,
        keys,
        leakage,
        logits,
        lottery,
        neurons,
        overtones,
        phases,
        progress,
        scaling,
        seeds,
        spectra,
        squares,
        stability,
        stages,
        subsets,
        symmetry,
        trajectory,
        two_layer,
    )
    from modaddlab.experiments.catalogue import RUNS
    from modaddlab.experiments.cost import estimated_cost
    from modaddlab.experiments.spec import RunSpec
    from modaddlab.experiments.sweeps import SWEEPS
    from modaddlab.models.grid import Grid, run_grid
    from modaddlab.store.named import open_record
    from modaddlab.store.record import Record
    from modaddlab.store.store import Store
    from modaddlab.study import Study


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'modaddlab' has no attribute {name!r}")
    try:
        if name in _HOMES:
            return getattr(importlib.import_module(f"modaddlab.{_HOMES[name]}"), name)
        return importlib.import_module(f"modaddlab.{name}" if name in _TOP_MODULES else f"modaddlab.analysis.{name}")
    except ModuleNotFoundError as error:
        line = explain(error)
        if line is None:
            raise
        raise LabError(line) from None


def __dir__() -> list[str]:
    return __all__
