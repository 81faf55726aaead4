"""`python -m modaddlab.train` training: what is kept, what is trained again, what an interrupt leaves."""

from __future__ import annotations

import dataclasses
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from train_cli import SHORT, TINY, interrupt_at, listing, run, specification

from modaddlab import paths
from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import with_overrides
from modaddlab.store.store import Store
from modaddlab.train import main
from modaddlab.training import loop
from modaddlab.training.jobs import single


def test_the_debug_run_is_trained_into_the_folder(trained: Path) -> None:
    record = Store(trained).open(catalogue.named("debug"))
    assert record.metrics["step"][-1] == 1000
    assert record.metrics["train_accuracy"][-1] == 1
    assert record.metrics["train_loss"][-1] < 1e-3 < record.metrics["train_loss"][0]
    assert len(record.snapshot_steps) == 9
    assert record.provenance["threads"] == 1


def test_a_second_call_loads(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop._Training, "advance", lambda training: pytest.fail("trained again"))
    before = listing(data)
    code, _, err = run(["debug", "--data", str(data)], capsys)
    assert code == 0
    run_id = catalogue.named("debug").run_id
    assert re.fullmatch(
        rf"{run_id}: was trained before in \d+ s; train loss .*, test loss .*, test accuracy .*%; {data}/runs/{run_id}\n"
        rf"in Python: from modaddlab import Study; study = Study.open\('{run_id}', data='{data}'\)\n"
        rf"its report: python -m modaddlab.report run {run_id} --data {data}\n",
        err,
    )
    assert listing(data) == before


def test_a_run_that_was_interrupted_in_its_publication(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: Store, *arguments: object, **options: object) -> None:
        raise LabError("the disk is full")

    arguments = [*SHORT, "--data", str(tmp_path), "--threads", "1"]
    with monkeypatch.context() as patched:
        patched.setattr(Store, "publish", full)
        assert run(arguments, capsys)[0] == 2
    code, _, err = run(arguments, capsys)
    assert code == 0
    assert "all steps were done before; the record is put in its place" in err
    assert "going on from step" not in err


def test_a_record_of_others_may_say_less_of_its_making(trained: Path) -> None:
    record = dataclasses.replace(Store(trained).open(specification(SHORT)), provenance={})
    assert re.match(rf"{record.run_id}: was trained before; train loss .*%; ", single.describe(record, "was trained before"))


@pytest.mark.parametrize(
    ("decay", "metrics_every", "words"),
    [
        (20, 5, r"diverges: \S+ is up to \d\S*e\+\d+ at step 5; try a smaller optim.lr"),
        (1000, 20, r"diverged before step 20; try a smaller optim.lr$"),
    ],
)
def test_a_diverging_run_is_told_as_such(
    decay: int, metrics_every: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ["optim.lr=10", f"optim.weight_decay={decay}", f"record.metrics_every={metrics_every}", "record.snapshots=60"]
    settings = [argument for setting in wild for argument in ("--set", setting)]
    code, _, err = run([*SHORT, *settings, "--data", str(tmp_path), "--threads", "1"], capsys)
    assert code == 2
    assert re.search(words, err, re.M), err


def test_a_run_of_ones_own_in_the_book_s_folder_is_hinted_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.delenv("MODADDLAB_DATA")
    (tmp_path / "_quarto.yml").touch()
    hint = "is none of the book's runs and goes into the book's data folder, so that chapters which list its runs are"
    assert hint not in run(["mlp-untrained"], capsys)[2]
    assert hint in run([*SHORT, "--threads", "1"], capsys)[2]
    for arguments in (SHORT, [*SHORT, "--data", str(tmp_path / "mine")]):  # trained before; a folder of one's own
        assert hint not in run([*arguments, "--threads", "1"], capsys)[2]


def test_what_was_trained_before_is_not_sent_by_a_list(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("wandb")
    code, _, err = run(["debug", "debug", "--wandb", "mine", "--data", str(data)], capsys)
    assert code == 0
    assert "1 of the runs were trained before and are not sent to Weights & Biases; a command that names one run alone" in err


def test_several_runs_in_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["debug", "untrained", *TINY, "--set", "steps=5", "--data", str(tmp_path), "--workers", "1"], capsys)
    assert code == 0
    assert len(re.findall(r": trained in \d+ s;", err)) == 2
    assert len(Store(tmp_path).runs()) == 2


def test_seed_and_set_make_another_run(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*SHORT, "--seed", "3", "--data", str(data), "--threads", "1"]
    assert run(arguments, capsys)[0] == 0
    spec = with_overrides(specification(SHORT), ["seed=3"])
    assert Store(data).open(spec).spec.seed == 3
    assert len(Store(data).runs()) == 3


def test_a_renamed_run_is_shown_by_its_id(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run([*SHORT, "--set", "name=my-own", "--data", str(tmp_path), "--threads", "1"], capsys)
    assert code == 0
    assert err.startswith("my-own-")


def test_a_run_without_test_pairs_shows_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run([*SHORT, "--set", "task.train_frac=1", "--data", str(tmp_path), "--threads", "1"], capsys)
    assert code == 0
    assert "test loss" not in err
    assert "nan" not in err


def test_force_trains_again_and_keeps_the_record_until_then(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = specification(SHORT)
    before = Store(data).open(spec).final
    steps: list[int] = []
    advance = loop._Training.advance

    def counted(training: loop._Training):
        steps.append(training.block.step)
        assert Store(data).find(spec) is not None
        return advance(training)

    monkeypatch.setattr(loop._Training, "advance", counted)
    code, _, err = run([*SHORT, "--force", "--data", str(data), "--threads", "1"], capsys)
    assert code == 0
    assert steps == [0, *range(1, 61, 10)]  # from row to row
    assert ": trained in" in err
    for name, value in Store(data).open(spec).final.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_goes_on(
    number: signal.Signals, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*SHORT, "--data", str(tmp_path), "--threads", "1"]
    with monkeypatch.context() as patched:
        interrupt_at(25, patched, number=number)
        code, _, err = run(arguments, capsys)
    run_id = specification(SHORT).run_id
    assert code == 130
    assert err == f"modaddlab: {run_id} stopped at step 31; the same command goes on from there\n"
    assert Store(tmp_path).runs() == []
    assert f"{run_id}: interrupted" in run([*arguments, "--dry-run"], capsys)[1]

    code, _, err = run(arguments, capsys)
    assert code == 0
    assert f"{run_id}: going on from step 31 of 60" in err


def test_no_resume_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [*SHORT, "--data", str(tmp_path), "--threads", "1"]
    with monkeypatch.context() as patched:
        interrupt_at(25, patched)
        assert run(arguments, capsys)[0] == 130
        interrupt_at(35, patched)
        _, _, err = run([*arguments, "--no-resume"], capsys)
        assert "stopped at step 31; the same command without --no-resume goes on" in err  # from step 0: interrupted at 25 again
    code, _, err = run([*arguments, "--no-resume"], capsys)
    assert code == 0
    assert "going on" not in err


def test_an_interrupted_force_says_what_holds(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(25, monkeypatch)
    code, _, err = run([*SHORT, "--force", "--data", str(data), "--threads", "1"], capsys)
    assert code == 130
    assert "the same command begins it anew, and the record from before is kept until then" in err
    assert Store(data).find(specification(SHORT)) is not None


def test_a_second_ctrl_c_ends_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(25, monkeypatch, times=2)
    code, _, err = run([*SHORT, "--data", str(tmp_path), "--threads", "1"], capsys)
    assert code == 130
    assert err == "modaddlab: interrupted; what was saved is kept, and the same command goes on from there\n"


def test_ctrl_c_in_the_last_step_of_a_run_ends_before_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(60, monkeypatch)
    code, _, err = run([SHORT[0], "untrained", *SHORT[1:], "--data", str(tmp_path), "--workers", "1"], capsys)
    assert code == 130
    assert Store(tmp_path).runs() == [specification(SHORT).run_id]
    assert "interrupted" in err


@pytest.mark.parametrize("arguments", [SHORT, ["--list"], ["nonsense"], [*SHORT, "--threads", "0"]])
def test_the_signal_handlers_from_before_come_back(arguments: list[str], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    main([*arguments, "--data", str(data)])
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_verify_checks_the_records(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--verify", "--data", str(data)], capsys)
    assert code == 0
    assert "2 records" in out
    damaged = Store(data).open(specification(SHORT)).path / "final.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    code, out, _ = run(["--verify", "--data", str(data)], capsys)
    assert code == 1
    assert str(damaged) in out
    assert run(["--verify", "debug-020914be57", "--data", str(data)], capsys)[0] == 0
