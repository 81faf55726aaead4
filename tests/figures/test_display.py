"""The data behind a figure: the CSV text and the link that carries it."""

from __future__ import annotations

import base64
import csv
import io
import re

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from matplotlib.image import imread

from modaddlab.figures import display, table_columns, theme, until


def test_csv_reads_back() -> None:
    columns = {"step": np.array([0, 10]), "loss": np.array([1 / 3, 2.41e-7]), "name, quoted": ['a "b"', "c,d"]}
    rows = list(csv.DictReader(io.StringIO(display.csv(columns))))
    assert [int(row["step"]) for row in rows] == [0, 10]
    assert np.allclose([float(row["loss"]) for row in rows], [1 / 3, 2.41e-7], rtol=1e-8)
    assert [row["name, quoted"] for row in rows] == ['a "b"', "c,d"]


def test_csv_refuses_columns_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="same length"):
        display.csv({"a": [1], "b": [1, 2]})
    with pytest.raises(ValueError, match="one axis"):
        display.csv({"a": np.zeros((2, 2))})


def test_table_columns_index_every_value() -> None:
    array = np.arange(6).reshape(2, 3) * 1.5
    columns = table_columns(array, "a", "b", value="norm")
    assert list(columns) == ["a", "b", "norm"]
    for a, b, value in zip(*columns.values(), strict=True):
        assert array[a, b] == value
    with pytest.raises(ValueError, match="2 axes"):
        table_columns(array, "a")


def test_until_keeps_the_beginning() -> None:
    metrics = {"step": np.array([0, 5, 10]), "energy": np.arange(6).reshape(3, 2)}
    kept = until(metrics, 5)
    assert kept["step"].tolist() == [0, 5]
    assert kept["energy"].tolist() == [[0, 1], [2, 3]]


def corners(outline: str) -> list[float]:
    """The numbers of an outline with every coordinate said: H and V keep the other one."""
    found: list[float] = []
    for command, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", outline):
        values = [float(number) for number in numbers.split()]
        found += values + found[-1:] if command == "H" else [found[-2], *values] if command == "V" else values
    return found


def test_a_lean_drawing_is_the_same_drawing() -> None:
    def draw() -> Figure:
        figure = theme.new_figure(3)
        left, right = figure.subplots(1, 2)
        left.imshow(np.arange(100).reshape(10, 10))
        right.scatter(np.arange(5), np.arange(5), c=np.arange(5))
        right.bar(np.arange(5), np.arange(1, 6))
        return figure

    with theme.use("light"):
        buffer = io.BytesIO()
        draw().savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    before, after = buffer.getvalue().decode(), display.svg("light", draw)
    assert len(after) < 0.9 * len(before)
    rasters = [re.findall(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", text) for text in (before, after)]
    assert len(rasters[0]) == len(rasters[1]) == 1
    one, other = (imread(io.BytesIO(base64.b64decode(found[0]))) for found in rasters)
    assert np.array_equal(one, other)
    bars = [[corners(one) for one in re.findall(r'\bd="([^"]*)"', text)] for text in (before, after)]
    assert len(bars[0]) == len(bars[1])
    for one, other in zip(*bars, strict=True):
        assert np.allclose(one, other, atol=0.01)
    (together,) = re.findall(r'<g clip-path="[^"]*" style="fill: #\w+">((?:<path [^>]*/>\s*)+)</g>', after)
    assert together.count("<path") == 5
    marks = [re.findall(r'<use xlink:href="#C[^"]*" x="([\d.]+)" y="([\d.]+)" style="([^"]*)"', text) for text in (before, after)]
    assert len(marks[0]) == len(marks[1]) == 5
    assert [style for *_, style in marks[0]] == [style for *_, style in marks[1]]
    assert np.allclose([[float(x), float(y)] for x, y, _ in marks[0]], [[float(x), float(y)] for x, y, _ in marks[1]], atol=0.01)


def test_a_notebook_shows_a_figure_in_which_nobody_has_imported_pyplot() -> None:
    figure = theme.new_figure(2.0)
    figure.subplots().plot([0, 1])
    shown, _ = DisplayFormatter().format(figure)
    picture = imread(
        io.BytesIO(base64.b64decode(shown["image/png"]) if isinstance(shown["image/png"], str) else shown["image/png"])
    )
    assert picture.shape[:2] == (300, round(150 * theme.WIDTH))
    assert (picture[0, 0] == 1).all()  # a page of its own
