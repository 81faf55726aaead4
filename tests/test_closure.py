"""What a definition depends on, found in the source: a package of a few lines, changed in every way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from modaddlab import source
from modaddlab.closure import Closure, Package, plainly

SOURCES = {
    "__init__.py": """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from lab.tools import double, triple
""",
    "core.py": '''
"""What the module is about."""
from __future__ import annotations
from functools import cached_property
from lab import double as change
from lab import away, networks, tools
from lab.named import by_name
FACTOR = 2
UNUSED = 3
TABLE = []
TABLE.append(1)
def measure(study: Study):
    """A docstring."""
    from lab.hidden import inner  # a comment
    return change(study.size) * FACTOR + tools.offset() + inner() + getattr(study, tools.FIELD)
def unrelated():
    return UNUSED
class Study:
    """A class."""
    away: int = 0
    def __init__(self, spec):
        self.spec = spec
    @classmethod
    def open(cls, name):
        return cls(by_name(name))
    @cached_property
    def size(self):
        if not self.spec:
            raise ValueError(by_name("the way out"))
        return networks.OF[self.spec].size()
    @property
    def asked_by_name(self):
        return 7
    def never(self):
        return 8
''',
    "heirs.py": """
def null():
    return 4
def ratio():
    return 5
class Base:
    @staticmethod
    def inherited():
        return 1
    @classmethod
    def open(cls):
        return 2
class Heir(Base):
    def ask(self):
        return self.inherited()
class Stranger:
    @classmethod
    def inherited(cls):
        return 3
    def ask(self):
        return self.inherited()
    def open(self):
        return self.open()
def measure(study, ratio=ratio):
    null = [ratio for ratio in study]
    return Heir().ask() + null[ratio]
""",
    "tools.py": """
FIELD = "asked_by_name"
def double(x):
    return 2 * x
def triple(x):
    return 3 * x
def offset():
    return other()
def other():
    open("somewhere")
    return 0.5
""",
    "hidden.py": "def inner():\n    return 1\n",
    "named.py": "NAMES = {'a': 1}\ndef by_name(name):\n    return NAMES[name]\n",
    "networks/__init__.py": "from .one import One\nOF = {'one': One()}\n",
    "networks/one.py": "class One:\n    def size(self):\n        return 4\n    def more(self):\n        return 5\n",
    "away.py": "import importlib\ndef measure(study):\n    return importlib.import_module(study.name).x\n",
    "near.py": "import importlib\ndef measure(study):\n    return importlib.import_module('lab.hidden').x\n",
    "handed.py": "from lab import tools\ndef measure(study):\n    return study(tools)\n",
    "named.txt": "no module",
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        path = tmp_path / "lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "lab"


def digest(lab: Path, module: str = "lab.core") -> str:
    return Package(lab).closure(module, "measure").digest


def changed(lab: Path, name: str, old: str, new: str) -> None:
    text = (lab / name).read_text()
    assert old in text
    (lab / name).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("core.py", "  # a comment", "  # another comment"),
        ("core.py", "A docstring.", "Another docstring."),
        ("core.py", "What the module is about.", "Another one."),
        ("core.py", "UNUSED = 3", "UNUSED = 4"),
        ("core.py", "return UNUSED", "return 2 * UNUSED"),
        ("core.py", "return 8", "return 9"),
        ("core.py", "return cls(by_name(name))", "return cls(by_name(name + name))"),
        ("core.py", '"the way out"', '"another way out"'),
        ("core.py", "FACTOR = 2", "FACTOR   =   2"),
        ("tools.py", "return 3 * x", "return 4 * x"),
        ("named.py", "'a': 1", "'a': 1, 'b': 2"),
        ("networks/one.py", "return 5", "return 6"),
        ("away.py", "import importlib", "import importlib, sys"),
    ],
)
def test_what_a_result_cannot_depend_on_changes_nothing(lab: Path, name: str, old: str, new: str) -> None:
    before = digest(lab)
    changed(lab, name, old, new)
    assert digest(lab) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("core.py", "FACTOR = 2", "FACTOR = 3"),
        ("core.py", "* FACTOR", "/ FACTOR"),
        ("core.py", "TABLE.append(1)", "TABLE.append(2)"),
        ("core.py", "import double as change", "import triple as change"),
        ("core.py", "networks.OF[self.spec].size()", "1"),
        ("core.py", "self.spec = spec", "self.spec = spec or 1"),
        ("core.py", "raise ValueError(", "raise TypeError("),
        ("core.py", "return 7", "return 6"),
        ("__init__.py", "import double, triple", "import triple, triple as double"),
        ("tools.py", "return 2 * x", "return 4 * x"),
        ("tools.py", "return 0.5", "return 1.5"),
        ("hidden.py", "return 1", "return 2"),
        ("networks/__init__.py", "'one': One()", "'one': 0"),
        ("networks/one.py", "return 4", "return 5"),
    ],
)
def test_what_it_can_depend_on_changes_its_digest(lab: Path, name: str, old: str, new: str) -> None:
    before = digest(lab)
    changed(lab, name, old, new)
    assert digest(lab) != before


def test_what_is_asked_of_oneself_is_one_s_own_or_inherited(lab: Path) -> None:
    definitions = {name for _, name in Package(lab).closure("lab.heirs", "measure").definitions}
    assert definitions == {"measure", "ratio", "Heir", "Heir.ask", "Base", "Base.inherited"}


@pytest.mark.parametrize(
    ("module", "whole"), [("away", {"hidden", "named", "tools"}), ("near", {"hidden"}), ("handed", {"tools"})]
)
def test_what_is_chosen_while_it_runs_counts_whole(lab: Path, module: str, whole: set[str]) -> None:
    for name in ("hidden", "named", "tools"):
        before = digest(lab, f"lab.{module}")
        (lab / f"{name}.py").write_text((lab / f"{name}.py").read_text() + "\ndef new():\n    return 1\n")
        assert (digest(lab, f"lab.{module}") != before) is (name in whole), name


@pytest.mark.parametrize("name", ["nothing", "<lambda>", "Study.size", "change"])
def test_what_is_no_definition_is_refused(lab: Path, name: str) -> None:
    with pytest.raises(LookupError):
        Package(lab).closure("lab.core", name)
    with pytest.raises(LookupError):
        Package(lab).closure("os.path", "join")


def test_a_kept_result_of_one_record_depends_on_no_named_run_and_no_figure() -> None:
    package = Package(source.PACKAGE)
    texts = {name: module.path.read_text(encoding="utf-8") for name in package.names() if (module := package.module(name))}
    kept = {(name, found) for name, text in texts.items() for found in re.findall(r"\.remember\((\w+)[,)]", text)}
    kept = {place for place in kept if place[0] != "modaddlab.store.derived"}
    assert len(kept) >= 10
    elsewhere = ("modaddlab.experiments.", "modaddlab.figures", "modaddlab.claims")
    for place in kept:
        modules = {module for module, _ in package.closure(*place).definitions}
        assert "modaddlab.store.record" in modules, place
        assert [module for module in modules if module.startswith(elsewhere)] == ["modaddlab.experiments.spec"], place


@pytest.mark.parametrize(("name", "old", "new", "same"), [("tools.py", "0.5", "0.6", True), ("networks/one.py", "4", "6", False)])
def test_what_is_not_to_be_hashed_changes_nothing(lab: Path, name: str, old: str, new: str, same: bool) -> None:
    def closure() -> Closure:
        return Package(lab, plainly, ("lab.tools", "lab.network.")).closure("lab.core", "measure")

    before = closure()
    changed(lab, name, old, new)
    assert (closure().digest == before.digest) == same
    assert lab / name in before.files


def test_a_tree_is_written_plainly_whatever_empty_fields_a_version_of_python_has() -> None:
    node = ast.parse("def f(x, y=1): return g(x)[0] or 'ä'").body[0]
    assert isinstance(node, ast.FunctionDef)
    text = plainly(node)
    node.decorator_list, node.returns = None, []  # type: ignore[assignment]
    assert plainly(node) == text
    assert plainly(ast.parse("def f(x, y=2): return g(x)[0] or 'ä'").body[0]) != text
