"""`python -m modaddlab.reports`: the numbers of the mainline's seeds beside every report, where their source has changed."""

from __future__ import annotations

import sys

from modaddlab import command
from modaddlab.reports import beside


def main() -> int:
    """Run the command; returns the exit code."""
    return command.run(_keep, name="modaddlab.reports")


def _keep() -> None:
    old = beside.keep()
    print(f"{beside.KEPT}: {', '.join(old) or 'nothing'} measured anew, of {len(beside.FINDINGS)} findings")


if __name__ == "__main__":
    sys.exit(main())
