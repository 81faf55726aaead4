"""modaddlab: how small neural networks learn modular addition.

The names below are the package's public ones; chapters use no others. They are loaded on first use, so that importing the
package is cheap and neither torch nor matplotlib is imported before it is needed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from modaddlab import source as source  # before any other file of the package is read

# isort: split
from modaddlab import lazy
from modaddlab.errors import LabError

__version__ = "0.1.0"

if sys.argv[:1] == ["-m"]:  # `python -m modaddlab...` is being loaded
    from modaddlab import command

    command.loading()

if TYPE_CHECKING:
    from modaddlab import claims, figures, findings, tables, tasks
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
    from modaddlab.errors import LabError
    from modaddlab.experiments.catalogue import RUNS
    from modaddlab.experiments.cost import estimated_cost
    from modaddlab.experiments.spec import RunSpec
    from modaddlab.experiments.sweeps import SWEEPS
    from modaddlab.handwritten import closed_form
    from modaddlab.models.grid import Grid, run_grid
    from modaddlab.models.registry import KINDS
    from modaddlab.store.named import open_record
    from modaddlab.store.record import Record
    from modaddlab.store.store import Store
    from modaddlab.study import Study
    from modaddlab.train import train

__getattr__, __dir__, __all__ = lazy.names(__name__, __file__)
