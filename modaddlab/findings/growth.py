"""How the key frequencies grow in the embedding while a network trains: their share of its energy, in units of an equal share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from modaddlab.findings.networks import ADDITION, ALL_WEIGHTS, ENERGIES, NO_LAYER_NORM, for_networks
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Value, number
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Growth:
    """One network; NaN where it has no key."""

    at_start: Value
    before_jump: Value
    """At the last step with less than 5 % of the test pairs right; NaN without such a step."""
    columns: Columns = field(repr=False)
    """The energy of each key as a figure's data."""


@for_networks(NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, ENERGIES)
def of(study: Study) -> Growth:
    """How the final network's keys grow."""
    energy_TK, rows = study.curve("energy_W_E"), np.array(study.keys, dtype=int) - 1
    before_T = np.flatnonzero(study.curve("test_accuracy") < 0.05)
    in_shares_T = energy_TK[:, rows].mean(axis=1) / energy_TK.mean(axis=1) if len(rows) else np.full(len(energy_TK), math.nan)
    return Growth(
        at_start=number(in_shares_T[0]),
        before_jump=number(float(in_shares_T[before_T[-1]]) if len(before_T) else math.nan),
        columns={"step": study.curve("step"), **{f"energy {row + 1}": energy_TK[:, row] for row in rows}},
    )


def measure() -> Growth:
    """The mainline's."""
    return of(Study.open("mainline"))
