"""Where each run comes from: what is trained, at what cost and with what, and what is not."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modaddlab import tables
from modaddlab.experiments.catalogue import RUNS
from modaddlab.experiments.cost import estimated_cost
from modaddlab.experiments.spec import RunSpec
from modaddlab.experiments.sweeps import SWEEPS
from modaddlab.findings.value import Value, number, total, words
from modaddlab.store.record import Record
from modaddlab.store.store import Store

LONG = 100
"""The missing runs of a sweep that lacks more of them are not listed one by one."""

Table = list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The records of this copy that were trained with this package."""

    runs: Value
    kinds: Value
    hours: Value
    """What they took in all, as far as they noted the time they took."""
    timed: bool
    """All of them did."""
    megabytes: Value
    devices: Value
    pythons: Value
    torches: Value
    numpys: Value
    """With what they were trained."""
    trained: Table = field(repr=False)
    """A row for each kind of run."""
    sweeps: Table = field(repr=False)
    """A row for each sweep."""
    missing: Table = field(repr=False)
    """A row for each run that is not trained."""
    commits: Table = field(repr=False)
    """A row for each version of the code that trained some."""


def measure() -> Provenance:
    """The finding, from all records of the data folder.

    Raises:
        LabError: a record is damaged.
    """
    store = Store()
    records = [record for record in map(store.open, store.runs()) if record.spec.origin is None]  # those of others have no cost
    records.sort(key=lambda record: (*_kind(record), record.spec.seed))
    kinds = [list(group) for _, group in itertools.groupby(records, _kind)]
    there = {record.run_id for record in records}
    lists = {name: sweep.runs() for name, sweep in SWEEPS.items()}
    left = {name: [spec for spec in specs if spec.run_id not in there] for name, specs in lists.items()}
    by_commit = sorted(records, key=lambda record: (record.told("commit")[:9], record.told("threads")))
    commits = [_commit_row(list(group)) for _, group in itertools.groupby(by_commit, lambda one: one.told("commit")[:9])]

    def with_what(what: str, between: str = " and ") -> Value:
        return words(between.join(sorted({record.told(what) for record in records})))

    return Provenance(
        runs=total(len(records)),
        kinds=total(len(kinds)),
        hours=number(_minutes(records) / 60),
        timed=all(record.wall_seconds is not None for record in records),
        megabytes=total(round(sum(entry.bytes for record in records for entry in record.files.values()) / 1e6)),
        devices=with_what("device", ", and on "),
        pythons=with_what("python"),
        torches=with_what("torch"),
        numpys=with_what("numpy"),
        trained=[_trained_row(group) for group in kinds],
        sweeps=[
            {
                "sweep": f"`{name}`",
                "question": SWEEPS[name].purpose,
                "there": f"{len(specs) - len(left[name])} of {len(specs)}",
                "the rest takes": estimated_cost(left[name]) if left[name] else tables.MISSING,
            }
            for name, specs in lists.items()
        ],
        missing=_missing(left, {spec.name for specs in lists.values() for spec in specs}, there),
        commits=sorted(commits, key=lambda row: row["first finished"]),
    )


def spans(numbers: Iterable[int]) -> str:
    """Numbers as spans: 1, 2, 3, 7 is "1 to 3, 7"."""
    spans = itertools.groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    runs = [[number for _, number in span] for _, span in spans]
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def _kind(record: Record) -> tuple[str, int]:
    return record.spec.name, record.spec.task.p


def _minutes(records: Iterable[Record]) -> float:
    return sum(record.wall_seconds or 0 for record in records) / 60


def _minutes_text(records: Iterable[Record]) -> str:
    minutes = _minutes(records)
    return f"{minutes:.1f}" if minutes >= 0.05 or not minutes else "< 0.1"


def _trained_row(group: Sequence[Record]) -> dict[str, str]:
    ends = sorted(record.metrics["test_accuracy"][-1] for record in group)
    low, high = tables.percent(ends[0]), tables.percent(ends[-1])
    return {
        "run": group[0].spec.name,
        "p": str(group[0].spec.task.p),
        "seeds": spans(record.spec.seed for record in group),
        "steps": f"{group[0].spec.steps:,}",
        "minutes": _minutes_text(group),
        "test accuracy": low if low == high else f"{low} to {high}",
    }


def _missing(left: dict[str, list[RunSpec]], in_sweeps: set[str], there: set[str]) -> Table:
    places: dict[str, tuple[RunSpec, list[str]]] = {}
    for name, specs in left.items():
        for spec in specs if len(specs) <= LONG else ():
            places.setdefault(spec.run_id, (spec, []))[1].append(name)
    alone = {spec.run_id: (spec, []) for name, spec in RUNS.items() if spec.run_id not in there and name not in in_sweeps}
    rows: dict[tuple[str, tuple[str, ...]], list[RunSpec]] = {}
    for spec, names in (places | alone).values():
        rows.setdefault((spec.name, tuple(names)), []).append(spec)
    return [
        {
            "run": f"`{name}`",
            "seeds": spans(spec.seed for spec in specs),
            "sweep": ", ".join(names),
            "about": estimated_cost(specs),
        }
        for (name, names), specs in rows.items()
    ]


def _commit_row(group: Sequence[Record]) -> dict[str, str]:
    finished = sorted(record.told("finished")[:16].replace("T", " ") for record in group)
    return {
        "commit": f"`{group[0].told('commit')[:9]}`",
        "runs": str(len(group)),
        "minutes": _minutes_text(group),
        "threads": ", ".join(sorted({record.told("threads") for record in group})),
        "first finished": finished[0],
        "last finished": finished[-1],
    }
