"""What a run is trained with: its threads, its provenance, and the processor's setting for tiny numbers."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from modaddlab import paths
from modaddlab.experiments import cost
from modaddlab.experiments.spec import RunSpec

SMALL_STEP = 0.01
"""Seconds of a step below which one thread is enough: what a second one saves, it loses again by waiting for the first at every
operation, and on a busy machine it loses many times as much."""


@contextlib.contextmanager
def threads(spec: RunSpec, n: int | None) -> Iterator[None]:
    """Train a run with so many threads of torch, whose number comes back afterwards.

    Args:
        spec: the run.
        n: how many; none: one for a small network, as many as torch chooses for others.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n or (1 if cost.seconds_per_step(spec) < SMALL_STEP else before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare_thread() -> None:
    """Make a thread ready for compiled loops: both settings belong to a thread."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def provenance(device: torch.device, train_version: int, *, threads: int, seconds: float, commit: str | None) -> dict[str, Any]:
    """What a run was trained with; JSON types.

    Args:
        device: where it was trained.
        train_version: of its family.
        threads: CPU threads of torch.
        seconds: wall time over all sittings.
        commit: of the code, see `commit`; asked at the start, because a checkout may change meanwhile.
    """
    return {
        "train_version": train_version,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name() + " GPU" * (device.type == "mps"),
        "threads": threads,
        "wall_seconds": round(seconds, 1),
        "peak_memory_mb": _peak_memory_bytes() // 2**20,
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
    }


def commit() -> str | None:
    """The checkout's commit, with "+" when files of the package differ from it; None without a checkout or git."""
    if not paths.in_checkout():  # a repository around installed packages is somebody else's
        return None

    def git(*words: str) -> str:
        # it only asks: killed in the middle, it would leave the lock of the index behind, and git would refuse all work
        command = ["git", "--no-optional-locks", "-C", str(paths.ROOT), *words]
        return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=10, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "modaddlab") else "")
    except (OSError, subprocess.SubprocessError):
        return None


@contextlib.contextmanager
def flushed_denormals() -> Iterator[None]:
    """Numbers below 1e-38 become 0: once a network is sure, most of the loss's gradient is that small, and processors
    handle such numbers many times slower than others."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _peak_memory_bytes() -> int:
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in kilobytes


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:  # no Linux
        names = []
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
