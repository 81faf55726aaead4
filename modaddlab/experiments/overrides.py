"""Changing fields of a specification by text, as `--set optim.weight_decay=0.3` does.

Several values, `optim.lr=1e-3,3e-3`, and a range of integers, `seed=0-9`, stand for as many specifications.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.fields import describe_type, field_types
from modaddlab.models.registry import KINDS

MOST = 10_000
"""Values of a field, and runs of a grid: what is more was hardly meant."""


def field_names(spec: RunSpec | None = None) -> list[str]:
    """Every field that can be set, in the form "optim.lr".

    Args:
        spec: a run; its network decides which fields "model." has. None: a transformer.
    """
    fixed = ("model.kind", "origin")
    return [path for path in flatten((spec or RunSpec()).to_dict()) if not path.startswith(fixed)]


def with_overrides(spec: RunSpec, assignments: Iterable[str]) -> RunSpec:
    """The specification with fields replaced by one value each; arguments and errors of `combinations`."""
    assignments = list(assignments)
    specs = combinations(spec, assignments)
    if len(specs) > 1:
        raise LabError(f"--set {' --set '.join(assignments)} makes {len(specs)} runs; name one value of each field")
    return specs[0]


def combinations(spec: RunSpec, assignments: Sequence[str]) -> list[RunSpec]:
    """The specification with fields replaced, once for every combination of their values.

    Args:
        spec: where to start from.
        assignments: texts "field=value" or "field=value,value", one for a field. Values are written as in JSON; texts need no
            quotes, and "none" stands for the absence of a value. A range "0-9" stands for its integers.

    Raises:
        LabError: an assignment has no "=", a field is unknown or assigned twice, a value is not of the field's type or range, or
            they are too many.
    """
    values = parsed(spec, assignments)
    n = math.prod(map(len, values.values()))
    if n > MOST:
        raise LabError(f"--set {' --set '.join(assignments)} makes {n:,} runs; at most {MOST:,} are one sweep")
    return [changed(spec, dict(zip(values, chosen, strict=True))) for chosen in itertools.product(*values.values())]


def parsed(spec: RunSpec, assignments: Iterable[str]) -> dict[str, list[Any]]:
    """Every field that is assigned, with its values; arguments and errors of `combinations`."""
    values = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise LabError(f"--set {assignment!r} must have the form field=value, such as optim.weight_decay=0.3")
        path = path.strip()
        if path in values:
            raise LabError(f"--set {path} is given twice; leave one of them out, or name both values with a comma to train each")
        values[path] = _parse_all(text, _hint_of(path, spec), path)
    return values


def changed(spec: RunSpec, changes: Mapping[str, Any]) -> RunSpec:
    """The specification with fields replaced by values, {"optim.lr": 0.01}.

    Raises:
        LabError: a field is unknown, or a value is not of the field's type or range.
    """
    content = spec.to_dict()
    for path, value in changes.items():
        _hint_of(path, spec)
        table, _, name = path.rpartition(".")
        (content[table] if table else content)[name] = value
    return RunSpec.from_dict(content)


def _hint_of(path: str, spec: RunSpec) -> Any:
    """The annotated type of a field."""
    names = field_names(spec)
    if path not in names:
        near = difflib.get_close_matches(path, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}" if near else "see --list-fields"
        raise LabError(f"unknown field {path!r}{_other_kind(path, spec)}; {hint}")
    table, _, name = path.rpartition(".")
    return field_types(type(getattr(spec, table) if table else spec))[name]


def _other_kind(path: str, spec: RunSpec) -> str:
    """Says so when another kind of network has that field."""
    if path == "model.kind":
        return ", a run's network is of one kind: begin with a run that has the other"
    others = [kind for kind, cls in KINDS.items() if path in field_names(RunSpec(model=cls()))]
    return f" of {spec.name}: only a {' or '.join(others)} network has it" if others else ""


def integers(text: str, option: str) -> list[int]:
    """The integers of a text such as "3" or "0-9,42".

    Args:
        text: what was typed.
        option: where it was typed, for the message: "--seeds".

    Raises:
        LabError: it is none of integers, or it is too long.
    """
    found = [number for part in text.split(",") for number in _range(part.strip(), option)]
    return list(dict.fromkeys(found))


def _range(text: str, option: str) -> Iterable[int]:
    match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", text)
    shown = text if text and text.isprintable() else repr(text)
    if match is None:
        raise LabError(f"{option} {shown} must be integers, such as 3, or 0-9, or 0-4,42")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 <= last - first < MOST:
        raise LabError(f"{option} {shown} must be a range that ascends, of at most {MOST:,} integers")
    return range(first, last + 1)


def _parse_all(text: str, hint: Any, path: str) -> list[Any]:
    """The values of a field that a text names, each once."""
    kinds = typing.get_args(hint) or (hint,)
    values: list[Any] = []
    for part in map(str.strip, text.split(",")):
        if int in kinds and float not in kinds and re.fullmatch("[0-9]+-[0-9]+", part):
            values += _range(part, f"--set {path}=")
        else:
            values.append(_parse(part, hint, path))
    return list(dict.fromkeys(values))


def _parse(text: str, hint: Any, path: str) -> Any:
    """A text as a value of the field's type; what does not parse is refused here, ranges are the dataclass's business."""
    options = typing.get_args(hint) if typing.get_origin(hint) is not typing.Literal else (hint,)
    if type(None) in options and text.lower() in ("none", "null"):
        return None
    for option in options or (hint,):
        if typing.get_origin(option) is typing.Literal:
            return text
        if option is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if option is str:
            return text
        if option in (int, float):
            try:
                return option(text)
            except ValueError:
                continue
    shown = text if text.isprintable() else repr(text)  # a message is one line, whatever was typed
    raise LabError(f"--set {path}={shown}: the value must be {describe_type(hint)}")
