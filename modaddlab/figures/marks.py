"""Marks that the figures share: phases, labels at the ends of lines, step and loss axes, heatmaps.

Labels are placed where the thing is rather than in a legend. Positions are computed from the axes' limits and scales, which
do not change when the layout is made; so set the limits before labelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from modaddlab.figures.theme import palette

PIXELS = 452
"""How many pixels a heatmap has at least about along its longer side: four a cell at p = 113."""

CHARACTER = 0.56
"""Mean width of a character in units of the font size."""


class Phase(NamedTuple):
    """A stretch of training: its name, its first and its last step."""

    name: str
    start: float
    end: float


class EndLabel(NamedTuple):
    """A text at the right end of a line that ends at the height y."""

    y: float
    text: str
    color: str


def _size(axes: Axes) -> tuple[float, float]:
    """Approximate width and height of the axes in points, before the layout is made."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_position(original=True)
    width, height = figure.get_size_inches()
    return box.width * width * 72, box.height * height * 72


def _fraction(axes: Axes, value: float, axis: str) -> float:
    """Where a data value lies along an axis, as a fraction of its length."""
    point = (value, axes.get_ylim()[0]) if axis == "x" else (axes.get_xlim()[0], value)
    mapped = (axes.transScale + axes.transLimits).transform(point)
    return float(mapped[0 if axis == "x" else 1])


def spread(positions: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Move positions apart so that neighbours are at least `gap` from each other, keeping their order and, if they fit, within
    [low, high]; positions that are far enough apart stay where they are."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    blocks: list[list[float]] = []  # [sum of wished starts, count]: a block holds neighbours that touch
    for rank, index in enumerate(order):
        blocks.append([positions[index] - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    highest = high - (len(order) - 1) * gap
    starts = [min(max(total / count, low), max(highest, low)) for total, count in blocks for _ in range(int(count))]
    placed = [0.0] * len(order)
    for rank, index in enumerate(order):
        placed[index] = starts[rank] + rank * gap
    return placed


def label_ends(axes: Axes, labels: Iterable[EndLabel], size: float = 10, pad: float = 5) -> None:
    """Write labels to the right of the axes at the heights where their lines end.

    Where they would touch they are moved apart, and then each is joined to its line's end. `pad` is the distance from the axes
    and `size` the font size, in points.
    """
    kept = [label for label in labels if np.isfinite(label.y)]
    width, height = _size(axes)
    wished = [_fraction(axes, label.y, "y") for label in kept]
    places = spread(wished, 1.25 * size / height)
    leaders = any(abs(place - wish) * height > size for place, wish in zip(places, wished, strict=True))
    for label, place, wish in zip(kept, places, wished, strict=True):
        if leaders:
            ends = [1 + (pad - 2) / width, 1 + (pad + 8) / width]
            axes.plot(ends, [wish, place], transform=axes.transAxes, color=label.color, linewidth=0.7, clip_on=False)
        axes.annotate(
            label.text,
            (1.0, place),
            xycoords="axes fraction",
            xytext=(pad + 10 if leaders else pad, 0),
            textcoords="offset points",
            color=label.color,
            va="center",
            fontsize=size,
            annotation_clip=False,
        )


def mark_phases(axes: Sequence[Axes], phases: Iterable[Phase | tuple[str, float, float]], size: float = 10) -> None:
    """Shade every other phase in all of the axes, draw the boundaries, and name the phases above the first.

    Names that would overlap go to a second row. Set the limits of the x axis first.

    Args:
        axes: axes that share their x axis, from top to bottom.
        phases: (name, first step, last step) in order.
    """
    colors = palette()
    low, high = axes[0].get_xlim()
    inside = [Phase(*phase) for phase in phases]
    inside = [phase for phase in inside if phase.end > low and phase.start < high]
    for axis in axes:
        for number, phase in enumerate(inside):
            start, end = max(phase.start, low), min(phase.end, high)
            if number % 2 == 0:
                axis.axvspan(start, end, color=colors.shade, zorder=-1, linewidth=0)
            if phase.end < high:
                axis.axvline(phase.end, color=colors.muted, linewidth=0.8, dashes=(3, 3), zorder=1)
    width, _ = _size(axes[0])
    row_ends: list[float] = []
    for phase in inside:
        left = _fraction(axes[0], max(phase.start, low), "x")
        right = _fraction(axes[0], min(phase.end, high), "x")
        half = 0.5 * len(phase.name) * CHARACTER * size / width
        centre = min(max((left + right) / 2, half), max(1 - half, half))
        rightmost = min(max(right, centre), max(1 - half, half))  # a name's middle stays over its phase
        row = next((i for i, end in enumerate(row_ends) if end <= rightmost - half), len(row_ends))
        if row < len(row_ends):
            centre = max(centre, row_ends[row] + half)
        row_ends[row : row + 1] = [centre + half + size * CHARACTER / width]
        axes[0].annotate(
            phase.name,
            (centre, 1.0),
            xycoords="axes fraction",
            xytext=(0, 3 + 1.25 * size * row),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=size,
            color=colors.muted,
            annotation_clip=False,
        )


def _short_number(value: float, _: object = None) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def step_axis(axes: Axes, step_T: np.ndarray, scale: str = "linear", label: bool = True) -> None:
    """Set up the x axis for training steps.

    Args:
        axes: the axes.
        step_T: (T,) the steps that are drawn.
        scale: "linear", or "log", which starts at the first positive step.
        label: whether to name the axis.

    Raises:
        ValueError: the scale is neither.
    """
    if scale not in ("linear", "log"):
        raise ValueError(f"scale must be linear or log, found {scale!r}")
    first, last = float(step_T[0]), float(step_T[-1])
    if scale == "log":
        first = float(np.min(step_T[step_T > 0]))
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlim(first, last)
    axes.xaxis.set_major_formatter(FuncFormatter(_short_number))
    if label:
        axes.set_xlabel("training step" + (" (log scale)" if scale == "log" else ""))


def loss_axis(axes: Axes, label: str = "loss (nats)") -> None:
    """Set up the y axis for losses in nats on a log scale, at most six labelled decades."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_ylabel(label)


def percent(share: float, decimals: int = 0) -> str:
    """A share in percent, as the text types it: 0.95 is 95 %."""
    return f"{100 * share:.{decimals}f}\N{NARROW NO-BREAK SPACE}%"


def percent_axis(axis: Axis) -> None:
    """Write the ticks of an axis, which are shares, in percent, with the digits that they need."""
    axis.set_major_formatter(lambda share, _: percent(share, 0 if abs(share * 100 - round(share * 100)) < 1e-6 else 1))


def symbols(text: str) -> str:
    """A text with its matrices set as mathematics: W_E is a W with an index."""
    return re.sub(r"\bW_([A-Z])\b", r"$W_\1$", text)


def accuracy_axis(axes: Axes, label: str = "accuracy") -> None:
    """Set up the y axis for accuracies, given as fractions and written in percent."""
    axes.set_ylim(-0.03, 1.04)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    percent_axis(axes.yaxis)
    axes.set_ylabel(label)


def level(axes: Axes, y: float, text: str, align: str = "right") -> None:
    """A dashed horizontal line at y with its meaning written on it, such as the loss of uniform guessing."""
    color = palette().control
    axes.axhline(y, color=color, linewidth=1.0, dashes=(4, 3), zorder=1.5)
    axes.annotate(
        text,
        (1.0 if align == "right" else 0.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(-4 if align == "right" else 4, 3),
        textcoords="offset points",
        ha=align,
        va="bottom",
        fontsize=9.5,
        color=color,
    )


def heatmap(
    axes: Axes,
    values: np.ndarray,
    colors: Colormap,
    norm: Normalize | None = None,
    extent: tuple[float, float, float, float] | None = None,
    aspect: Literal["equal", "auto"] = "equal",
) -> AxesImage:
    """An array as an image, row 0 at the top, with a frame and without a grid.

    A small array is given several pixels per cell, so that a viewer that smooths what it enlarges keeps the cells' edges and one
    that reduces averages over cells instead of dropping some.
    """
    repeats = max(1, PIXELS // max(values.shape))
    if repeats > 1:
        values = np.ma.repeat(np.ma.repeat(values, repeats, axis=0), repeats, axis=1)
    rows, columns = values.shape[0] // repeats, values.shape[1] // repeats
    extent = extent or (-0.5, columns - 0.5, rows - 0.5, -0.5)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.6)
    return axes.imshow(values, cmap=colors, norm=norm, extent=extent, aspect=aspect, origin="upper")


def color_scale(figure: Figure, image: AxesImage, axes: Axes | Sequence[Axes], label: str, **options: object) -> Colorbar:
    """The colour scale of a heatmap, drawn as an image."""
    settings: dict[str, object] = {"aspect": 25, "pad": 0.02, "fraction": 0.05, **options}
    bar = figure.colorbar(image, ax=axes, **settings)  # pyright: ignore[reportArgumentType]
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    bar.solids.set_rasterized(True)  # pyright: ignore[reportOptionalMemberAccess]
    bar.solids.set_edgecolor("face")  # pyright: ignore[reportOptionalMemberAccess]
    bar.set_label(label)
    return bar


def residue_ticks(p: int, n_ticks: int = 4) -> list[int]:
    """Ticks for an axis of residues: 0, p - 1, and round numbers between that keep their distance."""
    step = max(1, round(p / n_ticks / 10) * 10) if p > 20 else max(1, p // n_ticks)
    return [tick for tick in range(0, p - 1, step) if p - 1 - tick > 0.6 * step] + [p - 1]


def frequency_axis(axes: Axes, n_frequencies: int, label: str = "frequency k") -> None:
    """Set up the x axis for frequencies 1..n_frequencies: integer ticks, room for half a bar at both ends."""
    step = 10 if n_frequencies > 24 else 5 if n_frequencies > 9 else 1
    axes.set_xticks([1, *range(max(step, 2), n_frequencies + 1, step)])
    axes.set_xlim(0.25, n_frequencies + 0.75)
    axes.set_xlabel(label)


def name_keys(axes: Axes, heights: Mapping[int, float], colors: Mapping[int, str], size: float = 10) -> None:
    """Write each key frequency above its bar, in its colour; names of near neighbours are moved apart.

    Args:
        axes: axes with frequencies along x; set the limits first.
        heights: key frequency -> height of its bar.
        colors: key frequency -> colour.
        size: font size in points.
    """
    width, _ = _size(axes)
    gap = (max((len(str(key)) for key in heights), default=1) + 0.4) * 0.66 * size / width
    places = spread([_fraction(axes, key, "x") for key in heights], gap)
    for (key, height), place in zip(heights.items(), places, strict=True):
        axes.annotate(
            str(key),
            (place, height),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=size,
            fontweight="bold",
            color=colors[key],
            annotation_clip=False,
        )


def unwrap(table: np.ndarray, frequency: int, n_axes: int = 2) -> np.ndarray:
    """Reorder the residues along the first axes so that the angle 2 pi k r / p of a frequency k goes round once.

    Position j then holds the residue r with k r = j mod p, and a wave of frequency k becomes one period.

    Args:
        table: array whose first `n_axes` axes are residues mod p.
        frequency: the frequency k.
        n_axes: how many axes to reorder.

    Raises:
        ValueError: k has no inverse mod p.
    """
    p = table.shape[0]
    if np.gcd(int(frequency), p) != 1:
        raise ValueError(f"frequency (={frequency}) must have no factor in common with p (={p}) to be unwrapped")
    order = np.arange(p) * pow(int(frequency), -1, p) % p
    for axis in range(n_axes):
        table = np.take(table, order, axis=axis)
    return table


def outer_labels(panels: np.ndarray, n_used: int, x_label: str) -> None:
    """Label the x axis of the lowest used panel of each column only, and blank the unused panels.

    Args:
        panels: (rows, columns) axes that share their x axis, filled row by row.
        n_used: how many of them are in use.
        x_label: the label.
    """
    columns = panels.shape[1]
    for number, axes in enumerate(panels.flat):
        lowest = number < n_used <= number + columns
        axes.tick_params(labelbottom=lowest)
        axes.set_xlabel(x_label if lowest else "")
        if number >= n_used:
            axes.axis("off")
