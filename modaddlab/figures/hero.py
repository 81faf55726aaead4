"""The front page's figure: the whole story in one screen.

Above, train and test accuracy with a few numbered moments. Below, a column for each moment: the embedding's spectrum, the
residues on the circle of one key frequency, and the answer to one question as the network's probabilities over c.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modaddlab.figures.algorithm import draw_circle
from modaddlab.figures.curves import Metrics, Phases, last_finite
from modaddlab.figures.marks import EndLabel, accuracy_axis, label_ends, mark_phases, step_axis
from modaddlab.figures.spectra import by_frequency
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What the network looks like at one saved step."""

    step: int
    norm_P: np.ndarray
    """(P,) norms of W_E's Fourier components in basis order."""
    point_P2: np.ndarray
    """(P, 2) the residues along the cosine and the sine direction of the hero's key frequency."""
    logits_C: np.ndarray
    """(C,) the logits for the hero's pair, which is not in the train set."""


@themed
def hero(
    metrics: Metrics,
    moments: Sequence[Moment],
    keys: Sequence[int],
    key: int,
    pair: tuple[int, int],
    phases: Phases = (),
    scale: str = "linear",
) -> Figure:
    """From memorizing to grokking: accuracy over training, and at a few moments spectrum, circle and one answer.

    Args:
        metrics: a record's metrics; reads step, train_accuracy and test_accuracy, each (T,).
        moments: three or four moments, in order. Spectra share a scale; each circle has its own, for it
            shrinks with the weights.
        keys: the key frequencies of the final network.
        key: the frequency whose circle is drawn.
        pair: the residues (a, b) whose logits are drawn; a test pair.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    p = require_shape("norm_P", moments[0].norm_P, "P")["P"]
    colors = palette()
    by_key = frequency_colors(keys)
    figure = new_figure(7.0)
    grid = figure.add_gridspec(4, len(moments), height_ratios=[2.6, 1.1, 1.75, 1.1])
    top = figure.add_subplot(grid[0, :])
    step_axis(top, metrics["step"], scale)
    accuracy_axis(top)
    top.set_ylim(-0.03, 1.13)
    ends = []
    for part, color in (("test", colors.test), ("train", colors.train)):
        values_T = metrics[f"{part}_accuracy"]
        top.plot(metrics["step"], values_T, color=color, linewidth=2.2)
        ends.append(EndLabel(last_finite(values_T), part, color))
    label_ends(top, ends, pad=13)
    mark_phases([top], phases)
    norms = [np.hypot(*by_frequency(moment.norm_P)) for moment in moments]
    highest = 1.1 * max(float(norm_K.max()) for norm_K in norms)
    columns = []
    for column, (moment, norm_K) in enumerate(zip(moments, norms, strict=True)):
        height = float(np.interp(moment.step, metrics["step"], metrics["test_accuracy"]))
        number_mark(top, moment.step, height, column + 1)
        spectrum, circle, answer = (figure.add_subplot(grid[row, column]) for row in (1, 2, 3))
        draw_bars(spectrum, norm_K, by_key, highest)
        spectrum.set_title(f"{column + 1}   step {moment.step:,}", fontweight="bold", fontsize=10)
        draw_circle(circle, moment.point_P2, np.arange(p) * key % p, p, 9)
        draw_answer(answer, moment.logits_C, (pair[0] + pair[1]) % p)
        columns.append((spectrum, circle, answer))
    first = columns[0]
    first[0].set_ylabel("spectrum", fontsize=10)
    first[1].set_ylabel(f"circle, k = {key}", fontsize=10)
    first[2].set_ylabel(f"{pair[0]} + {pair[1]} = ?", fontsize=10)
    return figure


def number_mark(axes: Axes, x: float, y: float, number: int) -> None:
    """A disc on the test curve with a moment's number."""
    colors = palette()
    axes.plot(x, y, "o", color=colors.test, markersize=15, zorder=4, clip_on=False)
    axes.annotate(
        str(number),
        (x, y),
        ha="center",
        va="center",
        fontsize=10,
        fontweight="bold",
        color=colors.page,
        zorder=5,
        annotation_clip=False,
    )


def draw_bars(axes: Axes, norm_K: np.ndarray, by_key: Mapping[int, str], highest: float) -> None:
    """A small spectrum without ticks: a bar per frequency, the keys in their colours."""
    frequency_K = np.arange(1, len(norm_K) + 1)
    axes.bar(frequency_K, norm_K, width=0.9, color=[by_key.get(int(k), palette().muted) for k in frequency_K])
    axes.set_ylim(0, highest)
    axes.set_xticks([])
    _bare(axes)


def draw_answer(axes: Axes, logits_C: np.ndarray, right: int) -> None:
    """The probabilities that logits give the answers, the right one in ink and named."""
    colors = palette()
    shifted_C = logits_C - logits_C.max()
    chance_C = np.exp(shifted_C) / np.exp(shifted_C).sum()
    p = len(chance_C)
    wide = p / 56
    axes.bar(np.arange(p), chance_C, width=wide, color=[colors.muted] * p)
    axes.bar([right], chance_C[[right]], width=wide, color=colors.ink)
    axes.set_xlim(-wide, p - 1 + wide)
    axes.set_ylim(0, 1.05)
    axes.set_xticks([right], [str(right)], fontweight="bold")
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_yticks([])
    axes.grid(False)
    axes.spines["left"].set_visible(False)
