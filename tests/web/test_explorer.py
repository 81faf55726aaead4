"""The explorer in a real browser: its numbers are the package's, everything works by keyboard, on a phone, in the dark."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driven import LOGITS, NOTHING, settled

from modaddlab import tasks, web
from modaddlab.study import Study
from modaddlab.web import records

Weights = dict[str, np.ndarray]


def pair_logits(study: Study, params: Weights) -> np.ndarray:
    """Logits of all pairs, (P * P, P), float64."""
    return study.spec.model.logits(params, tasks.all_pairs(study.p), study.p)[:, : study.p]


def final(study: Study) -> Weights:
    return {name: value.astype(np.float64) for name, value in study.record.final.items()}


def residue_rows(study: Study, params: Weights, change: Callable[[np.ndarray], np.ndarray]) -> Weights:
    """The weights with the residues' rows changed: those of the embedding, or of theta."""
    name = "mlp.W_in" if study.spec.model.kind == "two-layer" else "embed.W_E"
    changed = params[name].copy()
    changed[: study.p] = change(changed[: study.p])
    return params | {name: changed}


def without_wave(rows_PD: np.ndarray, k: int, turn: int = 0, keep: float = 0.0) -> np.ndarray:
    """Rows with their wave of frequency k scaled by `keep` and moved on by `turn` residues."""
    components = np.fft.fft(rows_PD, axis=0)
    for sign in (1, -1):
        components[sign * k] *= keep * np.exp(sign * 2j * np.pi * k * turn / len(rows_PD))
    return np.fft.ifft(components, axis=0).real


def changes(study: Study) -> Iterator[tuple[str, dict[str, Any], np.ndarray]]:
    """Things done to a network, as the page is told them, and the logits that must come out."""
    params, keys = final(study), list(study.keys[:2]) or [1, 2]
    yield "nothing", NOTHING, pair_logits(study, params)
    removed = residue_rows(study, params, lambda rows: without_wave(rows, keys[0]))
    yield "a frequency out", NOTHING | {"gain": [[keys[0], 0]]}, pair_logits(study, removed)
    turned = params
    for k in keys:
        turned = residue_rows(study, turned, lambda rows, k=k: without_wave(rows, k, turn=5, keep=1.0))
    yield "clocks turned", NOTHING | {"turn": 5, "turned": keys}, pair_logits(study, turned)
    name = next(name for name in params if name.endswith("mlp.W_out"))
    out = params[name].copy()
    out[3:9] = 0
    yield "neurons out", NOTHING | {"neurons": list(range(3, 9))}, pair_logits(study, params | {name: out})


@pytest.mark.parametrize("which", ["small", "large", "two-layer", "asked at b"])
def test_all_logits_are_the_package_s(opened: Any, networks: dict[str, Study], which: str) -> None:
    study, page = networks[which], opened()
    label_B = np.add.outer(np.arange(study.p), np.arange(study.p)).ravel() % study.p
    for what, told, expected_BC in islice(changes(study), 2 if which == "large" else None):
        found = page.evaluate(LOGITS, [study.record.run_id, told])
        logits_BC = np.frombuffer(base64.b64decode(found["logits"]), np.float32).reshape(expected_BC.shape)
        assert np.abs(logits_BC - expected_BC).max() < 1e-4, what
        plain = np.array(found["plain"]).reshape(-1, study.p)
        assert np.abs(plain - expected_BC[::97]).max() < 1e-4, what
        assert found["right"] == (expected_BC.argmax(-1) == label_B).sum(), what
        loss = np.mean(np.logaddexp.reduce(expected_BC, axis=1) - expected_BC[np.arange(len(label_B)), label_B])
        assert found["loss"] == pytest.approx(loss, rel=2e-5), what


def test_heads_and_neurons_leave_their_mean_behind(opened: Any, networks: dict[str, Study]) -> None:
    study, page = networks["small"], opened()
    grid, params = study.grid, final(study)
    mean_D = grid.heads_PPnD[:, :, 1].mean(axis=(0, 1))
    resid_PPD = grid.resid_mid_PPD - grid.heads_PPnD[:, :, 1] + mean_D
    pre_PPH = resid_PPD @ params["blocks.0.mlp.W_in"] + params["blocks.0.mlp.b_in"]
    post_PPH = np.maximum(pre_PPH, 0)
    post_PPH[..., 4] = post_PPH[..., 4].mean()
    out_PPD = resid_PPD + post_PPH @ params["blocks.0.mlp.W_out"] + params["blocks.0.mlp.b_out"]
    expected_BC = (out_PPD @ params["unembed.W_U"])[..., : study.p].reshape(-1, study.p)
    found = page.evaluate(LOGITS, [study.record.run_id, NOTHING | {"heads": [1], "neurons": [4], "toMean": True}])
    logits_BC = np.frombuffer(base64.b64decode(found["logits"]), np.float32).reshape(expected_BC.shape)
    assert np.abs(logits_BC - expected_BC).max() < 1e-4


def test_a_third_of_the_questions_is_told_first(opened: Any, networks: dict[str, Study]) -> None:
    study, page = networks["small"], opened()
    told = page.evaluate(
        """() => new Promise((resolve) => {
          const explorer = document.querySelector(".explorer").explorer, shares = [];
          explorer.all(explorer.view.network, ({ accuracy }) => resolve([...shares, accuracy]), (share) => shares.push(share));
        })"""
    )
    right_PP = pair_logits(study, final(study)).argmax(axis=1).reshape(study.p, study.p) == study.labels_PP
    assert told == pytest.approx([right_PP[::3].mean(), right_PP.mean()])
    page.evaluate(
        """() => {
          const explorer = document.querySelector(".explorer").explorer, draw = explorer.drawVerdict.bind(explorer);
          window.said = [];
          explorer.drawVerdict = () => { draw(); window.said.push(explorer.verdict.textContent); };
          explorer.patience = -1;
          explorer.show({ result: null, turn: 1 });
        }"""
    )
    page.wait_for_function("() => document.querySelector('.verdict').textContent.includes('a + b + 2')")
    assert any(words.startswith("About ") for words in page.evaluate("window.said"))


def test_everything_by_keyboard(opened: Any, networks: dict[str, Study]) -> None:
    page, p = opened("#step=0"), networks["small"].p
    assert "Nothing is taken out" in page.inner_text(".verdict")
    page.focus(".curve")
    before = page.get_attribute(".curve", "aria-valuenow")
    page.keyboard.press("ArrowRight")
    assert int(page.get_attribute(".curve", "aria-valuenow")) > int(before)
    page.keyboard.press("End")
    settled(page)
    page.focus(".spectrum")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    settled(page)
    assert page.inner_text(".verdict").startswith("Without frequency 2")
    assert "With a random frequency out instead" in page.inner_text(".verdict")
    page.keyboard.press("Enter")
    settled(page)
    assert "Nothing is taken out" in page.inner_text(".verdict")
    page.fill("input[aria-label=a]", "5")
    page.fill("input[aria-label=b]", "9")
    assert page.inner_text(".ask output").split()[0].isdigit()
    page.fill("input[aria-label=b]", str(p))  # no residue: the question stays
    assert page.evaluate("document.querySelector('.explorer').explorer.view.ask") == [5, 9]
    page.focus("button[aria-label='take out head 0']")
    page.keyboard.press("Space")
    settled(page)
    assert page.inner_text(".verdict").startswith("Without head 0")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "take out head 0"


def test_a_view_is_in_its_address(opened: Any, networks: dict[str, Study]) -> None:
    run, step = networks["two-layer"].record.run_id, int(networks["two-layer"].record.snapshot_steps[3])
    page = opened(f"#run={run}&step={step}&ask=3.4&neuron=7&axis=2&out=k5.n10-12&turn=0")
    settled(page)
    page.wait_for_function("() => !location.hash.includes('turn')")
    fields = dict(part.split("=") for part in page.evaluate("location.hash").lstrip("#").split("&"))
    assert fields == {"run": run, "step": str(step), "ask": "3.4", "neuron": "7", "axis": "2", "out": "k5.n10-12"}
    nonsense = opened("#run=nobody-0123456789&step=-3&ask=1.x&out=q9&neuron=99999&unknown=1")
    assert networks["small"].record.run_id in nonsense.evaluate("document.querySelector('.explorer').explorer.view.run.id")
    assert [line for line in nonsense.told.lines if "nobody" not in line and "ERR_FILE_NOT_FOUND" not in line] == []


@pytest.mark.parametrize(("width", "theme"), [(1200, "light"), (390, "light"), (1200, "dark"), (390, "dark")])
def test_it_fits_and_says_nothing_wrong(opened: Any, width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened("#step=400", width=width, theme=theme)
    page.evaluate("document.querySelector('select').add(new Option('of a long name '.repeat(9)))")  # the book has such networks
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("canvas.square").first.click(position={"x": 40, "y": 20})
    assert page.evaluate("document.querySelector('.explorer').explorer.view.ask") != [37 % 17, 95 % 17]
    found = axe.Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
    faults = [(one["impact"], one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
    assert [fault for fault in faults if fault[0] in ("serious", "critical")] == []
    assert page.told.lines == []
    assert all(address.startswith("file:") for address in page.told.addresses)


def test_a_run_on_all_pairs_has_one_curve(opened: Any, networks: dict[str, Study]) -> None:
    page = opened(f"#run={networks['on all pairs'].record.run_id}&spectrum=answers&grid=loss")
    assert page.locator(".curve .line").count() == page.locator(".curve .dot").count() == 1
    assert "never saw" not in page.inner_text(".lede")
    assert page.told.lines == []


def test_the_first_view_is_small(opened: Any, site: Path) -> None:
    """With the mainline's weights in the place of the small network's, and what a page of the book has besides."""
    page = opened("#step=400")

    def loaded() -> list[Path]:
        return [Path(address.removeprefix("file://").partition("#")[0]) for address in page.told.addresses]

    frame, mainline = 160_000, Study.open("mainline")
    _, weights = records.weights(mainline, 6600)
    others = [path for path in loaded() if path.is_file() and not path.name.startswith("step-")]
    assert frame + len(weights) + sum(path.stat().st_size for path in others) < 1_000_000
    assert {path.name for path in others} >= {"explorer.js", "run.js"}
    assert "right.js" not in {path.name for path in others}  # a table for each saved step
    page.focus(".curve")
    page.keyboard.press("ArrowRight")
    settled(page)
    page.wait_for_function("() => document.querySelector('.explorer').explorer.view.run.rights")
    assert [path.name for path in loaded()].count("right.js") == 1


def test_two_at_once_write_the_same(networks: dict[str, Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, listed, replace, met = tmp_path / web.FOLDER, [("One", [networks["two-layer"]])], Path.replace, list[Path]()

    def meanwhile(path: Path, target: Path) -> Path:
        """Another process writes everything in the moment before a file gets its name."""
        if target not in met:
            met.append(target)
            web.write(folder, listed)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    web.write(folder, listed)
    assert {path for path in folder.rglob("*") if path.is_file()} == set(met)


def test_what_is_not_written_again_and_what_goes(site: Path, networks: dict[str, Study], tmp_path: Path) -> None:
    folder = tmp_path / web.FOLDER
    web.write(folder, [("One", [networks["two-layer"]])])
    dates = {path: path.stat().st_mtime_ns for path in folder.rglob("*.js")}
    (folder / "mine.txt").write_text("a reader's own file")
    lost = next(path for path in dates if path.name == "run.js")
    lost.unlink()
    web.write(folder, [("One", [networks["two-layer"]])])
    assert all(path.stat().st_mtime_ns == date for path, date in dates.items() if path != lost)
    assert lost.is_file()
    whole = lost.read_bytes()
    for damaged in (whole.replace(b"1", b"2", 1), b"\xff", whole[:-9]):
        lost.write_bytes(damaged)
        web.write(folder, [("One", [networks["two-layer"]])])
        assert lost.read_bytes() == whole
    with open(folder / web.LISTED, "a", encoding="utf-8") as damaged_list:
        damaged_list.write("- 0 mine.txt\n- 0 data\n- 0 a\0b\n- 0 \n")
    web.write(folder, [])
    assert not lost.exists()
    assert (folder / "mine.txt").is_file()


def test_what_is_out_is_swapped_for_as_many_random_parts(opened: Any) -> None:
    page = opened("#step=0")
    page.evaluate("document.querySelector('.explorer').explorer.take('n', [3, 4, 5])")
    settled(page)
    page.evaluate("document.querySelector('.explorer').explorer.take('h', [0])")
    settled(page)
    page.get_by_role("button", name="as many random parts instead").press("Enter")
    settled(page)
    out = "(kind) => [...document.querySelector('.explorer').explorer.view.taken[kind]]"
    neurons, heads, frequencies = (page.evaluate(out, kind) for kind in "nhk")
    assert len(neurons) == 3
    assert not set(neurons) & {3, 4, 5}
    assert (heads, frequencies) == ([1], [])
