"""The preview's server: pages with the reload script, and news when a render is done."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles import Change

from modaddlab.report import __main__ as command_line
from modaddlab.report import preview
from modaddlab.report.errors import BookError
from modaddlab.report.preview import Version, _Sources, serve


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Version]]:
    (tmp_path / "index.html").write_text("<html><body><h1>T</h1></body></html>")
    (tmp_path / "site.css").write_text("a {}")
    server, version = serve(tmp_path, 0)
    yield f"http://127.0.0.1:{server.server_port}", version
    server.shutdown()
    server.server_close()


def get(address: str | urllib.request.Request) -> str:
    with urllib.request.urlopen(address, timeout=300) as answer:
        return answer.read().decode()


def test_pages_get_the_reload_script_and_other_files_do_not(served: tuple[str, Version]) -> None:
    for path in ("/", "/index.html"):
        text = get(served[0] + path)
        assert "<h1>T</h1>" in text
        assert '<script src="/_reload.js"></script>' in text
    assert 'EventSource("/_changes")' in get(served[0] + "/_reload.js")
    assert get(served[0] + "/site.css") == "a {}"


def test_an_open_page_hears_of_a_new_version(served: tuple[str, Version]) -> None:
    with urllib.request.urlopen(served[0] + "/_changes", timeout=300) as news:
        assert news.readline() == b": listening\n"
        served[1].next()
        lines = [news.readline() for _ in range(2)]
    assert b"data: new\n" in lines


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/%00", "/a%00.html", "/" + 300 * "x" + ".html", "/" + 5000 * "x", "/%ff", "/../../etc/passwd"])
def test_an_address_without_a_file_is_not_found(
    served: tuple[str, Version], path: str, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(urllib.request.Request(served[0] + path, method=method))
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("port", ["99999", "-1", "x", "65536"])
def test_a_port_that_is_none_is_one_line(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["preview", "--port", port]) == 2
    said = capsys.readouterr().err
    assert "0 to 65535" in said
    assert len(said.splitlines()) == 1


def test_a_port_in_use_is_told_before_anything_is_rendered(
    served: tuple[str, Version], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "render_once", lambda _: pytest.fail("it rendered"))
    with pytest.raises(BookError, match="cannot be used"):
        preview.preview(tmp_path, "builtin", int(served[0].rsplit(":", 1)[1]))


def test_a_port_in_use_is_named(served: tuple[str, Version], tmp_path: Path) -> None:
    port = int(served[0].rsplit(":", 1)[1])
    with pytest.raises(BookError, match=f"port {port} cannot be used"):
        serve(tmp_path, port)


def test_a_free_port_is_told_and_ctrl_c_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ctrl_c(*_: object, **options: object) -> Iterator[None]:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preview, "render_once", lambda _: True)
    monkeypatch.setattr(preview, "watch", ctrl_c)
    assert command_line.main(["preview", "--engine", "builtin", "--port", "0"]) == 0
    address = capsys.readouterr().err.split(" ")[0]
    assert int(address.rpartition(":")[2].strip("/")) > 0


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("/b/chapters/transformer/task.qmd", True),
        ("/b/modaddlab/figures/curves.py", True),
        ("/b/data/runs/one/manifest.json", True),
        ("/b/_book/index.html", False),
        ("/b/._book-0a1b.tmp/site.css", False),
        ("/b/.cache/preview/site.js", False),
        ("/b/data/partial/one/manifest.json", False),
        ("/b/data/runs/one/final.safetensors", False),
    ],
)
def test_sources_are_watched_and_outputs_are_not(path: str, watched: bool) -> None:
    assert _Sources()(Change.modified, path) is watched
