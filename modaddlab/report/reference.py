"""The reference of the public names: what each takes and gives, in the words of its docstring, as pages of the book.

Before every rendering `write` makes a text for each page in `chapters/reference`, `_figures.md` for `figures.qmd`, which includes
it. Sources are read, not imported, so that a page says what the files say now. The texts are git-ignored.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from ..findings import SUBJECTS
from ..paths import ROOT
from .pages import source_address
from .project import Book

FOLDER = Path("chapters/reference")

Names = dict[str, set[str] | None]
"""Modules by their names in the package, each with those of its names that are public; none: all without an underscore."""

OF_TRAINING: Names = {
    "train": {"train"},
    "study": {"Study"},
    "experiments.spec": {"RunSpec", "OptimSpec", "RecordSpec", "OriginSpec"},
    "tasks": None,
    "experiments.catalogue": {"RUNS"},
    "experiments.sweeps": {"SWEEPS", "Sweep"},
    "experiments.own_sweeps": None,
    "experiments.cost": {"estimated_cost"},
    "store.store": {"Store"},
    "store.record": {"Record"},
    "store.named": {"open_record"},
    "errors": {"LabError"},
}

OF_NETWORKS: Names = {
    "models.registry": {"KINDS"},
    "models.network": {"Network"},
    "models.transformer": {"TransformerSpec"},
    "models.two_layer": {"TwoLayerSpec"},
    "models.attention_rate": {"AttentionRateSpec"},
    "models.two_embeddings": {"TwoEmbeddingsSpec"},
    "models.linear_layers": {"LinearLayersSpec"},
    "models.grid": {"Grid", "run_grid"},
    "handwritten": {"closed_form"},
    "models.closed_form": None,
    "checkpoints": None,
}

_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):$", re.M)


def pages() -> dict[str, Names]:
    """What stands on each page."""
    analysis = sorted(f"{home}.{name}" for name, home in _homes("").items() if home == "analysis")
    return {
        "training": OF_TRAINING,
        "networks": OF_NETWORKS,
        "findings": {"findings": None, "findings.value": {"Value", "expect", "pooled"}}
        | {f"findings.{subject}": None for subject in SUBJECTS}
        | _by_home("claims"),
        "analysis": dict.fromkeys(analysis),
        "figures": _by_home("figures") | {"tables": None},
    }


def write(book: Book) -> None:
    """Write the texts of the pages that a book has; one that is unchanged keeps its date."""
    for page, modules in pages().items():
        if (book.root / FOLDER / f"{page}.qmd").is_file():
            target = book.root / FOLDER / f"_{page}.md"
            text = "\n".join(line for module, names in modules.items() for line in _module(module, names, book)) + "\n"
            if not target.is_file() or target.read_text(encoding="utf-8") != text:
                target.write_text(text, encoding="utf-8", newline="\n")


def _homes(package: str) -> dict[str, str]:
    """The public names of a package, and the modules that they come from."""
    tree = ast.parse((ROOT / "modaddlab" / package / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module).removeprefix("modaddlab").lstrip(".") for node in imports for alias in node.names}


def _by_home(package: str) -> Names:
    """The modules of a package that have public names, each with these."""
    found: Names = {}
    for name, home in sorted(_homes(package).items(), key=lambda item: item[1]):
        if home.startswith(package):
            found[home] = (found.get(home) or set()) | {name}
    return found


def _module(name: str, names: set[str] | None, book: Book) -> Iterator[str]:
    """A section: a module in its own words and the list of its names in Markdown; the names themselves in HTML, which pandoc
    hands on as it is: as Markdown they would take as long as the rest of the book."""
    base, mark = Path("modaddlab", *name.split(".")), f"reference-{name.replace('.', '-').replace('_', '-')}"
    path = base / "__init__.py" if (ROOT / base).is_dir() else base.with_suffix(".py")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    chosen = [one for one in _members(tree.body) if one[1][0] != "_" and (names is None or one[1] in names)]
    chosen = [one for one in chosen if one[2] or isinstance(one[0], ast.FunctionDef | ast.ClassDef)]
    words = inspect.cleandoc(ast.get_docstring(tree) or "")
    if not chosen and names is not None:
        return
    yield f"\n## {_title(name)} {{#{mark} .unnumbered}}\n"
    yield ", ".join(f"`{called}`" for _, called, _ in chosen) + "\n"
    yield "```{=html}"
    yield from _prose(words if names is None else words.partition("\n\n")[0])
    for node, called, said in chosen:
        yield f'<h3 id="{mark}-{called}">{escape(called)}</h3>'
        if isinstance(node, ast.FunctionDef):
            yield from _function(node, called)
        elif isinstance(node, ast.ClassDef):
            yield from _class(node)
        yield from _prose(said)
        place, address = f"{path.as_posix()}:{node.lineno}", source_address(book, path)
        source = f'<a href="{escape(address)}#L{node.lineno}">{place}</a>' if address else place
        yield f"<p><small>{source}</small></p>"
    yield "```"


def _title(name: str) -> str:
    """A module as a user calls it: by its name alone where that is public."""
    home, _, last = name.rpartition(".")
    return (last if _homes("").get(last) == home else name).replace("_", r"\_")


def _members(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str, str]]:
    """What a module or a class defines: each with its name and, of a constant or a field, the text below it."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if not any(ast.unparse(mark) in ("overload", "typing.overload") for mark in node.decorator_list):
                yield node, node.name, ""
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            below = after.value if isinstance(after, ast.Expr) else None
            said = below.value if isinstance(below, ast.Constant) and isinstance(below.value, str) else ""
            if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "setting" and node.value.args[1:]:
                said = " ".join(ast.literal_eval(node.value.args[1]).split())  # of a field of a specification
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                yield node, ast.unparse(one), inspect.cleandoc(said)


def _function(node: ast.FunctionDef, called: str) -> Iterator[str]:
    parameters = _parameters(node.args)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    text = f"{called}({', '.join(parameters)}){returns}"
    yield _code(text if len(text) < 92 else f"{called}(\n    {f',{chr(10)}    '.join(parameters)},\n){returns}")
    yield from _docstring(node)


def _parameters(arguments: ast.arguments) -> list[str]:
    """The parameters as they are written, without self."""
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults, *arguments.kw_defaults]

    def written(one: ast.arg, default: ast.expr | None) -> str:
        equals = " = " if one.annotation else "="
        return ast.unparse(one) + (f"{equals}{ast.unparse(default)}" if default is not None else "")

    texts = [written(one, default) for one, default in zip([*plain, *arguments.kwonlyargs], defaults, strict=True)]
    starred = [f"*{ast.unparse(arguments.vararg)}"] if arguments.vararg else ["*"] * bool(arguments.kwonlyargs)
    named = [f"**{ast.unparse(arguments.kwarg)}"] if arguments.kwarg else []
    found = [*texts[: len(plain)], *starred, *texts[len(plain) :], *named]
    return found[1:] if found[:1] in (["self"], ["cls"]) else found


def _class(node: ast.ClassDef) -> Iterator[str]:
    """A class: what it is, its fields and properties as a list, its methods."""
    yield from _docstring(node)
    fields, methods = [], []
    for member, called, said in _members(node.body):
        if called == "__init__" and isinstance(member, ast.FunctionDef):
            yield from _function(member, node.name)
        elif called.startswith("_") or not isinstance(member, ast.FunctionDef):
            if isinstance(member, ast.AnnAssign) and not called.startswith("_"):
                value = member.value
                if isinstance(value, ast.Call) and ast.unparse(value.func) == "setting":
                    value = value.args[0]
                shown = f" = {ast.unparse(value)}" if value is not None and "field(" not in ast.unparse(value) else ""
                fields.append((f"{called}: {ast.unparse(member.annotation)}{shown}", said))
        elif any("property" in ast.unparse(mark) for mark in member.decorator_list):
            returns = f": {ast.unparse(member.returns)}" if member.returns else ""
            fields.append((called + returns, (ast.get_docstring(member) or "").partition("\n\n")[0]))
        elif ast.get_docstring(member):
            methods.append((member, f"{node.name}.{called}"))
    if fields:
        yield _list(fields)
    for member, called in methods:
        yield from _function(member, called)


def _docstring(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    """What it does; its arguments and attributes as lists; what it gives and raises."""
    text, *rest = _SECTION.split(ast.get_docstring(node) or "")
    yield from _prose(text)
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title == "Returns":
            yield f"<p><em>Returns</em> {_line(body)}</p>"
        else:
            yield f"<p><em>{title if title != 'Args' else 'Arguments'}</em></p>"
            items = re.split(r"\n(?=\S)", textwrap.dedent(body.strip("\n")).strip())
            yield _list((name, said) for name, _, said in (item.partition(":") for item in items))


def _list(items: Iterable[tuple[str, str]]) -> str:
    """Names, each with what is said of it."""
    shown = (f"<li><code>{escape(name)}</code>{': ' if said.strip() else ''}{_line(said)}</li>" for name, said in items)
    return f"<ul>{''.join(shown)}</ul>"


def _prose(text: str) -> Iterator[str]:
    """Paragraphs of a docstring; what is indented stays as it is."""
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        if part:
            yield _code(textwrap.dedent(part).rstrip()) if part.startswith("  ") else f"<p>{_line(part)}</p>"


def _line(text: str) -> str:
    """Words on one line, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split()), quote=False))


def _code(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text, quote=False)}</code></pre>'
