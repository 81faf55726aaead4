"""The interactive pages: what they are made of, and how it comes into the site.

`write(folder)` makes a folder of classic scripts, a style sheet and data, which both engines copy into the site as it is. A
chapter has an empty element and loads the script:

    <div class="web explorer" data-run="mainline"></div>
    <script src="../interactive/explorer.js"></script>

Figures that a reader can move stand in the chapters themselves, see `scripts/figure.js`.

Pages need no server and ask no other host. `core.c` is their arithmetic (see `modaddlab.web.build`), `scripts/` their parts, one
noun a file, `records.py` what they show of a record.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from matplotlib.colors import to_hex

from modaddlab.figures import theme
from modaddlab.study import Study
from modaddlab.web import records

__all__ = ["FOLDER", "write"]

FOLDER = "interactive"
"""The folder in the project, and in the site."""

EXPLORER = ("core.wasm.js", "base.js", "address.js", "network.js", "views.js", "explorer.js")
LAB = ("core.wasm.js", "base.js", "address.js", "lab_worker.js", "lab.js")
MOVING = (
    "core.wasm.js",
    "base.js",
    "address.js",
    "network.js",
    "views.js",
    "figure.js",
    "hands.js",
    "order.js",
    "keys.js",
    "decay_clock.js",
    "phases.js",
    "sum.js",
    "turn.js",
    "film.js",
    "lottery.js",
    "begin.js",
)
"""The parts of explorer.js, of lab.js and of moving.js, in order."""

COLOURS = ("page", "ink", "muted", "rule", "shade", "train", "test", "restricted", "excluded", "norm")

LISTED = "files.txt"
"""What an earlier call wrote, with the hashes of its source and of itself; nothing else in the folder is ever removed."""


def write(folder: Path, listed: list[tuple[str, list[Study]]], drawn: Iterable[tuple[str, str]] = ()) -> None:
    """Make or renew the folder; what has not changed is left alone, so that its date stays.

    Args:
        folder: where.
        listed: the runs that can be opened: titles of groups, and their studies.
        drawn: what the moving figures are drawn from besides: paths and texts.

    Raises:
        OSError: a file cannot be written.
        LabError: a record is damaged.
    """
    before = _listed(folder)
    now: dict[str, tuple[str, str]] = {}
    made = {"explorer.js": _joined(EXPLORER), "lab.js": _joined(LAB), "moving.js": _joined(MOVING), "web.css": style()}
    for path, text in [*made.items(), records.runs_file(listed), *drawn]:
        now[path] = ("-", _put(folder / path, text))
    source = hashlib.sha256(Path(records.__file__).read_bytes()).hexdigest()
    for study in (study for _, studies in listed for study in studies):
        key = hashlib.sha256(f"{source} {study.record.digest}".encode()).hexdigest()
        kept = {path: (key, _digest(folder / path)) for path in records.paths(study)}
        if any(before.get(path) != then for path, then in kept.items()):
            kept = {path: (key, _put(folder / path, text)) for path, text in records.files(study)}
        now |= kept
    for path in set(before) - set(now):
        if before[path][1] == _digest(folder / path):  # as it was written, whatever a damaged list says
            (folder / path).unlink()
    _put(folder / LISTED, "".join(f"{key} {digest} {path}\n" for path, (key, digest) in sorted(now.items())))


def style() -> str:
    """The style sheet: the colours of both themes, then web.css."""
    return "".join(_colours()) + _read("web.css")


def _colours() -> Iterator[str]:
    for palette, selector in ((theme.LIGHT, ".web"), (theme.DARK, '[data-theme="dark"] .web, body.quarto-dark .web')):
        colours = {name: getattr(palette, name) for name in COLOURS}
        colours |= {f"key-{rank}": colour for rank, colour in enumerate(palette.frequencies)}
        ramp = " ".join(to_hex(palette.sequential(i / 8)) for i in range(9))
        hues = {f"hue-{i}": to_hex(palette.cyclic(i / 12)) for i in range(12)}
        colours |= hues
        yield f"{selector} {{ {' '.join(f'--{name}: {value};' for name, value in colours.items())} --ramp: {ramp}; }}\n"


def _joined(names: Sequence[str]) -> str:
    """Scripts as one, in one scope: a page sees `CORE` and `Web` alone."""
    core, *parts = (_read(f"scripts/{name}") for name in names)
    return core + "(() => {\n" + "\n".join(parts) + "})();\n"


def _read(path: str) -> str:
    return importlib.resources.files("modaddlab.web").joinpath(path).read_text(encoding="utf-8")


def _put(path: Path, text: str) -> str:
    """Write a file unless it is there as it should be; its hash."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if _digest(path) != digest:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")  # two renders may begin at once
        try:
            temporary.write_text(text, encoding="utf-8", newline="\n")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # what a full disk has taken of it
    return digest


def _digest(path: Path) -> str:
    """The hash of a file as it is now; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _listed(folder: Path) -> dict[str, tuple[str, str]]:
    """Path -> the two hashes of what an earlier call wrote; a list that cannot be read counts as empty."""
    try:
        lines = (folder / LISTED).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    entries = [line.split(" ", 2) for line in lines if line.count(" ") >= 2]
    return {path: (key, digest) for key, digest, path in entries if ".." not in Path(path).parts and not Path(path).is_absolute()}
