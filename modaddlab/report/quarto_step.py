"""What Quarto runs before and after every render: `pre-render` and `post-render` in `_quarto.yml`.

Quarto runs a file that ends in `.py` with the Python that executes the cells, whichever that is: the active environment's, or
a bare one that lacks the book's packages. So this file imports nothing else before it knows.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

NEEDED = ("numpy", "torch", "yaml", "nbclient", "jupyter_cache", "psutil")
"""Some of what the packages of the book bring; a Python that has them is the right one."""


def advice(root: Path) -> str:
    """Which environment to activate in a checkout, and how to make it where there is none."""
    for script in (".venv/bin/activate", ".venv/Scripts/activate"):
        if (root / script).is_file():
            return f"activate the environment first: {'source ' if os.name != 'nt' else ''}{script}"
    return "make the environment and activate it first: `make site`, then `source .venv/bin/activate`"


def main(arguments: list[str]) -> int:
    """What comes before ("begin") or after ("end") a render of the current folder; returns the exit code."""
    root = Path.cwd()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"error: {sys.executable} lacks the book's packages ({', '.join(missing)}); {advice(root)}", file=sys.stderr)
        return 2
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from modaddlab.command import run
    from modaddlab.report import downloads, executions, mark, reference, sentences
    from modaddlab.report.project import load_book
    from modaddlab.web import __main__ as interactive

    def begin() -> int:
        mark.before_quarto(root)
        executions.begin(root)
        reference.write(load_book(root))
        return sentences.main() or interactive.main()

    def end() -> None:
        downloads.write(load_book(root), mark.folder_of_quarto(root))
        mark.after_quarto(root)
        executions.end(root)

    steps: dict[str, Callable[[], int | None]] = {"begin": begin, "end": end}
    return run(steps[arguments[0]], name="error")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
