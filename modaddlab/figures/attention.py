"""Attention: per head as a function of the token, over all pairs, on single inputs, and what the heads write.

A head's attention from "=" to a depends on a and, through the softmax, on b. Averaged over b it is a function of a alone, and in
a network that generalizes it is close to a single wave: each head has a frequency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from modaddlab.analysis.attention import HeadTerms
from modaddlab.figures.marks import color_scale, heatmap, outer_labels, percent, percent_axis, residue_ticks, unwrap
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
        right.set_title(f"k = {frequency}: {percent(fve[head], 1)} of the variance", fontsize=10, color=color, pad=4)
        left.set_ylabel("attention to a")
    panels[0, 0].set_ylim(0, 1)
    panels[0, 0].set_yticks([0, 0.5, 1])
    panels[0, 0].set_xlim(-1, p)
    panels[0, 0].set_xticks(residue_ticks(p, 4))
    panels[-1, 0].set_xlabel("a")
    panels[-1, 1].set_xlabel("k · a mod p")
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


@themed
def attention_by_input(
    patterns_Bn33: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    mean_n33: np.ndarray,
    frequencies: Sequence[int],
    keys: Sequence[int],
) -> Figure:
    """The whole pattern of each head on some inputs, a row per input, below the pattern averaged over all inputs.

    Args:
        patterns_Bn33: (B, heads, 3, 3) attention from position (down) to position (across); fractions.
        pairs: the B inputs (a, b).
        mean_n33: (heads, 3, 3) the average over all inputs.
        frequencies: each head's frequency; 0 for a head without one.
        keys: the key frequencies, for the colours.
    """
    sizes = require_shape("patterns_Bn33", patterns_Bn33, "B n 3 3", B=len(pairs), n=len(frequencies))
    require_shape("mean_n33", mean_n33, "n 3 3", n=sizes["n"])
    colors = palette()
    by_key = frequency_colors(keys)
    columns = sizes["B"] + 1
    figure = new_figure(0.66 * sizes["n"] + 1.35, compressed=True)
    panels = figure.subplots(sizes["n"], columns, squeeze=False)  # alike, not shared: matplotlib then asks each for all others
    norm = Normalize(0, 1)
    for head in range(sizes["n"]):
        for column, axes in enumerate(panels[head]):
            pattern_33 = mean_n33[head] if column == 0 else patterns_Bn33[column - 1, head]
            hidden_33 = np.triu(np.ones((3, 3), dtype=bool), k=1) & (pattern_33 == 0)
            image = heatmap(axes, np.ma.masked_where(hidden_33, pattern_33), colors.sequential, norm)
            axes.set_xticks(range(3), ["a", "b", "="], fontsize=8)
            axes.set_yticks(range(3), ["a", "b", "="], fontsize=8)
            axes.tick_params(length=0, labelbottom=head == sizes["n"] - 1, labelleft=column == 0, pad=2)
        color = by_key.get(int(frequencies[head]), colors.muted)
        panels[head, 0].set_ylabel(f"head {head}", fontsize=9, color=color)
    for axes, title in zip(panels[0], ["mean", *(f"{a}\n{b}" for a, b in pairs)], strict=True):
        axes.set_title(title, fontsize=9, loc="center", pad=4)
    bar = color_scale(
        figure, image, list(panels.flat), "attention from (down) to (across)", orientation="horizontal", aspect=45, pad=0.03
    )
    bar.ax.tick_params(labelsize=9)
    return figure


@themed
def head_writing(terms: Mapping[str, Sequence[HeadTerms]], keys: Sequence[int]) -> Figure:
    """What each head writes, divided among waves of one residue and products of two.

    Args:
        terms: network -> the terms of each of its heads, such as those of a trained and of an untrained one.
        keys: the key frequencies, for the colours.

    Raises:
        ValueError: there is no network.
    """
    if not terms:
        raise ValueError("terms must hold at least one network, found none")
    colors = palette()
    by_key = frequency_colors(keys)
    n_rows = sum(len(heads) for heads in terms.values())
    figure = new_figure(0.36 * n_rows + 0.3 * len(terms) + 1.0)
    axes = figure.subplots()
    parts = {
        "linear": ("own waves", 0.45),
        "products": ("own products", 1.0),
        "linear_others": ("other keys' waves", 0.45),
        "mixed": ("mixed products", 0.8),
        "rest": ("rest", 0.16),
    }
    place, places, names = 0.0, [], []
    for network, heads in terms.items():
        for term in heads:
            start = 0.0
            for part, (_, alpha) in parts.items():
                value = getattr(term, part) + (term.products_others if part == "rest" else 0.0)
                own = part in ("linear", "products")
                color = by_key.get(term.frequency, colors.muted) if own else colors.muted
                axes.barh(place, value, left=start, height=0.7, facecolor=(color, alpha), edgecolor=color, linewidth=0.6)
                if part == "products" and value > 0.06:
                    middle = start + value / 2
                    axes.text(middle, place, percent(value), ha="center", va="center", fontsize=9, color=colors.page)
                start += value
            places.append(place)
            names.append(f"{network}{', ' if network else ''}head {term.head}")
            place += 1.0
        place += 0.5
    axes.set_yticks(places, names, fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    percent_axis(axes.xaxis)
    axes.set_xlabel("share of what the head writes")
    axes.grid(False)
    shown = next(iter(by_key.values()), colors.norm)
    handles = [
        Patch(facecolor=(ink, alpha), edgecolor=ink, label=label)
        for part, (label, alpha) in parts.items()
        for ink in (shown if part in ("linear", "products") else colors.muted,)
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=5, handlelength=0.9, handletextpad=0.4, columnspacing=1.0)
    return figure
