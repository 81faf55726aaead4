"""Data folders with hostile names: whatever the system allows is a data folder, and nothing is made outside of it.

The command is given in earnest, to a network that is trained in milliseconds, with the data folder in the middle of a tree; the
rest of the tree must be as it was. Hostile names of runs and values of fields are in tests/experiments/test_hostile.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from train_cli import TINY, listing

from modaddlab import paths
from modaddlab.store import Store
from modaddlab.store.record import RUN_ID
from modaddlab.train import main

often = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
RUN = ["debug", *TINY, "--set", "steps=1", "--threads", "1"]
LETTERS = st.sampled_from("ab./\\-~\0\n\r\t :*?\"<>|$`'\u2024\uff0f\u202e\u0430\u00e9A0")
NAMES = st.text(LETTERS, min_size=1, max_size=12) | st.text(min_size=1, max_size=20)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder around the data folders; it is also the home and the current folder, so that nothing relative gets away."""
    (tmp_path / "mine").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@often
@given(NAMES.filter(lambda name: "/" not in name and name not in (".", "..") and not name.startswith("-")))
@example("~root")
@example("$HOME; `id`")
@example("\x1b[2J\r")
@example("\udcff")
@example("\u00e9" * 127)
@example("a" * 256)
@example("a\0b")
@example("runs")
def test_whatever_is_made_is_made_in_the_data_folder(place: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    before = listing(place)
    code = main([*RUN, "--data", name])
    said = capfd.readouterr().err
    after = listing(place)
    new = {path for path in after if path not in before}
    assert {path: after.get(path) for path in before if path.partition("/")[0] != name} == {
        path: there for path, there in before.items() if path.partition("/")[0] != name
    }
    assert {path.partition("/")[0] for path in new} <= {name}
    if code:
        assert code == 2
        assert not new
        assert said.startswith("modaddlab: ")
        assert said.count("\n") == 1, said
    else:
        (run_id,) = Store(place / name).runs()
        assert RUN_ID.fullmatch(run_id)


@pytest.mark.parametrize("name", [".cache", ".cache/derived", "_book", "_book/mine", ".quarto/x", "link/mine"])
def test_no_record_goes_where_renders_and_make_clean_remove_things(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "_quarto.yml").touch()
    (place / "_book").mkdir()
    (place / "link").symlink_to("_book")
    monkeypatch.setattr(paths, "ROOT", place)
    before = listing(place)
    assert main([*RUN, "--data", name]) == 2
    assert "is no place for records" in capsys.readouterr().err
    assert listing(place) == before
