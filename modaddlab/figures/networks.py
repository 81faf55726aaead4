"""The networks as drawings: which numbers go where, through which matrices, and how large these are.

The shapes are read from a network's weights, so that a drawing is of that network. It is narrow: on a phone its letters keep
their size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from modaddlab.figures.theme import new_figure, palette, themed

WIDTH = 4.7
"""Inches."""


class _Canvas:
    """A page of boxes, arrows and words, with y going down."""

    def __init__(self, height: float) -> None:
        self.figure = new_figure(height, width=WIDTH)
        self.axes: Axes = self.figure.subplots()
        self.axes.set(xlim=(0, 10), ylim=(10 * height / WIDTH, 0), aspect="equal")
        self.axes.set_axis_off()

    def box(self, x: float, y: float, words: str, width: float = 1.6, height: float = 0.9) -> None:
        """A box around its middle."""
        style: Any = "round,pad=0,rounding_size=0.15"
        look = {"facecolor": palette().shade, "edgecolor": palette().muted, "linewidth": 1.2, "zorder": 3}
        self.axes.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle=style, **look))
        self.words(x, y, words)

    def words(self, x: float, y: float, words: str, color: str | None = None, **options: Any) -> None:
        """Words around a point, or beside it with `ha`."""
        options = {"ha": "center", "va": "center", "fontsize": 10, "zorder": 4} | options
        self.axes.text(x, y, words, color=color or palette().ink, linespacing=1.35, **options)

    def arrow(self, x: float, y: float, to_x: float, to_y: float, bend: float = 0.0) -> None:
        """An arrow between two points."""
        look = {"arrowstyle": "-|>", "color": palette().muted, "linewidth": 1.3, "connectionstyle": f"arc3,rad={bend}",
            "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}  # fmt: skip
        self.axes.annotate("", (to_x, to_y), (x, y), arrowprops=look)

    def plus(self, x: float, y: float) -> None:
        """Where something is added to a stream."""
        colors = palette()
        self.axes.plot(x, y, "o", markersize=11, color=colors.shade, markeredgecolor=colors.muted, markeredgewidth=1.2, zorder=5)
        self.axes.plot(x, y, "+", markersize=7, color=colors.ink, markeredgewidth=1.2, zorder=6)


def _size(shape: Sequence[int]) -> str:
    return r" $\times$ ".join(f"{n:,}" for n in shape)


def matrix_columns(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The matrices of a network, their shapes and numbers of weights, as columns.

    Args:
        weights: by name.
    """
    shapes = [" x ".join(map(str, array.shape)) for array in weights.values()]
    names = [name.rpartition(".")[2] for name in weights]
    return {"matrix": np.array(names), "shape": np.array(shapes), "weights": np.array([array.size for array in weights.values()])}


@themed
def transformer(weights: Mapping[str, np.ndarray]) -> Figure:
    """A transformer with one layer: three tokens come in above, the logits come out below.

    Args:
        weights: by TransformerLens's names; heads are the first axis of W_Q, W_K, W_V and W_O.
    """
    shape = {name.rpartition(".")[2]: array.shape for name, array in weights.items()}
    n_heads, d_model, d_head = shape["W_Q"]
    d_mlp, quiet = shape["W_in"][1], palette().muted
    canvas, places = _Canvas(5.8), (1.6, 3.8, 6.0)
    for x, token in zip(places, ("$a$", "$b$", '"="'), strict=True):
        canvas.box(x, 0.6, token)
        canvas.arrow(x, 1.05, x, 4.0 if token != '"="' else 10.9)
    canvas.words(6.3, 1.7, f"$W_E$: {_size(shape['W_E'])}\n$W_{{pos}}$: {_size(shape['W_pos'])}", ha="left")
    canvas.words(6.3, 2.95, f"residual stream:\n{d_model} numbers\nat each place", ha="left", color=quiet, fontsize=9)
    # the heads read at all three places and write at the last
    canvas.box(2.7, 4.5, f"{n_heads} attention heads", width=4.9, height=1.0)
    canvas.arrow(6.0, 3.3, 4.9, 4.0)
    canvas.arrow(2.7, 5.0, 5.7, 6.0, bend=0.3)
    canvas.plus(6.0, 6.0)
    sizes = f"$W_Q$, $W_K$, $W_V$: {_size((d_model, d_head))}\n$W_O$: {_size((d_head, d_model))}"
    canvas.words(6.3, 4.5, sizes, ha="left")
    canvas.words(6.3, 6.0, "what was there\nstays, and this is\nadded to it", ha="left", color=quiet, fontsize=9)
    # the MLP reads and writes at the last place
    canvas.box(2.7, 7.6, f"MLP: {d_mlp} neurons, ReLU", width=4.9, height=1.0)
    canvas.arrow(6.0, 6.5, 4.9, 7.1)
    canvas.arrow(2.7, 8.1, 5.7, 9.1, bend=0.3)
    canvas.plus(6.0, 9.1)
    canvas.words(6.3, 7.6, f"$W_{{in}}$: {_size(shape['W_in'])}\n$W_{{out}}$: {_size(shape['W_out'])}", ha="left")
    canvas.words(6.3, 10.1, f"$W_U$: {_size(shape['W_U'])}", ha="left")
    canvas.box(6.0, 11.4, "a logit for every answer", width=5.4)
    return canvas.figure


@themed
def two_layer_network(weights: Mapping[str, np.ndarray]) -> Figure:
    """The two-layer network: two residues as lists of zeros with a one, their sum, the neurons, the logits.

    Args:
        weights: W_in (P, H) and W_out (H, P) by TransformerLens's names.
    """
    shape = {name.rpartition(".")[2]: array.shape for name, array in weights.items()}
    p, n_neurons = shape["W_in"]
    quiet, canvas = palette().muted, _Canvas(4.0)
    for x, name in ((2.2, "x"), (7.8, "y")):
        canvas.box(x, 0.7, f"${name}$: one of {p} residues", width=4.2)
        side = 1 if x < 5 else -1
        canvas.arrow(x, 1.15, 5 - side * 0.28, 2.5)
        canvas.words(x + side * 0.35, 2.15, rf"$\theta_m[{name}]$", ha="right" if side > 0 else "left")
    canvas.plus(5.0, 2.65)
    canvas.words(5.5, 3.25, rf"all $\theta_m$: {_size(shape['W_in'])}", ha="left")
    canvas.arrow(5.0, 2.95, 5.0, 3.95)
    canvas.box(5.0, 4.6, rf"{n_neurons} neurons: $\sigma(\theta_m[x] + \theta_m[y])$", width=7.0, height=1.1)
    canvas.arrow(5.0, 5.2, 5.0, 7.0)
    canvas.words(5.5, 6.1, rf"all $\xi_m$: {_size(shape['W_out'])}", ha="left")
    canvas.words(4.6, 6.1, r"times $\xi_m[j]$, summed", ha="right", color=quiet, fontsize=9)
    canvas.box(5.0, 7.6, f"$f(x, y)[j]$: {p} logits,\none for every answer $j$", width=5.6, height=1.2)
    return canvas.figure
