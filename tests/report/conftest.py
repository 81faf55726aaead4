"""The sample book, rendered once for all tests that look at pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_books import render, write_book


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A book with every construct that a chapter may use, rendered once: its folder and its site."""
    root = tmp_path_factory.mktemp("sample")
    texts = Path(__file__).parent / "sample"
    paths = ["index.qmd", "chapters/one.qmd", "chapters/two.qmd", "chapters/references.qmd", "chapters/methods.qmd"]
    chapters = {path: (texts / Path(path).name).read_text() for path in paths}
    book = {
        "title": "A sample book", "author": "Someone", "output-file": "sample", "appendices": paths[-1:],
        "chapters": ["index.qmd", {"part": "First part", "chapters": paths[1:3]}, paths[3]],
        "favicon": "sign.svg", "image": "sign.svg", "site-url": "https://example.org/book", "open-graph": True,
        "twitter-card": True, "repo-url": "https://example.org/repository", "repo-actions": ["edit", "source", "issue"],
        "page-footer": "Under the [MIT licence](https://example.org/mit).",
    }  # fmt: skip
    (root / "sign.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    write_book(root, chapters, book=book, format={"html": {"code-fold": True}, "typst": {"execute": {"echo": False}}})
    site, _ = render(root, ("html", "pdf"))
    return root, site
