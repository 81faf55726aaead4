"""Fourier spectra: of the embedding, of the neuron-logit map, of the logits over both inputs, and over training.

Norms are of components in the real orthonormal Fourier basis mod p, in the order constant, cos 1, sin 1, cos 2, sin 2, ...
(for an even p the last is the cosine of p/2 alone). A frequency's norm is sqrt(cos^2 + sin^2). Frequencies are integers
1..p//2. Key frequencies have a colour each, all others are grey.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from modaddlab.figures.marks import (
    EndLabel,
    Phase,
    color_scale,
    frequency_axis,
    heatmap,
    label_ends,
    mark_phases,
    name_keys,
    percent_axis,
    step_axis,
)
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


def by_frequency(norm_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The norms of the cosine and of the sine components: component norms (P,) -> two arrays (P//2,).

    For an even p the sine of p/2 does not exist; its place holds 0.
    """
    p = len(norm_P)
    cos_K = np.asarray(norm_P[1::2], float)
    sin_K = np.asarray(norm_P[2::2], float)
    return cos_K, np.append(sin_K, 0.0) if p % 2 == 0 else sin_K


SINE_ALPHA, BOTH_ALPHA = 0.6, 0.25
"""How strongly the bar of the sine and that of the frequency's norm are coloured beside the cosine's."""


def draw_spectrum(axes: Axes, norm_P: np.ndarray, keys: Sequence[int], parts: bool = False) -> None:
    """A bar per frequency, key frequencies in colour and named; with `parts` the cosine's and the sine's bar stand
    inside the bar of the frequency's norm."""
    colors = palette()
    cos_K, sin_K = by_frequency(norm_P)
    norm_K = np.hypot(cos_K, sin_K)
    frequency_K = np.arange(1, len(norm_K) + 1)
    by_key = frequency_colors(keys)
    color_K = [by_key.get(int(k), colors.muted) for k in frequency_K]
    if parts:
        pale_K = [(color, BOTH_ALPHA) for color in color_K]
        axes.bar(frequency_K, norm_K, width=0.84, color=pale_K, edgecolor=color_K, linewidth=0.5)
        axes.bar(frequency_K - 0.2, cos_K, width=0.36, color=color_K)
        axes.bar(frequency_K + 0.2, sin_K, width=0.36, color=color_K, alpha=SINE_ALPHA)
    else:
        axes.bar(frequency_K, norm_K, width=0.72, color=color_K)
    frequency_axis(axes, len(norm_K))
    axes.set_ylim(0, 1.14 * float(norm_K.max()))
    name_keys(axes, {key: float(norm_K[key - 1]) for key in by_key}, by_key)


def draw_control(axes: Axes, control_P: np.ndarray) -> None:
    """The spectrum of an untrained network as a dashed stepped line."""
    control_K = np.hypot(*by_frequency(control_P))
    edges = np.arange(len(control_K) + 1) + 0.5
    axes.stairs(control_K, edges, color=palette().ink, linewidth=1.1, linestyle=(0, (2, 1)), zorder=2.5, baseline=None)
    axes.set_ylim(0, max(axes.get_ylim()[1], 1.05 * float(control_K.max())))


@themed
def component_spectrum(
    norm_P: np.ndarray,
    keys: Sequence[int],
    *,
    control_P: np.ndarray | None = None,
    quantity: str = "norm of the Fourier components of $W_E$",
) -> Figure:
    """The norm of each frequency with its cosine and sine part.

    Args:
        norm_P: (P,) norms of the Fourier components in basis order; the constant is not drawn.
        keys: the key frequencies.
        control_P: (P,) the same of an untrained network, drawn as a stepped line.
        quantity: name of the y axis.
    """
    p = require_shape("norm_P", norm_P, "P")["P"]
    colors = palette()
    figure = new_figure(3.3)
    axes = figure.subplots()
    draw_spectrum(axes, norm_P, keys, parts=True)
    handles: list[Artist] = [
        Patch(color=colors.muted, label="cosine"),
        Patch(color=colors.muted, alpha=SINE_ALPHA, label="sine"),
        Patch(facecolor=(colors.muted, BOTH_ALPHA), edgecolor=colors.muted, label="both"),
    ]
    if control_P is not None:
        require_shape("control_P", control_P, "P", P=p)
        draw_control(axes, control_P)
        handles.append(Line2D([], [], color=colors.ink, linewidth=1.1, linestyle=(0, (2, 1)), label="both, untrained network"))
    figure.legend(handles=handles, loc="outside upper right", ncols=4, handlelength=1.2, handletextpad=0.5, columnspacing=1.4)
    axes.set_ylabel("\n".join(_wrap(quantity, 30)))
    return figure


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


@themed
def spectra_side_by_side(
    norms: Mapping[str, np.ndarray], keys: Mapping[str, Sequence[int]], *, columns: int = 2, quantity: str = "norm"
) -> Figure:
    """The spectra of several networks or matrices, one panel each.

    Args:
        norms: title -> (P,) norms of the Fourier components in basis order; p may differ between panels.
        keys: title -> key frequencies; colours go by rank within a panel.
        columns: panels in a row.
        quantity: name of the y axes.
    """
    rows = -(-len(norms) // columns)
    figure = new_figure(2.55 * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=False)
    for axes, (title, norm_P) in zip(panels.flat, norms.items(), strict=False):
        draw_spectrum(axes, norm_P, keys.get(title, ()))
        axes.set_title(title, pad=10)
    for axes in panels.flat[: len(norms) - columns]:
        axes.set_xlabel("")
    for axes in panels[:, 0]:
        axes.set_ylabel(quantity)
    for axes in panels.flat[len(norms) :]:
        axes.axis("off")
    return figure


def component_names(p: int) -> list[str]:
    """Names of the real Fourier components mod p in basis order: "1", "cos 1", "sin 1", ..."""
    return ["1", *[f"{'cos' if i % 2 else 'sin'} {(i + 1) // 2}" for i in range(1, p)]]


@themed
def logit_spectrum(norm_PP: np.ndarray, keys: Sequence[int], n_significant: int | None = None) -> Figure:
    """The logits in the 2D Fourier basis over (a, b): all p x p components, and beside them the constant and the keys, if any.

    Args:
        norm_PP: (P, P) norm over the outputs of each component, basis order along a (down) and b (across).
        keys: the key frequencies; their 2 x 2 blocks are framed.
        n_significant: how many components an analysis found significant, written above.
    """
    p = require_shape("norm_PP", norm_PP, "P P")["P"]
    colors = palette()
    by_key = frequency_colors(keys)
    ordered = sorted(by_key)
    names = component_names(p)
    figure = new_figure(4.5)
    left, *beside = figure.subplots(1, 2 if by_key else 1, squeeze=False)[0]
    highest = float(norm_PP.max())
    norm = LogNorm(highest * 1e-3, highest, clip=True)
    image = heatmap(left, norm_PP, colors.sequential, norm)
    halo = [withStroke(linewidth=2.8, foreground=colors.page)]
    for rank, (key, color) in enumerate(by_key.items()):
        left.plot(2 * key - 0.5, 2 * key - 0.5, "s", markersize=9, mfc="none", mec=color, mew=1.6, path_effects=halo)
        close = rank + 1 < len(ordered) and ordered[rank + 1] - key < 0.13 * p / 2
        side = -1 if close or key > 0.85 * p / 2 else 1
        left.annotate(
            str(key),
            (2 * key - 0.5, 2 * key - 0.5),
            xytext=(8 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            color=color,
            fontsize=10,
            fontweight="bold",
            path_effects=halo,
        )
    ticks = [0, *[2 * k - 0.5 for k in range(10, p // 2 + 1, 10 if p > 60 else 5)]]
    for axis in (left.xaxis, left.yaxis):
        axis.set_ticks(ticks, labels=["1", *[str(round((tick + 0.5) / 2)) for tick in ticks[1:]]])
    left.set_xlabel("frequency along b")
    left.set_ylabel("frequency along a")
    counted = "" if n_significant is None else f": {n_significant} significant"
    left.set_title(f"all {p}² components{counted}")
    chosen = [0, *[i for key in ordered for i in (2 * key - 1, 2 * key) if i < p]]  # the sign p/2 has no sine
    for right in beside:
        image = heatmap(right, norm_PP[np.ix_(chosen, chosen)], colors.sequential, norm)
        labels = [names[i] for i in chosen]
        right.set_xticks(range(len(chosen)), labels, rotation=90, fontsize=9)
        right.set_yticks(range(len(chosen)), labels, fontsize=9)
        for tick_labels in (right.get_xticklabels(), right.get_yticklabels()):
            for text in tick_labels[1:]:
                text.set_color(by_key[int(text.get_text().split()[1])])
        right.tick_params(length=0)
        right.set_title("the constant and the keys")
    color_scale(
        figure,
        image,
        [left, *beside],
        "norm of the component (log scale)",
        orientation="horizontal",
        aspect=45,
        pad=0.03,
        extend="min",
    )
    return figure


@themed
def sorted_components(
    norm_PP: np.ndarray, keys: Sequence[int], n_significant: int, published: Mapping[int, str], n_shown: int = 40
) -> Figure:
    """The largest two-dimensional components of the logits in order, coloured by key, and where rules and studies cut.

    Args:
        norm_PP: (P, P) norm over the outputs of each component, basis order along a and b; the constant is not drawn.
        keys: the key frequencies; a component belongs to one when both of its waves have that frequency.
        n_significant: how many our rule finds.
        published: number of components -> who reports it.
        n_shown: how many are drawn.
    """
    p = require_shape("norm_PP", norm_PP, "P P")["P"]
    colors = palette()
    by_key = frequency_colors(keys)
    order = np.argsort(-norm_PP.ravel(), kind="stable")
    order = order[order != 0][:n_shown]
    frequency_a, frequency_b = (order // p + 1) // 2, (order % p + 1) // 2
    inks = [by_key.get(int(i), colors.muted) if i == j else colors.muted for i, j in zip(frequency_a, frequency_b, strict=True)]
    figure = new_figure(3.4)
    axes = figure.subplots()
    rank = np.arange(1, len(order) + 1)
    heights = norm_PP.ravel()[order]
    axes.vlines(rank, float(heights.min()) * 0.5, heights, color=inks, linewidth=1.2, alpha=0.8)
    axes.scatter(rank, heights, c=inks, s=22, zorder=2)
    axes.set_yscale("log")
    axes.set_ylim(float(heights.min()) * 0.5, float(heights.max()) * 3)
    axes.set_xlim(0, len(order) + 1)
    for count, text, ink in [(n_significant, "our rule", colors.ink), *((n, who, colors.muted) for n, who in published.items())]:
        axes.axvline(count + 0.5, color=ink, linewidth=1.0, dashes=(4, 3), zorder=1)
        axes.annotate(
            f"{count}: {text}",
            (count + 0.5, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3) if ink == colors.ink else (0, 2),
            textcoords="offset points",
            ha="left" if ink == colors.ink else "center",
            va="top" if ink == colors.ink else "bottom",
            fontsize=9,
            color=ink,
        )
    axes.set_xlabel("components of the logits, largest first")
    axes.set_ylabel("norm (log scale)")
    handles = [Patch(color=color, label=f"k = {key}") for key, color in by_key.items()]
    figure.legend(
        handles=[*handles, Patch(color=colors.muted, label="other")], loc="outside upper left", ncols=8, handlelength=0.9
    )
    return figure


@themed
def key_rules(
    scores: Mapping[str, np.ndarray], found: Mapping[str, Sequence[int]], keys: Sequence[int], cuts: Mapping[str, float]
) -> Figure:
    """What each rule for the key frequencies looks at, one row each, the frequencies that it finds named.

    Args:
        scores: rule -> (K,) its score of each frequency, such as norms or votes.
        found: rule -> the frequencies that it finds.
        keys: the key frequencies; another one that a rule finds is named in the ink.
        cuts: rule -> the score above which a frequency is found, for rules that have one.

    Raises:
        ValueError: there is no rule.
    """
    if not scores:
        raise ValueError("scores must hold at least one rule, found none")
    colors = palette()
    by_key = frequency_colors(keys)
    figure = new_figure(1.42 * len(scores) + 0.55)
    panels = figure.subplots(len(scores), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (rule, score_K) in zip(panels, scores.items(), strict=True):
        frequency_K = np.arange(1, len(score_K) + 1)
        named = {int(k): by_key.get(int(k), colors.ink) for k in sorted(found[rule])}
        axes.bar(frequency_K, score_K, width=0.72, color=[named.get(int(k), colors.muted) for k in frequency_K])
        frequency_axis(axes, len(score_K), "frequency k" if axes is panels[-1] else "")
        axes.set_ylim(0, 1.2 * float(np.max(score_K)))
        name_keys(axes, {k: float(score_K[k - 1]) for k in named}, named)
        if rule in cuts and np.isfinite(cuts[rule]):
            axes.axhline(cuts[rule], color=colors.ink, linewidth=0.9, dashes=(4, 3))
        axes.set_title(rule, fontsize=10, pad=7)
        axes.tick_params(labelbottom=axes is panels[-1])
    return figure


@themed
def spectrum_over_training(
    step_T: np.ndarray,
    energy_TK: np.ndarray,
    keys: Sequence[int],
    *,
    phases: Iterable[Phase | tuple[str, float, float]] = (),
    quantity: str = "share of the energy of $W_E$",
) -> Figure:
    """Each frequency's share of the energy over training: a strip for every frequency above the curves of the keys.

    Args:
        step_T: (T,) saved steps.
        energy_TK: (T, K) squared norm per frequency 1..K.
        keys: the key frequencies of the final network.
        phases: (name, first step, last step) in order.
        quantity: what the share is of.
    """
    sizes = require_shape("energy_TK", energy_TK, "T K", T=len(step_T))
    colors = palette()
    by_key = frequency_colors(keys)
    energy_TK = np.asarray(energy_TK, float)
    share_TK = energy_TK / energy_TK.sum(axis=1, keepdims=True)
    figure = new_figure(6.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    step_axis(bottom, step_T)
    highest = float(share_TK.max())
    shown = np.linspace(step_T[0], step_T[-1], 300)
    nearest = np.argmin(np.abs(np.asarray(step_T, float)[:, None] - shown), axis=0)
    strip = heatmap(
        top,
        share_TK[nearest].T[::-1],
        colors.sequential,
        LogNorm(max(highest * 1e-3, 1e-12), highest, clip=True),
        extent=(float(step_T[0]), float(step_T[-1]), 0.5, sizes["K"] + 0.5),
        aspect="auto",
    )
    top.set_yticks([1, *range(10, sizes["K"] + 1, 10)] if sizes["K"] > 12 else range(1, sizes["K"] + 1))
    top.set_ylabel("frequency k")
    label_ends(top, [EndLabel(key, str(key), color) for key, color in by_key.items()])
    others = [k - 1 for k in range(1, sizes["K"] + 1) if k not in by_key]
    if others:
        low_T, high_T = share_TK[:, others].min(axis=1), share_TK[:, others].max(axis=1)
        bottom.fill_between(step_T, low_T, high_T, color=colors.muted, alpha=0.45, linewidth=0)
    for key, color in by_key.items():
        bottom.plot(step_T, share_TK[:, key - 1], color=color)
    bottom.set_ylim(0, 1.08 * highest)
    ends = [EndLabel(float(share_TK[-1, key - 1]), str(key), color) for key, color in by_key.items()]
    if others:
        ends.append(EndLabel(float(share_TK[-1, others].max()), "others", colors.muted))
    label_ends(bottom, ends)
    bottom.set_ylabel("share")
    percent_axis(bottom.yaxis)
    color_scale(
        figure,
        strip,
        [top, bottom],
        quantity + " (log scale)",
        extend="min",
        orientation="horizontal",
        location="bottom",
        aspect=45,
        pad=0.02,
    )
    mark_phases([top, bottom], phases)
    return figure
