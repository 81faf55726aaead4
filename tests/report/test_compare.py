"""Comparing what both engines executed, on outputs made here; the engines themselves are compared in test_quarto.py."""

from __future__ import annotations

from nbformat import NotebookNode, v4

from modaddlab.report.compare import _compare


def printed(*texts: str, name: str = "stdout") -> list[NotebookNode]:
    return [v4.new_output("stream", name=name, text=text) for text in texts]


def test_a_stream_may_come_in_pieces() -> None:
    assert list(_compare(printed("one, two"), printed("one, ", "two"))) == []
    assert list(_compare(printed("one, two"), printed("one, ", "three"))) == ["output 1 differs (stdout)"]


def test_two_streams_are_two_outputs() -> None:
    ours = printed("out") + printed("err", name="stderr")
    assert list(_compare(ours, printed("outerr"))) == ["2 outputs from the built-in renderer, 1 from Quarto"]
    assert list(_compare(ours, printed("out") + printed("ERR", name="stderr"))) == ["output 2 differs (stderr)"]


def test_a_picture_between_two_prints_keeps_them_apart() -> None:
    picture = [v4.new_output("display_data", data={"image/svg+xml": "<svg/>"})]
    assert list(_compare(printed("a") + picture + printed("b"), printed("a") + picture + printed("b"))) == []
    assert list(_compare(printed("a") + picture + printed("b"), printed("a", "b") + picture)) != []
