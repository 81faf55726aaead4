"""The answers pair by pair: logits with and without the waves, the right answer's logit, the loss of every pair.

What a network that has understood looks like: its logits form diagonal stripes that the waves alone reproduce, the right answer
stands equally high everywhere, and the loss of a pair does not tell whether the pair was trained on. What memory looks like: tall
logits at the trained pairs and noise at all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from modaddlab.figures.marks import color_scale, heatmap, residue_ticks
from modaddlab.figures.theme import new_figure, palette, themed

LOSS_RANGE = (1e-9, 1e2)
"""Losses below and above are drawn as the ends of the colour scale."""


@themed
def logit_heatmaps(parts: Mapping[str, Mapping[str, np.ndarray]], a: int) -> Figure:
    """The logits of all pairs with one first residue, the second down and the output across: a row of panels for each moment.

    Args:
        parts: name of the moment -> name of the part -> (P, C) logits over b and the output, without their mean over the
            outputs; the same parts for every moment. A row has one colour scale.
        a: the first residue.
    """
    colors = palette()
    names = list(next(iter(parts.values())))
    figure = new_figure(2.0 * len(parts) + 0.7, compressed=True)
    panels = figure.subplots(len(parts), len(names), squeeze=False, sharex=True, sharey=True)
    for row, (moment, tables) in zip(panels, parts.items(), strict=True):
        largest = max(float(np.abs(table).max()) for table in tables.values())
        norm = Normalize(-largest, largest)
        images = [heatmap(axes, tables[name], colors.diverging, norm) for axes, name in zip(row, names, strict=True)]
        color_scale(figure, images[-1], list(row), "logit", aspect=18)
        row[0].set_ylabel(f"{moment}\nb")
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(name)
    for axes in panels[-1]:
        axes.set_xlabel("output c")
    p = len(next(iter(next(iter(parts.values())).values())))
    panels[0, 0].set_xticks(residue_ticks(p, 3))
    panels[0, 0].set_yticks(residue_ticks(p, 3))
    figure.suptitle(f"a = {a}", x=0.01, ha="left", fontsize=11)
    return figure


@themed
def correct_logit_surface(surfaces: Mapping[str, np.ndarray], window: int = 24) -> Figure:
    """The logit of the right output as a surface over (a, b), one drawing for each moment, on the same height scale.

    Args:
        surfaces: name of the moment -> (P, P) logit of the right output minus the mean over all outputs.
        window: how many residues of each axis are drawn; the spikes of memory are too fine for more.
    """
    colors = palette()
    figure = new_figure(3.6)
    shown = {name: surface[:window, :window] for name, surface in surfaces.items()}
    low, high = min(float(s.min()) for s in shown.values()), max(float(s.max()) for s in shown.values())
    for number, (name, surface) in enumerate(shown.items(), start=1):
        axes: Any = figure.add_subplot(1, len(shown), number, projection="3d")
        b_PP, a_PP = np.meshgrid(*map(np.arange, surface.shape[::-1]))
        axes.plot_surface(
            a_PP, b_PP, surface, cmap=colors.sequential, norm=Normalize(low, high), rstride=1, cstride=1, rasterized=True,
            linewidth=0, antialiased=False,
        )  # fmt: skip
        axes.set_zlim(min(low, 0), high)
        axes.set_xlabel("a")
        axes.set_ylabel("b")
        axes.text2D(0.98, 0.86, "logit", transform=axes.transAxes, ha="right")
        axes.set_title(name, y=0.98)
        axes.view_init(elev=32, azim=-60)
        axes.set_box_aspect((1, 1, 0.75), zoom=0.88)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color((0, 0, 0, 0))
            axis.set_major_locator(MaxNLocator(4, integer=True))
            axis._axinfo["grid"]["color"] = colors.rule
            axis.line.set_color(colors.muted)
        axes.zaxis.set_tick_params(pad=2)
    return figure


@themed
def margin_by_difference(curves: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], quantity: str = "margin") -> Figure:
    """The margin of the right answer as a function of a - b: mean over the p pairs of each difference, and their range.

    Args:
        curves: what answers -> mean, lowest and highest value, each (P,) over d = 0..p-1; the first is drawn bold.
        quantity: name of the y axis.
    """
    colors = palette()
    figure = new_figure(3.0)
    axes = figure.subplots()
    styles = [(colors.ink, 2.0, 0.18), (colors.restricted, 1.6, 0.22)]
    for (name, (mean_P, low_P, high_P)), (color, width, alpha) in zip(curves.items(), styles, strict=False):
        p = len(mean_P)
        order = np.argsort((np.arange(p) + p // 2) % p, kind="stable")
        d_P = (np.arange(p)[order] + p // 2) % p - p // 2
        axes.fill_between(d_P, low_P[order], high_P[order], color=color, alpha=alpha, linewidth=0)
        axes.plot(d_P, mean_P[order], color=color, linewidth=width, label=name)
    axes.axhline(0, color=colors.muted, linewidth=0.8)
    axes.set_xlim(-(p // 2), p // 2)
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_xlabel("difference a \N{MINUS SIGN} b (mod p)")
    axes.set_ylabel(quantity)
    figure.legend(loc="outside upper right", ncols=len(curves))
    return figure


@themed
def pair_losses(losses: Mapping[str, np.ndarray], train_mask_PP: np.ndarray, window: int = 24) -> Figure:
    """The loss of every pair (top), and of the first residues with the trained pairs marked (bottom), a column per moment.

    Args:
        losses: name of the moment -> (P, P) loss in nats, a down, b across.
        train_mask_PP: which pairs are trained on, (P, P) bool.
        window: how many residues are drawn below.
    """
    colors = palette()
    p = len(train_mask_PP)
    window = min(window, p)
    figure = new_figure(3.8, compressed=True)
    panels = figure.subplots(2, len(losses), squeeze=False, sharex="row", sharey="row")
    norm = LogNorm(*LOSS_RANGE, clip=True)
    a_B, b_B = np.nonzero(train_mask_PP[:window, :window])
    for number, (name, loss_PP) in enumerate(losses.items()):
        above, below = panels[:, number]
        image = heatmap(above, np.clip(loss_PP, *LOSS_RANGE), colors.sequential, norm)
        heatmap(below, np.clip(loss_PP[:window, :window], *LOSS_RANGE), colors.sequential, norm)
        below.plot(b_B, a_B, "o", color=colors.train, markersize=1.3, linestyle="")
        above.set_title(name)
        below.set_xlabel("b")
    for axes, size in ((panels[0, 0], p), (panels[1, 0], window)):
        axes.set_ylabel("a")
        axes.set_xticks(residue_ticks(size, 2))
        axes.set_yticks(residue_ticks(size, 2))
    bar = color_scale(figure, image, list(panels.flat), "loss (nats)", aspect=30)
    bar.ax.yaxis.set_major_locator(LogLocator(numticks=6))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.ax.minorticks_off()
    return figure


@themed
def loss_distributions(losses: Mapping[str, Mapping[str, np.ndarray]], n_bins: int = 60) -> Figure:
    """How the losses of the pairs are distributed, by group, a panel for each moment.

    Args:
        losses: name of the moment -> group -> (N,) losses in nats. The groups "train" and "test" have their colours, a further
            one is drawn dashed in that of the test pairs. Losses beyond `LOSS_RANGE` are counted at its ends.
        n_bins: bins over the whole range, equal on the log axis.
    """
    colors = palette()
    rows = -(-len(losses) // 2)
    figure = new_figure(1.75 * rows + 0.9)
    panels = figure.subplots(rows, 2, sharex=True, squeeze=False)
    edges = np.geomspace(*LOSS_RANGE, n_bins + 1)
    looks = {"train": (colors.train, "-", 0.25), "test": (colors.test, "-", 0.25)}
    for axes, (moment, groups) in zip(panels.flat, losses.items(), strict=False):
        for name, values_N in groups.items():
            color, style, alpha = looks.get(name, (colors.test, (0, (3, 1.6)), 0.0))
            counts, _ = np.histogram(np.clip(values_N, *LOSS_RANGE), edges)
            share = counts / max(len(values_N), 1)
            axes.stairs(share, edges, color=color, linestyle=style, linewidth=1.5)
            if alpha:
                axes.stairs(share, edges, color=color, fill=True, alpha=alpha)
        _share_axes(axes, moment)
    for axes in panels[-1]:
        axes.set_xlabel("loss of a pair (nats)")
    for axes in panels.flat[len(losses) :]:
        axes.axis("off")
    names = list(next(iter(losses.values())))
    handles = []
    for name in names:
        color, style, _ = looks.get(name, (colors.test, (0, (3, 1.6)), 0.0))
        handles += panels[0, 0].plot([], [], color=color, linestyle=style, label=name)
    figure.legend(handles=handles, loc="outside upper right", ncols=len(names))
    return figure


def _share_axes(axes: Axes, title: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*LOSS_RANGE)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_title(title)
    axes.set_yticks([])
    axes.set_ylabel("share of pairs")
