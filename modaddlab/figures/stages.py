"""Grokking in three stages: curves with their boundaries, the table of answers, and what the weights do meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from modaddlab.figures.marks import (
    EndLabel,
    Phase,
    accuracy_axis,
    color_scale,
    heatmap,
    label_ends,
    level,
    loss_axis,
    mark_phases,
    residue_ticks,
    step_axis,
)
from modaddlab.figures.theme import Palette, new_figure, palette, themed
from modaddlab.shapes import require_shape

Phases = Iterable[Phase | tuple[str, float, float]]


def kind_colors(colors: Palette) -> list[tuple[float, float, float] | str]:
    """A colour for each kind of cell: trained ones in the colour of training, by support; the others in that of testing."""
    page = np.array(to_rgb(colors.page))

    def mixed(color: str, share: float) -> tuple[float, float, float]:
        red, green, blue = share * np.array(to_rgb(color)) + (1 - share) * page
        return float(red), float(green), float(blue)

    return [mixed(colors.train, 1.0), mixed(colors.train, 0.45), mixed(colors.train, 0.7), mixed(colors.test, 0.5), colors.test]


def _kind_legend(figure: Figure, kind_names: Mapping[int, str]) -> None:
    tones = kind_colors(palette())
    handles = [Patch(color=tones[kind], label=name) for kind, name in kind_names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=1.0, columnspacing=1.2, fontsize=9.5)


def _table_axes(axes: Axes, p: int, first: bool) -> None:
    axes.set_xticks(residue_ticks(p, 3))
    axes.set_yticks(residue_ticks(p, 3))
    axes.set_xlabel("y")
    axes.tick_params(labelleft=first)
    if first:
        axes.set_ylabel("x", rotation=0, labelpad=8, va="center")


@themed
def stage_curves(metrics: Mapping[str, np.ndarray], stages: Phases, plateau: float, scale: str = "linear") -> Figure:
    """Loss above accuracy, with the stages shaded and the accuracy that memory alone gives.

    Args:
        metrics: a record's metrics; reads step and the losses (nats) and accuracies (fractions), each (T,).
        stages: (name, first step, last step) in order.
        plateau: the share of test pairs whose mirror image is trained.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    figure = new_figure(5.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    step_T = metrics["step"]
    step_axis(lower, step_T, scale)
    loss_axis(upper)
    accuracy_axis(lower)
    for axes, what in ((upper, "loss"), (lower, "accuracy")):
        ends = []
        for name in ("train", "test"):
            values_T = metrics[f"{name}_{what}"]
            axes.plot(step_T, values_T, color=getattr(colors, name))
            finite_T = values_T[np.isfinite(values_T)]
            ends.append(EndLabel(float(finite_T[-1]) if len(finite_T) else float("nan"), name, getattr(colors, name)))
        label_ends(axes, ends)
    level(lower, plateau, "memory of unordered pairs")
    mark_phases([upper, lower], stages)
    return figure


@themed
def stage_weights(
    step_T: np.ndarray,
    sine_T: np.ndarray,
    participation: Mapping[str, np.ndarray],
    norms: Mapping[str, np.ndarray],
    stages: Phases,
    chance: tuple[float, float],
) -> Figure:
    """Misalignment, concentration on one frequency, and size of the weights over training.

    Args:
        step_T: (T,) the snapshots' steps.
        sine_T: (T,) mean |sin D| over the neurons.
        participation: name -> (T,) inverse participation ratio, mean over neurons.
        norms: name -> (T,) Frobenius norm.
        stages: (name, first step, last step) in order.
        chance: what random phases give for |sin D|, and random weights for the participation ratio.
    """
    colors = palette()
    figure = new_figure(6.2)
    panels = figure.subplots(3, 1, sharex=True)
    step_axis(panels[2], step_T)
    panels[0].set_ylim(0, 0.75)
    panels[0].plot(step_T, sine_T, color=colors.ink)
    panels[0].set_ylabel("mean |sin D|")
    level(panels[0], chance[0], "random phases")
    styles = ("-", (0, (4, 2)), (0, (1, 1.4)))
    for axes, curves in ((panels[1], participation), (panels[2], norms)):
        ends = []
        for (name, values_T), style in zip(curves.items(), styles, strict=False):
            require_shape(name, values_T, "T", T=len(step_T))
            axes.plot(step_T, values_T, color=colors.ink, linestyle=style)
            ends.append(EndLabel(float(values_T[-1]), name, colors.ink))
        label_ends(axes, ends)
    panels[1].set_ylim(0, 1.04)
    panels[1].set_ylabel("participation\nratio")
    level(panels[1], chance[1], "random weights")
    panels[2].set_ylim(0, 1.08 * max(float(values_T.max()) for values_T in norms.values()))
    panels[2].set_ylabel("weight norm")
    mark_phases(list(panels), stages)
    return figure


@themed
def memory_maps(kinds_PP: np.ndarray, kind_names: Mapping[int, str], right_PP: np.ndarray, probability_PP: np.ndarray) -> Figure:
    """Three tables over (x, y): what the training set holds, which answers are right, and how sure the network is.

    Args:
        kinds_PP: (P, P) kind of each cell, 0..4, as `modaddlab.analysis.stages.cell_kinds` numbers them.
        kind_names: what the kinds are called, in the order of the legend.
        right_PP: (P, P) True where the answer is right.
        probability_PP: (P, P) the softmax's weight on the right answer.
    """
    p = require_shape("kinds_PP", kinds_PP, "P P")["P"]
    require_shape("right_PP", right_PP, "P P", P=p)
    require_shape("probability_PP", probability_PP, "P P", P=p)
    colors = palette()
    figure = new_figure(3.5, compressed=True)
    panels = figure.subplots(1, 3, sharey=True)
    tones = kind_colors(colors)
    heatmap(panels[0], kinds_PP, ListedColormap(tones), BoundaryNorm(np.arange(-0.5, 5), 5))
    low, high = colors.sequential(0.04), colors.sequential(0.75)
    heatmap(panels[1], np.asarray(right_PP, int), ListedColormap([low, high]), BoundaryNorm([-0.5, 0.5, 1.5], 2))
    image = heatmap(panels[2], probability_PP, colors.sequential, Normalize(0, 1))
    for number, (axes, title) in enumerate(zip(panels, ("training set", "right answers", "probability"), strict=True)):
        _table_axes(axes, p, number == 0)
        axes.set_title(title)
    color_scale(figure, image, panels[2], "of the right answer", aspect=16, fraction=0.08)
    _kind_legend(figure, kind_names)
    return figure


@themed
def common_to_rare(
    step_T: np.ndarray, shares: Mapping[str, tuple[int, np.ndarray]], stages: Phases, first_step: float = 1
) -> Figure:
    """The share of right answers among cells of each kind, over training on a log axis.

    Args:
        step_T: (T,) the snapshots' steps.
        shares: name -> (kind 0..4, (T,) share of right answers).
        stages: (name, first step, last step) in order.
        first_step: where the axis begins.
    """
    colors = palette()
    figure = new_figure(3.8)
    axes = figure.subplots()
    shown_T = step_T >= first_step
    step_axis(axes, step_T[shown_T], "log")
    accuracy_axis(axes, "right answers")
    styles = {0: "-", 1: "-", 2: (0, (1, 1.2)), 3: (0, (5, 2)), 4: "-"}
    for name, (kind, share_T) in shares.items():
        require_shape(name, share_T, "T", T=len(step_T))
        wide = kind == 1  # what is trained in one order and its mirror image lie on each other
        axes.plot(
            step_T[shown_T],
            share_T[shown_T],
            color=colors.test if kind >= 3 else colors.train,
            linestyle=styles[kind],
            linewidth=5.5 if wide else 1.8,
            label=name,
        )
    figure.legend(loc="outside lower center", ncols=2, handlelength=2.6, fontsize=9.5)
    mark_phases([axes], stages)
    return figure


@themed
def answers_over_training(kinds_PP: np.ndarray, kind_names: Mapping[int, str], moments: Mapping[str, np.ndarray]) -> Figure:
    """Which cells are right at a few steps, in the colour of their kind; wrong ones are left blank.

    Args:
        kinds_PP: (P, P) kind of each cell, 0..4.
        kind_names: what the kinds are called, in the order of the legend.
        moments: title -> (P, P) True where the answer is right.
    """
    p = require_shape("kinds_PP", kinds_PP, "P P")["P"]
    colors = palette()
    figure = new_figure(2.9, compressed=True)
    panels = figure.subplots(1, len(moments), squeeze=False)[0]
    tones = [colors.sequential(0.04), *kind_colors(colors)]
    for number, (axes, (title, right_PP)) in enumerate(zip(panels, moments.items(), strict=True)):
        require_shape(title, right_PP, "P P", P=p)
        shown_PP = np.where(right_PP, np.asarray(kinds_PP) + 1, 0)
        heatmap(axes, shown_PP, ListedColormap(tones), BoundaryNorm(np.arange(-0.5, 6), 6))
        _table_axes(axes, p, number == 0)
        axes.set_title(title)
    _kind_legend(figure, kind_names)
    return figure
