"""Weights in motion: spectra and energies of the keys, stripes in the weights, the embedding's plane, the path of all weights.

Moments are saved steps; panels of one figure share their scales, so that what grows is seen to grow. Frequencies are integers
1..p//2, energies squared norms of Fourier components, shares fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from modaddlab.figures.algorithm import draw_circle
from modaddlab.figures.curves import last_finite
from modaddlab.figures.marks import (
    EndLabel,
    Phase,
    color_scale,
    frequency_axis,
    heatmap,
    label_ends,
    level,
    loss_axis,
    mark_phases,
    name_keys,
    outer_labels,
    percent,
    percent_axis,
    residue_ticks,
    spread,
    step_axis,
    symbols,
)
from modaddlab.figures.spectra import by_frequency
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape

Phases = Iterable[Phase | tuple[str, float, float]]


@themed
def spectrum_strip(norms: Mapping[int, np.ndarray], keys: Sequence[int], *, columns: int = 2, quantity: str = "norm") -> Figure:
    """The spectrum of a matrix at a few moments, a panel each on one scale.

    Args:
        norms: step -> (P,) norms of the Fourier components in basis order; the constant is not drawn.
        keys: the key frequencies of the final network.
        columns: panels in a row.
        quantity: name of the y axes.

    Raises:
        ValueError: there is no moment.
    """
    if not norms:
        raise ValueError("norms must hold at least one step, found none")
    colors = palette()
    by_key = frequency_colors(keys)
    heights = {step: np.hypot(*by_frequency(norm_P)) for step, norm_P in norms.items()}
    rows = -(-len(norms) // columns)
    figure = new_figure(1.55 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    last = max(heights)
    for axes, (step, norm_K) in zip(panels.flat, heights.items(), strict=False):
        frequency_K = np.arange(1, len(norm_K) + 1)
        axes.bar(frequency_K, norm_K, width=0.8, color=[by_key.get(int(k), colors.muted) for k in frequency_K])
        frequency_axis(axes, len(norm_K))
        axes.set_ylim(0, 1.2 * max(float(heights_K.max()) for heights_K in heights.values()))
        axes.set_title(f"step {step:,}", fontsize=10)
        if step == last:
            name_keys(axes, {key: float(norm_K[key - 1]) for key in by_key}, by_key, 9)
    for axes in panels[:, 0]:
        axes.set_ylabel(quantity)
    outer_labels(panels, len(norms), "frequency k")
    return figure


@themed
def key_energies(
    step_T: np.ndarray, energies: Mapping[str, np.ndarray], keys: Sequence[int], *, phases: Phases = (), scale: str = "linear"
) -> Figure:
    """The energy of each key frequency over training, a panel a matrix, with the median and the range of all other frequencies.

    Args:
        step_T: (T,) saved steps.
        energies: name of the matrix -> (T, K) squared norm per frequency 1..K.
        keys: the key frequencies of the final network.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    by_key = frequency_colors(keys)
    figure = new_figure(2.9 * len(energies) + 0.2)
    panels = figure.subplots(len(energies), 1, sharex=True, squeeze=False)[:, 0]
    step_axis(panels[-1], step_T, scale)
    for axes, (name, energy_TK) in zip(panels, energies.items(), strict=True):
        sizes = require_shape(name, energy_TK, "T K", T=len(step_T))
        loss_axis(axes, symbols(f"energy in {name}"))
        others = [k - 1 for k in range(1, sizes["K"] + 1) if k not in by_key]
        ends = []
        if others:
            axes.fill_between(
                step_T, energy_TK[:, others].min(axis=1), energy_TK[:, others].max(axis=1), color=colors.muted, alpha=0.25, lw=0
            )
            median_T = np.median(energy_TK[:, others], axis=1)
            axes.plot(step_T, median_T, color=colors.muted)
            ends.append(EndLabel(float(median_T[-1]), "others", colors.muted))
        for key, color in by_key.items():
            axes.plot(step_T, energy_TK[:, key - 1], color=color)
            ends.append(EndLabel(float(energy_TK[-1, key - 1]), f"k = {key}", color))
        label_ends(axes, ends)
    mark_phases(list(panels), phases)
    return figure


@themed
def neuron_followers(
    step_T: np.ndarray, count_TK: np.ndarray, keys: Sequence[int], n_neurons: int, *, phases: Phases = (), scale: str = "linear"
) -> Figure:
    """How many neurons follow each key frequency over training, stacked.

    Args:
        step_T: (T,) saved steps.
        count_TK: (T, K) neurons of each key, in the order of the keys.
        keys: the key frequencies.
        n_neurons: all neurons: what the stack leaves free follows no key.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    require_shape("count_TK", count_TK, "T K", T=len(step_T), K=len(keys))
    by_key = frequency_colors(keys)
    figure = new_figure(3.4)
    axes = figure.subplots()
    step_axis(axes, step_T, scale)
    axes.set_ylim(0, n_neurons)
    axes.set_ylabel("neurons")
    low_T = np.zeros(len(step_T))
    ends = []
    for key, count_T in zip(keys, count_TK.T, strict=True):
        high_T = low_T + count_T
        axes.fill_between(step_T, low_T, high_T, color=by_key[int(key)], alpha=0.85, linewidth=0)
        axes.plot(step_T, high_T, color=palette().page, linewidth=0.8)
        ends.append(EndLabel(float(low_T[-1] + high_T[-1]) / 2, f"k = {key}", by_key[int(key)]))
        low_T = high_T
    ends.append(EndLabel((float(low_T[-1]) + n_neurons) / 2, "no key", palette().muted))
    label_ends(axes, ends)
    mark_phases([axes], phases)
    return figure


@themed
def weight_stripes(
    natural: Mapping[int, np.ndarray],
    components: Mapping[int, np.ndarray],
    keys: Sequence[int],
    *,
    quantity: str = "entry of $W_E$",
) -> Figure:
    """A matrix at a few moments: above its rows are residues, below the components of its Fourier transform along them.

    Args:
        natural: step -> (P, D) the matrix, a residue a row.
        components: step -> (P, D) its transform, a Fourier component a row: constant, cos 1, sin 1, ...
        keys: the key frequencies, whose rows are named.
        quantity: what the colours mean.

    Raises:
        ValueError: the two do not have the same steps.
    """
    if list(natural) != list(components) or not natural:
        raise ValueError(f"natural and components must have the same steps, found {list(natural)} and {list(components)}")
    colors = palette()
    shades = colors.diverging.resampled(64)  # as many as one sees; of 256 a picture of noise has half as many bytes again
    figure = new_figure(6.0)
    panels = figure.subplots(2, len(natural), squeeze=False, sharey="row")
    for row, (matrices, label) in enumerate(((natural, quantity), (components, "Fourier component"))):
        reach = _saturation(matrices)
        image = None
        for axes, (step, matrix_PD) in zip(panels[row], matrices.items(), strict=True):
            image = heatmap(axes, matrix_PD, shades, Normalize(-reach, reach, clip=True), aspect="auto")
            axes.set_xticks([])
            axes.tick_params(length=0)
            if row == 0:
                axes.set_title(f"step {step:,}", fontsize=10, loc="center")
        assert image is not None
        color_scale(figure, image, list(panels[row]), label, aspect=22, extend="both")
    p = require_shape("natural", next(iter(natural.values())), "P D")["P"]
    panels[0, 0].set_yticks(residue_ticks(p))
    panels[0, 0].set_ylabel("residue")
    panels[1, 0].set_yticks([])
    by_key = frequency_colors(keys)
    places = spread([(2 * key - 0.5) / p for key in by_key], 0.08)
    for (key, color), place in zip(by_key.items(), places, strict=True):
        height = 1 - (2 * key) / p
        panels[1, 0].plot(
            [-0.02, -0.1], [height, 1 - place], transform=panels[1, 0].transAxes, color=color, lw=0.8, clip_on=False
        )
        panels[1, 0].annotate(
            f"k = {key}",
            (-0.12, 1 - place),
            xycoords="axes fraction",
            ha="right",
            va="center",
            color=color,
            annotation_clip=False,
        )
    return figure


def _saturation(matrices: Mapping[int, np.ndarray]) -> float:
    """Where the colours of all matrices saturate: at a level that one entry in two hundred of the last exceeds."""
    return float(np.quantile(np.abs(matrices[max(matrices)]), 0.995))


@themed
def embedding_plane(
    points: Mapping[int, np.ndarray],
    place_P: np.ndarray,
    step_T: np.ndarray,
    shares: Mapping[str, np.ndarray],
    *,
    null: float | None = None,
    phases: Phases = (),
    scale: str = "linear",
) -> Figure:
    """The residues on two fixed axes at a few moments, above the share of the embedding's variance that the axes hold.

    Args:
        points: step -> (P, 2) coordinates of the residues along the axes; all panels have one scale.
        place_P: (P,) where on the circle each residue should come, for the colours.
        step_T: (T,) saved steps.
        shares: what -> (T,) share of the variance.
        null: the share of an untrained network's own first two axes.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    p = require_shape("place_P", place_P, "P")["P"]
    figure = new_figure(5.0)
    grid = figure.add_gridspec(2, len(points), height_ratios=[7.0 / len(points) / 2.6, 1])
    reach = 1.1 * max(float(np.abs(point_P2).max()) for point_P2 in points.values())
    for column, (step, point_P2) in enumerate(points.items()):
        axes = figure.add_subplot(grid[0, column])
        draw_circle(axes, point_P2, place_P, p, 10)
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_title(f"step {step:,}", fontsize=10, loc="center")
        axes.set_xlabel("first axis", fontsize=10)
        if column == 0:
            axes.set_ylabel("second axis", fontsize=10)
    below = figure.add_subplot(grid[1, :])
    step_axis(below, step_T, scale)
    ends = []
    for number, (name, share_T) in enumerate(shares.items()):
        require_shape(name, share_T, "T", T=len(step_T))
        below.plot(step_T, share_T, color=colors.norm, linestyle=["-", (0, (5, 2)), (0, (1, 1.4))][number % 3])
        ends.append(EndLabel(last_finite(share_T), name, colors.norm))
    top = max(float(np.max(share_T)) for share_T in shares.values())
    below.set_ylim(0, 1.15 * max(top, null or 0.0))
    percent_axis(below.yaxis)
    below.set_ylabel("variance held")
    label_ends(below, ends)
    if null is not None:
        level(below, null, "untrained, own axes")
    mark_phases([below], phases)
    return figure


@themed
def weight_path(
    step_T: np.ndarray,
    point_T2: np.ndarray,
    share_2: np.ndarray,
    walk_T2: np.ndarray,
    walk_share_2: np.ndarray,
    phases: Sequence[Phase | tuple[str, float, float]] = (),
) -> Figure:
    """The path of all weights in the plane of its first two principal axes, beside that of a random walk with as long steps.

    Args:
        step_T: (T,) saved steps.
        point_T2: (T, 2) coordinates.
        share_2: the share of the path's variance along each axis.
        walk_T2, walk_share_2: the same of the walk.
        phases: (name, first step, last step) in order; each has its colour along the path, and so has what follows.
    """
    require_shape("point_T2", point_T2, "T 2", T=len(step_T))
    colors = palette()
    spans = [Phase(*phase) for phase in phases]
    if spans and spans[-1].end < step_T[-1]:
        spans.append(Phase("afterwards", spans[-1].end, float(step_T[-1])))
    inks = [colors.sequential(at) for at in np.linspace(0.5, 1.0, max(len(spans), 1))]
    figure = new_figure(3.9)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, points_T2, share_2_, title in (
        (left, point_T2, share_2, "the network"),
        (right, walk_T2, walk_share_2, "a random walk"),
    ):
        _draw_path(axes, step_T, np.asarray(points_T2, float), spans, inks)
        axes.set_aspect("equal", adjustable="box")
        axes.grid(False)
        axes.set_xlabel(f"first axis: {percent(share_2_[0])}")
        axes.set_ylabel(f"second axis: {percent(share_2_[1])}")
        axes.tick_params(labelleft=True)
        axes.set_title(title)
    handles: list[Artist] = [
        Line2D([], [], color=ink, marker="o", markersize=4, linewidth=1.6, label=span.name)
        for span, ink in zip(spans, inks, strict=False)
    ]
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=4, handlelength=1.6, columnspacing=1.4)
    return figure


def _draw_path(axes: Axes, step_T: np.ndarray, point_T2: np.ndarray, spans: Sequence[Phase], inks: Sequence[object]) -> None:
    """Points joined in order, each stretch in the ink of its phase; the first and the last are named."""
    colors = palette()
    axes.plot(point_T2[:, 0], point_T2[:, 1], color=colors.muted, linewidth=0.8, zorder=1)
    for span, ink in zip(spans, inks, strict=False):
        inside_T = (step_T >= span.start) & (step_T <= span.end)
        axes.plot(*point_T2[inside_T].T, "o-", color=ink, markersize=4, linewidth=1.6, zorder=2)
    if not spans:
        axes.plot(*point_T2.T, "o", color=inks[0], markersize=4, zorder=2)
    for index, text in ((0, "start"), (-1, "end")):
        axes.plot(*point_T2[index], "o", markersize=8, mfc=colors.page, mec=colors.ink, mew=1.4, zorder=3)
        axes.annotate(text, point_T2[index], xytext=(0, -8), textcoords="offset points", ha="center", va="top", fontsize=10)
    axes.margins(0.14)
