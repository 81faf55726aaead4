"""Where things lie: the checkout, its data folder, the caches.

`MODADDLAB_DATA` names another data folder; the command lines' `--data` sets it for one call.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout that the package was imported from."""


def data_folder() -> Path:
    """The folder with `runs/` (finished records) and `partial/` (runs that are still training)."""
    return Path(os.environ.get("MODADDLAB_DATA") or ROOT / "data").absolute()
