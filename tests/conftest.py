"""What tests of several folders share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest

# before anything imports torch: threads that wait for each other take minutes on a machine that is busy with something else
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# no test pulls the plug, and a killed process loses nothing that the system has: half a minute of waiting for the disk
os.fsync = lambda descriptor: None

SLOW_FIRST = ("training", "report", "web", "train", "figures", "findings", "store")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Folders whose files take long come first: what is left when one of two workers has nothing more to do is short."""
    items.sort(key=lambda item: ([*SLOW_FIRST, item.path.parent.name]).index(item.path.parent.name))


def pytest_collection_finish() -> None:
    """What thousands of tests and their modules hold is never free again, and is not searched again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch computes with one thread, and afterwards with as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
