"""Changing fields of a specification by text, as `--set optim.weight_decay=0.3` does."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterable
from typing import Any

from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec, describe_type, flatten


def field_names() -> list[str]:
    """Every field that can be set, in the form "optim.lr"."""
    return list(flatten(RunSpec().to_dict()))


def with_overrides(spec: RunSpec, assignments: Iterable[str]) -> RunSpec:
    """The specification with fields replaced.

    Args:
        spec: where to start from.
        assignments: texts "field=value"; a later one wins. Values are written as in JSON; texts need no quotes, and "none"
            stands for the absence of a value.

    Raises:
        LabError: an assignment has no "=", a field is unknown, or a value is not of the field's type or range.
    """
    content = spec.to_dict()
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise LabError(f"--set {assignment!r} must have the form field=value, such as optim.weight_decay=0.3")
        path = path.strip()
        hint = _hint_of(path)
        table, _, name = path.rpartition(".")
        (content[table] if table else content)[name] = _parse(text.strip(), hint, path)
    return RunSpec.from_dict(content)


def _hint_of(path: str) -> Any:
    """The annotated type of a field."""
    cls: Any = RunSpec
    *tables, name = path.split(".")
    for table in tables:
        cls = typing.get_type_hints(cls).get(table) if dataclasses.is_dataclass(cls) else None
    hints = typing.get_type_hints(cls) if dataclasses.is_dataclass(cls) else {}
    if name not in hints or dataclasses.is_dataclass(hints[name]):
        near = difflib.get_close_matches(path, field_names(), n=3, cutoff=0.4)
        raise LabError(f"unknown field {path!r}; {'did you mean ' + ' or '.join(near) if near else 'see --list-fields'}")
    return hints[name]


def _parse(text: str, hint: Any, path: str) -> Any:
    """A text as a value of the field's type; what does not parse is refused here, ranges are the dataclass's business."""
    options = typing.get_args(hint) if typing.get_origin(hint) is not typing.Literal else (hint,)
    for option in options or (hint,):
        if typing.get_origin(option) is typing.Literal:
            return text
        if option is type(None) and text.lower() in ("none", "null"):
            return None
        if option is bool and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if option is str:
            return text
        if option in (int, float):
            try:
                return option(text)
            except ValueError:
                continue
    raise LabError(f"--set {path}={text}: the value must be {describe_type(hint)}")
