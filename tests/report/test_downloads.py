"""What a chapter gives away: a notebook that runs, and its text, with the names that references have on the page."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from sample_books import write_book

from modaddlab.report import downloads
from modaddlab.report.project import load_book

CHAPTER = """---
description: "About one thing."
---

# One {#sec-one}

As @nanda2023 and [@nanda2023; @zhong2023] say [-@nanda2023], see @fig-x and [-@fig-x]; {{< var one.two >}} of [them]{.b}.

::: {.content-visible when-format="typst"}
Only on paper.
:::

::: {#fig-x}
```{python}
#| renderings: [light, dark]
x = 20
```

What it shows.
:::

```{python}
#| include: false
y = x + 1
```

## Numbers {#sec-numbers}

```{python}
#| label: tbl-y
#| tbl-cap: "All of @fig-x."
y
```

```{python}
#| output: asis
y
```
"""
PAGE = """<main><p>As <span class="citation" data-cites="nanda2023"><a href="r.html#ref-nanda2023">Nanda et al. (2023)</a></span>
and <span class="citation" data-cites="nanda2023 zhong2023">(<a
href="r.html#a">Nanda et al. 2023</a>; <a href="r.html#b"><span class="nocase">Zhong</span> 2023</a>)</span>
say <span class="citation" data-cites="nanda2023">(<a href="r.html#ref-nanda2023">2023</a>)</span>, see
<a href="#fig-x" class="{kind}">Figure\u00a01.1</a> and <a href="#fig-x" class="{kind}">1.1</a>,
<a href="#tbl-y" class="{kind}">Table\u00a01.1</a></p><h2 id="sec-numbers">Numbers</h2>{table}
<details><summary>Rest</summary><table><tr><th>c</th></tr><tr><td>3</td></tr></table></details>
<h2>After</h2><table><tr><td>4</td></tr></table></main>"""
ROWS = """<thead><tr><th style="a">W <math><mi>E</mi><annotation encoding="t">W_E</annotation></math></th><th>b</th></tr></thead>
<tbody><tr><td>1 &lt; 2</td><td>[5|6]</td></tr></tbody></table>"""
TABLES = {
    "reference": f'<table id="tbl-y"><caption>Table 1.1</caption>{ROWS}',
    "quarto-xref": f'<div id="tbl-y"><figure><figcaption>Table 1.1</figcaption><table class="t">{ROWS}</figure></div>',
}


@pytest.fixture(params=["reference", "quarto-xref"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The site of a book with one chapter, as one of the engines writes references."""
    book = {
        "title": "A small book",
        "description": "It is small.",
        "chapters": ["one.qmd"],
        "site-url": "https://example.org/book/",
    }
    write_book(tmp_path, {"one.qmd": CHAPTER}, book=book)
    (tmp_path / "_variables.yml").write_text("one:\n  two: '12 %'\n")
    (tmp_path / "_site").mkdir()
    (tmp_path / "_site/one.html").write_text(PAGE.replace("{kind}", request.param).replace("{table}", TABLES[request.param]))
    project = load_book(tmp_path)
    downloads.write(project, tmp_path / "_site")
    return tmp_path / "_site"


def test_the_text_reads_like_the_page(site: Path) -> None:
    text = (site / "one.md").read_text(encoding="utf-8")
    sentence = "As Nanda et al. (2023) and (Nanda et al. 2023; Zhong 2023) say (2023), see Figure 1.1 and 1.1; 12 % of them."
    table = "**Table 1.1.** All of Figure 1.1.\n\n| W $W_E$ | b |\n| --- | --- |\n| 1 < 2 | [5\\|6] |"
    rest = "**Rest**\n\n| c |\n| --- |\n| 3 |"
    assert text == f"# One\n\n{sentence}\n\n**Figure 1.1.** What it shows.\n\n## Numbers\n\n{table}\n\n{rest}\n"


def test_the_list_of_texts_has_their_public_addresses(site: Path) -> None:
    listed = (site / "llms.txt").read_text(encoding="utf-8")
    assert listed == "# A small book\n\n> It is small.\n\n## Pages\n\n- [One](https://example.org/book/one.md)\n"


def test_a_notebook_runs_from_the_first_cell_to_the_last(site: Path) -> None:
    notebook = nbformat.read(site / "one.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code"] * 4 + ["code"]
    assert "#|" not in notebook.cells[3].source
    notebook.cells.append(nbformat.v4.new_code_cell("y"))  # type: ignore[no-untyped-call]
    done = NotebookClient(notebook, timeout=600, startup_timeout=600, iopub_timeout=600).execute()
    assert done.cells[-1].outputs[0].data["text/plain"] == "21"
