"""What is trained and what is not, in a data folder of one tiny run."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from modaddlab import RunSpec, Store
from modaddlab.experiments.spec import TaskSpec
from modaddlab.experiments.sweeps import Sweep
from modaddlab.findings import provenance
from modaddlab.models.registry import TwoLayerSpec
from modaddlab.training.loop import train


def tiny(name: str, seed: int = 0) -> RunSpec:
    return RunSpec(name=name, task=TaskSpec(p=7, train_frac=0.8), model=TwoLayerSpec(d_mlp=8), steps=20, seed=seed)


def test_numbers_are_written_as_spans() -> None:
    assert provenance.spans([7, 1, 3, 2]) == "1 to 3, 7"
    assert provenance.spans([5, 4]) == "4, 5"


def test_what_there_is_and_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tuple(tiny("listed", seed) for seed in range(3))
    both = tuple(Sweep(name=name, purpose="a test", varies=("seed",), runs=lambda: listed) for name in ("one", "other"))
    monkeypatch.setattr(provenance, "SWEEPS", MappingProxyType({sweep.name: sweep for sweep in both}))
    monkeypatch.setattr(provenance, "RUNS", MappingProxyType({"listed": listed[0], "alone": tiny("alone")}))
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path))
    for spec in listed[:1]:
        train(spec, Store(tmp_path), threads=1)
    found = provenance.measure()
    assert (found.runs.value, found.kinds.value, found.timed) == (1, 1, True)
    assert [row["there"] for row in found.sweeps] == ["1 of 3", "1 of 3"]
    assert [(row["run"], row["seeds"], row["sweep"]) for row in found.missing] == [
        ("`listed`", "1, 2", "one, other"),
        ("`alone`", "0", ""),
    ]
    assert [(row["run"], row["p"], row["seeds"]) for row in found.trained] == [("listed", "7", "0")]
    assert [row["runs"] for row in found.commits] == ["1"]
    monkeypatch.setattr(provenance, "LONG", 1)
    assert [row["run"] for row in provenance.measure().missing] == ["`alone`"]
