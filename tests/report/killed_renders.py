"""Kills a render at every change that it makes on the disk: `killed_renders.py FOLDER atomic|by-renames|cache` prints JSON.

The process imports the renderer once and forks a child for each kill. The child renders the book in FOLDER anew, with chapters
that are written at once instead of by pandoc, and kills itself (SIGKILL) before its n-th change: a file opened for writing, a
folder made, a name changed or removed, the exchange of the two sites. After every kill the site must be the old or the new one,
whole; and the next render, undisturbed, must make the new one and leave nothing beside it. With `cache` what is killed is the
keeping of a chapter's outputs, of which all or nothing must be found.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sample_books import write_book
from test_cache import keep, kept

from modaddlab.report import builtin, folder, mark, rendering
from modaddlab.report.project import load_book

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "open")
PAGES = ("index.html", "chapters/one.html")
left = [-1]  # changes until the kill; negative: none
places = Counter[str]()


def at_change(place: str) -> None:
    """Die here if it is time."""
    places[place] += 1
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in CHANGES and not (event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        at_change(event)


def write_pages(book: Any, site: Path, *_: Any) -> None:
    """Stands in for the chapters' way through pandoc: the pages say what their sources say."""
    for page in PAGES:
        (site / page).parent.mkdir(exist_ok=True)
        (site / page).write_text((book.root / page).with_suffix(".qmd").read_text())


def set_up(root: Path, way: str) -> None:
    exchange = folder._exchange

    def told(one: Path, other: Path) -> bool:
        at_change("exchange")
        done = way == "atomic" and exchange(one, other)
        at_change("exchanged")
        return done

    folder._exchange = told
    builtin.render = write_pages  # type: ignore[assignment]
    rendering.check_site = lambda _: []
    folder._tracked = lambda _: []
    root.mkdir()
    (root / "chapters").mkdir()
    write_book(root, {"index.qmd": "# Front\n", "chapters/one.qmd": "# One\n"})
    sys.addaudithook(hook)


def render(root: Path) -> None:
    rendering.render(root, "builtin", ["html"])


def keep_outputs(root: Path) -> None:
    keep(load_book(root))


def in_child(work: Callable[[Path], None], root: Path, kill_at: int = -1) -> int:
    """Do something in a child; returns its exit code, or minus the signal that ended it."""
    child = os.fork()
    if not child:
        left[0] = kill_at
        places.clear()
        code = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            work(root)
            if kill_at < 0:
                n = sum(places.values())
                (root / "changes.json").write_text(json.dumps([n, places]))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def contents(root: Path) -> dict[str, str] | None:
    """The site's files and whether its mark lists them; None where there is no site."""
    site = root / "_book"
    if not site.exists():
        return None
    assert mark.is_site(site, root)
    assert mark.foreign(site) is None
    return {str(path.relative_to(site)): path.read_text() for path in sorted(site.rglob("*")) if path.is_file()}


def run(root: Path, way: str) -> dict[str, Any]:
    """Kill the render at each of its changes."""
    set_up(root, way)
    sites = []
    for version in ("old", "new"):
        (root / "index.qmd").write_text(f"# Front, {version}\n")
        assert in_child(render, root) == 0
        sites.append(contents(root))
    n, seen = json.loads((root / "changes.json").read_text())
    old, new = sites
    assert old != new
    found = Counter[str]()
    for kill_at in range(1, n + 1):
        (root / "index.qmd").write_text("# Front, old\n")
        assert in_child(render, root) == 0
        assert contents(root) == old
        (root / "index.qmd").write_text("# Front, new\n")
        assert in_child(render, root, kill_at) == -signal.SIGKILL, kill_at
        there = contents(root)
        assert there in (old, new) or (there is None and way != "atomic"), (kill_at, there)
        found["old" if there == old else "new" if there == new else "none"] += 1
        assert in_child(render, root) == 0, kill_at
        assert contents(root) == new, kill_at
        assert not list(root.glob("._book-*")), (kill_at, os.listdir(root))
    return {"changes": n, "kinds": seen, "found": found}


def run_cache(root: Path) -> dict[str, Any]:
    """Kill the keeping of a chapter's outputs at each of its changes, in an empty cache and over an entry that is there."""
    set_up(root, "atomic")
    found = Counter[str]()
    for before in (False, True):
        assert in_child(keep_outputs, root) == 0
        if not before:
            shutil.rmtree(root / ".cache")
            assert in_child(keep_outputs, root) == 0
        n, _ = json.loads((root / "changes.json").read_text())
        for kill_at in range(1, n + 1):
            shutil.rmtree(root / ".cache")
            if before:
                assert in_child(keep_outputs, root) == 0
            assert in_child(keep_outputs, root, kill_at) == -signal.SIGKILL, kill_at
            there = kept(load_book(root))
            assert there in (None, ["1.5\nlines", "2.5"]), (kill_at, there)
            found["nothing" if there is None else "whole"] += 1
            assert in_child(keep_outputs, root) == 0, kill_at
            assert kept(load_book(root)) == ["1.5\nlines", "2.5"], kill_at
    return {"found": found}


if __name__ == "__main__":
    place, what = Path(sys.argv[1]), sys.argv[2]
    print(json.dumps(run_cache(place) if what == "cache" else run(place, what)))
