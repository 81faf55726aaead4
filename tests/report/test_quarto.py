"""The same chapters through Quarto and through the built-in renderer give the same figures and numbers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from sample_books import write_book

from modaddlab.report import rendering
from modaddlab.report.compare import differences
from modaddlab.report.errors import BookError
from modaddlab.report.project import load_book

ROOT = Path(__file__).resolve().parents[2]
INDEX = """\
# Front {.unnumbered}

::: {#fig-hero}
```{python}
#| renderings: [light, dark]
#| fig-alt: "A line that rises."
#| echo: false
import os
import matplotlib.pyplot as plt
os.environ["SOURCE_DATE_EPOCH"] = "0"
plt.rcParams["svg.hashsalt"] = "same"
for color in ("black", "white"):
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], color=color)
    display(figure)
    plt.close(figure)
```

The *caption*.
:::

See @fig-hero, @tbl-numbers, @eq-sum and [-@sec-deep].
"""
ONE = """\
# Numbers {#sec-numbers}

$$ a + b = c $$ {#eq-sum}

## Deep {#sec-deep}

```{python}
#| label: tbl-numbers
#| tbl-cap: "Some numbers"
#| echo: false
from IPython.display import Markdown
Markdown("| k |\\n|--:|\\n| 1 |")
```

```{python}
#| output: asis
#| echo: false
from lab import VALUE
print(f"The value is **{VALUE}**.")
```
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book that both engines have rendered, into `_quarto` and `_builtin`."""
    if rendering.find_quarto() is None:
        pytest.skip("Quarto 1.7 or later is not installed, so its output was not compared with the built-in renderer's")
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(ROOT))
    patch.delenv("MODADDLAB_DATA", raising=False)
    root = tmp_path_factory.mktemp("both")
    (root / "modaddlab").symlink_to(ROOT / "modaddlab")
    step = "modaddlab/report/quarto_step.py"
    steps = {"pre-render": f"{step} begin", "post-render": f"{step} end"}
    project = {"type": "book", "execute-dir": "project"} | steps
    write_book(root, {"index.qmd": INDEX, "one.qmd": ONE}, project=project, **{"fig-format": "svg"})
    (root / "lab.py").write_text("VALUE = 42\n")
    for name in ("builtin", "quarto"):
        rendering.render(root, name, ["html"], output=f"_{name}")
    patch.undo()
    return root


def test_both_execute_to_the_same_outputs(book: Path) -> None:
    assert differences(load_book(book)) == []


def test_a_difference_would_be_seen(book: Path) -> None:
    patch = pytest.MonkeyPatch()
    try:
        patch.setenv("PYTHONPATH", str(ROOT))
        (book / "lab.py").write_text("VALUE = 43\n")
        rendering.render(book, "builtin", ["html"], output="_builtin")
        assert differences(load_book(book)) == ["one.qmd:15: output 1 differs (stdout)"]
        (book / "one.qmd").write_text(ONE.replace("value", "number"))
        with pytest.raises(BookError, match="has not been rendered by the built-in renderer"):
            differences(load_book(book))
    finally:
        patch.undo()
        (book / "lab.py").write_text("VALUE = 42\n")
        (book / "one.qmd").write_text(ONE)


def test_both_number_and_describe_alike(book: Path) -> None:
    for page in ("index.html", "one.html"):
        facts = []
        for name in ("_builtin", "_quarto"):
            text = re.sub(r"<(script|style|head).*?</\1>", "", (book / name / page).read_text(), flags=re.DOTALL)
            text = re.sub(r"<[^>]+>", "", text)
            words = sorted(set(re.findall(r"(?:Figure|Table|Equation|Section)\s[\d.]*\d", text.replace("&nbsp;", " "))))
            alts = re.findall(r'<img[^>]*alt="([^"]*)"', (book / name / page).read_text())
            facts.append(([word.replace("\u00a0", " ") for word in words], alts))
        assert facts[0] == facts[1], page
    assert os.path.exists(book / "_quarto/index_files/figure-html"), "Quarto drew the figure itself"
