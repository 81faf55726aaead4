"""What would go wrong on another system than the one that the tests run on."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modaddlab.training import machine

ROOT = Path(__file__).parent.parent
SOURCES = [path for folder in ("modaddlab", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


@pytest.mark.skipif(os.name != "posix", reason="takes from POSIX what Windows lacks")
def test_training_verifying_and_rendering_need_nothing_that_windows_lacks(tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.mkdir()
    chapter = "# Waves\n\n```{python}\n#| label: cell-sum\nprint('Σ', 3 + 4)\n```\n"
    (book / "index.qmd").write_text(chapter, encoding="utf-8", newline="\r\n")
    (book / "_quarto.yml").write_text(
        "project: {type: book}\nbook: {title: Windows, author: Someone, output-file: small, chapters: [index.qmd]}\n"
    )
    script = ["-X", "warn_default_encoding", str(ROOT / "tests" / "elsewhere.py"), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *script], env=environment, capture_output=True, encoding="cp1252")
    assert done.returncode == 0, done.stderr
    called = json.loads(done.stdout.splitlines()[-1])
    assert called.count("peak_wset") == 3
    assert called[-3:] == ["Ctrl-C ignored", "workers begin", "Ctrl-C heeded"]
    for provenance in (tmp_path / "Σ").rglob("provenance.json"):
        assert json.loads(provenance.read_text())["peak_memory_mb"] == 123
    page = (book / "_book" / "index.html").read_bytes()
    assert "Σ 7".encode() in page
    assert b"\r" not in page


def test_peak_memory_is_in_bytes_on_every_posix_system(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrusage", lambda who: type("Usage", (), {"ru_maxrss": 7_000_000}))
    for system, expected in {"linux": 7_000_000 * 1024, "darwin": 7_000_000}.items():
        monkeypatch.setattr(sys, "platform", system)
        assert machine._peak_memory_bytes() == expected


def text_problems(source: str) -> list[str]:
    """Calls that read or write text as the system happens to encode it, or end lines as it happens to."""
    problems = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        words = [
            argument.value for argument in call.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        modes = [word for word in words if set(word) <= set("rwxabt+")]
        if ast.unparse(call.func) == "tarfile.open":  # no text
            continue
        opens = (ast.unparse(call.func) == "open" and bool(call.args)) or (method == "open" and bool(modes or not call.args))
        of_text = (opens and not any("b" in mode for mode in modes)) or method in ("read_text", "write_text")
        if (of_text or options.get("text") == "True") and "encoding" not in options and "utf-8" not in words:
            problems.append(f"{ast.unparse(call)} names no encoding")
        if method == "write_text" and "newline" not in options:
            problems.append(f"{ast.unparse(call)} does not say how lines end")
    return problems


def test_text_is_utf_8_with_plain_line_ends_on_every_system() -> None:
    problems = {path.name: text_problems(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: found for name, found in problems.items() if found} == {}


@pytest.mark.parametrize(
    "call",
    [
        "path.read_text()",
        "path.write_text(text, encoding='utf-8')",
        "open(path)",
        "open(path, 'w')",
        "subprocess.run(command, text=True)",
    ],
)
def test_text_as_the_system_has_it_would_be_found(call: str) -> None:
    assert len(text_problems(call)) == 1


def needed(system: str) -> set[str]:
    """All packages that `pip install -e ".[book,dev]"` installs on a system, as far as those installed here say."""
    found: set[str] = set()
    waiting = [("modaddlab", "book"), ("modaddlab", "dev")]
    done: set[tuple[str, str]] = set()
    while waiting:
        package, extra = waiting.pop()
        if (package, extra) in done:
            continue
        done.add((package, extra))
        try:
            lines = importlib.metadata.requires(package) or []
        except importlib.metadata.PackageNotFoundError:  # it is for another system
            continue
        for requirement in map(Requirement, lines):
            environment = {**SYSTEMS[system], "extra": extra}
            if requirement.marker is None or requirement.marker.evaluate(environment):
                name = canonicalize_name(requirement.name)
                found.add(name)
                waiting += [(name, wanted) for wanted in requirement.extras or {""}]
    return found


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_each_system_installs_is_pinned(system: str) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(re.split(r"[=; ]", line)[0]) for line in lines if line and not line.startswith("#")}
    of_the_gpu = re.compile(r"nvidia-.*|cuda-.*|triton")  # torch's own choice, by the machine
    unpinned = {name for name in needed(system) - pinned if not of_the_gpu.fullmatch(name)}
    assert unpinned == set()
