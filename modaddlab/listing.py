"""What there is and what is done, for `python -m modaddlab.train --list`, `--list-fields` and `--dry-run`. Nothing is written."""

from __future__ import annotations

import math

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue, cost, variations
from modaddlab.experiments.overrides import field_names
from modaddlab.experiments.spec import DEFAULT_KIND, RunSpec, flatten
from modaddlab.experiments.sweeps import SWEEPS
from modaddlab.fields import help_of
from modaddlab.models.registry import KINDS
from modaddlab.store.files import disk_errors
from modaddlab.store.store import Store


def dry_run(specs: list[RunSpec], store: Store) -> int:
    """What would be trained, run by run: its state, size and cost, and the fields that differ from their defaults."""
    _say_where(store)
    for spec in specs:
        n_params = sum(math.prod(shape) for shape in spec.model.param_shapes(spec.task.p).values())
        print(f"{spec.run_id}: {state(spec, store)}")
        most = "" if spec.grokked_for is None else "at most "
        print(f"  {most}{spec.steps:,} steps on {spec.task.n_train:,} of {spec.task.n_pairs:,} pairs, {n_params:,} parameters")
        if most:
            print(f"  it ends once 95 % of the test pairs have been right for {spec.grokked_for:,} steps")
        time, memory = cost.duration(cost.seconds(spec)), cost.size(cost.memory(spec))
        print(f"  {most or 'about '}{time} on one core, and {memory} of memory")
        print(f"  {_expectation(spec)}")
        for field, value in spec.changes().items():
            print(f"  {field} = {value}")
    return 0


def _expectation(spec: RunSpec) -> str:
    """When the book's laws expect a run to grok, in a line."""
    from modaddlab.findings import expected

    try:
        found = expected.of(spec)
    except LabError as error:
        return f"nothing is expected of it: {error}"
    if math.isnan(found.time.value):
        return " ".join(["the book's laws do not expect it to grok.", *found.reasons])
    end = f", after its last, {spec.steps:,}" if found.time.value > spec.steps else ""
    return " ".join([f"the book's laws expect it to grok at step {found.time} (95 % interval of one run){end}.", *found.reasons])


def dry_run_sweep(specs: list[RunSpec], store: Store) -> int:
    """A line for each run: done, partly done or to do, with about how long the rest takes; then the totals, and the memory."""
    _say_where(store)
    left, n_done, n_partly = 0.0, 0, 0
    for spec in specs:
        reached, seconds = state(spec, store), 0.0
        if reached == "trained":
            n_done += 1
        else:
            step = _saved_step(spec, store)
            seconds = cost.seconds(spec, step)
            left, n_partly = left + seconds, n_partly + bool(step)
            reached += f" at {step / spec.steps:.0%}" if step else ""
        print(f"{reached:<22}  {cost.duration(seconds) if seconds else '':>8}  {_named(spec)}")
    rest = len(specs) - n_done - n_partly
    about = "about" if all(spec.grokked_for is None for spec in specs) else "at most"
    memory = cost.size(max(map(cost.memory, specs)))
    left_over = f"{about} {cost.duration(left)} left on one core, at most {memory} of memory for each at a time"
    print(f"{len(specs)} runs: {n_done} done, {n_partly} partly, {rest} to do; {left_over}")
    return 0


def _named(spec: RunSpec) -> str:
    """A run as a list names it: its label, and its settings where that is an id."""
    label = catalogue.label(spec)
    return f"{label}  {_settings(spec)}" if label == spec.run_id else label


def list_runs(store: Store) -> int:
    """The named runs of the book with their states, the sweeps with how much of each is done, and whatever else is trained."""
    own = {name: spec for name, spec in catalogue.RUNS.items() if name not in variations.VARIATIONS}
    width = max(map(len, (*own, *SWEEPS)))
    for name, spec in own.items():
        print(f"{name:<{width}}  {state(spec, store):<22}  {catalogue.PURPOSES[name]}")
    print("sweeps, whose runs are listed by --sweep NAME --dry-run:")
    there = set(store.runs())
    known = {spec.run_id for spec in catalogue.RUNS.values()}
    for item in SWEEPS.values():
        specs = {spec.run_id: spec for spec in item.runs()}
        known |= specs.keys()
        left = sum(cost.seconds(spec, _saved_step(spec, store)) for run_id, spec in specs.items() if run_id not in there)
        done = f"{len(specs.keys() & there)} of {len(specs)}" + (f", {cost.duration(left)} left" if left else "")
        print(f"{item.name:<{width}}  {done:<22}  {item.purpose}")
    begun = [run_id for run_id in store.unfinished() if run_id not in known | there]
    others = sorted(there - known)
    if others or begun:
        print(f"other runs in {store.data}:")
    for run_id in others:
        print(f"{run_id}  {_difference(run_id, store)}")
    for run_id in begun:
        partial = store.partial(run_id)
        print(f"{run_id}  {'in training' if partial.is_locked() else 'interrupted'} at step {partial.newest_step() or 0:,}")
    return 0


def _say_where(store: Store) -> None:
    with disk_errors(store.data, "read"):
        if not store.data.exists():
            print(f"{store.data} is not there yet; training makes it")


def _saved_step(spec: RunSpec, store: Store) -> int:
    return min(store.partial(spec).newest_step() or 0, spec.steps)


def _difference(run_id: str, store: Store) -> str:
    """What sets a record apart from the named run that it was made from."""
    try:
        spec = store.open(run_id).spec
    except LabError:
        return "damaged, see --verify"
    if spec.origin is not None:
        return f"read from {spec.origin.file or 'weights'}, not trained here"
    return _settings(spec)


def _settings(spec: RunSpec) -> str:
    """What sets a run apart from the named run that it is a variation of."""
    return " ".join(f"{field}={value}" for field, value in sorted(catalogue.differences(spec).items()) if field != "name")


def state(spec: RunSpec, store: Store) -> str:
    """How far a run is, in two words: "trained", "not trained", "in training", "interrupted", or that its record is damaged."""
    try:
        if store.find(spec) is not None:
            return "trained"
    except LabError:
        return "damaged, see --verify"
    if store.partial(spec).is_locked():
        return "in training"
    return "interrupted" if store.partial(spec).folder.exists() else "not trained"


def list_fields() -> int:
    """Every field that `--set` can change, its default and what it means."""
    for kind, cls in KINDS.items():
        run = RunSpec(model=cls())
        defaults = flatten(run.to_dict())
        if kind != DEFAULT_KIND:
            print(f"of the kind {kind}, in place of the model fields above:")
        for path in field_names(run):
            table, _, name = path.rpartition(".")
            if kind == DEFAULT_KIND or table == "model":
                help = help_of(type(getattr(run, table) if table else run), name)
                print(f"{path:<22} {defaults[path]!s:<9} {help}")
    return 0
