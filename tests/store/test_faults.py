"""Processes that are killed, that race, that meet a full disk: the store is intact and the next attempt succeeds.

The scripts run in processes of their own. One that tries many moments of death forks a child for each, which kills itself
with SIGKILL before its n-th call into the file system, or in the middle of a write.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modaddlab.errors import LabError
from modaddlab.store import Record, Store
from modaddlab.store import store as store_module
from modaddlab.store.record import inspect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and forks")

PRELUDE = f"""
import dataclasses, json, os, resource, runpy, shutil, signal, sys, time
from pathlib import Path
from modaddlab.errors import LabError
from modaddlab.store import Store
from modaddlab.store.record import inspect
helpers = runpy.run_path({str(Path(__file__).with_name("conftest.py"))!r})
tiny_run, publish, tree = helpers["tiny_run"], helpers["publish"], helpers["tree"]
store = Store(Path(sys.argv[1]))
tiny = tiny_run()
"""

MOMENTS = """
import io
from modaddlab.store import files as files_module
CALLS = ("fsync", "replace", "rename", "mkdir", "rmdir", "unlink")
os.fsync = lambda descriptor: None  # a killed process loses nothing that the system has; and this saves a minute

def dying(scenario, moment):
    # run the scenario in a child that kills itself before its moment-th call, or in mid-write; false if it lived
    child = os.fork()
    if not child:
        seen = [0]
        def now():
            seen[0] += 1
            return seen[0] == moment
        def wrap(real):
            def call(*arguments, **options):
                if now():
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)
            return call
        for name in CALLS:
            setattr(os, name, wrap(getattr(os, name)))
        class File(io.FileIO):
            def write(self, content):
                if now():
                    super().write(content[:len(content) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().write(content)
        files_module.open = File
        scenario()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)

def every_moment(prepare, scenario, check):
    moment = 1
    while True:
        shutil.rmtree(store.data, ignore_errors=True)
        prepare()
        died = dying(scenario, moment)
        check()
        if not died:
            break
        moment += 1
    print(json.dumps(moment - 1))

def intact(record):
    assert all(problem is None for _, problem in inspect(store.data, record.run_id))
"""


def start(script: str, data: Path, *command: str) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    code = PRELUDE + textwrap.dedent(script)
    return subprocess.Popen(
        [*command, sys.executable, "-W", "error", "-c", code, str(data)], stdout=subprocess.PIPE, text=True, env=environment
    )


def outcome(process: subprocess.Popen[str]) -> Any:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    return json.loads(output)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


def intact(store: Store, run_id: str) -> bool:
    return all(problem is None for _, problem in inspect(store.data, run_id))


def test_killed_at_any_moment_of_a_replacement(tmp_path: Path) -> None:
    script = """
    template = store.data.with_name("template")
    publish(Store(template), tiny)
    new = tiny_run()
    new.provenance["threads"] = 9
    def check():
        found = Store(store.data).find(tiny.spec)
        intact(found)  # the old one or the new one, and never none
        assert found.provenance["threads"] in (1, 9)
        again = publish(store, new, replace=True)
        intact(again)
        assert again.provenance["threads"] == 9
        assert os.listdir(store.folder) == [again.run_id], os.listdir(store.folder)
    every_moment(lambda: shutil.copytree(template, store.data), lambda: publish(store, new, replace=True), check)
    """
    assert outcome(start(MOMENTS + textwrap.dedent(script), tmp_path / "data")) > 40


def test_killed_at_any_moment_of_training(tmp_path: Path) -> None:
    # a training whose state is a running sum; its snapshots are those of the tiny run
    script = """
    import numpy as np
    lines = []
    def train():
        partial = store.partial(tiny.spec, lines.append)
        with partial.lock():
            found = store.find(tiny.spec)
            if found is not None:
                partial.clear()
                return found
            step, arrays, extra = partial.load_state() or (0, {"sum": np.zeros(1)}, {"log": []})
            assert arrays["sum"][0] == sum(range(step)) and extra["log"] == list(range(step)), (step, arrays, extra)
            while step <= 20:
                if step % 7 == 6:
                    partial.save_state(step, arrays, extra)
                if step in tiny.snapshots:
                    partial.save_snapshot(step, tiny.snapshots[step], "float16")
                arrays["sum"] += step
                extra["log"].append(step)
                step += 1
            partial.save_state(step, arrays, extra)
            tiny.metrics["train_loss"][2] = arrays["sum"][0]
            record = store.publish(tiny.spec, tiny.provenance, tiny.metrics, tiny.final, partial.snapshot_files())
            partial.clear()
            return record
    reference = []
    def check():
        record = train()
        intact(record)
        assert record.metrics["train_loss"][2] == 210
        reference.append(record.digest)
        assert len(set(reference)) == 1
        assert [path.suffix for path in (store.data / "partial").iterdir()] == [".lock", ".lock"]
        assert lines == []
    every_moment(lambda: None, train, check)
    """
    assert outcome(start(MOMENTS + textwrap.dedent(script), tmp_path / "data")) > 60


def test_two_processes_that_publish_the_same_run(tmp_path: Path) -> None:
    data, go = tmp_path / "data", tmp_path / "go"
    script = f"""
    while not os.path.exists({str(go)!r}):
        time.sleep(0.001)
    files = dict()
    for attempt in range(5):
        record = store.publish(tiny.spec, tiny.provenance, tiny.metrics, tiny.final, files, replace=bool(attempt))
        assert all(problem is None for _, problem in inspect(store.data, record.run_id))
    print(json.dumps(record.run_id))
    """
    processes = [start(script, data) for _ in range(3)]
    go.touch()
    run_ids = {outcome(process) for process in processes}
    store = Store(data)
    assert run_ids == set(store.runs())
    assert len(os.listdir(store.folder)) == 1
    assert intact(store, run_ids.pop())


def test_two_processes_that_want_the_same_run_train_it_once(tmp_path: Path) -> None:
    script = """
    lines = []
    def note(line):
        lines.append(line)
        (store.data / f"{os.getpid()}.waits").touch()
    partial = store.partial(tiny.spec, note)
    with partial.lock():
        trained = store.find(tiny.spec) is None
        if trained:
            partial.load_state()
            while len(list(store.data.glob("*.waits"))) < 2:
                time.sleep(0.01)
            store.publish(tiny.spec, tiny.provenance, tiny.metrics, tiny.final)
    print(json.dumps([trained, lines]))
    """
    results = [outcome(process) for process in [start(script, tmp_path / "data") for _ in range(3)]]
    assert sorted(trained for trained, _ in results) == [False, False, True]
    for trained, lines in results:
        assert len(lines) == (not trained)
        assert all(line.endswith("is being trained by another process; waiting for it") for line in lines)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, tiny: Any) -> None:
    script = """
    partial = store.partial(tiny.spec)
    with partial.lock():
        partial.load_state()
        (store.data / "locked").touch()
        time.sleep(600)
    """
    process = start(script, tmp_path / "data")
    wait_for(tmp_path / "data" / "locked")
    lines: list[str] = []

    def kill(line: str) -> None:
        lines.append(line)
        process.send_signal(signal.SIGKILL)

    with Store(tmp_path / "data").partial(tiny.spec, kill).lock():
        assert len(lines) == 1  # it was held until the kill
    process.communicate()


def test_temporaries_of_a_living_process_are_left_alone(
    tmp_path: Path, make_tiny: Callable[..., Any], put: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, go = tmp_path / "data", tmp_path / "go"
    script = f"""
    from modaddlab.store import store as module
    real = module.manifest_json
    def pausing(*arguments):
        Path({str(tmp_path / "paused")!r}).touch()
        while not os.path.exists({str(go)!r}):
            time.sleep(0.01)
        return real(*arguments)
    module.manifest_json = pausing
    print(json.dumps(publish(store, tiny).run_id))
    """
    process = start(script, data)
    wait_for(tmp_path / "paused")
    monkeypatch.setattr(store_module, "LOCK_TIMEOUT", 0.2)
    with pytest.raises(LabError, match=r"another process has held .*publish\.lock for 0\.2 s"):
        put(Store(data), make_tiny("other"))
    assert [name[:10] for name in os.listdir(data / "runs")] == [".new-tiny-"]
    assert Store(data).runs() == []
    go.touch()
    assert intact(Store(data), outcome(process))
    assert put(Store(data), make_tiny("other"))


FULL = """
publish(store, tiny_run("first"))
before = tree(store.folder)
{fill}
big = tiny_run()
spec = dataclasses.replace(big.spec, record=dataclasses.replace(big.spec.record, metrics_every=1))
big = dataclasses.replace(big, spec=spec)
big.metrics["step"] = helpers["np"].arange(21)
for key, values in list(big.metrics.items()):
    if key != "step":
        big.metrics[key] = helpers["np"].resize(values, (21, *values.shape[1:])).copy()
        big.metrics.update({{f"{{key}}_{{i}}": helpers["np"].ones(21) for i in range({n})}} if key == "test_loss" else {{}})
words = []
for replace in (False, True):
    try:
        store.publish(big.spec, big.provenance, big.metrics, big.final, replace=replace)
    except LabError as error:
        words.append(str(error))
partial = store.partial(big.spec)
try:
    with partial.lock():
        partial.load_state()
        partial.save_state(5, big.metrics, dict())
except LabError as error:
    words.append(str(error))
assert tree(store.folder) == before
{free}
record = store.publish(big.spec, big.provenance, big.metrics, big.final)
assert all(problem is None for _, problem in inspect(store.data, record.run_id))
print(json.dumps(words))
"""


def test_a_file_size_limit_is_one_line_and_leaves_the_store(tmp_path: Path) -> None:
    fill = "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))"
    free = "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))"
    words = outcome(start(FULL.format(fill=fill, free=free, n=100), tmp_path / "data"))
    assert len(words) == 3
    assert all("cannot write" in line and "largest size allowed" in line and "\n" not in line for line in words)


def own_disk(tmp_path: Path, size: str) -> list[str]:
    """A command before a script's that gives it a small file system of its own at `data`; skips where that is not allowed."""
    data = tmp_path / "data"
    data.mkdir()
    mount = f'mount -t tmpfs -o size={size} tmpfs "{data}" && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    return command


def test_a_full_disk_is_one_line_and_leaves_the_store(tmp_path: Path) -> None:
    fill = """
with open(store.data / "ballast", "wb", 0) as ballast:
    try:
        while ballast.write(b"x" * 4096):
            pass
    except OSError:
        pass
    ballast.truncate(max(0, ballast.tell() - 40960))
"""
    free = '(store.data / "ballast").unlink()'
    words = outcome(start(FULL.format(fill=fill, free=free, n=200), tmp_path / "data", *own_disk(tmp_path, "400k")))
    assert len(words) == 3
    assert all("cannot write" in line and "the disk is full" in line and "\n" not in line for line in words)


def test_a_read_only_data_folder_can_be_read_and_not_written(tmp_path: Path) -> None:
    script = """
    import subprocess
    record = publish(store, tiny)
    subprocess.run(["mount", "-o", "remount,ro", str(store.data)], check=True)
    assert store.open(tiny.spec).final and store.open(tiny.spec).snapshot(5)
    words = []
    def lock(run):
        with store.partial(run.spec).lock():
            pass
    for attempt in (lambda: store.publish(tiny.spec, {}, tiny.metrics, tiny.final, replace=True), lambda: lock(tiny_run("b"))):
        try:
            attempt()
        except LabError as error:
            words.append(str(error))
    print(json.dumps(words))
    """
    words = outcome(start(script, tmp_path / "data", *own_disk(tmp_path, "400k")))
    assert len(words) == 2
    assert all("read-only" in line and "--data DIR" in line and "\n" not in line for line in words)
