"""The palettes: contrast against the page, and colours that stay apart with a colour-vision deficiency."""

from __future__ import annotations

import itertools
import re

import matplotlib.colors
import numpy as np
import pytest

from modaddlab.figures import frequency_colors, theme
from modaddlab.paths import ROOT

# Severe protan and deutan vision on linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.0.
VISION = {
    "normal": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def linear(color: str) -> np.ndarray:
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2."""
    dark, light = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(color: str, vision: str) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as it is seen."""
    seen = np.clip(VISION[vision] @ linear(color), 0, 1)
    relative = XYZ @ seen / (XYZ @ np.ones(3))
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_of_known_colors() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colors", theme.THEMES.values(), ids=theme.THEMES)
@pytest.mark.parametrize("dark_page", ["#1b1e23", "#222222"])
def test_marks_stand_out_from_the_page(colors: theme.Palette, dark_page: str) -> None:
    page = "#ffffff" if colors.name == "light" else dark_page
    marks = [colors.train, colors.test, colors.restricted, colors.excluded, colors.norm, colors.control, *colors.frequencies]
    for color in (*marks, colors.muted):  # labels have them too
        assert contrast(color, page) >= 4.5, color
    assert contrast(colors.ink, page) >= 7


@pytest.mark.parametrize("name", theme.THEMES)
def test_the_texts_of_the_site_stand_out_from_the_page_and_from_code(name: str) -> None:
    sheet = (ROOT / f"assets/{name}.scss").read_text(encoding="utf-8")
    colors = dict(re.findall(r"^\$([\w-]+): (#[0-9a-f]{6})", sheet, re.M))
    grounds = {color for color in colors if color.endswith("-bg")}
    texts = {color for color in colors if not color.endswith(("-bg", "border-color"))}
    assert len(grounds) >= 3
    assert len(texts) >= 10
    for text in texts:
        assert min(contrast(colors[text], colors[ground]) for ground in grounds - {"mark-bg"}) >= 4.5, text
    assert contrast(colors["body-color"], colors["mark-bg"]) >= 4.5


@pytest.mark.parametrize("colors", theme.THEMES.values(), ids=theme.THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_colors_of_a_group_stay_apart(colors: theme.Palette, vision: str) -> None:
    for group in ((colors.train, colors.test, colors.restricted, colors.excluded), colors.frequencies):
        for one, other in itertools.combinations(group, 2):
            assert np.linalg.norm(lab(one, vision) - lab(other, vision)) >= 15, (one, other)


@pytest.mark.parametrize("colors", theme.THEMES.values(), ids=theme.THEMES)
def test_color_maps_are_monotone_and_start_at_the_page(colors: theme.Palette) -> None:
    def lightness(values: np.ndarray, name: str) -> np.ndarray:
        rgb = np.round(np.asarray(getattr(colors, name)(values))[:, :3] * 255).astype(int)
        return np.array([lab(f"#{r:02x}{g:02x}{b:02x}", "normal")[0] for r, g, b in rgb])

    away = -1 if colors.name == "light" else 1
    steps = np.linspace(0, 1, 40)
    assert np.all(away * np.diff(lightness(steps, "sequential")) > 0)
    half = lightness(0.5 + steps / 2, "diverging")
    assert np.all(away * np.diff(half) > -0.2)
    assert abs(lightness(np.array([0.0]), "sequential")[0] - lab(colors.page, "normal")[0]) < 8
    wheel = np.asarray(colors.cyclic(np.array([0.0, 1.0])))
    assert np.abs(wheel[0] - wheel[1]).max() < 0.05


@pytest.mark.parametrize("colors", theme.THEMES.values(), ids=theme.THEMES)
@pytest.mark.parametrize("ramp", ["sequential", "diverging", "cyclic"])
def test_what_is_written_on_a_color_of_a_map_stands_out(colors: theme.Palette, ramp: str) -> None:
    for color in getattr(colors, ramp)(np.linspace(0, 1, 60)):
        assert contrast(theme.ink_on(color), matplotlib.colors.to_hex(color)) >= 4.5


def test_frequency_colors_go_by_rank() -> None:
    with theme.use("dark"):
        assert frequency_colors([52, 14, 35]) == dict(zip([14, 35, 52], theme.DARK.frequencies, strict=False))
        assert frequency_colors([52, 14, 35]) == frequency_colors((14, 35, 52, 14))
        many = frequency_colors(range(1, 10))
    assert [many[k] for k in (7, 8, 9)] == [theme.DARK.muted] * 3
    assert frequency_colors([5])[5] == theme.LIGHT.frequencies[0]


@pytest.mark.parametrize("colors", theme.THEMES.values(), ids=theme.THEMES)
def test_the_colors_of_maps_are_8_bits_wide(colors: theme.Palette) -> None:
    """Else the last bit of a processor's arithmetic would decide a colour."""
    for ramp in (colors.sequential, colors.diverging, colors.cyclic):
        steps = np.array(ramp.colors) * 255  # type: ignore[attr-defined]
        assert (steps == np.round(steps)).all()
