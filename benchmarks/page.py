"""The page's arithmetic beside the same algorithm in plain JavaScript, in one browser, in turn: `python -m benchmarks.page`.

Training: steps a second of the two-layer network with 512 neurons on 75 % of the pairs. All pairs: the answers and losses of a
transformer's 12,769 questions. Both sides skip the neurons that are zero; one of them is compiled to WebAssembly with SIMD.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from modaddlab import command, web
from modaddlab.errors import LabError
from modaddlab.study import Study

PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="interactive/web.css">
<div class="web explorer" data-run="{run}"></div>
<script src="interactive/{script}.js"></script><script src="page.js"></script>"""


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each stretch (default: 2)")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise LabError("this benchmark needs Chromium on the path")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder, study = Path(name), Study.seeds("mainline-25k")[0]
        web.write(folder / web.FOLDER, [("One", [study])])
        shutil.copyfile(Path(__file__).with_name("page.js"), folder / "page.js")
        for script in ("explorer", "lab"):
            text = PAGE.format(run=study.record.run_id, script=script)
            (folder / f"{script}.html").write_text(text, encoding="utf-8", newline="\n")
        page = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page()
        page.goto((folder / "lab.html").as_uri())
        print(f"{'':>24} {'compiled':>12} {'plain':>12} {'ratio':>6}")
        for p in (23, 31, 59):
            compiled, plain = page.evaluate("(setting) => trainBoth(setting)", [p, 512, options.seconds])
            print(f"{f'training, p = {p}':>24} {compiled:>8,.0f} /s {plain:>8,.0f} /s {compiled / plain:>6.1f}", flush=True)
        page.goto((folder / "explorer.html").as_uri())
        page.wait_for_function("() => document.querySelector('.explorer').explorer.view?.result", timeout=120_000)
        compiled, plain = page.evaluate("allPairsBoth()")
        print(f"{'all pairs, p = 113':>24} {compiled:>8,.0f} ms {plain:>8,.0f} ms {plain / compiled:>6.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(command.run(main))
