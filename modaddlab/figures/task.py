"""The task: the table of an operation mod p, the split into train and test pairs, and addition as turning a circle.

The table of (a + b) mod p is p x p cells. A network sees a part of them, the train pairs, and is asked for the rest. Residues
lie naturally on a circle: adding b turns the circle by b steps, and the same holds when the circle is run through at k times
the speed, residue a at the angle 2 pi k a / p.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyArrowPatch

from modaddlab.figures.marks import color_scale, heatmap, residue_ticks, spread
from modaddlab.figures.theme import new_figure, palette, themed
from modaddlab.shapes import require_shape


def _pair_axes(axes: Axes, p: int) -> None:
    axes.set_xticks(residue_ticks(p))
    axes.set_yticks(residue_ticks(p))
    axes.set_xlabel("b")
    axes.set_ylabel("a", rotation=0, labelpad=8, va="center")


@themed
def operation_table(label_PP: np.ndarray, train_mask_PP: np.ndarray) -> Figure:
    """The whole table of an operation beside the part of it that the network is trained on.

    Args:
        label_PP: (P, P) the right answer for each pair, a down, b across; residues.
        train_mask_PP: (P, P) True where the pair is a train pair.
    """
    p = require_shape("label_PP", label_PP, "P P")["P"]
    require_shape("train_mask_PP", train_mask_PP, "P P", P=p)
    colors = palette()
    figure = new_figure(3.35, compressed=True)
    axes = figure.subplots(1, 2, sharey=True)
    seen_PP = np.ma.masked_where(~np.asarray(train_mask_PP, bool), label_PP)
    for axis, values, title in zip(
        axes,
        (label_PP, seen_PP),
        (f"all {p * p:,} pairs", f"the {int(np.sum(train_mask_PP)):,} train pairs"),
        strict=True,
    ):
        image = heatmap(axis, values, colors.cyclic)
        image.set_clim(0, p - 1)
        _pair_axes(axis, p)
        axis.set_title(title)
    axes[1].set_ylabel("")
    bar = color_scale(figure, image, list(axes), "right answer")
    bar.set_ticks(residue_ticks(p))
    return figure


@themed
def answers_film(right_TPP: np.ndarray, train_mask_PP: np.ndarray, step_T: np.ndarray) -> Figure:
    """Which questions are answered right at a few steps: a picture for each, train and other pairs in their colours.

    Args:
        right_TPP: (T, P, P) True where the answer is right, a down, b across.
        train_mask_PP: (P, P) True where the pair is a train pair.
        step_T: (T,) the steps.
    """
    sizes = require_shape("right_TPP", right_TPP, "T P P")
    require_shape("train_mask_PP", train_mask_PP, "P P", P=sizes["P"])
    colors = palette()
    cells = ListedColormap([colors.page, colors.train, colors.test])
    figure = new_figure(1.75, compressed=True)
    for axis, right_PP, step in zip(figure.subplots(1, sizes["T"]), right_TPP, step_T, strict=True):
        image = heatmap(axis, np.where(right_PP, np.where(train_mask_PP, 1, 2), 0), cells)
        image.set_clim(0, 2)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_title(f"step {int(step):,}", fontsize="small")
    return figure


def _turn(axes: Axes, radius: float, start: float, end: float, color: str, text: str) -> None:
    """An arc with an arrow head from one angle to another, in radians."""
    middle = (start + end) / 2
    degrees = np.degrees([start, end])
    axes.add_patch(Arc((0, 0), 2 * radius, 2 * radius, theta1=degrees.min(), theta2=degrees.max(), color=color, linewidth=2.0))
    back = end - np.sign(end - start) * min(0.16, abs(end - start) / 2)
    axes.add_patch(
        FancyArrowPatch(
            (radius * np.cos(back), radius * np.sin(back)),
            (radius * np.cos(end), radius * np.sin(end)),
            arrowstyle="-|>",
            mutation_scale=12,
            color=color,
            linewidth=0,
            shrinkA=0,
            shrinkB=0,
        )
    )
    inner = radius - 0.1 - 0.16 * abs(np.cos(middle))
    axes.text(inner * np.cos(middle), inner * np.sin(middle), text, color=color, ha="center", va="center", fontsize=10)


@themed
def addition_on_a_circle(a: int, b: int, p: int, frequencies: tuple[int, ...] = (1, 2)) -> Figure:
    """One addition as two turns of a circle, once per frequency: residue r lies at the angle 2 pi k r / p.

    Args:
        a, b: the residues that are added.
        p: the modulus.
        frequencies: the speeds k at which the circle is run through, one drawing each.

    Raises:
        ValueError: a or b is not a residue mod p.
    """
    if not (0 <= a < p and 0 <= b < p):
        raise ValueError(f"a and b must be in 0..{p - 1}, found a={a}, b={b}")
    colors = palette()
    figure = new_figure(7.0 / len(frequencies) + 0.1, compressed=True)
    panels = figure.subplots(1, len(frequencies), squeeze=False)[0]
    for axes, k in zip(panels, frequencies, strict=True):
        angle_P = np.pi / 2 - 2 * np.pi * k * np.arange(p) / p
        x_P, y_P = np.cos(angle_P), np.sin(angle_P)
        axes.scatter(x_P, y_P, c=np.arange(p), cmap=colors.cyclic, s=26 if p < 30 else 12, zorder=3)
        total = (a + b) % p
        top = np.pi / 2
        for radius, first, last, color, text in (
            (0.82, top, top - _small(2 * np.pi * k * a / p), colors.ink, f"a = {a}"),
            (0.5, angle_P[a], angle_P[a] - _small(2 * np.pi * k * b / p), colors.muted, f"b = {b}"),
        ):
            _turn(axes, radius, first, last, color, text)
        named = list(range(p)) if p < 30 else sorted({0, a, total})
        turned = [float(np.mod(angle_P[residue], 2 * np.pi)) for residue in named]
        for residue, angle in zip(named, spread(turned, 0.19, -np.pi, 3 * np.pi), strict=True):
            chosen = residue in (0, a, total)
            axes.text(
                1.15 * np.cos(angle),
                1.15 * np.sin(angle),
                str(residue),
                ha="center",
                va="center",
                fontsize=11 if chosen else 9,
                fontweight="bold" if chosen else "normal",
                color=colors.ink if chosen else colors.muted,
            )
            if chosen:
                axes.plot([0, x_P[residue]], [0, y_P[residue]], color=colors.rule, linewidth=1.2, zorder=0)
        axes.scatter(x_P[[total]], y_P[[total]], s=90, facecolors="none", edgecolors=colors.ink, linewidths=1.5, zorder=4)
        axes.set_title(f"k = {k}: a step is {k}/{p} of a turn", loc="center")
        axes.set_xlim(-1.3, 1.3)
        axes.set_ylim(-1.3, 1.3)
        axes.set_aspect("equal")
        axes.axis("off")
    return figure


def _small(angle: float) -> float:
    """The angle without its whole turns."""
    return float(angle % (2 * np.pi))
