"""A page with the explorer of four networks and one with every moving figure, as files on a disk, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driven import FIGURES, PATIENCE, Told, settled

import modaddlab
from modaddlab import web
from modaddlab.study import Study
from modaddlab.web import moving, records

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' 'wasm-unsafe-eval'">
<title>A page</title><link rel="stylesheet" href="page.css"><link rel="stylesheet" href="interactive/web.css"></head>
<body><main><h1>A page</h1><h2>A part</h2><div class="web explorer" data-run="{run}"></div></main>
<script src="interactive/explorer.js"></script></body></html>
"""

FIGURES_PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' 'wasm-unsafe-eval'">
<title>A page</title><link rel="stylesheet" href="page.css"></head><body><main><h1>A page</h1>
<p>Go <span class="sets" data-to="hands.k=3">three times round</span>.</p>{figures}</main>
<script src="interactive/moving.js"></script></body></html>
"""

STYLE = """body { margin: 0 } main { padding: 1rem }
[data-theme=dark] { background: #1b1e23; color: #e4e7eb; color-scheme: dark }
"""


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """Transformers: small with saved steps, of the book's size, fresh without "="; two layers: with saved steps, on all pairs."""
    sizes = {"task.p": 13, "model.d_model": 16, "model.n_heads": 2, "model.d_head": 8, "model.d_mlp": 32}
    fresh = modaddlab.train("clock", sizes | {"model.attention_rate": 0.7, "steps": 0}, data=tmp_path_factory.mktemp("runs"))
    found = {"small": Study.open("debug"), "large": Study.seeds("mainline-25k")[0], "two-layer": Study.open("mlp-grokking", p=23)}
    return found | {"asked at b": fresh, "on all pairs": Study.open("mlp-quad-single-freq")}


@pytest.fixture(scope="session")
def site(networks: dict[str, Study], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    web.write(folder / web.FOLDER, [("All", list(networks.values()))], moving.files(networks["small"]))
    (folder / "page.html").write_text(PAGE.format(run=networks["small"].record.run_id), encoding="utf-8")
    (folder / "page.css").write_text(STYLE, encoding="utf-8")
    return folder


def block(figure: str, shows: str = "") -> str:
    part = f' data-shows="{shows}"' if shows else ""
    return f'<div class="moving" data-figure="{figure}"{part} hidden="hidden"><p>Try it.</p></div>'


@pytest.fixture(scope="session")
def figures_page(site: Path, networks: dict[str, Study]) -> Iterator[Path]:
    """A page with every figure; two small networks stand in for the mainlines."""
    folder, page = site / web.FOLDER, site / "moving.html"
    _, text = records.runs_file([("All", [networks["small"], networks["two-layer"]])])
    for name, study in (("mainline", networks["small"]), ("mlp-quad-random", networks["two-layer"])):
        text = text.replace(f'"{study.spec.name}":', f'"{name}":')
    blocks = "".join(block(*name.split(".")) for name in FIGURES)
    page.write_text(FIGURES_PAGE.format(figures=blocks), encoding="utf-8")
    runs = folder / "data/runs.js"
    before = runs.read_text(encoding="utf-8")
    runs.write_text(text, encoding="utf-8")
    yield page
    runs.write_text(before, encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; its driver has an event loop running, in which no test of another file could start its own."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed, so no page was loaded in a browser")
    driver = pytest.importorskip("playwright.sync_api")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any, site: Path) -> Iterator[Any]:
    """Opens the page: `opened(hash, width=..., theme=...)` gives it once its network has answered every question."""
    contexts = []

    def open_page(address: str = "", width: int = 1200, theme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=width < 500)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.told = Told(page)
        page.goto((site / "page.html").as_uri() + address)
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
