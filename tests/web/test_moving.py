"""The figures that a reader can move, in a real browser: their numbers are the package's, by hand, by keyboard and by a link."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driven import FIGURES, PARTS, PATIENCE, Told, shown

from modaddlab.analysis import by_hand
from modaddlab.analysis.dynamics import growth_time
from modaddlab.analysis.spectra import circle_directions
from modaddlab.analysis.turning import turned
from modaddlab.findings import outcomes
from modaddlab.findings.networks import transformer
from modaddlab.models.closed_form import circle_logits
from modaddlab.models.grid import run_grid
from modaddlab.study import Study
from modaddlab.tasks import all_pairs
from modaddlab.web import moving, records

BRIGHTNESS = """() => {
  const canvas = document.querySelector(".order canvas"), n = canvas.width;
  const { data } = canvas.getContext("2d").getImageData(0, 0, n, n);
  return Array.from({ length: n * n }, (_, i) => data[4 * i] + data[4 * i + 1] + data[4 * i + 2]);
}"""


@pytest.fixture
def moved(browser: Any, figures_page: Path) -> Iterator[Any]:
    """Opens the page: `moved(hash, *names)` gives it with these figures open."""
    contexts = []

    def open_page(address: str = "", *names: str, width: int = 1200, theme: str = "light") -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, has_touch=width < 500))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.told = Told(page)
        page.goto(figures_page.as_uri() + address)
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        for name in names:
            page.evaluate(f"document.querySelector('.moving.{name}').figure.open()")
            shown(page, name)
        return page

    yield open_page
    for context in contexts:
        context.close()


def put(page: Any, name: str, **state: object) -> dict[str, Any]:
    said = json.dumps({key: str(value) for key, value in state.items()})
    page.evaluate(f"document.querySelector('.moving.{name}').figure.set({said})")
    return shown(page, name, state)


def assert_close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


def test_hands_end_at_the_sum(moved: Any, networks: dict[str, Study]) -> None:
    p, page = networks["small"].p, moved("#hands.a=12&hands.b=9&hands.k=3")
    assert shown(page, "hands", {"a": 12, "b": 9, "k": 3}) == {"sum": 21 % p, "a": 36 % p, "end": 63 % p}
    dot = "document.querySelector('.end.second circle:last-of-type')"
    centre = page.evaluate(f"['cx', 'cy'].map((name) => {dot}[name].baseVal.value)")
    angle = 2 * np.pi * 3 * 21 / p
    assert centre == pytest.approx([200 + 165 * np.sin(angle), 200 - 165 * np.cos(angle)], abs=1e-3)


def test_a_hand_is_dragged_to_the_residue_that_lives_there(moved: Any, networks: dict[str, Study]) -> None:
    p, page = networks["small"].p, moved("#hands.a=2&hands.b=3&hands.k=2")
    shown(page, "hands", {"a": 2, "b": 3, "k": 2})
    page.locator(".dial").first.scroll_into_view_if_needed()
    box = page.locator(".hands .dial").bounding_box()

    def at(place: int) -> tuple[float, float]:
        unit, angle = box["width"] / 400, 2 * np.pi * place / p
        return box["x"] + unit * (200 + 165 * np.sin(angle)), box["y"] + unit * (200 - 165 * np.cos(angle))

    page.mouse.move(*at(10))
    page.mouse.down()
    page.mouse.move(*at(13), steps=5)
    page.mouse.up()
    residue = next(r for r in range(p) if 2 * r % p == 13)
    assert shown(page, "hands")["sum"] == residue
    assert page.evaluate("document.querySelector('.hands').figure.state.b") == (residue - 2) % p


@pytest.mark.parametrize(("part", "n"), [("head", 1), ("neuron", 5)])
def test_neighbours_are_as_alike_as_in_the_package(moved: Any, networks: dict[str, Study], part: str, n: int) -> None:
    study, page = networks["small"], moved("", "order")
    table_PP = study.grid.neurons_PPH[..., n] if part == "neuron" else study.grid.pattern_PPn3[:, :, n, 0]
    page.evaluate(f"document.querySelector('.order').figure.set({{ part: '{part}', n: '{n}' }})")
    for k in (1, 4):
        found = put(page, "order", k=k)
        order = [pow(k, -1, study.p) * place % study.p for place in range(study.p)]
        ordered_PP = table_PP[np.ix_(order, order)]
        change = np.mean([(np.roll(ordered_PP, 1, axis) - ordered_PP) ** 2 for axis in (0, 1)])
        assert found["alike"] == pytest.approx(1 - change / (2 * table_PP.var()), abs=1e-4)
        bright = page.evaluate(BRIGHTNESS)
        drawn_PP = np.reshape(bright, (study.p, study.p))
        assert np.corrcoef(drawn_PP.ravel(), ordered_PP.ravel())[0, 1] < -0.9  # the ramp darkens
    page.get_by_role("button", name="its own frequency").press("Enter")
    assert shown(page, "order", {"k": found["own"]})["alike"] >= found["alike"]


def test_the_lead_of_the_network_s_own_waves(moved: Any, networks: dict[str, Study]) -> None:
    study, page = networks["small"], moved("", "keys")
    found = shown(page, "keys")
    walk = by_hand.walk(study.grid, study.keys, 3, 5)
    assert found["least"] == pytest.approx(by_hand.lead(walk.formula_C, walk.answer), rel=0.01)
    half = range(1, study.p // 2 + 1)
    lead = lambda ks: min(sum(1 - np.cos(2 * np.pi * k * d / study.p) for k in ks) for d in half)  # noqa: E731
    best = max(lead(ks) for ks in itertools.combinations(half, 3))
    assert found["best"] == pytest.approx(best * found["total"] / 3, rel=0.01)
    page.get_by_role("button", name="the best three").press("Enter")
    page.wait_for_function("() => document.querySelector('.keys').figure.state.mix.size === 3")
    assert shown(page, "keys")["least"] == pytest.approx(found["best"], rel=0.01)
    slide = page.locator(".keys input[type=range]").first
    before = slide.input_value()
    slide.press("ArrowRight")
    page.wait_for_function("(before) => document.querySelector('.keys input[type=range]').value !== before", arg=before)
    assert page.evaluate("document.activeElement.type") == "range"


@pytest.mark.parametrize(("word", "sweep"), sorted(moving.SWEEPS.items()))
def test_the_axis_slides_from_steps_to_decay_times(moved: Any, word: str, sweep: str) -> None:
    page = moved("", "clock")
    points = [point for value, point in outcomes.sweep(sweep).points.items() if value and np.isfinite(point.typical)]
    wait = np.array([point.typical for point in points])
    fade = np.array([point.rows[0].spec.optim.lr * point.rows[0].spec.optim.weight_decay for point in points])
    put(page, "clock", sweep=word)
    assert put(page, "clock", axis=0)["apart"] == pytest.approx(wait.max() / wait.min())
    assert put(page, "clock", axis=100)["apart"] == pytest.approx((wait * fade).max() / (wait * fade).min())
    page.get_by_role("button", name="change the clock").press("Enter")
    shown(page, "clock", {"axis": 0})


def test_phases_give_the_logits_of_the_closed_form(moved: Any, networks: dict[str, Study]) -> None:
    p, page = networks["two-layer"].p, moved("", "phases")
    found = put(page, "phases", x=4, y=9)
    page.evaluate("document.querySelector('.phases').figure.set({ phases: '10.82.154.226.298' })")
    page.wait_for_function("() => document.querySelector('.phases').figure.state.phases.length === 5")
    found = shown(page, "phases")
    expected = circle_logits(p, dict.fromkeys(range(1, p // 2 + 1), 5), "quad")[4, 9] / 5
    assert found["logits"] == pytest.approx(expected.tolist(), abs=1e-6)
    assert found["best"] == found["right"] == 13
    page.get_by_role("button", name="one less").press("Enter")
    page.wait_for_function("() => document.querySelector('.phases').figure.state.phases.length === 4")


def test_a_sum_is_followed_as_by_hand(moved: Any, networks: dict[str, Study]) -> None:
    """Every part shows the question that one of them is asked, with the numbers of `by_hand.walk`."""
    study, page = networks["small"], moved()
    page.locator(".sum.circles .quiet").press("Enter")
    shown(page, "sum.answer")
    question = page.evaluate("(({ a, b }) => [a, b])(document.querySelector('.sum.answer').figure.state)")
    assert tuple(question) == by_hand.most_ordinary_pair(study.grid.logits_PPC, ~study.train_mask_PP)
    page.locator(".sum.reading input[aria-label=a]").fill("11")
    page.locator(".sum.reading input[aria-label=b]").fill("9")
    found, walk = shown(page, "sum.answer", {"a": 11, "b": 9}), by_hand.walk(study.grid, study.keys, 11, 9)
    assert_close([circle["points"] for circle in found["circles"]], walk.circle_KP2)
    assert_close(found["attention"], walk.pattern_n3)
    assert_close(found["shares"], walk.pattern_formula_n3)
    assert_close(found["post"], walk.neurons.output_H)
    assert_close(found["polynomial"], walk.neurons.polynomial_H)
    for neuron in found["neurons"]:
        assert_close(neuron["parts"], walk.neurons.parts_XH[:, neuron["m"]])
        assert_close(neuron["terms"], [term_H[neuron["m"]] for term_H in walk.neurons.terms.values()])
    assert_close([one["point"] for one in found["sums"]], walk.sum_K2)
    assert_close([one["off"] for one in found["sums"]], walk.places_off_K)
    assert_close(found["logits"], walk.logits_C)
    assert_close(found["waves"], walk.formula_C)
    for shown_step, step in zip(found["steps"]["all"], walk.steps, strict=True):
        expected = [step.explained, step.explained_all, by_hand.lead(step.logits_C, walk.answer)]
        assert_close([shown_step["explained"], shown_step["everywhere"], shown_step["lead"]], expected)
    assert found["steps"]["own"] == pytest.approx(by_hand.lead(walk.logits_C, walk.answer), rel=1e-4)
    assert page.locator(".sum.circles input[aria-label=b]").input_value() == "9"


def test_a_frame_of_the_film_is_the_network_of_its_step(moved: Any, networks: dict[str, Study]) -> None:
    study, page = networks["small"], moved("", "film")
    a, b, k, h, model = 3, 11, study.keys[0], 1, transformer(study)
    step = next(step for step in records.shipped_steps(study) if step > 0)
    params = study.record.snapshot(step)
    page.evaluate(f"document.querySelector('.film').figure.set({{ step: '{step}', a: '{a}', b: '{b}', k: '{k}', head: '{h}' }})")
    page.wait_for_function(f"() => document.querySelector('.film').figure.result?.answered?.step === {step}")
    page.wait_for_function("() => document.querySelector('.film').figure.result.circle")
    found, grid = shown(page, "film"), run_grid(params, model, study.p)
    np.testing.assert_allclose(found["looks"], grid.pattern_PPn3[:, :, h, 0].mean(axis=1), atol=2e-3)
    np.testing.assert_allclose(found["divided"], grid.pattern_PPn3[a, b, h], atol=2e-3)
    point_P2 = grid.W_E_PD @ circle_directions(study.embedding_PD, k).T
    assert np.corrcoef(found["circle"], point_P2.ravel())[0, 1] > 0.999
    assert found["answered"]["best"] == grid.logits_PPC[a, b].argmax()
    assert bool(found["right"]) == (grid.logits_PPC[a, b].argmax() == (a + b) % study.p)
    page.locator(".film .curve").press("End")
    assert page.evaluate("(({ state, T }) => T - state.step)(document.querySelector('.film').figure)") == 1
    page.get_by_role("button", name="play", exact=True).press("Enter")  # from the beginning, until the next press
    page.wait_for_function("() => document.querySelector('.film').figure.state.step === 1")
    page.get_by_role("button", name="pause").press("Enter")
    page.get_by_role("button", name="play", exact=True).wait_for()


def test_the_lottery_is_run_by_the_equations(moved: Any, networks: dict[str, Study]) -> None:
    p, page = networks["two-layer"].p, moved("", "lottery")
    found = shown(page, "lottery")
    size_K, D_K = np.array(page.evaluate("document.querySelector('.lottery').figure.state.draw")).T
    expected_K = growth_time(size_K / 100, size_K / 100, np.deg2rad(D_K), p)
    np.testing.assert_allclose(found["times"], expected_K, rtol=1e-4)
    assert found["winner"] == expected_K.argmin() + 1
    page.locator(".lottery select").select_option(str(found["winner"]))
    page.get_by_role("button", name="play the race").press("Enter")
    page.wait_for_function("() => document.querySelector('.lottery .says').textContent.includes('You named it')")
    page.evaluate("document.querySelector('.lottery').figure.set({ time: '0', which: '2' })")
    page.locator(".lottery input[aria-label='its magnitude']").press("End")
    page.wait_for_function("() => document.querySelector('.lottery').figure.state.draw[1][0] === 500")
    assert shown(page, "lottery")["winner"] == 2


@pytest.mark.parametrize("d", [0, 5])
def test_turned_clocks_are_answered_as_in_the_package(moved: Any, networks: dict[str, Study], d: int) -> None:
    study, page = networks["small"], moved("", "turn")
    put(page, "turn", d=d)
    page.wait_for_function(f"() => document.querySelector('.moving.turn').figure.result?.d === {d}")
    params = {name: value.astype(float) for name, value in study.record.final.items()}
    W_E, p, pairs_B2 = params["embed.W_E"], study.p, all_pairs(study.p)
    W_E = np.concatenate([turned(W_E[:p], study.keys, d), W_E[p:]])
    answer_B = study.spec.model.logits(params | {"embed.W_E": W_E}, pairs_B2, p)[:, :p].argmax(axis=1)
    expected = np.mean(answer_B == (pairs_B2.sum(axis=1) + 2 * d) % p)
    assert page.evaluate("document.querySelector('.moving.turn').figure.result.followed") == pytest.approx(expected)


def test_words_of_the_text_set_a_figure(moved: Any) -> None:
    page = moved()
    page.get_by_role("link", name="three times round").press("Enter")
    shown(page, "hands", {"k": 3})
    page.locator(".hands input[aria-label=a]").press("ArrowRight")
    page.wait_for_function("() => location.hash.includes('hands.a=')")
    assert "hands.k=3" in page.evaluate("location.hash")
    page.evaluate("location.hash = 'hands.k=x&hands.b=4&nothing=1'")
    shown(page, "hands", {"k": 3, "b": 4})


@pytest.mark.parametrize(("width", "theme"), [(1200, "light"), (390, "dark")])
def test_figures_fit_and_say_nothing_wrong(moved: Any, width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = moved("", width=width, theme=theme)
    assert page.locator(".moving button").count() == len(FIGURES)
    for name in FIGURES[: -len(PARTS) + 1]:  # of the parts of a sum the first opens all
        page.locator(f".moving.{name} .quiet").press("Enter")
        shown(page, name)
        assert page.evaluate(f"document.querySelector('.moving.{name}').contains(document.activeElement)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
    faults = [(one["impact"], one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
    assert [fault for fault in faults if fault[0] in ("serious", "critical")] == []
    assert page.told.lines == []
    assert all(address.startswith("file:") for address in page.told.addresses)
