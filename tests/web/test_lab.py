"""The lab in a real browser: it trains, its split is the package's, its file is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driven import PATIENCE, Told
from safetensors.numpy import load_file

from modaddlab import read, tasks
from modaddlab.models.two_layer import TwoLayerSpec
from modaddlab.study import Study
from modaddlab.tasks import TaskSpec

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:">
<title>A page</title><link rel="stylesheet" href="page.css"><link rel="stylesheet" href="interactive/web.css"></head>
<body><main><h1>A page</h1><h2>A part</h2><div class="web lab"></div></main>
<script src="interactive/lab.js"></script></body></html>
"""

STATE = "document.querySelector('.lab').lab.state"


@pytest.fixture
def lab(browser: Any, site: Path) -> Iterator[Any]:
    (site / "lab.html").write_text(PAGE, encoding="utf-8")
    context = browser.new_context(accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.told = Told(page)

    def open_lab(address: str = "") -> Any:
        page.goto((site / "lab.html").as_uri() + address)
        page.wait_for_function(f"() => {STATE}?.state === 0")
        return page

    yield open_lab
    context.close()


def forward(page: Any, steps: int) -> dict[str, Any]:
    page.evaluate(f"document.querySelector('.lab').lab.worker.postMessage({{ step: {steps} }})")
    page.wait_for_function(f"() => {STATE}.state >= {steps}")
    return page.evaluate(f"() => {{ const s = {STATE}; return {{ ...s, right: [...s.right], weights: [...s.weights] }}; }}")


@pytest.mark.parametrize(("p", "share", "seed"), [(7, 50, 0), (13, 35, 7), (31, 75, 42)])
def test_the_split_is_the_package_s(lab: Any, p: int, share: int, seed: int) -> None:
    page = lab(f"#p={p}&H=16&share={share}&seed={seed}")
    found = np.array(page.evaluate("[...document.querySelector('.lab').lab.split]")).reshape(p, p)
    assert (found == tasks.train_mask(TaskSpec(p=p, train_frac=share / 100), seed)).all()


def test_what_it_says_is_so_of_its_weights(lab: Any) -> None:
    """Accuracies and losses from the downloaded weights, by the package's own forward."""
    p, H = 11, 64
    page = lab(f"#p={p}&H={H}&share=60&seed=1")
    state = forward(page, 120)
    weights = np.array(state["weights"], np.float32)
    params = {"mlp.W_in": weights[: p * H].reshape(p, H).astype(float), "mlp.W_out": weights[p * H :].reshape(H, p).astype(float)}
    logits = TwoLayerSpec(d_mlp=H).forward(params, tasks.all_pairs(p), p)
    label = np.add.outer(np.arange(p), np.arange(p)).ravel() % p
    right, mask = logits.argmax(-1) == label, tasks.train_mask(TaskSpec(p=p, train_frac=0.6), 1)
    assert (np.array(state["right"], bool) == right).all()
    mirrored = (mask.T & ~mask).ravel()
    for share, chosen in zip(state["row"]["shares"], (mask.ravel(), mirrored, ~(mask | mask.T).ravel()), strict=True):
        assert share == pytest.approx(right[chosen].mean())
    loss = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(p * p), label]
    assert state["row"]["loss"] == pytest.approx([loss[mask.ravel()].mean(), loss[~mask.ravel()].mean()], rel=1e-4)
    assert state["rows"][-1]["loss"][0] < state["rows"][0]["loss"][0]


def test_going_back_gives_the_same_again(lab: Any) -> None:
    page = lab("#p=7&H=32&share=60")
    first = forward(page, 250)
    page.evaluate("document.querySelector('.lab').lab.worker.postMessage({ back: 210 })")
    page.wait_for_function(f"() => {STATE}.state === 200")
    assert page.evaluate(f"{STATE}.rows.length") == 21
    page.evaluate("document.querySelector('.lab').lab.worker.postMessage({ step: 50 })")
    page.wait_for_function(f"() => {STATE}.state === 250")
    assert page.evaluate(f"[...{STATE}.weights]") == first["weights"]


def test_its_file_is_read_as_a_record(lab: Any, tmp_path: Path) -> None:
    p, H = 7, 32
    page = lab(f"#p={p}&H={H}&share=60")
    state = forward(page, 40)
    with page.expect_download() as download:
        page.click("text=download this network")
    file = tmp_path / "lab.safetensors"
    download.value.save_as(file)
    weights = np.array(state["weights"], np.float32)
    assert (load_file(file)["mlp.W_in"] == weights[: p * H].reshape(p, H).T).all()
    data = tmp_path / "runs"
    told = page.locator("code").nth(1).inner_text().split()[3:]
    assert read.main([str(file), *told[1:], "--data", str(data), "--name", "from-a-page"]) == 0
    (record,) = (data / "runs").iterdir()
    study = Study.open(record.name, data=data)
    assert (study.train_mask_PP == tasks.train_mask(TaskSpec(p=p, train_frac=0.6), 0)).all()
    assert (study.record.final["mlp.W_out"] == weights[p * H :].reshape(H, p)).all()


def test_settings_change_by_keyboard_and_stay_in_the_address(lab: Any) -> None:
    page = lab("#p=7&H=32")
    page.fill("input[aria-label='weight decay']", "3")
    page.keyboard.press("Tab")
    page.fill("input[aria-label='modulus']", "9")
    page.keyboard.press("Tab")
    page.wait_for_function("() => location.hash.includes('p=9') && location.hash.includes('decay=3')")
    assert set(page.evaluate("location.hash").lstrip("#").split("&")) == {"p=9", "H=32", "decay=3"}
    assert "--p 9" in page.locator("code").first.inner_text()
    assert "optim.weight_decay=3" in page.locator("code").first.inner_text()
    page.fill("input[aria-label='modulus']", "1000")  # too large: as it was
    page.keyboard.press("Tab")
    assert page.input_value("input[aria-label='modulus']") == "9"
    page.get_by_role("button", name="train", exact=True).press("Enter")
    page.wait_for_function(f"() => {STATE}.state > 20")
    page.get_by_role("button", name="pause").press("Enter")
    assert page.told.lines == []


def test_a_challenge_says_how_far_the_run_has_got(lab: Any) -> None:
    page = lab("#p=7&H=32")
    page.get_by_role("button", name="No decay").press("Enter")
    page.wait_for_function(f"() => {STATE}?.state === 0")
    assert page.inner_text(".says").startswith("Not yet")
    page.evaluate(f"() => {{ {STATE}.row = {{ step: 900, shares: [1, 1, 0.97] }}; document.querySelector('.lab').lab.judge(); }}")
    assert page.inner_text(".says").startswith("Understood")
    assert page.inner_text(".says").endswith("75\u202f%.")
    page.fill("input[aria-label='weight decay']", "1")
    page.keyboard.press("Tab")
    forward(page, 20)
    assert page.inner_text(".says").startswith("It does not count")


def test_the_tour_s_steps_are_those_of_recorded_runs(lab: Any) -> None:
    page, metrics = lab("#p=7&H=32"), Study.open("lab").metrics
    memorized = int(metrics["step"][np.argmax(metrics["train_accuracy"] >= 0.99)])
    page.get_by_role("button", name="Learn by heart").press("Enter")
    assert f"some {memorized:,} steps" in page.inner_text(".lede")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way(lab: Any, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = lab("#p=7&H=32")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    found = axe.Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
    faults = [(one["impact"], one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
    assert [fault for fault in faults if fault[0] in ("serious", "critical")] == []
