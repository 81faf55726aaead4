"""Values in sentences: `{{< var speed.rates.law.exponent >}}` in a chapter becomes what the finding says.

`main` runs before every rendering, in both engines. It measures the findings that chapters name, as far as something that they
depend on has changed, holds chapters and findings against each other, and writes the git-ignored `_variables.yml`, from which
Quarto and the built-in renderer take the values. Refused are, with file and line: a name that is no value; a value that no
chapter uses; a value in a formula or in the title of a chapter, where Quarto shows garbage; a guard
(`findings.expect(condition, "words")`) whose words do not stand in its chapter. A value counts as used where its full name
stands, in a sentence or in a cell.

Published values of the ledger are there too: `{{< var published.suite-rate-0-003 >}}` for the claim suite-rate-0.003, and how
the claims were judged: `{{< var verdicts.replicates >}}`.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any

import yaml

from .. import command, kept
from ..errors import LabError
from .errors import BookError, Place
from .project import read_text

VARIABLES = Path("_variables.yml")

VERDICTS = "verdicts"
"""The subject that is no module of findings: how many claims got which verdict. The ledger's judgements lie above findings."""

Values = tuple[dict[str, str], list[list[str]]]
"""A subject's values by name, and the lists of names of which one should be used."""

SLOW = ("kernel", "gradients", "ablation", "motion", "proof", "pizza", "parts", "verdicts", "answers", "failures", "side", "ways")
"""Subjects that are begun first where several have to be measured, the longest first."""

_LOADER, _DUMPER = getattr(yaml, "CSafeLoader", yaml.SafeLoader), getattr(yaml, "CSafeDumper", yaml.SafeDumper)

KEPT = Path(".cache")
"""Where the values in findings are kept (`modaddlab.kept`)."""

_VARIABLE = re.compile(r"\{\{<\s*var\s+([\w.-]+)\s*>\}\}")
_FORMULA = re.compile(r"\$\$.*?\$\$|\$(?=\S)[^$\n]*?\S\$", re.DOTALL)
_CELL = re.compile(r"^```\{python\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^# .*$", re.MULTILINE)
_MEASURED = re.compile(r"findings\.measure\(\"(\w+)\"\)|\{\{<\s*var\s+(\w+)\.")


def subjects(chapters: Mapping[Path, str]) -> list[str]:
    """The findings that chapters name, "published" for values of the ledger among them."""
    return sorted({first or second for text in chapters.values() for first, second in _MEASURED.findall(text)})


def problems(chapters: Mapping[Path, str], names: Mapping[str, str]) -> list[str]:
    """What is wrong with the values and guards of chapters, each with file and line.

    Args:
        chapters: path -> source.
        names: every value by its name, as it is written.
    """
    found = []
    for path, text in chapters.items():
        prose = _CELL.sub(lambda cell: "\n" * cell[0].count("\n"), text)
        for match in _VARIABLE.finditer(text):
            if match[1] not in names:
                found.append(f"{_place(path, text, match)}: no value is named {match[1]!r}")
        for pattern, what in ((_FORMULA, "a formula"), (_TITLE, "the title of a chapter")):
            for match in pattern.finditer(prose):
                if "{{<" in match[0]:
                    found.append(f"{_place(path, prose, match)}: {what} takes no value; write it in words")
        words = " ".join(prose.split())
        for cell in _CELL.finditer(text):
            for line, sentence in _guards(cell[1]):
                if " ".join(sentence.split()) not in words:
                    place = Place(path, _line(text, cell) + line)
                    found.append(f"{place}: the words of this guard are not in the chapter: {sentence!r}")
    return found


def substitute(text: str, values: Mapping[str, Any], path: Path) -> str:
    """A chapter with its values in the sentences and in the options of cells, line by line as it was.

    Raises:
        BookError: there is no such value.
    """
    code = [cell.span(1) for cell in _CELL.finditer(text)]

    def written(match: re.Match[str]) -> str:
        start = text.rfind("\n", 0, match.start()) + 1
        if any(first <= start < last for first, last in code) and not text.startswith("#|", start):
            return match[0]  # the words of a guard
        found: Any = values
        for step in match[1].split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        if not isinstance(found, str):
            raise BookError(Place(path, _line(text, match)), f"no value is named {match[1]!r}")
        return found

    return _VARIABLE.sub(written, text)


def read(root: Path) -> dict[str, Any]:
    """The values that the last call wrote, as the tree of `_variables.yml`; none where there is no such file, or no whole one."""
    path = root / VARIABLES
    try:
        values = yaml.load(path.read_text(encoding="utf-8") if path.is_file() else "", Loader=_LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}


def write(root: Path, names: Mapping[str, str]) -> None:
    """Write `_variables.yml`, unless it says the same already: an unchanged file renders nothing anew."""
    tree: dict[str, Any] = {}
    for name, text in names.items():
        *branches, leaf = name.split(".")
        table = tree
        for branch in branches:
            table = table.setdefault(branch, {})
        table[leaf] = text
    path, content = root / VARIABLES, yaml.dump(tree, Dumper=_DUMPER, allow_unicode=True).encode()
    if not path.is_file() or path.read_bytes() != content:
        kept.put(path, content)


def chapters_of(root: Path) -> dict[Path, str]:
    """The sources of the book by their paths in it."""
    paths = [root / "index.qmd", *sorted((root / "chapters").rglob("*.qmd"))]
    return {path.relative_to(root): read_text(root, path.relative_to(root)) for path in paths if path.is_file()}


def measure(root: Path, chapters: Mapping[Path, str]) -> tuple[dict[str, str], list[str]]:
    """Every value that chapters may take, as it is written, and the names of those that none takes."""
    from .. import claims, findings

    words = {word for text in chapters.values() for word in re.findall(r"[\w.-]+", text)}
    used = {name for word in words for name in itertools.accumulate(word.split("."), "{}.{}".format)}
    asked = subjects(chapters)
    names = claims.published_texts() if "published" in asked else {}
    lost: list[str] = []
    for found, parts in _values_of(root, [subject for subject in asked if subject in (*findings.SUBJECTS, VERDICTS)]):
        names |= found
        lost += [part[0] for part in parts if used.isdisjoint(part)]
    return names, lost


def _values_of(root: Path, chosen: Sequence[str]) -> list[Values]:
    """The values of subjects, in order; several that have to be measured are measured in as many processes as there are cores."""
    values: dict[str, Values | None] = {subject: kept.find(_home(subject), root / KEPT) for subject in chosen}
    absent = [subject for subject, found in values.items() if found is None]
    if len(absent) == 1:
        values[absent[0]] = _measure_alone(root, absent[0])
    elif absent:
        # longest first: the last one would otherwise run alone
        order = sorted(absent, key=lambda subject: SLOW.index(subject) if subject in SLOW else len(SLOW))
        n_workers, spawn = min(len(absent), os.cpu_count() or 1), get_context("spawn")
        with ProcessPoolExecutor(n_workers, mp_context=spawn, initializer=_end_with_parent) as pool:
            running = {pool.submit(_measure_alone, root, subject): subject for subject in order}
            try:
                for done, future in enumerate(as_completed(running), 1):
                    values[running[future]] = future.result()
                    print(f"  {running[future]} measured, {done} of {len(absent)}", file=sys.stderr, flush=True)
            except BaseException:
                for worker in active_children():  # the pool would wait until all subjects are measured
                    worker.terminate()
                raise
    return [found for found in values.values() if found is not None]


def _home(subject: str) -> kept.Home:
    return ("claims.page" if subject == VERDICTS else f"findings.{subject}", "measure")


def _end_with_parent() -> None:
    """A worker ends with the process that asks it, also when that is killed and tells it nothing; Ctrl-C is for that process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _measure_alone(root: Path, subject: str) -> Values:
    from ..findings.value import named, parts

    return kept.measure(_home(subject), lambda finding: (named(subject, finding), parts(subject, finding)), root / KEPT)


def main() -> int:
    """Measure, check and write, in the current folder; returns the exit code.

    Raises:
        LabError: chapters and findings do not fit; a line for each reason.
    """
    begun, root = time.perf_counter(), Path.cwd()
    chapters = chapters_of(root)
    names, lost = measure(root, chapters)
    wrong = problems(chapters, names) + [f"no chapter uses the value {name}" for name in lost]
    if wrong:
        raise LabError("\n".join(wrong))
    write(root, names)
    print(f"values for the sentences: {len(names)} in {time.perf_counter() - begun:.1f} s", file=sys.stderr)
    return 0


def _guards(code: str) -> Iterator[tuple[int, str]]:
    """The line and the words of every guard in a cell."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # the cell says so itself when it is executed
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "expect":
            yield node.lineno, str(ast.literal_eval(node.args[1]))


def _place(path: Path, text: str, match: re.Match[str]) -> Place:
    return Place(path, _line(text, match))


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


if __name__ == "__main__":
    command.end_with_input()
    sys.exit(command.run(main))
