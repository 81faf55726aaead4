"""Sweeps of one's own: every combination of some settings, over runs and seeds, from a command's options or from a file.

    run = "debug"                     # a name of --list, or several: ["pizza", "clock"]
    seeds = "0-9"                     # or [0, 1, 2]; none: the seed that each run has
    purpose = "how fast?"             # a line; may be left out

    [set]                             # as with --set, whose names these are; a list is swept
    optim.lr = [1e-3, 3e-3]
    steps = 2000

A run keeps the name of the run that it varies, and its id follows from its settings: what is trained already, by whichever
command, is not trained again. All runs have their first seed before any has its next.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modaddlab.errors import LabError
from modaddlab.experiments.catalogue import named
from modaddlab.experiments.overrides import MOST, combinations, integers, parsed
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.experiments.sweeps import SWEEPS, Sweep, sweep

KEYS = ("run", "seeds", "p", "purpose", "set")
"""What a file may have."""

LARGEST = 1_000_000
"""Bytes that a file may have."""


def find(name: str | os.PathLike[str]) -> Sweep:
    """A sweep of the book by its name, or one's own by its file, which ends in .toml.

    Raises:
        LabError: there is none, or the file is not as it must be.
    """
    if not str(name).endswith(".toml"):
        return sweep(str(name))
    path = Path(name)
    if path.stem in SWEEPS:
        raise LabError(f"{path} has the name of a sweep of the book, {path.stem}; give the file another")
    try:
        if path.stat().st_size > LARGEST or path.is_fifo():
            raise LabError(f"{path} is no list of runs; it must be a file of at most {LARGEST:,} bytes")
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows begin a file with a mark
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror}); a sweep is one of {', '.join(SWEEPS)}, or a file") from None
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path} is no TOML: {' '.join(str(error).split())}") from None
    unknown = [key for key in content if key not in KEYS]
    if unknown or "run" not in content:
        what = f"the unknown entry {unknown[0]!r}" if unknown else "no run"
        raise LabError(f"{path} has {what}; a sweep has run, such as run = 'debug', and may have {', '.join(KEYS[1:])}")
    settings = content.get("set", {})
    if not isinstance(settings, dict):
        raise LabError(f"{path} has set (={settings!r}), which must be a table: a line [set], below it optim.lr = [1e-3, 3e-3]")
    try:
        return made(
            path.stem,
            _text(content["run"]).split(","),
            [f"{field}={_text(value)}" for field, value in flatten(settings).items()],
            seeds=integers(_text(content["seeds"]), "seeds") if "seeds" in content else None,
            moduli=integers(_text(content["p"]), "p") if "p" in content else None,
            purpose=str(content.get("purpose", "")),
        )
    except LabError as error:
        raise LabError(f"{path}: {error}") from None


def made(
    name: str,
    runs: Sequence[str],
    assignments: Sequence[str],
    *,
    seeds: Sequence[int] | None = None,
    moduli: Sequence[int] | None = None,
    purpose: str = "",
) -> Sweep:
    """The sweep over runs, settings, seeds and moduli.

    Args:
        name: what it is called.
        runs: names of `modaddlab.RUNS`.
        assignments: as `--set` takes them; several values are swept.
        seeds: none: the seed that each run has.
        moduli: of two-layer networks, whose widths follow; none: the modulus that each run has.
        purpose: what it is for, a line.

    Raises:
        LabError: a run, a field or a value is not allowed.
    """
    every_seed, every_p = seeds or [None], moduli or [None]
    bases = [named(run.strip(), seed=seed, p=modulus) for seed in every_seed for modulus in every_p for run in runs]
    several = {"name": runs, "task.p": every_p}
    varies = tuple(field for field, of in several.items() if len(of) > 1)
    return over(Sweep(name=name, purpose=purpose, varies=varies, runs=lambda: tuple(bases)), assignments)


def over(base: Sweep, assignments: Sequence[str]) -> Sweep:
    """A sweep with settings changed; those that are given several values are varied, too.

    Raises:
        LabError: a field or a value is not allowed, or the runs are too many.
    """
    bases = base.runs()
    if not assignments:
        return base
    values: Mapping[str, Sequence[Any]] = parsed(bases[0], assignments)
    swept = tuple(field for field, of in values.items() if len(of) > 1 and field not in (*base.varies, "seed"))
    runs: list[RunSpec] = [spec for each in bases for spec in combinations(each, assignments)]
    if len(runs) > MOST:
        raise LabError(f"{base.name} makes {len(runs):,} runs; at most {MOST:,} are one sweep")
    return dataclasses.replace(base, varies=(*base.varies, *swept), runs=lambda: tuple(runs))


def _text(value: Any) -> str:
    """A value of a file as an option has it."""
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
