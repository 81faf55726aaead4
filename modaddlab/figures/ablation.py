"""Ablations: loss and accuracy after a part of the network is removed or replaced, beside random controls.

Every ablation stands beside as many random parts of the same size: without them a large number shows only that
something was broken. The line of the full network and, for losses, that of uniform guessing (ln p nats) give the scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from modaddlab.analysis.controls import Ablation
from modaddlab.figures.marks import percent_axis, symbols
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed


def _dots(rows: Sequence[Ablation], height: float) -> Figure:
    colors = palette()
    by_key = frequency_colors([row.key for row in rows if row.key is not None])
    figure = new_figure(height)
    axes = figure.subplots()
    places = np.arange(len(rows))
    has_control = any(row.control is not None for row in rows)
    for place, row in zip(places, rows, strict=True):
        color = by_key[row.key] if row.key is not None else colors.ink
        if row.control is not None:
            null = row.control.summary("test_loss")
            axes.plot([null.low, null.high], [place + 0.16] * 2, color=colors.control, linewidth=2.2)
            axes.plot(null.mean, place + 0.16, "D", color=colors.control, markersize=4.5)
        axes.plot(row.scores.test_loss, place - (0.12 if has_control else 0.0), "o", color=color, markersize=8)
    axes.set_yticks(places, [symbols(row.label) for row in rows])
    for text, row in zip(axes.get_yticklabels(), rows, strict=True):
        if row.key is not None:
            text.set_color(by_key[row.key])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5, -0.6)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    for place in places[:-1]:
        axes.axhline(place + 0.5, color=colors.rule, linewidth=0.6, zorder=0)
    if has_control:
        handles = [
            *axes.plot([], [], "o", color=colors.ink, markersize=8, label="this ablation"),
            *axes.plot([], [], "D-", color=colors.control, markersize=4.5, label="random, of the same size"),
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure


def _loss_along_x(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_xlabel("loss (nats)")


def _mark(axes: Axes, value: float, text: str, color: str, align: str = "center") -> None:
    if axes.get_xscale() == "log" and value <= 0:
        return  # it lies infinitely far to the left
    axes.axvline(value, color=color, linewidth=1.1, dashes=(4, 3), zorder=1)
    axes.annotate(
        text,
        (value, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha=align,
        va="bottom",
        fontsize=9.5,
        color=color,
        annotation_clip=False,
    )


@themed
def ablation_losses(rows: Sequence[Ablation], full: float, uniform: float) -> Figure:
    """The test loss after each ablation on a log axis, in nats.

    Args:
        rows: the ablations, from top to bottom.
        full: the full network's loss; 0, which some networks written by hand have, is not marked.
        uniform: the loss of uniform guessing, ln p.
    """
    colors = palette()
    figure = _dots(rows, 0.38 * len(rows) + 1.35)
    axes = figure.axes[0]
    _loss_along_x(axes)
    _mark(axes, full, "full network", colors.muted)
    _mark(axes, uniform, "uniform guess", colors.muted)
    return figure


@themed
def ablations_over_seeds(rows: Mapping[str, Sequence[Ablation]], full_loss: float, uniform: float, chance: float) -> Figure:
    """Loss (left) and accuracy (right) after each ablation, a dot for every seed, above those of the random controls.

    Args:
        rows: what was done, from top to bottom -> the row of every seed.
        full_loss: the full networks' mean loss.
        uniform: the loss of uniform guessing, ln p.
        chance: the accuracy of guessing, 1/p.
    """
    colors = palette()
    figure = new_figure(0.36 * len(rows) + 1.4)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    places = np.arange(len(rows))
    for axes, score in ((left, "test_loss"), (right, "test_accuracy")):
        for place, seeds in zip(places, rows.values(), strict=True):
            control_S = [row.control.summary(score).mean for row in seeds if row.control]
            axes.plot(control_S, [place + 0.2] * len(control_S), "D", color=colors.control, markersize=3.6, alpha=0.85)
            values_S = [getattr(row.scores, score) for row in seeds]
            axes.plot(values_S, [place - 0.14] * len(values_S), "o", color=colors.ink, markersize=5, alpha=0.75)
        for place in places[:-1]:
            axes.axhline(place + 0.5, color=colors.rule, linewidth=0.6, zorder=0)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    left.set_yticks(places, list(rows))
    left.set_ylim(len(rows) - 0.5, -0.6)
    _loss_along_x(left)
    right.set_xlim(-0.04, 1.06)
    right.set_xticks([0, 0.5, 1])
    percent_axis(right.xaxis)
    right.set_xlabel("accuracy")
    _mark(left, full_loss, "full", colors.muted)
    _mark(left, uniform, "guess", colors.muted)
    _mark(right, chance, "guess", colors.muted, "left")
    handles = [
        *left.plot([], [], "o", color=colors.ink, markersize=5, label="one seed"),
        *left.plot([], [], "D", color=colors.control, markersize=3.6, label="random, of the same size"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure
