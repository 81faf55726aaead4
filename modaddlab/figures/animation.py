"""The story of a training run, in frames: a player for the page, and a strip of a few frames for paper.

Both draw the same `Story`: losses and accuracies, the embedding's spectrum, the residues on the circle of one key frequency, one
head's attention, and the answer to one question that the network was never trained on, at every saved step. The player is HTML
without any reference to another file: the numbers as JSON, the script `player.js` and its style `player.css`, and the colours of
both themes as custom properties. Nothing moves before a reader asks for it, and frames follow each other slowly for those whose
system asks for reduced motion. A page without scripts shows the strip alone.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from modaddlab.figures.algorithm import draw_circle
from modaddlab.figures.curves import last_finite
from modaddlab.figures.hero import draw_answer, draw_bars, number_mark
from modaddlab.figures.marks import EndLabel, Phase, label_ends, loss_axis, mark_phases, step_axis
from modaddlab.figures.theme import DARK, LIGHT, Palette, frequency_colors, new_figure, palette, themed, use
from modaddlab.shapes import require_shape

WHEEL = 24
"""Colours of the residues' wheel in the player."""


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

    @property
    def probability_TC(self) -> np.ndarray:
        """The network's probabilities for the question's answers, (T, C)."""
        terms_TC = np.exp(self.logits_TC - self.logits_TC.max(axis=1, keepdims=True))
        return terms_TC / terms_TC.sum(axis=1, keepdims=True)


def player_html(story: Story, label: str) -> str:
    """The player as HTML that stands alone: numbers, script, style and colours.

    Args:
        story: what is played.
        label: what it shows, for those who do not see it.
    """
    files = importlib.resources.files("modaddlab.figures")
    script, style = (files.joinpath(f"player.{kind}").read_text(encoding="utf-8").strip() for kind in ("js", "css"))
    frames = len(story.step_T)
    return f"""<div class="story" role="group" aria-label="{escape(label)}" hidden>
<style>
{_colours(LIGHT, ".story", len(story.keys))}
{_colours(DARK, '[data-theme="dark"] .story, body.quarto-dark .story', len(story.keys))}
{style}
</style>
<div class="story-controls"><button type="button" class="story-play">Play</button>
<input type="range" min="0" max="{frames - 1}" value="0" step="1" aria-label="saved step of the training">
<output aria-live="off"></output></div>
<div class="story-panels"></div>
<script type="application/json" class="story-data">{story_json(story)}</script>
<script>
{script}
</script>
</div>"""


def player(story: Story, label: str) -> None:
    """Print the player for a chapter's page; for a cell with `#| output: asis`. A format other than HTML leaves it out."""
    print(f"\n```{{=html}}\n{player_html(story, label)}\n```\n")


def story_json(story: Story) -> str:
    """The numbers of a story as JSON: points in units of the farthest of all frames, all else as it is, rounded for the eye."""
    reach = float(np.abs(story.point_TP2).max()) or 1.0
    return _json(
        {
            "p": story.p,
            "step": np.asarray(story.step_T),
            "phases": [[name, float(start), float(end)] for name, start, end in story.phases],
            "loss": {name: _digits(values_T, 4) for name, values_T in story.losses.items()},
            "accuracy": {name: np.round(values_T, 4) for name, values_T in story.accuracies.items()},
            "norm": np.round(story.norm_TK, 3),
            "keys": sorted(int(key) for key in story.keys),
            "key": int(story.key),
            "point": np.round(story.point_TP2 / reach, 3).reshape(len(story.step_T), -1),
            "head": int(story.head),
            "headKey": int(story.head_key),
            "attention": np.round(story.attention_TP, 3),
            "pair": [int(residue) for residue in story.pair],
            "probability": np.round(story.probability_TC, 3),
            "wheel": WHEEL,
        }
    )


def _digits(values: np.ndarray, digits: int) -> np.ndarray:
    return np.array([float(f"{value:.{digits}g}") for value in np.asarray(values, float)])


def _json(value: object) -> str:
    """JSON without spaces; numbers as short as they are exact, what is no number as null."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_json(str(name))}:{_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, np.ndarray):
        return _json(value.tolist())
    if isinstance(value, list | tuple):
        return "[" + ",".join(_json(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:.10g}" if np.isfinite(value) else "null"
    if isinstance(value, int):
        return str(value)
    text = "".join(character if character not in '"\\<&' else f"\\u{ord(character):04x}" for character in str(value))
    return f'"{text}"'


def _colours(colors: Palette, selector: str, n_keys: int) -> str:
    """A theme's colours as custom properties, and what is drawn in them."""
    names = ("page", "ink", "muted", "rule", "shade", "train", "test", "restricted", "excluded")
    properties = [f"--{name}: {getattr(colors, name)}" for name in names]
    with use(colors.name):
        by_key = frequency_colors(range(1, n_keys + 1))
    properties += [f"--key-{rank}: {color}" for rank, color in enumerate(by_key.values())]
    properties += [f"--wheel-{n}: {to_hex(colors.cyclic(n / WHEEL))}" for n in range(WHEEL)]
    lines = [f"{selector} {{ {'; '.join(properties)}; }}"]
    if colors is LIGHT:
        for name in names[5:]:
            lines.append(
                f".story .curve.{name} {{ stroke: var(--{name}); }} .story .{name}:not(.curve) {{ fill: var(--{name}); }}"
            )
        lines += [f".story .key-{rank} {{ fill: var(--key-{rank}); }}" for rank in range(n_keys)]
    return "\n".join(lines)


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
