"""The networks that a report is held against: every number of theirs, by the name of its finding and its place in it.

Those of the mainline's seeds are kept with the repository, beside the hash of the source that measured each finding and of each
record (`KEPT`). What has changed since is measured anew; `python -m modaddlab.reports` writes the file again.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from modaddlab import paths, source
from modaddlab.closure import Package, plainly
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
    proof,
    spectrum,
    stages,
    structure,
    waves,
)
from modaddlab.findings.value import Value
from modaddlab.reports.section import lacks, seen
from modaddlab.store.files import write_atomic
from modaddlab.study import Study

FAMILY = {"mainline": ("mainline", "mainline-25k")}
"""The runs that a name stands for: the mainline's seeds 1 to 9 are trained for fewer steps."""

FINDINGS: Mapping[str, Callable[[Study], Any]] = {
    f"{find.__module__.rpartition('.')[2]}.{find.__name__}": find
    for find in (
        curves.of, stages.of, concentration.of, concentration.of_characters, spectrum.of, growth.of, clocks.of, pizza.of,
        structure.of, circuit.of, circuit.of_neurons, parts.of, waves.of, ablation.of, progress.gathering, progress.of, proof.of,
    )
}  # fmt: skip
"""What is measured of each, as far as it applies and is asked of the network that is held against it."""

KEPT = paths.ROOT / "data" / "beside.json"
"""The numbers of the mainline's seeds."""

FILES_AND_WORDS = tuple(
    f"modaddlab{name}"
    for name in ("", ".card", ".command", ".errors", ".experiments.", ".fields", ".paths", ".store", ".store.", ".tables")
)
"""Source that findings reach and that makes none of their numbers; what a network was trained with stands in its record."""

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
    records = _records(against)
    if not records:
        raise LabError(f"no seed of {against} is trained; python -m modaddlab.train --list shows what is")
    asked = [name for name, find in FINDINGS.items() if any(lacks(study, find) is None for study in studies)]
    kept, found = _kept(records), dict[str, list[float]]()
    for finding in asked:
        found |= kept[finding]["numbers"] if finding in kept else _measured(finding, records)
    return {name: numbers for name, numbers in found.items() if any(map(math.isfinite, numbers))}


def keep() -> list[str]:
    """Write `KEPT`; returns the findings that were measured anew because their source or a record had changed."""
    records = _records("mainline")
    kept = _kept(records)
    old = [name for name in FINDINGS if name not in kept]
    for name in old:
        kept[name] = {"source": _source(name), "numbers": _measured(name, records)}
    content = {"records": records, "findings": dict(sorted(kept.items()))}
    write_atomic(KEPT, f"{json.dumps(content)}\n".replace("], ", "],\n").encode())
    return old


def _records(against: str) -> dict[str, str]:
    """The runs of all seeds and the digests of their records."""
    studies = [study for name in FAMILY.get(against, (against,)) for study in Study.seeds(name)]
    return {study.record.run_id: study.record.digest for study in studies}


def _kept(records: Mapping[str, str]) -> dict[str, Any]:
    """What `KEPT` has of these records, by the name of the finding, where its source is as it was."""
    try:
        content = json.loads(KEPT.read_bytes())
    except (OSError, ValueError):
        return {}
    if content["records"] != records:
        return {}
    then = {name: about["source"] for name, about in content["findings"].items()}
    return {name: content["findings"][name] for name in FINDINGS if (now := _source(name)) and then.get(name) == now}


def _measured(finding: str, runs: Iterable[str]) -> dict[str, list[float]]:
    """The numbers of one finding, a list over the networks for each; NaN where a network has none."""
    found = []
    for n, run in enumerate(runs, 1):
        TELL.get()(f"the networks beside it, {n}: {finding}")
        study, find = Study.open(run), FINDINGS[finding]
        found.append((study if lacks(study, find) else seen(study, find)).remember(measure, finding=finding))
    names = dict.fromkeys(name for numbers in found for name in numbers)
    return {name: [float(f"{float(numbers.get(name, math.nan)):.7g}") for numbers in found] for name in names}


@functools.cache
def _source(finding: str) -> str | None:
    """The hash of the source that a finding depends on, in every version of Python the same; None where it has changed since it
    was imported."""
    where = FINDINGS[finding].__module__, FINDINGS[finding].__name__
    return None if source.IMPORTED.digest(*where) is None else _package().closure(*where).digest


@functools.cache
def _package() -> Package:
    return Package(source.PACKAGE, plainly, FILES_AND_WORDS)


def measure(study: Study, *, finding: str) -> dict[str, np.ndarray]:
    """Every number of one of a network's findings, scalars, by a name of `FINDINGS`; none where it is for others."""
    find = FINDINGS[finding]
    try:
        found = find(study)
    except LabError:
        return {}
    return {f"{name_of(find)}.{path}": np.array(number) for path, number in _numbers(found)}


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
