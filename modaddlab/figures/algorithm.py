"""The algorithm at work on a network's own numbers: circles, the trigonometric identity, waves that interfere.

The network holds a and b as points on circles, angle w_k a for each key frequency, w_k = 2 pi k / p. The neurons make products
of the coordinates, and by cos(w a) cos(w b) - sin(w a) sin(w b) = cos(w (a + b)) they combine to the point at the angle of
the sum. The logit of c is a sum of cos(w_k (a + b - c)) over the keys: all of them peak at c = a + b mod p, and nowhere else
together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from modaddlab.figures.marks import color_scale, heatmap, outer_labels, percent, residue_ticks, unwrap
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


def draw_circle(axes: Axes, point_P2: np.ndarray, residue_P: np.ndarray, p: int, size: float = 14) -> None:
    """Points coloured by residue about a centred cross, with equal scales and no ticks."""
    colors = palette()
    reach = 1.12 * float(np.abs(point_P2).max())
    axes.axhline(0, color=colors.rule, linewidth=0.8, zorder=0)
    axes.axvline(0, color=colors.rule, linewidth=0.8, zorder=0)
    axes.scatter(
        point_P2[:, 0],
        point_P2[:, 1],
        c=residue_P,
        cmap=colors.cyclic,
        vmin=0,
        vmax=p - 1,
        s=size,
        linewidths=0,
        zorder=2,
        rasterized=len(point_P2) > 1000,
    )
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _circle_panels(points: Mapping[int, np.ndarray], residue: np.ndarray, p: int, what: str, size: float) -> Figure:
    """A panel per key; points (N, 2) of residues (N,), coloured by the place k r mod p that the key gives them."""
    by_key = frequency_colors(list(points))
    columns = 4 if len(points) == 4 else min(3, len(points))
    rows = -(-len(points) // columns)
    figure = new_figure(7.0 / max(columns, 3) * rows + 1.1, compressed=True)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, (key, point) in zip(panels.flat, points.items(), strict=False):
        draw_circle(axes, point, residue * key % p, p, size)
        axes.set_title(f"k = {key}", color=by_key[key], fontweight="bold", loc="center")
        axes.set_xlabel("cosine direction", fontsize=10)
    for axes in panels[:, 0]:
        axes.set_ylabel("sine direction", fontsize=10)
    for axes in panels.flat[len(points) :]:
        axes.axis("off")
    scale = panels[0, 0].collections[0]
    bar = color_scale(figure, scale, list(panels.flat), what, orientation="horizontal", aspect=45, pad=0.03)
    bar.set_ticks(residue_ticks(p))
    return figure


@themed
def embedding_circles(points: Mapping[int, np.ndarray]) -> Figure:
    """For each key frequency the residues' embeddings, projected on the directions that carry its cosine and sine.

    The colour is the place k a mod p that a residue should have: on a good circle the hues go round once.

    Args:
        points: key frequency -> (P, 2) coordinates of the residues along the cosine and the sine direction.

    Raises:
        ValueError: there is no key frequency.
    """
    p = require_shape("points", _first(points), "P 2")["P"]
    return _circle_panels(points, np.arange(p), p, "k · a mod p", 16)


@themed
def sum_circles(points: Mapping[int, np.ndarray], n_shown: int = 1500) -> Figure:
    """For each key frequency the pairs' points along u_k and v_k: all pairs with one sum should meet in one of p places.

    The colour is the place k (a + b) mod p that the sum should have.

    Args:
        points: key frequency -> (P, P, 2) coordinates of the pairs along u_k and v_k, a first.
        n_shown: how many pairs are drawn, the same random ones each time.

    Raises:
        ValueError: there is no key frequency.
    """
    p = require_shape("points", _first(points), "P P 2")["P"]
    drawn = np.sort(np.random.default_rng(0).permutation(p * p)[:n_shown])
    residue = (np.add.outer(np.arange(p), np.arange(p)) % p).ravel()[drawn]
    shown = {key: np.asarray(point).reshape(p * p, 2)[drawn] for key, point in points.items()}
    return _circle_panels(shown, residue, p, "k · (a + b) mod p", 5)


def _first(points: Mapping[int, np.ndarray]) -> np.ndarray:
    if not points:
        raise ValueError("points must hold at least one key frequency, found none")
    return next(iter(points.values()))


@themed
def trigonometric_identity(
    cos_cos_PP: np.ndarray, sin_sin_PP: np.ndarray, network_PP: np.ndarray, key: int, *, unwrapped: bool = True
) -> Figure:
    """Two products that the network has made, their sum, and what the network holds in this direction.

    Args:
        cos_cos_PP: (P, P) the part of network_PP along cos(w a) cos(w b), a down, b across.
        sin_sin_PP: (P, P) its part along sin(w a) sin(w b), with its sign, negative for the identity.
        network_PP: (P, P) the network's value, such as u_k . MLP(a, b), without its mean.
        key: the frequency k.
        unwrapped: reorder the residues by their angle on the circle of k, so that each table shows one period.
    """
    sizes = require_shape("network_PP", network_PP, "P P")
    require_shape("cos_cos_PP", cos_cos_PP, "P P", **sizes)
    require_shape("sin_sin_PP", sin_sin_PP, "P P", **sizes)
    p = sizes["P"]
    colors = palette()
    summed_PP = cos_cos_PP + sin_sin_PP
    explained = 1 - np.var(network_PP - summed_PP) / np.var(network_PP)
    figure = new_figure(6.25, compressed=True)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    reach = float(max(np.abs(network_PP).max(), np.abs(summed_PP).max()))
    for axes, values_PP, title in zip(
        panels.flat,
        (cos_cos_PP, sin_sin_PP, summed_PP, network_PP),
        (
            r"part along $\cos(\omega a)\,\cos(\omega b)$",
            r"part along $\sin(\omega a)\,\sin(\omega b)$",
            r"their sum: $\cos(\omega(a+b))$",
            f"the network: {percent(float(explained), 1)} explained",
        ),
        strict=True,
    ):
        shown_PP = unwrap(values_PP, key) if unwrapped else values_PP
        image = heatmap(axes, shown_PP, colors.diverging, Normalize(-reach, reach))
        axes.set_title(title)
        axes.set_xticks(residue_ticks(p))
        axes.set_yticks(residue_ticks(p))
    for axes in panels[1]:
        axes.set_xlabel(f"{key}·b mod {p}" if unwrapped else "b")
    for axes in panels[:, 0]:
        axes.set_ylabel(f"{key}·a mod {p}" if unwrapped else "a")
    color_scale(figure, image, list(panels.flat), f"value in the direction of k = {key}", aspect=40)
    return figure


@themed
def logits_as_waves(wave_KC: np.ndarray, logits_C: np.ndarray, keys: Sequence[int], a: int, b: int) -> Figure:
    """The logits of one pair as a sum of one cosine per key frequency, which peak together only at c = a + b.

    Args:
        wave_KC: (K, C) each key's part of the logits over the outputs c.
        logits_C: (C,) the network's logits without their mean over c.
        keys: the key frequencies, in the order of wave_KC.
        a, b: the pair.
    """
    p = require_shape("logits_C", logits_C, "C")["C"]
    require_shape("wave_KC", wave_KC, "K C", K=len(keys), C=p)
    colors = palette()
    by_key = frequency_colors(keys)
    right = (a + b) % p
    figure = new_figure(0.62 * len(keys) + 3.2)
    panels = figure.subplots(len(keys) + 1, 1, sharex=True, height_ratios=[1] * len(keys) + [3.4])
    output_C = np.arange(p)
    fine = np.linspace(0, p - 1, 16 * p)
    reach = 1.15 * float(np.abs(wave_KC).max())
    for axes, row in zip(panels, np.argsort(np.asarray(keys)), strict=False):
        key, wave_C = int(keys[row]), wave_KC[row]
        coefficient = 2 / p * np.sum(wave_C * np.exp(-2j * np.pi * key * output_C / p))
        if p % 2 == 0 and key == p // 2:
            coefficient /= 2
        between = np.real(coefficient * np.exp(2j * np.pi * key * fine / p))
        axes.plot(fine, between, color=by_key[key], linewidth=0.9, alpha=0.85)
        axes.plot(output_C, wave_C, "o", color=by_key[key], markersize=2.2)
        axes.set_ylim(-reach, reach)
        axes.set_yticks([0], [f"k = {key}"])
        axes.get_yticklabels()[0].set_color(by_key[key])
        axes.get_yticklabels()[0].set_fontweight("bold")
        axes.tick_params(axis="both", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    last = panels[-1]
    last.bar(output_C, logits_C, width=0.8, color=[colors.ink if c == right else colors.control for c in output_C])
    last.plot(output_C, wave_KC.sum(axis=0), "o", color=colors.ink, markersize=2.4)
    last.axhline(0, color=colors.muted, linewidth=0.6)
    last.set_ylabel("logit of c")
    last.set_xlabel("output c   (bars: the network; dots: the sum of the waves)")
    last.set_xticks(residue_ticks(p, 6))
    last.set_xlim(-0.8, p - 0.2)
    for axes in panels[:-1]:
        axes.axvline(right, color=colors.ink, linewidth=1.0, dashes=(3, 2.5), zorder=0.5)
    panels[0].annotate(
        f"c = {a} + {b} = {right} mod {p}",
        (right, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center" if 0.25 < right / p < 0.75 else ("left" if right / p <= 0.25 else "right"),
        va="bottom",
        fontsize=10,
        annotation_clip=False,
    )
    return figure


@themed
def correct_logit_margin(margin_C: np.ndarray) -> Figure:
    """How far the logit of a + b stands above that of a + b + d, on the mean over the pairs, for each offset d.

    Args:
        margin_C: (C,) the mean margin for d = 0..p-1; 0 at d = 0. Offsets beyond p/2 are drawn as negative ones.
    """
    p = require_shape("margin_C", margin_C, "C")["C"]
    colors = palette()
    figure = new_figure(3.1)
    axes = figure.subplots()
    offset_C = (np.arange(p) + p // 2) % p - p // 2
    smallest = float(np.min(margin_C[1:]))
    axes.bar(offset_C, margin_C, width=0.8, color=[colors.ink if m == smallest else colors.control for m in margin_C])
    axes.axhline(0, color=colors.muted, linewidth=0.6)
    axes.set_xlim(-(p // 2) - 0.8, p // 2 + 0.8)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("offset d from the right answer")
    axes.set_ylabel("mean margin (logits)")
    axes.set_title(f"smallest margin: {smallest:.3g}", fontsize=10)
    return figure


@themed
def amplitude_by_difference(
    amplitude_P: Mapping[int, np.ndarray], without_P: Mapping[int, np.ndarray], keys: Sequence[int]
) -> Figure:
    """How tall a key's wave is for pairs of each difference: flat when only the sum matters, |cos| when it is rectified only.

    Args:
        amplitude_P: key -> (P,) amplitude over d = a - b, in logits; a panel each.
        without_P: key -> the same with the overtone 2k taken out of the embedding.
        keys: the key frequencies, for the colours.

    Raises:
        ValueError: there is no key.
    """
    p = len(_first(amplitude_P))
    colors = palette()
    by_key = frequency_colors(keys)
    columns = min(2, len(amplitude_P))
    rows = -(-len(amplitude_P) // columns)
    figure = new_figure(1.85 * rows + 0.75)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    turn_P = (np.arange(p) + p // 2) % p - p // 2
    order = np.argsort(turn_P)
    for axes, (key, height_P) in zip(panels.flat, amplitude_P.items(), strict=False):
        color = by_key.get(key, colors.muted)
        bare_P = unwrap(without_P[key], key, n_axes=1)[order]
        shown_P = unwrap(height_P, key, n_axes=1)[order]
        cosine_P = np.abs(np.cos(np.pi * turn_P[order] / p))
        axes.plot(turn_P[order], bare_P.max() * cosine_P, color=colors.muted, linewidth=1.2, dashes=(3, 2))
        axes.plot(turn_P[order], bare_P, "o", mfc="none", mec=color, mew=0.8, markersize=3.2)
        axes.plot(turn_P[order], shown_P, "o", color=color, markersize=3)
        axes.set_ylim(0, 1.14 * max(float(shown_P.max()), float(bare_P.max())))
        axes.set_title(f"k = {key}", color=color, fontweight="bold", fontsize=10, pad=3)
        axes.set_xlim(-p / 2 - 0.5, p / 2 + 0.5)
    for axes in panels.flat[: len(amplitude_P)]:
        axes.set_xticks([-(p // 2), 0, p // 2], ["opposite", "same place", "opposite"])
        for tick, side in zip(axes.xaxis.get_major_ticks(), ("left", "center", "right"), strict=False):
            tick.label1.set_horizontalalignment(side)
    for axes in panels[:, 0]:
        axes.set_ylabel("amplitude")
    outer_labels(panels, len(amplitude_P), "where a and b are on the circle of k")
    handles = [
        Line2D([], [], marker="o", color=colors.norm, linestyle="none", markersize=4, label="network"),
        Line2D([], [], marker="o", mfc="none", mec=colors.norm, linestyle="none", markersize=4, label="without the overtone 2k"),
        Line2D([], [], color=colors.muted, linewidth=1.2, linestyle=(0, (3, 2)), label="|cos|: no products"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, handletextpad=0.4, columnspacing=1.4)
    return figure
