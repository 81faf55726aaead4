"""The site's folder is replaced as a whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modaddlab.report import folder as folder_module
from modaddlab.report.folder import fresh_folder, one_at_a_time


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("atomic", [True, False])
def test_the_new_folder_takes_the_place_of_the_old(tmp_path: Path, atomic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not atomic:
        monkeypatch.setattr(folder_module, "_exchange", lambda one, other: False)
    for text in ("first", "second"):
        with fresh_folder(tmp_path / "_book") as fresh:
            (fresh / f"{text}.html").write_text(text)
    assert names(tmp_path / "_book") == ["second.html"]
    assert names(tmp_path) == ["_book"]


def test_an_exception_leaves_the_old_folder(tmp_path: Path) -> None:
    (tmp_path / "_book").mkdir()
    (tmp_path / "_book/good.html").write_text("good")

    def stopped() -> None:
        with fresh_folder(tmp_path / "_book") as fresh:
            (fresh / "bad.html").write_text("bad")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert names(tmp_path / "_book") == ["good.html"]
    assert names(tmp_path) == ["_book"]


def test_what_a_killed_render_left_behind_is_removed(tmp_path: Path) -> None:
    (tmp_path / "._book-0123.tmp").mkdir()
    (tmp_path / "._book-0123.tmp/half.html").write_text("half")
    with fresh_folder(tmp_path / "_book"):
        pass
    assert names(tmp_path) == ["_book"]


def test_a_second_render_waits_and_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    waiting, order = threading.Event(), []

    def say(text: str) -> None:
        said.append(text)
        waiting.set()

    def second() -> None:
        with one_at_a_time(tmp_path, say):
            order.append("second")

    with one_at_a_time(tmp_path, said.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(timeout=30)
        order.append("first")
    thread.join(timeout=30)
    assert order == ["first", "second"]
    assert len(said) == 1
    assert "another render" in said[0]
