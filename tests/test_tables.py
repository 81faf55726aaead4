"""Numbers as they are read, and rows as Markdown."""
# ruff: noqa: RUF001 (the tables write typographic characters)

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from modaddlab import tables


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (113, "113"),
        (226816, "226,816"),
        (-5, "−5"),
        (4.727, "4.73"),
        (0.0345, "0.0345"),
        (9.996, "10.0"),
        (12.34, "12.3"),
        (1234.5, "1,230"),
        (99_960.0, "1.00\u00a0×\u00a010⁵"),
        (2.41e-7, "2.41\u00a0×\u00a010⁻⁷"),
        (-2.41e-7, "−2.41\u00a0×\u00a010⁻⁷"),
        (1.5e12, "1.50\u00a0×\u00a010¹²"),
        (0.001, "0.00100"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        (float("nan"), "–"),
        (None, "–"),
        (np.float32(0.5), "0.500"),
        (np.int64(1000), "1,000"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert tables.number(value) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.846, "84.6 %"),
        (1.0, "100.0 %"),
        (1, "100.0 %"),
        (0.0, "0.0 %"),
        (0.99966, "99.97 %"),
        (0.9999999, "> 99.999 %"),
        (0.0003, "0.03 %"),
        (1e-9, "< 0.001 %"),
        (-0.25, "−25.0 %"),
        (1.5, "150.0 %"),
        (None, "–"),
    ],
)
def test_percent(fraction: float | None, text: str) -> None:
    assert tables.percent(fraction) == text


def test_power_rounds_the_mantissa() -> None:
    assert tables.power(9.996e-8) == "1.00\u00a0×\u00a010⁻⁷"
    assert tables.power(5.0, 1) == "5\u00a0×\u00a010⁰"


def test_interval_with_and_without_ends() -> None:
    assert tables.interval(0.986, 0.981, 0.992) == "0.986 [0.981, 0.992]"
    assert tables.interval(0.986, 0.981, 0.992, tables.percent) == "98.6 % [98.1 %, 99.2 %]"
    assert tables.interval(0.986, None, None) == "0.986"
    assert tables.interval(0.986, float("nan"), 1.0) == "0.986"


def test_words() -> None:
    assert tables.listing([14, 35, 41]) == "14, 35 and 41"
    assert tables.listing(["W_E"]) == "W_E"
    assert tables.listing([]) == "none"
    assert tables.count(1, "key") == "1 key"
    assert tables.count(5, "key") == "5 keys"
    assert tables.count(2, "frequency", "frequencies") == "2 frequencies"


@dataclass(frozen=True)
class Ablation:
    removed: str
    test_loss: float | None
    groks: bool


ROWS = [Ablation("k = 14", 2.0e-4, True), Ablation("a | b\nc", None, False)]


def test_table_of_dataclasses() -> None:
    assert tables.markdown(ROWS).splitlines() == [
        "",
        "| removed | test loss | groks |",
        "| :------- | -----------: | :----- |",
        "| k = 14 | 2.00\u00a0×\u00a010⁻⁴ | yes |",
        "| a \\| b c | – | no |",
        "",
    ]


def test_table_with_chosen_columns_formats_and_widths() -> None:
    rows = [{"accuracy": 0.5, "name": "x", "unused": 1}]
    text = tables.markdown(rows, {"name": "Run", "accuracy": "Test accuracy"}, {"accuracy": tables.percent}, [10, 4])
    assert text == "\n| Run | Test accuracy |\n| :---------- | ----: |\n| x | 50.0 % |\n\n"


def test_written_numbers_are_aligned_right_and_words_left() -> None:
    row = {"a": tables.percent(0.5), "b": tables.power(1e-9), "c": "5 keys", "d": tables.interval(1.5, 1.0, 2.0), "e": "< 0.1 %"}
    rule = tables.markdown([row]).splitlines()[2].split("|")[1:-1]
    assert [cell.strip().endswith(":") for cell in rule] == [True, True, False, True, True]
    mixed = tables.markdown([{"value": "113"}, {"value": "4, 11 and 14"}]).splitlines()[2]
    assert mixed.startswith("| :-")


def test_wide_table_wraps_by_the_length_of_its_cells() -> None:
    rule = tables.markdown([{"name": "x" * 30, "text": "y" * 500}]).splitlines()[2]
    dashes = [cell.count("-") for cell in rule.split("|")[1:-1]]
    assert dashes == [26, 34]
    assert len(rule) <= 72


def test_show_displays_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    shown: list[dict[str, str]] = []
    monkeypatch.setattr(display, "display", lambda data, raw: shown.append(data))
    tables.show(ROWS, ["removed"])
    assert [output["text/markdown"] for output in shown] == [tables.markdown(ROWS, ["removed"])]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([],), "at least one row"),
        (([{"a": 1}, {"b": 1}],), "row 1 lacks the column 'a'"),
        (([{"a": 1}], None, {"b": str}), "not written: b"),
        (([{"a": 1}], None, None, [1, 2]), "as many as the columns"),
        (([3],), "mapping or a dataclass"),
    ],
)
def test_table_refuses(args: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tables.markdown(*args)  # pyright: ignore[reportArgumentType]
