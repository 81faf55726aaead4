"""Every page of the sample book in headless Chromium: no error, no request, scripts that work."""

from __future__ import annotations

import json
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed, so no page was loaded in a browser")

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom",
]  # fmt: skip


def load(page: Path, folder: Path, script: str = "") -> tuple[str, list[str], list[str]]:
    """Load a page; returns its document after the scripts ran, the console's lines, and the addresses it requested."""
    if script:
        page.with_name("added.js").write_text(script)
        target = page.with_name(f"{page.stem}-scripted.html")
        target.write_text(page.read_text().replace("</body>", '<script src="added.js"></script></body>'))
        page = target
    log = folder / "net.json"
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    if script:
        page.unlink()
        page.with_name("added.js").unlink()
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    starts = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    # the browser itself looks for updates and the time; such requests have no page as their origin
    addresses = {start["url"] for start in starts if start.get("initiator", "not an origin") != "not an origin"}
    return done.stdout, console, sorted(addresses)


def test_every_page_loads_without_error_or_request(sample: tuple[Path, Path], tmp_path: Path) -> None:
    pages = sorted(sample[1].rglob("*.html"))
    assert len(pages) == 5
    for page in pages:
        document, console, requests = load(page, tmp_path)
        assert "<h1" in document
        assert console == [], page
        assert requests == [], page


def test_an_error_and_a_request_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<body><p>a page without a policy</p></body>")
    _, console, requests = load(tmp_path / "page.html", tmp_path, "fetch('http://127.0.0.1:9/x'); throw new Error('planted')")
    assert any("planted" in line for line in console)
    assert "http://127.0.0.1:9/x" in requests


def test_the_policy_stops_what_was_not_in_a_file(sample: tuple[Path, Path], tmp_path: Path) -> None:
    script = """document.body.insertAdjacentHTML("beforeend", '<b id="styled" style="top: 0">x</b>');
        document.body.append(Object.assign(document.createElement("script"), { text: "document.body.id = 'ran'" }));
        fetch("http://127.0.0.1:9/x");"""
    document, console, requests = load(sample[1] / "index.html", tmp_path, script)
    assert sum("Content Security Policy" in line for line in console) >= 3
    assert 'id="styled"' in document
    assert 'id="ran"' not in document
    assert requests == []


def test_scripts_and_styles_work_from_files(sample: tuple[Path, Path], tmp_path: Path) -> None:
    script = """const style = (selector) => getComputedStyle(document.querySelector(selector));
        document.body.dataset.seen = JSON.stringify({
            counted: document.querySelector(".counted").textContent, indent: style(".counted").textIndent,
            raw: style(".raw").fontStyle, aligned: style("#tbl-numbers td").textAlign,
            columns: style(".layout").getPropertyValue("--columns"),
            width: document.querySelector("col").computedStyleMap().get("width").unit,
        });"""
    document, console, _ = load(sample[1] / "chapters/one.html", tmp_path, script)
    assert console == []
    seen = json.loads(unescape(document.split('data-seen="')[1].split('"')[0]))
    assert seen == {"counted": "42", "indent": "3px", "raw": "italic", "aligned": "right", "columns": "2", "width": "percent"}


def test_theme_tabs_and_search_work(sample: tuple[Path, Path], tmp_path: Path) -> None:
    script = """addEventListener("load", () => {
        document.querySelector("button.theme").click();
        document.querySelectorAll("[role=tab]")[1].click();
        document.querySelector(".search-open").click();
        document.querySelector("dialog input").value = "deep sec";
        setTimeout(() => {
          document.querySelector("dialog input").value = "deep";
          document.querySelector("dialog input").dispatchEvent(new Event("input"));
        }, 500);
      });"""
    document, console, _ = load(sample[1] / "chapters/one.html", tmp_path, script)
    assert console == []
    assert 'data-theme="dark"' in document
    assert 'id="tabset-1-0" aria-labelledby="tabset-1-0-tab" hidden=""' in document
    assert 'href="../chapters/two.html#sec-deep"' in document


def test_a_link_in_focus_shows_what_it_leads_to(sample: tuple[Path, Path], tmp_path: Path) -> None:
    script = """addEventListener("load", () => {
        const link = document.querySelector('a.reference[href$="#fig-hero"]');
        link.focus();
        setTimeout(() => {
          const box = document.getElementById("preview"), image = box.querySelector("img");
          document.body.dataset.seen = JSON.stringify([box.hidden, link.getAttribute("aria-describedby"), image.naturalWidth > 0,
            box.textContent.includes("The hero figure"), box.getBoundingClientRect().right <= innerWidth]);
          dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
          link.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
          document.body.dataset.after = box.hidden;
        }, 800);
      });"""
    document, console, _ = load(sample[1] / "chapters/two.html", tmp_path, script)
    assert console == []
    assert json.loads(unescape(document.split('data-seen="')[1].split('"')[0])) == [False, "preview", True, True, True]
    assert 'data-after="true"' in document


def test_the_arrow_keys_go_through_what_was_found(sample: tuple[Path, Path], tmp_path: Path) -> None:
    script = """addEventListener("load", () => {
        document.querySelector(".search-open").click();
        setTimeout(() => {
          const input = document.querySelector("dialog input");
          const press = (key) => {
            input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            return document.querySelector("[aria-selected=true][role=option]").id;
          };
          input.value = "chapter";
          input.dispatchEvent(new Event("input"));
          const last = document.querySelectorAll("[role=option]").length - 1;
          const seen = [press("ArrowDown"), press("ArrowDown"), press("ArrowUp"), press("ArrowUp") === `result-${last}`];
          document.body.dataset.seen = seen.join();
        }, 500);
      });"""
    document, console, _ = load(sample[1] / "chapters/one.html", tmp_path, script)
    assert console == []
    assert 'data-seen="result-0,result-1,result-0,true"' in document
