"""Changing fields of a specification by text, as `--set optim.weight_decay=0.3` does."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.fields import describe_type
from modaddlab.models.registry import KINDS


def field_names(spec: RunSpec | None = None) -> list[str]:
    """Every field that can be set, in the form "optim.lr".

    Args:
        spec: a run; its network decides which fields "model." has. None: a transformer.
    """
    fixed = ("model.kind", "origin")
    return [path for path in flatten((spec or RunSpec()).to_dict()) if not path.startswith(fixed)]


def with_overrides(spec: RunSpec, assignments: Iterable[str]) -> RunSpec:
    """The specification with fields replaced.

    Args:
        spec: where to start from.
        assignments: texts "field=value"; a later one wins. Values are written as in JSON; texts need no quotes, and "none"
            stands for the absence of a value.

    Raises:
        LabError: an assignment has no "=", a field is unknown, or a value is not of the field's type or range.
    """
    changes = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise LabError(f"--set {assignment!r} must have the form field=value, such as optim.weight_decay=0.3")
        path = path.strip()
        changes[path] = _parse(text.strip(), _hint_of(path, spec), path)
    return changed(spec, changes)


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
    return typing.get_type_hints(type(getattr(spec, table) if table else spec))[name]


def _other_kind(path: str, spec: RunSpec) -> str:
    """Says so when another kind of network has that field."""
    if path == "model.kind":
        return ", a run's network is of one kind: begin with a run that has the other"
    others = [kind for kind, cls in KINDS.items() if path in field_names(RunSpec(model=cls()))]
    return f" of {spec.name}: only a {' or '.join(others)} network has it" if others else ""


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
