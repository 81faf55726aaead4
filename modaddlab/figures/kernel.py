"""A kernel machine that learns its features: over its fits, the features themselves, and random ones in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from modaddlab.figures.marks import EndLabel, accuracy_axis, frequency_axis, heatmap, label_ends, percent_axis
from modaddlab.figures.theme import new_figure, palette, themed


@themed
def kernel_fits(curves: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """Accuracy (top) and how circulant the features are (bottom) after each fit, a line for each seed.

    Args:
        curves: "train", "test", "circulant" and "random order" -> a curve (T,) for each seed.
    """
    colors = palette()
    inks = {"train": colors.train, "test": colors.test, "circulant": colors.ink, "random order": colors.control}
    figure = new_figure(4.6)
    panels = figure.subplots(2, 1, sharex=True)
    for axes, label, names in zip(
        panels, ("accuracy", "share of the block"), (("train", "test"), ("circulant", "random order")), strict=True
    ):
        accuracy_axis(axes, label)
        for name in names:
            for values_T in curves[name]:
                axes.plot(np.arange(1, len(values_T) + 1), values_T, color=inks[name], lw=1)
        label_ends(
            axes, [EndLabel(float(np.mean([values_T[-1] for values_T in curves[name]])), name, inks[name]) for name in names]
        )
    panels[1].set_xlabel("fit")
    panels[1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@themed
def feature_matrices(matrices: Mapping[str, np.ndarray]) -> Figure:
    """Matrices over residues side by side, each drawn in units of its largest entry off the main diagonal.

    Args:
        matrices: title -> a symmetric feature matrix (2P, 2P), drawn without its main diagonal, or a block of one (P, P).
    """
    colors = palette()
    figure = new_figure(2.7, compressed=True)
    for axes, (title, x_RC) in zip(figure.subplots(1, len(matrices)), matrices.items(), strict=True):
        whole = np.allclose(x_RC, x_RC.T)
        shown_RC = x_RC - np.diag(np.diag(x_RC)) if whole else x_RC
        units_RC = np.round(shown_RC / np.abs(shown_RC).max() * 8) / 8  # noise in few shades makes a file a third as large
        heatmap(axes, units_RC, colors.diverging, Normalize(-1, 1))
        axes.set_title(title)
        p = len(x_RC) // 2
        if whole:
            axes.axhline(p - 0.5, color=colors.muted, lw=0.8)
            axes.axvline(p - 0.5, color=colors.muted, lw=0.8)
        axes.set_xticks([p / 2, 3 * p / 2] if whole else [], ["a", "b"] if whole else [])
        axes.set_yticks([p / 2, 3 * p / 2] if whole else [], ["a", "b"] if whole else [])
        axes.tick_params(length=0)
    return figure


@themed
def accuracy_by_share(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], controls: Mapping[str, float]) -> Figure:
    """Accuracy on test pairs by the share of pairs that is trained on.

    Args:
        curves: name -> shares and accuracies, ascending.
        controls: name -> the accuracy of a control at the last share.
    """
    colors = palette()
    inks = dict(zip(curves, (colors.restricted, colors.test), strict=False))
    figure = new_figure(3.4)
    axes = figure.subplots()
    accuracy_axis(axes, "test accuracy")
    percent_axis(axes.xaxis)
    axes.set_xlabel("share of the pairs that is trained on")
    for name, (share_N, accuracy_N) in curves.items():
        axes.plot(share_N, accuracy_N, "o-" if len(share_N) > 2 else "o", color=inks[name], ms=5)  # two points are no curve
    last = max(share_N[-1] for share_N, _ in curves.values())
    axes.plot([last] * len(controls), list(controls.values()), "D", color=colors.control, ms=5)
    ends = [EndLabel(accuracy_N[-1], name, inks[name]) for name, (_, accuracy_N) in curves.items()]
    label_ends(axes, [*ends, *(EndLabel(accuracy, name, colors.control) for name, accuracy in controls.items())])
    return figure


@themed
def answer_energies(energies: Mapping[str, np.ndarray]) -> Figure:
    """How the energy of answers is spread over the frequencies, a panel for each machine or network.

    Args:
        energies: name -> the share at each frequency (K,).
    """
    colors = palette()
    figure = new_figure(1.0 + 1.2 * len(energies))
    for axes, (name, energy_K) in zip(figure.subplots(len(energies), 1), energies.items(), strict=True):
        axes.bar(np.arange(1, len(energy_K) + 1), energy_K, color=colors.ink, width=0.7)
        frequency_axis(axes, len(energy_K), "")
        percent_axis(axes.yaxis)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.set_title(name, loc="left")
    figure.axes[-1].set_xlabel("frequency k")
    figure.supylabel("share of the energy")
    return figure
