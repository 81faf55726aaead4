"""The package's public names: one list, and every name on it is there."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

import modaddlab
from modaddlab import claims, figures


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


@pytest.mark.parametrize("package", [figures, claims])
def test_every_name_of_a_package_resolves(package: types.ModuleType) -> None:
    for name in package.__all__:
        assert not isinstance(getattr(package, name), types.ModuleType) or package is not figures, name
    assert dir(package) == package.__all__


def test_a_name_loads_its_own_module_alone() -> None:
    program = "import sys\nfrom modaddlab import figures\nfigures.hero\nprint(list(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "modaddlab.figures.hero" in done.stdout
    assert "modaddlab.figures.sweeps" not in done.stdout


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = modaddlab.nothing


def test_the_version_is_a_version() -> None:
    assert all(number.isdigit() for number in modaddlab.__version__.split("."))


def test_whoever_cites_cites_this_version() -> None:
    root = Path(__file__).parent.parent
    assert f"\nversion: {modaddlab.__version__}\n" in (root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"Version {modaddlab.__version__}." in (root / "README.md").read_text(encoding="utf-8")
