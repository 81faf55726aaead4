"""Progress measures over training: what grows under the surface while the test loss stands still.

Restricted loss keeps only the key frequencies' part of the logits, excluded loss removes it. While the network memorizes, both
train and excluded loss fall; once the key frequencies carry the answers, the excluded loss on the train pairs rises and the
restricted loss falls, long before the test loss does. Losses are mean nats on a log axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from modaddlab.figures.curves import last_finite
from modaddlab.figures.marks import EndLabel, Phase, label_ends, level, loss_axis, mark_phases, percent_axis, step_axis, symbols
from modaddlab.figures.theme import frequency_colors, new_figure, palette, themed
from modaddlab.shapes import require_shape

Phases = Iterable[Phase | tuple[str, float, float]]


@themed
def progress_measures(step_T: np.ndarray, losses: Mapping[str, np.ndarray], phases: Phases = (), scale: str = "linear") -> Figure:
    """Train, test, restricted and excluded loss over training, each in its colour.

    Args:
        step_T: (T,) saved steps.
        losses: any of "train", "test", "restricted", "excluded" -> (T,) mean nats.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.

    Raises:
        ValueError: a loss has another name or another length.
    """
    colors = palette()
    figure = new_figure(4.4)
    axes = figure.subplots()
    step_axis(axes, step_T, scale)
    loss_axis(axes)
    ends = []
    for name, values_T in losses.items():
        if name not in ("train", "test", "restricted", "excluded"):
            raise ValueError(f"losses must be named train, test, restricted or excluded, found {name!r}")
        require_shape(name, values_T, "T", T=len(step_T))
        color = getattr(colors, name)
        axes.plot(step_T, values_T, color=color)
        ends.append(EndLabel(last_finite(values_T), name, color))
    label_ends(axes, ends)
    mark_phases([axes], phases)
    return figure


@themed
def excluded_by_key(
    step_T: np.ndarray,
    excluded_TK: np.ndarray,
    keys: Sequence[int],
    train_loss_T: np.ndarray,
    phases: Phases = (),
    scale: str = "linear",
) -> Figure:
    """The train loss without one key frequency, for each key: from when on the network relies on it.

    Args:
        step_T: (T,) saved steps.
        excluded_TK: (T, K) excluded loss in nats on the train pairs, a column per key.
        keys: the key frequencies, in the order of the columns.
        train_loss_T: (T,) the full train loss.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    require_shape("excluded_TK", excluded_TK, "T K", T=len(step_T), K=len(keys))
    colors = palette()
    by_key = frequency_colors(keys)
    figure = new_figure(4.2)
    axes = figure.subplots()
    step_axis(axes, step_T, scale)
    loss_axis(axes, "train loss (nats)")
    axes.plot(step_T, train_loss_T, color=colors.train)
    ends = [EndLabel(last_finite(train_loss_T), "train", colors.train)]
    for column, key in enumerate(keys):
        axes.plot(step_T, excluded_TK[:, column], color=by_key[int(key)])
        ends.append(EndLabel(last_finite(excluded_TK[:, column]), f"without {key}", by_key[int(key)]))
    label_ends(axes, ends)
    mark_phases([axes], phases)
    return figure


@themed
def sparsity_and_norm(
    step_T: np.ndarray, gini: Mapping[str, np.ndarray], sum_of_squares_T: np.ndarray, phases: Phases = (), scale: str = "linear"
) -> Figure:
    """The Gini coefficients of the Fourier components above the sum of squared weights.

    Args:
        step_T: (T,) saved steps.
        gini: matrix name -> (T,) Gini coefficient, 0 even to 1 sparse.
        sum_of_squares_T: (T,) sum of all squared weights.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    figure = new_figure(4.8)
    top, bottom = figure.subplots(2, 1, sharex=True)
    step_axis(bottom, step_T, scale)
    top.set_ylim(0, 1)
    top.set_ylabel("Gini coefficient")
    ends = []
    for number, (name, values_T) in enumerate(gini.items()):
        top.plot(step_T, values_T, color=colors.norm, linestyle=["-", (0, (5, 2)), (0, (1, 1.4))][number % 3])
        ends.append(EndLabel(last_finite(values_T), symbols(name), colors.norm))
    label_ends(top, ends)
    bottom.plot(step_T, sum_of_squares_T, color=colors.norm)
    bottom.set_ylim(0, 1.06 * float(np.nanmax(sum_of_squares_T)))
    bottom.set_ylabel("sum of squares")
    bottom.yaxis.set_major_formatter("{x:,.0f}")
    mark_phases([top, bottom], phases)
    return figure


@themed
def key_share(
    step_T: np.ndarray,
    shares: Mapping[str, np.ndarray],
    *,
    chance: float,
    seeds: Sequence[tuple[np.ndarray, np.ndarray]] = (),
    phases: Phases = (),
    scale: str = "linear",
) -> Figure:
    """The share of the energy that the key frequencies hold, for each matrix.

    Args:
        step_T: (T,) saved steps.
        shares: matrix name -> (T,) share of its non-constant energy at the key frequencies.
        chance: the share that as many frequencies hold when the energy is spread evenly.
        seeds: steps and share of the first matrix in other runs, each with its own keys; drawn thin.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    figure = new_figure(3.6)
    axes = figure.subplots()
    step_axis(axes, step_T, scale)
    axes.set_ylim(0, 1.04)
    percent_axis(axes.yaxis)
    axes.set_ylabel("energy at the keys")
    for other_step_T, other_T in seeds:
        axes.plot(other_step_T, other_T, color=colors.control, linewidth=0.8, alpha=0.8)
    ends = []
    for number, (name, share_T) in enumerate(shares.items()):
        require_shape(name, share_T, "T", T=len(step_T))
        axes.plot(step_T, share_T, color=colors.norm, linestyle=["-", (0, (5, 2)), (0, (1, 1.4))][number % 3])
        ends.append(EndLabel(last_finite(share_T), symbols(name), colors.norm))
    label_ends(axes, ends)
    level(axes, chance, "spread evenly")
    mark_phases([axes], phases)
    return figure
