"""`python -m modaddlab.train` asked what there is: --list, --list-fields, --dry-run, --help, --verify."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from train_cli import SHORT, listing, run, specification

from modaddlab import listing as listing_module
from modaddlab.experiments import catalogue, cost, sweeps, variations
from modaddlab.experiments.overrides import field_names, with_overrides
from modaddlab.experiments.spec import RunSpec
from modaddlab.findings import expected
from modaddlab.findings.value import Value, steps
from modaddlab.models.registry import KINDS
from modaddlab.store.store import Store
from modaddlab.train import main


def test_list_names_every_run_and_its_state(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = listing(data)
    code, out, err = run(["--list", "--data", str(data)], capsys)
    assert (code, err) == (0, "")
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in out.splitlines() if "  " in line)
    assert lines["debug"].startswith("trained ")
    assert lines["mainline"].startswith("not trained ")
    own = catalogue.RUNS.keys() - variations.VARIATIONS.keys()
    assert all(catalogue.PURPOSES[name] in lines[name] for name in own)
    assert not lines.keys() & variations.VARIATIONS.keys() - sweeps.SWEEPS.keys()  # they are listed by their sweeps
    assert f"other runs in {data}:" in out
    assert lines[specification(SHORT).run_id] == "model.d_head=4 model.d_mlp=12 model.d_model=8 steps=60 task.p=7"
    assert listing(data) == before


def test_list_works_in_an_empty_folder_and_not_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--list", "--data", str(tmp_path)], capsys)
    assert code == 0
    assert out.count("not trained") == len(catalogue.RUNS) - len(variations.VARIATIONS)
    code, out, err = run(["--list", "--data", str(tmp_path / "typo")], capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{tmp_path / 'typo'} is no folder, and so nothing is trained there" in err
    assert list(tmp_path.iterdir()) == []


def test_list_counts_the_runs_of_a_sweep(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    specs = tuple(with_overrides(specification(SHORT), [f"seed={seed}", "name=mine"]) for seed in range(3))
    short = specification(SHORT)
    both = {
        name: sweeps.Sweep(name=name, purpose=f"the {name} one", varies=("seed",), runs=lambda runs=runs: runs)
        for name, runs in {"partly": (short, *specs), "whole": (short,)}.items()
    }
    monkeypatch.setattr(listing_module, "SWEEPS", both)
    left = cost.duration(sum(map(cost.seconds, specs)))
    out = run(["--list", "--data", str(data)], capsys)[1]
    assert re.search(rf"^partly +1 of 4, {left} left +the partly one$", out, re.M)
    assert re.search(r"^whole +1 of 1 +the whole one$", out, re.M)
    assert "other runs" not in out  # what belongs to a sweep is counted there


def test_list_tells_interrupted_from_in_training(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = catalogue.named("p53-wd1")
    partial = Store(data).partial(spec)
    with partial.lock():
        partial.load_state()
        partial.save_state(3, {"x": np.zeros(1)}, {})
        before = listing(data)
        assert re.search(r"^p53-wd1 +in training", run(["--list", "--data", str(data)], capsys)[1], re.M)
        assert "in training" in run(["p53-wd1", "--dry-run", "--data", str(data)], capsys)[1]
    assert re.search(r"^p53-wd1 +interrupted", run(["--list", "--data", str(data)], capsys)[1], re.M)
    assert listing(data) == before


def test_list_names_own_runs_that_are_not_done(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = with_overrides(specification(SHORT), ["name=mine"])
    partial = Store(data).partial(mine)
    with partial.lock():
        partial.load_state()
        partial.save_state(3, {"x": np.zeros(1)}, {})
        assert f"{mine.run_id}  in training at step 3\n" in run(["--list", "--data", str(data)], capsys)[1]
    assert f"{mine.run_id}  interrupted at step 3\n" in run(["--list", "--data", str(data)], capsys)[1]
    partial.folder.rename(partial.folder.with_name("moved"))
    assert mine.run_id not in run(["--list", "--data", str(data)], capsys)[1]  # the lock's file stays and is held by nobody


def test_list_fields_explains_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--list-fields"], capsys)
    assert code == 0
    transformer, *others = re.split(r"of the kind \S+, in place of the model fields above:\n", out)
    assert [line.split()[0] for line in transformer.splitlines()] == field_names()
    for cls, listed in zip(list(KINDS.values())[1:], others, strict=True):
        fields = [name for name in field_names(RunSpec(model=cls())) if name.startswith("model.")]
        assert [line.split()[0] for line in listed.splitlines()] == fields
    assert re.search(r"^optim.weight_decay +1.0 +decoupled weight decay", out, re.M)


def test_dry_run_says_what_would_be_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["mainline", "--dry-run", "--seed", "7", "--set", "optim.weight_decay=0.3", "--data", str(tmp_path / "new")]
    code, out, err = run(arguments, capsys)
    spec = with_overrides(catalogue.named("mainline", seed=7), ["optim.weight_decay=0.3"])
    assert (code, err) == (0, "")
    assert f"{spec.run_id}: not trained" in out
    assert "40,000 steps on 3,830 of 12,769 pairs, 226,816 parameters" in out
    assert re.search(r"^  about \S+ (s|min|h) on one core, and \d+ MB of memory$", out, re.M)
    assert out.startswith(f"{tmp_path / 'new'} is not there yet; training makes it\n")
    assert "  seed = 7" in out
    assert "  optim.weight_decay = 0.3" in out
    assert "  nothing is expected of it: " in out  # this data folder has none of the book's runs
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (
            steps(7000, 3000, 13_000),
            "the book's laws expect it to grok at step 7,000 [3,000, 13,000] (95 % interval of one run).",
        ),
        (
            steps(70_000, 30_000, 130_000),
            "the book's laws expect it to grok at step 70,000 [30,000, 130,000] (95 % interval of one run), "
            "after its last, 40,000.",
        ),
        (steps(None), "the book's laws do not expect it to grok. None has."),
    ],
)
def test_dry_run_says_when_a_run_is_expected_to_grok(
    asked: Value, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = () if asked.high else ("None has.",)
    monkeypatch.setattr(expected, "of", lambda spec: expected.Expected(time=asked, reasons=reasons, remedies=()))
    assert f"  {line}\n" in run(["mainline", "--dry-run", "--data", str(tmp_path)], capsys)[1]


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m modaddlab.train debug" in capsys.readouterr().out


def test_dry_run_says_that_a_run_may_end_sooner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mainline-25k", "--set", "grokked_for=500", "--dry-run", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "at most 25,000 steps" in out
    assert "right for 500 steps" in out
    assert main(["--sweep", "time-to-grok", "--dry-run", "--data", str(tmp_path)]) == 0
    assert re.search(r"80 runs: .*; at most \S+ \S+ left", capsys.readouterr().out)
