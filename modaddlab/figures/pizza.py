"""Figures of clocks and pizzas: how each adds, one circle alone, and what the attention rate decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Wedge

from modaddlab.figures.theme import new_figure, palette, themed


@themed
def clock_and_pizza(p: int, a: int, b: int) -> Figure:
    """One sum on one circle, by a clock and by a pizza, side by side.

    Args:
        p: the modulus.
        a, b: the residues.
    """
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    colors, angle = palette(), 2 * np.pi / p
    for axes, title in ((left, "clock: the angles are added"), (right, "pizza: the places are added")):
        axes.add_patch(Circle((0, 0), 1, fill=False, color=colors.muted, lw=1))
        for name, residue, color in (("a", a, colors.train), ("b", b, colors.test)):
            _hand(axes, residue * angle, 1, color, f"{name} = {residue}")
        axes.set_title(title)
        axes.set(xlim=(-1.45, 1.45), ylim=(-1.35, 1.35), aspect="equal")
        axes.axis("off")
    _hand(left, (a + b) * angle, 1, colors.ink, f"a + b = {(a + b) % p}")
    half = (a + b) * angle / 2
    degrees = np.degrees(half)
    slices = ((degrees, 0.28), (degrees + 180, 0.28))
    for middle, alpha in slices:  # where the midpoint of every pair with this sum lies
        right.add_patch(Wedge((0, 0), 1, middle - 180 / p * 2, middle + 180 / p * 2, color=colors.norm, alpha=alpha, lw=0))
    x, y = (np.array([wave(a * angle), wave(b * angle)]) for wave in (np.cos, np.sin))
    right.plot(x, y, color=colors.muted, lw=1, ls=":")
    right.plot(x.mean(), y.mean(), "o", ms=8, color=colors.ink)
    below = {"xytext": (0, -8), "textcoords": "offset points", "ha": "center", "va": "top"}
    right.annotate("midpoint", (x.mean(), y.mean()), **below, color=colors.ink)
    return figure


def _hand(axes: Axes, angle: float, length: float, color: str, text: str) -> None:
    x, y = length * np.cos(angle), length * np.sin(angle)
    axes.plot([0, x], [0, y], color=color, lw=2.2, solid_capstyle="round")
    axes.plot(x, y, "o", ms=7, color=color)
    axes.text(1.16 * x, 1.16 * y, text, color=color, ha="left" if x > 0.2 else "right" if x < -0.2 else "center", va="center")


@themed
def one_circle_alone(curves: Mapping[str, np.ndarray]) -> Figure:
    """The right answer's logit over how far apart a and b are on a circle, and for a pizza the form that it should have.

    Args:
        curves: what it is -> the logit over one turn, (P,), the largest being 1.
    """
    colors = palette()
    figure = new_figure(3.2)
    axes = figure.subplots()
    for (name, curve_P), color, marker in zip(curves.items(), (colors.test, colors.excluded, colors.train), "os^", strict=False):
        axes.plot(np.arange(len(curve_P)) / len(curve_P), curve_P, marker, ms=4, color=color, label=name)
    turn = np.linspace(0, 1, 201)
    axes.plot(turn, np.abs(np.cos(np.pi * turn)), color=colors.muted, lw=1.2, label="|cos| of half the angle")
    axes.axhline(0, color=colors.rule, lw=0.8, zorder=0)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["same place", "quarter turn", "opposite", "quarter turn", "same place"])
    axes.set_ylabel("right answer's logit")
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@themed
def clock_against_pizza(circles: Mapping[str, np.ndarray]) -> Figure:
    """How like the logits of each circle alone are to a clock's and to a pizza's; one that accompanies another is hollow.

    Args:
        circles: name of a network -> likeness to the forms of a clock, a pizza and a circle that accompanies one, (X, 3).
    """
    colors = palette()
    figure = new_figure(4.8 if len(circles) > 1 else 3.6)
    axes = figure.subplots()
    axes.axline((0, 0), slope=1, color=colors.rule, lw=1)
    for (name, explained_X3), color, marker in zip(circles.items(), colors.frequencies, "osD^vP", strict=False):
        hollow_X = explained_X3.argmax(axis=1) == 2
        for these_X, filled in ((~hollow_X, True), (hollow_X, False)):
            clock_X, pizza_X, _ = explained_X3[these_X].T
            style = {"color": color, "mfc": color if filled else "none", "mew": 1.4}
            axes.plot(clock_X, pizza_X, marker, ms=7, label=name if filled else None, **style)
    axes.set(xlabel="likeness to a clock", ylabel="likeness to a pizza", xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), box_aspect=1)
    if len(circles) > 1:
        figure.legend(loc="outside lower center", title="attention", ncols=2)
    return figure


@themed
def attention_rates(
    series: Mapping[str, Mapping[float, Sequence[float]]],
    null: Mapping[str, Mapping[float, float]],
    published: Mapping[str, tuple[Sequence[float], Sequence[float]]],
) -> Figure:
    """Measures over the attention rate, a panel each: every network a dot, their means a line, untrained ones dotted.

    Args:
        series: name of a measure -> rate -> its value of every network.
        null: the same of untrained networks, one number a rate.
        published: name of a measure -> rates and published medians.
    """
    colors = palette()
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(series), sharey=True)
    for axes, (name, by_rate) in zip(panels, series.items(), strict=True):
        rates = list(by_rate)
        for rate, values in by_rate.items():
            axes.plot([rate] * len(values), values, "o", ms=5, alpha=0.8, mew=0, color=colors.test)
        axes.plot(rates, [np.mean(values) for values in by_rate.values()], color=colors.test, lw=1.8, label="this book")
        axes.plot(*published[name], color=colors.ink, lw=1.2, marker="s", ms=4, mfc="none", label="published medians")
        axes.plot(list(null[name]), list(null[name].values()), ":", color=colors.control, lw=1.6, label="untrained")
        axes.set(title=name, xlabel="attention rate", ylim=(0, 1.05))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
