"""`python -m modaddlab.train`: train named runs, or load what is trained.

    python -m modaddlab.train --list
    python -m modaddlab.train debug
    python -m modaddlab.train mainline --set optim.weight_decay=0.3 --seed 7
    python -m modaddlab.train --sweep two-layer --dry-run
    python -m modaddlab.train --sweep two-layer --workers 4
    python -m modaddlab.train --sweep two-layer-decay --replicas 16
    python -m modaddlab.train --sweep book --device cuda --replicas 64 --minutes 12 --pack packs

A run that was interrupted goes on from its last saved state; a run that is finished is not trained again (`--force` does).
Several runs are trained side by side, one core each: on this machine, or on the Dask cluster that `--scheduler` names.
Records go to the book's data folder, or where `--data` says.
From Python `modaddlab.train("debug", data="my-runs")` does the same for one run and returns its study.
Exit codes: 0 done, 1 some of several runs failed, the scheduler was lost, or --verify found damage, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import os
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modaddlab import command, listing
from modaddlab.errors import LabError, missing_extra
from modaddlab.experiments import catalogue, own_sweeps
from modaddlab.experiments.overrides import integers
from modaddlab.experiments.spec import RunSpec
from modaddlab.experiments.sweeps import Sweep, by_run_id
from modaddlab.experiments.two_layer import check_test_pairs
from modaddlab.store.files import disk_errors, write_atomic
from modaddlab.store.pack import pack
from modaddlab.store.store import Store
from modaddlab.training import device
from modaddlab.training.jobs.single import How, opening, reporting
from modaddlab.training.status import Interrupted, SchedulerLost, Status
from modaddlab.training.stop import Stop

if TYPE_CHECKING:
    from modaddlab.study import Study

EXAMPLES = """\
examples:
  python -m modaddlab.train --list                  what there is, and what is trained
  python -m modaddlab.train debug                   a network that trains in seconds
  python -m modaddlab.train mainline --seed 7 --set optim.weight_decay=0.3 --data my-runs
  python -m modaddlab.train mlp-grokking --p 31     a two-layer network at another modulus
  python -m modaddlab.train --sweep two-layer       a list of runs, as many at once as there are cores; --dry-run lists them
  python -m modaddlab.train --sweep two-layer --scheduler tcp://10.0.0.1:8786       the same on a Dask cluster
  python -m modaddlab.train debug --set optim.lr=1e-3,3e-3 --seeds 0-9 --data my-runs   a sweep of your own: 20 runs
  python -m modaddlab.train --sweep my-sweep.toml --data my-runs                    another, from a file
Ctrl-C stops the runs and saves their states; the same command goes on from there.
"""


def train(
    run: str | RunSpec,
    changes: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    p: int | None = None,
    data: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    threads: int | None = None,
    progress: bool = False,
    observe: Callable[[Status], None] = lambda status: None,
) -> Study:
    """Train a run, or go on with one that was interrupted, or open one that is trained.

    Args:
        run: a name of `modaddlab.RUNS`, or a specification.
        changes: fields of it with other values, {"optim.weight_decay": 0.3}.
        seed: another seed.
        p: another modulus, of a named run that is there for any.
        data: the data folder; none: the book's, or $MODADDLAB_DATA.
        device: "cpu", "cuda" or "mps".
        threads: CPU threads; none: one for a small network, as many as torch chooses for others.
        progress: show how far it is on standard error: a bar on a terminal, a line every ten seconds elsewhere, as in a notebook.
        observe: called at every row of metrics.

    Raises:
        LabError: the run is unknown, a value is not allowed, the run diverged, or the data folder cannot be written.
    """
    from modaddlab.study import Study
    from modaddlab.training import loop

    spec = catalogue.specified(run, changes, seed=seed, p=p)
    with contextlib.ExitStack() as stack:
        observers = [observe]
        if progress:
            from modaddlab.training.display import Display

            observers.append(stack.enter_context(Display()).run(catalogue.label(spec)))

        def tell(status: Status) -> None:
            for each in observers:
                each(status)

        return Study(loop.train(spec, Store(data), device=device, threads=threads, observe=tell))


class _Callable(types.ModuleType):
    """This module: it has the name of the function, and whoever has imported it can call it all the same."""

    __call__ = staticmethod(train)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    after_ctrl_c = "interrupted; what was saved is kept, and the same command goes on from there"
    return command.run(lambda: _run(_parser().parse_args(arguments)), interrupted=after_ctrl_c)


def _run(options: argparse.Namespace) -> int:
    if options.list:
        return listing.list_runs(_existing(Store(options.data)))
    if options.list_fields:
        return listing.list_fields()
    if options.verify:
        return _verify(options)
    asked = _asked(options)
    _check(options)
    is_list = bool(options.sweep) or len(asked.runs()) > len(options.runs)
    if options.dry_run:
        code = (listing.dry_run_sweep if is_list else listing.dry_run)(list(asked.runs()), Store(options.data))
    else:
        store = Store(options.data)
        before = set(store.runs()) if options.pack else set()
        code = _train(list(asked.runs()), asked.name if is_list else None, store, options)
        if options.pack:
            for path in pack(store, [spec.run_id for spec in asked.runs() if spec.run_id not in before], options.pack):
                print(path)
    if options.figure and code in (0, 1):
        _draw(asked, options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(
        prog="python -m modaddlab.train",
        description="Train named runs; what is trained already is kept, what was interrupted goes on.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names from --list")
    parser.add_argument("--list", action="store_true", help="list the named runs and whether they are trained")
    parser.add_argument("--list-fields", action="store_true", help="list every field that --set can change")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field; may be repeated; V,V trains each"
    )
    parser.add_argument(
        "--sweep",
        metavar="NAME",
        help="train the runs of a list: the book's by its name, which --list shows, or yours, a .toml file",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the split and of the initial weights")
    parser.add_argument("--seeds", metavar="N-N", help="several: 0-9, or 0,1,2; every combination with --set is trained")
    parser.add_argument("--p", metavar="N", help="modulus of a two-layer network's run (mlp-...), or several; its width follows")
    parser.add_argument(
        "--device", type=device.check, default="cpu", metavar="cpu|cuda|mps", help="where to train (default: cpu)"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="CPU threads of a run (default: all for one large run, else one)"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="how many of several runs are trained at once here (default: a core each)"
    )
    parser.add_argument(
        "--replicas", type=int, metavar="N", help="train up to N runs of one shape together as one batch, where that is faster"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="train on this Dask cluster: an address, or the scheduler's file on a shared disk"
    )
    parser.add_argument("--data", type=_folder, metavar="DIR", help="data folder (default: the book's, or $MODADDLAB_DATA)")
    parser.add_argument("--minutes", type=float, metavar="N", help="stop and save after so many; the same command goes on")
    parser.add_argument(
        "--pack",
        type=Path,
        metavar="DIR",
        help="at the end, write the records that this command has finished into files of at most 15 MB; tar -xf unpacks them",
    )
    parser.add_argument(
        "--save-every", type=float, metavar="SECONDS", help="time between two saved states of a run (default: 30)"
    )
    parser.add_argument(
        "--wandb", metavar="PROJECT", help="stream the curves to this Weights & Biases project (WANDB_MODE=offline: to files)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and stop")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="at the end, draw when the runs grokked, into a .svg or .png file"
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from the last saved state of an interrupted run (default); --no-resume begins it anew",
    )
    parser.add_argument("--force", action="store_true", help="train again what is trained; the old record stays until the end")
    parser.add_argument("--verify", action="store_true", help="check the records instead of training (all, or those named)")
    return parser


def _folder(text: str) -> Path:
    if not text:
        raise LabError("--data '' must name a folder; leave --data away for the book's")
    return Path(text)


def _existing(store: Store) -> Store:
    with disk_errors(store.data, "read"):
        if not store.data.is_dir():
            raise LabError(f"{store.data} is no folder, and so nothing is trained there; name a data folder with --data DIR")
    return store


def _asked(options: argparse.Namespace) -> Sweep:
    """The runs that the options name; one alone, or several with what is varied."""
    seeds = None if options.seed is None else str(options.seed)
    if seeds and options.seeds:
        raise LabError(f"--seed {seeds} and --seeds {options.seeds} contradict each other; leave one of them out")
    for option, field, value in (
        ("seed", "seed", seeds),
        ("seeds", "seed", options.seeds),
        ("p", "task.p", options.p),
    ):
        others = [text for path, _, text in (each.partition("=") for each in options.set) if path.strip() == field]
        if value is not None and any(text.strip() != value for text in others):
            raise LabError(f"--{option} {value} and --set {field}={others[-1]} contradict each other; leave one of them out")
    if options.sweep:
        if options.runs or seeds or options.seeds or options.p:
            raise LabError("--sweep has its runs, seeds and moduli in its list; leave out run names, --seed, --seeds and --p")
        asked = own_sweeps.over(own_sweeps.find(options.sweep), options.set)
    elif options.runs:
        asked = own_sweeps.made(
            " and ".join(options.runs),
            options.runs,
            options.set,
            seeds=integers(options.seeds, "--seeds") if options.seeds is not None else [int(seeds)] if seeds else None,
            moduli=integers(options.p, "--p") if options.p is not None else None,
        )
    else:
        raise LabError("name a run to train, such as debug or mainline, or a --sweep; --list shows them all")
    for spec in asked.runs():
        check_test_pairs(spec)
    return asked


def _check(options: argparse.Namespace) -> None:
    """Raise where an option's value is out of range, or needs a package that is not there."""
    for name in ("threads", "workers", "replicas"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= 1024:
            raise LabError(f"--{name} (={value}) must lie between 1 and 1024; this machine has {os.cpu_count()} cores")
    if options.workers and options.scheduler:
        raise LabError("--workers is for this machine; the cluster of --scheduler has its own workers: leave one of them out")
    if options.replicas and (options.workers or options.scheduler or options.wandb):
        raise LabError("--replicas trains in this process, many runs as one; leave out --workers, --scheduler and --wandb")
    if options.device != "cpu" and not (options.scheduler or options.dry_run):
        device.require(options.device)
    if options.scheduler is not None:
        from modaddlab.training.jobs import engine

        engine.address_of(options.scheduler)
    if options.figure is not None:
        if options.figure.suffix not in (".svg", ".png"):
            raise LabError(f"--figure {options.figure} must end in .svg or .png")
        if importlib.util.find_spec("matplotlib") is None:
            raise LabError(str(missing_extra("matplotlib")))
    if options.minutes is not None and not (math.isfinite(options.minutes) and options.minutes > 0):
        raise LabError(f"--minutes (={options.minutes}) must be a number above 0")
    if options.save_every is not None and not (math.isfinite(options.save_every) and options.save_every >= 0):
        raise LabError(f"--save-every (={options.save_every}) must be a number of seconds, 0 or more")
    if options.wandb is not None:
        from modaddlab.training import wandb_export

        wandb_export.check(options.wandb)


def _draw(asked: Sweep, options: argparse.Namespace) -> None:
    """Write a picture of when the runs grokked, as far as they are trained."""
    from modaddlab import figures
    from modaddlab.findings import outcomes

    found = outcomes.sweep(asked, data=options.data)
    if not found.rows:
        raise LabError(f"{options.figure} is not drawn: none of the runs is trained")
    if options.figure.suffix == ".png":
        content = figures.png("light", figures.sweep_outcomes, found)
    else:
        content = figures.svg("light", figures.sweep_outcomes, found).encode()
    write_atomic(options.figure.absolute(), content)
    print(f"{options.figure}: {len(found.rows)} of {len(set(asked.runs()))} runs")


def _verify(options: argparse.Namespace) -> int:
    from modaddlab import verify

    if options.seed is not None or any((options.set, options.seeds, options.p, options.sweep, options.force, options.figure)):
        raise LabError("--verify reads what is on disk: give it names or run ids; no --set, --seed, --p, --sweep or --force")
    return verify.main([*options.runs, *(["--data", str(options.data)] if options.data else [])])


def _train(specs: list[RunSpec], name: str | None, store: Store, options: argparse.Namespace) -> int:
    several = bool(name or options.scheduler or len(specs) > 1)
    one_each = several and not options.replicas
    how = How(
        device=options.device,
        threads=options.threads or (1 if one_each else None),
        force=options.force,
        resume=options.resume and not options.force,
        save_seconds=options.save_every,
        wandb=options.wandb,
    )
    foreign = [spec for spec in specs if by_run_id(spec.run_id) is None and store.find(spec) is None] if store.is_book() else []
    if foreign:
        print(
            f"modaddlab: {catalogue.label(foreign[0])} is none of the book's runs and goes into the book's data folder, so that "
            "chapters which list its runs are executed again (with Quarto all); --data DIR keeps your own runs apart",
            file=sys.stderr,
        )
    with Stop(options.minutes) as stop:
        from modaddlab.training.display import Display
        from modaddlab.training.jobs import several as runs

        with Display() as display:
            try:
                if several:
                    where = runs.Where(workers=options.workers, scheduler=options.scheduler, replicas=options.replicas)
                    return runs.train_several(specs, store, how, where, name, display, stop)
                display.line(runs.train_here(specs[0], store, how, display, stop))
                display.line(f"in Python: from modaddlab import Study; study = {opening(specs[0], store)}")
                display.line(f"its report: {reporting(specs[0], store)}")
            except (Interrupted, KeyboardInterrupt) as interruption:
                if stop.over:
                    display.line(f"modaddlab: {options.minutes:g} minutes are over; the same command goes on from there")
                    return 0
                if isinstance(interruption, KeyboardInterrupt):
                    raise
                display.line(f"modaddlab: {interruption}")
                return 130
            except SchedulerLost as loss:
                display.line(f"modaddlab: {loss}")
                return 1
    return 0


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    sys.exit(main())
