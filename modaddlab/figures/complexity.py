"""The local learning coefficient: chains in valleys, how it depends on their settings, over training, by modulus, of circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    figure, inks = new_figure(5.4), _inks()
    top, bottom = figure.subplots(2, 1)
    ends = []
    for color, (name, (step_T, excess_T)) in zip(palette().frequencies, traces.items(), strict=False):
        top.plot(step_T, excess_T, color=color, lw=1)
        ends.append(EndLabel(float(excess_T[len(excess_T) // 3 :].mean()), name, color))
    top.set(xlabel="step of the chain", ylabel="nβ · (loss above)", xlim=(0, max(step_T[-1] for step_T, _ in traces.values())))
    label_ends(top, ends)
    _log_axes(bottom, "tether γ", (0.5, 1, 2, 5, 10, 20), (1, 3, 10, 30, 100))  # noqa: RUF001
    for kind, by_stride in by_tether.items():
        for style, (tether_G, found_G) in zip((":", "-", "--"), by_stride.values(), strict=False):
            bottom.plot(tether_G, found_G, style, color=inks[kind], marker="o", ms=3, lw=1.2)
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
    figure, inks = new_figure(6.2), _inks() | {"train": palette().train, "test": palette().test}
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    saved_T = paths["add"][0][0]
    start = saved_T[1] / 4  # where the untrained networks are drawn
    for axes, series in ((top, paths), (middle, {"train": loss}), (bottom, {"test": accuracy})):
        for kind, curves in series.items():
            for step_T, value_T in curves:
                axes.plot(np.maximum(step_T, start), value_T, color=inks[kind], lw=0.9)
    top.set_ylabel(ESTIMATE)
    top.set_ylim(bottom=0)
    loss_axis(middle, "train loss")
    accuracy_axis(bottom, "test accuracy")
    step_axis(bottom, np.maximum(saved_T, start), "log")
    label_ends(
        top, [EndLabel(float(np.mean([one[-1] for _, one in curves])), kind, inks[kind]) for kind, curves in paths.items()]
    )
    return figure


@themed
def complexity_by_modulus(moduli: Sequence[int], found: Mapping[str, np.ndarray]) -> Figure:
    """The estimate over the modulus, both on log scales, a dot for each network and a power law through each kind.

    Args:
        moduli: M of them.
        found: "add" and "random" -> estimates (M, S).
    """
    figure, inks = new_figure(3.4), _inks()
    axes = figure.subplots()
    _log_axes(axes, "modulus p", moduli, (20, 50, 100, 200))
    ends = []
    for kind, found_MS in found.items():
        axes.plot(np.repeat(moduli, found_MS.shape[1]), found_MS.ravel(), "o", color=inks[kind], ms=4)
        line_M = np.exp(np.polyval(np.polyfit(np.log(moduli), np.log(found_MS).mean(axis=1), 1), np.log(moduli)))
        axes.plot(moduli, line_M, color=inks[kind], lw=1)
        ends.append(EndLabel(float(line_M[-1]), kind, inks[kind]))
    label_ends(axes, ends)
    return figure


@themed
def circuit_complexities(circuits: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """The estimates of some kinds of circuits on a log scale, a row for each tether and kind, a dot for each seed.

    Args:
        circuits: tether -> kind -> estimates (S,).
    """
    colors = palette().frequencies
    rows = [(f"{kind}, {tether}", found_S) for tether, kinds in circuits.items() for kind, found_S in kinds.items()]
    figure = new_figure(1.0 + 0.4 * len(rows))
    axes = figure.subplots()
    for row, (name, found_S) in enumerate(rows):
        for marker, found in zip("osD^v", found_S, strict=False):
            axes.plot(found, row, marker, color=colors[name.startswith("clock")], ms=6)
    axes.set(xscale="log", xlabel=f"{ESTIMATE} (log scale)", ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.xaxis.set_major_formatter("{x:g}")
    return figure


def _inks() -> dict[str, str]:
    return {"add": palette().test, "random": palette().control}


def _log_axes(axes: Axes, x_label: str, x: Sequence[float], y: Sequence[float]) -> None:
    """The estimate over something, both on log scales with plain numbers at these places."""
    axes.set(xscale="log", yscale="log", xlabel=f"{x_label} (log scale)", ylabel=f"{ESTIMATE}\n(log scale)")
    axes.set_xticks(x, [f"{place:g}" for place in x])
    axes.set_yticks(y, [f"{place:g}" for place in y])
    axes.minorticks_off()
