"""Figures of the scorecard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from modaddlab.figures.theme import new_figure, palette, themed


@themed
def verdicts(counts: Mapping[str, Sequence[int]], names: Sequence[str]) -> Figure:
    """One bar for each source, divided by verdict.

    Args:
        counts: source -> how many claims got each verdict, in the order of the names.
        names: the verdicts: holds, holds with a difference, fails, open.
    """
    colors = palette()
    fills = (colors.diverging(0.97), colors.diverging(0.72), colors.diverging(0.12), colors.rule)
    figure = new_figure(0.9 + 0.42 * len(counts))
    axes = figure.add_subplot()
    places = range(len(counts))
    left = [0] * len(counts)
    for index, (name, fill) in enumerate(zip(names, fills, strict=True)):
        widths = [values[index] for values in counts.values()]
        bars = axes.barh(places, widths, left=left, color=fill, height=0.7, label=name)
        text = colors.ink if index == 3 else colors.page
        axes.bar_label(bars, labels=[str(width) if width else "" for width in widths], label_type="center", color=text)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(places, list(counts))
    axes.invert_yaxis()
    axes.set_xlabel("claims")
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return figure
