"""Executions are cached, never stale, and a change re-executes what it touches and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from sample_books import Listener, render, write_book

from modaddlab.report import kernel
from modaddlab.report.errors import BookError, CellError
from modaddlab.report.execute import cached_only, execute_all
from modaddlab.report.project import load_book
from modaddlab.report.qmd import parse

MEASURE = """\
# Measured

```{python}
#| output: asis
import json
from pathlib import Path
from lab.scale import SCALE
record = json.loads(Path("data/runs/one/manifest.json").read_text())
print(f"The value is {SCALE * record['value']}.")
```
"""
PLAIN = "# Plain\n\n```{python}\nfrom lab import other\nprint(other.TEXT)\n```\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A book of two chapters, a small package and a run; only the first chapter reads the run."""
    write_book(tmp_path, {"index.qmd": MEASURE, "plain.qmd": PLAIN})
    (tmp_path / "lab").mkdir()
    for name, text in {"__init__": "", "scale": "SCALE = 10\n", "other": "TEXT = 'abc'\n", "unused": "X = 1\n"}.items():
        (tmp_path / f"lab/{name}.py").write_text(text)
    (tmp_path / "data/runs/one").mkdir(parents=True)
    (tmp_path / "data/runs/one/manifest.json").write_text('{"value": 1}')
    (tmp_path / "data/runs/one/weights.bin").write_bytes(b"weights")
    return tmp_path


def test_a_change_re_executes_what_it_touches(root: Path) -> None:
    def executed() -> list[str]:
        book, listener = load_book(root), Listener()
        sources = [parse((root / name).read_text(), Path(name)) for name in ("index.qmd", "plain.qmd")]
        for name, done in zip(printed, execute_all(book, sources, listener), strict=True):
            printed[name] = "".join(output.text for outputs in done.outputs for output in outputs or [])
        assert sorted([*listener.executed, *listener.cached]) == ["index", "plain"]
        return sorted(listener.executed)

    printed = {"index": "", "plain": ""}
    assert executed() == ["index", "plain"], "cold"
    assert printed["index"] == "The value is 10.\n"
    assert executed() == [], "nothing changed"
    assert printed["index"] == "The value is 10.\n"

    (root / "lab/scale.py").write_text("SCALE = 20\n")
    (root / "lab/unused.py").write_text("X = 2\n")
    assert executed() == ["index"], "a module of the package that one chapter imports"
    assert printed["index"] == "The value is 20.\n"

    (root / "data/runs/one/manifest.json").write_text('{"value": 2}')
    asks = "import os, sys\nruns = os.path.abspath('data/runs')\nsys.audit('modaddlab.list', runs, 'thr*')\nx = os.listdir(runs)"
    changed = PLAIN.replace("other.TEXT", "other.TEXT * 2") + f"\n```{{python}}\n{asks}\n```\n"
    (root / "plain.qmd").write_text(changed)
    assert executed() == ["index", "plain"], "a checkpoint, and another chapter"
    assert printed == {"index": "The value is 40.\n", "plain": "abcabc\n"}

    (root / "plain.qmd").write_text(changed.replace("```{python}\n", "```{python}\n#| echo: false\n") + "\nProse only changed.\n")
    assert executed() == [], "prose, an option of a cell"
    (root / "lab/scale.py").write_text('"""A scale."""\n\nSCALE = 20  # tenths\n')
    assert executed() == [], "a comment and a docstring"
    (root / "data/runs/two").mkdir()
    assert executed() == [], "a new run that no chapter asks for"
    (root / "data/runs/three").mkdir()
    assert executed() == ["plain"], "a new run that it asks for"


def test_a_cell_that_raises_is_named_and_not_cached(root: Path) -> None:
    broken = PLAIN + "\nText.\n\n```{python}\n#| label: fig-bad\n#| fig-cap: C\nx = 1\nint('seven')\n```\n"
    (root / "plain.qmd").write_text(broken)
    shutil.rmtree(root / "lab/__pycache__", ignore_errors=True)
    for _ in range(2):
        with pytest.raises(CellError, match=r"plain.qmd:14: cell fig-bad raised ValueError") as error:
            render(root)
        assert "int('seven')" in error.value.traceback
        assert "\x1b" not in error.value.traceback


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", "raised SystemExit"),
        ("x = 1\n%%time", "raised UsageError"),
        ("import os\nos.kill(os.getpid(), 9)", "the kernel died in this cell"),
    ],
)
def test_a_cell_that_ends_otherwise_is_named_too(tmp_path: Path, code: str, words: str) -> None:
    root = write_book(tmp_path, {"index.qmd": f"# T\n\n```{{python}}\n1\n```\n\n```{{python}}\n{code}\n```\n"})
    with pytest.raises(BookError) as error:
        render(root)
    assert str(error.value).startswith("index.qmd:7: ")
    assert words in str(error.value)


def test_outputs_that_come_late_are_never_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "OUTPUT_SECONDS", 0)
    with pytest.raises(BookError, match=r"^index.qmd:3: this cell's outputs do not arrive"):
        render(write_book(tmp_path, {"index.qmd": "# T\n\n```{python}\nprint(1)\n```\n"}))


def test_a_kernel_that_does_not_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ipykernel").mkdir()
    (tmp_path / "ipykernel/__init__.py").write_text("raise SystemExit(1)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BookError, match="no Python kernel starts"):
        render(write_book(tmp_path, {"index.qmd": "# T\n\n```{python}\n1\n```\n"}))


def test_a_run_is_followed_by_its_manifest(root: Path) -> None:
    text = "# T\n\n```{python}\nopen('data/runs/one/weights.bin', 'rb').read()\nimport os; os.listdir('chapters')\n```\n"
    (root / "chapters").mkdir()
    book, source = load_book(root), parse(text, Path("index.qmd"))
    execute_all(book, [source], Listener())
    from jupyter_cache import get_cache

    [record] = get_cache(str(root / ".cache/jupyter/builtin")).list_cache_records()
    paths = set(json.loads(json.dumps(record.data))["depends"])
    assert paths == {str(root / "data/runs/one/manifest.json"), str(root / "chapters")}
    assert cached_only(book, source).outputs[0] is not None
    (root / "chapters/new").touch()
    assert cached_only(book, source).outputs == [None]


def test_what_changed_while_a_chapter_ran_is_not_cached(root: Path) -> None:
    text = "# T\n\n```{python}\nimport os, lab.scale\nos.replace('older.py', 'lab/scale.py')\n```\n"
    (root / "older.py").write_text("SCALE = 11\n")
    os.utime(root / "older.py", (1, 1))
    book, source = load_book(root), parse(text, Path("index.qmd"))
    execute_all(book, [source], Listener())
    assert cached_only(book, source).outputs == [None]
