"""`python -m modaddlab.train` given bad input: one line with the next step, exit code 2, nothing changed on disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from train_cli import SHORT, interrupt_at, listing, run, specification

from modaddlab.experiments import catalogue
from modaddlab.store.store import Store
from modaddlab.training.jobs import engine

BAD = [
    (["nonsense"], "unknown run 'nonsense'; "),
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
    (["debug", "--set", "task.train_frac=0"], "task.train_frac (=0.0) must be more than 0"),
    (["debug", "--set", "task.p=1"], "task.p (=1) must be at least 2"),
    (["debug", "--set", "model.n_heads=3"], "d_head (=16) times n_heads (=3) must equal d_model (=32)"),
    (["debug", "--set", "name=../../evil"], "name (='../../evil') must be 1 to 60"),
    (["debug", "--seed", "-1"], "seed (=-1) must be at least 0"),
    (["debug", "--seed", "one"], "argument --seed: invalid int value: 'one'; --help shows"),
    (["debug", "--seeds", ""], "--seeds '' must be integers, such as 3, or 0-9"),
    (["debug", "--seeds", "0-9", "--seed", "1"], "--seed 1 and --seeds 0-9 contradict each other"),
    (["debug", "--set", "optim.lr=1e-3,fast"], "--set optim.lr=fast: the value must be a number"),
    (["--sweep", "none.toml"], "none.toml cannot be read"),
    (["debug", "--threads", "0"], "--threads (=0) must lie between 1 and 1024"),
    (["debug", "--threads", "0", "--dry-run"], "--threads (=0) must lie between 1 and 1024"),
    (["debug", "--workers", "0"], "--workers (=0) must lie between 1 and 1024"),
    (["debug", "--workers", "2", "--scheduler", "localhost:1"], "--workers is for this machine; the cluster of"),
    (["debug", "--scheduler", "nowhere"], "--scheduler nowhere is neither an address such as tcp://10.0.0.1:8786 nor"),
    (["debug", "--save-every", "-1"], "--save-every (=-1.0) must be a number of seconds, 0 or more"),
    (["debug", "--save-every", "nan"], "--save-every (=nan) must be a number of seconds"),
    (["debug", "--wandb", "a/b"], "--wandb 'a/b' must be a project's name"),
    (["debug", "--device", "tpu"], "--device tpu must be one of cpu, cuda, mps; the CPU is enough"),
    (["debug", "--set", "optim.optimizer=adagrad"], "adam adds the decay to the gradient"),
    (["debug", "--set", "seed=1", "--seed", "2"], "--seed 2 and --set seed=1 contradict each other; leave one of them out"),
    (["mlp-standard", "--p", "31", "--set", "task.p=37"], "--p 31 and --set task.p=37 contradict each other"),
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


def test_an_empty_name_of_a_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run([*SHORT, "--data", ""], capsys)
    assert (code, out, err) == (2, "", "modaddlab: --data '' must name a folder; leave --data away for the book's\n")
    assert list(tmp_path.iterdir()) == []


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
    state = next(tmp_path.glob("partial/*/state-*.safetensors"))
    partial = Store(tmp_path).partial(state.parent.name)
    with partial.lock():
        step, arrays, extra = partial.load_state() or pytest.fail("there is no state")
        partial.save_state(step, arrays, extra | {"train_version": 99})
    code, _, err = run(arguments, capsys)
    assert code == 2
    assert "was begun by another version of the training code" in err
    assert err.count("\n") == 1


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side gives up


def http(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 10)


@pytest.fixture
def host() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Listens on a free port and does something with whoever connects; the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(talk: Callable[[socket.socket], None]) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        talk(connection)

        def start(talk: Callable[[socket.socket], None]) -> str:
            threading.Thread(target=serve, args=[talk], daemon=True).start()
            return f"tcp://127.0.0.1:{server.getsockname()[1]}"

        yield start
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("talk", [silent, http])
def test_a_host_that_is_no_scheduler_is_told_soon(
    talk: Callable[[socket.socket], None],
    host: Callable[[Callable[[socket.socket], None]], str],
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.3)
    address = host(talk)
    words = f"no Dask scheduler answers at {address} ("
    assert_one_line_and_nothing_changed(["untrained", "--scheduler", address], words, data, capsys)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_the_waiting_for_a_scheduler_at_once(
    host: Callable[[Callable[[socket.socket], None]], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(connection: socket.socket) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        silent(connection)

    code, _, err = run(["untrained", "--scheduler", host(interrupt), "--data", str(tmp_path)], capsys)
    assert (code, err.count("\n")) == (130, 1)


@pytest.mark.parametrize("content", ["{", "[]", '{"address": 1}', '{"address": "http://127.0.0.1:80"}', "# text"])
def test_a_file_that_is_no_scheduler_s(content: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    words = f"--scheduler {file} is no file of a Dask scheduler"
    assert_one_line_and_nothing_changed(["untrained", "--scheduler", str(file)], words, data, capsys)


def test_what_asyncio_says_late_of_a_lost_scheduler_is_kept_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    async def lose() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "Task exception was never retrieved"})

    loggers = [logging.getLogger(name) for name in (*logging.root.manager.loggerDict, "asyncio")]
    before = {logger: logger.level for logger in loggers}
    try:
        engine._be_quiet()
        asyncio.run(lose())
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
    assert capfd.readouterr().err == ""


def test_nothing_is_begun_anew_before_the_scheduler_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [*SHORT, "--data", str(tmp_path)]
    with monkeypatch.context() as patched:
        interrupt_at(25, patched)
        assert run([*arguments, "--threads", "1"], capsys)[0] == 130
    monkeypatch.setattr(engine, "CONNECT_SECONDS", 0.3)
    code, out, err = run([*arguments, "--scheduler", "tcp://127.0.0.1:9", "--no-resume"], capsys)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in err
    assert Store(tmp_path).partial(specification(SHORT)).newest_step() == 31
