"""`python -m modaddlab.report run NAME|ID|FILE`: writes the standard report of a network."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modaddlab import read
from modaddlab.errors import LabError
from modaddlab.store.store import Store

if TYPE_CHECKING:
    from modaddlab.study import Study

SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
"""What a folder's name may end with."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("network", nargs="?", metavar="NAME|ID|FILE", help="a run, or a checkpoint that modaddlab.read knows")
    parser.add_argument("--data", metavar="DIR", help="the data folder of runs (default: the book's, or $MODADDLAB_DATA)")
    parser.add_argument("--against", default="mainline", metavar="NAME", help="the run beside whose seeds all stands (mainline)")
    parser.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="two networks side by side; those that are not in DIR are the book's"
    )
    parser.add_argument("--to", default="html", help="html (default), pdf, or both with a comma")
    parser.add_argument("--output", metavar="FILE", help="the file; its ending may be left out (default: the run's id)")
    read.add_options(parser.add_argument_group("what a checkpoint's file does not tell"))  # pyright: ignore[reportArgumentType]


def run(options: argparse.Namespace) -> int:
    """Write the report; returns the exit code."""
    from rich.console import Console

    from modaddlab.reports.report import Report, check

    names = options.compare or [options.network]
    if (options.network is None) == (options.compare is None):
        raise LabError("name one network, or two with --compare A B; python -m modaddlab.train --list shows what is trained")
    forms = options.to.split(",")
    stem = None if options.output is None else _stem(options.output)
    if stem is not None and stem.suffix in (".html", ".pdf"):
        forms = [stem.suffix[1:]]
    if not set(forms) <= {"html", "pdf"}:
        raise LabError(f"--to must be html, pdf or both with a comma, found {options.to}")
    begun, console = time.perf_counter(), Console(stderr=True, highlight=False)
    with ExitStack() as stack:
        studies = [_study(name, options, stack) for name in names]
        stem = stem or Path("-and-".join(study.record.run_id for study in studies))
        targets = [stem.with_name(f"{stem.name.removesuffix(f'.{form}')}.{form}") for form in forms]
        for target in targets:
            check(target)
        status = stack.enter_context(console.status("measuring"))
        report = Report(*studies, against=options.against, tell=lambda what: status.update(f"measuring {what}"))
        for target in targets:
            report.save(target)
    for target in targets:
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - begun:.1f} s")
    return 0


def _stem(output: str) -> Path:
    """The file that is asked for, perhaps without its ending."""
    path = Path(output)
    if not path.name or output.endswith(SEPARATORS) or (os.path.lexists(path) and (path.is_symlink() or not path.is_file())):
        raise LabError(f"--output (={output!r}) must name a plain file, such as report.html, and no folder, device or link")
    return path


def _study(name: str, options: argparse.Namespace, stack: ExitStack) -> Study:
    """A run, or a file's network, which is kept no longer than the command takes; of two the other may be the book's."""
    from modaddlab.study import Study

    file = Path(name)
    if file.is_file() or len(file.parts) > 1 or file.suffix in (".pt", ".pth", ".safetensors"):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="modaddlab-report-"))
        return Study(read.read_as_asked(file, Store(folder), options))
    try:
        return Study.open(name, data=options.data)
    except LabError:
        if options.compare and options.data is not None:
            with suppress(LabError):
                return Study.open(name)
        raise
