"""Figures that compare settings with seeds carry the numbers that they are given."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from modaddlab import figures
from modaddlab.figures.marks import percent, percent_axis, symbols

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import samples_comparisons

CALLS = samples_comparisons.calls(11)


def drawn(name: str) -> tuple[Figure, list[tuple[list[float], list[float]]]]:
    """A sample's figure and the points of its lines."""
    function, args, kwargs = CALLS[name]
    figure = function(*args, **kwargs)
    return figure, [(list(line.get_xdata()), list(line.get_ydata())) for axes in figure.axes for line in axes.lines]


def test_a_run_that_did_not_grok_is_drawn_where_it_was_stopped() -> None:
    _, lines = drawn("steps_by_product")
    assert ([1e-3, 1e-3], [4000, 6000]) in lines
    assert ([1e-4], [15_000]) in lines
    assert ([1e-4, 1e-2], [60_000, 600]) in lines


def test_a_zero_stands_left_of_all_other_values_on_a_logarithmic_axis() -> None:
    for name in ("steps_to_grok_law", "concentration_with_zero"):
        figure, lines = drawn(name)
        (axes,) = figure.axes
        ticks = dict(zip([text.get_text() for text in axes.get_xticklabels()], axes.get_xticks(), strict=True))
        assert 0 < ticks["0"] < min(place for label, place in ticks.items() if label != "0") / 2
        assert any(xs[:1] == [ticks["0"]] for xs, _ in lines)


@pytest.mark.parametrize(
    ("steps", "published", "names"),
    [
        ([7010.0], {}, ["LAW"]),
        ([7010.0, np.nan, 8000.0], {}, ["LAW", "not by this step"]),
        ([7010.0], {"an appendix of a paper": {2.0: (4e4, np.inf)}}, ["LAW", "an appendix of a paper", "not by this step"]),
        ([7010.0, 6000.0, 8000.0], {"a paper": {2.0: (4e3, 5e3)}}, [f"their mean, {percent(0.95)} interval", "LAW", "a paper"]),
    ],
)
def test_the_legend_names_what_is_drawn_and_lies_in_the_figure(steps: list[float], published: dict, names: list[str]) -> None:
    law = "power law through all of our runs that grok"
    times = {1.0: figures.Times(steps, 9000)}
    figure = figures.steps_to_grok("weight decay", times, published, law=([1.0, 2.0], [7000.0, 4000.0], law))
    (legend,) = figure.legends
    found = [text.get_text() for text in legend.get_texts()]
    assert found == ["this book, each seed" if published else "each seed", *(law if name == "LAW" else name for name in names)]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert legend.get_window_extent(canvas.get_renderer()).x1 <= figure.bbox.x1


def test_a_setting_is_written_without_a_power_of_ten() -> None:
    figure = figures.steps_to_grok("learning rate", {3e-5: figures.Times([9000], 9000), 1.0: figures.Times([400], 9000)})
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["0.00003", "1"]


def test_an_accuracy_has_an_axis_in_percent_and_another_quantity_has_not() -> None:
    for name, in_percent in (("accuracy_by_setting", True), ("concentration_with_zero", False)):
        figure, _ = drawn(name)
        figure.canvas.draw()
        labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert all(label.endswith("%") for label in labels) == in_percent


def test_the_median_and_the_range_of_studies_are_drawn() -> None:
    figure, lines = drawn("interval_widths")
    assert [ys for _, ys in lines] == [[50.0, 4.0], [5.5, 2.5]]
    assert len(figure.axes[0].collections) == 2


def test_a_run_inside_the_band_has_another_colour_than_one_outside() -> None:
    figure, _ = drawn("beside_one_more")
    colors = [line.get_color() for line in figure.axes[0].lines if line.get_marker() not in ("None", "", None)]
    apart, limit, inside = colors
    assert apart == limit != inside


@pytest.mark.parametrize("name", ["curves_beside_seeds", "late_training", "memory_level", "key_counts"])
def test_the_numbers_are_on_the_marks(name: str) -> None:
    figure, lines = drawn(name)
    _, args, _ = CALLS[name]
    bars = [np.array([bar.get_height() for bar in group]) for axes in figure.axes for group in axes.containers]
    found = [*(np.asarray(ys, float) for _, ys in lines), *bars]
    wanted = {
        "curves_beside_seeds": lambda: [curve[1] for curve in args[1]],
        "late_training": lambda: [*args[1].values(), args[2]],
        "memory_level": lambda: [*args[0].values(), *args[1].values()],
        "key_counts": lambda: [args[0]],
    }[name]()
    for values in wanted:
        assert any(len(ys) == len(values) and np.allclose(ys, values) for ys in found)


def test_every_figure_of_the_module_has_a_sample_here() -> None:
    names = {call[0].__name__ for call in CALLS.values()}
    module = figures.steps_by_product.__module__
    there = {name for name in figures.__all__ if getattr(getattr(figures, name), "__module__", "") == module}
    assert there - {"Timed"} <= names


def test_shares_are_typed_in_percent_with_the_digits_that_they_need() -> None:
    axes = Figure().subplots()
    axes.set_yticks([0, 0.015, 0.03, 1])
    percent_axis(axes.yaxis)
    assert [text.get_text() for text in axes.get_yticklabels()] == [f"{typed}\u202f%" for typed in ("0", "1.5", "3", "100")]


def test_matrices_are_set_as_mathematics() -> None:
    assert symbols("energy in W_E, W_Lx and W_L") == "energy in $W_E$, W_Lx and $W_L$"
