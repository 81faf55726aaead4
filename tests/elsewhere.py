"""Trains, verifies and renders as on Windows: `python elsewhere.py FOLDER`, with `-X warn_default_encoding`.

Everything is imported once, then our own modules again, with another `os` and `signal` in place of the real ones: without what
only POSIX has, and with what Windows does differently. Modules that Windows lacks cannot be imported any more. What other
people's packages have imported before stays as it is. Prints as JSON which calls were made that have a counterpart of their own.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import json
import os
import pkgutil
import signal
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import psutil

import modaddlab

ABSENT = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
OS = """
chown chroot confstr ctermid fchdir fchmod fchown fork forkpty fpathconf getegid geteuid getgid getgroups getloadavg getpgid
getpgrp getpriority getresuid getsid getuid getxattr initgroups killpg lchown listxattr login_tty mkfifo mknod nice openpty
pathconf pipe2 posix_fadvise posix_fallocate posix_spawn pread pwrite readv register_at_fork removexattr sched_getaffinity
sched_setaffinity sched_yield sendfile setgid setgroups setpgid setpriority setsid setuid setxattr statvfs sync sysconf uname wait
wait3 wait4 waitid writev O_ASYNC O_CLOEXEC O_DIRECTORY O_DSYNC O_NOATIME O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC
"""
SIGNAL = """
SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIG_BLOCK SIG_SETMASK SIG_UNBLOCK alarm
getitimer pause pthread_kill pthread_sigmask setitimer sigpending sigwait
"""
called: list[str] = []


class Without(types.ModuleType):
    """A module without some of its names, and with some others."""

    def __init__(self, real: types.ModuleType, absent: str, **others: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__["_real"], self.__dict__["_absent"] = real, absent.split()
        self.__dict__.update(others)

    def __getattr__(self, name: str) -> Any:
        if name in self._absent:
            raise AttributeError(f"Windows has no {self.__name__}.{name}")
        return getattr(self._real, name)


class ProactorLike(asyncio.SelectorEventLoop):
    """The usual loop of Windows cannot wait for files."""

    def add_reader(self, *arguments: Any) -> None:
        raise NotImplementedError


class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return ProactorLike()


def open_file(path: Any, *arguments: Any) -> int:
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return os.open(path, *arguments)


def rename(source: Any, target: Any) -> None:
    if os.path.lexists(target):
        raise FileExistsError(17, "File exists", str(target))
    os.rename(source, target)


def replace(source: Any, target: Any) -> None:
    if os.path.isdir(target):
        raise PermissionError(13, "Permission denied", str(target))
    os.replace(source, target)


def ignore_ctrl_c(handler: None, ignored: bool) -> None:
    called.append(f"Ctrl-C {'ignored' if ignored else 'heeded'}")


class Process(psutil.Process):
    def memory_info(self) -> Any:
        called.append("peak_wset")
        return types.SimpleNamespace(peak_wset=123 * 2**20)


def import_all() -> None:
    """Import every module of the package."""
    for module in pkgutil.walk_packages(modaddlab.__path__, "modaddlab."):
        if not module.name.endswith(("__main__", ".trace")):
            importlib.import_module(module.name)


def become_windows() -> None:
    """Import the package again, as Windows would."""
    import_all()
    for name in [name for name in sys.modules if name.partition(".")[0] == "modaddlab"]:
        del sys.modules[name]
    sys.modules.update(dict.fromkeys(ABSENT))  # type: ignore[arg-type]
    libc = ctypes.CDLL

    def load(name: str | None, *arguments: Any, **options: Any) -> Any:
        if name is None:
            raise TypeError("argument of type 'NoneType' is not iterable")
        return libc(name, *arguments, **options)

    ctypes.CDLL = load  # type: ignore[assignment,misc]
    ctypes.windll = types.SimpleNamespace(kernel32=types.SimpleNamespace(SetConsoleCtrlHandler=ignore_ctrl_c))  # type: ignore[attr-defined]
    psutil.Process = Process
    asyncio.set_event_loop_policy(Policy())
    sys.modules["os"] = Without(os, OS, name="nt", open=open_file, rename=rename, replace=replace)
    sys.modules["signal"] = Without(signal, SIGNAL)
    sys.modules["sys"] = Without(sys, "", platform="win32")
    try:
        import_all()
    finally:
        sys.modules.update({"os": os, "signal": signal, "sys": sys})


def main(folder: Path) -> None:
    """Train a run, and a sweep on two workers, verify the records, render a book, twice."""
    warnings.filterwarnings("error", category=EncodingWarning, module=r"modaddlab\b")
    become_windows()
    from modaddlab import train, verify
    from modaddlab.experiments import sweeps
    from modaddlab.experiments.catalogue import named
    from modaddlab.experiments.overrides import with_overrides
    from modaddlab.report import __main__ as report
    from modaddlab.training.jobs import engine

    settings = ["task.p=7", "model.d_mlp=8", "steps=20", "record.snapshots=2"]
    data = ["--data", str(folder / "Σ")]
    assert train.main(["mlp-standard", *(word for setting in settings for word in ("--set", setting)), *data]) == 0
    runs = tuple(with_overrides(named("mlp-standard", seed=seed), [*settings, "name=several"]) for seed in (1, 2))
    sweeps.SWEEPS = {"small": sweeps.Sweep(name="small", purpose="a test", varies=("seed",), runs=lambda: runs)}
    assert train.main(["--sweep", "small", "--workers", "1", *data]) == 0
    with engine._no_interrupts_for_children():
        called.append("workers begin")
    assert verify.main(data) == 0
    assert verify.main(["--data", str(folder / "Σ"), "nothing"]) == 2
    os.chdir(folder / "book")
    for _ in range(2):
        assert report.main(["render", "--engine", "builtin"]) == 0
    print(json.dumps(called))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
