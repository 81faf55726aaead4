"""The command line: `python -m modaddlab.report render|run|preview|check|compare|clean`.

What needs the extra `book` is imported when it is used, so that a missing package is told in a line.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from ..command import Parser, run
from ..errors import LabError
from ..reports import command as report_command
from .errors import CellError


def main(arguments: list[str] | None = None) -> int:
    """Run a command in the current folder; returns the exit code."""
    after_ctrl_c = "stopped; what was there before is as it was"
    return run(lambda: _run(arguments), name="error", interrupted=after_ctrl_c)


def _run(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    root = Path.cwd()
    try:
        if options.command == "render":
            return _render(root, options)
        if options.command == "run":
            return report_command.run(options)
        if options.command == "check":
            return _check(options.folder)
        if options.command == "compare":
            return _compare(root)
        if options.command == "clean":
            return _clean(root)
        return _preview(root, options)
    except CellError as error:
        print(f"\n{error.traceback}\n\n{error}\nThe site is as it was before.", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    from .rendering import ENGINES

    parser = Parser(prog="python -m modaddlab.report", description="Render the book.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("render", help="execute the chapters, make the site and the PDF")
    command.add_argument("chapters", nargs="*", type=Path, metavar="CHAPTER", help="only these, into the existing site")
    command.add_argument("--engine", choices=ENGINES, default="auto", help="auto: Quarto where there is one")
    command.add_argument("--to", default="html,pdf", help="html, pdf, or both (default)")
    command.add_argument("--output", help="the site's folder (default: _quarto.yml's output-dir, or _book)")
    command = commands.add_parser("preview", help="show the book in the browser, render at every change")
    command.add_argument("--engine", choices=ENGINES, default="auto")
    command.add_argument("--port", type=_port, default=4200)
    command = commands.add_parser("check", help="look for dead links, missing images and requests in a built site")
    command.add_argument("folder", nargs="?", default="_book")
    report_command.add_options(commands.add_parser("run", help="write the standard report of a run or of another's checkpoint"))
    commands.add_parser("compare", help="compare what both engines executed, cell by cell")
    commands.add_parser("clean", help="remove the built site, and nothing that no render made")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, found {text}")
    return int(text)


def _render(root: Path, options: argparse.Namespace) -> int:
    from .rendering import render

    to = [name.replace("typst", "pdf") for name in options.to.split(",")]
    if not set(to) <= {"html", "pdf"}:
        raise LabError(f"--to must be html, pdf or both with a comma, found {options.to}")
    if options.chapters and "pdf" in to:
        to.remove("pdf")
    done = render(root, options.engine, to, options.output, [Path(path) for path in options.chapters])
    print(f"rendered by {done.engine} in {done.seconds:.1f} s")
    page = done.folder / "index.html"
    print(f"open {page.resolve().as_uri() if page.is_file() else done.folder}")
    return 0


def _preview(root: Path, options: argparse.Namespace) -> int:
    from .preview import preview

    with suppress(KeyboardInterrupt):
        preview(root, options.engine, options.port)
    return 0


def _compare(root: Path) -> int:
    from .compare import differences
    from .project import load_book

    return _list(differences(load_book(root)), "the two engines' outputs")


def _check(name: str) -> int:
    from .check import check_site

    if not name.strip() or not Path(name).is_dir():
        raise LabError(f"{name!r} is no folder; name a built site, such as _book")
    return _list([str(defect) for defect in check_site(Path(name))], name)


def _clean(root: Path) -> int:
    from . import mark
    from .folder import one_at_a_time
    from .project import load_book

    site = root / load_book(root).output
    with one_at_a_time(root, print):
        if mark.is_site(site, root) and not site.is_symlink():
            mark.remove(site)
            print(f"removed what renders made in {site}; the rest is not theirs" if site.exists() else f"removed {site}")
        elif os.path.lexists(site):
            print(f"kept {site}: no render of this project made it; if nothing in it is needed, delete it yourself")
    return 0


def _list(findings: list[str], of: str) -> int:
    for finding in findings:
        print(finding)
    print(f"{of}: {len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
