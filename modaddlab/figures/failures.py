"""Runs beside each other: the ones that never generalize and the ones that were cured, on the same axes.

A failure looks like the left half of grokking: the train accuracy is perfect, the test accuracy stays near chance to the end, and
the embedding's spectrum stays flat.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from modaddlab.figures.curves import Metrics, last_finite
from modaddlab.figures.marks import EndLabel, accuracy_axis, label_ends, loss_axis, percent_axis, step_axis
from modaddlab.figures.theme import new_figure, palette, themed


@themed
def runs_grid(runs: Mapping[str, Metrics], quantity: str = "accuracy", columns: int = 2, scale: str = "linear") -> Figure:
    """Train and test accuracy, or loss, of several runs, a panel each, on the same y axis.

    Args:
        runs: title -> a record's metrics.
        quantity: "accuracy" (fractions, drawn in percent) or "loss" (nats).
        columns: panels in a row.
        scale: "linear" or "log" steps.

    Raises:
        ValueError: the quantity is neither.
    """
    if quantity not in ("accuracy", "loss"):
        raise ValueError(f"quantity must be accuracy or loss, found {quantity!r}")
    colors = palette()
    rows = -(-len(runs) // columns)
    figure = new_figure(2.3 * rows + 0.4)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    parts = (("test", colors.test), ("train", colors.train))
    for number, (axes, (title, metrics)) in enumerate(zip(panels.flat, runs.items(), strict=False)):
        step_axis(axes, metrics["step"], scale, label=number >= len(runs) - columns)
        (accuracy_axis if quantity == "accuracy" else loss_axis)(axes)
        if number % columns:
            axes.set_ylabel("")
        for part, color in parts:
            axes.plot(metrics["step"], metrics[f"{part}_{quantity}"], color=color)
        axes.set_title(title)
    for number, (axes, metrics) in enumerate(zip(panels.flat, runs.values(), strict=False)):
        if number % columns == columns - 1 or number == len(runs) - 1:
            ends = [EndLabel(last_finite(metrics[f"{part}_{quantity}"]), part, color) for part, color in parts]
            label_ends(axes, ends)
    for axes in panels.flat[len(runs) :]:
        axes.axis("off")
    return figure


@themed
def final_accuracies(names: list[str], train_R: np.ndarray, test_R: np.ndarray) -> Figure:
    """The final train and test accuracy of each run, joined by a line: the gap is what was memorized only.

    Args:
        names: the runs.
        train_R: (R,) train accuracies, fractions.
        test_R: (R,) test accuracies, fractions.
    """
    colors = palette()
    figure = new_figure(0.42 * len(names) + 1.1)
    axes = figure.subplots()
    for place, (train, test) in enumerate(zip(train_R, test_R, strict=True)):
        axes.plot([test, train], [place, place], color=colors.rule, linewidth=4, zorder=1)
        axes.plot(train, place, "o", color=colors.train, markersize=9, zorder=2)
        axes.plot(test, place, "o", color=colors.test, markersize=6, zorder=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlim(-0.03, 1.04)
    percent_axis(axes.xaxis)
    axes.set_xlabel("final accuracy")
    handles = [
        *axes.plot([], [], "o", color=colors.test, markersize=6, label="test"),
        *axes.plot([], [], "o", color=colors.train, markersize=9, label="train"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure
