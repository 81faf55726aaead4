"""The package's public names: one list, and every name on it is there."""

from __future__ import annotations

import types

import pytest

import modaddlab


@pytest.mark.parametrize("name", modaddlab.__all__)
def test_every_public_name_resolves(name: str) -> None:
    value = getattr(modaddlab, name)
    if name.isupper():  # data: constants have no docstring of their own
        assert value
        return
    assert value.__doc__
    if isinstance(value, types.ModuleType):
        assert value.__name__ in (f"modaddlab.{name}", f"modaddlab.analysis.{name}")
        assert [inner for inner in getattr(value, "__all__", []) if not hasattr(value, inner)] == []
    else:
        assert value.__name__ == name


def test_the_list_is_complete_and_what_dir_shows() -> None:
    assert len(modaddlab.__all__) == len(set(modaddlab.__all__))  # the linter keeps them sorted
    assert dir(modaddlab) == sorted(modaddlab.__all__)
    assert {*modaddlab._HOMES, *modaddlab._TOP_MODULES} < set(modaddlab.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = modaddlab.nothing


def test_the_version_is_a_version() -> None:
    assert all(number.isdigit() for number in modaddlab.__version__.split("."))
