"""What is proven of networks: beside what trying pairs with as many operations shows, and over the training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from modaddlab.figures.marks import EndLabel, accuracy_axis, label_ends, percent_axis, step_axis
from modaddlab.figures.theme import new_figure, palette, themed


@themed
def proven_shares(rows: Mapping[str, tuple[float, float]]) -> Figure:
    """The share of all pairs that is proven, a row for each proof.

    Args:
        rows: proof -> the share that is proven, and that which trying pairs with as many operations shows.
    """
    colors = palette()
    figure = new_figure(0.9 + 0.3 * len(rows))
    axes = figure.subplots()
    y = np.arange(len(rows))
    proven, tried = np.array(list(rows.values())).T
    axes.hlines(y, np.minimum(proven, tried), np.maximum(proven, tried), color=colors.rule, lw=2)
    axes.plot(tried, y, "D", ms=6, color=colors.control, label="by trying pairs, with as many operations")
    axes.plot(proven, y, "o", ms=8, color=colors.restricted, label="by the proof")
    axes.set_yticks(y, list(rows))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(-0.03, 1.03)
    percent_axis(axes.xaxis)
    axes.set_xlabel("accuracy over all pairs is at least")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2, frameon=False)
    return figure


@themed
def proven_over_training(right: tuple[np.ndarray, np.ndarray], proven: tuple[np.ndarray, np.ndarray]) -> Figure:
    """The share of all pairs that a network has right, and that is proven of it, over its training.

    Args:
        right, proven: steps (T,) and shares (T,).
    """
    colors = palette()
    figure = new_figure(3.6)
    axes = figure.subplots()
    step_axis(axes, right[0], "linear")
    accuracy_axis(axes, "share of all pairs")
    axes.plot(*right, "o-", ms=4, color=colors.test)
    axes.plot(*proven, "o-", ms=4, color=colors.restricted)
    label_ends(axes, [EndLabel(right[1][-1], "right", colors.test), EndLabel(proven[1][-1], "proven", colors.restricted)])
    return figure
