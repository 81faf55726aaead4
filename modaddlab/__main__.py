"""The console script `modaddlab`, also `python -m modaddlab`: `modaddlab train ...` is `python -m modaddlab.train ...`."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence

from modaddlab import __version__, command
from modaddlab.errors import LabError

COMMANDS = {
    "train": ("modaddlab.train", [], "train runs and sweeps; what is trained already is kept"),
    "list": ("modaddlab.train", ["--list"], "list the named runs and sweeps, and what is trained of them"),
    "read": ("modaddlab.read", [], "make a record of somebody else's checkpoint"),
    "write": ("modaddlab.write", [], "write a transformer as TransformerLens's state dict"),
    "verify": ("modaddlab.verify", [], "check every file of every record"),
    "report": ("modaddlab.report.__main__", [], "write the report of a run; render the book, or preview it"),
}
"""Of each command the module whose `main` it calls, what it says to it before the user's words, and what it is for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand the command line to the command that it names; returns the exit code."""
    name, *others = [*(sys.argv[1:] if arguments is None else arguments), ""]
    return command.run(lambda: _run(name, others[:-1]))


def _run(name: str, words: list[str]) -> int:
    if name in ("", "-h", "--help"):
        print("usage: modaddlab COMMAND ...; modaddlab COMMAND --help shows its options\n")
        print("\n".join(f"  {each:<8} {purpose}" for each, (_, _, purpose) in COMMANDS.items()))
        return 0 if name else 2
    if name == "--version":
        print(f"modaddlab {__version__}")
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LabError(f"unknown command {name!r}; {hint}known: {', '.join(COMMANDS)}")
    module, first, _ = COMMANDS[name]
    return importlib.import_module(module).main([*first, *words])


if __name__ == "__main__":
    sys.exit(main())
