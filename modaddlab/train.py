"""`python -m modaddlab.train`: train named runs, or load what is trained.

    python -m modaddlab.train --list
    python -m modaddlab.train debug
    python -m modaddlab.train mainline --set optim.weight_decay=0.3 --seed 7
    python -m modaddlab.train --sweep two-layer --dry-run

A run that was interrupted goes on from its last saved state; a run that is finished is not trained again (`--force` does).
Records go to the book's data folder, or where `--data` says.
Exit codes: 0 done, 1 a damaged record was found by --verify, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

import filelock

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue, cost
from modaddlab.experiments.overrides import field_names, with_overrides
from modaddlab.experiments.spec import KINDS, RunSpec, flatten
from modaddlab.experiments.sweeps import SWEEPS, sweep
from modaddlab.experiments.two_layer import check_test_pairs
from modaddlab.store.record import inspect
from modaddlab.store.store import Store

if TYPE_CHECKING:
    from modaddlab.training.loop import Status
    from modaddlab.training.progress import Display

EXAMPLES = """\
examples:
  python -m modaddlab.train --list                  what there is, and what is trained
  python -m modaddlab.train debug                   a network that trains in seconds
  python -m modaddlab.train mainline --seed 7 --set optim.weight_decay=0.3 --data my-runs
  python -m modaddlab.train mlp-grokking --p 31     a two-layer network at another modulus
  python -m modaddlab.train --sweep two-layer       a list of runs, one after the other; --dry-run shows what is left
Ctrl-C stops a run and saves its state; the same command goes on from there.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        if options.list:
            return _list(Store(options.data))
        if options.list_fields:
            return _list_fields()
        if options.verify:
            return _verify(options)
        specs = _specifications(options)
        if options.threads is not None and not 1 <= options.threads <= 1024:
            raise LabError(f"--threads (={options.threads}) must lie between 1 and 1024; this machine has {os.cpu_count()} cores")
        if options.dry_run:
            return (_dry_run_sweep if options.sweep else _dry_run)(specs, Store(options.data))
        return _train(specs, Store(options.data), options)
    except LabError as error:
        print(f"modaddlab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("modaddlab: interrupted; what was saved is kept, and the same command goes on from there", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise LabError(f"{message}; --help shows every option")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m modaddlab.train",
        description="Train named runs; what is trained already is kept, what was interrupted goes on.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names from --list")
    parser.add_argument("--list", action="store_true", help="list the named runs and whether they are trained")
    parser.add_argument("--list-fields", action="store_true", help="list every field that --set can change")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field; may be repeated")
    parser.add_argument("--sweep", metavar="NAME", help="train the runs of a named list, which --list shows, one after the other")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the split and of the initial weights")
    parser.add_argument("--p", type=int, metavar="N", help="modulus of a two-layer network's run (mlp-...); its width follows")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train (default: cpu)")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="CPU threads; one each is best for several runs at once (default: all)"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: the book's, or $MODADDLAB_DATA)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and stop")
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from the last saved state of an interrupted run (default); --no-resume begins it anew",
    )
    parser.add_argument("--force", action="store_true", help="train again what is trained; the old record stays until the end")
    parser.add_argument("--verify", action="store_true", help="check the records instead of training (all, or those named)")
    return parser


def _specifications(options: argparse.Namespace) -> list[RunSpec]:
    if options.sweep:
        if options.runs or options.seed is not None or options.p is not None:
            raise LabError("--sweep NAME has its runs, seeds and moduli in its list; leave out run names, --seed and --p")
        bases = list(sweep(options.sweep).runs())
    elif options.runs:
        bases = [catalogue.named(name, seed=options.seed, p=options.p) for name in options.runs]
    else:
        raise LabError("name a run to train, such as debug or mainline, or a --sweep; --list shows them all")
    specs = [with_overrides(base, options.set) for base in bases]
    for spec in specs:
        check_test_pairs(spec)
    return specs


def _verify(options: argparse.Namespace) -> int:
    from modaddlab import verify

    if options.set or options.seed is not None or options.p is not None or options.sweep or options.force:
        raise LabError("--verify reads what is on disk: give it names or run ids; no --set, --seed, --p, --sweep or --force")
    return verify.main([*options.runs, *(["--data", str(options.data)] if options.data else [])])


class _Stop:
    """Ctrl-C and SIGTERM: while a run is training the first one asks it to save and stop; otherwise, and the second time,
    they end the command at once. A context manager; the handlers from before come back at its end."""

    def __init__(self) -> None:
        self.training = self.requested = False

    def __enter__(self) -> _Stop:
        self.before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in self.before:
            signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.training:
            raise KeyboardInterrupt
        self.requested = True


def _train(specs: list[RunSpec], store: Store, options: argparse.Namespace) -> int:
    with _Stop() as stop:
        from modaddlab.training.loop import Interrupted
        from modaddlab.training.progress import Display

        with Display() as display:
            for spec in specs:
                if stop.requested:  # during the last moments of the run before
                    raise KeyboardInterrupt
                try:
                    _train_one(spec, store, options, display, stop)
                except Interrupted as interruption:
                    display.line(f"modaddlab: {interruption}")
                    return 130
    return 0


def _train_one(spec: RunSpec, store: Store, options: argparse.Namespace, display: Display, stop: _Stop) -> None:
    from modaddlab.training.loop import train

    show, stop.training = display.run(_label(spec)), False

    def observe(status: Status) -> None:
        stop.training = True
        show(status)

    record = train(
        spec,
        store,
        device=options.device,
        threads=options.threads,
        force=options.force,
        resume=options.resume,
        observe=observe,
        notify=display.line,
        should_stop=lambda: stop.requested,
    )
    if not stop.training:  # it was loaded: say so only of a record that is whole
        for _, problem in inspect(store.data, record.run_id):
            if problem is not None:
                raise problem
    metrics, seconds = record.metrics, record.provenance["wall_seconds"]
    test = f", test loss {metrics['test_loss'][-1]:.2e}, test accuracy {metrics['test_accuracy'][-1]:.2%}"
    display.line(
        f"{record.run_id}: {'trained' if stop.training else 'was trained before'} in {seconds:.0f} s; "
        f"train loss {metrics['train_loss'][-1]:.2e}{test if spec.task.train_frac < 1 else ''}; {record.path}"
    )


def _label(spec: RunSpec) -> str:
    """A short name of a run for the progress display."""
    base = catalogue.nearest(spec)
    if spec != base:
        return spec.run_id
    named = catalogue.RUNS[base.name]
    p = f" p {spec.task.p}" if spec.task.p != named.task.p else ""
    return f"{spec.name}{p}{f' seed {spec.seed}' if spec.seed != named.seed else ''}"


def _dry_run(specs: list[RunSpec], store: Store) -> int:
    from modaddlab.models.parameters import param_shapes

    for spec in specs:
        n_params = sum(_product(shape) for shape in param_shapes(spec.model, spec.task.p).values())
        n_train = int(spec.task.train_frac * spec.task.p**2)
        print(f"{spec.run_id}: {_state(spec, store)}")
        print(f"  {spec.steps:,} steps on {n_train:,} of {spec.task.p**2:,} pairs, {n_params:,} parameters")
        print(f"  about {cost.duration(cost.seconds(spec))} on one core")
        for field, value in spec.changes().items():
            print(f"  {field} = {value}")
    return 0


def _dry_run_sweep(specs: list[RunSpec], store: Store) -> int:
    """A line for each run: done, partly done or to do, with about how long the rest takes; then the totals."""
    left, n_done, n_partly = 0.0, 0, 0
    for spec in specs:
        state = _state(spec, store)
        step = 0 if state == "trained" else store.partial(spec).newest_step() or 0
        seconds = 0.0 if state == "trained" else cost.seconds(spec, step)
        left, n_done, n_partly = left + seconds, n_done + (state == "trained"), n_partly + bool(step)
        reached = f"{state} at {step / spec.steps:.0%}" if step else state
        print(f"{reached:<22}  {'' if state == 'trained' else cost.duration(seconds):>8}  {_label(spec)}")
    rest = len(specs) - n_done - n_partly
    print(f"{len(specs)} runs: {n_done} done, {n_partly} partly, {rest} to do; about {cost.duration(left)} left on one core")
    return 0


def _list(store: Store) -> int:
    width = max(map(len, catalogue.RUNS))
    for name, spec in catalogue.RUNS.items():
        print(f"{name:<{width}}  {_state(spec, store):<22}  {catalogue.PURPOSES[name]}")
    print("sweeps:")
    for item in SWEEPS.values():
        print(f"{item.name:<{width}}  {item.purpose}")
    named = {spec.run_id for spec in catalogue.RUNS.values()}
    others = [run_id for run_id in store.runs() if run_id not in named]
    if others:
        print(f"other runs in {store.folder}:")
    for run_id in others:
        print(f"{run_id}  {_difference(run_id, store)}")
    return 0


def _difference(run_id: str, store: Store) -> str:
    """What sets a run apart from the named run that it was made from, as --set takes it."""
    try:
        spec = store.open(run_id).spec
    except LabError:
        return "damaged, see --verify"
    mine, base = flatten(spec.to_dict()), catalogue.nearest(spec)
    theirs, first = flatten(base.to_dict()), catalogue.RUNS[base.name]
    differences = [f"p={base.task.p}"] if base.task.p != first.task.p else []
    differences += [f"seed={base.seed}"] if base.seed != first.seed else []
    fields = [field for field in sorted(mine) if field != "name" and mine[field] != theirs[field]]
    return " ".join([*differences, *(f"{field}={mine[field]}" for field in fields)])


def _state(spec: RunSpec, store: Store) -> str:
    try:
        if store.find(spec) is not None:
            return "trained"
    except LabError:
        return "damaged, see --verify"
    if _in_training(spec, store):
        return "in training"
    return "interrupted" if store.partial(spec).folder.exists() else "not trained"


def _in_training(spec: RunSpec, store: Store) -> bool:
    """Whether a living process holds the run's lock."""
    path = store.data / "partial" / f"{spec.run_id}.lock"
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:  # a folder that cannot be written: whoever could train there could lock there
        return False
    lock.release()
    return False


def _list_fields() -> int:
    for kind, cls in KINDS.items():
        run = RunSpec(model=cls())
        defaults = flatten(run.to_dict())
        if kind != "transformer":
            print(f"of a {kind} network in place of the model fields above:")
        for path in field_names(run):
            table, _, name = path.rpartition(".")
            if kind == "transformer" or table == "model":
                help = type(getattr(run, table) if table else run).__dataclass_fields__[name].metadata["help"]
                print(f"{path:<22} {defaults[path]!s:<9} {help}")
    return 0


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


if __name__ == "__main__":
    sys.exit(main())
