"""`python -m modaddlab.train` with the two-layer network's runs, another modulus, and lists of runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modaddlab import Study
from modaddlab.experiments import catalogue, sweeps
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.sweeps import Sweep
from modaddlab.store.store import Store
from modaddlab.train import main
from modaddlab.training import loop

Command = Callable[..., tuple[int, str, str]]
SMALL = ["task.p=7", "model.d_mlp=12", "steps=40", "record.metrics_every=5", "record.snapshots=2"]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on the test's own data folder: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--data", str(tmp_path), "--threads", "1", "--workers", "1"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A sweep of three small runs; their names."""
    bases = [catalogue.named("mlp-standard"), catalogue.named("mlp-grokking", seed=43), catalogue.named("mlp-relu-single-freq")]
    runs = tuple(with_overrides(base, SMALL) for base in bases)
    monkeypatch.setattr(sweeps, "SWEEPS", {"three": Sweep(name="three", purpose="a test", varies=("name",), runs=lambda: runs)})
    return [spec.run_id for spec in runs]


def test_another_modulus_brings_its_width(command: Command) -> None:
    code, out, err = command("mlp-grokking", "--p", "31", "--dry-run")
    assert (code, err) == (0, "")
    assert f"{catalogue.named('mlp-grokking', p=31).run_id}: not trained" in out
    assert "50,000 steps on 720 of 961 pairs, 57,722 parameters" in out
    assert "  task.p = 31" in out
    assert "  model.d_mlp = 931" in out
    assert "on one core" in out


def test_a_small_network_is_trained_and_opened(command: Command, tmp_path: Path) -> None:
    code, _, err = command("mlp-standard", "--p", "3", "--seed", "5", "--set", "steps=20")
    assert code == 0
    assert "trained in" in err
    record = Store(tmp_path).open(with_overrides(catalogue.named("mlp-standard", p=3, seed=5), ["steps=20"]))
    study = Study(record)
    assert study.p == 3
    assert study.scores.train_loss == pytest.approx(study.metrics["train_loss"][-1], rel=1e-5)
    assert record.final["mlp.W_in"].shape == (3, 512)
    np.testing.assert_array_equal(study.grid.theta_HP, record.final["mlp.W_in"].T)
    assert command("--verify")[0] == 0
    out = command("--list")[1]
    assert f"{record.run_id}  p=3 seed=5 steps=20" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mainline", "--p", "31"], "mainline has the modulus 113; --p (=31) is for mlp-standard"),
        (["mlp-quad-single-freq", "--p", "30"], "task.p (=30) must be odd for model.init=single-frequency"),
        (["mlp-standard", "--p", "1"], "task.p (=1) must be at least 2"),
        (["mlp-standard", "--p", "many"], "--p many must be integers, such as 3, or 0-9"),
        (["mlp-grokking", "--set", "task.train_frac=1"], "task.train_frac (=1) leaves no test pair"),
        (["mlp-grokking", "--set", "task.train_frac=0.001"], "task.train_frac (=0.001) leaves no training pair"),
        (["mlp-standard", "--set", "model.activation=tanh"], "model.activation (='tanh') must be one of relu, gelu"),
        (["mlp-standard", "--set", "model.n_layers=2"], "unknown field 'model.n_layers' of mlp-standard: only a transformer"),
        (["debug", "--set", "model.init_scale=2"], "unknown field 'model.init_scale' of debug: only a two-layer network has it"),
        (["debug", "--set", "model.kind=two-layer"], "a run's network is of one kind: begin with a run that has the other"),
        (["--sweep", "two-layr"], "unknown sweep 'two-layr'; did you mean two-layer? known: weight-decay"),
        (["debug", "--sweep", "two-layer"], "leave out run names, --seed, --seeds and --p"),
        (["--sweep", "two-layer", "--seed", "1"], "leave out run names, --seed, --seeds and --p"),
        (["--sweep", "two-layer", "--set", "task.p=30"], "task.p (=30) must be odd"),
        (["--verify", "--sweep", "two-layer"], "no --set, --seed, --p, --sweep or --force"),
    ],
)
def test_bad_input_is_one_line_and_nothing_on_disk(arguments: list[str], words: str, command: Command, tmp_path: Path) -> None:
    code, out, err = command(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_is_listed(command: Command) -> None:
    out = command("--list")[1]
    assert "sweeps, whose runs are listed by --sweep NAME --dry-run:" in out
    assert all(f"{item.name} " in out and item.purpose in out for item in sweeps.SWEEPS.values())


def test_a_dry_run_of_a_sweep_tells_what_is_left(command: Command, three: list[str], tmp_path: Path) -> None:
    code, out, err = command("--sweep", "three", "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("3 runs: 0 done, 0 partly, 3 to do; about 0 s left")
    assert [re.findall(r"\S+-[0-9a-f]{10}", line) for line in out.splitlines()[:-1]] == [[run_id] for run_id in three]
    assert list(tmp_path.iterdir()) == []

    store = Store(tmp_path)
    loop.train(with_overrides(catalogue.named("mlp-standard"), SMALL), store, threads=1)
    partly = with_overrides(catalogue.named("mlp-grokking", seed=43), SMALL)
    with pytest.raises(loop.Interrupted):
        loop.train(partly, store, threads=1, should_stop=lambda: True)
    lines = command("--sweep", "three", "--dry-run")[1].splitlines()
    assert lines[0].startswith("trained ")
    assert lines[1].startswith("interrupted at 2%")  # after the row of step 0 one step of 40 is done
    assert lines[2].startswith("not trained")
    assert lines[3].startswith("3 runs: 1 done, 1 partly, 1 to do")


def test_a_sweep_goes_on_where_it_stopped_and_skips_what_is_done(
    command: Command, three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    advance = loop._Training.advance

    def counted(training: loop._Training):
        if len({run_id for run_id, _ in seen}) == 2:
            monkeypatch.setattr(loop._Training, "advance", advance)
            raise KeyboardInterrupt
        seen.append((training.runs[0].spec.run_id, training.block.step))
        return advance(training)

    monkeypatch.setattr(loop._Training, "advance", counted)
    assert command("--sweep", "three")[0] == 130
    assert Store(tmp_path).runs() == [three[0]]
    code, _, err = command("--sweep", "three")
    assert code == 0
    assert err.count(": trained in") == 2
    assert "three: 3 runs, 1 trained before, 2 trained now\n" in err
    assert sorted(Store(tmp_path).runs()) == sorted(three)
    code, _, err = command("--sweep", "three")
    assert (code, err) == (0, "three: 3 runs, 3 trained before, 0 trained now\n")


def test_set_changes_every_run_of_a_sweep(command: Command, three: list[str], tmp_path: Path) -> None:
    assert command("--sweep", "three", "--set", "steps=3")[0] == 0
    store = Store(tmp_path)
    assert {store.open(run_id).spec.steps for run_id in store.runs()} == {3}
    assert len(store.runs()) == 3
