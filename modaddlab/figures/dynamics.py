"""One neuron's dynamics: its equations solved, laid over training, what they conserve, and what leaks to other frequencies.

Measured values are dots, the equations' solution is a line. Neurons are told apart by how misaligned they start: the darker (in
the dark theme the lighter), the farther from psi = 2 phi.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from modaddlab.figures.marks import EndLabel, Phase, color_scale, heatmap, label_ends, mark_phases, step_axis
from modaddlab.figures.theme import new_figure, palette, themed
from modaddlab.shapes import require_shape

Phases = Iterable[Phase | tuple[str, float, float]]


def angle_axis(axes: Axes, label: str, low: float = 0.0, high: float = np.pi) -> None:
    """Set up the y axis for angles between multiples of pi/2, written as such."""
    ticks = np.arange(np.ceil(low / (np.pi / 2)), np.floor(high / (np.pi / 2)) + 1) * np.pi / 2
    names = {-2: "−π", -1: "−π/2", 0: "0", 1: "π/2", 2: "π", 3: "3π/2", 4: "2π"}  # noqa: RUF001
    axes.set_yticks(ticks)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: names.get(round(y / (np.pi / 2)), "")))
    axes.set_ylim(low - 0.03 * (high - low), high + 0.04 * (high - low))
    axes.set_ylabel(label)


@themed
def solved_waves(time_T: np.ndarray, cases: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """The solution of the equations for one frequency, a column per start: phases, misalignment, magnitudes.

    Args:
        time_T: (T,) times.
        cases: title -> (a_T, b_T) complex amplitudes of input and output.
    """
    colors = palette()
    figure = new_figure(5.4)
    panels = figure.subplots(3, len(cases), sharex=True, squeeze=False)
    highest = 8 * max(float(np.abs(waves_T[0])) for pair in cases.values() for waves_T in pair)
    for column, (title, (a_T, b_T)) in enumerate(cases.items()):
        require_shape("a_T", a_T, "T", T=len(time_T))
        require_shape("b_T", b_T, "T", T=len(time_T))
        phases, misalignment, magnitudes = panels[:, column]
        last = column == len(cases) - 1
        psi_T = np.unwrap(np.angle(b_T))
        D_T = np.angle(np.exp(1j * (2 * np.angle(a_T) - psi_T)))
        for axes, curves in (
            (phases, {"2φ": (psi_T + D_T, colors.ink, "-"), "ψ": (psi_T, colors.norm, (0, (4, 2)))}),
            (misalignment, {"D": (D_T, colors.ink, "-")}),
            (magnitudes, {"α": (np.abs(a_T), colors.ink, "-"), "β": (np.abs(b_T), colors.norm, (0, (4, 2)))}),  # noqa: RUF001
        ):
            for name, (values_T, color, style) in curves.items():
                axes.plot(time_T, values_T, color=color, linestyle=style, label=name)
        angle_axis(phases, "phases" if column == 0 else "", -np.pi, np.pi)
        angle_axis(misalignment, "D = 2φ − ψ" if column == 0 else "", 0, np.pi)  # noqa: RUF001
        magnitudes.set_ylim(0, highest)
        magnitudes.set_xlim(time_T[0], time_T[-1])
        magnitudes.set_xlabel("time: sum of the learning rates")
        if column == 0:
            magnitudes.set_ylabel("magnitudes")
        phases.set_title(title)
        if last:
            phases.legend(loc="upper right", ncols=2, handlelength=1.6)
            magnitudes.legend(loc="upper left", ncols=2, handlelength=1.6)
    return figure


@themed
def against_equations(
    step_T: np.ndarray,
    measured: tuple[np.ndarray, np.ndarray],
    solved_step_S: np.ndarray,
    solved: tuple[np.ndarray, np.ndarray],
    phases: Phases = (),
    magnitude_name: str = "input magnitude α",  # noqa: RUF001
) -> Figure:
    """Neurons of a real run on the curves that the equations draw from their initial weights.

    Args:
        step_T: (T,) the snapshots' steps.
        measured: |D| in radians and magnitudes, (T, N) each, a column per neuron.
        solved_step_S: (S,) the steps of the solution.
        solved: the same by the equations, (S, N) each; NaN where the solution has diverged.
        phases: (name, first step, last step) in order.
        magnitude_name: label of the lower axis.
    """
    colors = palette()
    figure = new_figure(5.2)
    upper, lower = figure.subplots(2, 1, sharex=True)
    step_axis(lower, step_T)
    start_N = measured[0][0]
    shades = [colors.sequential(0.5 + 0.5 * value / np.pi) for value in start_N]
    top = 1.5 * float(measured[1].max())
    for axes, measured_TN, solved_SN in zip((upper, lower), measured, solved, strict=True):
        require_shape("measured_TN", measured_TN, "T N", T=len(step_T), N=len(start_N))
        require_shape("solved_SN", solved_SN, "S N", S=len(solved_step_S), N=len(start_N))
        for neuron in np.argsort(start_N):
            axes.plot(solved_step_S, solved_SN[:, neuron], color=shades[neuron], linewidth=1.4)
            axes.plot(step_T, measured_TN[:, neuron], "o", color=shades[neuron], markersize=3.4)
    angle_axis(upper, "misalignment |D|")
    lower.set_yscale("log")
    lower.set_ylim(0.7 * float(measured[1].min()), top)
    lower.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    lower.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    lower.minorticks_off()
    lower.set_ylabel(magnitude_name)
    handles = [
        Line2D([], [], color=colors.ink, marker="o", markersize=3.4, linestyle="none", label="network"),
        Line2D([], [], color=colors.ink, linewidth=1.4, label="equations, nothing fitted"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=1.8)
    mark_phases([upper, lower], phases)
    return figure


@themed
def conserved(step_T: np.ndarray, drifts: Mapping[str, np.ndarray], n_kept: int, phases: Phases = ()) -> Figure:
    """How far quantities have moved since the start: those that the equations keep, and nulls that they do not.

    Args:
        step_T: (T,) the snapshots' steps.
        drifts: name -> (T,) relative change; the kept ones first. Zeros (the start) are left out.
        n_kept: how many of them the equations keep.
        phases: (name, first step, last step) in order.
    """
    colors = palette()
    figure = new_figure(4.2)
    axes = figure.subplots()
    step_axis(axes, step_T)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set_ylabel("change since the start, relative")
    ends = []
    styles = ["-", (0, (5, 2)), (0, (1, 1.4))]
    for number, (name, drift_T) in enumerate(drifts.items()):
        require_shape(name, drift_T, "T", T=len(step_T))
        kept = number < n_kept
        color = colors.ink if kept else colors.control
        style = styles[(number if kept else number - n_kept) % 3]
        shown_T = np.where(drift_T > 0, drift_T, np.nan)
        axes.plot(step_T, shown_T, color=color, linestyle=style, linewidth=1.8 if kept else 1.2)
        ends.append(EndLabel(float(shown_T[np.isfinite(shown_T)][-1]), name, color))
    label_ends(axes, ends)
    mark_phases([axes], phases)
    return figure


@themed
def energy_elsewhere(
    runs: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], phases: Mapping[str, Phases] | None = None
) -> Figure:
    """The share of the energy that has left each neuron's own frequency, over training, a panel per run.

    Args:
        runs: title -> (step_T, share of the input's energy elsewhere (T,), share of the output's (T,)); zeros are left out.
        phases: title -> (name, first step, last step) in order.
    """
    colors = palette()
    figure = new_figure(3.3)
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for axes, (title, (step_T, *shares)) in zip(panels, runs.items(), strict=True):
        step_axis(axes, step_T)
        axes.set_xticks(axes.get_xticks()[::2])
        axes.set_xlim(step_T[0], step_T[-1])
        for share_T, name, style in zip(shares, ("input", "output"), ("-", (0, (4, 2))), strict=True):
            require_shape(name, share_T, "T", T=len(step_T))
            shown_T = np.where(share_T > 0, share_T, np.nan)
            axes.plot(step_T, shown_T, color=colors.ink, linestyle=style, label=name)
        axes.set_title(title, pad=22 if phases else 6)
        if phases and title in phases:
            mark_phases([axes], phases[title], size=9)
    panels[0].set_yscale("log")
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].minorticks_off()
    panels[0].set_ylabel("share of energy elsewhere")
    panels[-1].legend(loc="lower right", handlelength=2.2)
    return figure


@themed
def overtones(
    orders: Sequence[int],
    measured: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    control: Mapping[str, np.ndarray],
) -> Figure:
    """Amplitudes at the overtones over that at the neuron's own frequency: in the weights, and in the gradient by theory.

    Args:
        orders: the R overtones r.
        measured: "input" and "output" -> (3, R) lower quartile, median and upper quartile over neurons; NaN where there is none.
        predicted: "input" and "output" -> (R,) ratio in the gradient of an aligned neuron; zeros are left out.
        control: "input" and "output" -> (R,) medians of a network that should not leak.
    """
    colors = palette()
    figure = new_figure(3.8)
    panels = figure.subplots(1, 2, sharey=True)
    x = np.asarray(orders, dtype=float)
    for axes, (side, quartiles_3R) in zip(panels, measured.items(), strict=True):
        require_shape(side, quartiles_3R, "3 R", R=len(orders))
        low_R, middle_R, high_R = quartiles_3R
        axes.set_yscale("log")
        axes.minorticks_off()
        expected_R = np.where(predicted[side] > 0, predicted[side], np.nan)
        axes.plot(x, expected_R, "_", color=colors.restricted, markersize=15, markeredgewidth=2.4)
        axes.plot(x, control[side], "o", color=colors.control, markersize=4.5, markerfacecolor="none")
        axes.vlines(x, low_R, high_R, color=colors.ink, linewidth=1.4)
        axes.plot(x, middle_R, "o", color=colors.ink, markersize=5)
        axes.set_xticks(x, [f"{r}k" for r in orders])
        axes.set_xlim(x[0] - 0.6, x[-1] + 0.6)
        axes.set_xlabel("overtone")
        axes.set_title(side)
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("amplitude over that at k")
    handles = [
        Line2D([], [], color=colors.ink, marker="o", markersize=5, label="weights"),
        Line2D(
            [],
            [],
            color=colors.restricted,
            marker="_",
            markersize=13,
            markeredgewidth=2.4,
            linestyle="none",
            label="push, calculated",
        ),
        Line2D([], [], color=colors.control, marker="o", markersize=4.5, markerfacecolor="none", linestyle="none", label="u²"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


@themed
def weights_over_training(
    moments: Mapping[str, tuple[np.ndarray, np.ndarray]], sides: tuple[str, str] = ("input θ", "output ξ")
) -> Figure:
    """The Fourier components of some neurons' weights at a few steps: input above, output below; a row per neuron.

    Every heatmap has its own scale, its largest magnitude, so that small early weights can be seen.

    Args:
        moments: title -> (input (N, P), output (N, P)) Fourier components in basis order, a row per neuron.
        sides: names of the two rows of heatmaps.
    """
    colors = palette()
    n_neurons, p = next(iter(moments.values()))[0].shape
    figure = new_figure(4.6)
    panels = figure.subplots(2, len(moments), sharex=True, sharey=True, squeeze=False)
    image = None
    for column, (title, pair) in enumerate(moments.items()):
        for axes, values_NP in zip(panels[:, column], pair, strict=True):
            require_shape("components", values_NP, "N P", N=n_neurons, P=p)
            size = float(np.abs(values_NP).max()) or 1.0
            image = heatmap(axes, values_NP / size, colors.diverging, Normalize(-1, 1), aspect="auto")
        panels[0, column].set_title(title)
        panels[1, column].set_xlabel("frequency k")
        middle = np.arange(1, p // 2 + 1, max(1, p // 10))
        panels[1, column].set_xticks(2 * middle - 0.5, [str(k) for k in middle])
    for axes, side in zip(panels[:, 0], sides, strict=True):
        axes.set_ylabel(f"neurons, {side}")
        axes.set_yticks([])
    assert image is not None
    color_scale(figure, image, list(panels.flat), "component, relative to the largest")
    return figure
