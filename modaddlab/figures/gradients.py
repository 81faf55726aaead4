"""The average gradient outer product: its blocks, how circulant they are over training, and its leading directions.

After learning every block shows stripes along its diagonals or counterdiagonals, and in the Fourier basis only points on the
diagonal at the key frequencies are left. A noisy square with nothing but a bright main diagonal is an untrained network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from modaddlab.figures.curves import Phases
from modaddlab.figures.marks import EndLabel, color_scale, heatmap, label_ends, mark_phases, percent_axis, step_axis
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed

POSITIONS = ("a", "b")
SHADES = 1e-3
"""Components below this share of the largest one are drawn alike."""

STEPS = 8
"""Shades of one unit."""


@themed
def outer_products(products: Mapping[str, np.ndarray], components: Mapping[str, np.ndarray]) -> Figure:
    """The outer product at some moments: over the residues (top) and in the Fourier basis (bottom), a column per moment.

    Args:
        products: name of the moment -> (2P, 2P), the residues at the first position before those at the second; drawn in units of
            the mean of its diagonal.
        components: name of the moment -> (2P, 2P) the same in the Fourier basis of each position; drawn as absolute values.
    """
    colors = palette()
    figure = new_figure(3.8, compressed=True)
    panels = figure.subplots(2, len(products), squeeze=False, sharex=True, sharey=True)
    for number, name in enumerate(products):
        above, below = panels[:, number]
        G_XX, components_XX = products[name], np.abs(components[name])
        p = len(G_XX) // 2
        # noise in few shades makes a file a third as large
        units_XX = np.round(np.clip(G_XX / np.mean(np.diag(G_XX)), -1, 1) * STEPS) / STEPS
        image = heatmap(above, units_XX, colors.diverging, Normalize(-1, 1))
        shares_XX = np.clip(components_XX / components_XX.max(), SHADES, 1)
        shares_XX = np.clip(10 ** (np.round(np.log10(shares_XX) * STEPS / 2) * 2 / STEPS), SHADES, 1)
        other = heatmap(below, shares_XX, colors.sequential, LogNorm(SHADES, 1))
        above.set_title(name)
        for axes in (above, below):
            axes.axhline(p - 0.5, color=colors.muted, linewidth=0.8)
            axes.axvline(p - 0.5, color=colors.muted, linewidth=0.8)
            axes.set_xticks([p / 2, 3 * p / 2], POSITIONS)
            axes.set_yticks([p / 2, 3 * p / 2], POSITIONS)
            axes.tick_params(length=0)
    panels[0, 0].set_ylabel("over residues")
    panels[1, 0].set_ylabel("over frequencies")
    color_scale(figure, image, list(panels[0]), "mean diagonal = 1", aspect=14)
    color_scale(figure, other, list(panels[1]), "largest = 1", aspect=14)
    return figure


@themed
def circulant_shares(
    step_T: np.ndarray,
    within: Mapping[str, np.ndarray],
    across: Mapping[str, np.ndarray],
    nulls: Mapping[str, np.ndarray],
    phases: Phases = (),
    scale: str = "linear",
) -> Figure:
    """How much of the outer product is circulant, or Hankel, over training: within a position (top) and across (bottom).

    Args:
        step_T: (T,) the steps.
        within: name of the curve -> (T,) share of the squared norm of the blocks within a position.
        across: the same of the block across the positions.
        nulls: the name of a curve in `within` or `across`, as "within/circulant" -> (T,) the same with the residues in random
            orders, drawn thin in the controls' colour.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    inks = {"circulant": colors.ink, "Hankel": colors.norm, "keys": colors.restricted}
    styles = {"circulant": "-", "Hankel": (0, (5, 2)), "keys": (0, (1, 1.4))}
    figure = new_figure(4.6)
    panels = figure.subplots(2, 1, sharex=True)
    step_axis(panels[1], step_T, scale)
    for axes, part, curves in zip(panels, ("within", "across"), (within, across), strict=True):
        ends = []
        axes.set_ylim(-0.03, 1.04)
        percent_axis(axes.yaxis)
        axes.set_ylabel("within a position" if part == "within" else "across positions")
        for name, values_T in curves.items():
            color, style = inks.get(name, colors.norm), styles.get(name, "-")
            axes.plot(step_T, values_T, color=color, linestyle=style, marker="o", markersize=3.5)
            ends.append(EndLabel(float(values_T[-1]), name, color))
            null_T = nulls.get(f"{part}/{name}")
            if null_T is not None:
                axes.plot(step_T, null_T, color=colors.control, linestyle=style, linewidth=1.2)
        shown = [values_T for name, values_T in nulls.items() if name.startswith(part)]
        if shown:
            ends.append(EndLabel(float(np.mean([values_T[-1] for values_T in shown])), "random order", colors.control))
        label_ends(axes, ends)
    mark_phases(list(panels), phases)
    return figure


@themed
def leading_directions(
    share_R: np.ndarray,
    frequency_R: Sequence[int] | np.ndarray,
    purity_R: np.ndarray,
    keys: Sequence[int],
    control_purity_R: np.ndarray,
    control_name: str = "untrained",
) -> Figure:
    """The leading eigenvectors: how much of the trace each holds, at which frequency it lies, and how purely.

    Args:
        share_R: (R,) share of the trace, descending.
        frequency_R: the frequency of each.
        purity_R: the share of each one's energy at its frequency.
        keys: the key frequencies, for the colours.
        control_purity_R: (R,) the same for a network without structure.
        control_name: what that network is.
    """
    colors, by_key = palette(), frequency_colors(keys)
    figure = new_figure(4.0)
    top, bottom = figure.subplots(2, 1, sharex=True)
    rank_R = np.arange(1, len(share_R) + 1)
    inks = [by_key.get(int(k), colors.muted) for k in frequency_R]
    top.bar(rank_R, share_R, color=inks, width=0.72)
    for rank, share, frequency, ink in zip(rank_R, share_R, frequency_R, inks, strict=True):
        top.annotate(
            str(int(frequency)),
            (rank, share),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=10,
            fontweight="bold" if int(frequency) in by_key else "normal",
            color=ink,
        )
    top.set_ylim(0, 1.18 * float(share_R.max()))
    percent_axis(top.yaxis)
    top.set_ylabel("share of the trace")
    bottom.scatter(rank_R, purity_R, c=inks, s=42, zorder=3)
    bottom.plot(rank_R, control_purity_R, "D", color=colors.control, markersize=4.5)
    bottom.set_ylim(-0.03, 1.06)
    percent_axis(bottom.yaxis)
    bottom.set_ylabel("at one frequency")
    bottom.set_xlabel("direction, by its share")
    bottom.set_xticks(rank_R)
    handles = [
        *bottom.plot([], [], "o", color=colors.ink, markersize=6.5, label="trained"),
        *bottom.plot([], [], "D", color=colors.control, markersize=4.5, label=control_name),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2)
    return figure
