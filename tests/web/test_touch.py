"""The pages under a finger: what is tapped opens, what is dragged follows, and the page stays where it is meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driven import PATIENCE, shown


@pytest.fixture
def phone(browser: Any, figures_page: Path) -> Iterator[Any]:
    """A phone's window with the figures; its `drag` moves a finger between two places of an element, in shares of its box."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(figures_page.as_uri())
    session = context.new_cdp_session(page)

    def drag(selector: str, begin: tuple[float, float], end: tuple[float, float]) -> float:
        """Returns by how much the page has scrolled."""
        page.locator(selector).first.evaluate("(one) => one.scrollIntoView({ block: 'center' })")
        before, box = page.evaluate("scrollY"), page.locator(selector).first.bounding_box()
        places = [(begin[0] + i / 8 * (end[0] - begin[0]), begin[1] + i / 8 * (end[1] - begin[1])) for i in range(9)]
        for i, (x, y) in enumerate(places):
            point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            session.send("Input.dispatchTouchEvent", {"type": "touchMove" if i else "touchStart", "touchPoints": [point]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        return page.evaluate("scrollY") - before

    page.drag = drag
    yield page
    context.close()


def state(page: Any, name: str) -> dict[str, Any]:
    return page.evaluate(f"document.querySelector('.moving.{name}').figure.state")


def test_a_finger_turns_a_hand(phone: Any) -> None:
    phone.locator(".hands .quiet").tap()
    found, before = shown(phone, "hands"), state(phone, "hands")
    p = phone.evaluate("document.querySelector('.hands').figure.p")
    at = phone.evaluate(f"document.querySelector('.hands').figure.place({found['end']} / {p}).map((x) => x / 400)")
    assert phone.drag(".hands .dial", at, (0.5, 0.92)) == 0  # to the foot of the circle
    shown(phone, "hands")
    after = state(phone, "hands")
    assert (after["a"] + after["b"]) % p in (p // 2, p // 2 + 1)
    assert after["a"] == before["a"]


def test_a_finger_moves_a_slider(phone: Any) -> None:
    phone.locator(".hands .quiet").tap()
    shown(phone, "hands")
    phone.drag(".hands input[aria-label='frequency k']", (0.02, 0.5), (1.0, 0.5))
    assert state(phone, "hands")["k"] == phone.evaluate("(document.querySelector('.hands').figure.p - 1) / 2")


def test_a_finger_drags_a_ticket_and_scrubs_the_film(phone: Any) -> None:
    phone.locator(".lottery .quiet").tap()
    shown(phone, "lottery")
    size, turn = state(phone, "lottery")["draw"][2]
    x, y = phone.evaluate(f"((f) => [f.x({turn}) / 300, f.y({size} / 100) / 256])(document.querySelector('.lottery').figure)")
    assert phone.drag(".lottery .panels > div", (x, y), (0.5, 0.4)) == 0
    size, turn = state(phone, "lottery")["draw"][2]
    assert turn == pytest.approx((150 - 40) / 248 * 180, abs=3)
    assert size == pytest.approx(100 * 0.2 * 25 ** ((214 - 0.4 * 256) / 200), rel=0.05)
    phone.locator(".film .quiet").tap()
    shown(phone, "film")
    phone.drag(".film .curve", (0.2, 0.5), (0.97, 0.5))
    assert state(phone, "film")["step"] == phone.evaluate("document.querySelector('.film').figure.T") - 1
