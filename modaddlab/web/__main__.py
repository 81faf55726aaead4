"""`python -m modaddlab.web`: makes or renews the folder of the interactive pages, where the current folder's book names it in its
`resources`. Rendering does it."""

from __future__ import annotations

import sys
from pathlib import Path

from modaddlab import command, web
from modaddlab.study import Study
from modaddlab.web import moving, records


def main() -> int:
    """Write the folder; returns the exit code."""
    project = Path("_quarto.yml")
    if f"{web.FOLDER}/" not in (project.read_text(encoding="utf-8") if project.is_file() else ""):
        return 0
    web.write(Path.cwd() / web.FOLDER, records.listed(), moving.files(Study.open("mainline")))
    return 0


if __name__ == "__main__":
    command.end_with_input()
    sys.exit(command.run(main))
