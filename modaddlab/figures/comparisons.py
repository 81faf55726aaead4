"""Figures that compare settings with seeds: products of settings, curves beside other seeds, a late collapse, counts of keys.

A difference between two settings means something only beside the differences between seeds of one. These figures draw both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from modaddlab.analysis.scaling import Timed
from modaddlab.figures.marks import accuracy_axis, frequency_axis, loss_axis, percent, step_axis
from modaddlab.figures.theme import new_figure, palette, themed

MARKERS = ("o", "s", "D", "v")
"""Of series, in order."""

Curve = tuple[np.ndarray, np.ndarray]
"""Steps and values, (T,) each."""


@themed
def steps_by_product(
    series: Mapping[str, Sequence[Timed]], label: str, law: tuple[ArrayLike, ArrayLike, str] | None = None
) -> Figure:
    """Time to grok over a product of two settings, each run a mark, runs in which different things were varied apart.

    Args:
        series: what was varied -> its runs.
        label: what the horizontal axis is.
        law: a line: its x, its steps, what it is.
    """
    colors = palette()
    inks = (colors.muted, colors.test, colors.train, colors.restricted)
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    handles = []
    for marker, ink, (name, runs) in zip(MARKERS, inks, series.items(), strict=False):
        there = [run for run in runs if not math.isnan(run.steps)]
        lost = [run for run in runs if math.isnan(run.steps)]
        axes.plot([run.x for run in there], [run.steps for run in there], marker, ms=7, color=ink, alpha=0.8, mew=0)
        axes.plot([run.x for run in lost], [run.trained_for for run in lost], "^", ms=8, mfc="none", mew=1.6, color=ink)
        handles.append(Line2D([], [], ls="", marker=marker, ms=7, color=ink, label=name))
    if any(math.isnan(run.steps) for runs in series.values() for run in runs):
        handles.append(Line2D([], [], ls="", marker="^", ms=7, mfc="none", mew=1.4, color=colors.ink, label="not by this step"))
    if law:
        handles += axes.plot(law[0], law[1], color=colors.control, lw=1.2, dashes=(4, 3), zorder=1, label=law[2])
    axes.set_xscale("log")
    _step_values(axes)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.margins(x=0.06, y=0.1)
    axes.set_xlabel(label)
    axes.set_ylabel(f"step of {percent(0.95)} test accuracy")
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


def _step_values(axes: Axes) -> None:
    """A logarithmic axis of steps with plain numbers."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")


@themed
def curves_beside_seeds(curves: Mapping[str, Curve], seeds: Sequence[Curve], of: str, until: float | None = None) -> Figure:
    """Test accuracy of some runs, drawn over that of other seeds of one setup.

    Args:
        curves: name -> steps and test accuracies.
        seeds: the curves of the seeds, drawn thin.
        of: what the seeds are.
        until: the last step shown; that of the longest named curve by default.
    """
    colors = palette()
    inks = (colors.test, colors.train, colors.restricted, colors.excluded)
    figure = new_figure(3.5)
    axes = figure.add_subplot()
    for step_T, value_T in seeds:
        axes.plot(step_T, value_T, color=colors.muted, lw=0.9, alpha=0.8)
    handles = [Line2D([], [], color=colors.muted, lw=0.9, alpha=0.8, label=of)]
    for ink, (name, (step_T, value_T)) in zip(inks, curves.items(), strict=False):
        handles += axes.plot(step_T, value_T, color=ink, lw=2.2, label=name)
    shown = [*curves.values()] or [*seeds]
    last = until or max(float(step_T[-1]) for step_T, _ in shown)
    step_axis(axes, np.array([0.0, last]))
    accuracy_axis(axes, "test accuracy")
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


@themed
def late_training(step_T: np.ndarray, metrics: Mapping[str, np.ndarray], norm_T: np.ndarray) -> Figure:
    """Accuracy, loss and size of one run over all its steps, in three panels: does it stay what it became?

    Args:
        step_T: (T,) steps.
        metrics: "train_accuracy", "test_accuracy", "train_loss", "test_loss", (T,) each.
        norm_T: (T,) length of the vector of all weights.
    """
    colors = palette()
    figure = new_figure(5.6)
    accuracy, loss, size = figure.subplots(3, 1, sharex=True)
    for axes, quantity in ((accuracy, "accuracy"), (loss, "loss")):
        for side, ink in (("train", colors.train), ("test", colors.test)):
            axes.plot(step_T, metrics[f"{side}_{quantity}"], color=ink, lw=1.3)
    accuracy_axis(accuracy)
    loss_axis(loss)
    size.plot(step_T, norm_T, color=colors.norm, lw=1.5)
    size.set_ylim(bottom=0)
    size.set_ylabel("length of weights")
    for axes in (accuracy, loss):
        step_axis(axes, step_T, label=False)
    step_axis(size, step_T)
    marks = [Line2D([], [], color=ink, lw=1.6, label=side) for side, ink in (("train", colors.train), ("test", colors.test))]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False)
    return figure


@themed
def memory_level(counted: Mapping[float, Sequence[float]], measured: Mapping[float, Sequence[float]]) -> Figure:
    """Test accuracy at the moment at which memory is complete, beside what a memory without order would know.

    Args:
        counted: training share -> for each seed the share of its test pairs whose mirror image is trained.
        measured: training share -> for each seed its test accuracy.
    """
    colors = palette()
    figure = new_figure(3.3)
    axes = figure.add_subplot()
    for share, values in counted.items():
        axes.plot(np.full(len(values), float(share)), values, "_", ms=16, mew=2, color=colors.control)
    for share, values in measured.items():
        axes.plot(np.full(len(values), float(share)), values, "o", ms=6, mew=0, alpha=0.8, color=colors.test)
    shares = sorted({*counted, *measured})
    axes.set_xticks(shares, [percent(share) for share in shares])
    accuracy_axis(axes, "test accuracy")
    axes.margins(x=0.08)
    axes.set_xlabel("share of the pairs trained on")
    marks = [
        Line2D([], [], ls="", marker="o", ms=6, color=colors.test, label="when memory is complete, each seed"),
        Line2D([], [], ls="", marker="_", ms=12, mew=2, color=colors.control, label="test pairs whose mirror image is trained"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False)
    return figure


@themed
def interval_widths(widths: Mapping[str, Mapping[int, Sequence[float]]], label: str = "upper end over lower end") -> Figure:
    """How wide the 95 % interval of studies with fewer seeds would have been: the median, and where 95 % of them lie.

    Args:
        widths: quantity -> number of seeds -> one width for each choice of seeds.
        label: what a width is.
    """
    colors = palette()
    inks = (colors.test, colors.train, colors.restricted, colors.excluded)
    figure = new_figure(3.5)
    axes = figure.add_subplot()
    handles = []
    for rank, (ink, (name, by_n)) in enumerate(zip(inks, widths.items(), strict=False)):
        at = np.array([n + 0.14 * (rank - (len(widths) - 1) / 2) for n in by_n])
        low, middle, high = np.array([np.percentile(values, [2.5, 50, 97.5]) for values in by_n.values()]).T
        axes.vlines(at, low, high, color=ink, lw=1.4, alpha=0.8)
        handles += axes.plot(at, middle, "o", ms=6, color=ink, label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
    axes.minorticks_off()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("number of seeds")
    axes.set_ylabel(label)
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
    return figure


@themed
def key_counts(counts_K: ArrayLike, expected: float, largest: float) -> Figure:
    """How many networks chose each frequency as a key, beside what chance gives.

    Args:
        counts_K: (K,) number of networks in which frequency k = 1, ..., K is a key.
        expected: mean count if keys were drawn at random.
        largest: what the largest count stays at or below with 95 % then.
    """
    colors = palette()
    counts_K = np.asarray(counts_K)
    figure = new_figure(2.9)
    axes = figure.add_subplot()
    axes.bar(np.arange(1, len(counts_K) + 1), counts_K, width=0.75, color=colors.norm)
    marks = [
        axes.axhline(expected, color=colors.test, lw=1.2, dashes=(1, 2), label="mean by chance"),
        axes.axhline(largest, color=colors.control, lw=1.2, dashes=(4, 3), label=f"largest by chance, {percent(0.95)}"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False)
    axes.set_ylim(0, max(float(counts_K.max()), largest) + 1)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    frequency_axis(axes, len(counts_K))
    axes.set_ylabel("networks")
    return figure


@themed
def beside_one_more(
    ratios: Mapping[str, tuple[float, bool]], inside: tuple[float, float], label: str = "time to grok, over the ten seeds' mean"
) -> Figure:
    """Single runs beside the range in which one more run of the reference setup would lie.

    Args:
        ratios: run -> its value over the reference's mean, and whether that is only a lower limit.
        inside: the ends of that range, over the reference's mean.
        label: what a ratio is.
    """
    colors = palette()
    figure = new_figure(0.9 + 0.24 * len(ratios))
    axes = figure.add_subplot()
    axes.axvspan(*inside, color=colors.shade, zorder=0)
    axes.axvline(1, color=colors.control, lw=1, dashes=(4, 3))
    for row, (ratio, is_limit) in enumerate(ratios.values()):
        apart = not inside[0] <= ratio <= inside[1]
        ink = colors.test if apart else colors.muted
        marker = {"marker": ">", "mfc": "none", "mew": 1.5} if is_limit else {"marker": "o", "mew": 0}
        axes.plot(ratio, row, ls="", ms=7, color=ink, **marker)
    axes.set_xscale("log")
    ticks = [tick for tick in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if _near(tick, ratios, inside)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_yticks(range(len(ratios)), list(ratios))
    axes.set_ylim(len(ratios) - 0.5, -0.5)
    axes.margins(x=0.05)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(label)
    return figure


def _near(tick: float, ratios: Mapping[str, tuple[float, bool]], inside: tuple[float, float]) -> bool:
    values = [*(ratio for ratio, _ in ratios.values()), *inside]
    return 0.8 * min(values) <= tick <= 1.25 * max(values)
