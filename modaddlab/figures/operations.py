"""Operations other than addition: a table in two orders of its residues, and embeddings in several bases of waves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from modaddlab.figures.marks import frequency_axis, heatmap, percent_axis
from modaddlab.figures.theme import ink_on, new_figure, palette, themed
from modaddlab.shapes import require_shape


@themed
def two_orders(residues_N: Sequence[int], answer_NN: np.ndarray, order_N: Sequence[int], titles: tuple[str, str]) -> Figure:
    """The table of an operation with its residues in their usual order, and in another.

    Equal answers have equal colours, and the colours follow the other order once round the wheel.

    Args:
        residues_N: the residues in their usual order, at most some twenty.
        answer_NN: (N, N) the answers, among the residues.
        order_N: the same residues in the other order.
        titles: of the two tables.
    """
    require_shape("answer_NN", answer_NN, "N N", N=len(residues_N))
    colors = palette()
    place = {residue: i for i, residue in enumerate(order_N)}
    moved_N = [list(residues_N).index(residue) for residue in order_N]
    figure = new_figure(3.6, compressed=True)
    panels = figure.subplots(1, 2)
    orders = ((residues_N, answer_NN), (order_N, np.asarray(answer_NN)[np.ix_(moved_N, moved_N)]))
    for axes, (residues, answers), title in zip(panels, orders, titles, strict=True):
        image = heatmap(axes, np.vectorize(place.__getitem__)(answers), colors.cyclic)
        image.set_clim(0, len(order_N))
        for r, line in enumerate(answers):
            for c, answer in enumerate(line):
                ink = ink_on(colors.cyclic(place[answer] / len(order_N)))
                axes.text(c, r, str(answer), ha="center", va="center", fontsize=8, color=ink)
        axes.set_xticks(range(len(residues)), [str(residue) for residue in residues], fontsize=9)
        axes.set_yticks(range(len(residues)), [str(residue) for residue in residues], fontsize=9)
        axes.tick_params(length=0)
        axes.set_xlabel("b")
        axes.set_ylabel("a", rotation=0, labelpad=8, va="center")
        axes.set_title(title)
    return figure


@themed
def wave_shares(shares: Mapping[str, Mapping[str, np.ndarray]], nulls: Mapping[str, float]) -> Figure:
    """The share of an embedding's energy in each wave, a row for each network and a column for each basis of waves.

    Args:
        shares: network -> basis -> share per frequency (K,); every network has the same bases.
        nulls: basis -> the largest share of any frequency when the residues are renamed at random, a dashed line.
    """
    colors = palette()
    bases = list(next(iter(shares.values())))
    figure = new_figure(0.9 + 1.15 * len(shares))
    panels = figure.subplots(len(shares), len(bases), squeeze=False, sharey="row")
    for row, (name, by_basis) in enumerate(shares.items()):
        for column, basis in enumerate(bases):
            axes, share_K = panels[row, column], np.asarray(by_basis[basis])
            axes.bar(np.arange(1, len(share_K) + 1), share_K, width=0.9, color=colors.norm)
            axes.axhline(nulls[basis], color=colors.control, lw=1.0, dashes=(4, 3))
            last = row == len(shares) - 1
            frequency_axis(axes, len(share_K), "frequency k" if last else "")
            axes.set_xticks([tick for tick in (1, 20, 40) if tick <= len(share_K)])
            axes.tick_params(labelbottom=last)
            if row == 0:
                axes.set_title(basis, fontsize=10)
        panels[row, 0].set_ylabel(name, rotation=0, ha="right", va="center")
        percent_axis(panels[row, 0].yaxis)
        panels[row, 0].set_ylim(0, 1.15 * max(max(float(np.max(by_basis[b])), nulls[b]) for b in bases))
    return figure
