"""Attention from "=" to the two numbers: per head as a function of the token, over all pairs, and its frequencies.

A head's attention from "=" to a depends on a and, through the softmax, on b. Averaged over b it is a function of a alone, and in
a network that generalizes it is close to a single wave: each head has a frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from modaddlab.figures.marks import color_scale, frequency_axis, heatmap, name_keys, outer_labels, residue_ticks, unwrap
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


@themed
def attention_by_token(
    pattern_PPn: np.ndarray,
    frequencies: Sequence[int],
    fve: Sequence[float],
    keys: Sequence[int],
    *,
    fit_Pn: np.ndarray | None = None,
) -> Figure:
    """Each head's attention from "=" to a, against a and against the angle of a on the circle of the head's frequency.

    Dots are means over b, bars the range over b. On the right the residues are reordered so that the head's wave is one period.

    Args:
        pattern_PPn: (P, P, heads) attention from "=" to a, for a first and b second; fractions.
        frequencies: each head's best frequency.
        fve: the fraction of variance of the mean that this frequency explains.
        keys: the key frequencies.
        fit_Pn: (P, heads) the fitted wave, drawn on the right.
    """
    sizes = require_shape("pattern_PPn", pattern_PPn, "P P n", n=len(frequencies))
    p = sizes["P"]
    colors = palette()
    by_key = frequency_colors(keys)
    figure = new_figure(1.62 * sizes["n"] + 0.6)
    panels = figure.subplots(sizes["n"], 2, squeeze=False, sharex=True, sharey=True)
    token_P = np.arange(p)
    for head, (left, right) in enumerate(panels):
        frequency = int(frequencies[head])
        color = by_key.get(frequency, colors.muted)
        table_PP = pattern_PPn[:, :, head]
        for axes, shown_PP in ((left, table_PP), (right, unwrap(table_PP, frequency, n_axes=1))):
            axes.vlines(token_P, shown_PP.min(axis=1), shown_PP.max(axis=1), color=color, alpha=0.3, linewidth=1.2)
            axes.plot(token_P, shown_PP.mean(axis=1), "o", color=color, markersize=2.4)
        if fit_Pn is not None:
            right.plot(token_P, unwrap(fit_Pn[:, head], frequency, n_axes=1), color=colors.ink, linewidth=1.1)
        left.set_title(f"head {head}", fontsize=10, color=color, pad=4)
        right.set_title(f"k = {frequency}: {fve[head]:.1%} of the variance", fontsize=10, color=color, pad=4)
        left.set_ylabel("attention to a")
    panels[0, 0].set_ylim(0, 1)
    panels[0, 0].set_yticks([0, 0.5, 1])
    panels[0, 0].set_xlim(-1, p)
    panels[0, 0].set_xticks(residue_ticks(p, 4))
    panels[-1, 0].set_xlabel("a")
    panels[-1, 1].set_xlabel("k · a mod p")
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
        frequency_axis(axes, sizes["K"])
        axes.set_ylim(0, highest)
        best = int(np.argmax(norm_K)) + 1
        if best in by_key:
            name_keys(axes, {best: float(norm_K[best - 1])}, by_key)
        axes.set_title(f"head {head}", fontsize=10, pad=4)
    for axes in panels[:, 0]:
        axes.set_ylabel("norm")
    outer_labels(panels, sizes["n"], "frequency k")
    return figure


@themed
def attention_patterns(pattern_PPn: np.ndarray, frequencies: Sequence[int] | None = None, window: int | None = None) -> Figure:
    """Each head's attention from "=" to a over all pairs (a, b).

    Args:
        pattern_PPn: (P, P, heads) attention from "=" to a, a down and b across; fractions.
        frequencies: each head's frequency; if given, the residues are reordered by their angle at it.
        window: draw the first residues only; a high frequency over all of them is too fine for a small panel.
    """
    sizes = require_shape("pattern_PPn", pattern_PPn, "P P n")
    shown = min(window or sizes["P"], sizes["P"])
    columns = min(sizes["n"], 4)
    rows = -(-sizes["n"] // columns)
    figure = new_figure(6.0 / columns * rows + 1.3, compressed=True)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    norm = Normalize(0, 1)
    for head, axes in enumerate(panels.flat[: sizes["n"]]):
        table_PP = pattern_PPn[:, :, head]
        if frequencies is not None:
            table_PP = unwrap(table_PP, frequencies[head])
        image = heatmap(axes, table_PP[:shown, :shown], palette().sequential, norm)
        named = "" if frequencies is None else f": k = {frequencies[head]}"
        axes.set_title(f"head {head}{named}", fontsize=10)
        axes.set_xticks(residue_ticks(shown, 2))
        axes.set_yticks(residue_ticks(shown, 2))
    for axes in panels[:, 0]:
        axes.set_ylabel("a" if frequencies is None else "k·a mod p")
    outer_labels(panels, sizes["n"], "b" if frequencies is None else "k·b mod p")
    color_scale(figure, image, list(panels.flat), "attention to a", orientation="horizontal", aspect=45, pad=0.03)
    return figure
