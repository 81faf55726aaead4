"""Figures of sweeps: settings varied, how long each takes to grok, and what the networks end up with.

A network that did not grok within its steps says only "later than that": it is drawn as an open triangle that points up from the
step at which it was stopped, never as a value. A public result that says "never" is drawn the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import ArrayLike

from modaddlab.analysis.scaling import Times
from modaddlab.analysis.seeds import over_seeds
from modaddlab.figures.curves import last_finite
from modaddlab.figures.marks import (
    EndLabel,
    accuracy_axis,
    color_scale,
    frequency_axis,
    heatmap,
    label_ends,
    percent,
    percent_axis,
    step_axis,
)
from modaddlab.figures.theme import ink_on, new_figure, palette, themed

MARKERS = ("s", "D", "v", "P")
"""Of published series, in order."""

Scale = Literal["log", "linear", "categories"]


@themed
def steps_to_grok(
    setting: str,
    ours: Mapping[float, Times] | Mapping[str, Times],
    published: Mapping[str, Mapping[float, tuple[float, float]]] | Mapping[str, Mapping[str, tuple[float, float]]] = {},
    scale: Scale = "log",
    law: tuple[ArrayLike, ArrayLike, str] | None = None,
) -> Figure:
    """Time to grok over a setting: each seed a dot, the mean of three or more with its 95 % interval a bar.

    Args:
        setting: what is varied, the label of the horizontal axis.
        ours: value of the setting -> its seeds.
        published: source -> value of the setting -> lowest and highest published step; an infinite highest one says that it had
            not grokked by the lowest.
        scale: of the horizontal axis; "categories" puts the values, which may be texts, at equal distances. On a logarithmic one
            a zero stands to the left of all others, with a gap.
        law: a line through the points: its values of the setting, its steps, what it is.
    """
    colors = palette()
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    values = [*ours, *(value for series in published.values() for value in series if value not in ours)]
    values = list(dict.fromkeys(values))
    if scale == "categories":
        place: Callable[[float | str], float] = lambda value: float(values.index(value))  # noqa: E731
    else:
        place = _placed([float(value) for value in values], scale)
    handles = []
    if law:
        handles += axes.plot(law[0], law[1], color=colors.control, lw=1.2, dashes=(4, 3), zorder=1, label=law[2])
    for rank, (marker, (source, series)) in enumerate(zip(MARKERS, published.items(), strict=False)):
        handles.append(_published(axes, marker, source, series, lambda x, rank=rank: _beside(place(x), rank, scale)))
    for value, (steps, trained_for) in ours.items():
        _seeds(axes, place(value), np.asarray(steps, dtype=np.float64), trained_for, scale)
    if scale == "log":
        axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([place(value) for value in values], [value if isinstance(value, str) else _plain(value) for value in values])
    axes.minorticks_off()
    axes.margins(x=0.06, y=0.1)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    axes.set_xlabel(setting)
    axes.set_ylabel(f"step of {percent(0.95)} test accuracy")
    mine = [
        Line2D([], [], ls="", marker="o", ms=6, color=colors.test, label="this book, each seed" if published else "each seed")
    ]
    if any(_has_mean(np.asarray(steps)) for steps, _ in ours.values()):
        mean = f"their mean, {percent(0.95)} interval"
        mine.append(Line2D([], [], ls="", marker="+", ms=11, mew=2.2, color=colors.test, label=mean))
    silent = any(np.isnan(steps).any() for steps, _ in ours.values())
    if silent or any(math.isinf(high) for series in published.values() for _, high in series.values()):
        never = Line2D([], [], ls="", marker="^", ms=7, mfc="none", mew=1.4, color=colors.ink, label="not by this step")
        handles.append(never)
    figure.legend(handles=[*mine, *handles], loc="outside upper left", ncols=2, frameon=False)
    return figure


@themed
def grokking_laws(panels: Mapping[str, tuple[Mapping[float, Times], tuple[ArrayLike, ArrayLike], str]]) -> Figure:
    """Time to grok over several settings side by side, each seed a dot, with the power law through them.

    Args:
        panels: an even number, what is varied -> its seeds by value, all above zero, the ends of the law, its exponent as it
            is written.
    """
    colors = palette()
    figure = new_figure(5.4)
    grid = figure.subplots(-(-len(panels) // 2), 2, sharey=True, squeeze=False)
    for axes, (setting, (ours, law, exponent)) in zip(grid.flat, panels.items(), strict=True):
        axes.plot(*law, color=colors.control, lw=1.2, dashes=(4, 3), zorder=1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for value, (steps, trained_for) in ours.items():
            _seeds(axes, value, np.asarray(steps, dtype=np.float64), trained_for, "log")
        axes.set_title(f"exponent {exponent}", loc="right", fontsize="medium", color=colors.muted)
        axes.set_xlabel(setting)
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high > 20 * low else (1, 2, 4)))
        axes.xaxis.set_major_formatter(lambda value, _: _plain(float(f"{value:.3g}")))
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    for axes in grid[:, 0]:
        axes.set_ylabel(f"step of {percent(0.95)} test accuracy")
    kinds = {"o": "each seed", "^": "not by this step"}
    marks = [
        Line2D([], [], ls="", marker=marker, ms=6, color=colors.test, mfc="none" if marker == "^" else colors.test, label=label)
        for marker, label in kinds.items()
    ]
    law_line = Line2D([], [], color=colors.control, lw=1.2, dashes=(4, 3), label="power law through the runs")
    figure.legend(handles=[*marks, law_line], loc="outside upper left", ncols=3, frameon=False)
    return figure


@themed
def sweep_outcomes(found: Any) -> Figure:
    """Time to grok in any sweep: over its setting, or as a table where it varies several.

    Args:
        found: of `findings.outcomes.sweep`, with at least one run.
    """
    if len(found.varies) < 2:
        setting = found.varies[0] if found.varies else "all runs"
        times = {value: Times(point.grokked_S.tolist(), point.trained_for) for value, point in found.points.items()}
        numbers = [value for value in times if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0]
        if len(numbers) < max(2, len(times)):
            return steps_to_grok(
                setting, {"all" if value == () else str(value): of for value, of in times.items()}, scale="categories"
            )
        far = max(numbers) > 3 * min((value for value in numbers if value), default=1)
        return steps_to_grok(setting, times, scale="log" if far else "linear")
    settings = {(", ".join(map(str, point.setting[:-1])), str(point.setting[-1])): point for point in found.points.values()}
    rows = list(dict.fromkeys(row for row, _ in settings))  # as the points are, ascending
    last = {point.setting[-1] for point in found.points.values()}
    columns = [str(value) for value in sorted(last, key=lambda value: (value is None, isinstance(value, str), value))]
    cells = [[settings.get((row, column)) for column in columns] for row in rows]
    steps_RC = [[math.nan if point is None or point.time is None else point.time.mean for point in line] for line in cells]
    texts = [["" if point is None else _outcome(point) for point in line] for line in cells]
    return outcome_grid((", ".join(found.varies[:-1]), rows), (found.varies[-1], columns), steps_RC, texts)


def _outcome(point: Any) -> str:
    if point.time is not None:
        return f"{point.time.mean:,.0f}"
    return f"{point.n_grokked} of {point.n}" if point.n > 1 else f"> {point.trained_for:,}"


def _plain(value: float) -> str:
    """A setting without a power of ten: 0.00003, 0.3, 113."""
    return np.format_float_positional(value, trim="-")


def _has_mean(steps_S: np.ndarray) -> bool:
    """Whether a mean is drawn: of three seeds or more that all got there."""
    return len(steps_S) >= 3 and not np.isnan(steps_S).any()


def _placed(values: Sequence[float], scale: Scale) -> Callable[[float | str], float]:
    """Where a value stands: at itself, but for a zero on a logarithmic axis, which stands left of the smallest with a gap."""
    positive = [value for value in values if value > 0]
    if scale != "log" or not positive:
        return float
    zero = min(positive) / max(3.0, (max(positive) / min(positive)) ** 0.15)
    return lambda value: float(value) or zero


def _seeds(axes: Axes, x: float, steps_S: np.ndarray, trained_for: float, scale: Scale) -> None:
    color, lost_S = palette().test, np.isnan(steps_S)
    axes.plot(np.full((~lost_S).sum(), x), steps_S[~lost_S], "o", ms=6, color=color, alpha=0.8, mew=0)
    if lost_S.any():
        axes.plot(np.full(lost_S.sum(), x), np.full(lost_S.sum(), trained_for), "^", ms=8, mfc="none", mew=1.6, color=color)
    if _has_mean(steps_S):
        mean = over_seeds(steps_S, "log")
        at = _beside(x, 1, scale)
        axes.vlines(at, mean.low, mean.high, color=color, lw=2.2)
        axes.plot(at, mean.mean, "_", ms=12, mew=2.2, color=color)


def _published(
    axes: Axes, marker: str, source: str, series: Mapping[float, tuple[float, float]] | Mapping[str, tuple[float, float]], x_of
) -> Line2D:
    colors = palette()
    for value, (low, high) in series.items():
        x = x_of(value)
        if math.isinf(high):
            axes.plot(x, low, "^", ms=8, mfc="none", mew=1.4, color=colors.muted)
            axes.plot(x, low, marker, ms=3, color=colors.muted)
        else:
            axes.vlines(x, low, high, color=colors.muted, lw=1.2)
            axes.plot(x, math.sqrt(low * high), marker, ms=7, color=colors.muted, mfc=colors.page)
    return Line2D([], [], ls="", marker=marker, ms=7, color=colors.muted, mfc=colors.page, label=source)


def _beside(x: float, rank: int, scale: Scale) -> float:
    """A place near x, alternately to its left and right."""
    distance = (1 + rank // 2) * (1 if rank % 2 else -1)
    return x * 1.07**distance if scale == "log" else x + distance * (0.13 if scale == "categories" else 0.008)


@themed
def curves_by_setting(
    setting: str,
    curves: Mapping[float, tuple[np.ndarray, np.ndarray]] | Mapping[str, tuple[np.ndarray, np.ndarray]],
    label: str = "test accuracy",
    scale: str = "log",
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Figure:
    """One recorded curve of each run over the steps; the order of the settings is the order of the colours.

    Args:
        setting: what is varied, the title of the labels.
        curves: value of the setting -> (steps (T,), values (T,)).
        label: what the curves are.
        scale: "log" or "linear" steps.
        bounds: (0, 1) draws an axis of accuracies; None one for losses and norms, logarithmic where they span a decade or more.
    """
    figure = new_figure(3.7)
    axes = figure.add_subplot()
    longest = max((step for step, _ in curves.values()), key=lambda step: step[-1])
    step_axis(axes, longest, scale)
    if bounds:
        accuracy_axis(axes)
    else:
        finite = [value_T[np.isfinite(value_T)] for _, value_T in curves.values()]
        if max(value_T.max() for value_T in finite) < 10 * min(value_T.min() for value_T in finite):
            axes.set_ylim(0, 1.08 * max(value_T.max() for value_T in finite))
        else:
            axes.set_yscale("log")
    axes.set_ylabel(label)
    inks = _ramp(len(curves))
    ends = []
    for ink, (value, (step_T, value_T)) in zip(inks, curves.items(), strict=True):
        shown = step_T > 0 if scale == "log" else step_T >= 0
        axes.plot(step_T[shown], value_T[shown], color=ink, lw=1.6)
        ends.append(EndLabel(last_finite(value_T), value if isinstance(value, str) else f"{value:g}", ink))
    label_ends(axes, ends)
    axes.set_title(setting, loc="right", fontsize=10, color=palette().muted)
    return figure


def _ramp(n: int) -> list:
    """Colours from weak to strong; all of them can be read on the page, since labels have them too."""
    return [palette().sequential(share) for share in np.linspace(0.62, 1.0, n)]


@themed
def concentration_by_setting(
    setting: str,
    values: Mapping[float, Sequence[float]] | Mapping[str, Sequence[float]],
    nulls: Mapping[float, float] | Mapping[str, float] = {},
    label: str = "effective number of frequencies",
    scale: Scale = "log",
    null_label: str = "residues renamed at random",
    accuracy: bool = False,
) -> Figure:
    """How concentrated the embeddings are over a setting, each seed a dot, beside the same with renamed residues.

    Args:
        setting: what is varied.
        values: value of the setting -> the quantity of each seed.
        nulls: value of the setting -> the quantity of the null; none is drawn without.
        label: what the quantity is.
        scale: of the horizontal axis, as in `steps_to_grok`.
        null_label: what the null is.
        accuracy: the quantity is an accuracy, whose axis goes from 0 to 100 percent.
    """
    colors = palette()
    figure = new_figure(3.4)
    axes = figure.add_subplot()
    place = _placed([value for value in values if not isinstance(value, str)], scale)
    places = {value: float(rank) if scale == "categories" else place(value) for rank, value in enumerate(values)}
    xs = np.array(list(places.values()), dtype=np.float64)
    if nulls:
        axes.plot(xs, [nulls[value] for value in values], color=colors.control, ls=":", lw=1.2)  # pyright: ignore
        axes.plot(xs, [nulls[value] for value in values], "_", ms=14, mew=2, color=colors.control)  # pyright: ignore
    for value, x in places.items():
        seeds = np.asarray(values[value], dtype=np.float64)  # pyright: ignore
        axes.plot(np.full(len(seeds), float(x)), seeds, "o", ms=6, color=colors.norm, alpha=0.75, mew=0)
    if scale == "log":
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xticks(xs, [value if isinstance(value, str) else f"{value:g}" for value in values])
    axes.minorticks_off()
    axes.margins(x=0.06)
    axes.set_xlabel(setting)
    axes.set_ylabel(label)
    if accuracy:
        accuracy_axis(axes, label)
    marks = [
        Line2D([], [], ls="", marker="o", ms=6, color=colors.norm, label="each seed"),
        Line2D([], [], ls=":", marker="_", ms=12, mew=2, color=colors.control, label=null_label),
    ][: 1 + bool(nulls)]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False)
    return figure


@themed
def outcome_grid(
    rows: tuple[str, Sequence[object]],
    columns: tuple[str, Sequence[object]],
    steps_RC: ArrayLike,
    texts_RC: Sequence[Sequence[str]],
) -> Figure:
    """Time to grok over two settings as a table of coloured cells, as the colour scale says.

    Args:
        rows, columns: the name of a setting and its values.
        steps_RC: time to grok, NaN where it never did or was not trained: those cells stay empty but for their text.
        texts_RC: what is written in each cell.
    """
    colors = palette()
    steps_RC = np.asarray(steps_RC, dtype=np.float64)
    (row_name, row_values), (column_name, column_values) = rows, columns
    figure = new_figure(1.5 + 0.62 * len(row_values))
    axes = figure.add_subplot()
    log_RC = np.ma.masked_invalid(np.log10(steps_RC))
    image = heatmap(axes, log_RC, colors.sequential, aspect="auto")
    low, high = (float(log_RC.min()), float(log_RC.max())) if log_RC.count() else (3.0, 4.0)
    if high - low < 0.1:
        low, high = low - 0.05, high + 0.05
    image.set_clim(low - 0.15 * (high - low), high)
    for r, line in enumerate(texts_RC):
        for c, text in enumerate(line):
            empty = not np.isfinite(steps_RC[r, c])
            ink = colors.muted if empty else ink_on(image.to_rgba(log_RC[r, c]))
            axes.text(c, r, text, ha="center", va="center", fontsize=10, color=ink)
    axes.set_xticks(range(len(column_values)), [str(value) for value in column_values])
    axes.set_yticks(range(len(row_values)), [str(value) for value in row_values])
    axes.tick_params(length=0)
    axes.set_xlabel(column_name)
    axes.set_ylabel(row_name)
    bar = color_scale(figure, image, axes, f"step of {percent(0.95)} test accuracy")
    inside = [tick for tick in range(math.floor(low), math.ceil(high) + 1) if low <= tick <= high]
    marks = inside if len(inside) > 1 else [low, high]
    bar.set_ticks(marks, labels=[f"{10**mark:,.0f}" for mark in marks])
    return figure


@themed
def two_bases(spectra: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """The embedding's energy per frequency of addition and per character of multiplication, a row for each network.

    Args:
        spectra: name -> (energy of the additive frequencies (K,), energy of the multiplicative ones (K,)), any unit; each is
            drawn as a share of its sum.
    """
    colors = palette()
    figure = new_figure(0.9 + 1.25 * len(spectra))
    panels = figure.subplots(len(spectra), 2, squeeze=False, sharey=True)
    for row, (name, energies) in enumerate(spectra.items()):
        for axes, energy_K, color in zip(panels[row], energies, (colors.norm, colors.restricted), strict=True):
            share_K = np.asarray(energy_K) / np.sum(energy_K)
            axes.bar(np.arange(1, len(share_K) + 1), share_K, width=0.8, color=color)
            last = row == len(spectra) - 1
            frequency_axis(axes, len(share_K), "frequency k" if last else "")
            axes.tick_params(labelbottom=last)
        panels[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
        percent_axis(panels[row, 0].yaxis)
    panels[0, 0].set_title("waves of addition")
    panels[0, 1].set_title("characters of multiplication")
    return figure


@themed
def seed_strips(
    quantities: Mapping[str, Sequence[float]], published: Mapping[str, float] = {}, log: Sequence[str] = ()
) -> Figure:
    """Each quantity's seeds as dots on a line of its own, with their mean and its 95 % interval.

    Args:
        quantities: name -> one value per seed.
        published: name -> the published value, drawn as a hollow square.
        log: the names of the quantities on logarithmic axes, whose mean is the geometric one.
    """
    colors = palette()
    figure = new_figure(0.4 + 0.86 * len(quantities))
    panels = figure.subplots(len(quantities), 1, squeeze=False)
    for axes, (name, values) in zip(panels[:, 0], quantities.items(), strict=True):
        values_S = np.asarray(values, dtype=np.float64)
        mean = over_seeds(values_S, "log" if name in log else "linear")
        axes.plot(values_S, np.zeros(len(values_S)), "o", ms=7, color=colors.test, alpha=0.8, mew=0)
        axes.hlines(0.5, mean.low, mean.high, color=colors.ink, lw=2.2)
        axes.plot(mean.mean, 0.5, "|", ms=12, mew=2.2, color=colors.ink)
        if name in published:
            axes.plot(published[name], 0.5, "s", ms=7, mfc=colors.page, mew=1.4, color=colors.muted)
        if name in log:
            axes.set_xscale("log")
            if values_S.min() >= 1:
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 4, 5, 6, 8)))
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
                axes.minorticks_off()
        elif name.startswith("share"):
            percent_axis(axes.xaxis)
        elif (values_S == np.round(values_S)).all():
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_ylim(-0.6, 1.0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(False)
        axes.set_title(name, fontsize=10)
    return figure


@themed
def update_rules(rules: Mapping[str, tuple[Times, Times]]) -> Figure:
    """Time to grok of several update rules, a line each: open dots as usual, filled dots tuned, a bar through their mean.

    Args:
        rules: in words -> the seeds' times in the usual and in the fastest setting.
    """
    colors = palette()
    figure = new_figure(0.9 + 0.52 * len(rules))
    axes = figure.add_subplot()
    looks: tuple[dict[str, Any], ...] = ({"mfc": "none", "mec": colors.control}, {"mfc": colors.test, "mec": colors.test})
    for line, pair in enumerate(rules.values()):
        for (steps, trained_for), look, shift in zip(pair, looks, (-0.16, 0.16), strict=True):
            steps_S = np.asarray(steps, dtype=np.float64)
            known_S, y = steps_S[np.isfinite(steps_S)], line + shift
            axes.plot(known_S, np.full(len(known_S), y), ls="", marker="o", ms=5, **look)
            axes.plot([trained_for] * (len(steps_S) > len(known_S)), [y] * (len(steps_S) > len(known_S)), ">", ms=7, **look)
            if len(known_S) == len(steps_S) > 2:
                axes.plot([over_seeds(known_S, "log").mean], [y], marker="|", ms=13, mew=2, color=look["mec"])
    axes.set_yticks(range(len(rules)), list(rules))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    axes.minorticks_off()
    axes.set_xlabel(f"step of {percent(0.95)} test accuracy")
    names = ("as usual, each seed", "in its fastest setting")
    handles = [Line2D([], [], ls="", marker="o", ms=5, label=name, **look) for name, look in zip(names, looks, strict=True)]
    handles.append(Line2D([], [], ls="", marker=">", ms=7, mfc="none", mec=colors.ink, label="some not by this step"))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)
    return figure
