"""The look of every figure: two themes, one colour per meaning, and the settings that make SVG files reproducible.

A figure is drawn twice, once for a light page and once for a dark one. Its background is transparent, so that it sits on
the page, and each theme brings its own inks. A colour has one meaning in the whole book: train, test, restricted, excluded
loss, weight norm, and each key frequency by its rank among the keys. The hues of a meaning are the same in both themes.

The colours were chosen by maximising the smallest distance (in OKLab) between any two of a group as seen with normal, protan
and deutan vision, under a contrast of at least 4.5:1 against the page, because labels have them too; the tests compute both,
and hold every label against what is drawn below it.
Heatmaps use a map that rises monotonically in lightness away from the page (magnitudes), one that leaves the page's colour to
both sides (signed values), and a wheel of hues (residues, phases).

A figure function is marked with `themed` and reads its colours from `palette()`. Text is drawn as paths: a page or a PDF then
needs no font of ours and a label keeps the size that the layout was made for.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

WIDTH = 7.0
"""Width of a full-width figure in inches; with 11 pt text it still reads when the page is 390 pixels wide."""

_LAB_FROM_LMS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_FROM_RGB = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)


def _to_oklab(hex_color: str) -> np.ndarray:
    rgb = np.array([int(hex_color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return _LAB_FROM_LMS @ np.cbrt(_LMS_FROM_RGB @ linear)


def _from_oklab(lab: np.ndarray) -> np.ndarray:
    """The colours, rounded to 8 bits: processors differ in the last bit of this arithmetic, and pictures must not."""
    linear = np.linalg.solve(_LMS_FROM_RGB, np.linalg.solve(_LAB_FROM_LMS, lab.T) ** 3).T
    linear = np.clip(linear, 0.0, 1.0)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(rgb * 255) / 255


def _ramp(name: str, *anchors: str, n_colors: int = 128) -> Colormap:
    """A colour map through the anchors, evenly spaced and interpolated in OKLab."""
    lab = np.array([_to_oklab(anchor) for anchor in anchors])
    at = np.linspace(0, len(anchors) - 1, n_colors)
    channels = [np.interp(at, np.arange(len(anchors)), lab[:, i]) for i in range(3)]
    return ListedColormap(_from_oklab(np.stack(channels, axis=1)), name=name)


def _wheel(name: str, lightness: float, swing: float, chroma: float, n_colors: int = 120) -> Colormap:
    """A cyclic colour map: the hue goes round once, the lightness swings once so that it also reads without hue."""
    angle = np.linspace(0, 2 * np.pi, n_colors, endpoint=False)
    lab = np.stack([lightness + swing * np.cos(angle), chroma * np.cos(angle), chroma * np.sin(angle)], axis=1)
    return ListedColormap(_from_oklab(lab), name=name)


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme; all are hexadecimal RGB."""

    name: str
    page: str
    """The page that the theme is made for; figures are transparent, this is for marks that must hide what is below."""
    ink: str
    """Text and axes."""
    muted: str
    """Secondary text, and marks that are not the subject: frequencies that are not keys, other runs."""
    rule: str
    """Grid lines."""
    shade: str
    """Shading of every other phase."""
    train: str
    test: str
    restricted: str
    excluded: str
    norm: str
    """Weight norms, and any other quantity that has no colour of its own."""
    control: str
    """Random and untrained controls."""
    frequencies: tuple[str, ...]
    """Key frequencies by rank."""
    sequential: Colormap
    diverging: Colormap
    cyclic: Colormap


LIGHT = Palette(
    name="light",
    page="#ffffff",
    ink="#22262b",
    muted="#666d7b",
    rule="#e3e6ea",
    shade="#eff1f4",
    train="#0077d6",
    test="#d04700",
    restricted="#075a38",
    excluded="#9c4f86",
    norm="#4b5563",
    control="#666d77",
    frequencies=("#7163e5", "#825405", "#268383", "#701336", "#228653", "#7f2192"),
    sequential=_ramp("light-sequential", "#f6f7f5", "#a9d6c5", "#4a9bb5", "#2b4f96", "#1b1442"),
    diverging=_ramp("light-diverging", "#6b3300", "#cf8a3f", "#f7f5f1", "#4b9ba5", "#033f50"),
    cyclic=_wheel("light-cyclic", 0.58, 0.10, 0.13),
)

DARK = Palette(
    name="dark",
    page="#1b1e23",
    ink="#e4e7eb",
    muted="#9aa3af",
    rule="#31363e",
    shade="#262a31",
    train="#6cb2ff",
    test="#ff9d5c",
    restricted="#a0f5d5",
    excluded="#b970b0",
    norm="#b8c0cc",
    control="#8f98a5",
    frequencies=("#9573f2", "#e09f11", "#7df5fa", "#cd6a80", "#b9fc7f", "#ca95d5"),
    sequential=_ramp("dark-sequential", "#23272e", "#2f4f93", "#3f93b0", "#92d8bf", "#f6f9dc"),
    diverging=_ramp("dark-diverging", "#ffcf94", "#bb7430", "#272b31", "#2f8e9a", "#a3edf4"),
    cyclic=_wheel("dark-cyclic", 0.74, 0.09, 0.13),
)

THEMES = {"light": LIGHT, "dark": DARK}

_current: ContextVar[Palette] = ContextVar("theme", default=LIGHT)


def palette() -> Palette:
    """The palette of the theme that is being drawn; light outside of `use`."""
    return _current.get()


def ink_on(color: ArrayLike) -> str:
    """Black or white, whichever stands out more from a colour (red, green, blue, ... in [0, 1]): by at least 4.58:1."""
    rgb = np.asarray(color, dtype=np.float64)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "#000000" if (linear @ [0.2126, 0.7152, 0.0722] + 0.05) ** 2 > 0.05 * 1.05 else "#ffffff"


def frequency_colors(keys: Sequence[int]) -> dict[int, str]:
    """The colour of each key frequency in the current theme.

    Colours go by rank among the sorted keys, so that the order in which an analysis lists the keys does not matter. A palette
    has six of them: further keys are drawn in the muted ink and told apart by their labels.

    Args:
        keys: key frequencies, integers in 1..p//2.

    Returns:
        frequency -> hexadecimal colour.
    """
    colors = palette()
    ranked = sorted({int(key) for key in keys})
    return {key: colors.frequencies[rank] if rank < len(colors.frequencies) else colors.muted for rank, key in enumerate(ranked)}


def _settings(colors: Palette) -> dict[str, Any]:
    return {
        "figure.facecolor": "none",
        "figure.edgecolor": "none",
        "figure.dpi": 100,
        "savefig.facecolor": "none",
        "savefig.edgecolor": "none",
        "savefig.dpi": 160,
        "font.family": "DejaVu Sans",
        "font.size": 11,
        "mathtext.fontset": "dejavusans",
        "text.color": colors.ink,
        "axes.facecolor": "none",
        "axes.edgecolor": colors.muted,
        "axes.labelcolor": colors.ink,
        "axes.labelsize": 11,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.titlecolor": colors.ink,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "grid.color": colors.rule,
        "grid.linewidth": 0.8,
        "xtick.color": colors.muted,
        "ytick.color": colors.muted,
        "xtick.labelcolor": colors.ink,
        "ytick.labelcolor": colors.ink,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "legend.frameon": False,
        "legend.fontsize": 10,
        "lines.linewidth": 1.8,
        "lines.solid_capstyle": "round",
        "lines.dash_capstyle": "butt",
        "patch.linewidth": 0.0,
        "image.interpolation": "none",
        "path.simplify_threshold": 0.25,
        "svg.fonttype": "path",
        "svg.hashsalt": "modaddlab",
        "figure.constrained_layout.h_pad": 0.06,
        "figure.constrained_layout.w_pad": 0.06,
    }


@contextmanager
def use(theme: str) -> Iterator[Palette]:
    """Draw what is inside in one theme; matplotlib's settings are put back afterwards.

    Whatever settings were in force before (a notebook's, a style file's) have no influence inside.

    Args:
        theme: "light" or "dark".

    Raises:
        ValueError: there is no such theme.
    """
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)}, found {theme!r}")
    colors = THEMES[theme]
    token = _current.set(colors)
    try:
        with matplotlib.rc_context():
            for name, value in (_DEFAULTS | _settings(colors)).items():
                matplotlib.rcParams[name] = value  # pyright: ignore[reportArgumentType]
            yield colors
    finally:
        _current.reset(token)


_DEFAULTS: dict[str, Any] = {
    name: value
    for name, value in matplotlib.rcParamsDefault.items()
    if not name.startswith(("backend", "webagg", "tk.", "interactive", "toolbar", "timezone", "date.", "keymap"))
}

Arguments = ParamSpec("Arguments")


def themed(figure_function: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Mark a figure function: it draws in the current theme also when it is called outside of `use`."""

    @functools.wraps(figure_function)
    def draw(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with use(palette().name):
            return figure_function(*args, **kwargs)

    return draw


def new_figure(height: float, width: float = WIDTH, compressed: bool = False) -> Figure:
    """An empty figure, sizes in inches, whose layout keeps every label inside.

    It is not registered with pyplot: nothing has to be closed, and drawing needs no backend.

    Args:
        height, width: inches.
        compressed: bring panels of equal aspect (heatmaps, circles) close to each other.
    """
    return Shown(figsize=(width, height), layout="compressed" if compressed else "constrained")


class Shown(Figure):
    """A figure that a notebook shows, also one in which nobody has imported pyplot."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=150, facecolor=THEMES["light"].page)  # whatever the notebook's own colours are
        return content.getvalue()
