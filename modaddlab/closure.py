"""What a definition of the package depends on: all definitions that it can reach, found in the syntax trees of the source.

From a function one follows the names that it uses to what defines them, through imports (those inside functions too, and the
lazy lists of public names), and from there on. Of a class the body is taken at once and a method when its name is used anywhere
on the way, as an attribute or in a string (`getattr`); a class method, when it is asked of its class. Module-level statements
that only have an effect count with their module. What an exception says is left out, since nobody computes with it; so are
docstrings and, by nature, comments. A module that is passed around as a value counts whole; an `import_module`, `exec` or `eval`
whose argument is no constant counts as the whole package.

What does not show in the source is not found: a table that is filled by decorators, an attribute put into another module. Tables
are therefore literals, and a test calls every measurement and compares what ran with what was found.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Definition = tuple[str, str]
"""A module and a name in it; of a method with its class: ("modaddlab.study", "Study.keys")."""

KEEPING = tuple(f"modaddlab.{name}" for name in ("closure", "kept", "lazy", "source", "store.derived", "trace"))
"""How results are found and kept again, which is no part of a result."""

_DYNAMIC = {"import_module", "__import__", "exec", "eval"}


@dataclass(frozen=True)
class Closure:
    """What a definition depends on.

    Attributes:
        digest: sha256 over the syntax trees of all of it.
        files: where it is defined.
        definitions: what it is.
    """

    digest: str
    files: frozenset[Path]
    definitions: frozenset[Definition]


class Package:
    """The source of a package as it is on the disk; each file is read once, when it is needed.

    Args:
        folder: the package's folder, whose name is the package's.
        write: writes a statement out; Python's own way is quick and differs between its versions, `plainly` does not.
        unhashed: modules, or packages with a dot behind their names, that digests say nothing of.
    """

    def __init__(self, folder: Path, write: Callable[[ast.AST], str] = ast.dump, unhashed: tuple[str, ...] = ()) -> None:
        self.folder, self._write, self._unhashed = folder, write, unhashed
        self._modules: dict[str, _Module | None] = {}
        self._texts: dict[ast.AST, str] = {}
        self._uses: dict[ast.AST, _Used] = {}
        self._parts: dict[ast.ClassDef, tuple[ast.ClassDef, dict[str, _Member]]] = {}

    def closure(self, module: str, name: str) -> Closure:
        """What a definition depends on, itself included.

        Args:
            module: its module's full name.
            name: its own name there.

        Raises:
            LookupError: there is no such definition.
            OSError, SyntaxError: a file cannot be read.
        """
        found = self.module(module)
        if found is None or name not in found.defined:
            raise LookupError(f"{module} defines no {name}")
        return _Walk(self).run(module, name)

    def module(self, name: str) -> _Module | None:
        """A module by its full name; None where there is none, and for those of others."""
        if name not in self._modules:
            first, *rest = name.split(".")
            place = self.folder.joinpath(*rest)
            files = [
                path for path in (place / "__init__.py", place.with_suffix(".py")) if first == self.folder.name and path.is_file()
            ]
            self._modules[name] = _Module(name, files[0]) if files else None
        return self._modules[name]

    def text(self, node: ast.AST) -> str:
        """A statement written out."""
        if node not in self._texts:
            self._texts[node] = self._write(node)
        return self._texts[node]

    def is_hashed(self, module: str) -> bool:
        """Whether a digest covers a module's definitions."""
        packages = tuple(name for name in self._unhashed if name.endswith("."))
        return module not in self._unhashed and not module.startswith(packages)

    def used(self, node: ast.AST) -> _Used:
        """The names that a statement uses."""
        if node not in self._uses:
            self._uses[node] = _Used(node)
        return self._uses[node]

    def parts(self, node: ast.ClassDef) -> tuple[ast.ClassDef, dict[str, _Member]]:
        """A class without its methods, and these by name."""
        if node not in self._parts:
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            members: dict[str, list[ast.stmt]] = {}
            for method in methods:
                members.setdefault(method.name, []).append(method)
            rest = [item for item in node.body if item not in methods]
            head = ast.ClassDef(node.name, node.bases, node.keywords, rest, node.decorator_list)
            self._parts[node] = head, {name: _Member(nodes, any(map(_is_of_class, nodes))) for name, nodes in members.items()}
        return self._parts[node]

    def names(self) -> Iterator[str]:
        """The full names of all modules."""
        for path in sorted(self.folder.rglob("*.py")):
            parts = path.relative_to(self.folder).with_suffix("").parts
            yield ".".join([self.folder.name, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def plainly(node: object) -> str:
    """A piece of a syntax tree written out alike by all versions of Python: fields that are empty are left out."""
    if isinstance(node, list):
        return f"[{','.join(map(plainly, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [f"{name}={plainly(value)}" for name, value in ast.iter_fields(node) if value is not None and value != []]
    return f"{type(node).__name__}({','.join(fields)})"


def tree_of(content: bytes) -> ast.Module:
    """The syntax tree of a file's content without what no result depends on: docstrings, and what exceptions say."""
    return _Plain().visit(ast.parse(content))


class _Plain(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = getattr(raised, "attr", getattr(raised, "id", ""))
        return ast.Raise(raised if name[:1].isupper() else None, None)


class _Module:
    """The definitions of a file.

    Attributes:
        defined: the statements that bind a name.
        imported: what a name stands for: a module, and a name in it or None.
        effects: the statements that bind none.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.defined: dict[str, list[ast.stmt]] = {}
        self.imported: dict[str, set[tuple[str, str | None]]] = {}
        self.effects: list[ast.stmt] = []
        tree = tree_of(path.read_bytes())
        for statement in tree.body:
            self._sort(statement)
        for node in ast.walk(tree):
            for alias, target in self._imports(node):
                self.imported.setdefault(alias, set()).add(target)

    def _sort(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            return
        if isinstance(statement, ast.If) and ast.unparse(statement.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            return
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound = {statement.name}
        else:
            nodes = list(ast.walk(statement))
            bound = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
            bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for name in bound:
            self.defined.setdefault(name, []).append(statement)
        if not bound or not isinstance(
            statement, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ):
            self.effects.append(statement)

    def _imports(self, node: ast.AST) -> Iterator[tuple[str, tuple[str, str | None]]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or whole, (whole, None)
        elif isinstance(node, ast.ImportFrom):
            parents = self.package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            home = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield alias.asname or alias.name, (home, alias.name)


class _Used(ast.NodeVisitor):
    """The names that a piece of source uses.

    Attributes:
        chains: dotted names, in parts.
        attributes: names that are asked of anything.
        own: names that are asked of `self` or `cls`.
        is_dynamic: whether modules or code are chosen while it runs.
    """

    def __init__(self, node: ast.AST) -> None:
        self.chains: set[tuple[str, ...]] = set()
        self.attributes: set[str] = set()
        self.own: set[str] = set()
        self.is_dynamic = False
        self._local: list[set[str]] = []
        self.visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outside in (*node.decorator_list, *_signature(node.args), node.returns):
            if outside is not None:
                self.visit(outside)
        self._inside(_names(node.args) | _bound(node.body), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for outside in _signature(node.args):
            self.visit(outside)
        self._inside(_names(node.args), [node.body])

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        rest = [part for each in node.generators for part in (each.target, each.iter, *each.ifs)]
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(_bound([each.target for each in node.generators]), [*rest, *results])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _inside(self, local: set[str], nodes: Iterable[ast.AST]) -> None:
        """Visit what lies in a scope of its own."""
        self._local.append(local)
        for node in nodes:
            self.visit(node)
        self._local.pop()

    def _chain(self, *names: str) -> None:
        if not any(names[0] in local for local in self._local):
            self.chains.add(names)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts, value = [node.attr], node.value
        while isinstance(value, ast.Attribute):
            parts.append(value.attr)
            value = value.value
        self.attributes.update(parts)
        if isinstance(value, ast.Name):
            if value.id in ("self", "cls"):
                self.own.add(parts[-1])
            self._chain(value.id, *reversed(parts))
        else:
            self.visit(value)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):  # a field may be called as a module is
            self._chain(node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and node.value.isidentifier():
            self.attributes.add(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        called = getattr(node.func, "attr", getattr(node.func, "id", None))
        if called in _DYNAMIC:
            if called == "import_module" and node.args and isinstance(node.args[0], ast.Constant):
                self.chains.add(("import", str(node.args[0].value)))
            else:
                self.is_dynamic = True
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.is_dynamic |= any(alias.name == "*" for alias in node.names)


def _signature(arguments: ast.arguments) -> list[ast.expr]:
    """What a function's head has besides names: defaults and annotations."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [each.annotation for each in every if each and each.annotation]
    return [*annotations, *arguments.defaults, *(default for default in arguments.kw_defaults if default)]


def _names(arguments: ast.arguments) -> set[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return {each.arg for each in every if each}


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are bound in a scope, but for those that are imported there or declared global."""
    found: set[str] = set()
    free: set[str] = set()
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            free.update(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            found.update({node.name} if isinstance(node, ast.ExceptHandler | ast.MatchAs) and node.name else set())
            todo += ast.iter_child_nodes(node)
    return found - free


@dataclass(frozen=True)
class _Member:
    """A method: what defines it, and whether it is one of the class itself, which is asked for by the class's name."""

    nodes: list[ast.stmt]
    is_of_class: bool


class _Walk:
    """One search through a package."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._files: set[Path] = set()
        self._found: dict[tuple[str, str], str] = {}
        self._classes: dict[tuple[str, str], dict[str, _Member]] = {}
        self._waiting: dict[str, list[tuple[_Module, str, _Member]]] = {}  # methods that nobody has asked for, by their names
        self._attributes: set[str] = set()
        self._own: set[str] = set()
        self._todo: list[tuple[_Module, str, ast.AST]] = []

    def run(self, module: str, name: str) -> Closure:
        self._enter(module, (name,))
        while self._todo:
            self._read(*self._todo.pop())
        lines = [f"{place}\n{text}\n" for place, text in sorted(self._found.items()) if self._package.is_hashed(place[0])]
        definitions = frozenset(place for place in self._found if not place[1].startswith("("))
        return Closure(hashlib.sha256("".join(lines).encode()).hexdigest(), frozenset(self._files), definitions)

    def _add(self, module: _Module, name: str, nodes: Iterable[ast.AST]) -> bool:
        """Note a definition and what it will lead to; False when it was noted before."""
        if (module.name, name) in self._found:
            return False
        nodes = list(nodes)
        self._found[module.name, name] = "\n".join(map(self._package.text, nodes))
        self._todo += [(module, name, node) for node in nodes]
        return True

    def _read(self, module: _Module, name: str, node: ast.AST) -> None:
        used = self._package.used(node)
        if used.is_dynamic:
            for every in self._package.names():
                self._enter(every, ())
        owner = name.partition(".")[0]
        theirs = self._classes.get((module.name, owner), {})
        for member in used.own & theirs.keys():
            self._add(module, f"{owner}.{member}", theirs[member].nodes)
        own = used.own - theirs.keys() - self._own  # inherited, or of a class above
        attributes = used.attributes - self._attributes
        self._own |= own
        self._attributes |= attributes
        for member in (own | attributes) & self._waiting.keys():
            for waiting in self._waiting.pop(member):
                self._take(*waiting)
        for chain in used.chains:
            if chain[0] == "import":
                self._enter(chain[1], ())
            else:
                self._look_up(module, chain)

    def _look_up(self, module: _Module, chain: tuple[str, ...]) -> None:
        """Follow a dotted name that is used in a module."""
        name, *rest = chain
        if name in module.defined:
            self._define(module, name, rest)
        for home, what in module.imported.get(name, ()):
            self._found[module.name, f"({name} is {home}.{what})"] = ""
            self._files.add(module.path)
            if (home, what) == (module.name, name):  # a package that imports its own module
                self._enter(f"{home}.{what}", tuple(rest))
            else:
                self._enter(home, (*([what] if what else []), *rest))

    def _enter(self, name: str, chain: tuple[str, ...]) -> None:
        """Follow a dotted name that is asked of a module; a module without one is taken whole."""
        module = self._package.module(name)
        if module is None or name in KEEPING:
            return
        self._files.add(module.path)
        self._add(module, "(effects)", module.effects)
        if not chain:
            if (name, "(whole)") not in self._found:
                self._found[name, "(whole)"] = ""
                for each in [*module.defined, *module.imported]:
                    self._look_up(module, (each,))
        elif chain[0] in module.defined or chain[0] in module.imported:
            self._look_up(module, chain)
        else:
            self._enter(f"{name}.{chain[0]}", chain[1:])

    def _define(self, module: _Module, name: str, asked: list[str]) -> None:
        self._files.add(module.path)
        for node in module.defined[name]:
            if not isinstance(node, ast.ClassDef):
                continue
            head, members = self._package.parts(node)
            if self._add(module, name, [head]):
                self._classes[module.name, name] = members
                for member, found in members.items():
                    self._take(module, f"{name}.{member}", found)
            if asked and asked[0] in members:
                self._add(module, f"{name}.{asked[0]}", members[asked[0]].nodes)
        if not any(isinstance(node, ast.ClassDef) for node in module.defined[name]):
            self._add(module, name, module.defined[name])

    def _take(self, module: _Module, name: str, found: _Member) -> None:
        """Note a method if its name has been used by now; otherwise it waits until it is."""
        member = name.rpartition(".")[2]
        asked = member in self._attributes and not found.is_of_class
        if asked or member in self._own or member.startswith("__"):
            self._add(module, name, found.nodes)
        else:
            self._waiting.setdefault(member, []).append((module, name, found))


def _is_of_class(node: ast.AST) -> bool:
    marks = {ast.unparse(mark) for mark in getattr(node, "decorator_list", [])}
    return bool(marks & {"classmethod", "staticmethod"})
