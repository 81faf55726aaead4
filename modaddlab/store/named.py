"""Opening the record of a named run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.record import RUN_ID, Record
from modaddlab.store.store import Store


def open_record(
    name: str | RunSpec,
    changes: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    p: int | None = None,
    data: str | os.PathLike[str] | None = None,
) -> Record:
    """The record of a named run, of any run by its id or the name that `--set name=...` gave it, or of a specification.

    Args:
        name: a name of the catalogue, such as "mainline", a run id, such as "mainline-4a51325c63", or another run's name; or a
            specification.
        changes: fields of it with other values, {"optim.weight_decay": 0.3}; for the catalogue's names and specifications.
        seed: another seed than the catalogue's; for its names only.
        p: another modulus than the catalogue's, for the two-layer network's runs; for its names only.
        data: the data folder; none: the book's, or $MODADDLAB_DATA.

    Raises:
        LabError: the name is unknown or stands for several runs, the run has not been trained (the message has the command), or
            its record is damaged.
    """
    if not isinstance(name, str | RunSpec):
        raise LabError(f"a run has a name, a run id or a RunSpec, such as 'mainline', found {name!r}; data= names a folder")
    store = Store(data)
    if isinstance(name, RunSpec) or name in catalogue.RUNS or changes:
        return store.open(catalogue.specified(name, changes, seed=seed, p=p))
    runs = [name] if RUN_ID.fullmatch(name) else store.runs(name)
    if not runs:
        return store.open(catalogue.named(name))
    if len(runs) > 1:
        raise LabError(f"{name!r} stands for {len(runs)} runs in {store.folder}; give a run id: {', '.join(runs)}")
    for extra, value in (("seed", seed), ("p", p)):
        if value is not None:
            raise LabError(f"{name} is a run of its own and has its {extra} already; leave {extra} away")
    return store.open(runs[0])


def trained_seeds(name: str, *, p: int | None = None, data: str | os.PathLike[str] | None = None) -> list[int]:
    """The seeds of a named run whose records are in the store, ascending.

    Args:
        name: a name of the catalogue.
        p: another modulus than the catalogue's, for the two-layer network's runs.
        data: the data folder; none: the book's, or $MODADDLAB_DATA.

    Raises:
        LabError: the name is unknown.
    """
    store, spec = Store(data), catalogue.named(name, p=p)
    run_ids = store.runs(spec.name)
    seeds = {store.open(run_id).spec.seed for run_id in run_ids}
    return sorted(seed for seed in seeds if catalogue.named(name, seed=seed, p=p).run_id in run_ids)
