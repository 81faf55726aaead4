"""The weights of a two-layer network: spectra, waves, phases and sizes of its neurons.

Neuron m has an input vector theta_m and an output vector xi_m over the residues, nearly theta_m[j] = alpha cos(omega_k j + phi)
and xi_m[j] = beta cos(omega_k j + psi). Angles are in radians, drawn from -pi to pi. What random numbers or an untrained network
give is drawn as an outline or a band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from modaddlab.analysis.two_layer import CosineNeurons, Null, wrap
from modaddlab.figures.marks import EndLabel, color_scale, heatmap, label_ends, outer_labels, step_axis
from modaddlab.figures.theme import new_figure, palette, themed
from modaddlab.shapes import require_shape

_ANGLE_TICKS = ([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi], ["$-\\pi$", "$-\\pi/2$", "0", "$\\pi/2$", "$\\pi$"])

COLUMN = 16
"""How many pixels a Fourier component is wide: a viewer that smooths what it enlarges then keeps the columns' edges."""


def _angle_axis(axes: Axes, axis: str, label: str) -> None:
    """Set up one axis for angles from -pi to pi."""
    if axis == "x":
        axes.set_xlim(-np.pi, np.pi)
        axes.set_xticks(*_ANGLE_TICKS)
        axes.set_xlabel(label)
    else:
        axes.set_ylim(-np.pi, np.pi)
        axes.set_yticks(*_ANGLE_TICKS)
        axes.set_ylabel(label)


@themed
def weight_components(theta_HP: np.ndarray, xi_HP: np.ndarray, frequency_H: np.ndarray) -> Figure:
    """The Fourier components of every neuron's two vectors, a row a neuron, the rows sorted by the neuron's frequency.

    Args:
        theta_HP: (H, P) components of the input vectors in basis order: constant, cos 1, sin 1, ...
        xi_HP: (H, P) those of the output vectors.
        frequency_H: (H,) each neuron's frequency.
    """
    sizes = require_shape("theta_HP", theta_HP, "H P", H=len(frequency_H))
    require_shape("xi_HP", xi_HP, "H P", **sizes)
    colors = palette()
    row_H = np.arange(sizes["H"])
    phase_H = np.arctan2(-theta_HP[row_H, 2 * frequency_H], theta_HP[row_H, 2 * frequency_H - 1])
    order = np.lexsort((phase_H, frequency_H))
    figure = new_figure(4.9)
    panels = figure.subplots(1, 2, sharey=True)
    reach = float(max(np.quantile(np.abs(theta_HP), 0.999), np.quantile(np.abs(xi_HP), 0.999)))
    image = None
    for axes, components_HP, name in zip(
        panels, (theta_HP, xi_HP), ("input vectors $\\theta$", "output vectors $\\xi$"), strict=True
    ):
        image = heatmap(
            axes,
            np.repeat(components_HP[order], COLUMN, axis=1),
            colors.diverging,
            Normalize(-reach, reach),
            extent=(-0.5, sizes["P"] - 0.5, sizes["H"], 0),
            aspect="auto",
        )
        frequencies = np.arange(1, sizes["P"] // 2 + 1)
        step = 1 if len(frequencies) <= 12 else 5 * max(1, len(frequencies) // 40)
        shown = frequencies[step - 1 :: step]
        axes.set_xticks([0, *(2 * shown - 0.5)], ["0", *map(str, shown)])
        axes.set_xlabel("frequency: cosine, sine")
        axes.set_title(name)
    found, counts = np.unique(frequency_H, return_counts=True)
    ends = np.cumsum(counts)
    middle = ends - counts / 2
    keep = slice(None) if len(found) <= 12 else slice(None, None, max(1, len(found) // 10))
    panels[0].set_yticks(middle[keep], [str(k) for k in found[keep]])
    panels[0].tick_params(axis="y", length=0)
    panels[0].set_ylabel(f"{sizes['H']} neurons, sorted by frequency")
    assert image is not None
    color_scale(figure, image, list(panels), "component", extend="both")
    return figure


@themed
def neuron_waves(theta_NP: np.ndarray, xi_NP: np.ndarray, waves: CosineNeurons, ids: Sequence[int]) -> Figure:
    """A few neurons' vectors over the residues in the order of their angle at the neuron's frequency, with the fitted waves.

    Args:
        theta_NP: (N, P) input vectors of the chosen neurons.
        xi_NP: (N, P) their output vectors.
        waves: their waves, in the same order.
        ids: their numbers.
    """
    sizes = require_shape("theta_NP", theta_NP, "N P", N=len(ids), P=waves.p)
    require_shape("xi_NP", xi_NP, "N P", **sizes)
    colors, p = palette(), waves.p
    figure = new_figure(1.35 * len(ids) + 0.8)
    panels = figure.subplots(len(ids), 2, squeeze=False, sharex=True)
    fine = np.linspace(0, p - 1, 400)
    columns = (
        ("input $\\theta$", theta_NP, waves.alpha_H, waves.phi_H, colors.train),
        ("output $\\xi$", xi_NP, waves.beta_H, waves.psi_H, colors.test),
    )
    for column, (name, vectors_NP, size_N, phase_N, color) in enumerate(columns):
        for row, neuron in enumerate(ids):
            axes, k = panels[row, column], int(waves.frequency_H[row])
            place_P = k * np.arange(p) % p
            axes.plot(fine, size_N[row] * np.cos(2 * np.pi * fine / p + phase_N[row]), color=colors.muted, linewidth=1.1)
            axes.plot(place_P, vectors_NP[row], "o", color=color, markersize=3.6)
            reach = 1.25 * float(max(np.abs(vectors_NP[row]).max(), size_N[row]))
            axes.set_ylim(-reach, reach)
            axes.set_xlim(-0.8, p - 0.2)
            if row == 0:
                axes.set_title(name, color=color, fontweight="bold")
            if column == 0:
                axes.set_ylabel(f"neuron {neuron}\nk = {k}", fontsize=10)
    for axes in panels[-1]:
        axes.set_xlabel("k·j mod p, j the residue")
    return figure


@themed
def participation(trained: Mapping[str, np.ndarray], untrained: Mapping[str, np.ndarray], chance: Mapping[str, float]) -> Figure:
    """How many neurons have which inverse participation ratio, by each definition, beside an untrained network.

    Args:
        trained: definition -> (N,) the ratios of all vectors of the trained network.
        untrained: definition -> (N,) the same before training, drawn as an outline.
        chance: definition -> the mean for random vectors, a dashed line.
    """
    colors = palette()
    figure = new_figure(2.9)
    panels = figure.subplots(1, len(trained), sharey=True, squeeze=False)[0]
    edges = np.linspace(0, 1, 41)
    for axes, (name, values) in zip(panels, trained.items(), strict=True):
        counts, _ = np.histogram(values, edges)
        axes.stairs(counts, edges, fill=True, color=colors.norm, alpha=0.85)
        before, _ = np.histogram(untrained[name], edges)
        axes.stairs(before, edges, color=colors.control, linewidth=1.4)
        axes.axvline(chance[name], color=colors.ink, linewidth=1.0, dashes=(4, 3))
        top = int(np.argmax(before))
        axes.annotate(
            "untrained",
            (edges[top + 1], before[top]),
            xytext=(7, -8),
            textcoords="offset points",
            color=colors.control,
            fontsize=10,
        )
        axes.set_xlim(0, 1)
        axes.set_title(f"over {name}")
        axes.set_xlabel("inverse participation ratio")
    panels[0].set_ylabel("vectors")
    return figure


@themed
def phase_alignment(waves: CosineNeurons, control: CosineNeurons) -> Figure:
    """The output's phase against twice the input's, and the misalignment D = 2 phi - psi beside an untrained network's.

    Args:
        waves: the trained network's waves.
        control: those of an untrained network, drawn as an outline.
    """
    colors = palette()
    figure = new_figure(3.3)
    left, right = figure.subplots(1, 2)
    twice_H, psi_H = wrap(2 * waves.phi_H), wrap(waves.psi_H)
    left.plot([-np.pi, np.pi], [-np.pi, np.pi], color=colors.muted, linewidth=0.9, zorder=1)
    left.scatter(twice_H, psi_H, s=9, color=colors.restricted, alpha=0.8, linewidths=0, zorder=2)
    _angle_axis(left, "x", "twice the input's phase, $2\\varphi$")
    _angle_axis(left, "y", "the output's phase $\\psi$")
    left.set_aspect("equal")
    left.grid(axis="both")
    edges = np.linspace(-np.pi, np.pi, 49)
    counts, _ = np.histogram(waves.misalignment_H, edges)
    before, _ = np.histogram(control.misalignment_H, edges)
    right.stairs(counts, edges, fill=True, color=colors.restricted, alpha=0.85)
    right.stairs(before, edges, color=colors.control, linewidth=1.4)
    right.annotate(
        "untrained",
        (edges[36], before[30:44].max()),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        color=colors.control,
        fontsize=10,
    )
    _angle_axis(right, "x", "misalignment $D = 2\\varphi - \\psi$")
    right.set_ylabel("neurons")
    return figure


@themed
def phase_rings(phi_N: np.ndarray, harmonics: Sequence[int] = (1, 2, 3, 4)) -> Figure:
    """The phases of one frequency's neurons, multiplied by 1, 2, 3 and 4, as points on circles with their mean.

    The arrow from the centre is the mean of the points; the disc is where it lies for 95 of 100 sets of random phases, by
    exp(-n r^2) = 0.05.

    Args:
        phi_N: (N,) the input phases.
        harmonics: the multiples.
    """
    colors = palette()
    figure = new_figure(2.35, compressed=True)
    panels = figure.subplots(1, len(harmonics), squeeze=False)[0]
    disc = float(np.sqrt(np.log(20) / len(phi_N)))
    for axes, iota in zip(panels, harmonics, strict=True):
        point_N = np.exp(1j * iota * phi_N)
        mean = complex(point_N.mean())
        axes.add_patch(Circle((0, 0), 1.0, fill=False, edgecolor=colors.rule, linewidth=1.0))
        axes.add_patch(Circle((0, 0), disc, facecolor=colors.shade, edgecolor=colors.control, linewidth=0.8))
        axes.scatter(np.real(point_N), np.imag(point_N), s=13, color=colors.train, alpha=0.8, linewidths=0)
        axes.plot([0, mean.real], [0, mean.imag], color=colors.test, linewidth=2.4)
        axes.plot(mean.real, mean.imag, "o", color=colors.test, markersize=5)
        axes.set_title(f"${iota if iota > 1 else ''}\\varphi$", loc="center")
        axes.set_xlabel(f"mean {abs(mean):.2f}", fontsize=10)
        axes.set_xlim(-1.15, 1.15)
        axes.set_ylim(-1.15, 1.15)
        axes.set_aspect("equal")
        axes.grid(False)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure


@themed
def ring_balance(
    rings: Mapping[str, np.ndarray], nulls: Mapping[str, Null], harmonics: Sequence[int], *, columns: int = 3
) -> Figure:
    """How far the phases are from balance on each ring, n r² averaged over frequencies: 1 is chance, 0 is balance.

    Args:
        rings: network -> (S, R) n r² of every seed on every ring.
        nulls: network -> what random phases give for one seed, drawn as a band.
        harmonics: the R rings.
        columns: panels in a row.
    """
    colors = palette()
    rows = -(-len(rings) // columns)
    figure = new_figure(2.05 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    highest = 0.0
    for axes, (name, values_SR) in zip(panels.flat, rings.items(), strict=False):
        require_shape(name, values_SR, "S R", R=len(harmonics))
        null = nulls[name]
        axes.axhspan(null.low, null.high, color=colors.shade, linewidth=0)
        axes.axhline(null.mean, color=colors.control, linewidth=1.0, dashes=(4, 3))
        for values_R in values_SR:
            axes.plot(harmonics, values_R, "o", color=colors.train, markersize=3, alpha=0.8, markeredgewidth=0)
        axes.plot(harmonics, values_SR.mean(axis=0), "_", color=colors.ink, markersize=13, markeredgewidth=2.2)
        axes.set_title(name, fontsize=10)
        axes.set_xticks(harmonics)
        axes.set_xlim(harmonics[0] - 0.6, harmonics[-1] + 0.6)
        highest = max(highest, float(values_SR.max()), null.high)
    for axes in panels.flat:
        axes.set_ylim(0, 1.08 * highest)
    for axes in panels[:, 0]:
        axes.set_ylabel("n r²")
    outer_labels(panels, len(rings), "ring")
    return figure


@themed
def magnitudes(waves: Mapping[str, CosineNeurons]) -> Figure:
    """The amplitudes of input and output waves, neuron by neuron, a panel for each network.

    Args:
        waves: title -> the network's waves.
    """
    colors = palette()
    figure = new_figure(2.75)
    panels = figure.subplots(1, len(waves), squeeze=False)[0]
    for axes, (name, neurons) in zip(panels, waves.items(), strict=True):
        reach = 1.08 * float(max(neurons.alpha_H.max(), neurons.beta_H.max()))
        axes.scatter(neurons.alpha_H, neurons.beta_H, s=8, color=colors.norm, alpha=0.7, linewidths=0)
        axes.set_xlim(0, reach)
        axes.set_ylim(0, reach)
        axes.set_aspect("equal")
        axes.locator_params(nbins=4)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("amplitude in, $\\alpha$")
        axes.grid(axis="both")
    panels[0].set_ylabel("amplitude out, $\\beta$")
    return figure


@themed
def margin_over_training(curves: Mapping[str, tuple[np.ndarray, np.ndarray]], levels: Mapping[str, float]) -> Figure:
    """The normalized margin over the steps, in parts of the largest, beside networks of which it is known.

    Args:
        curves: training -> (steps (T,), margins (T,)).
        levels: network -> margin, drawn as a line across.
    """
    colors = palette()
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    inks = dict(zip(curves, (colors.test, colors.train), strict=False))
    step_axis(axes, max((step_T for step_T, _ in curves.values()), key=lambda step_T: step_T[-1]), "linear")
    axes.axhline(0, color=colors.muted, lw=0.8)
    for level in levels.values():
        axes.axhline(level, color=colors.control, lw=1.2, dashes=(4, 3))
    for name, (step_T, margin_T) in curves.items():
        axes.plot(step_T, margin_T, "o-", ms=3, lw=1.4, color=inks[name], label=name)
    axes.set_ylim(top=1.06 * max(levels.values()))
    axes.set_ylabel("normalized margin / the largest")
    axes.legend(loc="lower right", frameon=False)
    label_ends(axes, [EndLabel(level, name.replace(", ", ",\n"), colors.control) for name, level in levels.items()])
    return figure
