"""The local learning coefficient: chains in valleys, how it depends on their settings, over training, by modulus, of circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from modaddlab.figures.marks import EndLabel, accuracy_axis, label_ends, loss_axis, step_axis
from modaddlab.figures.theme import new_figure, palette, themed

ESTIMATE = "learning coefficient"

Curve = tuple[np.ndarray, np.ndarray]


@themed
def valleys(points: Mapping[str, np.ndarray]) -> Figure:
    """Where chains went in losses of two weights, a panel each, with lines of equal loss.

    Args:
        points: "round", "trough" and "crossing", for x^2 + y^2, x^2 and x^2 y^2 -> weights (N, 2).
    """
    colors = palette()
    figure = new_figure(2.8)
    x_XX, y_XX = np.meshgrid(np.linspace(-2, 2, 201), np.linspace(-2, 2, 201))
    losses = {"round": x_XX**2 + y_XX**2, "trough": x_XX**2, "crossing": x_XX**2 * y_XX**2}
    for axes, (name, points_N2) in zip(figure.subplots(1, len(points)), points.items(), strict=True):
        axes.contour(x_XX, y_XX, losses[name], levels=[0.02, 0.1, 0.4, 1.2], colors=colors.muted, linewidths=0.7)
        axes.plot(*points_N2.T, ".", color=colors.train, ms=3)
        axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal", title=name, xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        axes.set_xlabel("first weight")
    figure.axes[0].set_ylabel("second weight")
    return figure


@themed
def chains(traces: Mapping[str, Curve], by_tether: Mapping[str, Mapping[float, Curve]]) -> Figure:
    """The loss along chains (top), and the estimate over the tether, for two kinds of networks (bottom).

    Args:
        traces: tether -> steps and n beta times the loss above the first.
        by_tether: "add" and "random" -> size of the step -> tethers and estimates.
    """
    colors = palette()
    figure = new_figure(5.4)
    top, bottom = figure.subplots(2, 1)
    for color, (_, (step_T, excess_T)) in zip(colors.frequencies, traces.items(), strict=False):
        top.plot(step_T, excess_T, color=color, lw=1)
    means = {name: float(excess_T[len(excess_T) // 3 :].mean()) for name, (_, excess_T) in traces.items()}
    top.set(xlabel="step of the chain", ylabel="nβ · (loss above)", xlim=(0, max(curve[0][-1] for curve in traces.values())))
    label_ends(top, [EndLabel(mean, name, color) for color, (name, mean) in zip(colors.frequencies, means.items(), strict=False)])
    inks = {"add": colors.test, "random": colors.control}
    bottom.set(xscale="log", yscale="log", xlabel="tether γ (log scale)", ylabel=f"{ESTIMATE}\n(log scale)")  # noqa: RUF001
    for kind, by_stride in by_tether.items():
        for style, (tether_G, found_G) in zip((":", "-", "--"), by_stride.values(), strict=False):
            bottom.plot(tether_G, found_G, style, color=inks[kind], marker="o", ms=3, lw=1.2)
    _ticks(bottom, x=(0.5, 1, 2, 5, 10, 20), y=(1, 3, 10, 30, 100))
    bottom.set_xlim(0.45, 22)
    middle = {kind: list(by_stride.values())[len(by_stride) // 2] for kind, by_stride in by_tether.items()}
    label_ends(bottom, [EndLabel(float(found_G[-1]), kind, inks[kind]) for kind, (_, found_G) in middle.items()])
    return figure


@themed
def complexity_paths(paths: Mapping[str, Sequence[Curve]], loss: Sequence[Curve], accuracy: Sequence[Curve]) -> Figure:
    """The estimate over training of networks of two kinds (top), training loss (middle) and test accuracy of one kind (bottom).

    Args:
        paths: "add" and "random" -> saved steps and estimates of each seed.
        loss, accuracy: of each seed of the first kind.
    """
    colors = palette()
    inks = {"add": colors.test, "random": colors.control}
    figure = new_figure(6.2)
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    start = next(step_T[1] for curves in paths.values() for step_T, _ in curves) / 4  # where the untrained networks are drawn
    for axes, series in ((top, paths), (middle, {"train": loss}), (bottom, {"test": accuracy})):
        for kind, curves in series.items():
            for step_T, value_T in curves:
                color = inks.get(kind) or getattr(colors, kind)
                axes.plot(np.maximum(step_T, start), value_T, color=color, lw=0.9)
    top.set_ylabel(ESTIMATE)
    top.set_ylim(bottom=0)
    loss_axis(middle, "train loss")
    accuracy_axis(bottom, "test accuracy")
    step_axis(bottom, np.maximum(next(iter(paths.values()))[0][0], start), "log")
    label_ends(
        top, [EndLabel(float(np.mean([v_T[-1] for _, v_T in curves])), kind, inks[kind]) for kind, curves in paths.items()]
    )
    return figure


@themed
def complexity_by_modulus(moduli: Sequence[int], found: Mapping[str, np.ndarray]) -> Figure:
    """The estimate over the modulus, both on log scales, a dot for each network and a power law through each kind.

    Args:
        moduli: M of them.
        found: "add" and "random" -> estimates (M, S).
    """
    colors = palette()
    inks = {"add": colors.test, "random": colors.control}
    figure = new_figure(3.4)
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel="modulus p (log scale)", ylabel=f"{ESTIMATE} (log scale)")
    ends = []
    for kind, found_MS in found.items():
        axes.plot(np.repeat(moduli, found_MS.shape[1]), found_MS.ravel(), "o", color=inks[kind], ms=4)
        line_M = np.exp(np.polyval(np.polyfit(np.log(moduli), np.log(found_MS).mean(axis=1), 1), np.log(moduli)))
        axes.plot(moduli, line_M, color=inks[kind], lw=1)
        ends.append(EndLabel(float(line_M[-1]), kind, inks[kind]))
    _ticks(axes, x=moduli, y=(20, 50, 100, 200))
    label_ends(axes, ends)
    return figure


@themed
def circuit_complexities(circuits: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """The estimates of some kinds of circuits on a log scale, a row for each tether and kind, a dot for each seed.

    Args:
        circuits: tether -> kind -> estimates (S,).
    """
    colors = palette()
    rows = [(f"{kind}, {tether}", found_S) for tether, kinds in circuits.items() for kind, found_S in kinds.items()]
    figure = new_figure(1.0 + 0.4 * len(rows))
    axes = figure.subplots()
    for row, (name, found_S) in enumerate(rows):
        for marker, found in zip("osD^v", found_S, strict=False):
            axes.plot(found, row, marker, color=colors.frequencies[name.startswith("clock")], ms=6)
    axes.set(xscale="log", xlabel=f"{ESTIMATE} (log scale)", ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    return figure


def _ticks(axes: Axes, *, x: Sequence[float], y: Sequence[float]) -> None:
    """Plain numbers at these places of two log scales."""
    for axis, places in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.set_major_locator(FixedLocator(list(places)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
