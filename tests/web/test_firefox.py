"""The pages in Firefox: every figure opens, the network's logits are the package's, and the lab trains.

Firefox is driven by its own protocol, Marionette: messages of JSON over a socket, each with its length before it.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driven import FIGURES, LOGITS, NOTHING

from modaddlab.study import Study
from modaddlab.tasks import all_pairs

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")


class Firefox:
    """A browser without a window."""

    def __init__(self, profile: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (profile / "user.js").write_text(f'user_pref("marionette.port", {port});\n', encoding="utf-8")
        command = [str(FIREFOX), "--marionette", "--headless", "--no-remote", "--profile", str(profile)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = self._connected(port)
        self.number = 0
        self._heard()  # its greeting
        self.say("WebDriver:NewSession", capabilities={"alwaysMatch": {"timeouts": {"script": 120_000}}})

    def _connected(self, port: int) -> socket.socket:
        until = time.monotonic() + 90
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=150)
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    self.process.kill()
                    raise
                time.sleep(0.2)

    def _heard(self) -> Any:
        """The next message: its length in decimal digits, a colon, and JSON."""
        length = b""
        while (digit := self.socket.recv(1)) != b":":
            length += digit
        text = b""
        while len(text) < int(length):
            text += self.socket.recv(int(length) - len(text))
        return json.loads(text)

    def say(self, command: str, **told: object) -> Any:
        """Send a command; what it gives."""
        self.number += 1
        message = json.dumps([0, self.number, command, told]).encode()
        self.socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, found = self._heard()
        assert error is None, error
        return found

    def evaluate(self, function: str, *arguments: object) -> Any:
        """What an async function of the page gives."""
        script = (
            f"const done = arguments[arguments.length - 1]; ({function})(...arguments).then(done, (e) => done('failed: ' + e))"
        )
        return self.say("WebDriver:ExecuteAsyncScript", script=script, args=list(arguments))["value"]

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    if FIREFOX is None:
        pytest.skip("Firefox is not installed, so no page was loaded in it")
    browser = Firefox(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def test_every_figure_opens(firefox: Firefox, figures_page: Path) -> None:
    firefox.say("WebDriver:Navigate", url=figures_page.as_uri())
    opened = """async () => {
      const failed = [], figures = [...document.querySelectorAll(".moving")].map(({ figure }) => figure);
      addEventListener("error", ({ message }) => failed.push(message));
      for (const figure of figures) await figure.open();
      const going = (figure) => !figure.drawn || figure.waiting || !figure.result;
      while (figures.some(going)) await new Promise((rest) => setTimeout(rest, 50));
      return { failed, n: figures.length, wide: document.documentElement.scrollWidth <= innerWidth };
    }"""
    assert firefox.evaluate(opened) == {"failed": [], "n": len(FIGURES), "wide": True}


@pytest.mark.parametrize("which", ["small", "two-layer"])
def test_the_network_answers_as_in_the_package(firefox: Firefox, site: Path, networks: dict[str, Study], which: str) -> None:
    study = networks[which]
    firefox.say("WebDriver:Navigate", url=(site / "page.html").as_uri())
    found = firefox.evaluate(f"(...told) => ({LOGITS})(told)", study.record.run_id, NOTHING)
    logits_BC = np.frombuffer(base64.b64decode(found["logits"]), np.float32).reshape(-1, study.p)
    expected_BC = study.spec.model.logits(study.record.final, all_pairs(study.p), study.p)[:, : study.p]
    assert np.abs(logits_BC - expected_BC).max() < 1e-4


def test_the_lab_trains(firefox: Firefox, site: Path) -> None:
    page = (site / "page.html").read_text(encoding="utf-8").replace("explorer.js", "lab.js").replace("web explorer", "web lab")
    policy = "script-src 'self' 'wasm-unsafe-eval'"
    (site / "firefox-lab.html").write_text(page.replace(policy, f"{policy}; worker-src blob:"), encoding="utf-8")
    firefox.say("WebDriver:Navigate", url=(site / "firefox-lab.html").as_uri() + "#p=7&H=32&share=60")
    trained = """async () => {
      const { lab } = document.querySelector(".lab"), rest = () => new Promise((done) => setTimeout(done, 20));
      const until = async (step) => { while (!(lab.state?.state >= step)) await rest(); };
      await until(0);
      lab.worker.postMessage({ step: 600 });
      await until(600);
      return lab.state.rows.map(({ loss }) => loss[0]);
    }"""
    losses = firefox.evaluate(trained)
    assert losses[-1] < 0.6 * losses[0]
