"""`python -m modaddlab.claims.checkpoints FOLDER`: the claims' measures on their authors' own checkpoints, into `released.json`.

FOLDER has the files that `modaddlab.claims.released` names. A file with other bytes is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from modaddlab import command
from modaddlab.claims import ledger
from modaddlab.claims.released import FILES, VALUES, Released
from modaddlab.errors import LabError
from modaddlab.read import read
from modaddlab.store.files import disk_errors
from modaddlab.store.store import Store
from modaddlab.study import Study


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = command.Parser(prog="python -m modaddlab.claims.checkpoints", description="Measure the authors' own checkpoints.")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder with their files")
    return command.run(lambda: _run(parser.parse_args(arguments)), name="modaddlab.claims.checkpoints")


def _run(options: argparse.Namespace) -> None:
    text = json.dumps({released.sha256: measured(released, options.folder) for released in FILES}, indent=1, ensure_ascii=False)
    file = Path(__file__).with_name(VALUES)
    with disk_errors(file):
        file.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{file}: the measures of {sum(len(released.claims) for released in FILES)} claims on {len(FILES)} checkpoints")


def measured(released: Released, folder: Path) -> dict[str, float]:
    """What the measures of claims give on a checkpoint, by the claims' ids.

    Args:
        released: the checkpoint.
        folder: where its file is.

    Raises:
        LabError: a file is missing, or has other bytes.
    """
    for name, sha256 in ((released.file, released.sha256), *([released.initial] if released.initial else [])):
        with disk_errors(folder / name, "read"):
            if not (folder / name).is_file():
                raise LabError(f"{folder / name} is no file; name the folder that has the authors' checkpoints")
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if found != sha256:
            raise LabError(f"{folder / name} must have the sha256 {sha256[:12]}..., found {found[:12]}...; take the file itself")
    initial = folder / released.initial[0] if released.initial else None
    with tempfile.TemporaryDirectory() as data:
        study = Study(read(folder / released.file, Store(data), initial=initial, **released.options))  # type: ignore[arg-type]
        measures = {name: ledger.by_id(name).measure for name in released.claims}
        return {name: measure(study) for name, measure in measures.items() if measure is not None}


if __name__ == "__main__":
    sys.exit(main())
