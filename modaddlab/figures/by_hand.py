"""One sum by hand: the pictures of `modaddlab.analysis.by_hand.Walk`, in the order of its steps.

In all of them the network's own numbers are filled marks or bars, the formula's are open marks or lines in the ink, and each key
frequency has its colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from modaddlab.analysis.by_hand import Walk, lead
from modaddlab.figures.marks import percent, percent_axis, residue_ticks
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed

STEP_NAMES = {
    "embedding": "embedding: circles",
    "attention": "attention: score waves",
    "heads": "heads: waves and products",
    "neurons": "neurons: polynomials",
    "sum": "sum: points on circles",
    "logits": "answer: waves in c",
}
"""The steps of a walk as the figures name them."""


def _planes(n_panels: int) -> tuple[Figure, list[Axes]]:
    """Square panels for the planes of the keys, at most four in a row."""
    columns = min(4, n_panels) if n_panels != 3 else 3
    rows = -(-n_panels // columns)
    figure = new_figure(7.0 / max(columns, 3) * rows + 0.75, compressed=True)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[n_panels:]:
        axes.axis("off")
    return figure, list(panels.flat[:n_panels])


def _plane(axes: Axes, reach: float, radius: float) -> None:
    """A centred cross and the formula's circle, equal scales, no ticks."""
    colors = palette()
    axes.axhline(0, color=colors.rule, linewidth=0.8, zorder=0)
    axes.axvline(0, color=colors.rule, linewidth=0.8, zorder=0)
    turn = np.linspace(0, 2 * np.pi, 181)
    axes.plot(radius * np.cos(turn), radius * np.sin(turn), color=colors.muted, linewidth=0.9, zorder=1)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _name_point(axes: Axes, point_2: np.ndarray, text: str, reach: float, color: str) -> None:
    """Write a name beside a point, on the side away from the centre."""
    outward_2 = point_2 / (np.linalg.norm(point_2) or 1.0)
    x, y = np.clip(point_2 + 0.17 * reach * outward_2, -0.93 * reach, 0.93 * reach)
    axes.text(
        float(x),
        float(y),
        text,
        ha="center",
        va="center",
        fontsize=11,
        fontweight="bold",
        color=color,
    )


def _legend(figure: Figure, formula: str = "formula", network: str = "network") -> None:
    colors = palette()
    handles = [
        Line2D([], [], marker="o", color=colors.muted, linestyle="none", markersize=7, label=network),
        Line2D([], [], marker="o", mfc="none", mec=colors.ink, mew=1.3, linestyle="none", markersize=8, label=formula),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, handletextpad=0.4, columnspacing=1.4)


@themed
def walk_circles(walk: Walk) -> Figure:
    """Step 1: a and b on the circle of each key frequency, as W_E holds them; small dots are all other residues.

    Args:
        walk: the pair.
    """
    colors = palette()
    by_key = frequency_colors(walk.keys)
    figure, panels = _planes(len(walk.keys))
    for axes, key, points_P2, radius in zip(panels, walk.keys, walk.circle_KP2, walk.radius_K, strict=True):
        reach = 1.28 * float(np.abs(points_P2).max())
        _plane(axes, reach, float(radius))
        axes.plot(*points_P2.T, "o", color=by_key[key], alpha=0.85, markersize=2.0)
        for residue, name in ((walk.a, "a"), (walk.b, "b")):
            angle = 2 * np.pi * key * residue / walk.p
            formula_2 = radius * np.array([np.cos(angle), np.sin(angle)])
            axes.plot([0, points_P2[residue, 0]], [0, points_P2[residue, 1]], color=by_key[key], linewidth=1.2)
            axes.plot(*points_P2[residue], "o", color=by_key[key], markersize=7)
            axes.plot(*formula_2, "o", mfc="none", mec=colors.ink, mew=1.3, markersize=8)
            _name_point(axes, points_P2[residue], name, reach, colors.ink)
        axes.set_title(f"k = {key}", color=by_key[key], fontweight="bold", loc="center")
    _legend(figure)
    return figure


@themed
def walk_attention(walk: Walk) -> Figure:
    """Step 2: how each head divides its attention among a, b and "=".

    Args:
        walk: the pair.
    """
    colors = palette()
    by_key = frequency_colors(walk.keys)
    heads = len(walk.pattern_n3)
    figure = new_figure(0.62 * heads + 1.2)
    axes = figure.subplots()
    names = (f"a = {walk.a}", f"b = {walk.b}", '"="')
    for head, (share_3, formula_3) in enumerate(zip(walk.pattern_n3, walk.pattern_formula_n3, strict=True)):
        color = by_key.get(walk.head_frequency_n[head], colors.muted)
        start = 0.0
        for share, name, alpha in zip(share_3, names, (1.0, 0.35, 0.12), strict=True):
            axes.barh(head, share, left=start, height=0.56, facecolor=(color, alpha), edgecolor=color, linewidth=0.8)
            if share > 0.13:
                text = f"{name}: {percent(share, 1)}" if share > 0.24 else percent(share, 1)
                ink = colors.page if alpha == 1.0 else colors.ink
                axes.text(start + share / 2, head, text, ha="center", va="center", fontsize=10, color=ink)
            start += share
        for edge in np.cumsum(formula_3)[:2]:
            axes.plot([edge, edge], [head - 0.4, head + 0.4], color=colors.ink, linewidth=2.0)
    axes.set_yticks(
        range(heads), [f"head {h}\nk = {k}" if k else f"head {h}" for h, k in enumerate(walk.head_frequency_n)], fontsize=10
    )
    for label, frequency in zip(axes.get_yticklabels(), walk.head_frequency_n, strict=True):
        label.set_color(by_key.get(frequency, colors.ink))
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    percent_axis(axes.xaxis)
    axes.set_xlabel('attention from "="')
    axes.grid(False)
    handles: list[Patch | Line2D] = [
        Patch(facecolor=(colors.muted, alpha), edgecolor=colors.muted, label=f"to {name}")
        for name, alpha in zip(("a", "b", "="), (1.0, 0.35, 0.12), strict=True)
    ]
    handles.append(Line2D([], [], color=colors.ink, linewidth=2.0, label="formula"))
    figure.legend(handles=handles, loc="outside upper right", ncols=4, handlelength=1.1, columnspacing=1.3)
    return figure


@themed
def walk_neurons(walk: Walk, neurons: Sequence[int]) -> Figure:
    """Steps 3 and 4 for some neurons: what the heads bring adds up to the input; the output beside the formula and its terms.

    Args:
        walk: the pair.
        neurons: their numbers, one panel each.

    Raises:
        ValueError: there is no neuron.
    """
    if not len(neurons):
        raise ValueError("neurons must name at least one neuron, found none")
    colors = palette()
    by_key = frequency_colors(walk.keys)
    row, heads = walk.neurons, len(walk.pattern_n3)
    inputs = ['"="', *[f"head {h}" for h in range(heads)], "input"]
    terms = ["output", *row.terms, "formula"]
    columns = min(2, len(neurons))
    rows = -(-len(neurons) // columns)
    figure = new_figure(0.21 * (len(inputs) + len(terms)) * rows + 0.55 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    places = np.concatenate([np.arange(len(inputs)), np.arange(len(terms)) + len(inputs) + 0.6])
    for axes, neuron in zip(panels.flat, neurons, strict=False):
        color = by_key.get(int(row.frequency_H[neuron]), colors.muted)
        values = [*row.parts_XH[:, neuron], row.input_H[neuron], row.output_H[neuron]]
        values += [*(term_H[neuron] for term_H in row.terms.values()), row.polynomial_H[neuron]]
        sums = {len(inputs) - 1, len(inputs), len(places) - 1}
        for number, (place, value) in enumerate(zip(places, values, strict=True)):
            of_formula = number > len(inputs)
            solid = number in sums
            style = {"facecolor": (color, 0.95 if solid else 0.5), "edgecolor": color, "linewidth": 0.8}
            if of_formula:
                style = {"facecolor": "none", "edgecolor": colors.ink if solid else color, "linewidth": 1.3}
            axes.barh(place, value, height=0.7, **style)
        axes.axvline(0, color=colors.muted, linewidth=0.8)
        axes.axhline(len(inputs) - 0.2, color=colors.rule, linewidth=0.8)
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        low, high = min(0.0, *map(float, values)), max(0.0, *map(float, values))
        margin = 0.05 * (high - low or 1.0)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(f"neuron {neuron}, k = {row.frequency_H[neuron]}", color=color, fontsize=10, pad=4)
    for axes in panels[:, 0]:
        axes.set_yticks(places, [*inputs, *(f"{'term: ' if name in row.terms else ''}{name}" for name in terms)], fontsize=9)
    panels[0, 0].set_ylim(places[-1] + 0.6, -0.6)
    for axes in panels.flat:
        axes.tick_params(axis="y", length=0)
    for axes in panels.flat[len(neurons) :]:
        axes.axis("off")
    return figure


@themed
def walk_cluster(walk: Walk, threshold: float = 0.85) -> Figure:
    """Step 4 for all neurons that one frequency explains: their outputs against the formula, a panel for each key.

    Args:
        walk: the pair.
        threshold: the fraction of variance over all pairs above which a neuron is drawn.
    """
    colors = palette()
    by_key = frequency_colors(walk.keys)
    row = walk.neurons
    figure, panels = _planes(len(walk.keys))
    for axes, key in zip(panels, walk.keys, strict=True):
        drawn_H = (row.frequency_H == key) & (row.fve_H > threshold)
        formula_N, output_N = row.polynomial_H[drawn_H], row.output_H[drawn_H]
        low = float(min(formula_N.min(initial=0), output_N.min(initial=0)))
        high = float(max(formula_N.max(initial=0), output_N.max(initial=0))) or 1.0
        margin = 0.06 * (high - low)
        axes.plot([low, high], [low, high], color=colors.muted, linewidth=0.9)
        axes.plot(formula_N, output_N, "o", color=by_key[key], markersize=3.6, alpha=0.85)
        axes.set_xlim(low - margin, high + margin)
        axes.set_ylim(low - margin, high + margin)
        axes.set_aspect("equal")
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.set_title(f"k = {key}: {int(drawn_H.sum())}", color=by_key[key], fontweight="bold", fontsize=10, loc="center")
        axes.set_xlabel("formula")
        if axes in panels[::4]:
            axes.set_ylabel("network")
    return figure


@themed
def walk_sum(walk: Walk) -> Figure:
    """Step 5: the point of a + b on the circle of each key frequency, as the neurons hold it, in logits.

    Args:
        walk: the pair.
    """
    colors = palette()
    by_key = frequency_colors(walk.keys)
    figure, panels = _planes(len(walk.keys))
    off_K = walk.places_off_K
    for i, (axes, key) in enumerate(zip(panels, walk.keys, strict=True)):
        place_P = 2 * np.pi * np.arange(walk.p) / walk.p
        reach = 1.35 * float(max(walk.alpha_K[i], np.abs(walk.sum_K2[i]).max()))
        _plane(axes, reach, float(walk.alpha_K[i]))
        axes.plot(walk.alpha_K[i] * np.cos(place_P), walk.alpha_K[i] * np.sin(place_P), "o", color=colors.muted, markersize=1.6)
        axes.plot([0, walk.sum_K2[i, 0]], [0, walk.sum_K2[i, 1]], color=by_key[key], linewidth=1.2)
        axes.plot(*walk.sum_K2[i], "o", color=by_key[key], markersize=7)
        axes.plot(*walk.sum_formula_K2[i], "o", mfc="none", mec=colors.ink, mew=1.3, markersize=8)
        axes.set_title(f"k = {key}", color=by_key[key], fontweight="bold", loc="center")
        axes.set_xlabel(f"off by {abs(off_K[i]):.1f} of {walk.p} places", fontsize=9.5)
    _legend(figure)
    return figure


@themed
def walk_answer(walk: Walk, n_top: int = 5) -> Figure:
    """Step 6: the logit of every answer as the network and the formula have it, and the highest of both in order.

    Args:
        walk: the pair.
        n_top: how many of the highest answers are named.
    """
    colors = palette()
    figure = new_figure(3.5)
    left, right = figure.subplots(1, 2, width_ratios=[2.5, 1], sharey=True)
    output_C = np.arange(walk.p)
    inks = [colors.ink if c == walk.answer else colors.control for c in output_C]
    left.bar(output_C, walk.logits_C, width=0.8, color=inks)
    left.plot(output_C, walk.formula_C, "o", mfc="none", mec=colors.ink, mew=0.9, markersize=3.2)
    left.axhline(0, color=colors.muted, linewidth=0.6)
    left.set_xlim(-0.8, walk.p - 0.2)
    left.set_xticks(residue_ticks(walk.p, 5))
    left.set_xlabel("answer c   (bars: network, rings: formula)")
    left.set_ylabel("logit, from the mean")
    for x, values_C, ha in ((0.32, walk.logits_C, "right"), (0.68, walk.formula_C, "left")):
        order = np.argsort(-values_C, kind="stable")[:n_top]
        for rank, c in enumerate(order):
            right.plot([x - 0.1, x + 0.1], [values_C[c]] * 2, color=inks[c], linewidth=2.4 if c == walk.answer else 1.4)
            if rank == 0:
                side = -0.14 if ha == "right" else 0.14
                right.text(x + side, values_C[c], f"{c}", ha=ha, va="center", fontsize=10, fontweight="bold")
    both = [np.argsort(-values_C, kind="stable")[1:n_top] for values_C in (walk.logits_C, walk.formula_C)]
    for x, values_C, order, ha in ((0.18, walk.logits_C, both[0], "right"), (0.82, walk.formula_C, both[1], "left")):
        text = "\n".join(str(int(c)) for c in order)
        right.text(x, float(values_C[order].mean()), text, ha=ha, va="center", fontsize=9, color=colors.muted, linespacing=1.15)
    right.set_xlim(0, 1)
    right.set_xticks([0.32, 0.68], ["network", "formula"])
    right.tick_params(axis="both", length=0)
    right.set_title(f"the highest {n_top}", fontsize=10)
    right.grid(False)
    for axes in (left, right):
        axes.spines["bottom"].set_visible(axes is left)
    right.spines["left"].set_visible(False)
    right.tick_params(labelleft=False)
    return figure


@themed
def walk_steps(walk: Walk, control: Mapping[str, float] | None = None) -> Figure:
    """All steps: what the formula gets right, and by how much the right answer still leads when the formula stands in.

    Args:
        walk: the pair.
        control: step -> the share that the formulae explain over all pairs in an untrained network.
    """
    colors = palette()
    figure = new_figure(0.42 * len(walk.steps) + 1.25)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.15, 1])
    places = np.arange(len(walk.steps))
    left.barh(places, [step.explained for step in walk.steps], height=0.56, color=colors.norm, alpha=0.7)
    left.plot([step.explained_all for step in walk.steps], places, "o", mfc="none", mec=colors.ink, mew=1.4, markersize=7)
    if control is not None:
        shares = [max(control.get(step.name, np.nan), 0.0) for step in walk.steps]
        left.plot(shares, places, "x", color=colors.ink, markersize=6, mew=1.6, clip_on=False)
    left.set_yticks(places, [STEP_NAMES[step.name] for step in walk.steps], fontsize=10)
    left.set_xlim(0, 1.03)
    percent_axis(left.xaxis)
    left.set_xlabel("the formula explains")
    margins = [lead(step.logits_C, walk.answer) for step in walk.steps]
    right.barh(places, margins, height=0.56, color=[colors.norm if m > 0 else colors.test for m in margins], alpha=0.7)
    own = lead(walk.logits_C, walk.answer)
    right.axvline(own, color=colors.ink, linewidth=1.2, dashes=(4, 3))
    right.axvline(0, color=colors.muted, linewidth=0.8)
    right.set_xlim(min(0.0, 1.08 * min(margins)), 1.15 * max(*margins, own))
    right.set_xlabel("lead of the right answer,\nformula standing in (logits)")
    left.invert_yaxis()
    for axes in (left, right):
        axes.tick_params(axis="y", length=0, pad=9)  # a cross at zero reaches into it
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
    handles: list[Patch | Line2D] = [
        Patch(color=colors.norm, alpha=0.7, label="this pair"),
        Line2D([], [], marker="o", mfc="none", mec=colors.ink, mew=1.4, linestyle="none", markersize=7, label="all pairs"),
    ]
    if control is not None:
        untrained = {"marker": "x", "color": colors.ink, "mew": 1.6, "linestyle": "none"}
        handles.append(Line2D([], [], markersize=6, label="all pairs, untrained", **untrained))
    handles.append(Line2D([], [], color=colors.ink, linewidth=1.2, linestyle=(0, (4, 3)), label="network"))
    figure.legend(handles=handles, loc="outside upper right", ncols=4, handlelength=1.4, handletextpad=0.5, columnspacing=1.2)
    return figure
