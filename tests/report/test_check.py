"""Each kind of defect, planted in a small site, is found; a sound site has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from modaddlab.report.__main__ import main
from modaddlab.report.check import check_site

SOUND = """<!doctype html><html lang="en"><head><link rel="stylesheet" href="site.css"><style>b { color: red }</style></head>
<body><h1 id="top-of-it">T</h1><img src="a.svg" alt="A wave"> <a href="#top-of-it">up</a> <a href="sub/b.html#there">b</a>
<a href="https://example.org/@fig-paper">elsewhere</a> <code>@fig-code and ?@fig-code</code>
<script>const address = "https://example.org"; fetch("data.json");</script></body></html>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(SOUND)
    (tmp_path / "sub/b.html").write_text('<p id="there"><a href="../index.html">back</a> <a href="../">home</a></p>')
    (tmp_path / "a.svg").write_text("<svg/>")
    (tmp_path / "site.css").write_text("/* url(https://example.org/comment) */ a { background: url(a.svg) }")
    return tmp_path


def test_a_sound_site_has_no_defect(site: Path) -> None:
    assert check_site(site) == []


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ('<a href="gone.html">x</a>', "leads to no file"),
        ('<a href="sub/b.html#nowhere">x</a>', "leads to no `nowhere`"),
        ('<a href="#nowhere">x</a>', "leads to no `nowhere`"),
        ('<a href="../secret.html">x</a>', "leads"),
        ('<img src="gone.png" alt="x">', "no such file"),
        ('<img src="a.svg">', "no alternative text"),
        ('<img src="a.svg" alt="">', "no alternative text"),
        ('<img src="https://example.org/a.png" alt="x">', "another host"),
        ('<img srcset="a.svg 1x, //example.org/b.png 2x" alt="x">', "another host"),
        ('<script src="http://example.org/x.js"></script>', "another host"),
        ('<script>fetch("https://example.org/x")</script>', "another host"),
        ('<script type="module">import x from "https://example.org/x.js"</script>', "another host"),
        ('<link rel="stylesheet" href="https://example.org/x.css">', "another host"),
        ('<link rel="preconnect" href="https://example.org">', "another host"),
        ('<iframe src="//example.org"></iframe>', "another host"),
        ('<style>@import "https://example.org/x.css";</style>', "another host"),
        ('<p style="background: url(https://example.org/x.png)">x</p>', "another host"),
        ("<p>see ?@fig-wave there</p>", "not resolved"),
        ("<p>see ?sec-methods there</p>", "not resolved"),
        ("<p>see @tbl-x there</p>", "not resolved"),
    ],
)
def test_a_planted_defect_is_found(site: Path, planted: str, words: str) -> None:
    (site / "index.html").write_text(SOUND.replace("</body>", planted + "</body>"))
    defects = check_site(site)
    assert len(defects) == 1, defects
    assert words in str(defects[0])
    assert str(defects[0]).startswith("index.html:4:")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.css", "\n@import url('https://example.org/f.css');", "x.css:2"),
        ("x.css", "a { background: url(gone.png) }", "no such file"),
        ("x.js", "\nfetch('https://example.org')", "x.js:2"),
        ("sub/c.html", '<a href="gone.html">x</a>', "sub/c.html:1"),
    ],
)
def test_a_defect_in_any_file_is_found(site: Path, name: str, text: str, words: str) -> None:
    (site / name).write_text(text)
    defects = check_site(site)
    assert len(defects) == 1, defects
    assert words in str(defects[0])


def test_an_empty_folder_is_not_a_site(tmp_path: Path) -> None:
    assert check_site(tmp_path)


@pytest.mark.parametrize("name", ["", "nowhere", "a\0b", "loop", "file"])
def test_what_is_no_folder_is_a_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert main(["check", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
