"""The fields of a specification: what each may hold, and one line for a value that it may not.

A specification is a frozen dataclass whose fields are made by `setting`. Its `__post_init__` calls `check_fields` for the types
and `check` for the ranges.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from typing import Any, Literal

from modaddlab.errors import LabError


def setting(default: Any, help: str) -> Any:
    """A field with its default and a line that says what it is, with its unit."""
    return dataclasses.field(default=default, metadata={"help": help})


def check(condition: bool, message: str) -> None:
    """Raise a `LabError` with this message unless the condition holds."""
    if not condition:
        raise LabError(message)


def check_fields(spec: object) -> None:
    """Check the types of a specification's fields; an integer becomes the float that its field holds.

    Raises:
        LabError: a value is not of its field's annotated type, or a number is not finite.
    """
    hints = _hints(type(spec))
    for item in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, item.name)
        if not _fits(value, hints[item.name]):
            raise LabError(
                f"{item.name} (={value!r}) of {type(spec).__name__} must be {describe_type(hints[item.name])}; "
                f"{item.metadata['help']}"
            )
        if hints[item.name] is float:  # 1 and 1.0, and 0.0 and -0.0, are the same setting and must give the same run id
            try:
                number = float(value) + 0.0
            except OverflowError:  # an integer beyond every float
                number = math.inf
            if not math.isfinite(number):
                raise LabError(f"{item.name} (={number}) of {type(spec).__name__} must be a finite number")
            object.__setattr__(spec, item.name, number)


_hints = functools.cache(typing.get_type_hints)


def _fits(value: object, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)


def describe_type(hint: Any) -> str:
    """What a field accepts, in words for an error message."""
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(describe_type(argument) for argument in typing.get_args(hint))
    words: dict[Any, str] = {int: "an integer", float: "a number", bool: "true or false", str: "a text", type(None): "none"}
    return words.get(hint) or str(hint.__name__)
