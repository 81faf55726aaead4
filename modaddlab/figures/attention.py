"""Attention from "=" to the two numbers: per head as a function of the token, over all pairs, and its frequencies.

A head's attention from "=" to a depends on a and, through the softmax, on b. Averaged over b it is a function of a alone, and in
a network that generalizes it is close to a single wave: each head has a frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from modaddlab.figures.marks import color_scale, frequency_axis, heatmap, name_keys, residue_ticks
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


@themed
def attention_by_token(
    pattern_nPP: np.ndarray,
    frequencies: Sequence[int],
    fve: Sequence[float],
    keys: Sequence[int],
    *,
    fit_nP: np.ndarray | None = None,
) -> Figure:
    """Each head's attention from "=" to a: the mean over b as points, all b as a band, the wave that fits as a line.

    Args:
        pattern_nPP: (heads, P, P) attention from "=" to a, for a down and b across; fractions.
        frequencies: each head's best frequency.
        fve: the fraction of variance of the mean that this frequency explains.
        keys: the key frequencies.
        fit_nP: (heads, P) the fitted wave.
    """
    sizes = require_shape("pattern_nPP", pattern_nPP, "n P P", n=len(frequencies))
    p = sizes["P"]
    colors = palette()
    by_key = frequency_colors(keys)
    columns = 2
    rows = -(-sizes["n"] // columns)
    figure = new_figure(2.15 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    token_P = np.arange(p)
    for head, axes in enumerate(panels.flat[: sizes["n"]]):
        color = by_key.get(int(frequencies[head]), colors.muted)
        table_PP = pattern_nPP[head]
        axes.fill_between(token_P, table_PP.min(axis=1), table_PP.max(axis=1), color=color, alpha=0.2, linewidth=0)
        if fit_nP is not None:
            axes.plot(token_P, fit_nP[head], color=color, linewidth=1.2)
        axes.plot(token_P, table_PP.mean(axis=1), "o", color=color, markersize=2.6)
        axes.set_title(f"head {head}: k = {frequencies[head]}, {fve[head]:.1%} of variance", fontsize=10, color=color)
        axes.set_xticks(residue_ticks(p, 4))
    panels[0, 0].set_ylim(0, 1)
    panels[0, 0].set_xlim(-1, p)
    for axes in panels[:, 0]:
        axes.set_ylabel("attention to a")
    for axes in panels[-1]:
        axes.set_xlabel("token a")
    for axes in panels.flat[sizes["n"] :]:
        axes.axis("off")
    return figure


@themed
def attention_spectra(norm_nK: np.ndarray, keys: Sequence[int]) -> Figure:
    """The spectrum of each head's attention to a as a function of a.

    Args:
        norm_nK: (heads, K) norm per frequency of the attention averaged over b.
        keys: the key frequencies.
    """
    sizes = require_shape("norm_nK", norm_nK, "n K")
    colors = palette()
    by_key = frequency_colors(keys)
    columns = 2
    rows = -(-sizes["n"] // columns)
    figure = new_figure(1.75 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    frequency_K = np.arange(1, sizes["K"] + 1)
    highest = 1.2 * float(norm_nK.max())
    for head, axes in enumerate(panels.flat[: sizes["n"]]):
        norm_K = norm_nK[head]
        axes.bar(frequency_K, norm_K, width=0.72, color=[by_key.get(int(k), colors.muted) for k in frequency_K])
        frequency_axis(axes, sizes["K"], "" if head < sizes["n"] - columns else "frequency k")
        axes.set_ylim(0, highest)
        best = int(np.argmax(norm_K)) + 1
        if best in by_key:
            name_keys(axes, {best: float(norm_K[best - 1])}, by_key)
        axes.set_title(f"head {head}", fontsize=10, pad=4)
    for axes in panels[:, 0]:
        axes.set_ylabel("norm")
    for axes in panels.flat[sizes["n"] :]:
        axes.axis("off")
    return figure


@themed
def attention_patterns(pattern_nPP: np.ndarray) -> Figure:
    """Each head's attention from "=" to a over all pairs (a, b).

    Args:
        pattern_nPP: (heads, P, P) attention from "=" to a, for a down and b across; fractions.
    """
    sizes = require_shape("pattern_nPP", pattern_nPP, "n P P")
    columns = min(sizes["n"], 4)
    rows = -(-sizes["n"] // columns)
    figure = new_figure(6.4 / columns * rows + 0.75)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    norm = Normalize(0, 1)
    for head, axes in enumerate(panels.flat[: sizes["n"]]):
        image = heatmap(axes, pattern_nPP[head], palette().sequential, norm)
        axes.set_title(f"head {head}", fontsize=10)
        axes.set_xticks(residue_ticks(sizes["P"], 2))
        axes.set_yticks(residue_ticks(sizes["P"], 2))
    for axes in panels[-1]:
        axes.set_xlabel("b")
    for axes in panels[:, 0]:
        axes.set_ylabel("a", rotation=0, va="center")
    for axes in panels.flat[sizes["n"] :]:
        axes.axis("off")
    color_scale(figure, image, list(panels.flat), "attention to a", aspect=20)
    return figure
