"""Opening the record of a named run."""

from __future__ import annotations

from pathlib import Path

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.store.record import RUN_ID, Record
from modaddlab.store.store import Store


def open_record(name: str, *, seed: int | None = None, p: int | None = None, data: Path | None = None) -> Record:
    """The record of a named run, or of any run by its id.

    Args:
        name: a name of the catalogue, such as "mainline", or a run id, such as "mainline-4a51325c63".
        seed: another seed than the catalogue's; for names only.
        p: another modulus than the catalogue's, for the two-layer network's runs; for names only.
        data: the data folder; none: the book's, or $MODADDLAB_DATA.

    Raises:
        LabError: the name is unknown, the run has not been trained (the message has the command), or its record is damaged.
    """
    store = Store(data)
    if name in catalogue.RUNS:
        return store.open(catalogue.named(name, seed=seed, p=p))
    if RUN_ID.fullmatch(name):
        if seed is not None or p is not None:
            extra = "seed" if seed is not None else "p"
            raise LabError(f"{name} is a run id and has its {extra} already; leave {extra} away")
        return store.open(name)
    return store.open(catalogue.named(name))


def trained_seeds(name: str, *, p: int | None = None, data: Path | None = None) -> list[int]:
    """The seeds of a named run whose records are in the store, ascending.

    Args:
        name: a name of the catalogue.
        p: another modulus than the catalogue's, for the two-layer network's runs.
        data: the data folder; none: the book's, or $MODADDLAB_DATA.

    Raises:
        LabError: the name is unknown.
    """
    store, spec = Store(data), catalogue.named(name, p=p)
    run_ids = [run_id for run_id in store.runs() if run_id.rpartition("-")[0] == spec.name]
    seeds = {store.open(run_id).spec.seed for run_id in run_ids}
    return sorted(seed for seed in seeds if catalogue.named(name, seed=seed, p=p).run_id in run_ids)
