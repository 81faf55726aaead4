"""The algorithm at work on a network's own numbers: circles, the trigonometric identity, waves that interfere.

The network holds a and b as points on circles, angle w_k a for each key frequency, w_k = 2 pi k / p. The neurons make products
of the coordinates, and by cos(w a) cos(w b) - sin(w a) sin(w b) = cos(w (a + b)) they combine to the point at the angle of
the sum. The logit of c is a sum of cos(w_k (a + b - c)) over the keys: all of them peak at c = a + b mod p and nowhere else together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from modaddlab.figures.marks import EndLabel, color_scale, heatmap, label_ends, residue_ticks
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


def _circle_panels(points: Mapping[int, np.ndarray], residue_P: np.ndarray, p: int, what: str, size: float) -> Figure:
    by_key = frequency_colors(list(points))
    columns = 3 if len(points) > 2 else max(len(points), 1)
    rows = -(-len(points) // columns)
    figure = new_figure(2.35 * rows + 0.75)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, (key, point_P2) in zip(panels.flat, points.items(), strict=False):
        draw_circle(axes, point_P2, residue_P, p, size)
        axes.set_title(f"k = {key}", color=by_key[key], fontweight="bold", loc="center")
    for axes in panels.flat[len(points) :]:
        axes.axis("off")
    scale = panels.flat[0].collections[0]
    bar = color_scale(figure, scale, list(panels.flat), what, orientation="horizontal", aspect=45, pad=0.03)
    bar.set_ticks(residue_ticks(p))
    for axes in panels[:, 0]:
        axes.set_ylabel("sine part")
    for axes in panels[-1]:
        axes.set_xlabel("cosine part")
    return figure


@themed
def embedding_circles(points: Mapping[int, np.ndarray]) -> Figure:
    """For each key frequency the residues' embeddings, projected on the directions that carry its cosine and sine.

    Args:
        points: key frequency -> (P, 2) coordinates of the residues along the cosine and the sine direction.
    """
    first = next(iter(points.values()))
    p = require_shape("points", first, "P 2")["P"]
    return _circle_panels(points, np.arange(p), p, "residue", 16)


@themed
def sum_circles(points: Mapping[int, np.ndarray]) -> Figure:
    """For each key frequency every pair's point along u_k and v_k, coloured by a + b: p * p points fall on p places of a circle.

    Args:
        points: key frequency -> (P, P, 2) coordinates of the pairs along u_k and v_k.
    """
    first = next(iter(points.values()))
    p = require_shape("points", first, "P P 2")["P"]
    residue = np.add.outer(np.arange(p), np.arange(p)) % p
    flat = {key: np.asarray(point).reshape(p * p, 2) for key, point in points.items()}
    return _circle_panels(flat, residue.ravel(), p, "(a + b) mod p", 3)


@themed
def trigonometric_identity(cos_cos_PP: np.ndarray, sin_sin_PP: np.ndarray, network_PP: np.ndarray, key: int) -> Figure:
    """Two products that the network has made, their sum, and what the network holds in this direction.

    Args:
        cos_cos_PP: (P, P) the part of network_PP along cos(w a) cos(w b), a down, b across.
        sin_sin_PP: (P, P) its part along sin(w a) sin(w b), with its sign, negative for the identity.
        network_PP: (P, P) the network's value, such as u_k . MLP(a, b), without its mean.
        key: the frequency k.
    """
    sizes = require_shape("network_PP", network_PP, "P P")
    require_shape("cos_cos_PP", cos_cos_PP, "P P", **sizes)
    require_shape("sin_sin_PP", sin_sin_PP, "P P", **sizes)
    p = sizes["P"]
    colors = palette()
    summed_PP = cos_cos_PP + sin_sin_PP
    explained = 1 - np.var(network_PP - summed_PP) / np.var(network_PP)
    figure = new_figure(6.7)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    reach = float(max(np.abs(network_PP).max(), np.abs(summed_PP).max()))
    for axes, values, title in zip(
        panels.flat,
        (cos_cos_PP, sin_sin_PP, summed_PP, network_PP),
        (
            r"part along $\cos(wa)\,\cos(wb)$",
            r"part along $\sin(wa)\,\sin(wb)$",
            r"their sum: $\cos(w(a+b))$",
            f"the network itself: {explained:.1%} explained",
        ),
        strict=True,
    ):
        image = heatmap(axes, values, colors.diverging, Normalize(-reach, reach))
        axes.set_title(title)
        axes.set_xticks(residue_ticks(p))
        axes.set_yticks(residue_ticks(p))
    for axes in panels[1]:
        axes.set_xlabel("b")
    for axes in panels[:, 0]:
        axes.set_ylabel("a", rotation=0, labelpad=8, va="center")
    color_scale(figure, image, list(panels.flat), f"value in the direction of k = {key}", aspect=40)
    return figure


@themed
def values_by_sum(u_PP: np.ndarray, v_PP: np.ndarray, key: int) -> Figure:
    """What the network holds along u_k and v_k as a function of a + b: the mean over the p pairs of each sum, and their range.

    Args:
        u_PP: (P, P) u_k . MLP(a, b), for cos(w_k (a + b)); without its mean.
        v_PP: (P, P) v_k . MLP(a, b), for sin(w_k (a + b)); without its mean.
        key: the frequency k.
    """
    p = require_shape("u_PP", u_PP, "P P")["P"]
    require_shape("v_PP", v_PP, "P P", P=p)
    colors = palette()
    rows = np.arange(p)
    figure = new_figure(3.6)
    top, bottom = figure.subplots(2, 1, sharex=True, sharey=True)
    for axes, values_PP, function, text in ((top, u_PP, np.cos, "cos"), (bottom, v_PP, np.sin, "sin")):
        by_sum_PP = np.stack([values_PP[rows, (total - rows) % p] for total in range(p)])
        mean_P = by_sum_PP.mean(axis=1)
        wave_P = function(2 * np.pi * key * rows / p)
        wave_P = wave_P * float(mean_P @ wave_P) / float(wave_P @ wave_P)
        axes.fill_between(rows, by_sum_PP.min(axis=1), by_sum_PP.max(axis=1), color=colors.norm, alpha=0.25, linewidth=0)
        axes.plot(rows, wave_P, color=colors.muted, linewidth=1)
        axes.plot(rows, mean_P, "o", color=colors.ink, markersize=3)
        axes.set_ylabel(f"{'u' if text == 'cos' else 'v'}$_{{{key}}}$ · MLP")
        axes.set_title(f"points: mean over the pairs; band: all pairs; line: {text}(w(a + b))", fontsize=10)
    bottom.set_xlabel("(a + b) mod p")
    bottom.set_xticks(residue_ticks(p, 6))
    bottom.set_xlim(-0.5, p - 0.5)
    return figure


@themed
def logits_as_waves(
    wave_KC: np.ndarray, logits_C: np.ndarray, keys: Sequence[int], a: int, b: int
) -> Figure:
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
    figure = new_figure(0.62 * len(keys) + 3.0)
    panels = figure.subplots(len(keys) + 1, 1, sharex=True, height_ratios=[1] * len(keys) + [3.4])
    output_C = np.arange(p)
    reach = 1.15 * float(np.abs(wave_KC).max())
    order = np.argsort(np.asarray(keys))
    for axes, row in zip(panels, order, strict=False):
        key = int(keys[row])
        axes.plot(output_C, wave_KC[row], color=by_key[key])
        axes.set_ylim(-reach, reach)
        axes.set_yticks([0], [f"k = {key}"])
        axes.get_yticklabels()[0].set_color(by_key[key])
        axes.get_yticklabels()[0].set_fontweight("bold")
        axes.tick_params(axis="both", length=0)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
    last = panels[-1]
    last.plot(output_C, logits_C, color=colors.muted, linewidth=3.6, alpha=0.55)
    last.plot(output_C, wave_KC.sum(axis=0), color=colors.ink, linewidth=1.3)
    last.set_ylabel("logit of c")
    last.set_xlabel("output c")
    last.set_xticks(residue_ticks(p, 6))
    last.set_xlim(-0.5, p - 0.5)
    label_ends(
        last,
        [
            EndLabel(float(logits_C[-1]), "network", colors.muted),
            EndLabel(float(wave_KC[:, -1].sum()), "sum of waves", colors.ink),
        ],
    )
    for axes in panels:
        axes.axvline(right, color=colors.test, linewidth=1.2, dashes=(3, 2.5), zorder=0.5)
    panels[0].annotate(
        f"c = {a} + {b} = {right} mod {p}",
        (right, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center" if 0.25 < right / p < 0.75 else ("left" if right / p <= 0.25 else "right"),
        va="bottom",
        fontsize=10,
        color=colors.test,
        annotation_clip=False,
    )
    return figure


@themed
def correct_logit_margin(margin_C: np.ndarray, keys: Sequence[int]) -> Figure:
    """How far the logit of a + b stands above the logit of a + b + d, averaged over all pairs, for each offset d.

    Args:
        margin_C: (C,) mean logit of the output a + b + d mod p for d = 0..p-1.
        keys: the key frequencies, named in the title.
    """
    p = require_shape("margin_C", margin_C, "C")["C"]
    colors = palette()
    figure = new_figure(3.0)
    axes = figure.subplots()
    offset_C = (np.arange(p) + p // 2) % p - p // 2
    order = np.argsort(offset_C)
    axes.axvline(0, color=colors.test, linewidth=1.2, dashes=(3, 2.5))
    axes.plot(offset_C[order], margin_C[order], color=colors.ink)
    axes.set_xlabel("offset d of the output from a + b")
    axes.set_ylabel("mean logit")
    axes.set_title("keys " + ", ".join(str(key) for key in sorted(keys)))
    return figure
