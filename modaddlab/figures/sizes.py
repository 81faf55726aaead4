"""Time to grok against a size on logarithmic axes, several series of runs together with laws drawn through them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from modaddlab.analysis.scaling import Times
from modaddlab.figures.marks import percent
from modaddlab.figures.theme import new_figure, palette, themed

STYLES = ("-", "--", ":")
"""Of laws, in order."""


@themed
def times_by_size(
    size: str,
    ours: Mapping[str, Mapping[float, Times]],
    published: Mapping[str, Mapping[float, tuple[float, float]]],
    laws: Mapping[str, tuple[Sequence[float], Sequence[float]]],
) -> Figure:
    """Time to grok against a size, each seed a mark; a seed that did not get there is an open triangle at its last step.

    Args:
        size: what is varied, the label of the horizontal axis.
        ours: series -> size -> its seeds.
        published: source -> size -> lowest and highest published step; an infinite highest one says that it had not grokked by
            the lowest.
        laws: name -> (sizes, steps) of a line; the first is solid, the others are broken.
    """
    colors = palette()
    figure = new_figure(4.3)
    axes = figure.add_subplot()
    handles = []
    inks = (colors.test, colors.train)
    for (name, by_size), ink, marker in zip(ours.items(), inks, "oD", strict=False):
        for value, (steps, trained_for) in by_size.items():
            steps_S = np.asarray(steps, dtype=np.float64)
            there_S = steps_S[np.isfinite(steps_S)]
            axes.plot(np.full(len(there_S), value), there_S, marker, ms=6, color=ink, alpha=0.8, mew=0)
            if len(there_S) < len(steps_S):
                axes.plot([value], [trained_for], "^", ms=9, mfc="none", mew=1.6, color=ink)
        handles.append(Line2D([], [], ls="", marker=marker, ms=6, color=ink, label=name))
    for name, series in published.items():
        for value, (low, high) in series.items():
            if math.isinf(high):
                axes.plot(value, low, "^", ms=9, mfc="none", mew=1.2, color=colors.muted)
                axes.plot(value, low, "s", ms=3, color=colors.muted)
            else:
                axes.plot(value, math.sqrt(low * high), "s", ms=7, color=colors.muted, mfc=colors.page)
        handles.append(Line2D([], [], ls="", marker="s", ms=7, color=colors.muted, mfc=colors.page, label=name))
    for (name, (x, y)), style in zip(laws.items(), STYLES, strict=False):
        ink = colors.ink if style == "-" else colors.muted
        axes.plot(x, y, ls=style, lw=1.5, color=ink)
        handles.append(Line2D([], [], ls=style, lw=1.5, color=ink, label=name))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    sizes = sorted({value for series in (*ours.values(), *published.values()) for value in series})
    ticks = _apart(sizes)
    axes.set_xticks(ticks, [_written(tick) for tick in ticks])
    axes.minorticks_off()
    axes.margins(x=0.05, y=0.1)
    axes.set_xlabel(size)
    axes.set_ylabel(f"step of {percent(0.95)} test accuracy")
    handles.append(Line2D([], [], ls="", marker="^", ms=8, mfc="none", mew=1.4, color=colors.ink, label="not by this step"))
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _apart(sizes: Sequence[float]) -> list[float]:
    """The sizes whose names have room on a logarithmic axis: the largest, and going down those far enough from the last."""
    span = math.log(sizes[-1] / sizes[0]) or 1.0
    least = 0.021 * len(_written(sizes[-1])) * span
    kept = [sizes[-1]]
    for value in reversed(sizes[:-1]):
        if math.log(kept[-1] / value) > least:
            kept.append(value)
    return kept[::-1]


def _written(size: float) -> str:
    """Three digits, or all of a whole number."""
    return f"{size:.3g}" if size < 100 else f"{size:,.0f}"


@themed
def frequencies_by_modulus(series: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> Figure:
    """How many frequencies networks use against the modulus, a mark for each, between ln p and all of them.

    Args:
        series: kind of network -> (moduli, numbers).
    """
    colors = palette()
    figure = new_figure(4.3)
    axes = figure.add_subplot()
    for (name, (p, n)), ink, marker in zip(series.items(), (colors.test, colors.train), "oD", strict=False):
        axes.plot(p, n, marker, ms=6, color=ink, alpha=0.8, mew=0, label=name)
    moduli = sorted({value for p, _ in series.values() for value in p})
    ends = np.geomspace(moduli[0], moduli[-1], 50)
    axes.plot(ends, ends / 2, color=colors.ink, lw=1.3, label="all of them, p / 2")
    axes.plot(ends, np.log(ends), "--", color=colors.muted, lw=1.3, label="ln p")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(_apart(moduli), [f"{value:g}" for value in _apart(moduli)])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda number, _: f"{number:g}")
    axes.minorticks_off()
    axes.set_xlabel("modulus p")
    axes.set_ylabel("effective number of frequencies")
    axes.legend(loc="upper left", frameon=False)
    return figure
