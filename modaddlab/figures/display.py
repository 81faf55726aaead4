"""From a figure function to a page: both themes as SVG, and the data behind a figure as a link.

A chapter's cell calls `show` once. It draws the figure in the light and then in the dark theme and displays two outputs in
this order, which is what Quarto's cell option `renderings: [light, dark]` expects. That option keeps exactly those two
outputs and drops every other one of the cell, so the data behind a figure travel inside the light drawing.

The same arrays give the same bytes: identifiers inside the SVG are salted with a constant, and no date or version is written.
"""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Any, ParamSpec

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import ArrayLike

from modaddlab.figures import theme

Arguments = ParamSpec("Arguments")

Columns = Mapping[str, ArrayLike]
"""Column name -> array of one axis; all of the same length."""


def svg(name: str, figure_function: Callable[Arguments, Figure], *args: Arguments.args, **kwargs: Arguments.kwargs) -> str:
    """One theme's drawing of a figure as the text of an SVG file.

    Args:
        name: the theme, "light" or "dark".
        figure_function: a function that returns a Figure, such as those of this package.
        args, kwargs: its arguments.
    """
    with theme.use(name):
        figure = figure_function(*args, **kwargs)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    # Heatmaps bring several pixels a cell; let the viewer average them where it shows fewer.
    drawing = buffer.getvalue().decode().replace(' style="image-rendering:crisp-edges;image-rendering:pixelated"', "")
    return _lean(drawing)


def _lean(drawing: str) -> str:
    """The same drawing in fewer bytes: shorter coordinates, bars and marks of one panel in one group, rasters with a palette."""
    drawing = _PATH.sub(lambda path: _LONG_NUMBER.sub(r"\1", path[0]), drawing)
    drawing = _OUTLINE.sub(lambda path: _RECTANGLE.sub(r"M\1 \2H\3V\4H\1z", _COMMAND.sub(r"\1", path[0])), drawing)
    drawing = _BARS.sub(
        lambda bars: f"<g {bars[1]}>" + "\n".join(f"<path {d}/>" for d in _OUTLINE.findall(bars[0])) + "</g>",
        _ALONE.sub(r"\1", drawing),
    )
    drawing = _MARKS.sub(lambda marks: f'<g clip-path="{marks[1]}">' + "\n".join(_MARK.findall(marks[0])) + "</g>", drawing)
    drawing = re.sub(r"\n +", "\n", drawing)
    return _RASTER.sub(lambda image: image[1] + _with_palette(image[2]), drawing)


_PATH = re.compile(r' (?:d|x|y|points)="[^"]*"')
_OUTLINE = re.compile(r'\bd="[^"]*"')
_COMMAND = re.compile(r"\s*([MLHVQCZz])\s*")
_RECTANGLE = re.compile(r"M(\S+) ([^\sL]+)L([^\sL]+) \2L\3 ([^\sL]+)L\1 \4z")
_ALONE = re.compile(r'<g id="patch_\d+">\s*(<path [^>]*/>)\s*</g>')
_BARS = re.compile(r'<path d="[^"]*" (clip-path="[^"]*" style="fill: #\w+")/>(?:\s*<path d="[^"]*" \1/>)+')
_MARK = re.compile(r"<use [^>]*/>")
_MARKS = re.compile(r'<g clip-path="([^"]*)">\s*<use [^>]*/>\s*</g>(?:\s*<g clip-path="\1">\s*<use [^>]*/>\s*</g>)+')
_LONG_NUMBER = re.compile(r"(\.\d\d)\d+")
"""A coordinate in points: what is below a hundredth of one nobody sees."""
_RASTER = re.compile(r"(data:image/png;base64,)\s*([A-Za-z0-9+/=\s]+)")


def _with_palette(raster: str) -> str:
    """A PNG in base64 with a table of its colours, where 256 are enough: the same picture in a quarter of the bytes."""
    pixels = np.round(255 * imread(io.BytesIO(base64.b64decode(raster)))).astype(np.uint8)
    height, width, n_channels = pixels.shape
    opaque = np.full((height, width, 4), 255, np.uint8)
    opaque[:, :, :n_channels] = pixels
    found, index = np.unique(opaque.reshape(-1).view(">u4").astype(np.uint32), return_inverse=True)  # numbers sort fast
    if len(found) > 256:
        return raster
    colors = found.astype(">u4").view(np.uint8).reshape(-1, 4)
    rows = np.zeros((height, width + 1), np.uint8)  # the first byte of a row says that it is stored as it is
    rows[:, 1:] = index.reshape(height, width)
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0), b"PLTE": colors[:, :3].tobytes()}
    if n_channels == 4:
        chunks[b"tRNS"] = colors[:, 3].tobytes()
    chunks |= {b"IDAT": zlib.compress(rows.tobytes(), 9), b"IEND": b""}
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks.items()
    ]
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def png(
    name: str,
    figure_function: Callable[Arguments, Figure],
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> bytes:
    """One theme's drawing of a figure as a PNG on the theme's page colour, for places that take no SVG."""
    with theme.use(name) as colors:
        figure = figure_function(*args, **kwargs)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", facecolor=colors.page, metadata={"Software": None})
    return buffer.getvalue()


def show(
    figure_function: Callable[..., Figure],
    *args: Any,
    data: Columns | None = None,
    themes: Iterable[str] = ("light", "dark"),
    **kwargs: Any,
) -> None:
    """Display a figure of a chapter: its light drawing, then its dark one.

    Args:
        figure_function: a function that returns a Figure, such as those of this package.
        args, kwargs: its arguments.
        data: the columns behind it, as `csv` takes them. They travel in the light drawing and live as long as it does in a cache;
            the filter `assets/figure-data.lua` makes a file of them and puts a link under the figure.
        themes: which drawings; a notebook wants one.
    """
    from IPython.display import display

    for name in themes:
        drawing = svg(name, figure_function, *args, **kwargs)
        if data is not None and name == "light":
            drawing = drawing.replace("</svg>", f'<metadata id="figure-data">{escape(csv(data), quote=False)}</metadata>\n</svg>')
        display({"image/svg+xml": drawing, "text/plain": f"<figure, {name} theme>"}, raw=True)


def csv(columns: Mapping[str, ArrayLike]) -> str:
    """Columns as the text of a CSV file: one header line, floats with 9 significant digits.

    Args:
        columns: column name -> array of one axis; all of the same length.

    Raises:
        ValueError: a column has more than one axis, or the lengths differ.
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise ValueError(f"columns must be arrays of one axis and the same length, found {shapes}")

    def cells(array: np.ndarray) -> list[str]:
        if array.dtype.kind == "f":
            return [f"{value:.9g}" for value in array.tolist()]
        texts = [f"{value:.9g}" if isinstance(value, float) else str(value) for value in array.tolist()]
        return [quoted(text) for text in texts] if array.dtype.kind in "OUS" else texts

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n') else text

    lines = [map(quoted, arrays), *zip(*map(cells, arrays.values()), strict=True)]
    return "".join(",".join(line) + "\n" for line in lines)
