"""The fields of a specification: what each may hold, and one line for a value that it may not.

A specification is a frozen dataclass of pydantic's: `specification` makes it, its fields are made by `setting` with their limits.
Its `__post_init__` has the rules about several fields.
"""

from __future__ import annotations

import functools
import reprlib
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from modaddlab.errors import LabError

_CONFIG = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)
"""An integer is taken for a number with a fraction, and otherwise nothing for what it is not."""

_RULES = {
    "greater_than": "more than {gt:,}",
    "greater_than_equal": "at least {ge:,}",
    "less_than": "less than {lt:,}",
    "less_than_equal": "at most {le:,}",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "dataclass_exact_type": "a table of fields",
    "is_instance_of": "a table of fields",
}
"""What a value must be, by the kind of pydantic's error; of other kinds it is the field's type."""

Spec = TypeVar("Spec")


def setting(default: Any, help: str, **limits: float) -> Any:
    """A field with its default, a line that says what it is, with its unit, and its limits: gt, ge, lt, le, multiple_of."""
    return Field(default=default, description=help, **limits)  # type: ignore[arg-type]


@typing.dataclass_transform(frozen_default=True, kw_only_default=True)
def specification(table: str) -> Callable[[type[Spec]], type[Spec]]:
    """Make a class the specification of a table: "optim" where a field is called "optim.lr"; empty for that of a whole run.

    To construct one raises a `LabError` where a field is unknown, or a value not of its field's type or beyond its limits.
    """

    def make(cls: type[Spec]) -> type[Spec]:
        made: Any = dataclass(frozen=True, kw_only=True, config=_CONFIG)(cls)
        construct = made.__init__

        @functools.wraps(construct)
        def init(self: Spec, /, **values: Any) -> None:
            try:
                construct(self, **values)
            except ValidationError as error:
                raise LabError(_told(error, made, table and f"{table}.")) from None

        made.__init__ = init
        return made

    return make


def check(condition: bool, message: str) -> None:
    """Raise a `LabError` with this message unless the condition holds."""
    if not condition:
        raise LabError(message)


def help_of(cls: type, name: str) -> str:
    """What a field of a specification is, in a line."""
    return typing.cast(Any, cls).__pydantic_fields__[name].description


@functools.cache
def field_types(cls: type) -> dict[str, Any]:
    """The type of every field; to find them takes longer than all else that is done to a specification."""
    annotated = typing.get_type_hints(cls)
    return {name: annotated[name] for name in typing.cast(Any, cls).__pydantic_fields__}


def describe_type(hint: Any) -> str:
    """What a field accepts, in words for an error message."""
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(describe_type(argument) for argument in typing.get_args(hint))
    words: dict[Any, str] = {int: "an integer", float: "a number", bool: "true or false", str: "a text", type(None): "none"}
    return words.get(hint) or str(hint.__name__)


def _told(error: ValidationError, cls: type, prefix: str) -> str:
    """The first thing that is wrong, in a line: the field, what it holds, the rule, and what the field is."""
    first = error.errors(include_url=False)[0]
    name, kinds = str(first["loc"][0]), field_types(cls)
    if name not in kinds:
        return f"unknown field {prefix}{name}; known: {', '.join(prefix + known for known in kinds)}"
    rule = _RULES.get(first["type"], describe_type(kinds[name])).format(**first.get("ctx", {}))
    return f"{prefix}{name} (={reprlib.repr(first['input'])}) must be {rule}; {help_of(cls, name)}"
