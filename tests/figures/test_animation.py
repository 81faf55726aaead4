"""The story's player: its numbers are the measures', it needs nothing else, and in a browser it plays and follows its slider."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modaddlab import figures

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import samples

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--enable-logging=stderr", "--dump-dom",
]  # fmt: skip
STORY: figures.Story = samples.calls(11)["story_strip"][1][0]


def test_the_json_holds_the_measures() -> None:
    data = json.loads(figures.story_json(STORY))
    assert data["step"] == STORY.step_T.tolist()
    assert data["p"] == 11
    assert [(data["key"], data["head"], data["headKey"]), data["pair"]] == [(STORY.key, STORY.head, STORY.head_key), [2, 3]]
    for name, values_T in STORY.losses.items():
        np.testing.assert_allclose(data["loss"][name], values_T, rtol=1e-3)
    for name, values_T in STORY.accuracies.items():
        np.testing.assert_allclose(data["accuracy"][name], values_T, atol=1e-4)
    np.testing.assert_allclose(data["norm"], STORY.norm_TK, atol=1e-3)
    np.testing.assert_allclose(data["attention"], STORY.attention_TP, atol=1e-3)
    point_TP2 = np.array(data["point"]).reshape(4, 11, 2)
    np.testing.assert_allclose(point_TP2 * np.abs(STORY.point_TP2).max(), STORY.point_TP2, atol=1e-3)
    np.testing.assert_allclose(np.sum(data["probability"], axis=1), 1, atol=0.01)
    odds_TC = np.exp(STORY.logits_TC)
    np.testing.assert_allclose(data["probability"], odds_TC / odds_TC.sum(axis=1, keepdims=True), atol=1e-3)
    assert data["phases"] == [[name, start, end] for name, start, end in STORY.phases]


def test_json_of_what_is_no_number_and_of_text_that_would_end_the_script() -> None:
    story = figures.Story(
        **{**vars(STORY), "losses": {"train": np.array([1.0, np.nan, 1e-9, 2])}, "phases": [("</script>&", 0, 1)]}
    )
    text = figures.story_json(story)
    assert "<" not in text
    data = json.loads(text)
    assert data["loss"]["train"] == [1, None, 1e-9, 2]
    assert data["phases"] == [["</script>&", 0, 1]]


def test_a_story_s_arrays_must_fit() -> None:
    with pytest.raises(ValueError, match="attention_TP must have the shape"):
        figures.Story(**{**vars(STORY), "attention_TP": np.zeros((4, 10))})
    with pytest.raises(ValueError, match=r"test must have the shape \(T=4\)"):
        figures.Story(**{**vars(STORY), "losses": {"test": np.zeros(3)}})


def test_the_player_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    html = figures.player_html(STORY, 'a "story"')
    assert not re.search(r"(?:https?:)?//\w|url\(|@import|<link|\bsrc=|\bfetch\(|XMLHttpRequest|import\(", html)
    assert 'aria-label="a &quot;story&quot;"' in html
    used = set(re.findall(r"var\((--[\w-]+)\)", html)) | {f"--wheel-{n}" for n in range(24)}
    for selector in (r"\.story \{ --", r'\[data-theme="dark"\] \.story, body\.quarto-dark \.story \{ --'):
        theme = re.search(rf"^{selector}.*$", html, re.M)
        assert theme, selector
        assert used <= set(re.findall(r"(--[\w-]+):", theme[0])), "every colour is there in both themes"
    figures.player(STORY, "a story")
    printed = capsys.readouterr().out
    assert printed.strip().startswith("```{=html}\n<div")
    assert printed.count("```") == 2


def played(folder: Path, script: str, *flags: str, seconds: float = 3) -> tuple[str, list[str]]:
    """The player's page some seconds after a script ran, and the console's lines."""
    page = folder / "page.html"
    html = figures.player_html(STORY, "a story")
    page.write_text(
        f"<!doctype html><html><head><meta charset='utf-8'></head><body>{html}<script>{script}</script></body></html>"
    )
    command = [
        str(CHROMIUM),
        *FLAGS,
        *flags,
        f"--virtual-time-budget={1000 * seconds:.0f}",
        f"--user-data-dir={folder / 'profile'}",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


def frame_of(document: str) -> int:
    found = re.search(r'data-frame="(\d+)"', document)
    assert found
    return int(found[1])


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed, so the player was not tried in a browser")
def test_the_player_stands_still_until_it_is_played(tmp_path: Path) -> None:
    still, console = played(tmp_path, "")
    assert console == []
    assert frame_of(still) == 0
    assert still.count('<svg viewBox="0 0 240') == 6
    assert not re.search(r'<div class="story"[^>]*hidden', still)
    played_on, console = played(tmp_path, 'document.querySelector(".story-play").click();')
    assert console == []
    assert frame_of(played_on) == 3, "it plays to the last frame and stops there"
    assert ">Play</button>" in played_on


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed, so the player was not tried in a browser")
def test_slider_and_pause(tmp_path: Path) -> None:
    script = """const slider = document.querySelector(".story input"), play = document.querySelector(".story-play");
        play.click();
        slider.value = 2;
        slider.dispatchEvent(new Event("input"));"""
    document, console = played(tmp_path, script)
    assert console == []
    assert frame_of(document) == 2, "moving the slider pauses"
    assert "step 9,000" in document
    assert 'aria-valuetext="step 9,000' in document
    paused, _ = played(tmp_path, 'const play = document.querySelector(".story-play"); play.click(); play.click();')
    assert frame_of(paused) == 0
    points = re.findall(r'<circle r="2.6"[^>]*cx="([\d.]+)" cy="([\d.]+)"', document)
    assert len(points) == 22
    assert len(set(points)) > 11


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed, so the player was not tried in a browser")
def test_reduced_motion_is_slow(tmp_path: Path) -> None:
    click = 'document.querySelector(".story-play").click();'
    slow, _ = played(tmp_path, click, "--force-prefers-reduced-motion", seconds=1.5)
    usual, _ = played(tmp_path, click, seconds=1.5)
    assert 0 < frame_of(slow) < frame_of(usual)
