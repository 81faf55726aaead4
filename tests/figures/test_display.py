"""The data behind a figure: the CSV text and the link that carries it."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from modaddlab.figures import display, table_columns, until


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
