"""The lottery: the race of a neuron's frequencies, the map of who wins, and how often each rule names the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import CenteredNorm, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from modaddlab.figures.dynamics import angle_axis
from modaddlab.figures.marks import EndLabel, accuracy_axis, color_scale, label_ends, level, percent_axis, step_axis
from modaddlab.figures.theme import new_figure, palette, themed
from modaddlab.shapes import require_shape

MARKERS = ("o", "s", "^", "D")


@themed
def frequency_race(step_T: np.ndarray, alpha_TK: np.ndarray, D_TK: np.ndarray, winner: int, n_named: int = 3) -> Figure:
    """All frequencies of one neuron over training: magnitudes above, misalignments below; the winner is drawn thick.

    Args:
        step_T: (T,) the snapshots' steps.
        alpha_TK: (T, K) input magnitudes.
        D_TK: (T, K) misalignments in radians; their size is drawn.
        winner: the frequency that won, in 1..K.
        n_named: how many of the frequencies are named, those with the largest final magnitudes.
    """
    sizes = require_shape("alpha_TK", alpha_TK, "T K", T=len(step_T))
    require_shape("D_TK", D_TK, "T K", **sizes)
    colors = palette()
    figure = new_figure(5.0)
    upper, lower = figure.subplots(2, 1, sharex=True)
    step_axis(lower, step_T)
    named = [int(i) + 1 for i in np.argsort(-alpha_TK[-1], kind="stable")[:n_named]]
    ends: dict[object, list[EndLabel]] = {upper: [], lower: []}
    upper.set_ylim(0, 1.06 * float(alpha_TK.max()))
    angle_axis(lower, "misalignment |D|")
    upper.set_ylabel("input magnitude α")  # noqa: RUF001
    order = sorted(range(1, sizes["K"] + 1), key=lambda k: k == winner)
    for frequency in order:
        won = frequency == winner
        color = colors.frequencies[0] if won else colors.muted
        for axes, values_TK in ((upper, alpha_TK), (lower, np.abs(D_TK))):
            values_T = values_TK[:, frequency - 1]
            axes.plot(step_T, values_T, color=color, linewidth=2.6 if won else 0.9, alpha=1.0 if won else 0.75)
            if (frequency in named and axes is upper) or won:
                ends[axes].append(EndLabel(float(values_T[-1]), f"k = {frequency}", color))
    for axes in (upper, lower):
        label_ends(axes, ends[axes])
    return figure


@themed
def outcome_map(
    D_M: np.ndarray,
    ratio_N: np.ndarray,
    outcome_NM: np.ndarray,
    winners: tuple[np.ndarray, np.ndarray],
    losers: tuple[np.ndarray, np.ndarray],
) -> Figure:
    """Which starts win by the equations, and where the winners and losers of a real network started.

    Args:
        D_M: (M,) misalignments in [0, pi].
        ratio_N: (N,) magnitudes relative to a rival's, ascending.
        outcome_NM: (N, M) log10 of the rival's growth time over the frequency's; positive where the frequency wins.
        winners, losers: |D| and relative magnitude of frequencies that won and did not win.
    """
    require_shape("outcome_NM", outcome_NM, "N M", N=len(ratio_N), M=len(D_M))
    colors = palette()
    figure = new_figure(3.9)
    panels = figure.subplots(1, 2, sharey=True, sharex=True)
    limit = 0.7  # a factor of five
    shown_NM = np.clip(np.where(np.isfinite(outcome_NM), outcome_NM, -limit), -limit, limit)
    mesh = panels[0].pcolormesh(D_M, ratio_N, shown_NM, cmap=colors.diverging, norm=CenteredNorm(0, limit), rasterized=True)
    for axes in panels:
        axes.grid(False)
        axes.contour(D_M, ratio_N, shown_NM, levels=[0.0], colors=[colors.ink], linewidths=1.4)
        axes.set_xticks([0, np.pi / 2, np.pi], ["0", "π/2", "π"])
        axes.set_xlabel("initial misalignment |D|")
    panels[1].plot(*losers, ".", color=colors.muted, markersize=2.2, alpha=0.8, rasterized=True)
    panels[1].plot(*winners, "o", color=colors.frequencies[0], markersize=3.2, alpha=0.8, rasterized=True)
    panels[0].set_yscale("log")
    panels[0].set_ylim(ratio_N[0], ratio_N[-1])
    panels[0].set_xlim(0, np.pi)
    panels[0].set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("initial magnitude, relative")
    panels[0].set_title("the equations")
    panels[1].set_title("a trained network")
    panels[0].annotate("wins", (0.06, 0.94), xycoords="axes fraction", va="top", fontsize=11, color=colors.page)
    panels[0].annotate("loses", (0.94, 0.06), xycoords="axes fraction", ha="right", fontsize=11, color=colors.page)
    color_scale(figure, mesh, panels[0], "log₁₀ of rival's time / own", location="bottom", shrink=0.9)  # pyright: ignore[reportArgumentType]
    handles = [
        Line2D([], [], color=colors.frequencies[0], marker="o", markersize=4, linestyle="none", label="winners"),
        Line2D([], [], color=colors.muted, marker=".", markersize=5, linestyle="none", label="others"),
    ]
    panels[1].legend(handles=handles, loc="lower center", ncols=2, bbox_to_anchor=(0.5, -0.52), handletextpad=0.2)
    return figure


@themed
def growth_map(D_M: np.ndarray, magnitude_N: np.ndarray, time_NM: np.ndarray) -> Figure:
    """How long a frequency takes to outgrow every bound, for each start: equal magnitudes across, misalignment up.

    Args:
        D_M: (M,) initial misalignments in [0, 2 pi].
        magnitude_N: (N,) initial magnitudes alpha = beta.
        time_NM: (N, M) growth times.
    """
    require_shape("time_NM", time_NM, "N M", N=len(magnitude_N), M=len(D_M))
    colors = palette()
    figure = new_figure(3.6, 5.0)
    axes = figure.subplots()
    least = float(np.nanmin(time_NM))
    shown_NM = np.minimum(np.where(np.isfinite(time_NM), time_NM, np.inf), 8 * least)
    mesh = axes.pcolormesh(magnitude_N, D_M, shown_NM.T, cmap=colors.sequential, norm=LogNorm(least, 8 * least), rasterized=True)
    axes.grid(False)
    axes.contour(magnitude_N, D_M, shown_NM.T, levels=least * np.geomspace(1.15, 4, 7), colors=[colors.page], linewidths=0.7)
    axes.set_xlabel("initial magnitude α = β")  # noqa: RUF001
    angle_axis(axes, "initial misalignment D", 0, 2 * np.pi)
    axes.set_ylim(0, 2 * np.pi)
    bar = color_scale(figure, mesh, axes, "time to outgrow every bound", extend="max")  # pyright: ignore[reportArgumentType]
    ticks = [tick for digit in (1, 2, 5) for tick in digit * 10.0 ** np.arange(0, 7) if least <= tick <= 8 * least]
    bar.set_ticks(sorted(ticks), labels=[f"{tick:,.0f}" for tick in sorted(ticks)])
    bar.minorticks_off()
    return figure


@themed
def rule_hits(rates: Mapping[str, Mapping[str, tuple[float, float, float]]], rules: Mapping[str, str], chance: float) -> Figure:
    """How often each rule names the winner, a row per rule and a mark per kind of run, with intervals over seeds.

    Args:
        rates: title of the run -> rule -> (mean, low, high); low and high may be NaN.
        rules: rule -> its name on the page, in the order from top to bottom.
        chance: the share that guessing gets.
    """
    colors = palette()
    figure = new_figure(0.55 * len(rules) + 1.5)
    axes = figure.subplots()
    places = np.arange(len(rules))[::-1].astype(float)
    offsets = np.linspace(0.2, -0.2, len(rates)) if len(rates) > 1 else np.zeros(1)
    shades = [colors.ink, colors.frequencies[0], colors.frequencies[1], colors.frequencies[2]]
    for number, (title, by_rule) in enumerate(rates.items()):
        mean_R, low_R, high_R = np.array([by_rule[rule] for rule in rules]).T
        y = places + offsets[number]
        axes.hlines(y, low_R, high_R, color=shades[number], linewidth=1.6)
        axes.plot(mean_R, y, MARKERS[number], color=shades[number], markersize=6, label=title)
    axes.axvline(chance, color=colors.control, linewidth=1.0, dashes=(4, 3))
    axes.annotate(
        "chance", (chance, 1), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points", ha="center",
        va="bottom", fontsize=9.5, color=colors.control,
    )  # fmt: skip
    axes.set_yticks(places, list(rules.values()))
    axes.set_ylim(-0.6, len(rules) - 0.4)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlim(0, 1)
    percent_axis(axes.xaxis)
    axes.set_xlabel("neurons whose winner is named")
    figure.legend(loc="outside lower center", ncols=min(3, len(rates)), handletextpad=0.4)
    return figure


@themed
def decision(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], chance: float) -> Figure:
    """The share of neurons whose later winner leads already, over training.

    Args:
        curves: title of the run -> (step_T, share_T).
        chance: the share that guessing gets.
    """
    colors = palette()
    figure = new_figure(3.4)
    axes = figure.subplots()
    steps: Sequence[np.ndarray] = [step_T for step_T, _ in curves.values()]
    step_axis(axes, max(steps, key=lambda step_T: step_T[-1]))
    accuracy_axis(axes, "neurons led by their winner")
    ends = []
    for number, (title, (step_T, share_T)) in enumerate(curves.items()):
        require_shape(title, share_T, "T", T=len(step_T))
        axes.plot(step_T, share_T, color=colors.ink, linestyle=["-", (0, (4, 2)), (0, (1, 1.4))][number % 3])
        ends.append(EndLabel(float(share_T[-1]), title, colors.ink))
    level(axes, chance, "chance")
    label_ends(axes, ends)
    return figure
