"""How many frequencies networks of addition use, all of the book's, beside what theories say that they need.

With trainable embeddings or several layers some ln p are enough (McCracken et al. 2025); a network that squares one-hot inputs
has all p // 2 where its margin is largest (Morwani et al. 2023). They are counted as the effective number of frequencies of
what a residue is to the network: the embedding, or the input vectors of the two-layer network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.scaling import power_law
from modaddlab.findings import concentration, outcomes
from modaddlab.findings.networks import ADDITION, EMBEDDING, for_networks
from modaddlab.findings.outcomes import Outcome
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import EXPONENT, Value, exponent, factor, number, share, total
from modaddlab.study import Study

TRANSFORMERS = (
    "weight-decay",
    "train-fraction",
    "learning-rate",
    "effective-decay",
    "depth",
    "prime",
    "heads",
    "width",
    "heads-and-prime",
)
TWO_LAYERS = ("two-layer", "two-layer-odd")
"""The sweeps whose networks are counted."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """Of one network."""

    effective: Value
    """Its effective number of frequencies."""
    of_log: Value
    """That over ln p."""
    of_all: Value
    """That over p // 2."""


@for_networks(ADDITION, EMBEDDING)
def of(study: Study) -> Used:
    """How many frequencies a network uses."""
    found = concentration.of(study).effective.value
    return Used(effective=number(found), of_log=factor(found / math.log(study.p)), of_all=share(found / (study.p // 2)))


@dataclass(frozen=True, kw_only=True)
class Family:
    """The networks of one kind that answer the test, or all pairs."""

    networks: Value
    least: Value
    most: Value
    """Of the effective numbers, over ln p for transformers and over p // 2 for two-layer networks."""
    first: Value
    last: Value
    """The smallest and the largest modulus."""
    grows: Value
    """The exponent of the effective number over the modulus, 1 for a fixed part of all and 0 for a constant number; the null has
    the residues renamed."""
    rows: list[tuple[str, int, float]] = field(repr=False)
    """Run, modulus, effective number."""


@dataclass(frozen=True, kw_only=True)
class Frequencies:
    """Both kinds."""

    transformers: Family
    two_layers: Family
    untrained: Value
    """The same part of all of a two-layer network before training."""
    log_grows: Value
    """The exponent of ln p over p from the first to the last modulus of the transformers."""

    @property
    def series(self) -> dict[str, tuple[list[int], list[float]]]:
        """Moduli and numbers by kind, as a figure takes them."""
        kinds = {"transformers": self.transformers, "two-layer networks": self.two_layers}
        return {name: ([p for _, p, _ in kind.rows], [n for *_, n in kind.rows]) for name, kind in kinds.items()}

    @property
    def columns(self) -> Columns:
        """The networks as a figure's data."""
        rows = [*self.transformers.rows, *self.two_layers.rows]
        return {name: [row[i] for row in rows] for i, name in enumerate(("run", "p", "effective number"))}


def measure() -> Frequencies:
    """The finding, from the sweeps as far as they are trained.

    Raises:
        LabError: a record is damaged.
    """
    transformers = _family(TRANSFORMERS, "of_log")
    ends = np.log([transformers.first.value, transformers.last.value])
    return Frequencies(
        transformers=transformers,
        two_layers=_family(TWO_LAYERS, "of_all"),
        untrained=of(Study.open("mlp-untrained")).of_all,
        log_grows=exponent(np.diff(np.log(ends))[0] / np.diff(ends)[0]),
    )


def _family(sweeps: Sequence[str], over: str) -> Family:
    rows = {row.spec.run_id: row for name in sweeps for row in outcomes.sweep(name).rows if _counts(row)}
    found = {run_id: of(row.study) for run_id, row in rows.items()}
    parts = [getattr(used, over) for used in found.values()]
    moduli = [row.spec.task.p for row in rows.values()]
    law = power_law(moduli, [used.effective.value for used in found.values()])
    renamed = power_law(moduli, [row.concentration().effective.null or np.nan for row in rows.values()])
    assert law is not None, "networks of several moduli"
    assert renamed is not None, "the same networks"
    return Family(
        networks=total(len(rows)),
        least=min(parts, key=lambda part: part.value),
        most=max(parts, key=lambda part: part.value),
        first=total(min(moduli)),
        last=total(max(moduli)),
        grows=Value(law.exponent, EXPONENT, law.low, law.high, null=renamed.exponent),
        rows=[(run_id, row.spec.task.p, found[run_id].effective.value) for run_id, row in rows.items()],
    )


def _counts(row: Outcome) -> bool:
    """Whether a run adds, keeps its embedding, and ends with nearly every answer right."""
    if not all(need.met_by(row.study) for need in (ADDITION, EMBEDDING)):
        return False
    kept = "test_accuracy" if np.isfinite(row.final("test_accuracy")) else "train_accuracy"
    return row.final(kept) >= 0.95
