"""Sweeps on the test's own data folder: by a command, on a cluster, or in this process; and the bits of a run trained alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sweep_processes import Cluster, Command, stop

from modaddlab.experiments import sweeps
from modaddlab.experiments.spec import RunSpec
from modaddlab.store.store import Store
from modaddlab.train import main
from modaddlab.training.compiled import block
from modaddlab.training.loop import train


@pytest.fixture(scope="session")
def digest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[RunSpec], str]:
    """The bits of a run that is trained alone."""
    store = Store(tmp_path_factory.mktemp("serial"))
    return lambda spec: train(spec, store, threads=1).digest


@pytest.fixture(scope="session")
def compiled_loops() -> None:
    """The step of the two-layer network, compiled or from the cache."""
    block.load()


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts sweeps on the test's own data folder; none outlives the test."""
    begun: list[Command] = []

    def start(specs: Sequence[RunSpec], *options: str) -> Command:
        begun.append(Command(specs, tmp_path / "data", *options))
        return begun[-1]

    yield start
    for each in begun:
        stop(each.process)


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Sequence[RunSpec]], tuple[int, str]]:
    """Trains a sweep in this process, one run after the other, on the data folder of `command`: exit code and output."""

    def run(specs: Sequence[RunSpec]) -> tuple[int, str]:
        sweep = sweeps.Sweep(name="small", purpose="a test", varies=(), runs=lambda: tuple(specs))
        monkeypatch.setattr(sweeps, "SWEEPS", {"small": sweep})
        code = main(["--sweep", "small", "--workers", "1", "--data", str(tmp_path / "data")])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    for process in cluster.processes:
        stop(process)
