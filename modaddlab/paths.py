"""Where things lie: the checkout, its data folder, the caches.

`MODADDLAB_DATA` names another data folder; the command lines' `--data` sets it for one call. A package that was installed without
its checkout has no data folder of its own: nothing is ever written beside installed packages.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from modaddlab.errors import LabError

ROOT = Path(__file__).resolve().parent.parent
"""The folder that the package lies in: the checkout, unless it was installed without one."""


def in_checkout() -> bool:
    """Whether the package was imported from a checkout, with the book and its records."""
    return (ROOT / "_quarto.yml").is_file()


def data_folder() -> Path:
    """The folder with `runs/` (finished records) and `partial/` (runs that are still training).

    Raises:
        LabError: none is named and there is no checkout.
    """
    if named := os.environ.get("MODADDLAB_DATA"):
        return Path(named).absolute()
    if not in_checkout():
        raise LabError(
            "this installation has none of the book's records, which only a checkout has; name a folder for your own runs: "
            "--data DIR, or MODADDLAB_DATA=DIR in the environment"
        )
    return ROOT / "data"


def is_data_folder(folder: Path) -> bool:
    """Whether a folder is the one that is used when none is given."""
    with contextlib.suppress(LabError):
        return folder == data_folder()
    return False


def cache_folder() -> Path:
    """The folder of what can be computed again: the checkout's `.cache`, or the user's where there is no checkout."""
    if in_checkout():
        return ROOT / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modaddlab"


def is_thrown_away(folder: Path) -> bool:
    """Whether a folder lies where renders, caches and `make clean` remove what is there: no place for records."""
    places = [cache_folder(), *(ROOT / name for name in (".quarto", "_book") if in_checkout())]
    return any(folder.resolve().is_relative_to(place.resolve()) for place in places)
