"""Finished records in a few files of bounded size, to be carried to another machine."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path

from modaddlab.store.files import make_folder
from modaddlab.store.store import Store

MOST_BYTES = 15_000_000
PADDING = 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE
"""What an archive has behind its last file, at most."""


def pack(store: Store, run_ids: Iterable[str], folder: Path, most: int = MOST_BYTES) -> list[Path]:
    """Write the finished ones of some runs into tar files, to be unpacked in the data folder.

    Args:
        store: where they are.
        run_ids: the runs.
        folder: receives records-001.tar, records-002.tar, ..., behind those of former calls.
        most: bytes of a file. A record is whole in one of them; one that is larger than this is alone in its file.

    Returns:
        the files.
    """
    make_folder(folder)
    n_before, there, written, archive = len(list(folder.glob("records-*.tar"))), set(store.runs()), list[Path](), None
    for run_id in dict.fromkeys(run_ids):
        if run_id not in there:
            continue
        files = sorted(path for path in (store.folder / run_id).iterdir() if path.is_file())
        size = sum(path.stat().st_size + 2 * tarfile.BLOCKSIZE for path in files)
        if archive is None or archive.offset + size + PADDING > most:
            if archive is not None:
                archive.close()
            written.append(folder / f"records-{n_before + len(written) + 1:03}.tar")
            archive = tarfile.open(written[-1], "w")  # noqa: SIM115 - closed when it is full
        for path in files:
            archive.add(path, f"runs/{run_id}/{path.name}")
    if archive is not None:
        archive.close()
    return written
