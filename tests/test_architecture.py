"""The shape of the package, read from its source: who imports whom, what is never imported, what is explained.

Imports are found with `ast`, also those inside functions and under TYPE_CHECKING. A new module at the top of the package
needs a line in LAYERS, and with it a decision about where it stands.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import modaddlab
from modaddlab.errors import EXTRAS, missing_extra
from modaddlab.models.registry import KINDS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "modaddlab"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "command": {"errors"},
    "shapes": {"errors"},
    "paths": {"errors"},
    "published": set(),
    "closure": set(),
    "source": {"closure"},
    "trace": set(),
    "kept": {"paths", "source", "trace"},
    "lazy": {"errors"},
    "fields": {"errors"},
    "tasks": {"fields"},
    "models": {"fields", "tasks", "errors", "shapes"},
    "experiments": {"errors", "fields", "tasks", "models.network", "models.registry"},
    "analysis": {"shapes", "errors", "models.grid", "models.token_tables", "models.transformer"},
    "store": {"experiments", "errors", "paths", "analysis.phases"},
    "training": {"models", "tasks", "store", "experiments", "errors", "paths", "analysis.fourier"},
    "figures": {"shapes", "analysis"},
    "tables": set(),
    "web": {"analysis", "command", "errors", "figures", "findings", "models", "store", "study"},
    "report.__main__": {"command", "errors", "report", "reports"},
    "reports": {
        "analysis.characters",
        "analysis.spectra",
        "card",
        "claims",
        "closure",
        "command",
        "errors",
        "experiments",
        "figures",
        "findings",
        "findings.networks",
        "paths",
        "read",
        "report",
        "source",
        "store",
        "study",
        "tables",
    },
    "report": {"errors", "command", "paths", "kept", "trace", "closure", "claims", "findings", "web"},
    "study": {
        "analysis",
        "models",
        "tasks",
        "store",
        "experiments",
        "errors",
        "paths",
        "source",
        "rows",
        "card",
        "weights",
        "write",
    },
    "findings.networks": {"analysis", "errors", "experiments", "models.transformer", "study"},
    "findings": {
        "analysis",
        "card",
        "errors",
        "experiments",
        "findings.networks",
        "models",
        "published",
        "shapes",
        "store",
        "study",
        "tables",
        "tasks",
    },
    "claims": {
        "analysis",
        "errors",
        "experiments",
        "findings",
        "findings.networks",
        "models.grid",
        "published",
        "study",
        "tables",
    },
    "claims.checkpoints": {"claims", "command", "errors", "read", "store", "study"},
    "rows": {"analysis", "models", "tasks", "experiments"},
    "card": {"analysis.phases", "figures", "store", "tasks"},
    "checkpoints": {"errors", "models.network", "models.registry"},
    "weights": {"errors", "experiments", "models.network", "rows", "store", "tasks"},
    "handwritten": {"errors", "models.closed_form", "models.network", "models.transformer", "study", "tasks"},
    "write": {"checkpoints", "command", "errors", "store"},
    "read": {"checkpoints", "command", "errors", "experiments", "store", "tasks", "weights"},
    "listing": {"experiments", "fields", "findings", "store", "models.registry", "errors"},
    "train": {
        "experiments",
        "store",
        "training",
        "listing",
        "errors",
        "command",
        "verify",
        "paths",
        "study",
        "findings",
        "figures",
    },
    "verify": {"experiments", "store", "training", "errors", "command", "rows"},
    "__main__": {"command", "errors"},
}
"""What a part of the package may import from the rest of it, besides itself; one module of a part may have a line of its own."""

OUTSIDE: dict[str, set[str]] = {
    "errors": set(),
    "command": set(),
    "shapes": {"numpy"},
    "paths": set(),
    "source": set(),
    "trace": set(),
    "kept": set(),
    "published": set(),
    "closure": set(),
    "lazy": set(),
    "fields": {"pydantic"},
    "experiments": set(),
    "tasks": {"numpy"},
    "models": {"numpy", "scipy", "array_api_compat"},
    "analysis": {"numpy", "scipy"},
    "store": {"numpy", "scipy", "safetensors", "filelock"},
    "training": {"numpy", "torch", "numba", "psutil", "rich", "dask", "distributed", "wandb"},
    "figures": {"numpy", "matplotlib", "IPython"},
    "tables": {"numpy", "IPython"},
    "web": {"numpy", "matplotlib"},
    "report.__main__": set(),
    "reports": {"matplotlib", "numpy", "panflute", "rich"},
    "report": {
        "IPython", "filelock", "jinja2", "jupyter_cache", "jupyter_client", "matplotlib", "matplotlib_inline", "nbclient",
        "nbformat", "panflute", "psutil", "pypandoc", "rich", "sqlalchemy", "typst", "watchfiles", "yaml",
    },
    "study": {"numpy"},
    "findings.networks": set(),
    "findings": {"numpy"},
    "claims": {"numpy"},
    "claims.checkpoints": set(),
    "rows": {"numpy"},
    "card": {"numpy"},
    "checkpoints": {"numpy"},
    "weights": {"numpy"},
    "handwritten": {"numpy"},
    "write": {"torch"},
    "read": {"numpy", "safetensors", "torch"},
    "listing": set(),
    "train": set(),
    "verify": {"numpy"},
    "__main__": set(),
}  # fmt: skip
"""What it may import from other people, besides the standard library."""


def part(module: Path) -> str:
    """The part of the package that a file belongs to, "store" for modaddlab/store/record.py, unless it has a line of its own."""
    own = ".".join(module.relative_to(PACKAGE).with_suffix("").parts)
    return own if own in LAYERS else own.partition(".")[0]


def imports(tree: ast.AST, package: str = "modaddlab") -> list[str]:
    """Every module that is imported, by its absolute name; `from modaddlab import tasks` counts as modaddlab.tasks.

    Args:
        tree: a parsed module.
        package: the package that it lies in, for relative imports.
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            name = ".".join(filter(None, (base, node.module)))
            is_package = (ROOT / Path(*name.split("."))).is_dir()
            found += [f"{name}.{alias.name}" for alias in node.names] if is_package else [name]
    return found


@functools.cache
def text_of(module: Path) -> str:
    return module.read_text(encoding="utf-8")


@functools.cache
def parsed(module: Path) -> ast.Module:
    return ast.parse(text_of(module), str(module))


def named(module: Path) -> str:
    return module.relative_to(ROOT).as_posix()


def package_of(module: Path) -> str:
    """The dotted package that a file lies in."""
    return ".".join(module.relative_to(ROOT).parent.parts)


def refused_edges(source: str, where: str, package: str = "modaddlab") -> list[str]:
    """Imports that the tables above do not allow."""
    problems = []
    for name in imports(ast.parse(source), package):
        head, _, rest = name.partition(".")
        if head == "modaddlab":
            inner = rest.partition(".")[0]
            allowed = inner in (where, "lazy") or any(rest == edge or rest.startswith(f"{edge}.") for edge in LAYERS[where])
            if not allowed and rest != "__version__":
                problems.append(f"{where} must not import {name}")
        elif head not in sys.stdlib_module_names and head not in OUTSIDE[where]:
            problems.append(f"{where} must not import {name}")
    return problems


def test_nothing_is_imported_from_above() -> None:
    modules = [module for module in MODULES if module != PACKAGE / "__init__.py"]
    assert {part(module) for module in modules} <= set(LAYERS), "a part is new: give it its place in LAYERS and OUTSIDE"
    found = {named(module): refused_edges(text_of(module), part(module), package_of(module)) for module in modules}
    assert {name: edges for name, edges in found.items() if edges} == {}


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("from modaddlab.training.loop import train", "analysis"),
        ("from modaddlab.models.closed_form import circle_transformer", "analysis"),
        ("from modaddlab import store", "models"),
        ("def f():\n    import torch", "store"),
        ("import matplotlib.pyplot as plt", "analysis"),
        ("import modaddlab.figures.theme", "tables"),
        ("from modaddlab.analysis import fourier", "report"),
        ("from ..analysis.fourier import gini", "report"),
        ("from .. import figures", "report"),
    ],
)
def test_an_upward_edge_would_be_found(source: str, where: str) -> None:
    assert len(refused_edges(source, where, f"modaddlab.{where}")) == 1


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in declared}
    names |= {"ipython", "matplotlib-inline", "jupyter-client", "sqlalchemy"}  # parts of ipykernel, nbclient, jupyter-cache
    distributions = importlib.metadata.packages_distributions()
    for module in set().union(*OUTSIDE.values()):
        owners = {owner.lower().replace("_", "-") for owner in distributions.get(module, [])}
        assert owners & names or not owners, f"{module} comes from {owners}, which pyproject.toml does not name"


def test_whatever_is_optional_is_named_with_its_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    always = {re.split(r"[^\w.-]", line)[0].lower().replace("-", "_") for line in project["dependencies"]}
    optional = set().union(*OUTSIDE.values()) - always - {"numpy"}
    assert {module for module in optional if missing_extra(module) is None} == set()
    assert EXTRAS.keys() <= project["optional-dependencies"].keys()
    assert not always & set().union(*EXTRAS.values())


def test_the_layers_have_no_cycle() -> None:
    order: list[str] = []
    rest = {name: {edge if edge in LAYERS else edge.partition(".")[0] for edge in edges} for name, edges in LAYERS.items()}
    while rest:
        free = [name for name, edges in rest.items() if edges <= set(order)]
        assert free, f"a cycle among {sorted(rest)}"
        order += free
        rest = {name: edges for name, edges in rest.items() if name not in free}
    assert set(LAYERS) == set(OUTSIDE)


FAMILIES = {cls.__name__: cls.__module__ for cls in KINDS.values()}
"""The class of every family of networks and its module."""

OF_ONE_FAMILY = {
    "attention_rate": {"training.steps.two_positions"},
    "transformer": {
        "findings.networks", "handwritten", "models.closed_form", "models.gradients", "models.token_tables",
        "training.steps.first_layer", "training.steps.last_position", "training.steps.one_layer", "training.steps.several_layers",
    },
    "two_layer": {"training.compiled.__init__", "training.compiled.block"},
}  # fmt: skip
"""Modules that are about one family alone, by the family's module; they may name its class."""


def family_problems(source: str, module: str) -> list[str]:
    """Where a module asks which family a network belongs to, or names a family's class without being about it.

    Args:
        source: its text.
        module: its name without the package's.
    """
    tree, problems = ast.parse(source), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
            asked = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
            asked |= {part.attr for part in ast.walk(node.args[1]) if isinstance(part, ast.Attribute)}
            problems += [f"asks whether something is a {name}" for name in sorted(asked & FAMILIES.keys())]
        if isinstance(node, ast.ImportFrom) and module != "models.registry":
            for name in sorted({alias.name for alias in node.names} & FAMILIES.keys()):
                own = FAMILIES[name].rpartition(".")[2]
                named_runs = module.startswith("experiments.") and node.module == "modaddlab.models.registry"
                if not named_runs and module not in OF_ONE_FAMILY.get(own, set()):
                    problems.append(f"imports {name}")
    return problems


def test_nobody_asks_which_family_a_network_is_of() -> None:
    names = {module: ".".join(module.relative_to(PACKAGE).with_suffix("").parts) for module in MODULES}
    found = {name: family_problems(text_of(module), name) for module, name in names.items()}
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("if isinstance(spec.model, TransformerSpec): pass", "study"),
        ("isinstance(spec.model, two_layer.TwoLayerSpec | int)", "models.transformer"),
        ("from modaddlab.models.two_layer import TwoLayerSpec", "experiments.catalogue"),
        ("from modaddlab.models.registry import TwoLayerSpec", "training.loop"),
        ("from modaddlab.models.transformer import TransformerSpec", "training.steps.two_layer"),
    ],
)
def test_a_question_for_the_family_would_be_found(source: str, module: str) -> None:
    assert len(family_problems(source, module)) == 1


def test_figures_do_no_input_or_output() -> None:
    refused = {"os", "pathlib", "shutil", "tempfile", "subprocess", "urllib", "socket", "json", "pickle"}
    for module in sorted((PACKAGE / "figures").rglob("*.py")):
        tree = parsed(module)
        names = imports(tree, package_of(module))
        assert not {name.partition(".")[0] for name in names} & refused, module
        assert "matplotlib.pyplot" not in names, f"{module}: pyplot keeps figures in a global list; use matplotlib.figure.Figure"
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "open"], module


def test_a_module_is_explained_and_short() -> None:
    for module in MODULES:
        tree = parsed(module)
        assert ast.get_docstring(tree), f"{module}: a module starts with what it is about"
        assert len(text_of(module).splitlines()) <= 500, f"{module}: split it"
        missing = [
            node.name
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
            and not any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)
            and not any(isinstance(base, ast.Name) and base.id == "Protocol" for base in getattr(node, "bases", []))
        ]
        assert missing == [], module


def code_cells(chapter: Path) -> list[str]:
    """The Python cells of a chapter, without their option lines."""
    return re.findall(r"^```\{python\}\n(.*?)^```", chapter.read_text(encoding="utf-8"), re.M | re.S)


CHAPTERS = sorted(ROOT.glob("*.qmd")) + sorted((ROOT / "chapters").rglob("*.qmd"))


def chapter_problems(cells: list[str]) -> list[str]:
    """What chapters may not do: import anything but the package's public names, NumPy and the standard library, or touch
    private attributes."""
    problems = []
    others = {"numpy", *sys.stdlib_module_names} - {"pickle", "subprocess"}
    for cell in cells:
        tree = ast.parse(cell)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "modaddlab":
                problems += [f"{alias.name} is not public" for alias in node.names if alias.name not in modaddlab.__all__]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in others:
                problems.append(f"from {node.module} import ...")
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
                problems += [f"import {name}" for name in names if name != "modaddlab" and name.partition(".")[0] not in others]
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                problems.append(f"{ast.unparse(node)} is private")
    return problems


@pytest.mark.parametrize("chapter", CHAPTERS, ids=named)
def test_chapters_import_public_names_alone(chapter: Path) -> None:
    assert chapter_problems(code_cells(chapter)) == []


@pytest.mark.parametrize(
    "cell",
    ["from modaddlab.analysis import fourier", "import torch", "from modaddlab import nothing", "x = figures._draw()"],
)
def test_a_chapter_that_reaches_deeper_would_be_found(cell: str) -> None:
    assert len(chapter_problems([cell])) == 1


def modules_after(statement: str) -> set[str]:
    """The modules that Python has loaded after a statement, in a process of its own."""
    program = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import modaddlab", {"torch", "numpy", "scipy", "matplotlib", "safetensors"}),
        ("import modaddlab.train", {"torch", "scipy", "matplotlib", "IPython"}),
        ("from modaddlab import Store, RunSpec, open_record, tasks", {"torch", "matplotlib"}),
        ("from modaddlab import run_grid, Grid, fourier, keys, neurons, progress, spectra", {"torch", "matplotlib"}),
        ("from modaddlab import figures, tables", {"torch", "matplotlib.pyplot", "IPython"}),
    ],
)
def test_importing_is_cheap(statement: str, unwanted: set[str]) -> None:
    loaded = modules_after(statement)
    assert not loaded & unwanted
    assert "modaddlab" in loaded
