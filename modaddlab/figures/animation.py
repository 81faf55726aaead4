"""The story of a training run in a few frames: losses, spectrum, circle, attention, and the answer to a question it never saw.

The page's film is `modaddlab.web`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from modaddlab.figures.algorithm import draw_circle
from modaddlab.figures.curves import last_finite
from modaddlab.figures.hero import draw_answer, draw_bars, number_mark
from modaddlab.figures.marks import EndLabel, Phase, label_ends, loss_axis, mark_phases, step_axis
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a network looks like at each of T saved steps.

    Attributes:
        step_T: the steps, (T,).
        losses: any of "train", "test", "restricted", "excluded" -> (T,) mean nats, positive.
        accuracies: "train" and "test" -> (T,) fractions.
        norm_TK: norm of the embedding at each frequency, (T, K).
        keys: the key frequencies of the final network.
        key: the frequency whose circle is drawn.
        point_TP2: the residues along its cosine and sine direction, (T, P, 2).
        head: number of the head.
        head_key: the frequency that it follows.
        attention_TP: its attention to a, averaged over b, (T, P); fractions.
        pair: the residues (a, b) of the question.
        logits_TC: the network's logits for it, (T, C).
        phases: (name, first step, last step) in order.
    """

    step_T: np.ndarray
    losses: Mapping[str, np.ndarray]
    accuracies: Mapping[str, np.ndarray]
    norm_TK: np.ndarray
    keys: Sequence[int]
    key: int
    point_TP2: np.ndarray
    head: int
    head_key: int
    attention_TP: np.ndarray
    pair: tuple[int, int]
    logits_TC: np.ndarray
    phases: Sequence[Phase | tuple[str, float, float]] = ()

    def __post_init__(self) -> None:
        sizes = require_shape("point_TP2", self.point_TP2, "T P 2", T=len(self.step_T))
        sizes["C"] = sizes["P"]
        require_shape("norm_TK", self.norm_TK, "T K", T=sizes["T"])
        require_shape("attention_TP", self.attention_TP, "T P", **sizes)
        require_shape("logits_TC", self.logits_TC, "T C", **sizes)
        for name, values_T in [*self.losses.items(), *self.accuracies.items()]:
            require_shape(name, values_T, "T", T=sizes["T"])

    @property
    def p(self) -> int:
        """The modulus."""
        return self.point_TP2.shape[1]


@themed
def story_strip(story: Story, frames: Sequence[int]) -> Figure:
    """A few frames of a story side by side under its losses.

    Args:
        story: what is shown.
        frames: about six indices into its steps, in order.
    """
    colors = palette()
    by_key = frequency_colors(story.keys)
    p, step_T = story.p, story.step_T
    figure = new_figure(7.6)
    grid = figure.add_gridspec(5, len(frames), height_ratios=[2.6, 1, 1.25, 1, 1])
    top = figure.add_subplot(grid[0, :])
    step_axis(top, step_T[: frames[-1] + 1])
    loss_axis(top)
    ends = []
    for name, values_T in story.losses.items():
        shown_T = np.asarray(values_T)[: frames[-1] + 1]
        top.plot(step_T[: frames[-1] + 1], shown_T, color=getattr(colors, name))
        ends.append(EndLabel(last_finite(shown_T), name, getattr(colors, name)))
    label_ends(top, ends, pad=13)
    mark_phases([top], story.phases)
    highest = 1.1 * float(story.norm_TK[list(frames)].max())
    reach = 1.1 * float(np.abs(story.point_TP2[list(frames)]).max())
    answer = (story.pair[0] + story.pair[1]) % p
    for column, frame in enumerate(frames):
        number_mark(top, float(step_T[frame]), float(story.losses["test"][frame]), column + 1)
        spectrum, circle, attention, answers = (figure.add_subplot(grid[row, column]) for row in range(1, 5))
        draw_bars(spectrum, story.norm_TK[frame], by_key, highest)
        spectrum.set_title(f"{column + 1}   {int(step_T[frame]):,}", fontsize=10, fontweight="bold")
        draw_circle(circle, story.point_TP2[frame], np.arange(p) * story.key % p, p, 7)
        circle.set_xlim(-reach, reach)
        circle.set_ylim(-reach, reach)
        place_P = np.arange(p) * story.head_key % p
        attention.scatter(
            place_P, story.attention_TP[frame], c=place_P, cmap=colors.cyclic, vmin=0, vmax=p - 1, s=6, linewidths=0
        )
        attention.set_ylim(-0.05, 1.05)
        attention.set_xticks([])
        attention.set_yticks([0, 1], ["0", "1"] if column == 0 else ["", ""])
        draw_answer(answers, story.logits_TC[frame], answer)
        if column == 0:
            names = ("spectrum", f"circle, {story.key}", f"head {story.head}", f"{story.pair[0]} + {story.pair[1]} = ?")
            for axes, name in zip((spectrum, circle, attention, answers), names, strict=True):
                axes.set_ylabel(name, fontsize=10)
    return figure
