"""Rows to Markdown: pipe tables for cells with `#| output: asis`, and numbers written for prose.

Numbers are rounded for reading: three significant digits unless said otherwise, powers of ten outside of 1e-3..1e5 (as HTML
and PDF both show them: 2.41 × 10⁻⁷), a true minus sign, thousands separated by commas. A missing value (None or NaN) is a dash.
An interval is written behind its value: 0.986 [0.981, 0.992].
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

MISSING = "–"  # noqa: RUF001 (a dash is what a reader of a table expects)

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_NUMBER = re.compile(r"[<>~]? ?[−-]?[\d.,]+( ?%|\u00a0×\u00a010[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?( \[.*\])?")  # noqa: RUF001

_LONGEST_RULE = 60
"""Dashes in a table's rule. Pandoc wraps a table by the rule's proportions when some line is longer than 72 characters."""

Row = Mapping[str, Any] | Any
"""A mapping or a dataclass instance."""

Format = Callable[[Any], str]


def is_missing(value: object) -> bool:
    """Whether there is nothing to write: None or NaN."""
    return value is None or (isinstance(value, (float, np.floating)) and math.isnan(value))


def number(value: float | None, digits: int = 3) -> str:
    """A number with some significant digits; a power of ten where it is very small or very large.

    Args:
        value: any number; None and NaN become a dash.
        digits: significant digits; integers keep all of theirs.
    """
    if value is None or is_missing(value):
        return MISSING
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return _minus(f"{value:,}")
    if math.isinf(value):
        return _minus("∞" if value > 0 else "-∞")
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return power(value, digits)
    rounded = float(f"{value:.{digits - 1}e}")
    if abs(rounded) >= 1e5:
        return power(value, digits)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return _minus(f"{rounded:,.{decimals}f}")


def power(value: float | None, digits: int = 3) -> str:
    """A number as a multiple of a power of ten, such as 2.41 × 10⁻⁷.

    Args:
        value: any number; None and NaN become a dash.
        digits: significant digits.
    """
    if value is None or is_missing(value):
        return MISSING
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    raised = str(int(exponent)).translate(_SUPERSCRIPTS)
    return _minus(f"{mantissa}\u00a0×\u00a010{raised}")  # noqa: RUF001


def percent(fraction: float | None, decimals: int = 1) -> str:
    """A fraction in percent: 0.846 is 84.6 %.

    A value that would round to 100 or to 0 without being it gets up to two digits more, and then an inequality:
    0.99966 is 99.97 %, 1e-9 is < 0.001 %.

    Args:
        fraction: 1 is 100 %; None and NaN become a dash.
        decimals: digits behind the point.
    """
    if fraction is None or is_missing(fraction):
        return MISSING
    for digits in range(decimals, decimals + 3):
        text = f"{100 * fraction:.{digits}f}".replace("-0." + "0" * digits, "0." + "0" * digits)
        if not (0 < fraction < 1) or 0 < float(text) < 100:
            return _minus(f"{text} %")
    least = 10.0 ** -(decimals + 2)
    return f"> {100 - least:.{decimals + 2}f} %" if fraction > 0.5 else f"< {least:.{decimals + 2}f} %"


def whole(value: float | None) -> str:
    """A number without its fraction: 226,816."""
    return MISSING if value is None or is_missing(value) else number(round(value))


def interval(value: float | None, low: float | None, high: float | None, form: Format = number) -> str:
    """A value with its interval: 0.986 [0.981, 0.992]; without one where it is missing.

    Args:
        value, low, high: the value and the ends of its interval.
        form: how each of the three is written, such as `percent`.
    """
    if low is None or high is None or is_missing(low) or is_missing(high):
        return form(value)
    return f"{form(value)} [{form(low)}, {form(high)}]"


def listing(items: Sequence[object]) -> str:
    """Items in a sentence: "14, 35 and 41"; numbers as `number` writes them, "none" where there is nothing."""
    words = [item if isinstance(item, str) else cell(item) for item in items]
    if not words:
        return "none"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def count(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 key", "5 keys"."""
    return f"{number(int(n))} {one if n == 1 else many or one + 's'}"


def cell(value: object) -> str:
    """A value as a table writes it when nothing else is said: numbers by `number`, sequences by commas, text as it is."""
    if is_missing(value):
        return MISSING
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return number(value)  # pyright: ignore[reportArgumentType]
    if isinstance(value, (list, tuple, np.ndarray)):
        return ", ".join(cell(item) for item in value) or MISSING
    return str(value)


def markdown(
    rows: Sequence[Row],
    columns: Mapping[str, str] | Sequence[str] | None = None,
    formats: Mapping[str, Format] | None = None,
    widths: Sequence[int] | None = None,
) -> str:
    """Rows as a Markdown pipe table; `show` displays it, or print it in a cell with `#| output: asis`.

    Columns that hold only numbers (or nothing) are aligned right, all others left. A table too wide for one line wraps its cells.

    Args:
        rows: mappings or dataclass instances, all with the same columns.
        columns: which columns are written and in which order; with a mapping, column -> heading. All of the first row's
            by default, underscores read as spaces.
        formats: column -> how a value is written; `cell` by default. Missing values are a dash in any case.
        widths: relative widths of the columns of a table that wraps; by default those of their longest cells.

    Returns:
        the table with an empty line before and after it.

    Raises:
        ValueError: there is no row, a row lacks a column, or the widths are not as many as the columns.
    """
    table = [_as_mapping(row) for row in rows]
    if not table:
        raise ValueError("a table needs at least one row, found none")
    if columns is None:
        columns = list(table[0])
    headings = columns if isinstance(columns, Mapping) else {name: name.replace("_", " ") for name in columns}
    formats = formats or {}
    if unknown := set(formats) - set(headings):
        raise ValueError(f"formats name columns that are not written: {', '.join(sorted(unknown))}; columns: {list(headings)}")
    for index, row in enumerate(table):
        if absent := [name for name in headings if name not in row]:
            raise ValueError(f"row {index} lacks the column {absent[0]!r}; it has {', '.join(row)}")
    if widths is not None and len(widths) != len(headings):
        raise ValueError(f"widths must be as many as the columns (={len(headings)}), found {len(widths)}")
    body = [[MISSING if is_missing(row[name]) else formats.get(name, cell)(row[name]) for name in headings] for row in table]
    columns_of_text = list(zip(headings.values(), *body, strict=True))
    lengths = widths or [min(max(map(len, column)), 40) for column in columns_of_text]
    scale = min(1.0, _LONGEST_RULE / sum(lengths))
    rules = []
    for length, (_, *cells) in zip(lengths, columns_of_text, strict=True):
        dashes = "-" * max(3, round(length * scale))
        rules.append(f"{dashes}:" if all(text == MISSING or _NUMBER.fullmatch(text) for text in cells) else f":{dashes}")
    text = [_line([_escape(value) for value in line]) for line in [list(headings.values()), *body]]
    return "\n" + "\n".join([text[0], _line(rules), *text[1:]]) + "\n\n"


def show(
    rows: Sequence[Row],
    columns: Mapping[str, str] | Sequence[str] | None = None,
    formats: Mapping[str, Format] | None = None,
    widths: Sequence[int] | None = None,
) -> None:
    """Display rows as a table, for a cell with a `tbl-` label; arguments and errors are those of `markdown`."""
    from IPython.display import display

    text = markdown(rows, columns, formats, widths)
    display({"text/markdown": text, "text/plain": text}, raw=True)


def html(rows: Sequence[Row]) -> str:
    """Rows as an HTML table for a notebook: all columns of the first row, headed by their names."""
    table = [_as_mapping(row) for row in rows]
    head = "".join(f"<th>{escape(name)}</th>" for name in table[0])
    body = ("".join(f"<td>{escape(cell(value))}</td>" for value in row.values()) for row in table)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in body)}</table>"


def _as_mapping(row: Row) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    raise ValueError(f"a row must be a mapping or a dataclass instance, found {type(row).__name__}")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    """Text that stays in its cell: bars are escaped, line breaks become spaces."""
    return text.replace("|", r"\|").replace("\n", " ")


def _minus(text: str) -> str:
    return text.replace("-", "−")  # noqa: RUF001 (a true minus sign)
