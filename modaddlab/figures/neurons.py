"""The neurons: activation over all pairs, how well one frequency explains it, and how the neurons divide among frequencies.

A neuron's activation is a table over (a, b). It is compared with its best fit by a polynomial of degree 2 in the sines and
cosines of one frequency; FVE is the fraction of variance that the fit explains. Neurons with the same best frequency form a
cluster; a neuron whose FVE stays under the threshold belongs to none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from modaddlab.figures.marks import color_scale, frequency_axis, heatmap, name_keys, percent, percent_axis, unwrap
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


@themed
def activation_grids(
    neurons_PPN: np.ndarray,
    fits_PPN: np.ndarray,
    ids: Sequence[int],
    frequencies: Sequence[int],
    fve: Sequence[float],
    keys: Sequence[int],
    *,
    unwrapped: bool = False,
    window: int | None = None,
) -> Figure:
    """Chosen neurons' activations over (a, b), one column each, above their fits by one frequency.

    Args:
        neurons_PPN: (P, P, N) activations of the chosen neurons, a down, b across.
        fits_PPN: (P, P, N) their polynomial fits.
        ids: the N neurons' numbers.
        frequencies: the frequency of each fit.
        fve: the fraction of variance that each fit explains.
        keys: the key frequencies, for the colours.
        unwrapped: reorder the residues by the angle of the neuron's frequency, which then goes round once.
        window: draw the first residues only; a high frequency over all of them is too fine for a small panel.
    """
    sizes = require_shape("neurons_PPN", neurons_PPN, "P P N", N=len(ids))
    require_shape("fits_PPN", fits_PPN, "P P N", **sizes)
    colors = palette()
    by_key = frequency_colors(keys)
    count, shown = len(ids), min(window or sizes["P"], sizes["P"])
    figure = new_figure(5.9 / max(count, 3) * 2 + 1.0, compressed=True)  # one neuron alone is not drawn larger than three
    panels = figure.subplots(2, count, sharex=True, sharey=True, squeeze=False)
    for column, (neuron, frequency, share) in enumerate(zip(ids, frequencies, fve, strict=True)):
        tables = [neurons_PPN[:, :, column], fits_PPN[:, :, column]]
        norm = Normalize(float(tables[0].min()), float(tables[0].max()), clip=True)
        for row, table_PP in enumerate(tables):
            shown_PP = unwrap(table_PP, frequency) if unwrapped else table_PP
            heatmap(panels[row, column], shown_PP[:shown, :shown], colors.sequential, norm)
        color = by_key.get(int(frequency), colors.muted)
        panels[0, column].set_title(f"neuron {neuron}", color=color, fontsize=10)
        panels[1, column].set_title(f"k = {frequency}: {percent(share, 1)}", color=color, fontsize=10)
        panels[1, column].set_xlabel("k·b mod p" if unwrapped else "b")
    for axes, name in zip(panels[:, 0], ("activation", "fit"), strict=True):
        axes.set_ylabel(f"{name}\n" + ("k·a mod p" if unwrapped else "a"))
    for axes in panels.flat:
        axes.set_xticks([0, shown - 1])
        axes.set_yticks([0, shown - 1])
    return figure


@themed
def fve_histogram(
    fve_H: np.ndarray,
    frequency_H: np.ndarray,
    keys: Sequence[int],
    *,
    threshold: float = 0.85,
    control_H: np.ndarray | None = None,
) -> Figure:
    """How many neurons have how much of their variance explained by one frequency, coloured by that frequency.

    Args:
        fve_H: (H,) fraction of variance explained, per neuron.
        frequency_H: (H,) the frequency that explains it.
        keys: the key frequencies.
        threshold: where the rule for belonging to a cluster cuts.
        control_H: (H,) the same fractions of an untrained network, drawn as an outline.
    """
    require_shape("frequency_H", frequency_H, "H", H=len(fve_H))
    colors = palette()
    by_key = frequency_colors(keys)
    figure = new_figure(3.5)
    axes = figure.subplots()
    lowest = min(float(np.min(fve_H)), float(np.min(control_H)) if control_H is not None else 1.0, threshold)
    edges = np.arange(np.floor(lowest * 50) / 50, 1.0 + 1e-9, 0.02)
    others = ~np.isin(frequency_H, list(by_key))
    chosen = {str(key): (frequency_H == key, color) for key, color in by_key.items()}
    chosen |= {"other": (others, colors.muted)} if others.any() or not chosen else {}
    handles = []
    base = np.zeros(len(edges) - 1)
    for members_H, color in chosen.values():
        counts, _ = np.histogram(fve_H[members_H], edges)
        handles.append(axes.bar(edges[:-1] + 0.01, counts, 0.018, bottom=base, color=color, zorder=2))
        base += counts
    if control_H is not None:
        counts, _ = np.histogram(control_H, edges)
        axes.stairs(counts, edges, color=colors.control, linewidth=1.4, zorder=2.5)
        place = int(np.argmax(counts))
        axes.annotate(
            "untrained network",
            (edges[place + 1], counts[place]),
            xytext=(4, 2),
            textcoords="offset points",
            color=colors.control,
            fontsize=10,
        )
    axes.axvline(threshold, color=colors.ink, linewidth=1.0, dashes=(4, 3))
    above = int(np.sum(fve_H > threshold))
    axes.annotate(
        f"{above} of {len(fve_H)} above {percent(threshold)}",
        (threshold, 1.0),  # above all bars, wherever they are
        xycoords=("data", "axes fraction"),
        xytext=(4, 2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=10,
    )
    figure.legend(
        handles,
        list(chosen),
        loc="outside upper left",
        ncols=8,
        title="best frequency",
        alignment="left",
        handlelength=0.9,
        columnspacing=1.1,
    )
    axes.set_xlabel("fraction of variance explained by one frequency")
    axes.set_ylabel("neurons")
    axes.set_xlim(edges[0], 1.0)
    return figure


@themed
def cluster_sizes(counts: Mapping[int, int], keys: Sequence[int]) -> Figure:
    """How many neurons belong to each frequency's cluster.

    Args:
        counts: frequency -> number of neurons; 0 stands for the neurons in no cluster.
        keys: the key frequencies, for the colours.
    """
    colors = palette()
    by_key = frequency_colors(keys)
    order = [*sorted(frequency for frequency in counts if frequency), *([0] if 0 in counts else [])]
    names = [f"k = {frequency}" if frequency else "no cluster" for frequency in order]
    values = [counts[frequency] for frequency in order]
    figure = new_figure(0.42 * len(names) + 0.8)
    axes = figure.subplots()
    places = np.arange(len(names))
    axes.barh(places, values, color=[by_key.get(k, colors.muted) for k in order], height=0.68)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlabel("neurons")
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    for place, value in zip(places, values, strict=True):
        axes.annotate(str(value), (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=10)
    axes.set_xlim(0, 1.09 * max(values))
    return figure


@themed
def neuron_spectra(
    energy_KH: np.ndarray, frequency_H: np.ndarray, keys: Sequence[int], *, quantity: str = "share of the neuron's energy"
) -> Figure:
    """The spectrum of every neuron as one row, the rows sorted by best frequency: clusters show as vertical bars.

    Args:
        energy_KH: (K, H) energy of each neuron at each frequency; a neuron's are scaled to sum 1.
        frequency_H: (H,) the frequency of each neuron's cluster, 0 for none.
        keys: the key frequencies.
        quantity: what the colour means.
    """
    sizes = require_shape("energy_KH", energy_KH, "K H", H=len(frequency_H))
    colors = palette()
    by_key = frequency_colors(keys)
    total_H = np.maximum(np.sum(energy_KH, axis=0), np.finfo(float).tiny)
    share_HK = (energy_KH / total_H).T
    in_key_H = np.isin(frequency_H, list(by_key))
    order = np.lexsort((-share_HK.max(axis=1), np.where(in_key_H, frequency_H, sizes["K"] + 1)))
    figure = new_figure(4.4)
    axes = figure.subplots()
    image = heatmap(
        axes,
        share_HK[order],
        colors.sequential,
        Normalize(0, 1),
        extent=(0.5, sizes["K"] + 0.5, sizes["H"], 0),
        aspect="auto",
    )
    frequency_axis(axes, sizes["K"])
    axes.set_xlim(0.5, sizes["K"] + 0.5)
    axes.set_ylabel(f"{sizes['H']} neurons, sorted by frequency")
    start = 0
    ends = []
    for key, color in [*by_key.items(), (0, colors.muted)]:
        count = int(np.sum(frequency_H == key)) if key else int(np.sum(~in_key_H))
        if count:
            axes.axhline(start, color=colors.rule, linewidth=0.6)
            ends.append((start + count / 2, str(key) if key else "none", color))
        start += count
    axes.set_yticks([y for y, _, _ in ends], [text for _, text, _ in ends])
    for text, (_, _, color) in zip(axes.get_yticklabels(), ends, strict=True):
        text.set_color(color)
        text.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    color_scale(figure, image, axes, quantity)
    return figure


@themed
def neuron_gallery(
    neurons_PPN: np.ndarray,
    W_L_NC: np.ndarray,
    ids: Sequence[int],
    frequencies: Sequence[int],
    keys: Sequence[int],
    n_columns: int = 3,
) -> Figure:
    """Neurons of each frequency: the activation over all pairs, and beside it what the neuron adds to each output.

    Residues and outputs stand in the order of their angle at the neuron's frequency, which then goes round once. The line is
    the one wave of that frequency that fits the outputs best.

    Args:
        neurons_PPN: (P, P, N) activations, a down, b across; neurons of one frequency follow each other.
        W_L_NC: (N, C) the neurons' rows of the neuron-logit map.
        ids: the neurons' numbers.
        frequencies: the frequency of each; they decide the rows of the figure.
        keys: the key frequencies, for the colours.
        n_columns: neurons in a row.
    """
    sizes = require_shape("neurons_PPN", neurons_PPN, "P P N", N=len(ids))
    p = sizes["P"]
    require_shape("W_L_NC", W_L_NC, "N C", N=sizes["N"], C=p)
    colors = palette()
    by_key = frequency_colors(keys)
    n_rows = -(-sizes["N"] // n_columns)
    figure = new_figure(1.42 * n_rows + 0.35)
    panels = figure.subplots(n_rows, 2 * n_columns, squeeze=False)
    angle_C = 2 * np.pi * np.arange(p) / p
    for number in range(n_rows * n_columns):
        picture, line = panels.flat[2 * number], panels.flat[2 * number + 1]
        if number >= sizes["N"]:
            picture.axis("off")
            line.axis("off")
            continue
        frequency = int(frequencies[number])
        color = by_key.get(frequency, colors.muted)
        heatmap(picture, unwrap(neurons_PPN[..., number], frequency), colors.sequential)
        picture.set_title(f"{ids[number]}, k = {frequency}", color=color, fontsize=9, pad=3)
        picture.set_xticks([])
        picture.set_yticks([])
        output_C = unwrap(W_L_NC[number], frequency, n_axes=1)
        output_C = output_C - output_C.mean()
        wave = 2 / p * np.sum(output_C * np.exp(-1j * angle_C))
        line.plot(np.real(wave * np.exp(1j * angle_C)), color=colors.ink, linewidth=1.0)
        line.plot(output_C, "o", color=color, markersize=1.5)
        line.axhline(0, color=colors.rule, linewidth=0.8, zorder=0)
        line.set_xticks([])
        line.set_yticks([])
        line.grid(False)
        for side in ("left", "bottom"):
            line.spines[side].set_visible(False)
        if number >= sizes["N"] - n_columns:
            picture.set_xlabel("k·b mod p", fontsize=9)
            line.set_xlabel("k·c mod p", fontsize=9)
        if number % n_columns == 0:
            picture.set_ylabel("k·a mod p", fontsize=9)
    return figure


@themed
def fve_by_frequency(
    frequency_H: np.ndarray,
    fve_H: np.ndarray,
    keys: Sequence[int],
    *,
    control: tuple[np.ndarray, np.ndarray] | None = None,
    threshold: float = 0.85,
) -> Figure:
    """Every neuron as a dot: its best frequency, and how much of it that frequency explains.

    Args:
        frequency_H: (H,) the best frequency of each neuron.
        fve_H: (H,) the fraction of variance that it explains.
        keys: the key frequencies.
        control: the same two arrays of an untrained network, drawn as crosses.
        threshold: where the rule for belonging to a cluster cuts.
    """
    require_shape("frequency_H", frequency_H, "H", H=len(fve_H))
    colors = palette()
    by_key = frequency_colors(keys)
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, size=(2, max(len(fve_H), len(control[0]) if control else 0)))
    figure = new_figure(3.5)
    axes = figure.subplots()
    if control is not None:
        axes.plot(control[0] + jitter[1, : len(control[0])], control[1], "x", color=colors.control, markersize=3, mew=0.8)
        axes.annotate(
            "untrained network",
            (1.0, float(np.quantile(control[1], 0.99))),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 4),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=colors.control,
            fontsize=10,
        )
    inks = np.array([by_key.get(int(k), colors.muted) for k in frequency_H])
    axes.scatter(frequency_H + jitter[0, : len(fve_H)], fve_H, c=inks.tolist(), s=9, linewidths=0, zorder=2)
    axes.axhline(threshold, color=colors.ink, linewidth=1.0, dashes=(4, 3))
    frequency_axis(
        axes, int(max(np.max(frequency_H), *by_key, np.max(control[0]) if control else 0)), "best frequency k of the neuron"
    )
    axes.set_ylim(0, 1.12)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    percent_axis(axes.yaxis)
    axes.set_ylabel("variance explained")
    name_keys(axes, dict.fromkeys(by_key, 1.0), by_key)
    return figure
