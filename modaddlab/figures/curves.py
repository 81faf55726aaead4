"""Curves over training: losses, accuracies, weight norms and sparsity of one run.

What grokking looks like: the train loss falls within the first few hundred steps, the test loss rises and stays high for
thousands of steps, then falls too. Losses are mean nats on a log axis. Phases are shaded where they are given.

The functions read a record's metrics by their names: "step", "train_loss", "test_loss", "train_accuracy",
"test_accuracy", "gini_W_E", "gini_W_L", "norm/<parameter>", each an array of T saved steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modaddlab.figures.marks import (
    EndLabel,
    Phase,
    accuracy_axis,
    label_ends,
    loss_axis,
    mark_phases,
    step_axis,
)
from modaddlab.figures.theme import new_figure, palette, themed
from modaddlab.shapes import require_shape

Metrics = Mapping[str, np.ndarray]
Phases = Iterable[Phase | tuple[str, float, float]]


def last_finite(values: np.ndarray) -> float:
    """The last value that is a number; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else float("nan")


def until(metrics: Metrics, step: int) -> dict[str, np.ndarray]:
    """The metrics up to a step, for a figure of the beginning of a run.

    Args:
        metrics: a record's metrics, each with T saved steps along its first axis.
        step: the last step that is kept.
    """
    kept_T = np.asarray(metrics["step"]) <= step
    return {name: np.asarray(values)[kept_T] for name, values in metrics.items()}


def draw_pair(axes: Axes, metrics: Metrics, quantity: str, labels: bool = True) -> None:
    """The train and the test curve of "loss" or "accuracy", labelled at their right ends."""
    colors = palette()
    step_T = metrics["step"]
    ends = []
    for part, color in (("test", colors.test), ("train", colors.train)):
        values_T = metrics[f"{part}_{quantity}"]
        require_shape(f"{part}_{quantity}", values_T, "T", T=len(step_T))
        axes.plot(step_T, values_T, color=color, label=part)
        ends.append(EndLabel(last_finite(values_T), part, color))
    if labels:
        label_ends(axes, ends)


@themed
def training_curves(metrics: Metrics, phases: Phases = (), scale: str = "linear") -> Figure:
    """Train and test loss above train and test accuracy.

    Args:
        metrics: a record's metrics; reads step and the losses (nats) and accuracies (fractions), each (T,).
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    figure = new_figure(5.0)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    step_axis(bottom, metrics["step"], scale)
    loss_axis(top)
    accuracy_axis(bottom)
    draw_pair(top, metrics, "loss")
    draw_pair(bottom, metrics, "accuracy")
    mark_phases([top, bottom], phases)
    return figure


@themed
def weight_norms(metrics: Metrics, phases: Phases = (), scale: str = "linear") -> Figure:
    """The Frobenius norm of each weight matrix, and of all parameters together.

    Args:
        metrics: a record's metrics; reads step and every "norm/<parameter>", each (T,). Biases are left to the total.
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    step_T = metrics["step"]
    norms = {name.removeprefix("norm/"): values for name, values in metrics.items() if name.startswith("norm/")}
    figure = new_figure(4.2)
    axes = figure.subplots()
    step_axis(axes, step_T, scale)
    total_T = np.sqrt(sum(np.asarray(values, float) ** 2 for values in norms.values()))
    axes.set_ylim(0, 1.05 * float(np.max(total_T)))
    axes.plot(step_T, total_T, color=colors.norm, linewidth=2.4)
    ends = [EndLabel(float(total_T[-1]), "all weights", colors.norm)]
    styles = ["-", (0, (5, 2)), (0, (1, 1.4)), (0, (5, 1.5, 1, 1.5))]
    matrices = [name for name in norms if name.rsplit(".", 1)[-1].startswith("W_")]
    matrices.sort(key=lambda name: -float(norms[name][-1]))
    for number, name in enumerate(matrices):
        axes.plot(step_T, norms[name], color=colors.muted, linewidth=1.3, linestyle=styles[number % len(styles)])
        ends.append(EndLabel(float(norms[name][-1]), _short_name(name, matrices), colors.muted))
    label_ends(axes, ends)
    axes.set_ylabel("Frobenius norm")
    mark_phases([axes], phases)
    return figure


def _short_name(name: str, names: Sequence[str]) -> str:
    """The published name of a parameter as a formula; with its block where several blocks have one."""
    short = name.rsplit(".", 1)[-1]
    letter, _, index = short.partition("_")
    formula = f"${letter}_{{{index}}}$"
    if sum(other.rsplit(".", 1)[-1] == short for other in names) > 1:
        return f"{formula} ({name.split('.')[1]})"
    return formula


@themed
def grokking_panels(metrics: Metrics, phases: Phases = (), scale: str = "linear") -> Figure:
    """A run at a glance, four panels: loss and accuracy, the norm of all weights, the Gini coefficients of W_E and W_L.

    Args:
        metrics: a record's metrics; reads step, the losses and accuracies, every "norm/<parameter>", gini_W_E and gini_W_L,
            each (T,).
        phases: (name, first step, last step) in order.
        scale: "linear" or "log" steps.
    """
    colors = palette()
    phases = list(phases)
    step_T = metrics["step"]
    figure = new_figure(5.4)
    panels = figure.subplots(2, 2, sharex=True)
    for axes in panels.flat:
        step_axis(axes, step_T, scale, label=axes in panels[1])
    loss_axis(panels[0, 0])
    accuracy_axis(panels[0, 1])
    draw_pair(panels[0, 0], metrics, "loss")
    draw_pair(panels[0, 1], metrics, "accuracy")
    norm_T = np.sqrt(sum(np.asarray(values, float) ** 2 for name, values in metrics.items() if name.startswith("norm/")))
    panels[1, 0].plot(step_T, norm_T, color=colors.norm)
    panels[1, 0].set_ylim(0, 1.08 * float(np.max(norm_T)))
    panels[1, 0].set_ylabel("norm of all weights")
    _draw_gini(panels[1, 1], metrics)
    for column in panels.T:
        mark_phases(list(column), [(str(n + 1), *phase[1:]) for n, phase in enumerate(phases)])
    return figure


def _draw_gini(axes: Axes, metrics: Metrics) -> None:
    colors = palette()
    axes.set_ylim(0, 1)
    axes.set_ylabel("Gini coefficient")
    ends = []
    for name, style in (("W_E", "-"), ("W_L", (0, (5, 2)))):
        values_T = metrics[f"gini_{name}"]
        axes.plot(metrics["step"], values_T, color=colors.norm, linestyle=style)
        ends.append(EndLabel(last_finite(values_T), f"${name}$", colors.norm))
    label_ends(axes, ends)
