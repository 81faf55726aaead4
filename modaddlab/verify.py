"""`python -m modaddlab.verify`: is every record on disk what its manifest and its specification say?

Every file of every record is read: its length and sha256 against the manifest, its keys, shapes, dtypes, finite values and number
of rows against the specification, the folder's name against the run id of the specification, and the folder for files that nobody
listed. Then the last row of metrics is computed once more from the final weights (`modaddlab.rows`): losses, accuracies, norms,
energies and Gini coefficients, as far as the weights were kept; a fraction of a second for a network of the mainline's size.
The other rows are held against a checksum in the provenance, which older records lack; for those, and against whoever rewrites
both, there is only training again.
`--retrain NAME` trains a run again in a temporary folder, with as many
threads, and compares the two records bit for bit; where they differ it says by how much, and what differs
between the machines.

Exit code: 0 when all is well, 1 when something is damaged or a retrained run differs, 2 for a mistake in the
command.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modaddlab import command
from modaddlab.errors import LabError
from modaddlab.experiments.spec import flatten
from modaddlab.store import Record, Store
from modaddlab.store.content import metrics_sha256
from modaddlab.store.files import disk_errors
from modaddlab.store.record import inspect, unlisted, way_back

_VOLATILE = ("time", "second", "date", "started", "finished", "commit", "command")


@dataclass(frozen=True)
class Deviation:
    """An array that two records of a run do not share bit for bit."""

    file: str
    key: str
    largest: float
    """The largest absolute difference of two elements; infinite where shapes differ or one is NaN."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    after_ctrl_c = "interrupted; nothing was changed"
    return command.run(lambda: _run(_parser().parse_args(arguments)), name="modaddlab.verify", interrupted=after_ctrl_c)


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(
        prog="python -m modaddlab.verify",
        description="Verify the records in the data folder, all or those named.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a run's name or run id")
    parser.add_argument("--data", metavar="DIR", help="the data folder (the book's)")
    parser.add_argument("--retrain", metavar="NAME", help="train this run again and compare bit for bit")
    return parser


def _run(options: argparse.Namespace) -> int:
    store = Store(options.data)
    with disk_errors(store.folder, "read"):
        there = store.folder.is_dir()
    if not there:
        raise LabError(f"{store.folder} is no folder; name a data folder, which has runs/ in it, with --data DIR")
    if options.retrain is not None:
        if options.names:
            raise LabError("--retrain NAME takes no other names; verify those in a command of their own")
        return _retrain(store, _one(store, options.retrain))
    return _verify(store, _select(store, options.names), with_strays=not options.names)


def compare(recorded: Record, again: Record) -> list[Deviation]:
    """Every array that differs between two records, steps that only one of them kept included.

    Returns:
        nothing when metrics, final weights and all snapshots are equal bit for bit.
    """
    found = _compare_arrays("metrics", recorded.metrics, again.metrics)
    found += _compare_arrays("final", recorded.kept, again.kept)
    steps = set(recorded.snapshot_steps.tolist()), set(again.snapshot_steps.tolist())
    found += [Deviation(f"snapshot {step}", "(all)", math.inf) for step in sorted(steps[0] ^ steps[1])]
    for step in sorted(steps[0] & steps[1]):
        found += _compare_arrays(f"snapshot {step}", recorded.snapshot(step), again.snapshot(step))
    return found


def compare_provenance(recorded: dict[str, Any], again: dict[str, Any]) -> list[str]:
    """What differs between two machines, "threads: 2 recorded, 1 here"; times and the commit are left out."""
    mine, theirs = flatten(recorded), flatten(again)
    return [
        f"{key}: {mine.get(key, 'nothing')} recorded, {theirs.get(key, 'nothing')} here"
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key) and not any(word in key.lower() for word in _VOLATILE)
    ]


def _compare_arrays(file: str, one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[Deviation]:
    found = [Deviation(file, key, math.inf) for key in sorted(one.keys() ^ other.keys())]
    for key in sorted(one.keys() & other.keys()):
        a, b = one[key], other[key]
        if a.shape != b.shape or a.dtype != b.dtype:
            found.append(Deviation(file, key, math.inf))
        elif a.tobytes() != b.tobytes():
            with np.errstate(invalid="ignore"):
                difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
            difference[np.isnan(a) & np.isnan(b)] = 0
            found.append(Deviation(file, key, float(np.nan_to_num(difference, nan=math.inf).max())))
    return found


def _select(store: Store, names: Sequence[str]) -> list[str]:
    """The run ids that the names stand for; all when there are none."""
    runs = store.runs()
    chosen: list[str] = []
    for name in names:
        matching = [run for run in runs if name in (run, run.rpartition("-")[0])]
        if not matching:
            known = ", ".join(dict.fromkeys(run.rpartition("-")[0] for run in runs)) or "none"
            raise LabError(f"{store.folder} has no record named {name!r}; on disk: {known}")
        chosen += [run for run in matching if run not in chosen]
    return chosen if names else runs


def _one(store: Store, name: str) -> Record:
    matching = _select(store, [name])
    if len(matching) > 1:
        raise LabError(f"{name!r} stands for {len(matching)} records; give a run id: {', '.join(matching)}")
    return store.open(matching[0])


def _verify(store: Store, runs: Sequence[str], *, with_strays: bool) -> int:
    start, n_files, n_bytes, n_damaged = time.monotonic(), 0, 0, 0
    progress = _Progress(len(runs))
    for number, run_id in enumerate(runs):
        problems: list[LabError] = []
        files, size = 0, 0
        for name, problem in inspect(store.data, run_id):
            path = store.folder / run_id / name
            progress.show(number, f"{run_id}/{name}")
            files, size = files + 1, size + (path.stat().st_size if path.is_file() else 0)
            if problem is not None:
                problems.append(problem)
        if not problems:
            problems = [LabError(f"{path}: no file of the record; remove it") for path in unlisted(store.data, run_id)]
            problems += _contradictions(store.open(run_id))
        n_files, n_bytes, n_damaged = n_files + files, n_bytes + size, n_damaged + bool(problems)
        progress.clear()
        print(f"{'DAMAGED' if problems else 'ok     '}  {run_id}  {files} files, {size / 1e6:.1f} MB")
        for problem in problems:
            print(f"         {problem}")
    strays = store.strays() if with_strays else []
    for path in strays:
        print(f"FOREIGN  {path}: no record; move it out of the folder")
    seconds = time.monotonic() - start
    verdict = f"{n_damaged} damaged" if n_damaged else "all intact"
    foreign = f", {len(strays)} foreign" if strays else ""
    records = f"{len(runs)} record{'' if len(runs) == 1 else 's'}"
    print(f"{records}, {n_files} files, {n_bytes / 1e6:.1f} MB in {seconds:.1f} s: {verdict}{foreign}")
    return 1 if n_damaged or strays else 0


def _contradictions(record: Record) -> list[LabError]:
    """What the metrics and the checksum that was taken of them, the last row and the final weights say differently."""
    from modaddlab.rows import contradictions  # SciPy is slow to load

    differ = []
    if record.provenance.get("metrics_sha256", found := metrics_sha256(record.metrics)) != found:
        differ.append("its metrics are not those of which its provenance has the checksum")
    if rows := contradictions(record.spec, record.metrics, -1, record.kept):
        differ.append(f"its last row of metrics and its final weights are not of one run: {'; '.join(rows)}")
    return [LabError(f"{record.path}: {problem}; {way_back(record.data, record.spec)}") for problem in differ]


def _threads(record: Record) -> int | None:
    """With how many threads a record was trained; None where its provenance does not say."""
    found = record.provenance.get("threads")
    return found if type(found) is int and 1 <= found <= 1024 else None


def _retrain(store: Store, recorded: Record) -> int:
    from modaddlab.training.loop import train

    with tempfile.TemporaryDirectory(prefix="modaddlab-retrain-") as folder:
        print(f"training {recorded.run_id} again in {folder}", flush=True)
        progress = _Progress(int(recorded.metrics["step"][-1]))
        again = train(
            recorded.spec,
            Store(Path(folder)),
            threads=_threads(recorded),
            observe=lambda status: progress.show(status.step, f"train loss {status.row['train_loss']:.3g}"),
        )
        progress.clear()
        deviations = compare(recorded, again)
        differences = compare_provenance(recorded.provenance, again.provenance)
    if not deviations:
        n_snapshots = len(recorded.snapshot_steps)
        print(f"ok       {recorded.run_id}: identical bit for bit, {n_snapshots} snapshots included")
        return 0
    print(f"DIFFERS  {recorded.run_id}: {len(deviations)} arrays; the largest deviations:")
    for deviation in sorted(deviations, key=lambda deviation: -deviation.largest)[:10]:
        print(f"         {deviation.file}: {deviation.key}: {deviation.largest:.3g}")
    for line in differences:
        print(f"         {line}")
    if not differences:
        print("         same machine, versions and threads: this should not happen; verify the record first")
    return 1


class _Progress:
    """One line on a terminal that is overwritten; nothing elsewhere."""

    def __init__(self, total: int) -> None:
        self.total, self.live = max(total, 1), sys.stderr.isatty()

    def show(self, done: int, what: str) -> None:
        if self.live:
            bar = "#" * (20 * done // self.total)
            self._write(f"[{bar:<20}] {done:,}/{self.total:,}  {what[:80]}")

    def clear(self) -> None:
        if self.live:
            self._write("")

    def _write(self, line: str) -> None:
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
