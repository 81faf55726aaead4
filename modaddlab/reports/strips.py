"""A range strip: where a number stands among those of other networks, and where its null is, in a picture as high as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modaddlab.figures.theme import THEMES

WIDTH, HEIGHT = 150, 18
"""Pixels."""


def strip(theme: str, value: float, others: Sequence[float], null: float | None = None, *, log: bool = False) -> str:
    """The text of an SVG file: a bar over the range of the others, a line for each, a dot for the value, a ring for the null.

    Args:
        theme: "light" or "dark".
        value: the number.
        others: those of the other networks, perhaps none.
        null: the number where its cause is absent.
        log: on a logarithmic scale, where all are positive.
    """
    colors, every = THEMES[theme], [value, *others, *([] if null is None else [null])]
    scale = math.log if log and min(every) > 0 else float
    least, most = scale(min(every)), scale(max(every))

    def x(number: float) -> float:
        return round(8 + (WIDTH - 16) * ((scale(number) - least) / (most - least) if most > least else 0.5), 1)

    middle = HEIGHT / 2
    drawn = [f'<path d="M2 {middle}H{WIDTH - 2}" stroke="{colors.rule}"/>']
    if others:
        start, end = x(min(others)), x(max(others))
        drawn.append(
            f'<rect x="{start - 1}" y="{middle - 4}" width="{round(end - start + 2, 1)}" height="8" rx="2" fill="{colors.rule}"/>'
        )
        drawn += [f'<path d="M{x(other)} {middle - 4}v8" stroke="{colors.muted}"/>' for other in others]
    if null is not None:
        ring = f'fill="{colors.page}" stroke="{colors.control}" stroke-width="1.5"'
        drawn.append(f'<circle cx="{x(null)}" cy="{middle}" r="3.5" {ring}/>')
    drawn.append(f'<circle cx="{x(value)}" cy="{middle}" r="4.5" fill="{colors.test}"/>')
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(drawn)}</svg>'
