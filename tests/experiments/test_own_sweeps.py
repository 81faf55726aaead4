"""Sweeps of one's own: which runs a file and a command's options make, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue, own_sweeps
from modaddlab.experiments.overrides import with_overrides

FILE = """
run = "debug"
seeds = "0-2"
purpose = "how fast?"

[set]
optim.lr = [1e-3, 3e-3]
optim.batch_size = "none"
steps = 100
"""


def written(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_every_combination_seeds_first(tmp_path: Path) -> None:
    found = own_sweeps.find(written(tmp_path, FILE))
    assert (found.name, found.purpose, found.varies) == ("mine", "how fast?", ("optim.lr",))
    expected = [
        with_overrides(catalogue.named("debug", seed=seed), [f"optim.lr={lr}", "steps=100"])
        for seed in range(3)
        for lr in (0.001, 0.003)
    ]
    assert list(found.runs()) == expected
    by_options = own_sweeps.made("x", ["debug"], ["optim.lr=1e-3,3e-3", "steps=100"], seeds=range(3))
    assert [spec.run_id for spec in by_options.runs()] == [spec.run_id for spec in expected]


def test_a_file_may_begin_with_the_mark_of_its_encoding(tmp_path: Path) -> None:
    assert own_sweeps.find(written(tmp_path, "\ufeff" + FILE)).purpose == "how fast?"


def test_moduli_bring_their_widths_and_runs_are_told_apart(tmp_path: Path) -> None:
    found = own_sweeps.find(written(tmp_path, 'run = ["mlp-standard", "mlp-grokking"]\np = [7, 11]\nseeds = 3'))
    assert found.varies == ("name", "task.p")
    names = [(name, p) for p in (7, 11) for name in ("mlp-standard", "mlp-grokking")]
    assert list(found.runs()) == [catalogue.named(name, p=p, seed=3) for name, p in names]


def test_settings_go_over_a_sweep_of_the_book() -> None:
    base = own_sweeps.find("two-layer-decay")
    found = own_sweeps.over(base, ["task.p=7,11", "seed=1"])
    assert found.varies == ("optim.weight_decay", "task.p")
    assert len(found.runs()) == 2 * len(base.runs())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run = ", "is no TOML"),
        pytest.param("x = " + "[" * 3000, "is no TOML", id="deep"),
        ("seeds = 3", "has no run"),
        ('run = "debug"\nsede = 3', "unknown entry 'sede'"),
        ('run = "debug"\nset = 3', "must be a table"),
        ('run = "debgu"', "did you mean debug"),
        ('run = "debug"\nseeds = "a"', "seeds a must be integers"),
        ('run = "debug"\nseeds = -1', "seeds -1 must be integers"),
        ('run = "debug"\np = 7', "has the modulus 17"),
        ('run = "debug"\n[set]\noptim.rate = 3', "unknown field 'optim.rate'"),
        ('run = "debug"\n[set]\noptim.lr = "fast"', "must be a number"),
        ('run = "debug"\n[set]\noptim.lr = [[{a = 1}]]', "must be a number"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(text: str, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(LabError) as error:
        own_sweeps.find(path)
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    os.truncate(path, 2**40)
    with pytest.raises(LabError, match="no list of runs"):
        own_sweeps.find(path)


def test_a_file_is_not_taken_for_a_sweep_of_the_book(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has the name of a sweep of the book"):
        own_sweeps.find(written(tmp_path, FILE, "depth.toml"))
    with pytest.raises(LabError, match="cannot be read"):
        own_sweeps.find(tmp_path / "none.toml")
