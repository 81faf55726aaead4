"""Figures of the scorecard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from modaddlab.figures.theme import new_figure, palette, themed

BASES = ("several networks", "one or two networks", "definition", "none")
"""What a verdict may rest on; a ring stands for what is not measured as well."""


@themed
def verdicts(marks: Mapping[str, Sequence[tuple[str, str]]], verdicts: Sequence[str]) -> Figure:
    """A mark for each claim, in a row for each subject: its colour is the verdict, its form what the verdict rests on.

    Args:
        marks: subject -> the verdict on each of its claims and what it rests on, one of `BASES`.
        verdicts: the verdicts in the order in which they stand in a row: holds, holds with a difference, fails, open.
    """
    colors = palette()
    fills = dict(zip(verdicts, (*map(colors.diverging, (0.97, 0.75, 0.15)), colors.muted), strict=True))

    def look(verdict: str, basis: str) -> dict[str, Any]:
        hollow = colors.page if basis not in ("several networks", "definition") else fills[verdict]
        form = {"marker": "D", "ms": 5.5} if basis == "definition" else {"marker": "o", "ms": 6.5}
        return form | {"ls": "", "mew": 1.6, "color": fills[verdict], "markerfacecolor": hollow}

    figure = new_figure(1.3 + 0.27 * len(marks))
    axes = figure.add_subplot()
    for row, found in enumerate(marks.values()):
        for place, mark in enumerate(sorted(found, key=lambda mark: (list(verdicts).index(mark[0]), BASES.index(mark[1])))):
            axes.plot([place], [row], **look(*mark))
    axes.set_yticks(range(len(marks)), [f"{subject}  {len(found)}" for subject, found in marks.items()])
    axes.set_ylim(len(marks) - 0.4, -0.6)
    axes.set_xlim(-0.7, max(map(len, marks.values())) - 0.3)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    keys = [Line2D([], [], label=verdict, **look(verdict, "several networks")) for verdict in verdicts]
    keys += [Line2D([], [], label=basis, **look(verdicts[0], basis)) for basis in BASES[:3]]
    figure.legend(handles=keys, loc="outside upper left", ncols=2, frameon=False)
    return figure
