"""Which renderer makes the book, and the render as a whole: lock, fresh folder, engine, checks, exchange."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .. import command
from . import builtin, mark, reference, sentences
from .check import check_site
from .display import Reporter
from .errors import BookError
from .folder import fresh_folder, one_at_a_time, site_folder
from .kernel import ONE_THREAD
from .project import Book, load_book

ENGINES = ("auto", "quarto", "builtin")
MINIMUM_QUARTO = (1, 7)
INTERACTIVE = "interactive/"
"""Where the book's interactive pages are made while its values are measured."""


@dataclass(frozen=True)
class Rendered:
    """What a render made: the site's folder, the engine's name with version, seconds."""

    folder: Path
    engine: str
    seconds: float


def find_quarto() -> tuple[str, str] | None:
    """Quarto's path and version, from the path or beside this Python; None when absent or older than we need."""
    path = shutil.which("quarto") or shutil.which("quarto", path=str(Path(sys.executable).parent))
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, encoding="utf-8", check=False)
    version = re.match(r"(\d+)\.(\d+)", done.stdout)
    if done.returncode or not version:
        return None
    return (path, done.stdout.strip()) if (int(version[1]), int(version[2])) >= MINIMUM_QUARTO else None


def choose(engine: str) -> tuple[str, str] | None:
    """Quarto's path and version where it is to be used, None for the built-in renderer.

    Raises:
        BookError: Quarto was asked for and is not there.
    """
    quarto = None if engine == "builtin" else find_quarto()
    if engine == "quarto" and quarto is None:
        minimum = ".".join(map(str, MINIMUM_QUARTO))
        raise BookError(None, f"there is no Quarto {minimum} or later on the path; install it, or use --engine builtin")
    return quarto


def render(
    root: Path,
    engine: str = "auto",
    to: Collection[str] = ("html", "pdf"),
    output: str | None = None,
    only: Collection[Path] = (),
) -> Rendered:
    """Render the book in `root` and put it in the place of the last site.

    Raises:
        BookError: the site's folder or a source is refused, a cell raised, or the site has defects; the last site is as it was.
    """
    book = load_book(root)
    target = site_folder(book, output)
    reference.write(book)
    builtin.resources(book, made_later=INTERACTIVE)  # what is wrong with them is said before anything is executed
    unknown = set(only) - {chapter.path for chapter in book.chapters}
    if unknown:
        raise BookError(None, f"{', '.join(map(str, sorted(unknown)))}: no such chapter in _quarto.yml")
    if only and not mark.is_site(target, root):
        raise BookError(None, f"single chapters are rendered into an existing site, and {target.name} is none; render all")
    absent = [str(chapter.page) for chapter in book.chapters if not (target / chapter.page).is_file()]
    if only and absent:
        what = f"{absent[0]} and {len(absent) - 1} more of its pages are" if len(absent) > 1 else f"{absent[0]} is"
        raise BookError(None, f"single chapters are rendered into a whole site, and in {target.name} {what} missing; render all")
    quarto = choose(engine)
    with Reporter() as reporter, one_at_a_time(root, reporter.say):
        name = f"Quarto {quarto[1]}" if quarto else "the built-in renderer"
        reporter.say(f"{book.title}: {len(only) or len(book.chapters)} chapters with {name}")
        with fresh_folder(book, target) as folder:
            with ThreadPoolExecutor(1) as beside:
                interactive = beside.submit(_write_interactive, book)
                if not quarto:
                    _measure_sentences(root)
                interactive.result()
            if only or "html" not in to:
                _copy_last(target, folder)
            if quarto:
                _render_with_quarto(quarto[0], book, folder, to, only)
            else:
                builtin.render(book, folder, to, reporter, only)
            if "html" in to:
                _refuse_defects(folder)
        return Rendered(target, name, reporter.seconds)


def _measure_sentences(root: Path) -> None:
    """Write the values that stand in sentences, in a process of its own, which sees the package as it is now."""
    if not sentences.subjects(sentences.chapters_of(root)):
        return
    if not _finished("modaddlab.report.sentences", root):
        raise BookError(None, "the values in sentences could not be written; see above")


def _write_interactive(book: Book) -> None:
    """Make what the interactive pages load, where the book names it, in a process of its own: it sees the package as it is."""
    named = INTERACTIVE in str(book.options["project"].get("resources"))
    if named and not _finished("modaddlab.web", book.root):
        raise BookError(None, "the interactive pages could not be made; see above")


def _finished(module: str, root: Path) -> bool:
    """Run a module in a process of its own, which ends with this one, also when that is killed; whether it succeeded."""
    words = [sys.executable, "-m", module, command.ENDS_WITH_INPUT]
    with subprocess.Popen(words, cwd=root, env=ONE_THREAD | os.environ, stdin=subprocess.PIPE) as process:
        return process.wait() == 0


def _copy_last(target: Path, folder: Path) -> None:
    if target.is_dir():
        shutil.copytree(target, folder, dirs_exist_ok=True)


def _refuse_defects(folder: Path) -> None:
    defects = check_site(folder)
    if defects:
        lines = "\n".join(f"  {defect}" for defect in defects)
        raise BookError(None, f"the site has {len(defects)} defects, so it was not put in place:\n{lines}")


def _render_with_quarto(quarto: str, book: Book, folder: Path, to: Collection[str], only: Collection[Path]) -> None:
    formats = {frozenset(("html", "pdf")): [], frozenset(("html",)): ["html"], frozenset(("pdf",)): ["typst"]}[frozenset(to)]
    for chapter in [str(path) for path in sorted(only)] or [None]:
        words = [quarto, "render", *([chapter] if chapter else []), "--output-dir", os.path.relpath(folder, book.root)]
        words += ["--to", formats[0]] if formats else []
        done = subprocess.run(words, cwd=book.root, env=quarto_environment(), check=False)
        if done.returncode:
            raise BookError(None, f"quarto ended with code {done.returncode}; its messages are above")


def quarto_environment() -> dict[str, str]:
    """The environment in which Quarto finds this Python, for its cells and for the pre-render step."""
    here = str(Path(sys.executable).parent)
    return os.environ | {"QUARTO_PYTHON": sys.executable, "PATH": here + os.pathsep + os.environ.get("PATH", "")}
