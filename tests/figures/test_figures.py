"""Every figure draws in both themes what it was given, without a warning, inside its borders, and always the same bytes."""

from __future__ import annotations

import functools
import re
import subprocess
import sys

import matplotlib
import matplotlib.colors
import numpy as np
import pytest
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from modaddlab import figures
from modaddlab.figures import theme

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import samples
import samples_comparisons
import samples_logits
import samples_operations
import samples_two_layer
from test_theme import contrast

P = 11
CALLS = (
    samples.calls(P)
    | samples_two_layer.calls(P)
    | samples_logits.calls(P)
    | samples_operations.calls(P)
    | samples_comparisons.calls(P)
)
NOT_FIGURES = {
    "Moment",
    "Phase",
    "Story",
    "Timed",
    "Times",
    "frequency_colors",
    "matrix_columns",
    "png",
    "show",
    "svg",
    "table_columns",
    "until",
}


def numbers(figure: Figure) -> list[np.ndarray]:
    """All arrays that the figure's marks carry."""
    found: list[np.ndarray] = []
    for axes in figure.axes:
        found += [np.asarray(line.get_ydata(), float) for line in axes.lines]
        found += [np.asarray(line.get_xdata(), float) for line in axes.lines]
        found += [np.ma.asarray(image.get_array()).astype(float) for image in axes.images]
        found += [np.asarray(points.get_offsets(), float) for points in axes.collections]
        found += [np.array([bar.get_height() for bar in bars], float) for bars in axes.containers]
        found += [np.array([bar.get_width() for bar in bars], float) for bars in axes.containers]
    return found


def holds(figure: Figure, array: ArrayLike) -> bool:
    """Whether some mark carries the array, or a heatmap does with its cells repeated."""
    wanted = np.asarray(array, float)
    for found in numbers(figure):
        if found.ndim == wanted.ndim == 2 and found.shape[0] and found.shape[0] % wanted.shape[0] == 0:
            repeats = found.shape[0] // wanted.shape[0]
            found = found[::repeats, ::repeats]
        if found.shape == wanted.shape and np.allclose(found, wanted, equal_nan=True):
            return True
    return False


@functools.cache
def drawn(name: str) -> Figure:
    """A figure of the samples in the light theme; drawn once, and looked at by several tests."""
    function, args, kwargs = CALLS[name]
    with theme.use("light"):
        return function(*args, **kwargs)


def test_every_figure_function_has_a_sample() -> None:
    names = {call[0].__name__ for call in CALLS.values()}
    assert names == set(figures.__all__) - NOT_FIGURES
    assert {name for name in figures.__all__ if not hasattr(figures, name)} == set()


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Bbox, str]]:
    """Text, extent in pixels and colour of everything that is written when the figure is drawn."""
    found: list[tuple[str, Bbox, str]] = []
    draw = Text.draw

    def record(text: Text, renderer: RendererBase) -> None:
        if text.get_visible() and text.get_text().strip():
            color = matplotlib.colors.to_hex(text.get_color())
            found.append((text.get_text(), text.get_window_extent(renderer), color))
        draw(text, renderer)

    monkeypatch.setattr(Text, "draw", record)
    figure.draw_without_rendering()  # makes the layout first
    monkeypatch.undo()
    return found


def faint_marks(figure: Figure, colors: theme.Palette) -> list[str]:
    """Colours of lines and dots that stand out from the page by less than 3:1; helping lines are apart."""
    found = []
    for axes in figure.axes:
        marks = [(line.get_color(), line.get_alpha()) for line in axes.lines if line.get_linestyle() != "None"]
        dots = [line for line in axes.lines if line.get_marker() not in ("None", "", " ")]
        marks += [(line.get_markeredgecolor(), line.get_alpha()) for line in dots if line.get_markeredgewidth()]
        marks += [(line.get_markerfacecolor(), line.get_alpha()) for line in dots if not line.get_markeredgewidth()]
        marks += [(face, None) for many in axes.collections if isinstance(many, PathCollection) for face in many.get_facecolor()]
        for color, alpha in marks:
            *rgb, opacity = matplotlib.colors.to_rgba(color, alpha)  # pyright: ignore[reportArgumentType]
            page = np.array(matplotlib.colors.to_rgb(colors.page))
            seen = matplotlib.colors.to_hex(tuple(opacity * np.array(rgb) + (1 - opacity) * page))
            if opacity and seen not in (colors.page, colors.rule, colors.shade) and contrast(seen, colors.page) < 3:
                found.append(seen)
    return found


def faint_texts(figure: Figure, colors: theme.Palette, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Text, its colour and the ground of everything that stands out from what is drawn below it by less than 4.5:1.

    The ground is what most of the text lies on when the figure is drawn without texts, or the seam around its letters.
    """
    written: list[tuple[Text, Bbox]] = []
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # makes the layout
    monkeypatch.setattr(Text, "draw", lambda text, renderer: written.append((text, text.get_window_extent(renderer))))
    figure.set_facecolor(colors.page)
    canvas.draw()
    figure.set_facecolor("none")
    monkeypatch.undo()
    pixels_HW3 = np.asarray(canvas.buffer_rgba())[::-1, :, :3] / 255
    found = []
    for text, box in written:
        if not text.get_visible() or not text.get_text().strip():
            continue
        left, bottom, right, top = (max(round(edge), 0) for edge in box.extents)
        below_N3 = pixels_HW3[bottom:top, left:right].reshape(-1, 3)
        seams = [effect._gc["foreground"] for effect in text.get_path_effects()]  # pyright: ignore[reportAttributeAccessIssue]
        ground = matplotlib.colors.to_hex(seams[0] if seams else tuple(np.median(below_N3, axis=0)))
        *rgb, opacity = matplotlib.colors.to_rgba(text.get_color(), text.get_alpha())
        seen = opacity * np.array(rgb) + (1 - opacity) * np.array(matplotlib.colors.to_rgb(ground))
        if contrast(ink := matplotlib.colors.to_hex(tuple(seen)), ground) < 4.5:
            found.append((text.get_text(), ink, ground))
    return found


@pytest.mark.parametrize("name", CALLS)
def test_figure_draws_inside_its_borders(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = drawn(name)
    with theme.use("light"):
        texts = drawn_texts(figure, monkeypatch)
    assert numbers(figure)
    width, height = figure.get_size_inches() * figure.dpi
    assert texts
    low_N2, high_N2 = (np.array([corner(box) for _, box, _ in texts]) for corner in (lambda box: box.min, lambda box: box.max))
    outside_N = (low_N2 < -1).any(axis=1) | (high_N2 > [width + 1, height + 1]).any(axis=1)
    assert not outside_N.any(), f"{[texts[i][0] for i in np.flatnonzero(outside_N)]} leave the figure"
    shared_NN = (np.minimum(high_N2[:, None], high_N2) - np.maximum(low_N2[:, None], low_N2)).min(axis=2)
    overlaps = [(texts[i][0], texts[j][0]) for i, j in np.argwhere(np.triu(shared_NN >= 3, 1))]
    assert overlaps == []
    assert {color for _, _, color in texts}.isdisjoint({theme.DARK.ink})
    assert shows_the_page(figure)
    assert faint_marks(figure, theme.LIGHT) == []
    assert faint_texts(figure, theme.LIGHT, monkeypatch) == []


@pytest.mark.parametrize("name", {call[0]: name for name, call in CALLS.items()}.values())
def test_a_figure_takes_the_dark_theme(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, args, kwargs = CALLS[name]
    with theme.use("dark"):
        figure = function(*args, **kwargs)
        texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible()]
        faint = faint_texts(figure, theme.DARK, monkeypatch)
    written = [text for text in texts if text.get_text().strip()]
    assert faint == []
    assert faint_marks(figure, theme.DARK) == []
    assert written
    assert {matplotlib.colors.to_hex(text.get_color()) for text in written}.isdisjoint({theme.LIGHT.ink})
    assert shows_the_page(figure)


def shows_the_page(figure: Figure) -> bool:
    return matplotlib.colors.to_rgba(figure.get_facecolor())[3] == 0


def test_lines_bars_and_images_carry_the_data() -> None:
    run = samples.metrics(P)
    with theme.use("light"):
        curves = figures.training_curves(run)
        for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
            assert holds(curves, run[name]), name
        assert not holds(curves, run["test_loss"] * 1.01)
        args = CALLS["component_spectrum"][1]
        spectrum = drawn("component_spectrum")
        assert holds(spectrum, args[0][1::2])
        assert holds(spectrum, args[0][2::2])
        assert holds(spectrum, np.hypot(args[0][1::2], args[0][2::2]))
        args = CALLS["logit_spectrum"][1]
        assert holds(drawn("logit_spectrum"), args[0])
        args = CALLS["operation_table"][1]
        assert holds(drawn("operation_table"), args[0])
        args = CALLS["embedding_circles"][1]
        for points in args[0].values():
            assert holds(drawn("embedding_circles"), points)
        args = CALLS["logits_as_waves"][1]
        waves = drawn("logits_as_waves")
        assert holds(waves, args[1])
        assert all(holds(waves, wave) for wave in args[0])
        assert holds(waves, args[0].sum(axis=0))
        args = CALLS["activation_grids"][1]
        grids = drawn("activation_grids")
        assert holds(grids, args[0][:, :, 1])
        assert holds(grids, args[1][:, :, 1])
        args = CALLS["attention_by_token"][1]
        assert holds(drawn("attention_by_token"), args[0][:, :, 2].mean(axis=1))
        args = CALLS["progress_measures"][1]
        assert all(holds(drawn("progress_measures"), loss) for loss in args[1].values())
        args = CALLS["excluded_by_key"][1]
        assert holds(drawn("excluded_by_key"), args[1][:, 1])
        args = CALLS["cluster_sizes"][1]
        assert holds(drawn("cluster_sizes"), [args[0][key] for key in (1, 3, 4, 0)])
        args = CALLS["ablation_losses"][1]
        assert all(holds(drawn("ablation_losses"), [row.scores.test_loss]) for row in args[0])
        args = CALLS["key_energies"][1]
        assert all(holds(drawn("key_energies"), energy_TK[:, key - 1]) for energy_TK in args[1].values() for key in args[2])
        others = [k for k in range(P // 2) if k + 1 not in args[2]]
        assert holds(drawn("key_energies"), np.median(args[1]["W_E"][:, others], axis=1))
        args = CALLS["neuron_followers"][1]
        assert holds(drawn("neuron_followers"), args[1].sum(axis=1))
        args = CALLS["weight_path"][1]
        assert holds(drawn("weight_path"), args[1][:, 1])
        assert holds(drawn("weight_path"), args[3][:, 0])
        args = CALLS["embedding_plane"][1]
        assert all(holds(drawn("embedding_plane"), points) for points in args[0].values())
        _, args, kwargs = CALLS["key_share"]
        assert holds(drawn("key_share"), args[1]["W_L"])
        assert holds(drawn("key_share"), kwargs["seeds"][0][1])
        args = CALLS["story_strip"][1]
        strip = drawn("story_strip")
        assert all(holds(strip, args[0].point_TP2[frame]) for frame in args[1])
        assert all(holds(strip, args[0].norm_TK[frame]) for frame in args[1])
        odds_TC = np.exp(args[0].logits_TC)
        assert all(holds(strip, odds_TC[frame] / odds_TC[frame].sum()) for frame in args[1])
        args = CALLS["hero"][1]
        hero = drawn("hero")
        assert holds(hero, run["test_accuracy"])
        assert all(holds(hero, moment.point_P2) for moment in args[1])


def test_the_two_layer_figures_carry_the_data() -> None:
    args = CALLS["neuron_waves"][1]
    waves = drawn("neuron_waves")
    assert all(holds(waves, vector_P) for vector_P in [*args[0], *args[1]])
    assert not holds(waves, args[0][0] + 0.01)
    args = CALLS["logits_by_ray"][1]
    for ray_P in args[0].values():
        assert holds(drawn("logits_by_ray"), np.roll(ray_P / ray_P[0], P // 2))
    args = CALLS["neuron_identity"][1]
    identity = drawn("neuron_identity")
    assert holds(identity, args[0])
    assert holds(identity, args[1].total_PPC[..., args[2]])
    args = CALLS["logit_strip"][1]
    assert holds(drawn("logit_strip"), args[0]["formula"].T / np.abs(args[0]["formula"]).max())
    args = CALLS["swap_accuracies"][1]
    for rows in args[0].values():
        assert holds(drawn("swap_accuracies"), rows)
    args = CALLS["ring_balance"][1]
    assert holds(drawn("ring_balance"), args[0]["grokking"][1])
    args = CALLS["weight_components"][1]
    image = np.asarray(drawn("weight_components").axes[0].images[0].get_array())
    rows_H = image[:: image.shape[0] // len(args[2]), :: image.shape[1] // P]
    assert sorted(map(tuple, rows_H.round(9))) == sorted(map(tuple, args[0].round(9)))
    assert np.array_equal(np.abs(rows_H[:, 1:]).argmax(axis=1) // 2 + 1, np.sort(args[2])), "sorted by frequency"


def test_the_figures_of_operations_and_sizes_carry_the_data() -> None:
    for name, shares in (("proven_shares", [1.0, 0.0]), ("proven_over_training", CALLS["proven_over_training"][1][1][1])):
        assert holds(drawn(name), shares) or holds(drawn(name), shares[::-1])
    assert all(holds(drawn("kernel_fits"), curves[0]) for curves in CALLS["kernel_fits"][1][0].values())
    for kind, curves in CALLS["complexity_paths"][1][0].items():
        assert holds(drawn("complexity_paths"), curves[0][1]), kind
    assert holds(drawn("complexity_by_modulus"), CALLS["complexity_by_modulus"][1][1]["random"].ravel())
    assert holds(drawn("chains"), CALLS["chains"][1][1]["add"][0.01][1])
    assert holds(drawn("accuracy_by_share"), CALLS["accuracy_by_share"][1][0]["random circulant"][1])
    for axes, energy_K in zip(drawn("answer_energies").axes, CALLS["answer_energies"][1][0].values(), strict=True):
        bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
        assert np.allclose([bar.get_height() for bar in bars], energy_K)
    for axes, x_RC in zip(drawn("feature_matrices").axes, CALLS["feature_matrices"][1][0].values(), strict=True):
        image = np.asarray(axes.images[0].get_array())
        image = image[:: len(image) // len(x_RC), :: len(image) // len(x_RC)]
        off_RC = x_RC - np.diag(np.diag(x_RC)) if np.allclose(x_RC, x_RC.T) else x_RC
        assert image == pytest.approx(off_RC / off_RC.max(), abs=1 / 15)
    args = CALLS["wave_shares"][1]
    for share_K in args[0]["a + b"].values():
        assert holds(drawn("wave_shares"), share_K)
    natural, moved = (np.asarray(axes.images[0].get_array()) for axes in drawn("two_orders").axes)
    repeats = len(moved) // 12
    diagonals = (np.add.outer(np.arange(12), np.arange(12)) % 12).tolist()
    assert moved[::repeats, ::repeats].tolist() == diagonals
    assert natural[::repeats, ::repeats].tolist() != diagonals
    args = CALLS["times_by_size"][1]
    times = drawn("times_by_size")
    assert all(holds(times, [steps[0]]) for steps, _ in args[1]["this book, each seed"].values())
    assert all(holds(times, line) for line in args[3]["our law"])


def test_waves_between_the_outputs_pass_through_the_outputs() -> None:
    args = CALLS["logits_as_waves"][1]
    lines = drawn("logits_as_waves").axes[0].lines
    assert np.allclose(np.asarray(lines[0].get_ydata())[:: 16 * P][:1], args[0][0][:1])
    fine, coarse = np.asarray(lines[0].get_xdata()), np.arange(P)
    values = np.interp(coarse, fine, np.asarray(lines[0].get_ydata()))
    assert np.allclose(values, args[0][0], atol=0.02 * np.abs(args[0][0]).max())


def test_spectrum_strip_shows_each_frequency_at_its_height() -> None:
    step_T = np.array([0, 100])
    energy_TK = np.array([[1.0, 1, 1, 1, 96], [1.0, 1, 96, 1, 1]])
    top = figures.spectrum_over_training(step_T, energy_TK, [3]).axes[0]
    image = np.asarray(top.images[0].get_array())
    left, right, low, high = top.images[0].get_extent()
    assert (left, right, low, high) == (0, 100, 0.5, 5.5)
    rows = image.shape[0] // 5
    assert np.argmax(image[:, -1]) // rows == 5 - 3  # row 0 is the top, frequency 5
    assert np.argmax(image[:, 0]) // rows == 0
    assert np.allclose(image[::rows, -1].sum(), 1)


def test_unwrapped_wave_is_one_period() -> None:
    from modaddlab.figures.marks import unwrap

    residue = np.arange(P)
    wave_PP = np.cos(2 * np.pi * 4 * (residue[:, None] + 2 * residue[None, :]) / P)
    once_PP = np.cos(2 * np.pi * (residue[:, None] + 2 * residue[None, :]) / P)
    assert np.allclose(unwrap(wave_PP, 4), once_PP)
    with pytest.raises(ValueError, match="no factor in common"):
        unwrap(np.zeros((6, 6)), 3)


def test_spread_moves_only_what_is_too_close() -> None:
    from modaddlab.figures.marks import spread

    assert np.allclose(spread([0.1, 0.5, 0.9], 0.2), [0.1, 0.5, 0.9])
    placed = spread([0.5, 0.52, 0.51, 0.99, 1.0], 0.1)
    assert np.all(np.diff(np.sort(placed)) >= 0.1 - 1e-12)
    assert list(np.argsort(placed)) == [0, 2, 1, 3, 4]
    assert max(placed) <= 1
    assert min(placed) >= 0
    assert np.isclose(np.mean(placed[:3]), 0.51)


@pytest.mark.parametrize("name", ["training_curves", "activation_grids", "component_spectrum"])
def test_svg_bytes_are_reproducible(name: str) -> None:
    function, args, kwargs = CALLS[name]
    first = figures.svg("light", function, *args, **kwargs)
    own = {"font.size": 30, "svg.fonttype": "none", "svg.hashsalt": "other", "lines.marker": "o", "axes.labelweight": "bold"}
    with matplotlib.rc_context(own):  # pyright: ignore[reportArgumentType]
        second = figures.svg("light", function, *args, **kwargs)
    assert first == second
    assert figures.svg("dark", function, *args, **kwargs) != first
    assert "date" not in first.split("<defs>")[0].lower()
    assert "<text" not in first
    assert not re.search(r'(href|src)="https?:', first)


def fail_in_dark() -> None:
    with theme.use("dark"):
        assert theme.palette() is theme.DARK
        assert matplotlib.rcParams["text.color"] == theme.DARK.ink
        raise ZeroDivisionError


def test_themes_leave_settings_and_nothing_open() -> None:
    before = dict(matplotlib.rcParams)
    assert theme.palette() is theme.LIGHT
    with pytest.raises(ZeroDivisionError):
        fail_in_dark()
    assert theme.palette() is theme.LIGHT
    assert dict(matplotlib.rcParams) == before
    sepia = theme.use("sepia")
    with pytest.raises(ValueError, match="light, dark"):
        sepia.__enter__()


def test_figures_import_neither_torch_nor_pyplot() -> None:
    script = (
        "import sys, modaddlab.figures as f; [getattr(f, name) for name in f.__all__]; "
        "print([m for m in ('torch', 'matplotlib.pyplot') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_show_displays_light_then_dark(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(display, "display", lambda data, raw: shown.append(data))
    function, args, kwargs = CALLS["weight_norms"]
    figures.show(function, *args, **kwargs)
    assert [output["image/svg+xml"] for output in shown] == [
        figures.svg("light", function, *args, **kwargs),
        figures.svg("dark", function, *args, **kwargs),
    ]
    shown.clear()
    figures.show(function, *args, **kwargs, data={"a<b": [1, 2]})
    light, dark = (output["image/svg+xml"] for output in shown)
    assert '<metadata id="figure-data">a&lt;b\n1\n2\n</metadata>' in light
    assert "figure-data" not in dark


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("component_spectrum", (np.zeros((3, 3)), [1])),
        ("logit_spectrum", (np.zeros((3, 4)), [1])),
        ("addition_on_a_circle", (7, 1, 7)),
        ("progress_measures", (np.arange(3), {"validation": np.ones(3)})),
        ("progress_measures", (np.arange(3), {"train": np.ones(4)})),
        ("runs_grid", ({}, "gini")),
        ("embedding_circles", ({},)),
        ("spectrum_strip", ({}, [1])),
        ("weight_stripes", ({0: np.zeros((7, 2))}, {1: np.zeros((7, 2))}, [1])),
        ("neuron_followers", (np.arange(3), np.ones((3, 2)), [1], 9)),
    ],
)
def test_wrong_arguments_are_named(name: str, args: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="must"):
        getattr(figures, name)(*args)


def test_the_sign_has_one_component_and_a_network_without_keys_no_second_panel() -> None:
    norm_PP = np.arange(1.0, 65.0).reshape(8, 8)
    with theme.use("light"):
        assert holds(figures.logit_spectrum(norm_PP, [1, 4]), norm_PP[np.ix_([0, 1, 2, 7], [0, 1, 2, 7])])
        assert len(figures.logit_spectrum(norm_PP, []).axes) == len(figures.logit_spectrum(norm_PP, [1]).axes) - 1


def test_a_loss_of_zero_is_drawn_on_no_logarithmic_axis() -> None:
    rows, _, uniform = CALLS["ablation_losses"][1]
    figure = figures.ablation_losses(rows, 0.0, uniform)
    FigureCanvasAgg(figure).draw()  # it would warn that the axes collapse
    assert [text.get_text() for text in figure.axes[0].texts] == ["uniform guess"]


def test_one_neuron_alone_is_drawn_no_larger_than_three() -> None:
    heights = []
    for n in (1, 3):
        grid_PPN = np.zeros((7, 7, n))
        figure = figures.activation_grids(grid_PPN, grid_PPN, range(n), [1] * n, [0.9] * n, [1])
        heights.append(figure.get_size_inches()[1])
    assert heights[0] == heights[1]
