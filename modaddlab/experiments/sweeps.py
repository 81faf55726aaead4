"""The sweeps: named lists of runs. What is run, not how: `python -m modaddlab.train --sweep NAME` goes through a list.

A sweep is a function without arguments that gives its runs, so that naming the long ones costs nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from modaddlab.errors import LabError
from modaddlab.experiments.catalogue import named
from modaddlab.experiments.spec import RunSpec
from modaddlab.experiments.two_layer import CONFIGURATIONS, DEFAULT_SEED

SEEDS = range(DEFAULT_SEED, DEFAULT_SEED + 10)
"""The seeds of the runs over which the two-layer network's numbers are averaged."""

MODULI = (15, 29, 31)
"""The moduli besides p = 23 whose two-layer networks are in the book."""

ODD_MODULI = range(3, 200, 2)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A named list of runs.

    Attributes:
        name: as on the command line.
        purpose: what it is for, a line.
        runs: gives the runs, in the order in which they are trained.
    """

    name: str
    purpose: str
    runs: Callable[[], tuple[RunSpec, ...]]


def _two_layer() -> tuple[RunSpec, ...]:
    followed = [named(name) for name in CONFIGURATIONS]
    seeds = [named(name, seed=seed) for name in ("mlp-standard", "mlp-grokking") for seed in SEEDS if seed != DEFAULT_SEED]
    moduli = [named(name, p=p) for p in MODULI for name in CONFIGURATIONS]
    return (*followed, named("mlp-untrained"), *seeds, *moduli, named("mlp-p97"))


def _odd_moduli() -> tuple[RunSpec, ...]:
    return tuple(named(name, p=p) for p in ODD_MODULI for name in CONFIGURATIONS)


SWEEPS: Mapping[str, Sweep] = MappingProxyType(
    {
        sweep.name: sweep
        for sweep in (
            Sweep(
                name="two-layer",
                purpose="the two-layer networks of the book: five configurations, ten seeds of two, three other moduli",
                runs=_two_layer,
            ),
            Sweep(
                name="two-layer-odd",
                purpose="the five configurations of the two-layer network for every odd p from 3 to 199, small moduli first",
                runs=_odd_moduli,
            ),
        )
    }
)
"""Every sweep."""


def sweep(name: str) -> Sweep:
    """The sweep of that name.

    Raises:
        LabError: there is none; the message lists the names.
    """
    if name not in SWEEPS:
        near = difflib.get_close_matches(name, SWEEPS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LabError(f"unknown sweep {name!r}; {hint}known: {', '.join(SWEEPS)}")
    return SWEEPS[name]
