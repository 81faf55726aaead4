"""How the waves of a two-layer network add up to an answer: one neuron's identity, cancellation, ghosts, swaps and subsets.

The right answer of (x, y) is j = x + y; its ghosts are j = 2x and j = 2y. On the rays j = x + y + u (x - y) mod p they are u = 0
and u = +-1. Logits are drawn less their mean over j, which the softmax does not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from modaddlab.analysis.indicator import NeuronTerms
from modaddlab.figures.marks import (
    EndLabel,
    accuracy_axis,
    color_scale,
    heatmap,
    label_ends,
    loss_axis,
    outer_labels,
    percent_axis,
    residue_ticks,
)
from modaddlab.figures.theme import new_figure, palette, themed
from modaddlab.shapes import require_shape


@themed
def neuron_identity(written_PP: np.ndarray, terms: NeuronTerms, output: int) -> Figure:
    """What one neuron writes to one output over all pairs, and the three terms of the identity that add up to it.

    Args:
        written_PP: (P, P) xi[j] (theta[x] + theta[y])^2 with the network's own numbers, x down and y across.
        terms: the terms of the neuron's waves.
        output: the output j.
    """
    p = require_shape("written_PP", written_PP, "P P")["P"]
    colors = palette()
    tables = {
        "the neuron": written_PP,
        "= answer": terms.answer_PPC[..., output],
        "+ output only": terms.output_PPC[..., output],
        "+ wrong place": terms.total_PPC[..., output],
    }
    reach = float(max(np.abs(table).max() for table in tables.values()))
    figure = new_figure(2.75, compressed=True)
    panels = figure.subplots(1, 4, sharey=True)
    image = None
    for axes, (name, table_PP) in zip(panels, tables.items(), strict=True):
        image = heatmap(axes, table_PP, colors.diverging, Normalize(-reach, reach))
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("y")
        axes.set_xticks(residue_ticks(p, 2))
        axes.set_yticks(residue_ticks(p, 2))
    panels[0].set_ylabel("x")
    assert image is not None
    color_scale(figure, image, list(panels), f"written to j = {output}", orientation="horizontal", aspect=45, pad=0.04)
    return figure


@themed
def cancellation(shares: Mapping[int, np.ndarray]) -> Figure:
    """How much of each term of the identity is left when the neurons of a frequency are added one after the other.

    Args:
        shares: frequency -> (N, 3): |sum| over sum of sizes for the first n neurons, for answer, output and wrong place.
    """
    colors = palette()
    figure = new_figure(3.0)
    panels = figure.subplots(1, 3, sharey=True, sharex=True)
    most = max(len(share_N3) for share_N3 in shares.values())
    n = np.arange(1, most + 1)
    for column, (axes, name) in enumerate(zip(panels, ("answer", "output only", "wrong place"), strict=True)):
        for share_N3 in shares.values():
            color = colors.restricted if column == 0 else colors.excluded
            axes.plot(n[: len(share_N3)], share_N3[:, column], color=color, linewidth=1.0, alpha=0.75)
        if column:
            axes.plot(n, np.minimum(1, np.sqrt(np.pi / 4 / n)), color=colors.ink, linewidth=1.2, dashes=(4, 3))
        axes.set_title(name)
        axes.set_xlabel("neurons added")
        axes.set_xlim(1, most)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in panels[1:]:
        axes.annotate("dashed: random phases", (0.97, 0.96), xycoords="axes fraction", ha="right", va="top", fontsize=9)
    panels[0].set_ylim(0, 1.04)
    percent_axis(panels[0].yaxis)
    panels[0].set_ylabel("share that is left")
    return figure


@themed
def logits_by_ray(rays: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray]) -> Figure:
    """The mean logit on each ray, over the answer's: the answer in the middle, its ghosts on both sides.

    Args:
        rays: title -> (P,) mean logits over u = 0..p-1.
        predicted: title -> (P,) what pure, evenly spread waves give; dots.
    """
    colors = palette()
    figure = new_figure(2.75)
    panels = figure.subplots(1, len(rays), sharey=True, squeeze=False)[0]
    for axes, (name, ray_P) in zip(panels, rays.items(), strict=True):
        p = require_shape(name, ray_P, "P")["P"]
        require_shape(f"predicted {name}", predicted[name], "P", P=p)
        u_P = (np.arange(p) + p // 2) % p - p // 2
        order = np.argsort(u_P)
        color_P = np.where(u_P == 0, colors.ink, np.where(np.abs(u_P) == 1, colors.excluded, colors.control))
        axes.bar(u_P[order], (ray_P / ray_P[0])[order], width=0.8, color=list(color_P[order]))
        wave_P = predicted[name] / predicted[name][0]
        axes.plot(
            u_P[order], wave_P[order], "o", color=colors.page, markeredgecolor=colors.ink, markersize=4, markeredgewidth=1.0
        )
        axes.axhline(0, color=colors.muted, linewidth=0.6)
        for u, ghost in ((-1, "2y"), (1, "2x")):
            top = max(float(ray_P[u] / ray_P[0]), float(wave_P[u]), 0.0)
            axes.annotate(
                ghost,
                (u, top),
                xytext=(5 * u, 4),
                textcoords="offset points",
                ha="left" if u > 0 else "right",
                color=colors.excluded,
                fontsize=10,
            )
        axes.set_xlim(-6.7, 6.7)
        axes.set_xticks([-6, -4, -2, 0, 2, 4, 6])
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("ray u")
    panels[0].set_ylabel("mean logit over the answer's")
    return figure


@themed
def logit_strip(logits: Mapping[str, np.ndarray], x: int) -> Figure:
    """The logits of all pairs with one x: y across, the output j down, the ghosts' cells framed.

    Args:
        logits: title -> (P, C) logits over y and j, less their mean over j.
        x: the first residue.
    """
    colors = palette()
    figure = new_figure(2.7, compressed=True)
    panels = figure.subplots(1, len(logits), sharey=True, squeeze=False)[0]
    image = None
    for axes, (name, logits_PC) in zip(panels, logits.items(), strict=True):
        p = require_shape(name, logits_PC, "P C")["P"]
        image = heatmap(axes, logits_PC.T / np.abs(logits_PC).max(), colors.diverging, Normalize(-1, 1))
        for y in range(p):
            for ghost in {2 * x % p, 2 * y % p}:
                axes.add_patch(Rectangle((y - 0.5, ghost - 0.5), 1, 1, fill=False, edgecolor=colors.excluded, linewidth=0.9))
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("y")
        axes.set_xticks(residue_ticks(p, 2))
        axes.set_yticks(residue_ticks(p, 2))
    panels[0].set_ylabel("output j")
    assert image is not None
    color_scale(figure, image, list(panels), "logit over the largest", aspect=30)
    return figure


@themed
def pair_logits(logits: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray], x: int, y: int) -> Figure:
    """One pair's logits over all outputs beside the formula's, a panel for each network.

    Args:
        logits: title -> (C,) logits less their mean.
        predicted: title -> (C,) the formula's, for the same height of the right answer; dots.
        x, y: the pair.
    """
    colors = palette()
    figure = new_figure(1.6 * len(logits) + 0.7)
    panels = figure.subplots(len(logits), 1, squeeze=False, sharex=True)
    for axes, (name, logits_C) in zip(panels.flat, logits.items(), strict=True):
        p = len(logits_C)
        role = {2 * x % p: colors.excluded, 2 * y % p: colors.excluded, (x + y) % p: colors.ink}
        axes.bar(np.arange(p), logits_C, width=0.8, color=[role.get(j, colors.control) for j in range(p)])
        axes.plot(
            np.arange(p), predicted[name], "o", color=colors.page, markeredgecolor=colors.ink, markersize=4, markeredgewidth=1
        )
        axes.axhline(0, color=colors.muted, linewidth=0.6)
        axes.set_ylabel("logit")
        axes.set_title(name, fontsize=10)
        axes.set_xticks(residue_ticks(p, 6))
        axes.set_xlim(-0.8, p - 0.2)
    outer_labels(panels, len(logits), f"output j   (x = {x}, y = {y})")
    return figure


@themed
def overtones_and_ghosts(overtones: Mapping[str, np.ndarray], orders: Sequence[int], ratios: Mapping[str, np.ndarray]) -> Figure:
    """How the input waves are bent, and how high the ghosts stand as the overtones are put in one after the other.

    Args:
        overtones: network -> (R,) mean overtone over the wave's amplitude.
        orders: the R multiples.
        ratios: network -> (4,) ghosts over answer with the waves alone, with overtone 3, with 3 and 5, and of the whole network.
    """
    colors = palette()
    figure = new_figure(3.3)
    left, right = figure.subplots(1, 2)
    used = list(colors.frequencies)
    place_R = np.arange(len(orders))
    marks = "osD^v"
    ends = []
    for number, (name, value_R) in enumerate(overtones.items()):
        shift = 0.11 * (number - (len(overtones) - 1) / 2)
        left.plot(place_R + shift, value_R, marks[number % 5], color=used[number % len(used)], markersize=6)
        right.plot(range(4), ratios[name], f"{marks[number % 5]}-", color=used[number % len(used)], markersize=5, linewidth=1.4)
        ends.append(EndLabel(float(ratios[name][-1]), name, used[number % len(used)]))
    left.axhline(0, color=colors.muted, linewidth=0.8)
    left.set_xticks(place_R, [f"{order}k" for order in orders])
    left.set_xlim(-0.6, len(orders) - 0.4)
    left.set_xlabel("multiple of k")
    left.set_ylabel("overtone over wave, $c\\,/\\,\\alpha$")
    right.set_xticks(range(4), ["k", "k, 3k", "k, 3k,\n5k", "all"])
    right.set_xlabel("kept of $\\theta$")
    right.set_ylabel("ghost over answer")
    right.set_ylim(0, 0.56)
    label_ends(right, ends, size=9)
    return figure


@themed
def swap_accuracies(swaps: Mapping[str, Sequence[float]], published: Mapping[str, float]) -> Figure:
    """The accuracy with another nonlinearity in place of the network's own, beside the published one.

    Args:
        swaps: network -> its accuracies, fractions, in the order of `published`.
        published: nonlinearity -> accuracy; drawn as open circles.
    """
    colors = palette()
    names = list(published)
    figure = new_figure(0.36 * len(names) + 1.25)
    axes = figure.subplots()
    place = np.arange(len(names))
    marks = dict(zip(swaps, "sD^v", strict=False))
    tones = dict(zip(swaps, (colors.test, colors.train, colors.restricted, colors.norm), strict=False))
    axes.plot([published[name] for name in names], place, "o", color=colors.ink, mfc="none", markersize=12, label="published")
    for number, (network, accuracies) in enumerate(swaps.items()):
        height = 0.14 * (number - (len(swaps) - 1) / 2)
        axes.plot(accuracies, place + height, marks[network], color=tones[network], markersize=6.5, label=network)
    axes.set_yticks(place, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.04, 1.05)
    percent_axis(axes.xaxis)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="both")
    axes.set_xlabel("accuracy over all pairs")
    figure.legend(loc="outside upper right", ncols=len(swaps) + 1, handletextpad=0.3, columnspacing=1.3)
    return figure


@themed
def accuracy_by_scale(
    scale_N: np.ndarray, accuracy: Mapping[str, np.ndarray], chance: float, marked: float | None = None
) -> Figure:
    """The accuracy with other nonlinearities against a factor on their arguments.

    Args:
        scale_N: (N,) the factors, ascending.
        accuracy: nonlinearity -> (N,) accuracies, fractions.
        chance: the accuracy of guessing.
        marked: a factor to mark, such as how much larger another network's weights are.
    """
    colors = palette()
    figure = new_figure(2.9)
    axes = figure.subplots()
    axes.set_xscale("log", base=2)
    axes.set_xlim(float(scale_N[0]), float(scale_N[-1]))
    axes.set_xticks([s for s in (0.25, 0.5, 1, 2, 4, 8) if scale_N[0] <= s <= scale_N[-1]])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    accuracy_axis(axes)
    ends = []
    for number, (name, value_N) in enumerate(accuracy.items()):
        color = colors.frequencies[number % 6]
        axes.plot(scale_N, value_N, color=color, linestyle="-" if number % 2 == 0 else (0, (5, 2)))
        ends.append(EndLabel(float(value_N[-1]), name, color))
    axes.axhline(chance, color=colors.control, linewidth=1.0, dashes=(4, 3))
    axes.axvline(1.0, color=colors.muted, linewidth=0.9)
    if marked is not None:
        axes.axvline(marked, color=colors.muted, linewidth=0.9, dashes=(4, 3))
    label_ends(axes, ends)
    axes.set_xlabel("factor on the arguments (log scale)")
    return figure


@themed
def subset_losses(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]], published: tuple[np.ndarray, np.ndarray], label: str
) -> Figure:
    """The mean loss of networks with fewer frequencies, or phases from a part of the circle, on a log axis.

    Args:
        series: name -> (x, mean loss in nats).
        published: (x, published losses); open circles.
        label: name of the x axis.
    """
    colors = palette()
    figure = new_figure(3.0)
    axes = figure.subplots()
    loss_axis(axes, "mean loss (nats)")
    axes.plot(*published, "o", color=colors.ink, mfc="none", markersize=11, label="published", linestyle="none")
    for number, (name, (x_N, loss_N)) in enumerate(series.items()):
        axes.plot(
            x_N, loss_N, "so"[number % 2] + "-", color=(colors.restricted, colors.control)[number % 2], markersize=5, label=name
        )
    axes.yaxis.set_major_locator(LogLocator(base=1e3, numticks=8))
    axes.set_xlabel(label)
    axes.set_xticks(published[0])
    figure.legend(loc="outside upper right", ncols=len(series) + 1, handletextpad=0.4)
    return figure
