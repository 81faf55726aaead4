"""The networks that a report is held against: every number of theirs, by the name of its finding and its place in it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from modaddlab.errors import LabError
from modaddlab.findings import (
    ablation,
    circuit,
    clocks,
    concentration,
    curves,
    growth,
    parts,
    pizza,
    progress,
    spectrum,
    stages,
    structure,
    waves,
)
from modaddlab.findings.networks import needs_of
from modaddlab.findings.value import Value
from modaddlab.study import Study

FAMILY = {"mainline": ("mainline", "mainline-25k")}
"""The runs that a name stands for: the mainline's seeds 1 to 9 are trained for fewer steps."""

FINDINGS: Mapping[str, Callable[[Study], Any]] = {
    f"{find.__module__.rpartition('.')[2]}.{find.__name__}": find
    for find in (
        curves.of, stages.of, concentration.of, concentration.of_characters, spectrum.of, growth.of, clocks.of, pizza.stand,
        structure.of, circuit.of, parts.of, waves.of, ablation.of, progress.gathering, progress.of,
    )
}  # fmt: skip
"""What is measured of each, as far as it applies and is asked of the network that is held against it."""

TELL: ContextVar[Callable[[str], None]] = ContextVar("tell", default=lambda what: None)
"""Is told what is measured next."""


def of(against: str, studies: Sequence[Study]) -> dict[str, list[float]]:
    """The numbers of all seeds of a run, of the findings that some networks can have; kept, network by network and finding by
    finding.

    Args:
        against: the run.
        studies: the networks that are held against it.

    Raises:
        LabError: there is no such run, none is trained, or a record is damaged.
    """
    runs = [study.record.run_id for name in FAMILY.get(against, (against,)) for study in Study.seeds(name)]
    if not runs:
        raise LabError(f"no seed of {against} is trained; python -m modaddlab.train --list shows what is")
    asked = [name for name, find in FINDINGS.items() if any(_applies(find, study) for study in studies)]
    found: dict[str, list[float]] = {}
    for n, run in enumerate(runs, 1):
        beside = Study.open(run)
        for finding in asked:
            TELL.get()(f"the networks beside it, {n} of {len(runs)}: {finding}")
            for name, number in beside.remember(measure, finding=finding).items():
                found.setdefault(name, []).append(float(number))
    return {name: numbers for name, numbers in found.items() if any(map(math.isfinite, numbers))}


def measure(study: Study, *, finding: str) -> dict[str, np.ndarray]:
    """Every number of one of a network's findings, scalars, by a name of `FINDINGS`; none where it is for others."""
    find = FINDINGS[finding]
    try:
        found = find(study)
    except LabError:
        return {}
    return {f"{name_of(find)}.{path}": np.array(number) for path, number in _numbers(found)}


def _applies(find: Callable[..., Any], study: Study) -> bool:
    return all(need.met_by(study) for need in needs_of(find) or ())


def name_of(find: Callable[..., Any]) -> str:
    """The module of a finding, which its values are named after."""
    return find.__module__.rpartition(".")[2]


def _numbers(finding: Any) -> Iterator[tuple[str, float]]:
    for field in dataclasses.fields(finding):
        value = getattr(finding, field.name)
        if isinstance(value, Value):
            if not isinstance(value.value, str):
                yield field.name, float(value.value)
        elif dataclasses.is_dataclass(value):
            yield from ((f"{field.name}.{path}", number) for path, number in _numbers(value))
