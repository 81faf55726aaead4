"""`python -m modaddlab.train`: train named runs, or load what is trained.

    python -m modaddlab.train --list
    python -m modaddlab.train debug
    python -m modaddlab.train mainline --set optim.weight_decay=0.3 --seed 7

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

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import field_names, with_overrides
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.list:
            return _list(Store(options.data))
        if options.list_fields:
            return _list_fields()
        if options.verify:
            from modaddlab import verify

            return verify.main([*options.runs, *(["--data", str(options.data)] if options.data else [])])
        if not options.runs:
            raise LabError("name a run to train, such as debug or mainline; --list shows them all")
        specs = [_specification(name, options) for name in options.runs]
        if options.dry_run:
            return _dry_run(specs, Store(options.data))
        return _train(specs, Store(options.data), options)
    except LabError as error:
        print(f"modaddlab: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modaddlab.train",
        description="Train named runs; what is trained already is kept, what was interrupted goes on.",
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="names from --list")
    parser.add_argument("--list", action="store_true", help="list the named runs and whether they are trained")
    parser.add_argument("--list-fields", action="store_true", help="list every field that --set can change")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="change a field; may be repeated")
    parser.add_argument("--seed", type=int, help="seed of the split and of the initial weights")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train (default: cpu)")
    parser.add_argument("--threads", type=int, help="CPU threads; one each is best for several runs at once (default: all)")
    parser.add_argument("--data", type=Path, help="data folder (default: the book's, or $MODADDLAB_DATA)")
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


def _specification(name: str, options: argparse.Namespace) -> RunSpec:
    spec = catalogue.named(name)
    assignments = options.set if options.seed is None else [*options.set, f"seed={options.seed}"]
    return with_overrides(spec, assignments)


def _train(specs: list[RunSpec], store: Store, options: argparse.Namespace) -> int:
    threads = options.threads
    if threads is not None and not 1 <= threads <= 1024:
        raise LabError(f"--threads (={threads}) must lie between 1 and 1024; this machine has {os.cpu_count()} cores")

    from modaddlab.training.loop import Interrupted, train
    from modaddlab.training.progress import Display

    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    with Display() as display:
        for spec in specs:
            label = spec.name if spec.seed == catalogue.RUNS[spec.name].seed else f"{spec.name} seed {spec.seed}"
            try:
                record = train(
                    spec,
                    store,
                    device=options.device,
                    threads=threads,
                    force=options.force,
                    resume=options.resume,
                    observe=display.run(label),
                    notify=display.line,
                    should_stop=lambda: bool(stopping),
                )
            except Interrupted as interruption:
                display.line(f"modaddlab: {interruption}")
                return 130
            metrics = record.metrics
            display.line(
                f"{record.run_id}: train loss {metrics['train_loss'][-1]:.2e}, test loss {metrics['test_loss'][-1]:.2e}, "
                f"test accuracy {metrics['test_accuracy'][-1]:.2%}; "
                f"{record.provenance['wall_seconds']:.0f} s of training; {record.path}"
            )
    return 0


def _dry_run(specs: list[RunSpec], store: Store) -> int:
    from modaddlab.models.transformer import param_shapes

    for spec in specs:
        n_params = sum(_product(shape) for shape in param_shapes(spec.model, spec.task.p).values())
        n_train = int(spec.task.train_frac * spec.task.p**2)
        print(f"{spec.run_id}: {_state(spec, store)}")
        print(f"  {spec.steps:,} steps on {n_train:,} of {spec.task.p**2:,} pairs, {n_params:,} parameters")
        for field, value in spec.changes().items():
            print(f"  {field} = {value}")
    return 0


def _list(store: Store) -> int:
    width = max(map(len, catalogue.RUNS))
    for name, spec in catalogue.RUNS.items():
        print(f"{name:<{width}}  {_state(spec, store):<22}  {catalogue.PURPOSES[name]}")
    return 0


def _state(spec: RunSpec, store: Store) -> str:
    try:
        if store.find(spec) is not None:
            return "trained"
    except LabError:
        return "damaged, see --verify"
    return "interrupted" if store.partial(spec).folder.exists() else "not trained"


def _list_fields() -> int:
    defaults = RunSpec().to_dict()
    for path in field_names():
        table, _, name = path.rpartition(".")
        spec = getattr(RunSpec(), table) if table else RunSpec()
        value = defaults[table][name] if table else defaults[name]
        print(f"{path:<22} {value!s:<9} {type(spec).__dataclass_fields__[name].metadata['help']}")
    return 0


def _product(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


if __name__ == "__main__":
    sys.exit(main())
