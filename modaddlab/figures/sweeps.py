"""Figures of sweeps: one setting varied, and how long it takes to grok."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from modaddlab.figures.theme import new_figure, palette, themed

MARKERS = ("s", "D", "^", "v")
"""Of published series, in order."""


@themed
def steps_to_grok(
    setting: str,
    ours: Mapping[float, Sequence[float]],
    published: Mapping[str, Mapping[float, tuple[float, float]]],
    never: float,
) -> Figure:
    """The step of generalization over a setting, both on logarithmic axes.

    Args:
        setting: what is varied, the label of the horizontal axis.
        ours: value of the setting -> the step for each seed, NaN for a seed that never generalized.
        published: source -> value of the setting -> lowest and highest published step.
        never: where seeds that never generalized are drawn, above all others; the level is labelled.
    """
    colors = palette()
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    beside = [1.06 ** (1 + rank // 2) if rank % 2 else 1.06 ** -(1 + rank // 2) for rank in range(len(published))]
    for marker, shift, (source, values) in zip(MARKERS, beside, published.items(), strict=False):
        x = np.array(list(values)) * shift
        low, high = np.array(list(values.values())).T
        middle = np.sqrt(low * high)
        axes.vlines(x, low, high, color=colors.muted, lw=1.2)
        axes.plot(x, middle, marker, ms=7, color=colors.muted, mfc=colors.page, label=source)
        axes.plot(x, middle, lw=0.8, ls=":", color=colors.muted)
    any_never = False
    for x, steps in ours.items():
        steps = np.asarray(steps, dtype=np.float64)
        lost = np.isnan(steps)
        any_never |= bool(lost.any())
        axes.plot(np.full((~lost).sum(), x), steps[~lost], "o", ms=6, color=colors.test, alpha=0.75, mew=0)
        axes.plot(np.full(lost.sum(), x), np.full(lost.sum(), never), "x", ms=8, mew=2, color=colors.test)
    if any_never:
        axes.axhline(never, lw=0.8, color=colors.rule)
        axes.annotate("never", (1, never), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({*ours, *(x for values in published.values() for x in values)})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(setting)
    axes.set_ylabel("step of 95 % test accuracy")
    handles, labels = axes.get_legend_handles_labels()
    mine = Line2D([], [], ls="", marker="o", ms=6, color=colors.test)
    figure.legend([mine, *handles], ["this book, each seed", *labels], loc="outside upper left", ncols=3, frameon=False)
    return figure
