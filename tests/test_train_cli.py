"""`python -m modaddlab.train` as its users meet it: in this process where possible, as a program for signals and terminals."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modaddlab.experiments import catalogue
from modaddlab.experiments.overrides import field_names, with_overrides
from modaddlab.store.store import Store
from modaddlab.train import main
from modaddlab.training import loop, progress

ROOT = Path(__file__).parent.parent
SMALL = ("task.p=7", "model.d_model=8", "model.n_heads=2", "model.d_head=4", "model.d_mlp=12")
TINY = [argument for assignment in SMALL for argument in ("--set", assignment)]
SHORT = ["debug", *TINY, "--set", "steps=60"]
NUMBERS = r"train loss \d\.\de[+-]\d\d, accuracy [\d.]+%  test loss \d\.\de[+-]\d\d, accuracy [\d.]+%"


def specification(arguments: list[str]):
    assignments = [arguments[i + 1] for i, argument in enumerate(arguments) if argument == "--set"]
    return with_overrides(catalogue.named(arguments[0]), assignments)


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every path with its modification time and content."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the debug run and a short one."""
    data = tmp_path_factory.mktemp("trained")
    assert main(["debug", "--data", str(data), "--threads", "1"]) == 0
    assert main([*SHORT, "--data", str(data), "--threads", "1"]) == 0
    return data


@pytest.fixture
def data(trained: Path, tmp_path: Path) -> Path:
    """The same in the test's own folder."""
    return Path(shutil.copytree(trained, tmp_path / "data"))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the book's data folder, even when it forgets --data."""
    monkeypatch.setenv("MODADDLAB_DATA", str(tmp_path_factory.mktemp("default")))


def run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# Looking around


def test_list_names_every_run_and_its_state(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = listing(data)
    code, out, err = run(["--list", "--data", str(data)], capsys)
    assert (code, err) == (0, "")
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in out.splitlines() if "  " in line)
    assert lines["debug"].startswith("trained ")
    assert lines["mainline"].startswith("not trained ")
    assert all(catalogue.PURPOSES[name] in lines[name] for name in catalogue.RUNS)
    assert f"other runs in {data / 'runs'}:" in out
    assert lines[specification(SHORT).run_id] == "model.d_head=4 model.d_mlp=12 model.d_model=8 steps=60 task.p=7"
    assert listing(data) == before


def test_list_works_without_a_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--list", "--data", str(tmp_path / "none")], capsys)
    assert code == 0
    assert out.count("not trained") == len(catalogue.RUNS)
    assert list(tmp_path.iterdir()) == []


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


def test_list_fields_explains_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--list-fields"], capsys)
    assert code == 0
    transformer, _, two_layer = out.partition("of a two-layer network in place of the model fields above:\n")
    assert [line.split()[0] for line in transformer.splitlines()] == field_names()
    fields = [name for name in field_names(catalogue.named("mlp-standard")) if name.startswith("model.")]
    assert [line.split()[0] for line in two_layer.splitlines()] == fields
    assert re.search(r"^optim.weight_decay +1.0 +decoupled weight decay", out, re.M)


def test_dry_run_says_what_would_be_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["mainline", "--dry-run", "--seed", "7", "--set", "optim.weight_decay=0.3", "--data", str(tmp_path / "new")]
    code, out, err = run(arguments, capsys)
    spec = with_overrides(catalogue.named("mainline", seed=7), ["optim.weight_decay=0.3"])
    assert (code, err) == (0, "")
    assert f"{spec.run_id}: not trained" in out
    assert "40,000 steps on 3,830 of 12,769 pairs, 226,816 parameters" in out
    assert "  seed = 7" in out
    assert "  optim.weight_decay = 0.3" in out
    assert not (tmp_path / "new").exists()


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m modaddlab.train debug" in capsys.readouterr().out


# Training


def test_the_debug_run_is_trained_into_the_folder(trained: Path) -> None:
    record = Store(trained).open(catalogue.named("debug"))
    assert record.metrics["step"][-1] == 1000
    assert record.metrics["train_accuracy"][-1] == 1
    assert record.metrics["train_loss"][-1] < 1e-3 < record.metrics["train_loss"][0]
    assert len(record.snapshot_steps) == 9
    assert record.provenance["threads"] == 1


def test_a_second_call_loads(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop._Run, "advance", lambda run: pytest.fail("trained again"))
    before = listing(data)
    code, _, err = run(["debug", "--data", str(data)], capsys)
    assert code == 0
    run_id = catalogue.named("debug").run_id
    assert re.fullmatch(
        rf"{run_id}: was trained before in \d+ s; train loss .*, test loss .*, test accuracy .*%; {data}/runs/{run_id}\n", err
    )
    assert listing(data) == before


def test_several_runs_in_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["debug", "untrained", *TINY, "--set", "steps=5", "--data", str(tmp_path), "--threads", "1"], capsys)
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
    advance = loop._Run.advance

    def counted(run: loop._Run):
        steps.append(run.step)
        assert Store(data).find(spec) is not None
        return advance(run)

    monkeypatch.setattr(loop._Run, "advance", counted)
    code, _, err = run([*SHORT, "--force", "--data", str(data), "--threads", "1"], capsys)
    assert code == 0
    assert steps == list(range(61))
    assert ": trained in" in err
    for name, value in Store(data).open(spec).final.items():
        np.testing.assert_array_equal(value, before[name])


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch, times: int = 1, number: signal.Signals = signal.SIGINT) -> None:
    """Ctrl-C, or another signal, while that step is computed."""
    advance = loop._Run.advance

    def interrupting(run: loop._Run):
        if run.step == step:
            for _ in range(times):
                signal.raise_signal(number)
        return advance(run)

    monkeypatch.setattr(loop._Run, "advance", interrupting)


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
    code, _, err = run([SHORT[0], "untrained", *SHORT[1:], "--data", str(tmp_path), "--threads", "1"], capsys)
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


# Bad input: one line with the next step, exit code 2, nothing changed on disk

BAD = [
    (["nonsense"], "unknown run 'nonsense'; known: mainline"),
    (["debgu"], "did you mean debug?"),
    (["debug", "../x"], "unknown run '../x'"),
    ([], "name a run to train, such as debug or mainline, or a --sweep; --list shows them all"),
    (["--seed", "1"], "name a run to train"),
    (["debug", "--set", "optim.wd=1"], "unknown field 'optim.wd'; did you mean optim."),
    (["debug", "--set", "foo=1"], "unknown field 'foo'; see --list-fields"),
    (["debug", "--set", "steps"], "must have the form field=value"),
    (["debug", "--set", "steps=many"], "the value must be an integer"),
    (["debug", "--set", "model.causal=maybe"], "the value must be true or false"),
    (["debug", "--set", "model.activation=tanh"], "must be one of relu, gelu, quad, id"),
    (["debug", "--set", "task.train_frac=0"], "task.train_frac (=0.0) must lie in (0, 1]"),
    (["debug", "--set", "task.p=1"], "task.p (=1) must be a modulus from 2"),
    (["debug", "--set", "model.n_heads=3"], "d_head (=16) times n_heads (=3) must equal d_model (=32)"),
    (["debug", "--set", "name=../../evil"], "name (='../../evil') must be 1 to 60"),
    (["debug", "--seed", "-1"], "seed (=-1) must lie between 0 and"),
    (["debug", "--seed", "one"], "argument --seed: invalid int value: 'one'; --help shows"),
    (["debug", "--threads", "0"], "--threads (=0) must lie between 1 and 1024"),
    (["debug", "--threads", "0", "--dry-run"], "--threads (=0) must lie between 1 and 1024"),
    (["debug", "--device", "tpu"], "argument --device: invalid choice: 'tpu' (choose from"),
    (["debug", "--sed", "7"], "unrecognized arguments: --sed"),
    (["debug", "--set"], "argument --set: expected one argument; --help"),
    (["--verify", "nonsense"], "has no record named 'nonsense'; on disk: debug"),
    (["--verify", "--set", "steps=1"], "no --set, --seed, --p, --sweep or --force"),
]


def assert_one_line_and_nothing_changed(arguments: list[str], words: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = listing(data)
    code, out, err = run([*arguments, "--data", str(data)], capsys)
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("modaddlab")
    assert words in err
    assert listing(data) == before


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_bad_input(arguments: list[str], words: str, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line_and_nothing_changed(arguments, words, trained, capsys)


def test_a_mistake_in_the_second_run_stops_before_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line_and_nothing_changed(["debug", "nonsense"], "unknown run 'nonsense'", tmp_path, capsys)


def test_a_missing_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert_one_line_and_nothing_changed(["debug", "--device", "cuda"], "no CUDA device was found; leave", tmp_path, capsys)


def damage_final(record: Path) -> None:
    content = bytearray((record / "final.safetensors").read_bytes())
    content[-1] ^= 1
    (record / "final.safetensors").write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda record: (record / "manifest.json").unlink(),
    "a manifest that is no JSON": lambda record: (record / "manifest.json").write_text("{"),
    "another specification": lambda record: (record / "spec.json").write_text("{}"),
    "truncated metrics": lambda record: os.truncate(record / "metrics.safetensors", 100),
    "missing metrics": lambda record: (record / "metrics.safetensors").unlink(),
    "a changed byte in the weights": damage_final,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record(damage: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = Store(data).open(specification(SHORT)).path
    DAMAGES[damage](record)
    assert_one_line_and_nothing_changed(SHORT, "--force", data, capsys)
    assert run(["--list", "--data", str(data)], capsys)[0] == 0


def test_list_says_that_a_record_is_damaged(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for spec in (specification(SHORT), catalogue.named("debug")):
        (Store(data).open(spec).path / "manifest.json").unlink()
    out = run(["--list", "--data", str(data)], capsys)[1]
    assert re.search(r"^debug +damaged, see --verify", out, re.M)
    assert re.search(rf"^{specification(SHORT).run_id} +damaged, see --verify", out, re.M)


def test_a_damaged_record_is_repaired_by_force(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage_final(Store(data).open(specification(SHORT)).path)
    assert run(["--verify", "--data", str(data)], capsys)[0] == 1
    assert run([*SHORT, "--force", "--data", str(data), "--threads", "1"], capsys)[0] == 0
    assert run(["--verify", "--data", str(data)], capsys)[0] == 0


@pytest.mark.parametrize("action", [["debug"], ["--verify"]])
def test_a_data_folder_that_is_a_file(action: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "data"):
        code, _, err = run([*action, "--data", str(folder)], capsys)
        assert code == 2
        assert err.count("\n") == 1
        assert str(file) in err
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_a_working_state_of_other_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*SHORT, "--data", str(tmp_path), "--threads", "1"]
    with monkeypatch.context() as patched:
        interrupt_at(25, patched)
        assert run(arguments, capsys)[0] == 130
    monkeypatch.setattr(loop, "TRAIN_VERSION", 99)
    code, _, err = run(arguments, capsys)
    assert code == 2
    assert "was begun by another version of the training code" in err
    assert err.count("\n") == 1


# As a program: signals, plain lines, a terminal


def program(arguments: list[str], *, line_seconds: float = 10.0, row_seconds: float = 0.0) -> list[str]:
    """The command, with faster lines and slower rows, so that a test can watch it."""
    code = (
        "import sys, time; from modaddlab.training import progress, loop; from modaddlab.train import main\n"
        f"progress.LINE_SECONDS = {line_seconds}; row = loop.Measures.row\n"
        f"loop.Measures.row = lambda self, params: (time.sleep({row_seconds}), row(self, params))[1]\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    return [sys.executable, "-c", code, *arguments]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "80", "TERM": "xterm"}


def test_ctrl_c_leaves_a_resumable_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*SHORT, "--set", "steps=200", "--data", str(tmp_path), "--threads", "1"]
    command = program(arguments, line_seconds=0, row_seconds=0.1)
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if "step 40/200" in line:
                process.send_signal(signal.SIGINT)
        code = process.wait()
    assert code == 130
    assert "Traceback" not in "".join(lines)
    stopped = re.search(r"stopped at step (\d+); the same command goes on from there$", lines[-1])
    assert stopped
    step = int(stopped[1])
    assert 40 < step < 200
    assert any(re.search(rf"step 40/200  [\d.]+ steps/s  \d:\d\d:\d\d left  {NUMBERS}", line) for line in lines)

    again, whole = tmp_path, tmp_path / "whole"
    code, _, err = run(arguments, capsys)
    assert code == 0
    assert f"going on from step {step} of 200" in err
    assert run([*arguments, "--data", str(whole)], capsys)[0] == 0
    spec = specification([*SHORT, "--set", "steps=200"])
    for name, value in Store(whole).open(spec).final.items():
        np.testing.assert_array_equal(Store(again).open(spec).final[name], value)


def test_ctrl_c_ends_a_command_that_waits_for_another(tmp_path: Path) -> None:
    with Store(tmp_path).partial(specification(SHORT)).lock():
        command = program([*SHORT, "--data", str(tmp_path), "--threads", "1"])
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
            assert process.stderr is not None
            assert "is being trained by another process; waiting for it" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
    assert process.returncode == 130
    assert rest == "modaddlab: interrupted; what was saved is kept, and the same command goes on from there\n"


@pytest.fixture
def terminal() -> Callable[[list[str]], tuple[int, str]]:
    """Runs a command on a terminal of 80 columns and returns its exit code and what it wrote there."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")

    def run_there(command: list[str]) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT) as process:
            os.close(theirs)
            written = b""
            try:
                while chunk := os.read(ours, 65536):
                    written += chunk
            except OSError:  # the other side was closed
                pass
            os.close(ours)
        return process.returncode, written.decode()

    return run_there


def test_a_terminal_shows_a_bar(tmp_path: Path, terminal: Callable[[list[str]], tuple[int, str]]) -> None:
    arguments = [*SHORT, "--data", str(tmp_path), "--threads", "1"]
    code, written = terminal(program(arguments, row_seconds=0.2))
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    run_id = specification(SHORT).run_id
    assert re.search(rf"{run_id} [━╸╺ ]+ +\d+/60 [\d.]+ steps/s 0:00:\d\d", plain)
    assert re.search(rf"^  {NUMBERS}$", plain.replace("\r", "\n"), re.M)
    assert max(len(line) for line in re.split(r"[\r\n]+", plain) if "trained in" not in line) <= 80
    assert f"{run_id}: trained in" in plain


def test_plain_lines_come_at_the_end_and_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    row: dict[str, float | np.ndarray] = {"train_loss": 0.5, "test_loss": 2.0, "train_accuracy": 0.75, "test_accuracy": 0.1}
    with progress.Display() as display:
        show = display.run("mine")
        for step in range(0, 4001, 100):  # 5 s each
            show(loop.Status(step, 4000, row))
            clock[0] += 5.0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    numbers = "train loss 5.0e-01, accuracy 75.0%  test loss 2.0e+00, accuracy 10.0%"
    assert lines[0] == f"mine: step 200/4,000  20 steps/s  0:03:10 left  {numbers}"
    assert lines[-1] == f"mine: step 4,000/4,000  20 steps/s  0:00:00 left  {numbers}"
